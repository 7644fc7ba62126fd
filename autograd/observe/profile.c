/* Profiles: an observer with a stop watch.
 *
 * Invariant: a span's own time is its time less that of the spans inside it, so own times add up to the whole. */
#include "json.h"
#include "trace_internal.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPTH = 256, SPANS = 1 << 20 }; /* spans inside one another; spans that are kept for the time line */

/* What runs: an operation, a node's backward, or a backward run. */
typedef struct span {
    const char *name, *region;
    bool backward;
    double begin, end; /* seconds since the profile began */
    double inside;     /* of it in other spans */
    int64_t bytes;
    double flops;
} span;

typedef struct table {
    ct_profile_row *rows;
    int64_t n, room;
} table;

struct ct_profile {
    table by_operation, by_region;
    span *spans;
    int64_t n_spans, room_spans, left_out;
    double seconds; /* from begin to end */
    double start;
    span open[DEPTH];
    int depth, too_deep;
};

static _Thread_local ct_profile *running;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- sums ---- */

/* Makes room for one more of size bytes in an array of which n are used. */
static bool grow(void **array, int64_t n, int64_t *room, size_t size)
{
    if (n < *room)
        return true;
    int64_t larger = *room ? 2 * *room : 64;
    void *copy = ct__alloc((size_t)larger * size);
    if (!copy) {
        ct__no_memory("profile");
        return false;
    }
    if (n)
        memcpy(copy, *array, (size_t)n * size);
    ct__free(*array, (size_t)*room * size);
    *array = copy;
    *room = larger;
    return true;
}

/* The row of that name, which lasts and is compared by its address; NULL with an error (memory). */
static ct_profile_row *row_of(table *t, const char *name, bool backward)
{
    for (int64_t i = 0; i < t->n; i++)
        if (t->rows[i].name == name && t->rows[i].backward == backward)
            return &t->rows[i];
    if (!grow((void **)&t->rows, t->n, &t->room, sizeof *t->rows))
        return NULL;
    t->rows[t->n] = (ct_profile_row){.name = name, .backward = backward};
    return &t->rows[t->n++];
}

/* whole: s is not part of another span of this row. */
static void add_to(ct_profile_row *row, const span *s, bool whole)
{
    row->calls++;
    row->own += s->end - s->begin - s->inside;
    row->total += whole ? s->end - s->begin : 0;
    row->bytes += s->bytes;
    row->flops += s->flops;
}

static ct_status keep_span(ct_profile *p, const span *s)
{
    if (p->n_spans == SPANS) {
        p->left_out++;
        return CT_OK;
    }
    if (!grow((void **)&p->spans, p->n_spans, &p->room_spans, sizeof *p->spans))
        return CT_ERROR_MEMORY;
    p->spans[p->n_spans++] = *s;
    return CT_OK;
}

/* ---- spans ---- */

static int64_t bytes_of(const ct_tensor *const *tensors, int n)
{
    int64_t bytes = 0;
    for (int i = 0; tensors && i < n; i++)
        bytes += tensors[i] ? tensors[i]->numel * ct__size_of((ct_dtype)tensors[i]->dtype) : 0;
    return bytes;
}

static ct_status open_span(ct_profile *p, const ct_event *e, const char *name, bool backward)
{
    const char *own = ct__intern(name);
    if (!own)
        return CT_ERROR_MEMORY;
    if (p->depth == DEPTH) {
        p->too_deep++;
        return CT_OK;
    }
    p->open[p->depth++] = (span){.name = own, .region = e->region, .backward = backward, .begin = now() - p->start};
    return CT_OK;
}

