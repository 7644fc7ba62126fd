/* The words of a picture. Invariant: what comes out is UTF-8 that XML may hold, whatever went in; it is not yet escaped. */
#include "picture_internal.h"
#include <string.h>

int ct__columns(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

int ct__character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    int more = c[0] < 0x80                   ? 0
               : c[0] >= 0xc2 && c[0] < 0xe0 ? 1
               : (c[0] & 0xf0) == 0xe0       ? 2
               : c[0] >= 0xf0 && c[0] < 0xf5 ? 3
                                             : -1;
    if (c[0] < 0x20 || c[0] == 0x7f || more < 0)
        return 0;
    for (int i = 1; i <= more; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf4 && c[1] >= 0x90) ||
                   (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe);
    return overlong || outside ? 0 : more + 1;
}

char *ct__clean(const char *text, int most, char *buffer, size_t size)
{
    size_t used = 0;
    int columns = 0;
    for (const char *c = text; *c;) {
        int bytes = ct__character(c);
        if (columns == most || used + 8 > size) {
            memcpy(buffer + used, "\xe2\x80\xa6", 3); /* ... */
            used += 3;
            break;
        }
        memcpy(buffer + used, bytes ? c : "?", bytes ? (size_t)bytes : 1);
        used += bytes ? (size_t)bytes : 1;
        c += bytes ? bytes : 1;
        columns++;
    }
    buffer[used] = '\0';
    return buffer;
}

/* ---- values ---- */

static void few(const ct_snapshot *s, char *buffer)
{
    char number[CT_NUMBER_TEXT];
    size_t used = (size_t)snprintf(buffer, CT_LABEL_TEXT, s->rank ? "[" : "");
    for (int64_t i = 0; i < s->numel; i++)
        used += (size_t)snprintf(buffer + used, CT_LABEL_TEXT - used, i ? ", %s" : "%s",
                                 ct_number_text(s->values[i], number));
    snprintf(buffer + used, CT_LABEL_TEXT - used, s->rank ? "]" : "");
}

static void many(const ct_snapshot *s, char *buffer, char *more)
{
    char low[CT_NUMBER_TEXT], high[CT_NUMBER_TEXT], mean[CT_NUMBER_TEXT];
    if (s->nans + s->infinities == s->numel) {
        snprintf(buffer, CT_LABEL_TEXT, "all %s", s->infinities == 0 ? "nan" : s->nans == 0 ? "inf" : "nan or inf");
        strcpy(more, " ");
        return;
    }
    ct_number_text(s->min, low);
    ct_number_text(s->max, high);
    if (s->min == s->max)
        snprintf(buffer, CT_LABEL_TEXT, "all %s", low);
    else
        snprintf(buffer, CT_LABEL_TEXT, "%s..%s", low, high);
    snprintf(more, CT_LABEL_TEXT, "mean %s", ct_number_text(s->mean, mean));
    if (s->nans + s->infinities)
        snprintf(more, CT_LABEL_TEXT, "%lld nan, %lld inf", (long long)s->nans, (long long)s->infinities);
}

/* A number, the elements of a short vector, or the range and the mean. */
static void label_value(const ct_snapshot *s, char *buffer, char *more)
{
    buffer[0] = more[0] = '\0';
    if (!s)
        return;
    if (s->numel == 0)
        snprintf(buffer, CT_LABEL_TEXT, "empty");
    else if (s->values && (s->numel == 1 || (s->numel <= 3 && s->rank == 1)))
        few(s, buffer);
    else if (s->values)
        many(s, buffer, more);
}

/* After a step: what has come so far; "..." where nothing has yet. */
static void label_so_far(const ct_snapshot *now, ct_labels *l)
{
    char text[CT_LABEL_TEXT] = "";
    bool zero = now && now->zeros == now->numel;
    label_value(zero ? NULL : now, text, l->gradient_more);
    snprintf(l->gradient, sizeof l->gradient, "\xe2\x88\x82 %.88s", !now ? "\xe2\x80\xa6" : zero ? "0" : text);
}

