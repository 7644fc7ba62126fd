/* The elementwise operations on integers: kernels from the table in integer_rules.h, what is refused, and the operations on bits.
 *
 * Invariant: no kernel meets a divisor of 0. */
#include "elementwise.h"
#include "shape/shape_internal.h"
#include <math.h>

/* ---- kernels ---- */

#define U(x) ((uint64_t)(x))

static inline int64_t at_most(int64_t x, int64_t most)
{
    return x < most ? x : most;
}

/* C rounds quotients towards 0, and knows none for the lowest number and -1. */
static inline int64_t divide(int64_t a, int64_t b)
{
    if (b == -1)
        return (int64_t)(0 - U(a));
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t rest(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

static inline uint64_t size_of(int64_t a)
{
    return a < 0 ? 0 - U(a) : U(a);
}

/* The greatest common divisor, by Euclid's algorithm; 0 of 0 and 0. */
static inline uint64_t common(int64_t a, int64_t b)
{
    uint64_t x = size_of(a), y = size_of(b);
    while (y > 0) {
        uint64_t left = x % y;
        x = y;
        y = left;
    }
    return x;
}

/* Whether a number has a bit there. */
static inline bool is_place(int64_t b)
{
    return b >= 0 && b < 64;
}

#define KERNEL1(name, numbers, f, T, dtype)                                                                 \
    static void name##_##T(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                           bool streams)                                                                    \
    {                                                                                                       \
        (void)streams;                                                                                      \
        T limit[2] = {0}, *y = out;                                                                         \
        for (int k = 0; k < (numbers); k++)                                                                 \
            ct__store(dtype, limit, k, p[k]);                                                               \
        const int64_t p0 = limit[0], p1 = limit[1];                                                         \
        (void)p0, (void)p1;                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            int64_t x = ((const T *)in[0])[fixed[0] ? 0 : i];                                               \
            y[i] = (T)(f);                                                                                  \
        }                                                                                                   \
    }
#define KERNEL2(name, f, T)                                                                                 \
    static void name##_##T(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                           bool streams)                                                                    \
    {                                                                                                       \
        T *y = out;                                                                                         \
        (void)p, (void)streams;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                   \
            int64_t a = ((const T *)in[0])[fixed[0] ? 0 : i], b = ((const T *)in[1])[fixed[1] ? 0 : i];     \
            y[i] = (T)(f);                                                                                  \
        }                                                                                                   \
    }

#define INTEGER1(name, numbers, f)               \
    KERNEL1(name, numbers, f, int64_t, CT_INT64) \
    KERNEL1(name, numbers, f, int32_t, CT_INT32) \
    KERNEL1(name, numbers, f, uint8_t, CT_UINT8)
#define INTEGER2(name, f)     \
    KERNEL2(name, f, int64_t) \
    KERNEL2(name, f, int32_t) \
    KERNEL2(name, f, uint8_t)
#define BITS1(name, f, dtypes) INTEGER1(name, 0, f)
#define BITS2(name, f, dtypes) INTEGER2(name, f)
#include "integer_rules.h"

#define OF_EACH_TYPE(name)                             \
    {                                                  \
        name##_int64_t, name##_int32_t, name##_uint8_t \
    }
const ct_elementwise_kernel ct__integer_kernels[CT_ELEMENTWISE_KERNELS][CT_INTEGER_TYPES] = {
#define INTEGER1(name, ...) [CT_KERNEL_##name] = OF_EACH_TYPE(name),
#define INTEGER2(name, ...) [CT_KERNEL_##name] = OF_EACH_TYPE(name),
#define BITS1(...)
#define BITS2(...)
#include "integer_rules.h"
};

/* ---- what is refused ---- */

/* Whether the type has this number; an infinity is a bound that binds nothing. */
static bool has_number(ct_dtype dtype, double value)
{
    int64_t stored = 0;
    if (isinf(value))
        return true;
    ct__store(dtype, &stored, 0, value);
    return ct__load(dtype, &stored, 0) == value && value < 0x1p63;
}

