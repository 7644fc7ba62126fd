/* Checkpoints that all ranks write, each its share, and any number of ranks reads.
 *
 * A rank writes two files: its optimiser's (ct_optimizer_save()), whose parameters are the pieces of its share, and "weights": those pieces, and its
 * generator. Rank 0's own, without a number, is written last and says which are good. A rank that reads looks into the files whose shares
 * meet its own, and joins what it needs of them into a file of its own, which ct_optimizer_load() checks and takes in.
 * Invariant: the file without a number always names files that are whole. */
#include "shares.h"
#include <stdio.h>
#include <unistd.h>

enum { NAME = 4096, POSITION = CT_MPI_POSITION };

/* ---- names ---- */

static ct_status name_file(char name[NAME], const char *path, int64_t number, int64_t rank, int64_t ranks,
                           const char *kind)
{
    int n = kind ? snprintf(name, NAME, "%s.%lld.%lld-of-%lld.%s.safetensors", path, (long long)number, (long long)rank,
                            (long long)ranks, kind)
                 : snprintf(name, NAME, "%s.safetensors", path);
    return n < NAME ? CT_OK : ct_error_set(CT_ERROR_ARGUMENT, "mpi_save: the path is longer than %d bytes", NAME);
}

static void remove_files(const char *path, int64_t number, int64_t ranks)
{
    static const char *const kinds[] = {"optimizer", "weights"};
    char name[NAME];
    for (int64_t r = 0; r < ranks; r++)
        for (int k = 0; k < 2; k++)
            if (name_file(name, path, number, r, ranks, kinds[k]) == CT_OK)
                unlink(name);
}

/* ---- lists of tensors for a file ---- */

typedef struct list {
    int64_t n, room;
    char **names;
    ct_tensor **tensors;
} list;

static void add(list *l, const char *before, const char *name, ct_tensor *t)
{
    if (l->n == l->room) {
        l->room = 2 * l->room + 16;
        char **names = realloc(l->names, (size_t)l->room * sizeof *names);
        l->names = names ? names : l->names;
        ct_tensor **tensors = realloc(l->tensors, (size_t)l->room * sizeof *tensors);
        l->tensors = tensors ? tensors : l->tensors;
        if (!names || !tensors)
            ct_error_set(CT_ERROR_MEMORY, "mpi_save: no memory");
    }
    char *text = t && ct_error_code() == CT_OK
                     ? ct__mpi_alloc("mpi_save", (int64_t)(strlen(before) + strlen(name)) + 1, 1)
                     : NULL;
    if (!text)
        return;
    strcat(strcat(text, before), name);
    l->names[l->n] = text;
    l->tensors[l->n++] = t;
}

static void add_integers(list *l, const char *name, const int64_t *values, int64_t n)
{
    add(l, "", name, ct_from_array(CT_INT64, values, &n, 1));
}

