/* cotan info --layers: the layers that the tensors' names tell of, with their weights, and how many numbers those are.
 *
 * Invariant: a layer is what stands before the last dot of a name, and a row; each tensor belongs to one. */
#include "cli.h"
#include "layers.h"
#include <string.h>

typedef struct layer {
    const ct_tensor_file *file;
    const char *path; /* its first length letters */
    int length;
    int64_t first; /* of the file's tensors */
} layer;

static int path_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (int)(dot - name) : 0;
}

static bool belongs(const layer *l, const char *name)
{
    return path_length(name) == l->length && strncmp(name, l->path, (size_t)l->length) == 0;
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* The layer's tensor of that name, or NULL. */
static const ct_tensor *part(const layer *l, const char *last)
{
    for (int64_t i = l->first; i < ct_tensor_file_count(l->file); i++) {
        const char *name = ct_tensor_file_name(l->file, i);
        if (belongs(l, name) && strcmp(last_part(name), last) == 0)
            return ct_tensor_file_get(l->file, name);
    }
    return NULL;
}

static int64_t size_of(const ct_tensor *t, int axis)
{
    return t && axis < ct_rank(t) ? ct_size(t, axis) : 0;
}

/* By what a recurrent layer has of rows for each of its states. */
static const char *recurrent_kind(const ct_tensor *weight, const ct_tensor *own)
{
    static const char *const kinds[] = {"", "rnn", "", "gru", "lstm"};
    int64_t gates = size_of(own, 1) > 0 ? size_of(weight, 0) / size_of(own, 1) : 0;
    return gates >= 0 && gates <= 4 ? kinds[gates] : "";
}

/* What the layer is, "" where its names and shapes fit several kinds. */
static const char *kind_of(const layer *l)
{
    const ct_tensor *weight = part(l, "weight"), *recurrent = part(l, "weight_ih_l0");
    if (part(l, "running_mean"))
        return "batch_norm";
    if (part(l, "in_proj_weight") || part(l, "q_proj_weight"))
        return "multihead_attention";
    if (recurrent)
        return recurrent_kind(recurrent, part(l, "weight_hh_l0"));
    int rank = weight ? ct_rank(weight) : 0;
    bool biased = size_of(part(l, "bias"), 0) > 0 && size_of(part(l, "bias"), 0) == size_of(weight, 0);
    bool linear = rank == 2 && biased && ct_size(weight, 0) != ct_size(weight, 1); /* a square may be transposed */
    return linear ? "linear" : rank > 2 && rank < 6 ? "convolution" : "";
}

/* What is kept, and not learned. */
static bool is_buffer(const char *last)
{
    static const char *const names[] = {"running_mean", "running_var", "num_batches_tracked"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(last, names[i]) == 0)
            return true;
    return false;
}

/* Adds the layer's row, and its numbers to sums: of parameters, and of buffers. */
static void add_layer(table *t, const layer *l, int64_t sums[2])
{
    char weights[1024] = "", shape[SHAPE_SIZE];
    const char *kind = kind_of(l);
    size_t used = 0;
    int64_t parameters = 0;
    for (int64_t i = l->first; i < ct_tensor_file_count(l->file); i++) {
        const char *name = ct_tensor_file_name(l->file, i), *last = last_part(name);
        const ct_tensor *tensor = ct_tensor_file_get(l->file, name);
        if (!belongs(l, name))
            continue;
        sums[is_buffer(last)] += ct_numel(tensor);
        parameters += is_buffer(last) ? 0 : ct_numel(tensor);
        if (!is_buffer(last) && used < sizeof weights)
            used += (size_t)snprintf(weights + used, sizeof weights - used, "%s%s %s", used ? ", " : "", last,
                                     shape_text(shape, tensor));
    }
    table_add(t, *kind ? "%.*s (%s)" : "%.*s", l->length, l->path, kind);
    table_add(t, "%s", weights);
    table_add(t, "%lld", (long long)parameters);
}

/* Whether no tensor before the one at index is of its layer. */
static bool is_first(const layer *l)
{
    for (int64_t i = 0; i < l->first; i++)
        if (belongs(l, ct_tensor_file_name(l->file, i)))
            return false;
    return true;
}

bool write_layers(const ct_tensor_file *file)
{
    static const char *const headings[] = {"layer (kind)", "weights", ">parameters"};
    table t = {.headings = headings, .columns = 3};
    int64_t sums[2] = {0, 0};
    for (int64_t i = 0; i < ct_tensor_file_count(file); i++) {
        const char *name = ct_tensor_file_name(file, i);
        layer l = {.file = file, .path = name, .length = path_length(name), .first = i};
        if (is_first(&l))
            add_layer(&t, &l, sums);
    }
    bool written = table_write(&t, stdout);
    printf("%lld parameters, %lld numbers in buffers\n", (long long)sums[0], (long long)sums[1]);
    return written;
}
