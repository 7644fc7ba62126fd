/* Data sets from CSV files.
 *
 * Invariant: classes that the file names by text are numbered in the order of their bytes, as by scikit-learn's LabelEncoder. */
#include "data_internal.h"
#include <math.h>

enum { MOST_NAMES = 1 << 16 }; /* classes named by text */

/* The name of a class, and which of them in the order of the file it is. */
typedef struct class_name {
    char *text;
    int64_t order;
} class_name;

typedef struct table {
    const char *path;
    const ct_dataset_options *o;
    ct_csv *csv;
    char **header;          /* names of the columns, or NULL */
    int64_t columns, label; /* label: the column's number from 0 */
    double *values;     /* [rows, columns], what is missing NaN; the label a class, a number or a class_name's order */
    int64_t rows, room; /* room: rows */
    bool named;         /* the labels are names */
    class_name *names;  /* sorted by their text */
    int64_t n_names;
} table;

/* ---- the columns ---- */

static ct_status wrong(const table *t, const char *what, const char *text)
{
    return ct_error_set(CT_ERROR_FORMAT, "dataset: %.300s: line %lld %s \"%.40s\"", t->path,
                        (long long)ct_csv_line(t->csv), what, text);
}

static ct_status take_header(table *t, const char *const *fields)
{
    t->header = ct__nn_alloc("dataset", t->columns, sizeof *t->header);
    for (int64_t i = 0; t->header && i < t->columns && ct_error_code() == CT_OK; i++)
        t->header[i] = ct__nn_joined("", fields[i]);
    return ct_error_code();
}

static ct_status find_named(table *t)
{
    int64_t found = 0;
    for (int64_t i = 0; i < t->columns; i++)
        if (strcmp(t->header[i], t->o->label) == 0) {
            t->label = i;
            found++;
        }
    if (found == 1)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "dataset: %.300s: %s column is named \"%.40s\"", t->path,
                        found ? "more than one" : "no", t->o->label);
}

/* The label's column: by its name, or by its number, from the end if that is negative. */
static ct_status find_label(table *t)
{
    const ct_dataset_options *o = t->o;
    if (o->label && !o->header)
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: label \"%.40s\" is a name of the header, and there is none",
                            o->label);
    if (o->label)
        return find_named(t);
    t->label = o->label_column + (o->label_column < 0 ? t->columns : 0);
    if (t->label >= 0 && t->label < t->columns)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "dataset: %.300s: label_column %lld of %lld columns", t->path,
                        (long long)o->label_column, (long long)t->columns);
}

/* ---- one row ---- */

