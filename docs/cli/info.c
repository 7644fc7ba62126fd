/* cotan info FILE, and cotan graph FILE, which is the same: what a file of weights or data holds. */
#include "cli.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

enum { JSON, LAYERS };
static const option options[] = {
    {"json", NULL, "write the table as JSON, with all digits"},
    {"layers", NULL, "of .safetensors: a row for each layer that the names tell of, with its weights and their number"},
    {0}};

/* ---- statistics ---- */

/* Of a tensor's finite elements; NaN where there are none. */
typedef struct statistics {
    double smallest, largest, mean, deviation;
    int64_t finite, nans, infinities;
} statistics;

static void count(const double *values, int64_t n, statistics *s)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        s->nans += isnan(values[i]);
        s->infinities += isinf(values[i]) != 0;
        if (!isfinite(values[i]))
            continue;
        s->finite++;
        s->smallest = fmin(s->smallest, values[i]);
        s->largest = fmax(s->largest, values[i]);
        sum += values[i];
    }
    s->mean = sum / (double)s->finite;
    for (int64_t i = 0; i < n; i++)
        squares += isfinite(values[i]) ? (values[i] - s->mean) * (values[i] - s->mean) : 0;
    s->deviation = sqrt(squares / (double)s->finite);
}

static bool measure(const ct_tensor *t, statistics *s)
{
    int64_t n = ct_numel(t);
    double *values = malloc((size_t)(n + 1) * sizeof *values);
    *s = (statistics){.smallest = NAN, .largest = NAN};
    bool read = values && ct_to_values(t, values, n) == CT_OK;
    if (read)
        count(values, n, s);
    free(values);
    return read;
}

/* ---- the contents of a file ---- */

static double bytes_of(const ct_tensor *t)
{
    return (double)ct_numel(t) * (double)ct_dtype_size(ct_dtype_of(t));
}

typedef struct listing {
    table table;
    json_t *json; /* an array, with --json */
    int64_t tensors, texts, elements, nans, infinities;
    int64_t left_out; /* fields of a first line that tells of the whole table */
    double bytes;
} listing;

static void add_row(listing *l, const char *name, const ct_tensor *t, const statistics *s)
{
    char shape[SHAPE_SIZE], bytes[CT_NUMBER_TEXT + 4], number[4][CT_NUMBER_TEXT];
    table_add(&l->table, "%s", name);
    table_add(&l->table, "%s", shape_text(shape, t));
    table_add(&l->table, "%s", ct_dtype_name(ct_dtype_of(t)));
    table_add(&l->table, "%s", bytes_text(bytes, bytes_of(t)));
    const double values[] = {s->smallest, s->largest, s->mean, s->deviation};
    for (int i = 0; i < 4; i++)
        table_add(&l->table, "%s", s->finite ? ct_number_text(values[i], number[i]) : "-");
    table_add(&l->table, "%lld", (long long)s->nans);
    table_add(&l->table, "%lld", (long long)s->infinities);
}

/* JSON has no NaN: null. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void add_object(listing *l, const char *name, const ct_tensor *t, const statistics *s)
{
    json_t *shape = json_array();
    for (int i = 0; i < ct_rank(t); i++)
        json_array_append_new(shape, json_integer(ct_shape(t)[i]));
    json_array_append_new(l->json,
                          json_pack("{s:s, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:I, s:I}", "name", name, "dtype",
                                    ct_dtype_name(ct_dtype_of(t)), "shape", shape, "bytes", bytes_of(t), "min",
                                    number_json(s->smallest), "max", number_json(s->largest), "mean",
                                    number_json(s->mean), "std", number_json(s->deviation), "nan", (json_int_t)s->nans,
                                    "inf", (json_int_t)s->infinities));
}

static bool add(listing *l, const char *name, const ct_tensor *t)
{
    statistics s;
    if (!measure(t, &s))
        return false;
    l->tensors++;
    l->elements += ct_numel(t);
    l->bytes += bytes_of(t);
    l->nans += s.nans;
    l->infinities += s.infinities;
    if (l->json)
        add_object(l, name, t, &s);
    else
        add_row(l, name, t, &s);
    return true;
}

/* Frees file; NULL: it could not be read. */
static bool list_named(ct_tensor_file *file, listing *l)
{
    bool added = file;
    for (int64_t i = 0; added && i < ct_tensor_file_count(file); i++) {
        const char *name = ct_tensor_file_name(file, i);
        added = add(l, name, ct_tensor_file_get(file, name));
    }
    ct_tensor_file_free(file);
    return added;
}

