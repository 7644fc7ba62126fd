/* A picture's data, for the script: JSON as short as can be. What the script can find out again is left out: a step's incoming gradient is
 * what has come to its operation's result, the sum before it what has come to its target.
 *
 *   at      step of the backward at which the page opens; 0: at the end
 *   texts   [text, ...]                what the numbers op, formula, file, source, why and flow stand for; -1: none
 *   nodes   [kind, label, named, op, formula, file, line, source, [input, ...], value, state, why, box, w, h, label_w, recorded, gradient,
 *            output, attributes, reason, [kept node, ...], bytes kept, steps after which it was freed or -1, id in the trace, why it failed or -1,
 *            where its sizes come from]
 *   boxes   [name, box around, open, tensors in it, [[tile, ...] a column, ...], times, flow, node that it gives, is a region]
 *   lanes   [from, to, bends]
 *   steps   [action, from, input, to, contribution, local, elementwise and twice the axes summed over, now, incoming]; now and incoming only where they cannot be found
 *           out; of a leaf: [2, -1, -1, to, contribution, old, now]
 *   kinks   [[step, elements that are at a kink], ...]: where the local derivative is a convention
 *   updates [to, change, after, used, norm of the gradient before it was clipped, or null, factor or null, by, file, line,
 *            arithmetic, element]
 *   forecast  null, or [before, forecast, after]: of the root
 *   value   null: none; a number or "nan", "inf", "-inf" (float64, 0-d); [dtype, shape, [element, ...]] or
 *           [dtype, shape, [six elements], [min, max, mean, norm], [zeros, nans, infinities], [16 bins]]; [dtype, shape] if it is not known */
#include "picture_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts and their numbers: a hash table, open addressing. */
typedef struct writer {
    FILE *stream;
    ct_picture *p;
    ct_sources sources;
    const char **texts;
    int64_t n_texts, room_texts;
    int64_t *table, table_room;
    int64_t *told;            /* how many steps of the story are among the first so many of the trace */
    const ct_snapshot **came; /* what has come to each node of the trace so far */
} writer;

/* ---- texts ---- */

/* Escaped so that no text can end the script that it stands in. */
static void put_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    while (*text) {
        int bytes = ct__character(text);
        if (bytes == 0 && *text != '\t')
            fputc('?', stream);
        else if (bytes <= 1 && strchr("\"\\<>&\t", *text))
            fprintf(stream, "\\u%04x", *text);
        else
            fwrite(text, 1, (size_t)bytes, stream);
        text += bytes ? bytes : 1;
    }
    fputc('"', stream);
}

static int64_t *place_of(const writer *w, const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    for (int64_t i = (int64_t)(hash >> 20) & (w->table_room - 1);; i = (i + 1) & (w->table_room - 1))
        if (w->table[i] == 0 || strcmp(w->texts[w->table[i] - 1], text) == 0)
            return &w->table[i];
}

static ct_status grow_table(writer *w)
{
    if (2 * (w->n_texts + 1) < w->table_room)
        return CT_OK;
    w->table_room = w->table_room ? 2 * w->table_room : 256;
    w->table = ct__arena_alloc(&w->p->arena, (size_t)w->table_room * sizeof *w->table);
    if (!w->table)
        return CT_ERROR_MEMORY;
    memset(w->table, 0, (size_t)w->table_room * sizeof *w->table);
    for (int64_t k = 0; k < w->n_texts; k++)
        *place_of(w, w->texts[k]) = k + 1;
    return CT_OK;
}

/* The number of a text; -1 for NULL, and, with an error, without memory. */
static int64_t number_of(writer *w, const char *text)
{
    if (!text || grow_table(w) != CT_OK)
        return -1;
    int64_t *place = place_of(w, text);
    if (*place)
        return *place - 1;
    if (ct__trace_grow((void **)&w->texts, w->n_texts, &w->room_texts, sizeof *w->texts) != CT_OK)
        return -1;
    w->texts[w->n_texts++] = text;
    *place = w->n_texts;
    return w->n_texts - 1;
}

static void put_texts(const writer *w)
{
    fputs("\"texts\":[", w->stream);
    for (int64_t k = 0; k < w->n_texts; k++) {
        fputs(k ? ",\n" : "", w->stream);
        put_string(w->stream, w->texts[k]);
    }
    fputc(']', w->stream);
}

/* ---- values ---- */

/* In as few digits as bring it back. */
static void put_number(FILE *stream, double value, bool single)
{
    char text[40];
    if (!isfinite(value)) {
        fputs(isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"", stream);
        return;
    }
    for (int digits = single ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back == value || (single && (float)back == (float)value))
            break;
    }
    fputs(text, stream);
}

