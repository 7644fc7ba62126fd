/* A subscript in NumPy's notation, read from left to right: each part is a view of what the parts before it left.
 *
 * Invariant: axis is the first that no part has taken yet. */
#include "shape/shape_internal.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *text, *at;
    ct_tensor *t;
    int axis;
    int left; /* parts that take an axis and have not been read */
} reader;

static bool refuse(const reader *r, const char *what)
{
    ct__error(CT_ERROR_ARGUMENT, "subscript: %s at character %d of \"%s\"", what, (int)(r->at - r->text), r->text);
    return false;
}

static void skip_spaces(reader *r)
{
    r->at += strspn(r->at, " ");
}

/* Whether word comes next, which is then behind. */
static bool read_word(reader *r, const char *word)
{
    skip_spaces(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* Whether a number comes next, which is then behind; one that no int64 holds stands for the nearest. */
static bool read_number(reader *r, int64_t *number)
{
    skip_spaces(r);
    const char *digits = r->at + (*r->at == '-' || *r->at == '+');
    char *end;
    if (!isdigit((unsigned char)*digits))
        return false;
    *number = strtoll(r->at, &end, 10);
    r->at = end;
    return true;
}

/* How many parts of the text take an axis: all but None and the dots. */
static int count_axes(const char *text)
{
    int n = 0;
    for (const char *part = text; part; part = strchr(part, ',') ? strchr(part, ',') + 1 : NULL) {
        part += strspn(part, " ");
        n += *part != '\0' && strncmp(part, "None", 4) != 0 && strncmp(part, "...", 3) != 0;
    }
    return n;
}

/* from:to:step, of which a number in front of the first colon has been read if there was one. */
static bool take_slice(reader *r, bool has_start, int64_t start)
{
    int64_t end = CT_END, step = 1;
    read_number(r, &end);
    if (read_word(r, ":"))
        read_number(r, &step);
    if (!has_start)
        start = step < 0 ? CT_END : 0;
    r->t = ct_slice(r->t, r->axis, start, end, step);
    r->axis++;
    return r->t != NULL;
}

static bool take_axis(reader *r)
{
    int64_t number = 0;
    bool given = read_number(r, &number);
    if (read_word(r, ":")) {
        r->left--;
        return take_slice(r, given, number);
    }
    if (!given)
        return refuse(r, "neither a number nor a slice");
    r->left--;
    r->t = ct_select(r->t, r->axis, number);
    return r->t != NULL;
}

static bool take_part(reader *r)
{
    if (read_word(r, "None")) {
        r->t = ct_unsqueeze(r->t, r->axis++);
        return r->t != NULL;
    }
    if (read_word(r, "...")) {
        int end = ct_rank(r->t) - r->left;
        if (end < r->axis)
            return refuse(r, "more parts than axes");
        r->axis = end;
        return true;
    }
    if (r->axis >= ct_rank(r->t))
        return refuse(r, "more parts than axes");
    return take_axis(r);
}

ct_tensor *ct_subscript(ct_tensor *x, const char *subscript)
{
    int64_t order[CT_MAX_RANK];
    if (ct__check_tensor(x, "subscript") != CT_OK)
        return NULL;
    if (!subscript) {
        ct__error(CT_ERROR_NULL, "subscript: the text is NULL");
        return NULL;
    }
    for (int i = 0; i < x->rank; i++)
        order[i] = i;
    reader r = {.text = subscript, .at = subscript, .t = ct_permute(x, order, x->rank), .left = count_axes(subscript)};
    skip_spaces(&r);
    for (bool more = *r.at != '\0'; r.t && more;) {
        if (!take_part(&r))
            return NULL;
        skip_spaces(&r);
        more = read_word(&r, ",");
        if (!more && *r.at != '\0' && !refuse(&r, "no comma"))
            return NULL;
    }
    return r.t;
}
