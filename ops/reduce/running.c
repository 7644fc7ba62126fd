/* Running extremes, and the running logarithm of sums of exponentials.
 *
 * Invariant: a line is one sequence along the axis of contiguous elements; what comes of it depends on it alone. */
#include "reduce_internal.h"
#include <math.h>

/* ---- lines ---- */

/* Line i of contiguous elements [outer, n, inner]: element k is at first_of(i) + k inner. */
typedef struct lines {
    int64_t count, n, inner;
} lines;

static lines lines_of(const ct_tensor *x, int64_t axis_given)
{
    int axis = ct__axis((int)axis_given, x->rank);
    lines l = {.n = x->rank ? x->shape[axis] : 1, .inner = 1};
    for (int i = axis + 1; i < x->rank; i++)
        l.inner *= x->shape[i];
    l.count = l.n ? x->numel / l.n : 0;
    return l;
}

static int64_t first_of(const lines *l, int64_t line)
{
    return line / l->inner * l->n * l->inner + line % l->inner;
}

static ct_status check_axis(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    return ct__call_axis(call, along->axis, ct_rank(ct_call_input(call, 0))) < 0 ? CT_ERROR_ARGUMENT : CT_OK;
}

static const ct_sample samples[] = {{"3x5", &(ct_axis_attributes){1}},    {"2x3x4", &(ct_axis_attributes){-2}},
                                    {"5", &(ct_axis_attributes){0}},      {"3x1", &(ct_axis_attributes){1}},
                                    {"scalar", &(ct_axis_attributes){0}}, {"2x0", &(ct_axis_attributes){-1}},
                                    {"0x2", &(ct_axis_attributes){1}},    {0}};

/* ---- cummax, cummin: the last of equals; the first NaN is the extreme from there on ---- */

#define EXTREMES(name, T, beats)                                                       \
    static void name##_##T(const void *from, void *to, int64_t *place, const lines *l) \
    {                                                                                  \
        const T *x = from;                                                             \
        T *y = to;                                                                     \
        for (int64_t line = 0; line < l->count; line++) {                              \
            int64_t first = first_of(l, line), best = 0;                               \
            for (int64_t k = 0, at = first; k < l->n; k++, at += l->inner) {           \
                T value = x[at], extreme = x[first + best * l->inner];                 \
                if (value != value || value beats extreme)                             \
                    best = k;                                                          \
                y[at] = x[first + best * l->inner];                                    \
                place[at] = best;                                                      \
            }                                                                          \
        }                                                                              \
    }

#define RUNNING(op, beats, words)                                                                                     \
    EXTREMES(op, float, beats)                                                                                        \
    EXTREMES(op, double, beats)                                                                                       \
    EXTREMES(op, int64_t, beats)                                                                                      \
    EXTREMES(op, int32_t, beats)                                                                                      \
    EXTREMES(op, uint8_t, beats)                                                                                      \
    static ct_status forward_##op(ct_call *call)                                                                      \
    {                                                                                                                 \
        static void (*const kernels[])(const void *, void *, int64_t *, const lines *) = {[CT_FLOAT32] = op##_float,  \
                                                                                          [CT_FLOAT64] = op##_double, \
                                                                                          [CT_INT64] = op##_int64_t,  \
                                                                                          [CT_INT32] = op##_int32_t,  \
                                                                                          [CT_UINT8] = op##_uint8_t}; \
        return forward(call, kernels[ct__loops_of((ct_dtype)ct_call_input(call, 0)->dtype)]);                         \
    }                                                                                                                 \
    ct_tensor *ct_##op(ct_tensor *x, int axis, ct_tensor **indices)                                                   \
    {                                                                                                                 \
        return ct__with_indices(&ct_op_##op, x, &(ct_axis_attributes){axis}, indices);                                \
    }                                                                                                                 \
    const ct_op ct_op_##op = {                                                                                        \
        .name = #op,                                                                                                  \
        .takes = {CT_COMPUTED},                                                                                       \
        .gradient = "the sum of g where the " words " is this element",                                               \
        .min_inputs = 1,                                                                                              \
        .max_inputs = 1,                                                                                              \
        .outputs = 2,                                                                                                 \
        .saves = CT_SAVE_OUTPUT(1),                                                                                   \
        .attributes_size = sizeof(ct_axis_attributes),                                                                \
        .attribute_names = "axis",                                                                                    \
        .infer = infer,                                                                                               \
        .forward = forward_##op,                                                                                      \
        .backward = backward,                                                                                         \
        .samples = samples,                                                                                           \
    };

static ct_status infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_status status = check_axis(call);
    if (status == CT_OK)
        status = ct_call_output_like(call, 0, x);
    return status == CT_OK ? ct_call_output_shape(call, 1, CT_INT64, x->shape, x->rank) : status;
}

