/* Samples: the words of a ct_sample, turned into tensors. Invariant: float values are exact in float32, so that a sample is the
 * same point in both precisions, and steps of the checker from it are exact. */
#include "sample.h"
#include <stdlib.h>
#include <string.h>

typedef struct word {
    char kind;           /* 'f', 'i', 'u', 'b', or 'n' for null */
    int64_t from, below; /* of integers */
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
        if (*end == '-' && end != *at) {
            w->from = w->below;
            w->below = strtoll(*at = end + 1, &end, 10);
        }
        if (end == *at || *end != ':' || w->from < 0 || w->below <= w->from)
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

/* Where functions have kinks, roots and cases of their own, and series and tables their ends. */
static const double near_values[] = {1, -1, 0.5, 2, -0.5, -2, 1.5, -1.5, 3, 0.25};
static const double far_values[] = {3, -3, 6, -6, 4, -4, 5, 10, -5, 20};

int ct__special_values(bool far)
{
    return far ? (int)(sizeof far_values / sizeof *far_values) : (int)(sizeof near_values / sizeof *near_values);
}

/* Puts those of the list that are in the word's range into values, one after the other. */
static void take_special(const word *w, ct__otherwise otherwise, int input, ct_tensor *values)
{
    double fit[sizeof near_values / sizeof *near_values];
    int count = 0, all = ct__special_values(otherwise.far);
    for (int i = 0; i < all; i++) {
        double value = otherwise.far ? far_values[i] : near_values[i];
        if (otherwise.far || (value >= w->low && value <= w->high))
            fit[count++] = value;
    }
    for (int64_t k = 0; count > 0 && k < values->numel; k++)
        ct__doubles(values)[k] = fit[(otherwise.place - 1 + k + 5 * (int64_t)input) % count];
}

static ct_tensor *float_input(const word *w, ct_dtype dtype, ct__otherwise otherwise, int input)
{
    ct_tensor *values = w->low < w->high ? ct_rand(CT_FLOAT64, w->low, w->high, w->shape, w->rank)
                                         : ct_full(CT_FLOAT64, w->low, w->shape, w->rank);
    if (values && otherwise.place && w->low < w->high)
        take_special(w, otherwise, input, values);
    ct_tensor *rounded = values ? ct__copy_as(values, CT_FLOAT32) : NULL;
    ct_tensor *made = rounded ? ct__copy_as(rounded, dtype) : NULL;
    if (made && !w->fixed)
        made->requires_grad = true;
    return made;
}

static ct_tensor *make_input(const word *w, ct_dtype dtype, ct__otherwise otherwise, int i)
{
    if (w->kind == 'f')
        return float_input(w, dtype, otherwise, i);
    ct_tensor *input = ct_randint(w->from, w->below, w->shape, w->rank);
    ct_dtype wanted = w->kind == 'i' ? CT_INT64 : w->kind == 'u' ? CT_UINT8 : CT_BOOL;
    return input && wanted != CT_INT64 ? ct__copy_as(input, wanted) : input;
}

static bool is_resized(const word *w, ct__otherwise otherwise, int input, int axis)
{
    bool here = !otherwise.input || (otherwise.input == input + 1 && otherwise.axis == axis + 1);
    return otherwise.from && w->shape[axis] == otherwise.from && here;
}

/* False if it has no room for more axes. */
static bool resized(word *w, ct__otherwise otherwise, int input)
{
    for (int i = 0; i < w->rank; i++)
        w->shape[i] = is_resized(w, otherwise, input, i) ? otherwise.to : w->shape[i];
    if (w->kind == 'n')
        return true;
    if (w->rank + otherwise.lead > CT_MAX_RANK)
        return false;
    memmove(w->shape + otherwise.lead, w->shape, (size_t)w->rank * sizeof *w->shape);
    w->rank += otherwise.lead;
    for (int i = 0; i < otherwise.lead; i++)
        w->shape[i] = 2;
    return true;
}

ct_status ct__sample_otherwise(const ct_sample *sample, ct_dtype dtype, ct__otherwise otherwise, ct_tensor **inputs,
                               int *n)
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
        if (!resized(&w, otherwise, *n))
            return ct__error(CT_ERROR_SHAPE, "sample_inputs: rank above %d", CT_MAX_RANK);
        inputs[*n] = w.kind == 'n' ? NULL : make_input(&w, dtype, otherwise, *n);
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
    return ct__sample_otherwise(sample, dtype, (ct__otherwise){0}, inputs, n);
}