static bool list_safetensors(const char *path, listing *l)
{
    return list_named(ct_safetensors_load(path), l);
}

static bool list_gguf(const char *path, listing *l)
{
    return list_named(ct_gguf_load(path), l);
}

static bool list_npz(const char *path, listing *l)
{
    return list_named(ct_npz_load(path), l);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool list_idx(const char *path, listing *l)
{
    const ct_tensor *t = ct_idx_load(path);
    return t && add(l, base_name(path), t);
}

static bool list_npy(const char *path, listing *l)
{
    const ct_tensor *t = ct_npy_load(path);
    return t && add(l, base_name(path), t);
}

/* Of the file's first line, which is one of names; "column 3" where it has none. */
static const char *heading(const char *const *names, int64_t n, int64_t column, char *buffer, size_t size)
{
    if (column < n && *names[column])
        return names[column];
    snprintf(buffer, size, "column %lld", (long long)column + 1);
    return buffer;
}

/* What stands between the fields of the first line: a comma, or, where there is none, a semicolon or a tab. */
static const char *separator_of(const char *path)
{
    int64_t n = 0;
    ct_csv *csv = ct_csv_open(path);
    const char *const *fields = ct_csv_next(csv, &n);
    const char *line = fields && n == 1 ? fields[0] : "";
    const char *separator = strchr(line, ';') ? ";" : strchr(line, '\t') ? "\t" : ",";
    ct_csv_close(csv);
    ct_error_clear();
    return separator;
}

/* ---- columns of text ---- */

/* All fields of a file, a line a row; false with an error. */
static bool read_fields(const char *path, const char *separator, table *fields)
{
    int64_t n;
    ct_csv *csv = ct_csv_open(path, .separator = separator);
    for (const char *const *line; (line = ct_csv_next(csv, &n));) {
        fields->columns = (int)n;
        for (int64_t i = 0; i < n; i++)
            table_add(fields, "%s", line[i]);
    }
    ct_csv_close(csv);
    if (ct_error_code() == CT_OK && (fields->failed || fields->n_cells == 0))
        ct_error_set(fields->failed ? CT_ERROR_MEMORY : CT_ERROR_FORMAT, "%s: %s", path,
                     fields->failed ? "no memory" : "nothing is in it");
    return ct_error_code() == CT_OK;
}

/* An empty field is a NaN. */
static bool is_number(const char *text, double *value)
{
    char *end = NULL;
    *value = *text ? strtod(text, &end) : NAN;
    return !*text || (end != text && !*end);
}

/* Whether a line is one of names: none of its fields is a number. */
static bool has_names(const char *const *fields, int64_t n)
{
    double value;
    bool any = false;
    for (int64_t i = 0; i < n; i++)
        any |= *fields[i] && is_number(fields[i], &value);
    return !any;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many different texts the n are, which it sorts; *empty gets how many are "". */
static int64_t count_different(char **texts, int64_t n, int64_t *empty)
{
    int64_t different = 0;
    qsort(texts, (size_t)n, sizeof *texts, by_text);
    *empty = 0;
    for (int64_t i = 0; i < n; i++) {
        *empty += !*texts[i];
        different += *texts[i] && (i == 0 || strcmp(texts[i], texts[i - 1]) != 0);
    }
    return different;
}

static void add_text(listing *l, const char *name, char **texts, int64_t n)
{
    int64_t empty, different = count_different(texts, n, &empty);
    l->texts++;
    if (l->json) {
        json_array_append_new(l->json,
                              json_pack("{s:s, s:s, s:[I], s:I, s:I}", "name", name, "dtype", "text", "shape",
                                        (json_int_t)n, "different", (json_int_t)different, "nan", (json_int_t)empty));
        return;
    }
    table_add(&l->table, "%s", name);
    table_add(&l->table, "[%lld]", (long long)n);
    table_add(&l->table, "text");
    table_add(&l->table, "-");
    table_add(&l->table, "%lld different", (long long)different);
    for (int i = 0; i < 3; i++)
        table_add(&l->table, "-");
    table_add(&l->table, "%lld", (long long)empty);
    table_add(&l->table, "0");
}

/* A column's fields behind the names: as numbers, if all are or are empty, or as text. */
static bool add_column(listing *l, const table *fields, int column, bool named)
{
    char numbered[64];
    int64_t n = fields->n_cells / fields->columns - named;
    double *numbers = malloc((size_t)(n + 1) * sizeof *numbers);
    char **texts = malloc((size_t)(n + 1) * sizeof *texts);
    bool all = true, added = numbers && texts;
    for (int64_t i = 0; added && i < n; i++) {
        texts[i] = fields->cells[(i + named) * fields->columns + column];
        all &= is_number(texts[i], &numbers[i]);
    }
    const char *name =
        heading((const char *const *)fields->cells, named ? fields->columns : 0, column, numbered, sizeof numbered);
    if (added && all) {
        ct_tensor *t = ct_from_values(CT_FLOAT64, numbers, n, &n, 1);
        added = t && add(l, name, t);
    } else if (added) {
        add_text(l, name, texts, n);
    }
    free(numbers);
    free(texts);
    return added;
}

/* A file in which not all is a number. */
static bool list_fields(const char *path, const char *separator, listing *l)
{
    table fields = {0};
    bool added = read_fields(path, separator, &fields),
         named = added && has_names((const char *const *)fields.cells, fields.columns);
    for (int i = 0; added && i < fields.columns; i++)
        added = add_column(l, &fields, i, named);
    table_free(&fields);
    return added;
}

static bool add_columns(listing *l, ct_tensor *t, const char *const *names, int64_t n)
{
    char numbered[64];
    bool added = true;
    for (int64_t i = 0; added && i < ct_size(t, 1); i++)
        added = add(l, heading(names, n, i, numbered, sizeof numbered), ct_select(t, 1, i));
    return added;
}

/* NULL, without an error, if not all is a number behind so many lines. */
static ct_tensor *load_numbers(const char *path, const char *separator, int64_t skip)
{
    ct_tensor *t = ct_csv_load(path, .separator = separator, .skip_lines = skip);
    if (!t && ct_error_code() == CT_ERROR_FORMAT)
        ct_error_clear();
    return t;
}

/* Each column by itself: with the names of the first line, if that is none of numbers and has as many fields as the others. One with
 * numbers in it and another count of fields, as scikit-learn writes it, tells of the whole table, and is left out. */
static bool list_csv(const char *path, listing *l)
{
    int64_t n = 0;
    const char *separator = separator_of(path);
    ct_tensor *t = load_numbers(path, separator, 0);
    if (t || ct_error_code() != CT_OK)
        return t && add_columns(l, t, NULL, 0);
    t = load_numbers(path, separator, 1);
    ct_csv *csv = t ? ct_csv_open(path, .separator = separator) : NULL;
    const char *const *names = csv ? ct_csv_next(csv, &n) : NULL;
    bool as_many = names && n == ct_size(t, 1);
    l->left_out = names && !as_many && !has_names(names, n) ? n : 0;
    bool added = ct_error_code() == CT_OK && (as_many       ? add_columns(l, t, names, n)
                                              : l->left_out ? add_columns(l, t, NULL, 0)
                                                            : list_fields(path, separator, l));
    ct_csv_close(csv);
    return added;
}

/* How many of the file's first bytes are in first; 0 if it cannot be read. */
static size_t read_first(const char *path, char *first, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(first, 1, size, file) : 0;
    if (file)
        fclose(file);
    return n;
}

/* What has another name and begins like none: a file of tensors, if its header's brace is behind the length. */
static bool list_other(const char *path, listing *l)
{
    char first[9] = "";
    size_t n = read_first(path, first, sizeof first);
    if (n < sizeof first || first[8] == '{')
        return list_safetensors(path, l);
    ct_error_set(CT_ERROR_FORMAT, "%s: this is no .safetensors, .gguf, .npz, .npy, IDX or .csv%s", path,
                 first[0] == '{' ? "; if it is a recorded graph, cotan explain tells it" : "");
    return false;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length >= tail && strcmp(path + length - tail, suffix) == 0;
}

/* What the library reads, told by the first bytes, or by the name where they do not say: of a text, and of what is compressed. */
static const struct format {
    const char *suffix, *first; /* NULL: any */
    size_t length;              /* of first */
    bool (*list)(const char *path, listing *l);
} formats[] = {{".safetensors", NULL, 0, list_safetensors},
               {".tsv", NULL, 0, list_csv},
               {".csv", NULL, 0, list_csv},
               {".csv.gz", NULL, 0, list_csv},
               {".npy.gz", NULL, 0, list_npy},
               {NULL, "\x93NUMPY", 6, list_npy},
               {NULL, "GGUF", 4, list_gguf},
               {NULL, "PK", 2, list_npz},
               {NULL, "\0\0", 2, list_idx},
               {NULL, "\x1F\x8B", 2, list_idx},
               {NULL, NULL, 0, list_other}};

static bool list_file(const char *path, listing *l)
{
    char first[6] = "";
    size_t n = read_first(path, first, sizeof first);
    const struct format *f = formats;
    while ((f->suffix && !ends_with(path, f->suffix)) ||
           (f->first && (n < f->length || memcmp(first, f->first, f->length) != 0)))
        f++;
    return f->list(path, l);
}

/* ---- the command ---- */

static bool write_table(listing *l)
{
    char bytes[CT_NUMBER_TEXT + 4];
    bool written = table_write(&l->table, stdout);
    if (l->tensors || !l->texts)
        printf("%lld tensor%s, %lld elements, %s", (long long)l->tensors, l->tensors == 1 ? "" : "s",
               (long long)l->elements, bytes_text(bytes, l->bytes));
    if (l->texts)
        printf("%s%lld column%s of text", l->tensors ? "; " : "", (long long)l->texts, l->texts == 1 ? "" : "s");
    if (l->nans + l->infinities)
        printf("; %lld nan, %lld inf (the other figures leave them out)", (long long)l->nans, (long long)l->infinities);
    if (l->left_out)
        printf("; the first line, of %lld fields, is left out", (long long)l->left_out);
    printf("\n");
    return written;
}

static bool write_json(json_t *json)
{
    bool written = json && json_dumpf(json, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(json);
    return written;
}

static int list_layers(const arguments *given)
{
    if (given->values[JSON])
        return complain(given->command, "--layers and --json: give one of the two");
    ct_tensor_file *file = ct_safetensors_load(given->words[0]);
    if (!file)
        return complain_of_error(given->command);
    bool written = write_layers(file);
    ct_tensor_file_free(file);
    return written ? FINE : complain(given->command, "no memory");
}

static int run(const arguments *given)
{
    if (given->values[LAYERS])
        return list_layers(given);
    static const char *const headings[] = {"name", "shape", "dtype", ">size", ">min",
                                           ">max", ">mean", ">std",  ">nan",  ">inf"};
    const char *path = given->words[0];
    listing l = {.table = {.headings = headings, .columns = 10}, .json = given->values[JSON] ? json_array() : NULL};
    ct_scope_open();
    bool read = list_file(path, &l);
    ct_scope_close();
    if (!read) {
        json_decref(l.json);
        table_free(&l.table);
        return ct_error_code() ? complain_of_error(given->command) : complain(given->command, "no memory");
    }
    bool written = given->values[JSON] ? write_json(l.json) : write_table(&l);
    return written ? FINE : complain(given->command, "no memory");
}

#define SHARED_ROW                                                                                                     \
    .usage = "FILE", .min_words = 1, .max_words = 1, .options = options, .run = run,                                   \
    .about = "Lists what a file holds that the library reads, the tensors of .safetensors, .gguf or .npz, the array "  \
             "of .npy "                                                                                                \
             "or IDX, "                                                                                                \
             "the columns of .csv, the last three gzipped or not: name, shape, element type, "                         \
             "size, and the smallest, largest, mean and standard deviation of the elements that are finite, with the " \
             "number of those that are not."

const command info_command = {
    .name = "info",
    .summary = "what a file of weights or data holds, as a table",
    .examples = "  cotan info lenet5.safetensors\n  cotan info lenet5.safetensors --layers\n  cotan info "
                "train-images-idx3-ubyte.gz\n",
    SHARED_ROW,
};

const command graph_command = {
    .name = "graph",
    .summary = "the same as info",
    .examples = "  cotan graph lenet5.safetensors\n",
    SHARED_ROW,
};