static ct_status forward(ct_call *call, void (*kernel)(const void *, void *, int64_t *, const lines *))
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    const void *x = ct_call_input_data(call, 0);
    lines l = lines_of(ct_call_input(call, 0), along->axis);
    if (!x)
        return ct_error_code();
    kernel(x, ct_call_output_data(call, 0), ct_call_output_data(call, 1), &l);
    return CT_OK;
}

static ct_status backward(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    return ct__scatter_back(call, along->axis);
}

RUNNING(cummax, >=, "largest so far")
RUNNING(cummin, <=, "smallest so far")

/* ---- logcumsumexp ---- */

static double log_of_sum(double a, double b)
{
    double larger = a > b || a != a ? a : b, smaller = a > b || a != a ? b : a;
    return smaller == -INFINITY || larger == INFINITY ? larger : larger + log1p(exp(smaller - larger));
}

#define LOG_SUMS(T)                                                      \
    static void log_sums_##T(const void *from, void *to, const lines *l) \
    {                                                                    \
        const T *x = from;                                               \
        T *y = to;                                                       \
        for (int64_t line = 0; line < l->count; line++) {                \
            double sum = -INFINITY;                                      \
            int64_t at = first_of(l, line);                              \
            for (int64_t k = 0; k < l->n; k++, at += l->inner) {         \
                sum = log_of_sum(sum, (double)x[at]);                    \
                y[at] = (T)sum;                                          \
            }                                                            \
        }                                                                \
    }
LOG_SUMS(float)
LOG_SUMS(double)

static ct_status infer_log_sums(ct_call *call)
{
    ct_status status = check_axis(call);
    return status == CT_OK ? ct_call_output_like(call, 0, ct_call_input(call, 0)) : status;
}

static ct_status forward_log_sums(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    const void *x = ct_call_input_data(call, 0);
    lines l = lines_of(ct_call_input(call, 0), along->axis);
    if (!x)
        return ct_error_code();
    (ct_call_input(call, 0)->dtype == CT_FLOAT32 ? log_sums_float : log_sums_double)(x, ct_call_output_data(call, 0),
                                                                                     &l);
    return CT_OK;
}

/* exp(a - b), a <= b; 0 where a is -infinity. */
static ct_tensor *exp_of_difference(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *minus_infinity = ct_scalar(ct_dtype_of(a), -INFINITY);
    return ct_exp(ct_where(ct_eq(a, minus_infinity), minus_infinity, ct_sub(a, b)));
}

/* The sum over k >= j of g_k exp(x_j - y_k), which is exp(x_j - y_j) r_j with r_j = g_j + exp(y_j - y_(j+1)) r_(j+1): y never
 * falls, so no exponential is above 1. */
static ct_status backward_log_sums(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    int axis = (int)along->axis;
    if (ct_numel(g) == 0 || ct_rank(g) == 0)
        return ct_call_set_grad(call, 0, g);
    ct_tensor *factors = exp_of_difference(ct_slice(y, axis, 0, -1, 1), ct_slice(y, axis, 1, CT_END, 1));
    ct_tensor *sums = ct_linear_recurrence(factors, g, axis, true);
    return ct_call_set_grad(call, 0, ct_mul(exp_of_difference(x, y), sums));
}

ct_tensor *ct_logcumsumexp(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_logcumsumexp, &x, 1, &(ct_axis_attributes){axis});
}

const ct_op ct_op_logcumsumexp = {
    .name = "logcumsumexp",
    .gradient = "the sum over all later y of g exp(x - y)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_axis_attributes),
    .attribute_names = "axis",
    .infer = infer_log_sums,
    .forward = forward_log_sums,
    .backward = backward_log_sums,
    .samples = samples,
};