static void put_numbers(FILE *stream, const double *values, int64_t n, bool single)
{
    fputc('[', stream);
    for (int64_t i = 0; i < n; i++) {
        fputs(i ? "," : "", stream);
        put_number(stream, values[i], single);
    }
    fputc(']', stream);
}

static void put_integers(FILE *stream, const int64_t *values, int64_t n)
{
    fputc('[', stream);
    for (int64_t i = 0; i < n; i++)
        fprintf(stream, i ? ",%lld" : "%lld", (long long)values[i]);
    fputc(']', stream);
}

static void put_value(FILE *stream, const ct_snapshot *s)
{
    bool single = s && s->dtype == CT_FLOAT32;
    if (!s) {
        fputs("null", stream);
        return;
    }
    if (s->dtype == CT_FLOAT64 && s->rank == 0 && s->values) {
        put_number(stream, s->values[0], false);
        return;
    }
    fprintf(stream, "[\"%s\",", ct_dtype_name(s->dtype));
    put_integers(stream, s->shape, s->rank);
    if (s->values) {
        fputc(',', stream);
        put_numbers(stream, s->values, s->shown, single);
    }
    if (s->bins) {
        fputc(',', stream);
        put_numbers(stream, (double[]){s->min, s->max, s->mean, s->norm}, 4, false);
        fputc(',', stream);
        put_integers(stream, (int64_t[]){s->zeros, s->nans, s->infinities}, 3);
        fputc(',', stream);
        put_integers(stream, s->bins, CT_TRACE_BINS);
    }
    fputc(']', stream);
}

