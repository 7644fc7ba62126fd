/* How the gradients of a training are: norms, updates, dead and saturated units.
 *
 * Invariant: a row is added when its parameter is known or its activation is first seen, and none goes before the watch is freed. */
#include "module_internal.h"
#include <cotan/observe.h>
#include <math.h>
#include <stdio.h>

typedef struct row {
    ct_health_row shown;
    const ct_tensor *parameter; /* NULL: an activation */
    ct_tensor *before;          /* kept: the parameter as it was before the next step */
    int64_t gradients, updates; /* that were seen */
    double grad_sum, ratio_sum;
    const ct_op *op;       /* of an activation */
    const char *region;    /* where */
    int64_t place;         /* its number in a forward pass, from 1 */
    int64_t units;         /* of relu */
    unsigned char *living; /* [units] */
    double elements, at_an_end;
    char *name;
} row;

struct ct_health {
    const ct_module *module;
    bool watching;
    int64_t count, capacity, parameters, place;
    row *rows;
    ct_health_row *shown; /* [count], made when it is asked for */
};

/* The norm of a - b, or of a if b is NULL. */
static double norm_of(const ct_tensor *a, const ct_tensor *b)
{
    double sum = 0;
    const void *x = ct_data(ct_contiguous((ct_tensor *)a)), *y = b ? ct_data(b) : NULL;
    for (int64_t i = 0; x && i < ct_numel(a); i++) {
        double d = ct__nn_element(x, ct_dtype_of(a), i) - (y ? ct__nn_element(y, ct_dtype_of(a), i) : 0);
        sum += d * d;
    }
    return sqrt(sum);
}

/* One more row, all zero; NULL with an error. */
static row *add_row(ct_health *health)
{
    if (health->count == health->capacity) {
        int64_t capacity = health->capacity ? 2 * health->capacity : 32;
        row *rows = ct_reallocate(health->rows, (size_t)capacity * sizeof *rows);
        if (!rows) {
            ct__nn_no_memory("health");
            return NULL;
        }
        health->rows = rows;
        health->capacity = capacity;
    }
    row *r = &health->rows[health->count];
    *r = (row){0};
    return r;
}

/* ---- parameters ---- */

static row *row_of(ct_health *health, const ct_tensor *parameter)
{
    for (int64_t i = 0; i < health->parameters; i++)
        if (health->rows[i].parameter == parameter)
            return &health->rows[i];
    return NULL;
}

static void see_gradient(row *r, const ct_tensor *gradient)
{
    r->grad_sum += norm_of(gradient, NULL);
    r->gradients++;
}

/* A step from zero has no ratio. */
static void see_update(row *r)
{
    double before = norm_of(r->before, NULL);
    if (before > 0) {
        r->ratio_sum += norm_of(r->parameter, r->before) / before;
        r->updates++;
    }
    ct_copy_(r->before, r->parameter);
}

static ct_status add_parameter(ct_health *health, int64_t index)
{
    ct_tensor *p = ct_module_tensor(health->module, index);
    row *r = add_row(health);
    if (!r)
        return ct_error_code();
    r->parameter = p;
    r->name = ct__nn_joined("", ct_module_name(health->module, index));
    r->before = r->name ? ct_keep(ct_zeros_like(p)) : NULL;
    health->parameters = ++health->count;
    return r->before ? ct_copy_(r->before, p) : ct_error_code();
}

/* ---- activations ---- */

static bool is_relu(const ct_op *op)
{
    return strcmp(op->name, "relu") == 0;
}

static bool is_activation(const ct_op *op)
{
    return is_relu(op) || strcmp(op->name, "tanh") == 0 || strcmp(op->name, "sigmoid") == 0;
}

static char *activation_name(const ct_event *event, int64_t place)
{
    char text[256];
    if (*event->region)
        snprintf(text, sizeof text, "%.200s.%s", event->region, event->op->name);
    else
        snprintf(text, sizeof text, "%s %lld", event->op->name, (long long)place);
    return ct__nn_joined("", text);
}