static void label_gradient(const ct_trace_node *node, ct_labels *l)
{
    static const char *const states[] = {"not computed", "none", "0"};
    char text[CT_LABEL_TEXT];
    label_value(node->state == CT_GRADIENT_NUMBER || node->state == CT_GRADIENT_ZERO ? node->gradient : NULL, text,
                l->gradient_more);
    if (node->state != CT_GRADIENT_NUMBER)
        strcpy(text, states[node->state]);
    if (node->state == CT_GRADIENT_ZERO)
        l->gradient_more[0] = '\0';
    snprintf(l->gradient, sizeof l->gradient, "\xe2\x88\x82 %.88s", text);
}

/* ---- the box of an operation ---- */

static void label_title(const ct_picture *p, const ct_trace_node *node, char *buffer)
{
    char name[CT_LABEL_TEXT], op[CT_LABEL_TEXT];
    ct__clean(p->labels[node->id], 18, name, sizeof name);
    ct__clean(node->op ? node->op : "", 18, op, sizeof op);
    if (node->kind == CT_TRACE_RESULT)
        snprintf(buffer, CT_LABEL_TEXT, "%.60s = %.30s", name, op);
    else
        snprintf(buffer, CT_LABEL_TEXT, "%.80s", name);
}

/* The file without its folders. */
static const char *base(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

void ct__label_node(const ct_picture *p, int64_t tile, ct_labels *l)
{
    const ct_trace_node *node = ct__shown_node(p, tile);
    char shape[CT_SHAPE_TEXT], file[CT_LABEL_TEXT];
    *l = (ct_labels){0};
    label_title(p, node, l->title);
    if (node->failed)
        strcpy(l->type, "failed");
    else if (node->value)
        snprintf(l->type, sizeof l->type, "%.60s%s%s",
                 node->value->rank ? ct__shape_text(node->value->shape, node->value->rank, shape) : "",
                 node->value->rank ? " " : "", ct_dtype_name(node->value->dtype));
    if (node->file)
        snprintf(l->place, sizeof l->place, "%.80s:%d", ct__clean(base(node->file), 24, file, sizeof file), node->line);
    label_value(node->value, l->value, l->value_more);
    bool none = node->state == CT_GRADIENT_NONE;
    if (node->failed)
        return;
    if (p->step && !none)
        label_so_far(p->so_far[node->id], l);
    else
        label_gradient(node, l);
    if (p->options->blanks && !none) {
        strcpy(l->gradient, "\xe2\x88\x82 ______");
        l->gradient_more[0] = '\0';
    }
}

/* ---- boxes ---- */

char *ct__box_title(const ct_box *box, char *buffer, size_t size)
{
    char name[CT_LABEL_TEXT * 2];
    ct__clean(box->name, 40, name, sizeof name);
    if (box->times)
        snprintf(buffer, size, "%.160s \xc3\x97%lld", name, (long long)box->times);
    else
        snprintf(buffer, size, "%.160s", name);
    return buffer;
}

static const char *shape_of(const ct_picture *p, int64_t node, char *buffer)
{
    const ct_snapshot *value = node < 0 ? NULL : ct__shown_node(p, node)->value;
    return value && value->rank ? ct__shape_text(value->shape, value->rank, buffer) : value ? "scalar" : "";
}

char *ct__box_flow(const ct_picture *p, const ct_box *box, char *buffer, size_t size)
{
    char from[CT_SHAPE_TEXT], to[CT_SHAPE_TEXT];
    const char *takes = shape_of(p, box->takes, from), *gives = shape_of(p, box->gives, to);
    snprintf(buffer, size, "%.40s%s\xe2\x86\x92 %.40s", takes, *takes ? " " : "", gives);
    return buffer;
}