static ct_status check_numbers(ct_call *call)
{
    ct_dtype dtype = (ct_dtype)call->inputs[0]->dtype;
    const double *p = call->attributes;
    size_t n = call->op->attributes_size / sizeof *p;
    for (size_t k = 0; k < n; k++)
        if (!has_number(dtype, p[k]) || (n == 1 && isinf(p[k])))
            return ct_call_error(call, CT_ERROR_ARGUMENT, "%g is no %s", p[k], ct_dtype_name(dtype));
    return CT_OK;
}

/* The position of the first 0 in row-major order; false if there is none. */
static bool find_zero(const ct_tensor *t, int64_t *position)
{
    for (int64_t i = 0; i < t->numel; i++) {
        int64_t at = 0, left = i;
        for (int axis = t->rank - 1; axis >= 0; axis--) {
            position[axis] = left % t->shape[axis];
            left /= t->shape[axis];
            at += position[axis] * t->strides[axis];
        }
        if (ct__load((ct_dtype)t->dtype, ct__ptr(t), at) == 0)
            return true;
    }
    return false;
}

static ct_status check_divisor(ct_call *call)
{
    const ct_tensor *b = call->inputs[1];
    int64_t position[CT_MAX_RANK];
    char text[CT_SHAPE_TEXT];
    if (call->outputs[0]->numel == 0 || !find_zero(b, position))
        return CT_OK;
    return ct_call_error(call, CT_ERROR_ARGUMENT, "an integer divided by 0, at %s of input 1: %s",
                         ct__shape_text(position, b->rank, text), ct_call_shapes(call));
}

ct_status ct__integer_infer(ct_call *call)
{
    if (CT_LIKELY(ct__dtype_is_float((ct_dtype)call->inputs[0]->dtype)))
        return ct__elementwise_infer(call);
    ct_status status = ct__elementwise_infer(call);
    if (status != CT_OK)
        return status;
    bool divides = call->op == &ct_op_floor_divide || call->op == &ct_op_remainder || call->op == &ct_op_fmod;
    return divides ? check_divisor(call) : check_numbers(call);
}

/* ---- operations on bits ---- */

static ct_status run(ct_call *call, const ct_elementwise_kernel *kernels)
{
    ct_dtype dtype = ct__loops_of((ct_dtype)call->outputs[0]->dtype);
    ct__elementwise_run(call->outputs[0], call->inputs, call->n_inputs, kernels[dtype - CT_INT64], NULL);
    return CT_OK;
}

#define RECORD(op_name, n, dtypes, ...)                                           \
    static ct_status op_name##_forward(ct_call *call)                             \
    {                                                                             \
        static const ct_elementwise_kernel kernels[] = OF_EACH_TYPE(op_name);     \
        return run(call, kernels);                                                \
    }                                                                             \
    const ct_op ct_op_##op_name = {.name = #op_name,                              \
                                   .gradient = "none: integers have no gradient", \
                                   .min_inputs = n,                               \
                                   .max_inputs = n,                               \
                                   .takes = {dtypes},                             \
                                   .infer = ct__elementwise_infer,                \
                                   .forward = op_name##_forward,                  \
                                   .samples = (const ct_sample[]){__VA_ARGS__, {0}}};

#define INTEGER1(...)
#define INTEGER2(...)
#define BITS1(name, f, dtypes)                                                                     \
    RECORD(name, 1, dtypes, {.inputs = "i9:3x4"}, {.inputs = "u9:scalar"}, {.inputs = "u9:2x0x3"}) \
    ct_tensor *ct_##name(ct_tensor *x)                                                             \
    {                                                                                              \
        return ct_apply(&ct_op_##name, &x, 1, NULL);                                               \
    }
#define BITS2(name, f, dtypes)                                                                                        \
    RECORD(name, 2, dtypes, {.inputs = "i9:3x4 i9:3x4"}, {.inputs = "u9:2x1x4 u9:3x1"}, {.inputs = "i9:scalar i9:5"}, \
           {.inputs = "u9:scalar u9:scalar"}, {.inputs = "i9:2x0 i9:1"})                                              \
    ct_tensor *ct_##name(ct_tensor *a, ct_tensor *b)                                                                  \
    {                                                                                                                 \
        return ct_apply(&ct_op_##name, (ct_tensor *[]){a, b}, 2, NULL);                                               \
    }
#include "integer_rules.h"
