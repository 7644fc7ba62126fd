/* The summary of a module: a row for each layer, with what it made of an input and its parameters.
 *
 * Invariant: parameters are counted once, where their first name stands. */
#include "module_internal.h"

/* What a layer's last call returned. */
typedef struct row {
    const ct_module *module;
    int rank;
    int64_t shape[CT_MAX_RANK];
} row;

struct summary {
    row *rows;
    int64_t count, capacity;
};

/* ---- what the layers return ---- */

static row *row_of(const struct summary *summary, const ct_module *module)
{
    for (int64_t i = 0; i < summary->count; i++)
        if (summary->rows[i].module == module)
            return &summary->rows[i];
    return NULL;
}

static row *new_row(struct summary *summary, const ct_module *module)
{
    if (summary->count == summary->capacity) {
        int64_t more = summary->capacity ? 2 * summary->capacity : 32;
        row *grown = ct_reallocate(summary->rows, (size_t)more * sizeof *grown);
        if (!grown) {
            ct__nn_no_memory("module_summary");
            return NULL;
        }
        summary->rows = grown;
        summary->capacity = more;
    }
    row *r = &summary->rows[summary->count++];
    r->module = module;
    return r;
}

void ct__summary_note(struct summary *summary, const ct_module *module, const ct_tensor *y)
{
    row *r = row_of(summary, module);
    r = r ? r : new_row(summary, module);
    if (!r)
        return;
    r->rank = ct_rank(y);
    memcpy(r->shape, ct_shape(y), (size_t)r->rank * sizeof *r->shape);
}

/* Calls the model on the input, in evaluation and without a record, and notes what each layer returns. */
static ct_status run(struct summary *summary, ct_module *module, const ct_summary_options *o)
{
    ct_status status = ct_scope_open();
    if (status != CT_OK)
        return status;
    struct summary *outer = ct__nn.summary;
    ct_random_state random = ct_random_get();
    ct_no_grad_begin();
    ct__evaluation_begin();
    ct__nn.summary = summary;
    ct_tensor *y = o->forward ? o->forward(o->model, o->input) : ct_forward(module, o->input);
    ct__nn.summary = outer;
    ct__evaluation_end();
    ct_no_grad_end();
    ct_random_set(random);
    if (!y && ct_error_code() == CT_OK)
        ct_error_set(CT_ERROR_STATE, "module_summary: the model returned NULL");
    return ct__nn_scope_close();
}

/* ---- the table ---- */

/* "1,234,567" into buffer; returns buffer. */
static char *grouped(int64_t number, char *buffer)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number), n = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[n++] = ',';
        buffer[n++] = digits[i];
    }
    buffer[n] = 0;
    return buffer;
}

/* The elements of the parameters that were added in part itself. */
static int64_t own_parameters(const ct_module *module, const ct_module *part)
{
    int64_t n = 0;
    for (int64_t i = 0; i < module->count; i++)
        if (module->entries[i]->owner == part && ct_module_is_parameter(module, i))
            n += ct_numel(ct_module_tensor(module, i));
    return n;
}

/* A container that has nothing of its own is no row. */
static bool has_row(const ct_module *module, const ct_module *part)
{
    bool owns = false;
    for (int64_t i = 0; i < module->count; i++)
        owns = owns || module->entries[i]->owner == part;
    return owns || part->children == 0;
}

static void shape_text(const struct summary *summary, const ct_module *part, char *text, size_t size)
{
    const row *r = row_of(summary, part);
    size_t used = (size_t)snprintf(text, size, r ? "[" : "");
    for (int i = 0; r && i < r->rank; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ",%lld" : "%lld", (long long)r->shape[i]);
    if (r)
        snprintf(text + used, size - used, "]");
}

/* "features.0 (conv2d)": the path as module sees it. */
static int layer_text(const ct_module *module, const ct_module *part, char *text, size_t size)
{
    size_t before = *module->path && part != module ? strlen(module->path) + 1 : 0;
    const char *path = part == module ? "" : part->path + before;
    return snprintf(text, size, "%s%s(%s)", path, *path ? " " : "", part->layer->name);
}