static row *activation_row(ct_health *health, const ct_event *event)
{
    for (int64_t i = health->parameters; i < health->count; i++) {
        row *r = &health->rows[i];
        if (r->place == health->place && r->op == event->op && r->region == event->region)
            return r;
    }
    const ct_tensor *y = event->outputs[0];
    row *r = add_row(health);
    if (!r)
        return NULL;
    *r = (row){.op = event->op, .region = event->region, .place = health->place};
    r->name = activation_name(event, health->place);
    r->units = ct_rank(y) > 1 ? ct_size((ct_tensor *)y, 1) : 1;
    r->living = ct__nn_alloc("health", r->units, 1);
    health->count++;
    return r->living && r->name ? r : NULL;
}

/* Elements that follow each other in one unit. */
static int64_t inner_of(const ct_tensor *y)
{
    int64_t inner = 1;
    for (int axis = 2; axis < ct_rank(y); axis++)
        inner *= ct_shape(y)[axis];
    return inner;
}

static void see_elements(row *r, const ct_tensor *y)
{
    const void *data = ct_data(ct_contiguous((ct_tensor *)y));
    double low = strcmp(r->op->name, "tanh") == 0 ? -1 : 0, margin = 0.015 * (1 - low);
    int64_t inner = inner_of(y);
    for (int64_t i = 0; data && i < ct_numel(y); i++) {
        double value = ct__nn_element(data, ct_dtype_of(y), i);
        int64_t unit = i / inner % r->units;
        r->living[unit] |= value > 0;
        r->at_an_end += value < low + margin || value > 1 - margin;
    }
    r->elements += (double)ct_numel(y);
}

static void see_activation(ct_health *health, const ct_event *event)
{
    const ct_tensor *y = event->outputs[0];
    if (event->status != CT_OK || ct__nn.evaluations > 0 || !y || !ct_dtype_is_float(ct_dtype_of(y)) ||
        !is_activation(event->op))
        return;
    health->place++;
    row *r = activation_row(health, event);
    if (r && r->units == (ct_rank(y) > 1 ? ct_size((ct_tensor *)y, 1) : 1))
        see_elements(r, y);
}

/* ---- the watch ---- */

static ct_status observe(const ct_event *event, void *user)
{
    ct_health *health = user;
    row *r = event->to_leaf ? row_of(health, event->to_leaf) : NULL;
    if (event->moment == CT_FORWARD_ENDED)
        see_activation(health, event);
    if (event->moment == CT_LEAF_CHANGED && r && event->sum)
        see_gradient(r, event->sum);
    if (event->moment == CT_TENSOR_WRITTEN && r)
        see_update(r);
    if (event->moment == CT_RUN_ENDED)
        health->place = 0; /* the next forward pass begins */
    return CT_OK;
}

ct_health *ct_health_begin(ct_module *module)
{
    if (ct_object_check(module, "module", "health") != CT_OK)
        return NULL;
    ct_health *health = ct_object_new("health", sizeof *health);
    if (!health)
        return NULL;
    *health = (ct_health){.module = module};
    ct_status status = CT_OK;
    for (int64_t i = 0; i < ct_module_count(module) && status == CT_OK; i++)
        if (ct_module_is_parameter(module, i))
            status = add_parameter(health, i);
    if (status == CT_OK)
        status = ct_observe_begin(observe, health);
    health->watching = status == CT_OK;
    if (health->watching)
        return health;
    ct_health_free(health);
    return NULL;
}

ct_status ct_health_end(ct_health *health)
{
    ct_status status = ct_object_check(health, "health", "health_end");
    if (status != CT_OK)
        return status;
    if (!health->watching)
        return ct_error_set(CT_ERROR_STATE, "health_end: it has ended already");
    health->watching = false;
    return ct_observe_end(observe, health);
}