static ct_status close_span(ct_profile *p, const ct_event *e)
{
    if (p->too_deep > 0 || p->depth == 0) { /* of a span that is not known, or began before the profile */
        p->too_deep -= p->too_deep > 0;
        return CT_OK;
    }
    span *s = &p->open[--p->depth];
    s->end = now() - p->start;
    s->bytes = bytes_of(e->inputs, e->n_inputs) + bytes_of(e->outputs, e->n_outputs) +
               bytes_of(e->grad_inputs, e->n_inputs) + bytes_of(e->grad_outputs, e->n_outputs);
    s->flops = e->flops;
    if (p->depth > 0)
        p->open[p->depth - 1].inside += s->end - s->begin;
    ct_profile_row *operation = row_of(&p->by_operation, s->name, s->backward);
    ct_profile_row *region = operation ? row_of(&p->by_region, s->region, false) : NULL;
    if (!region)
        return CT_ERROR_MEMORY;
    bool only = true, only_in_region = true;
    for (int i = 0; i < p->depth; i++) {
        only = only && (p->open[i].name != s->name || p->open[i].backward != s->backward);
        only_in_region = only_in_region && p->open[i].region != s->region;
    }
    add_to(operation, s, only);
    add_to(region, s, only_in_region);
    return keep_span(p, s);
}

static ct_status see(const ct_event *e, void *user)
{
    ct_profile *p = user;
    switch (e->moment) {
    case CT_FORWARD_BEGINS:
        open_span(p, e, e->op->name, false);
        break;
    case CT_RUN_BEGINS:
        open_span(p, e, "backward run", false);
        break;
    case CT_BACKWARD_BEGINS:
        open_span(p, e, e->op->name, true);
        break;
    case CT_FORWARD_ENDED:
    case CT_RUN_ENDED:
    case CT_BACKWARD_ENDED:
        close_span(p, e);
        break;
    default:
        break;
    }
    return CT_OK;
}

/* ---- begin and end ---- */

ct_status ct_profile_begin(void)
{
    if (running)
        return ct__error(CT_ERROR_STATE, "profile_begin: a profile is running on this thread");
    ct_profile *p = ct__alloc(sizeof *p);
    if (!p)
        return ct__no_memory("profile_begin");
    memset(p, 0, sizeof *p);
    ct_status status = ct_observe_begin(see, p);
    if (status == CT_OK) {
        running = p;
        p->start = now();
    } else {
        ct__free(p, sizeof *p);
    }
    return status;
}

static int by_own_time(const void *a, const void *b)
{
    double x = ((const ct_profile_row *)a)->own, y = ((const ct_profile_row *)b)->own;
    return (x < y) - (x > y);
}

static void sort(table *t)
{
    if (t->n)
        qsort(t->rows, (size_t)t->n, sizeof *t->rows, by_own_time);
}

ct_profile *ct_profile_end(void)
{
    ct_profile *p = running;
    if (!p || ct__here()->telling) {
        ct__error(CT_ERROR_STATE, "profile_end: %s",
                  p ? "called by an observer" : "no profile is running on this thread");
        return NULL;
    }
    p->seconds = now() - p->start;
    running = NULL;
    ct_status status = ct_observe_end(see, p);
    sort(&p->by_operation);
    sort(&p->by_region);
    if (status == CT_OK)
        return p;
    ct_profile_free(p);
    return NULL;
}

void ct_profile_free(ct_profile *p)
{
    if (!p)
        return;
    ct__free(p->by_operation.rows, (size_t)p->by_operation.room * sizeof *p->by_operation.rows);
    ct__free(p->by_region.rows, (size_t)p->by_region.room * sizeof *p->by_region.rows);
    ct__free(p->spans, (size_t)p->room_spans * sizeof *p->spans);
    ct__free(p, sizeof *p);
}

/* A thread that ends while it profiles. */
void ct__profile_forget(void)
{
    ct_profile_free(running);
    running = NULL;
}

/* ---- looking ---- */

double ct_profile_seconds(const ct_profile *p)
{
    return p ? p->seconds : 0;
}

const ct_profile_row *ct_profile_operations(const ct_profile *p, int64_t *n)
{
    if (n)
        *n = p ? p->by_operation.n : 0;
    return p ? p->by_operation.rows : NULL;
}

const ct_profile_row *ct_profile_regions(const ct_profile *p, int64_t *n)
{
    if (n)
        *n = p ? p->by_region.n : 0;
    return p ? p->by_region.rows : NULL;
}

/* ---- the tables ---- */