typedef struct table {
    FILE *stream;
    const struct summary *summary;
    const ct_module *module;
    int width; /* of the first column */
} table;

static void measure(table *t, const ct_module *part)
{
    int width = layer_text(t->module, part, NULL, 0);
    t->width = has_row(t->module, part) && width > t->width ? width : t->width;
    for (int64_t i = 0; i < part->children; i++)
        measure(t, part->child[i]);
}

static void write_rows(const table *t, const ct_module *part)
{
    char layer[512], shape[CT_NN_SHAPE_TEXT], number[40];
    layer_text(t->module, part, layer, sizeof layer);
    shape_text(t->summary, part, shape, sizeof shape);
    if (has_row(t->module, part))
        fprintf(t->stream, "%-*s  %-20s %14s\n", t->width, layer, shape,
                grouped(own_parameters(t->module, part), number));
    for (int64_t i = 0; i < part->children; i++)
        write_rows(t, part->child[i]);
}

static void write_line(const table *t)
{
    for (int i = 0; i < t->width + 37; i++)
        fputc('-', t->stream);
    fputc('\n', t->stream);
}

static void write_sums(const table *t)
{
    int64_t all = ct_module_numel(t->module), frozen = 0, buffers = 0;
    for (int64_t i = 0; i < t->module->count; i++) {
        const ct_tensor *tensor = ct_module_tensor(t->module, i);
        if (ct_module_is_parameter(t->module, i) && !ct_requires_grad(tensor))
            frozen += ct_numel(tensor);
        if (!t->module->entries[i]->parameter && ct_module_tied(t->module, i) < 0)
            buffers += ct_numel(tensor);
    }
    const char *const names[] = {"parameters", "trained", "frozen", "in buffers"};
    const int64_t numbers[] = {all, all - frozen, frozen, buffers};
    char number[40];
    for (size_t i = 0; i < CT_LENGTH(names); i++)
        fprintf(t->stream, "%-*s  %20s %14s\n", t->width, names[i], "", grouped(numbers[i], number));
}

static ct_status write_table(FILE *stream, const struct summary *summary, const ct_module *module)
{
    table t = {.stream = stream, .summary = summary, .module = module, .width = (int)strlen("layer (kind)")};
    measure(&t, module);
    fprintf(stream, "%-*s  %-20s %14s\n", t.width, "layer (kind)", "result", "parameters");
    write_line(&t);
    write_rows(&t, module);
    write_line(&t);
    write_sums(&t);
    return ferror(stream) ? ct_error_set(CT_ERROR_IO, "module_summary: cannot write") : CT_OK;
}

CT_OPTIONS_INIT(ct_summary_options)

ct_status ct_module_summary(ct_module *module, FILE *stream, const ct_summary_options *options)
{
    CT_READ_OPTIONS(ct_summary_options, o, options, "module_summary");
    if (!o || ct_object_check(module, "module", "module_summary") != CT_OK)
        return ct_error_code();
    if (!stream)
        return ct_error_set(CT_ERROR_NULL, "module_summary: the stream is NULL");
    struct summary summary = {0};
    ct_status status = o->input ? run(&summary, module, o) : CT_OK;
    if (status == CT_OK)
        status = write_table(stream, &summary, module);
    ct_deallocate(summary.rows);
    return status;
}

size_t ct_module_summary_text(ct_module *module, char *buffer, size_t size, const ct_summary_options *options)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    ct_status status = stream ? ct_module_summary(module, stream, options) : ct__nn_no_memory("module_summary_text");
    if (stream && fclose(stream) != 0 && status == CT_OK)
        status = ct__nn_no_memory("module_summary_text");
    length = status == CT_OK ? length : 0;
    if (buffer && size > 0)
        snprintf(buffer, size, "%.*s", (int)(length < size ? length : size - 1), text && length ? text : "");
    free(text);
    return length;
}