static bool same_bits(const double *a, const double *b, int64_t n)
{
    return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Whether nobody who sees them could tell them apart. */
static bool same(const ct_snapshot *a, const ct_snapshot *b)
{
    if (!a || !b || a == b)
        return a == b;
    bool alike = a->dtype == b->dtype && a->rank == b->rank && a->shown == b->shown && !a->bins == !b->bins &&
                 (a->rank == 0 || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0);
    return alike && same_bits(a->values, b->values, a->shown) &&
           (!a->bins ||
            (same_bits(&a->min, &b->min, 1) && same_bits(&a->max, &b->max, 1) && same_bits(&a->mean, &b->mean, 1) &&
             memcmp(a->bins, b->bins, CT_TRACE_BINS * sizeof *a->bins) == 0));
}

/* ---- nodes, boxes, lanes ---- */

enum { MOST_ASKED = 300 }; /* nodes that are asked for a reason: each asks for a walk over all */

static long long tile_of(const writer *w, int64_t id)
{
    return id < 0 ? -1 : w->p->tile_of[id];
}

static void put_inputs(const writer *w, const ct_trace_node *node)
{
    fputc('[', w->stream);
    for (int i = 0; i < node->n_inputs; i++)
        fprintf(w->stream, i ? ",%lld" : "%lld", tile_of(w, node->inputs[i]));
    fputc(']', w->stream);
}

static void put_measure(FILE *stream, const ct_trace_measure *m)
{
    if (m->verdict == CT_TRACE_UNMEASURED)
        return;
    fprintf(stream, ",%d,", (int)m->verdict);
    put_numbers(stream, (double[]){m->along, m->left, m->right}, 3, false);
}

static void put_node(writer *w, int64_t k)
{
    const ct_trace_node *node = ct__shown_node(w->p, k);
    const ct_page_tile *tile = &w->p->tiles[k];
    const char *source = ct__source_line(&w->sources, node->file, node->line);
    fprintf(w->stream, "%s[%d,", k ? ",\n" : "", (int)node->kind);
    put_string(w->stream, w->p->labels[node->id]);
    fprintf(w->stream, ",%d,%lld,%lld,%lld,%d,%lld,", node->name != NULL, (long long)number_of(w, node->op),
            (long long)number_of(w, node->formula), (long long)number_of(w, node->file), node->line,
            (long long)number_of(w, source));
    put_inputs(w, node);
    fputc(',', w->stream);
    put_value(w->stream, node->value);
    fprintf(w->stream, ",%d,%lld,%lld,%.0f,%.0f,%d,%d,", (int)node->state, (long long)number_of(w, node->why),
            (long long)(tile->parent - w->p->n_nodes), tile->w, tile->h, tile->label_w, node->recorded);
    bool told = node->state == CT_GRADIENT_NUMBER && w->came[node->id];
    put_value(w->stream, told ? NULL : node->gradient);
    bool few = w->p->n_nodes <= MOST_ASKED && w->p->run > 0;
    const char *reason = few && node->state >= CT_GRADIENT_ZERO
                             ? ct__arena_text(&w->p->arena, ct_trace_why(w->p->trace, node->id))
                             : NULL;
    fprintf(w->stream, ",%d,%lld,%lld,[", node->output, (long long)number_of(w, node->attributes),
            (long long)number_of(w, reason));
    for (int i = 0; i < node->n_kept; i++)
        fprintf(w->stream, "%s%lld", i ? "," : "", tile_of(w, node->kept[i]));
    bool known = node->failed || (node->value->rank > 0 && (node->axes || node->kind != CT_TRACE_RESULT));
    const char *born = w->p->n_nodes <= MOST_ASKED && known
                           ? ct__arena_text(&w->p->arena, ct_trace_shape(w->p->trace, node->id))
                           : NULL;
    fprintf(w->stream, "],%lld,%lld,%lld,%lld,%lld", (long long)node->kept_bytes,
            (long long)(node->freed < 0 ? -1 : w->told[node->freed]), (long long)node->id,
            (long long)number_of(w, node->failed), (long long)number_of(w, born));
    put_measure(w->stream, &node->measure);
    fputc(']', w->stream);
}

static void put_box(writer *w, int64_t b)
{
    const ct_picture *p = w->p;
    const ct_box *box = &p->boxes[b];
    int64_t parent = p->tiles[p->n_nodes + b].parent;
    fputs(b ? ",\n[" : "[", w->stream);
    put_string(w->stream, box->name);
    fprintf(w->stream, ",%lld,%d,%lld,[", (long long)(parent < 0 ? -1 : parent - p->n_nodes), box->open,
            (long long)box->nodes);
    for (int64_t k = box->begin; k < box->end; k++) {
        bool begins = p->tiles[p->order[k]].slot == 0;
        fprintf(w->stream, "%s%lld", !begins ? "," : k > box->begin ? "],[" : "[", (long long)p->order[k]);
    }
    char flow[CT_LABEL_TEXT];
    ct__box_flow(p, box, flow, sizeof flow);
    fprintf(w->stream, "%s,%lld,%lld,%lld,%d]", box->end > box->begin ? "]]" : "]", (long long)box->times,
            (long long)number_of(w, ct__arena_text(&w->p->arena, flow)), (long long)box->gives, box->path != NULL);
}

static void put_lanes(const writer *w)
{
    fputs("],\n\"lanes\":[", w->stream);
    for (int64_t k = 0; k < w->p->n_lanes; k++) {
        const ct_lane *lane = &w->p->lanes[k];
        fprintf(w->stream, "%s[%lld,%lld,%lld]", k ? "," : "", (long long)lane->from, (long long)lane->to,
                (long long)lane->bends);
    }
    fputc(']', w->stream);
}

/* ---- steps ---- */

static void put_step(writer *w, const ct_trace_step *s)
{
    fprintf(w->stream, "[%d,%lld,%d,%lld,", (int)s->action, tile_of(w, s->from), s->input, tile_of(w, s->to));
    put_value(w->stream, s->contribution);
    fputc(',', w->stream);
    put_value(w->stream, s->action == CT_STEP_LEAF ? s->old : s->local);
    bool incoming = s->from >= 0 && !same(s->incoming, w->came[s->from]);
    bool now = s->action == CT_STEP_LEAF || incoming || !same(s->now, s->contribution);
    if (s->action != CT_STEP_LEAF)
        fprintf(w->stream, ",%u", s->elementwise | s->summed << 1);
    if (now) {
        fputc(',', w->stream);
        put_value(w->stream, s->now);
    }
    if (incoming) {
        fputc(',', w->stream);
        put_value(w->stream, s->incoming);
    }
    fputc(']', w->stream);
    w->came[s->to] = s->now;
}

static void put_steps(writer *w)
{
    bool any = false;
    fputs(",\n\"steps\":[", w->stream);
    for (int64_t k = 0; k < w->p->trace->n_steps; k++) {
        const ct_trace_step *step = &w->p->trace->steps[k];
        if (!ct__in_story(w->p, step))
            continue;
        fputs(any ? ",\n" : "", w->stream);
        put_step(w, step);
        any = true;
    }
    fputc(']', w->stream);
}

static void put_kinks(writer *w)
{
    const char *comma = "";
    int64_t told = 0;
    fputs(",\n\"kinks\":[", w->stream);
    for (int64_t k = 0; k < w->p->trace->n_steps; k++) {
        const ct_trace_step *step = &w->p->trace->steps[k];
        if (!ct__in_story(w->p, step))
            continue;
        if (step->kinks) {
            fprintf(w->stream, "%s[%lld,%d]", comma, (long long)told, __builtin_popcountll(step->kinks));
            comma = ",";
        }
        told++;
    }
    fputc(']', w->stream);
}

/* ---- updates ---- */

static void put_number_or_null(FILE *stream, double value)
{
    if (isnan(value))
        fputs("null", stream);
    else
        put_number(stream, value, false);
}

static void put_update(writer *w, const ct_trace_update *u)
{
    bool clipped = u->used && u->used->norm < u->gradient->norm * (1 - 1e-6);
    fprintf(w->stream, "[%lld,", tile_of(w, u->to));
    put_value(w->stream, u->change);
    fputc(',', w->stream);
    put_value(w->stream, u->after);
    fputc(',', w->stream);
    put_value(w->stream, u->used ? u->used : u->gradient);
    fputc(',', w->stream);
    put_number_or_null(w->stream, clipped ? u->gradient->norm : NAN);
    fputc(',', w->stream);
    put_number_or_null(w->stream, u->factor);
    fprintf(w->stream, ",%lld,%lld,%d,%lld,%lld]", (long long)number_of(w, u->by), (long long)number_of(w, u->file),
            u->line, (long long)number_of(w, u->arithmetic), (long long)u->element);
}

static void put_forecast(const writer *w)
{
    ct_trace_forecast f;
    bool any = w->p->run == w->p->trace->runs && ct_trace_forecast_of(w->p->trace, &f) && !isnan(f.before);
    fputs(any ? ",\n\"forecast\":[" : ",\n\"forecast\":null", w->stream);
    if (!any)
        return;
    put_number(w->stream, f.before, false);
    fputc(',', w->stream);
    put_number_or_null(w->stream, f.forecast);
    fputc(',', w->stream);
    if (f.again < 0)
        fputs("null", w->stream);
    else
        put_number(w->stream, f.after, false);
    fputc(']', w->stream);
}

static void put_updates(writer *w)
{
    bool any = false;
    fputs(",\n\"updates\":[", w->stream);
    for (int64_t k = 0; k < w->p->trace->n_updates; k++) {
        const ct_trace_update *u = &w->p->trace->updates[k];
        if (u->run != w->p->run || w->p->tile_of[u->to] < 0)
            continue;
        fputs(any ? ",\n" : "", w->stream);
        put_update(w, u);
        any = true;
    }
    fputc(']', w->stream);
    put_forecast(w);
}

/* ---- the whole ---- */

static void put_all(writer *w)
{
    fprintf(w->stream, "{\"version\":1,\"root\":%lld,\"runs\":%lld,\"width\":%d,\"at\":%lld",
            (long long)w->p->tile_of[w->p->root], (long long)w->p->trace->runs, w->p->options->width,
            (long long)w->p->options->step);
    put_steps(w);
    put_kinks(w);
    put_updates(w);
    fputs(",\n\"nodes\":[", w->stream);
    for (int64_t k = 0; k < w->p->n_nodes; k++)
        put_node(w, k);
    fputs("],\n\"boxes\":[", w->stream);
    for (int64_t b = 0; b < w->p->n_boxes; b++)
        put_box(w, b);
    put_lanes(w);
    fprintf(w->stream, ",\n\"unmeasured\":%lld,\n", (long long)number_of(w, w->p->trace->unmeasured));
    put_texts(w);
    fputs("}\n", w->stream);
}

static ct_status count_told(writer *w)
{
    int64_t n = w->p->trace->n_steps;
    w->told = ct__arena_alloc(&w->p->arena, (size_t)(n + 1) * sizeof *w->told);
    if (!w->told)
        return CT_ERROR_MEMORY;
    w->told[0] = 0;
    for (int64_t k = 0; k < n; k++)
        w->told[k + 1] = w->told[k] + ct__in_story(w->p, &w->p->trace->steps[k]);
    return CT_OK;
}

ct_status ct__write_page_data(FILE *stream, ct_picture *p)
{
    size_t n = (size_t)p->trace->n_nodes;
    writer w = {.stream = stream, .p = p, .came = ct__arena_alloc(&p->arena, n * sizeof *w.came)};
    ct_status status = w.came ? count_told(&w) : CT_ERROR_MEMORY;
    if (status == CT_OK)
        status = ct__sources_read(&w.sources, p);
    if (status == CT_OK) {
        memset(w.came, 0, n * sizeof *w.came);
        put_all(&w);
        status = ct_error_code();
    }
    ct__free(w.texts, (size_t)w.room_texts * sizeof *w.texts);
    ct__sources_free(&w.sources);
    return status;
}