enum { SHOWN = 20, NAME = 34 };

static void print_row(FILE *stream, const char *name, const ct_profile_row *row, double seconds)
{
    fprintf(stream, "  %-*.*s %9lld %10.2f %5.1f %10.2f %10.1f", NAME, NAME, name, (long long)row->calls,
            1e3 * row->own, seconds > 0 ? 100 * row->own / seconds : 0, 1e3 * row->total,
            (double)row->bytes / (1 << 20));
    if (row->flops > 0 && row->total > 0)
        fprintf(stream, " %8.1f", 1e-9 * row->flops / row->total);
    fputc('\n', stream);
}

/* The largest rows, and the others in one. */
static void print_table(FILE *stream, const char *title, const table *t, double seconds)
{
    ct_profile_row others = {0};
    fprintf(stream, "%-*s %9s %10s %5s %10s %10s %8s\n", NAME + 2, title, "calls", "own ms", "%", "total ms", "MiB",
            "GFLOP/s");
    for (int64_t i = 0; i < t->n; i++) {
        const ct_profile_row *row = &t->rows[i];
        char name[2 * NAME];
        if (i >= SHOWN) {
            others.calls += row->calls;
            others.own += row->own;
            others.total += row->total;
            others.bytes += row->bytes;
            continue;
        }
        snprintf(name, sizeof name, "%.*s%s", NAME, *row->name ? row->name : "(no region)",
                 row->backward ? " backward" : "");
        print_row(stream, name, row, seconds);
    }
    if (t->n > SHOWN) {
        char name[NAME];
        snprintf(name, sizeof name, "(%lld others)", (long long)(t->n - SHOWN));
        print_row(stream, name, &others, seconds);
    }
}

ct_status ct_profile_print(const ct_profile *p, FILE *stream)
{
    if (!p || !stream)
        return ct__error(CT_ERROR_NULL, "profile_print: the %s is NULL", p ? "stream" : "profile");
    double own = 0;
    for (int64_t i = 0; i < p->by_operation.n; i++)
        own += p->by_operation.rows[i].own;
    ct__writing w = ct__write_begin("profile_print", stream);
    fprintf(stream, "profile: %.3f s, of which %.3f s outside of operations\n", p->seconds, p->seconds - own);
    print_table(stream, "by operation", &p->by_operation, p->seconds);
    print_table(stream, "by region", &p->by_region, p->seconds);
    if (p->left_out)
        fprintf(stream, "the time line lacks the last %lld spans\n", (long long)p->left_out);
    return ct__write_end(&w, CT_OK);
}

/* ---- the time line ---- */

/* NULL without memory. */
static json_t *span_object(const span *s)
{
    json_t *name = ct__json_text(s->name, s->backward ? " backward" : ""), *region = ct__json_text(s->region, "");
    return json_pack("{s:o, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:o, s:I}}", "name", name, "cat",
                     s->backward ? "backward" : "forward", "ph", "X", "ts", 1e6 * s->begin, "dur",
                     1e6 * (s->end - s->begin), "pid", 1, "tid", 1, "args", "region", region, "bytes",
                     (json_int_t)s->bytes);
}

ct_status ct_profile_write_chrome(const ct_profile *p, FILE *stream)
{
    if (!p || !stream)
        return ct__error(CT_ERROR_NULL, "profile_write_chrome: the %s is NULL", p ? "stream" : "profile");
    ct_status status = CT_OK;
    ct__writing w =
        ct__write_begin("profile_write_chrome", stream); /* jansson minds a decimal point of one byte alone */
    fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n", stream);
    for (int64_t i = 0; status == CT_OK && i < p->n_spans; i++) {
        json_t *object = span_object(&p->spans[i]);
        if (!object)
            status = ct__no_memory("profile_write_chrome");
        else if (json_dumpf(object, stream, JSON_COMPACT) != 0)
            status = ct__write_failed("profile_write_chrome");
        json_decref(object);
        fputs(i + 1 < p->n_spans ? ",\n" : "\n", stream);
    }
    fputs("]}\n", stream);
    return ct__write_end(&w, status);
}