/* Writes it, unless an error is pending, and frees it. */
static ct_status write_list(list *l, const char *path)
{
    if (ct_error_code() == CT_OK)
        ct_safetensors_save(path, (const char *const *)l->names, l->tensors, l->n);
    for (int64_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    free(l->tensors);
    *l = (list){0};
    return ct_error_code();
}

/* ---- writing ---- */

static ct_tensor *elements_of(const ct_tensor *parameter, ct__mpi_stretch stretch)
{
    int64_t n = stretch.to - stretch.from;
    const char *data = ct_data(parameter);
    ct_dtype dtype = ct_dtype_of(parameter);
    return data ? ct_from_array(dtype, data + (size_t)stretch.from * ct_dtype_size(dtype), &n, 1) : NULL;
}

static ct_status write_share(const ct_mpi_optimizer *o, const char *path, int64_t number)
{
    const ct_mpi_parallel *p = o->parallel;
    char name[NAME];
    list weights = {0};
    if (name_file(name, path, number, p->rank, p->size, "optimizer") != CT_OK ||
        ct_optimizer_save(o->local, name) != CT_OK)
        return ct_error_code();
    for (int64_t i = 0; i < o->n_pieces; i++) {
        const ct__mpi_slot *s = &p->slots[o->pieces[i].slot];
        add(&weights, "weight.", s->name, elements_of(s->parameter, o->pieces[i].stretch));
    }
    ct_random_state random = ct_random_get();
    add_integers(&weights, "random", (const int64_t[]){(int64_t)random.seed, (int64_t)random.counter}, 2);
    name_file(name, path, number, p->rank, p->size, "weights");
    return write_list(&weights, name);
}

/* What no share has: buffers, and parameters that are not trained. */
static bool is_shared(const ct_mpi_parallel *p, int64_t index)
{
    for (int64_t i = 0; i < p->count; i++)
        if (p->slots[i].parameter == ct_module_tensor(p->module, index))
            return false;
    return ct_module_tied(p->module, index) < 0;
}

static ct_status write_main(const ct_mpi_optimizer *o, const char *path, int64_t number, const int64_t *position, int n)
{
    const ct_mpi_parallel *p = o->parallel;
    char name[NAME];
    list all = {0};
    int64_t places[POSITION] = {0};
    memcpy(places, position, (size_t)n * sizeof *position);
    add_integers(&all, "checkpoint", (const int64_t[]){number, p->size, o->total}, 3);
    add_integers(&all, "position", places, POSITION);
    for (int64_t i = 0; i < ct_module_count(p->module); i++)
        if (is_shared(p, i))
            add(&all, "tensor.", ct_module_name(p->module, i), ct_module_tensor(p->module, i));
    name_file(name, path, 0, 0, 0, NULL);
    return write_list(&all, name);
}

/* Number, ranks and elements of the checkpoint that is there; zeros if there is none. */
static ct_status read_main(const char *path, ct_tensor_file **file, int64_t about[3])
{
    char name[NAME];
    memset(about, 0, 3 * sizeof *about);
    *file = NULL;
    if (name_file(name, path, 0, 0, 0, NULL) != CT_OK || access(name, F_OK) != 0)
        return ct_error_code();
    *file = ct_safetensors_load(name, NULL);
    const ct_tensor *t = *file ? ct_tensor_file_get(*file, "checkpoint") : NULL;
    if (*file && (!t || ct_dtype_of(t) != CT_INT64 || ct_numel(t) != 3 || ct_to_array(t, about, 3) != CT_OK ||
                  about[0] < 1 || about[1] < 1))
        ct_error_set(CT_ERROR_FORMAT, "mpi_load: %s is no checkpoint", name);
    return ct_error_code();
}

/* The checkpoint that is there, as rank 0 sees it, is the one to be replaced. */
static ct_status find_last(ct_mpi_optimizer *o, const char *path)
{
    int64_t about[3] = {o->number, o->ranks, 0};
    ct_tensor_file *file = NULL;
    if (o->parallel->rank == 0 && o->number == 0)
        read_main(path, &file, about);
    ct_tensor_file_free(file);
    if (ct_mpi_agree(o->parallel->comm) == CT_OK)
        ct__mpi_broadcast(o->parallel->comm, about, sizeof about, 0, "mpi_save");
    o->number = about[0];
    o->ranks = about[1];
    return ct_error_code();
}

static ct_status save(ct_mpi_optimizer *o, const char *path, const int64_t *position, int n)
{
    const ct_mpi_parallel *p = o->parallel;
    if (find_last(o, path) != CT_OK)
        return ct_error_code();
    int64_t number = o->number + 1;
    write_share(o, path, number);
    if (ct_mpi_agree(p->comm) == CT_OK && p->rank == 0)
        write_main(o, path, number, position, n);
    if (ct_mpi_agree(p->comm) != CT_OK)
        return ct_error_code();
    if (p->rank == 0 && o->number > 0)
        remove_files(path, o->number, o->ranks);
    o->number = number;
    o->ranks = p->size;
    return CT_OK;
}

static ct_mpi_optimizer *check(const ct_mpi_optimizer *optimizer, const char *path, const int64_t *position, int n,
                               const char *what)
{
    if (ct__mpi_optimizer_live(optimizer, what) && (!path || (n > 0 && !position)))
        ct_error_set(CT_ERROR_NULL, "%s: the %s NULL", what, path ? "position is" : "path is");
    if (ct_error_code() == CT_OK && (n < 0 || n > POSITION))
        ct_error_set(CT_ERROR_ARGUMENT, "%s: %d numbers of a position, takes 0 to %d", what, n, POSITION);
    return ct_error_code() == CT_OK ? (ct_mpi_optimizer *)optimizer : NULL;
}

ct_status ct_mpi_save(ct_mpi_optimizer *optimizer, const char *path, const int64_t *position, int n)
{
    if (!check(optimizer, path, position, n, "mpi_save") || ct_scope_open() != CT_OK)
        return ct_error_code();
    const int64_t none = 0;
    save(optimizer, path, n > 0 ? position : &none, n);
    ct_scope_close();
    return ct_error_code();
}

/* ---- reading ---- */

/* The files of a rank that wrote. */
typedef struct writer {
    ct_tensor_file *optimizer, *weights;
} writer;

/* A checkpoint that is being read. */
typedef struct reading {
    ct_mpi_optimizer *o;
    const char *path;
    int64_t about[3]; /* number, ranks, elements */
    ct_tensor_file *main;
    writer *writers; /* [ranks], opened when they are needed */
    list joined;     /* for the local optimiser */
    void **weights;  /* [n_pieces]: their elements */
} reading;

static writer *open_writer(reading *r, int64_t rank)
{
    writer *w = &r->writers[rank];
    char name[NAME];
    if (w->weights)
        return w;
    if (name_file(name, r->path, r->about[0], rank, r->about[1], "optimizer") == CT_OK)
        w->optimizer = ct_safetensors_load(name, NULL);
    if (w->optimizer && name_file(name, r->path, r->about[0], rank, r->about[1], "weights") == CT_OK)
        w->weights = ct_safetensors_load(name, NULL);
    return w->weights ? w : NULL;
}

/* The stretch of a slot in a writer's share. */
static ct__mpi_stretch share_of_writer(const reading *r, int64_t rank, int64_t slot)
{
    const ct_mpi_parallel *p = r->o->parallel;
    return ct__mpi_share(r->about[2], r->about[1], rank, ct__mpi_start(p, slot), p->slots[slot].n);
}

/* Which of the writer's parameters it is. */
static int64_t index_in_writer(const reading *r, int64_t rank, int64_t slot)
{
    int64_t index = 0;
    for (int64_t i = 0; i < slot; i++) {
        ct__mpi_stretch s = share_of_writer(r, rank, i);
        index += s.to > s.from;
    }
    return index;
}

/* The first writer that has some of the piece. */
static int64_t first_writer(const reading *r, const ct__mpi_piece *piece)
{
    int64_t rank = 0;
    while (rank < r->about[1] - 1 && share_of_writer(r, rank, piece->slot).to <= piece->stretch.from)
        rank++;
    return rank;
}

/* The file's one-dimensional tensor of that name, of n elements of dtype; NULL with an error. */
static const char *elements(const reading *r, const ct_tensor_file *file, const char *before, const char *name,
                            ct_dtype dtype, int64_t n)
{
    char whole[NAME];
    snprintf(whole, sizeof whole, "%s%s", before, name);
    const ct_tensor *t = ct_tensor_file_get(file, whole);
    if (t && ct_dtype_of(t) == dtype && ct_numel(t) == n)
        return ct_data(t);
    char text[CT_MPI_TEXT];
    ct_error_set(!t                        ? CT_ERROR_FORMAT
                 : ct_dtype_of(t) == dtype ? CT_ERROR_SHAPE
                                           : CT_ERROR_DTYPE,
                 "mpi_load: %s: \"%s\" is %s, wanted are %lld of %s", r->path, whole,
                 t ? ct__mpi_tensor_text(t, text) : "not there", (long long)n, ct_dtype_name(dtype));
    return NULL;
}

/* Puts together what the writers have of a piece: of its weight, or of a state of the optimiser. */
static ct_status join_piece(reading *r, const ct__mpi_piece *piece, const char *before, bool weights, char *to)
{
    const ct__mpi_slot *s = &r->o->parallel->slots[piece->slot];
    ct_dtype dtype = ct_dtype_of(s->parameter);
    size_t width = ct_dtype_size(dtype);
    int64_t at = piece->stretch.from;
    for (int64_t rank = first_writer(r, piece); at < piece->stretch.to; rank++) {
        ct__mpi_stretch theirs = share_of_writer(r, rank, piece->slot);
        const writer *w = open_writer(r, rank);
        const char *from =
            w ? elements(r, weights ? w->weights : w->optimizer, before, s->name, dtype, theirs.to - theirs.from)
              : NULL;
        if (!from)
            return ct_error_code();
        int64_t end = theirs.to < piece->stretch.to ? theirs.to : piece->stretch.to;
        memcpy(to + (size_t)(at - piece->stretch.from) * width, from + (size_t)(at - theirs.from) * width,
               (size_t)(end - at) * width);
        at = end;
    }
    return CT_OK;
}

static bool is_list(const char *name)
{
    return strcmp(name, "step") == 0 || strcmp(name, "number") == 0 || strcmp(name, "own_lr") == 0 ||
           strncmp(name, "option.", 7) == 0;
}

/* A list with an entry for each parameter: those of this rank's pieces, each from the writer that has its beginning. */
static ct_tensor *join_list(reading *r, const char *name, ct_dtype dtype)
{
    size_t width = ct_dtype_size(dtype);
    ct_tensor *all = ct_zeros(dtype, &r->o->n_pieces, 1);
    char *to = all ? ct_data_mut(all) : NULL;
    for (int64_t i = 0; to && i < r->o->n_pieces; i++) {
        const ct__mpi_piece *piece = &r->o->pieces[i];
        int64_t rank = first_writer(r, piece), index = index_in_writer(r, rank, piece->slot);
        const writer *w = open_writer(r, rank);
        const ct_tensor *t = w ? ct_tensor_file_get(w->optimizer, name) : NULL;
        if (!t || ct_dtype_of(t) != dtype || ct_numel(t) <= index) {
            ct_error_set(CT_ERROR_FORMAT, "mpi_load: %s: \"%s\" of rank %lld is not what the others have", r->path,
                         name, (long long)rank);
            return NULL;
        }
        memcpy(to + (size_t)i * width, (const char *)ct_data(t) + (size_t)index * width, width);
    }
    return all;
}

static ct_tensor *names_of_pieces(const reading *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (int64_t i = 0; stream && i < r->o->n_pieces; i++)
        fprintf(stream, "%s\n", r->o->parallel->slots[r->o->pieces[i].slot].name);
    if (!stream || fclose(stream) != 0)
        ct_error_set(CT_ERROR_MEMORY, "mpi_load: no memory");
    int64_t n = (int64_t)size;
    ct_tensor *names = ct_error_code() == CT_OK ? ct_from_array(CT_UINT8, text, &n, 1) : NULL;
    free(text);
    return names;
}

/* The states of a piece, "state.<k>.<parameter>", as many as its writer has. */
static void join_states(reading *r, const ct__mpi_piece *piece)
{
    const ct__mpi_slot *s = &r->o->parallel->slots[piece->slot];
    const writer *w = open_writer(r, first_writer(r, piece));
    int64_t n = piece->stretch.to - piece->stretch.from;
    char name[NAME], before[] = "state.0.";
    for (; w && ct_error_code() == CT_OK && before[6] < '0' + CT_OPTIMIZER_STATES; before[6]++) {
        snprintf(name, sizeof name, "%s%s", before, s->name);
        if (!ct_tensor_file_get(w->optimizer, name))
            return;
        ct_tensor *state = ct_zeros(ct_dtype_of(s->parameter), &n, 1);
        if (state && join_piece(r, piece, before, false, ct_data_mut(state)) == CT_OK)
            add(&r->joined, "", name, state);
    }
}

/* The local optimiser's file, of what the writers' have; what is of all parameters is the same in each. */
static ct_status join_optimizer(reading *r)
{
    const ct_mpi_optimizer *o = r->o;
    const writer *w = open_writer(r, o->n_pieces > 0 ? first_writer(r, &o->pieces[0]) : 0);
    for (int64_t i = 0; w && ct_error_code() == CT_OK && i < ct_tensor_file_count(w->optimizer); i++) {
        const char *name = ct_tensor_file_name(w->optimizer, i);
        ct_tensor *t = ct_tensor_file_get(w->optimizer, name);
        if (strcmp(name, "parameters") == 0)
            add(&r->joined, "", name, names_of_pieces(r));
        else if (is_list(name))
            add(&r->joined, "", name, join_list(r, name, ct_dtype_of(t)));
        else if (strncmp(name, "state.", 6) != 0)
            add(&r->joined, "", name, t);
    }
    for (int64_t i = 0; w && ct_error_code() == CT_OK && i < o->n_pieces; i++)
        join_states(r, &o->pieces[i]);
    return ct_error_code();
}

static ct_status load_optimizer(reading *r)
{
    char name[NAME];
    const ct_mpi_parallel *p = r->o->parallel;
    if (join_optimizer(r) != CT_OK || name_file(name, r->path, r->about[0], p->rank, p->size, "loading") != CT_OK)
        return ct_error_code();
    if (write_list(&r->joined, name) == CT_OK)
        ct_optimizer_load(r->o->local, name);
    unlink(name);
    return ct_error_code();
}

static ct_status read_weights(reading *r)
{
    const ct_mpi_optimizer *o = r->o;
    for (int64_t i = 0; ct_error_code() == CT_OK && i < o->n_pieces; i++) {
        const ct__mpi_piece *piece = &o->pieces[i];
        size_t width = ct_dtype_size(ct_dtype_of(o->parallel->slots[piece->slot].parameter));
        r->weights[i] = ct__mpi_alloc("mpi_load", piece->stretch.to - piece->stretch.from, width);
        if (r->weights[i])
            join_piece(r, piece, "weight.", true, r->weights[i]);
    }
    return ct_error_code();
}

/* Buffers, and what is not trained: seen to fit, or copied. */
static ct_status take_tensors(const reading *r, bool copy)
{
    const ct_mpi_parallel *p = r->o->parallel;
    for (int64_t i = 0; ct_error_code() == CT_OK && i < ct_module_count(p->module); i++) {
        if (!is_shared(p, i))
            continue;
        char name[NAME], have[CT_MPI_TEXT], want[CT_MPI_TEXT];
        snprintf(name, sizeof name, "tensor.%s", ct_module_name(p->module, i));
        ct_tensor *t = ct_module_tensor(p->module, i), *from = ct_tensor_file_get(r->main, name);
        if (!from || strcmp(ct__mpi_tensor_text(from, have), ct__mpi_tensor_text(t, want)) != 0)
            ct_error_set(from ? CT_ERROR_SHAPE : CT_ERROR_FORMAT, "mpi_load: %s: \"%s\" is %s, wanted is %s", r->path,
                         name, from ? have : "not there", ct__mpi_tensor_text(t, want));
        else if (copy)
            ct_copy_(t, from);
    }
    return ct_error_code();
}

static void take_weights(const reading *r)
{
    const ct_mpi_optimizer *o = r->o;
    for (int64_t i = 0; ct_error_code() == CT_OK && i < o->n_pieces; i++) {
        const ct__mpi_piece *piece = &o->pieces[i];
        ct_tensor *parameter = o->parallel->slots[piece->slot].parameter;
        size_t width = ct_dtype_size(ct_dtype_of(parameter));
        char *to = ct_data_mut(parameter);
        if (to)
            memcpy(to + (size_t)piece->stretch.from * width, r->weights[i],
                   (size_t)(piece->stretch.to - piece->stretch.from) * width);
    }
}

/* By as many ranks as wrote it, each goes on with its own. */
static void take_generator(reading *r)
{
    const ct_mpi_parallel *p = r->o->parallel;
    int64_t numbers[2];
    const writer *w = r->about[1] == p->size ? open_writer(r, p->rank) : NULL;
    const char *from = w ? elements(r, w->weights, "", "random", CT_INT64, 2) : NULL;
    if (!from)
        return;
    memcpy(numbers, from, sizeof numbers);
    ct_random_set((ct_random_state){(uint64_t)numbers[0], (uint64_t)numbers[1]});
}

static ct_status check_main(const reading *r)
{
    if (r->about[2] != r->o->total)
        return ct_error_set(CT_ERROR_SHAPE, "mpi_load: %s has %lld elements of parameters, the module %lld", r->path,
                            (long long)r->about[2], (long long)r->o->total);
    return take_tensors(r, false);
}

static ct_status read_all(reading *r, int64_t *position, int n)
{
    const ct_mpi_parallel *p = r->o->parallel;
    r->writers = ct__mpi_alloc("mpi_load", r->about[1], sizeof *r->writers);
    r->weights = ct__mpi_alloc("mpi_load", r->o->n_pieces, sizeof *r->weights);
    const char *places = elements(r, r->main, "", "position", CT_INT64, POSITION);
    if (r->writers && r->weights && places && check_main(r) == CT_OK && read_weights(r) == CT_OK)
        load_optimizer(r);
    if (ct_mpi_agree(p->comm) != CT_OK)
        return ct_error_code();
    take_weights(r);
    take_tensors(r, true);
    take_generator(r);
    if (n > 0)
        memcpy(position, places, (size_t)n * sizeof *position);
    if (ct_mpi_agree(p->comm) != CT_OK || (p->size > 1 && ct__mpi_share_parameters(r->o) != CT_OK))
        return ct_error_code();
    r->o->number = r->about[0];
    r->o->ranks = r->about[1];
    return CT_OK;
}

static void end_reading(reading *r)
{
    for (int64_t i = 0; r->writers && i < r->about[1]; i++) {
        ct_tensor_file_free(r->writers[i].optimizer);
        ct_tensor_file_free(r->writers[i].weights);
    }
    for (int64_t i = 0; r->weights && i < r->o->n_pieces; i++)
        free(r->weights[i]);
    free(r->writers);
    free(r->weights);
    ct_tensor_file_free(r->main);
}

/* Whether rank 0 sees a checkpoint; then all must. */
static ct_status find(reading *r, bool *found)
{
    int64_t there[3];
    read_main(r->path, &r->main, r->about);
    if (ct_mpi_agree(r->o->parallel->comm) != CT_OK)
        return ct_error_code();
    memcpy(there, r->about, sizeof there);
    if (ct__mpi_broadcast(r->o->parallel->comm, there, sizeof there, 0, "mpi_load") != CT_OK)
        return ct_error_code();
    if (memcmp(there, r->about, sizeof there) != 0)
        ct_error_set(CT_ERROR_IO,
                     "mpi_load: %s.safetensors on rank %d is not that on rank 0; all ranks must see the same folder",
                     r->path, r->o->parallel->rank);
    *found = there[0] > 0;
    return ct_mpi_agree(r->o->parallel->comm);
}

ct_status ct_mpi_load(ct_mpi_optimizer *optimizer, const char *path, int64_t *position, int n, bool *found)
{
    bool there = false;
    reading r = {.o = check(optimizer, path, position, n, "mpi_load"), .path = path};
    if (!r.o || ct_scope_open() != CT_OK)
        return ct_error_code();
    if (find(&r, &there) == CT_OK && there)
        read_all(&r, position, n);
    end_reading(&r);
    ct_scope_close();
    if (found && ct_error_code() == CT_OK)
        *found = there;
    return ct_error_code();
}