static bool is_missing(const char *text)
{
    static const char *const words[] = {"", "?", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"};
    for (size_t i = 0; i < CT_LENGTH(words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Where text is among the names, or belongs. */
static int64_t place_of(const table *t, const char *text)
{
    int64_t low = 0, high = t->n_names;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strcmp(t->names[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ct_status add_name(table *t, int64_t place, const char *text)
{
    if (t->n_names == MOST_NAMES)
        return wrong(t, "has one more than 65536 names of classes:", text);
    if (!t->names)
        t->names = ct__nn_alloc("dataset", MOST_NAMES, sizeof *t->names);
    char *copy = t->names ? ct__nn_joined("", text) : NULL;
    if (!copy)
        return ct_error_code();
    memmove(t->names + place + 1, t->names + place, (size_t)(t->n_names - place) * sizeof *t->names);
    t->names[place] = (class_name){copy, t->n_names++};
    return CT_OK;
}

/* Labels are names if the file's first is no number, or the options say so. */
static ct_status read_label(table *t, const char *text, double *label)
{
    bool number = ct_csv_number(text, label);
    if (t->rows == 0)
        t->named = !t->o->numbers && (t->o->named || !number);
    if (t->named) {
        int64_t place = place_of(t, text);
        bool known = place < t->n_names && strcmp(t->names[place].text, text) == 0;
        if (!known && add_name(t, place, text) != CT_OK)
            return ct_error_code();
        *label = (double)t->names[place].order;
    } else if (!number)
        return wrong(t, "has a label that is no number:", text);
    else if (!t->o->numbers && (*label < 0 || *label != floor(*label) || *label > 1e9))
        return wrong(t, "has a label that is no class:", text);
    return CT_OK;
}

/* Room for one row more. */
static ct_status widen(table *t)
{
    if (t->rows < t->room)
        return CT_OK;
    int64_t room = t->room + t->room / 2 + 64;
    double *values = ct_reallocate(t->values, (size_t)(room * t->columns) * sizeof *values);
    if (!values)
        return ct__nn_no_memory("dataset");
    t->values = values;
    t->room = room;
    return CT_OK;
}

static ct_status wrong_field(const table *t, const char *what, int64_t column, const char *text)
{
    char words[96];
    snprintf(words, sizeof words, "%s field %lld:", what, (long long)column + 1);
    return wrong(t, words, text);
}

/* What is missing in a row that is taken. A label has no mean and no value that stands for it. */
static ct_status read_missing(const table *t, int64_t column, const char *text, double *value)
{
    bool label = column == t->label;
    *value = t->o->missing == CT_MISSING_VALUE ? t->o->missing_value : NAN;
    if (t->o->missing == CT_MISSING_ERROR || label)
        return wrong_field(t, label ? "has no label in" : "misses", column, text);
    return CT_OK;
}

/* One field into *value; *drop if the row is not to be taken. */
static ct_status read_field(const table *t, int64_t column, const char *text, double *value, bool *drop)
{
    bool missing = is_missing(text);
    if (missing && t->o->missing == CT_MISSING_DROP) {
        *drop = true;
        return CT_OK;
    }
    if (missing)
        return read_missing(t, column, text, value);
    if (column == t->label || ct_csv_number(text, value))
        return CT_OK;
    return wrong_field(t, "has no number in", column, text);
}

static ct_status read_row(table *t, const char *const *fields)
{
    bool drop = false;
    if (widen(t) != CT_OK)
        return ct_error_code();
    double *row = t->values + t->rows * t->columns;
    for (int64_t i = 0; i < t->columns; i++)
        if (read_field(t, i, fields[i], row + i, &drop) != CT_OK)
            return ct_error_code();
    if (drop)
        return CT_OK;
    ct_status status = read_label(t, fields[t->label], row + t->label);
    t->rows++;
    return status;
}

/* ---- all of them ---- */

static ct_status read_rows(table *t)
{
    const char *const *fields = ct_csv_next(t->csv, &t->columns);
    if (fields && t->o->header && take_header(t, fields) == CT_OK)
        fields = NULL;
    if (ct_error_code() == CT_OK && t->columns > 0 && find_label(t) == CT_OK && !fields)
        fields = ct_csv_next(t->csv, NULL);
    for (; fields && ct_error_code() == CT_OK; fields = ct_csv_next(t->csv, NULL))
        read_row(t, fields);
    if (ct_error_code() == CT_OK && t->rows == 0)
        return ct_error_set(CT_ERROR_FORMAT, "dataset: %.300s: no lines of samples", t->path);
    return ct_error_code();
}

/* Puts the mean of what is there in the place of what is not. */
static ct_status fill_column(table *t, int64_t column)
{
    double sum = 0;
    int64_t there = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        double value = t->values[i * t->columns + column];
        sum += isnan(value) ? 0 : value;
        there += !isnan(value);
    }
    if (there == 0)
        return ct_error_set(CT_ERROR_FORMAT, "dataset: %.300s: field %lld has no value in any line", t->path,
                            (long long)column + 1);
    for (int64_t i = 0; i < t->rows; i++)
        if (isnan(t->values[i * t->columns + column]))
            t->values[i * t->columns + column] = sum / (double)there;
    return CT_OK;
}

static ct_status fill(table *t)
{
    for (int64_t column = 0; t->o->missing == CT_MISSING_MEAN && column < t->columns; column++)
        if (fill_column(t, column) != CT_OK)
            return ct_error_code();
    return CT_OK;
}

/* ---- the data set ---- */

/* Writes {n, the options' shape...} into shape, which has room for 5 sizes, and returns the rank. */
static int sample_shape(const table *t, int64_t *shape)
{
    int rank = 1;
    shape[0] = t->rows;
    for (size_t i = 0; i < CT_LENGTH(t->o->shape) && t->o->shape[i] != 0; i++)
        shape[rank++] = t->o->shape[i];
    if (rank == 1)
        shape[rank++] = t->columns - 1;
    return rank;
}

static ct_tensor *samples_of(const table *t)
{
    int64_t shape[1 + CT_LENGTH(t->o->shape)];
    ct_tensor *x = ct_empty(CT_FLOAT64, CT_SHAPE(t->rows, t->columns - 1));
    double *to = x && ct_numel(x) > 0 ? ct_data_mut(x) : NULL;
    for (int64_t i = 0; to && i < t->rows * t->columns; i++)
        if (i % t->columns != t->label)
            *to++ = t->values[i];
    return ct_reshape(x, shape, sample_shape(t, shape));
}

/* Numbers as [n, 1]; classes as int64 [n], names by their place among all. */
static ct_tensor *targets_of(const table *t)
{
    int64_t *rank = ct__nn_alloc("dataset", t->n_names, sizeof *rank);
    for (int64_t i = 0; rank && i < t->n_names; i++)
        rank[t->names[i].order] = i;
    ct_tensor *y = rank ? ct_empty(CT_FLOAT64, CT_SHAPE(t->rows, 1)) : NULL;
    double *to = y ? ct_data_mut(y) : NULL;
    for (int64_t i = 0; to && i < t->rows; i++) {
        double label = t->values[i * t->columns + t->label];
        to[i] = t->named ? (double)rank[(int64_t)label] : label;
    }
    ct_deallocate(rank);
    return t->o->numbers ? y : ct_cast(ct_reshape(y, CT_SHAPE(t->rows)), CT_INT64);
}

static ct_dataset *dataset_of(const table *t)
{
    if (ct_scope_open() != CT_OK)
        return NULL;
    ct_tensor *x = samples_of(t), *y = targets_of(t);
    ct_dataset *d = x && y ? ct_dataset_new(x, y, t->o) : NULL;
    const char **names = d && t->named ? ct__nn_alloc("dataset", t->n_names, sizeof *names) : NULL;
    for (int64_t i = 0; names && i < t->n_names; i++)
        names[i] = t->names[i].text;
    if (names)
        ct__dataset_name_classes(d, names, t->n_names);
    ct_deallocate(names);
    if (ct__nn_scope_close() == CT_OK)
        return d;
    ct_dataset_free(d);
    return NULL;
}

static void end(table *t)
{
    for (int64_t i = 0; t->header && i < t->columns; i++)
        ct_deallocate(t->header[i]);
    for (int64_t i = 0; i < t->n_names; i++)
        ct_deallocate(t->names[i].text);
    ct_deallocate(t->header);
    ct_deallocate(t->names);
    ct_deallocate(t->values);
    ct_csv_close(t->csv);
}

static ct_status check(const char *path, const ct_dataset_options *o)
{
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "dataset: the path is NULL");
    if (o->named && o->numbers)
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: labels are either names or numbers");
    if ((unsigned)o->missing > CT_MISSING_VALUE || !isfinite(o->missing_value))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: missing %d, missing_value %g", (int)o->missing,
                            o->missing_value);
    return CT_OK;
}

ct_dataset *ct_dataset_from_csv(const char *path, const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, o, options, "dataset");
    if (!o || ct_error_code() != CT_OK || check(path, o) != CT_OK)
        return NULL;
    CT_OPTIONS(ct_csv_options, file, .skip_lines = o->skip_lines, .max_bytes = o->max_bytes, .separator = o->separator);
    table t = {.path = path, .o = o, .csv = ct_csv_open(path, &file)};
    ct_dataset *d = t.csv && read_rows(&t) == CT_OK && fill(&t) == CT_OK ? dataset_of(&t) : NULL;
    end(&t);
    return d;
}
