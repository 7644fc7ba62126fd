/* Samples: the words of a ct_sample, turned into tensors. Invariant: float values are exact in float32, so that a sample is the
 * same point in both precisions, and steps of the checker from it are exact. */
#include "sample.h"
#include <stdlib.h>
#include <string.h>

typedef struct word {
    char kind;     /* 'f', 'i', 'u', 'b', or 'n' for null */
    int64_t below; /* of integers */
    double low, high;
    bool fixed; /* no gradient */
    int rank;
    int64_t shape[CT_MAX_RANK];
} word;

/* "3x4", "scalar"; moves *at behind it. */
static bool read_shape(const char **at, word *w)
{
    if (strncmp(*at, "scalar", 6) == 0) {
        *at += 6;
        return true;
    }
    for (;;) {
        char *end;
        long long size = strtoll(*at, &end, 10);
        if (end == *at || size < 0 || w->rank == CT_MAX_RANK)
            return false;
        w->shape[w->rank++] = size;
        *at = end;
        if (**at != 'x')
            return true;
        (*at)++;
    }
}

static bool read_number(const char **at, double *value)
{
    char *end;
    *value = ct__strtod(*at, &end);
    bool any = end != *at;
    *at = end;
    return any;
}

/* "low..high"; a number's reader would take "0." of "0..3" for a number, so the low end is read up to the dots. */
static bool read_range(const char **at, word *w)
{
    char low[32];
    const char *dots = strstr(*at, "..");
    size_t length = dots ? (size_t)(dots - *at) : 0;
    if (length == 0 || length >= sizeof low)
        return false;
    memcpy(low, *at, length);
    low[length] = '\0';
    const char *start = low;
    *at = dots + 2;
    return read_number(&start, &w->low) && *start == '\0' && read_number(at, &w->high) && w->low <= w->high;
}

static bool read_word(const char **at, word *w)
{
    *w = (word){.kind = 'f', .low = -2, .high = 2};
    if (strncmp(*at, "null", 4) == 0) {
        *at += 4;
        w->kind = 'n';
        return true;
    }
    if (**at == 'f' || **at == 'b') {
        w->kind = *(*at)++;
        w->below = 2;
        if (*(*at)++ != ':')
            return false;
    } else if (**at == 'i' || **at == 'u') {
        char *end;
        w->kind = *(*at)++;
        w->below = strtoll(*at, &end, 10);
        if (end == *at || *end != ':' || w->below < 1)
            return false;
        *at = end + 1;
    }
    if (!read_shape(at, w))
        return false;
    if (**at == '@') {
        (*at)++;
        if (w->kind != 'f' || !read_range(at, w))
            return false;
    }
    if (**at == '!') {
        (*at)++;
        w->fixed = true;
        return w->kind == 'f';
    }
    return true;
}

static ct_tensor *float_input(const word *w, ct_dtype dtype)
{
    ct_tensor *values = w->low < w->high ? ct_rand(CT_FLOAT64, w->low, w->high, w->shape, w->rank)
                                         : ct_full(CT_FLOAT64, w->low, w->shape, w->rank);
    ct_tensor *rounded = values ? ct__copy_as(values, CT_FLOAT32) : NULL;
    ct_tensor *input = rounded ? ct__copy_as(rounded, dtype) : NULL;
    if (input && !w->fixed)
        input->requires_grad = true;
    return input;
}

static ct_tensor *make_input(const word *w, ct_dtype dtype)
{
    if (w->kind == 'f')
        return float_input(w, dtype);
    ct_tensor *input = ct_randint(0, w->below, w->shape, w->rank);
    ct_dtype wanted = w->kind == 'i' ? CT_INT64 : w->kind == 'u' ? CT_UINT8 : CT_BOOL;
    return input && wanted != CT_INT64 ? ct__copy_as(input, wanted) : input;
}

/* False if it has no room for another axis. */
static bool resized(word *w, ct__resize resize)
{
    for (int i = 0; i < w->rank; i++)
        w->shape[i] = resize.from && w->shape[i] == resize.from ? resize.to : w->shape[i];
    if (!resize.lead || w->kind == 'n')
        return true;
    if (w->rank == CT_MAX_RANK)
        return false;
    memmove(w->shape + 1, w->shape, (size_t)w->rank++ * sizeof *w->shape);
    w->shape[0] = resize.lead;
    return true;
}

ct_status ct__sample_resized(const ct_sample *sample, ct_dtype dtype, ct__resize resize, ct_tensor **inputs, int *n)
{
    if (!sample || !sample->inputs || !inputs || !n)
        return ct__error(CT_ERROR_NULL, "sample_inputs: %s is NULL",
                         !sample || !sample->inputs ? "the sample" : "inputs or n");
    if (!ct_dtype_is_float(dtype))
        return ct__error(CT_ERROR_DTYPE, "sample_inputs: %s is no float dtype", ct_dtype_name(dtype));
    const char *at = sample->inputs;
    *n = 0;
    while (*at == ' ')
        at++;
    while (*at) {
        word w;
        if (*n == CT_MAX_INPUTS || !read_word(&at, &w) || (*at && *at != ' '))
            return ct__error(CT_ERROR_ARGUMENT, "sample_inputs: input %d of \"%s\" is not understood", *n,
                             sample->inputs);
        if (!resized(&w, resize))
            return ct__error(CT_ERROR_SHAPE, "sample_inputs: rank above %d", CT_MAX_RANK);
        inputs[*n] = w.kind == 'n' ? NULL : make_input(&w, dtype);
        if (w.kind != 'n' && !inputs[*n])
            return ct_error_code();
        ++*n;
        while (*at == ' ')
            at++;
    }
    return CT_OK;
}

ct_status ct_sample_inputs(const ct_sample *sample, ct_dtype dtype, ct_tensor **inputs, int *n)
{
    return ct__sample_resized(sample, dtype, (ct__resize){0}, inputs, n);
}