void ct_health_free(ct_health *health)
{
    if (!health || ct_object_check(health, "health", "health_free") != CT_OK)
        return;
    if (health->watching)
        ct_health_end(health);
    for (int64_t i = 0; i < health->count; i++) {
        ct_release(health->rows[i].before);
        ct_deallocate(health->rows[i].living);
        ct_deallocate(health->rows[i].name);
    }
    ct_deallocate(health->rows);
    ct_deallocate(health->shown);
    ct_object_free(health);
}

/* ---- looking ---- */

static double dead_share(const row *r)
{
    int64_t dead = 0;
    for (int64_t i = 0; i < r->units; i++)
        dead += !r->living[i];
    return (double)dead / (double)r->units;
}

static ct_health_row shown_of(const row *r)
{
    ct_health_row shown = {r->name, NAN, NAN, NAN, NAN, NAN};
    if (r->parameter) {
        shown.weight_norm = norm_of(r->before, NULL);
        shown.grad_norm = r->gradients ? r->grad_sum / (double)r->gradients : NAN;
        shown.update_ratio = r->updates ? r->ratio_sum / (double)r->updates : NAN;
    } else if (is_relu(r->op)) {
        shown.dead = dead_share(r);
    } else {
        shown.saturated = r->at_an_end / r->elements;
    }
    return shown;
}

const ct_health_row *ct_health_rows(const ct_health *health, int64_t *n)
{
    if (ct_object_check(health, "health", "health_rows") != CT_OK)
        return NULL;
    ct_health_row *shown = ct__nn_alloc("health", health->count, sizeof *shown);
    if (!shown)
        return NULL;
    for (int64_t i = 0; i < health->count; i++)
        shown[i] = shown_of(&health->rows[i]);
    ct_deallocate(health->shown);
    ((ct_health *)health)->shown = shown;
    if (n)
        *n = health->count;
    return shown;
}

static void print_cell(FILE *out, const char *format, double value)
{
    char text[32] = "";
    if (!isnan(value))
        snprintf(text, sizeof text, format, value);
    fprintf(out, "  %9s", text);
}

ct_status ct_health_print(const ct_health *health, FILE *stream)
{
    int64_t n;
    if (!stream)
        return ct_error_set(CT_ERROR_NULL, "health_print: the stream is NULL");
    const ct_health_row *rows = ct_health_rows(health, &n);
    if (!rows)
        return ct_error_code();
    fprintf(stream, "%-24s  %9s  %9s  %9s  %9s  %9s\n", "", "|weight|", "|grad|", "update", "dead", "saturated");
    for (int64_t i = 0; i < n; i++) {
        fprintf(stream, "%-24s", rows[i].name);
        print_cell(stream, "%.3g", rows[i].weight_norm);
        print_cell(stream, "%.2e", rows[i].grad_norm);
        print_cell(stream, "%.2e", rows[i].update_ratio);
        print_cell(stream, "%.3f", rows[i].dead);
        print_cell(stream, "%.3f", rows[i].saturated);
        fputc('\n', stream);
    }
    return fflush(stream) == 0 ? CT_OK : ct_error_set(CT_ERROR_IO, "health_print: the stream cannot be written to");
}

ct_status ct_health_plot(const ct_health *health, const char *path)
{
    int64_t n;
    const ct_health_row *rows = ct_health_rows(health, &n);
    double *columns = rows ? ct__nn_alloc("health", 3 * n, sizeof *columns) : NULL;
    if (!columns)
        return ct_error_code();
    double *place = columns, *gradients = columns + n, *updates = columns + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        place[i] = (double)i + 1;
        gradients[i] = log10(rows[i].grad_norm);
        updates[i] = log10(rows[i].update_ratio);
    }
    const ct_series series[] = {{.label = "norm of gradient", .x = place, .y = gradients, .n = health->parameters},
                                {.label = "update / weight", .x = place, .y = updates, .n = health->parameters}};
    CT_OPTIONS(ct_plot_options, plot, .title = "Gradients, from the first parameter to the last",
               .x_label = "parameter", .y_label = "power of ten");
    ct_status status = ct_plot_svg(path, series, 2, &plot);
    ct_deallocate(columns);
    return status;
}
