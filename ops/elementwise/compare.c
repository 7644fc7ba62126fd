/* Comparisons, of any dtype, and where: elementwise operations whose inputs are not all floats. */
#include "elementwise.h"

/* ---- comparisons ---- */

#define LOOP(name, type, op)                                                                                   \
    static void name##_##type(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                              bool streams)                                                                    \
    {                                                                                                          \
        (void)p, (void)streams;                                                                                \
        const type *a = in[0], *b = in[1];                                                                     \
        uint8_t *y = out;                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                        \
            y[i] = a[fixed[0] ? 0 : i] op b[fixed[1] ? 0 : i];                                                 \
    }

#define COMPARISON(op_name, op)                                                             \
    LOOP(op_name, float, op)                                                                \
    LOOP(op_name, double, op)                                                               \
    LOOP(op_name, int64_t, op)                                                              \
    LOOP(op_name, int32_t, op)                                                              \
    LOOP(op_name, uint8_t, op)                                                              \
    static ct_status op_name##_forward(ct_call *call)                                       \
    {                                                                                       \
        static const ct_elementwise_kernel kernels[] = {[CT_FLOAT32] = op_name##_float,     \
                                                        [CT_FLOAT64] = op_name##_double,    \
                                                        [CT_INT64] = op_name##_int64_t,     \
                                                        [CT_INT32] = op_name##_int32_t,     \
                                                        [CT_UINT8] = op_name##_uint8_t};    \
        ct__elementwise_run(call->outputs[0], call->inputs, 2,                              \
                            kernels[ct__loops_of((ct_dtype)call->inputs[0]->dtype)], NULL); \
        return CT_OK;                                                                       \
    }                                                                                       \
    const ct_op ct_op_##op_name = {.name = #op_name,                                        \
                                   .gradient = "none: the result is a bool",                \
                                   .min_inputs = 2,                                         \
                                   .max_inputs = 2,                                         \
                                   .takes = {CT_COMPUTED},                                  \
                                   .infer = infer_comparison,                               \
                                   .forward = op_name##_forward,                            \
                                   .samples = comparison_samples};                          \
    ct_tensor *ct_##op_name(ct_tensor *a, ct_tensor *b)                                     \
    {                                                                                       \
        return ct_apply(&ct_op_##op_name, (ct_tensor *[]){a, b}, 2, NULL);                  \
    }

static ct_status infer_comparison(ct_call *call)
{
    return ct__infer_broadcast(call, CT_BOOL);
}

static const ct_sample comparison_samples[] = {{.inputs = "3x4 3x4"},     {.inputs = "i3:3x4 i3:4"},
                                               {.inputs = "u2:2x1 u2:3"}, {.inputs = "b:3 b:2x3"},
                                               {.inputs = "scalar 0x2"},  {.inputs = NULL}};

COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)
COMPARISON(logical_and, &&)
COMPARISON(logical_or, ||)

/* Of two truths, "exactly one" is "they differ". */
static ct_tensor *truth(ct_tensor *a)
{
    return ct_logical_or(a, a);
}

static ct_tensor *logical_xor_expression(ct_call *call)
{
    return ct_ne(truth(ct_call_input(call, 0)), truth(ct_call_input(call, 1)));
}

static ct_tensor *logical_not_expression(ct_call *call)
{
    ct_tensor *a = truth(ct_call_input(call, 0));
    return ct_eq(a, ct_scalar(CT_BOOL, 0));
}

const ct_op ct_op_logical_xor = {
    .name = "logical_xor",
    .takes = {CT_COMPUTED},
    .gradient = "none: the result is a bool",
    .min_inputs = 2,
    .max_inputs = 2,
    .expression = logical_xor_expression,
    .samples = comparison_samples,
};

ct_tensor *ct_logical_xor(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_logical_xor, (ct_tensor *[]){a, b}, 2, NULL);
}

static const ct_sample logical_not_samples[] = {
    {.inputs = "3x4"}, {.inputs = "i3:4"}, {.inputs = "u2:0x3"}, {.inputs = NULL}};

const ct_op ct_op_logical_not = {
    .name = "logical_not",
    .takes = {CT_COMPUTED},
    .gradient = "none: the result is a bool",
    .min_inputs = 1,
    .max_inputs = 1,
    .expression = logical_not_expression,
    .samples = logical_not_samples,
};

ct_tensor *ct_logical_not(ct_tensor *a)
{
    return ct_apply(&ct_op_logical_not, &a, 1, NULL);
}

/* ---- where ---- */

#define WHERE(type)                                                                                           \
    static void where_##type(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                             bool streams)                                                                    \
    {                                                                                                         \
        (void)p, (void)streams;                                                                               \
        const uint8_t *condition = in[0];                                                                     \
        const type *a = in[1], *b = in[2];                                                                    \
        type *y = out;                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                       \
            y[i] = condition[fixed[0] ? 0 : i] ? a[fixed[1] ? 0 : i] : b[fixed[2] ? 0 : i];                   \
    }
WHERE(uint64_t)
WHERE(uint32_t)
WHERE(uint16_t)
WHERE(uint8_t)

static ct_status where_infer(ct_call *call)
{
    return ct__infer_broadcast(call, (ct_dtype)call->inputs[1]->dtype);
}

static ct_status where_forward(ct_call *call)
{
    size_t size = ct_dtype_size((ct_dtype)call->outputs[0]->dtype);
    ct__elementwise_run(call->outputs[0], call->inputs, 3,
                        size == 8   ? where_uint64_t
                        : size == 4 ? where_uint32_t
                        : size == 2 ? where_uint16_t
                                    : where_uint8_t,
                        NULL);
    return CT_OK;
}

static ct_status where_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *condition = ct_call_input(call, 0);
    ct_tensor *zero = ct_scalar(ct_dtype_of(g), 0);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, ct_where(condition, g, zero));
    if (status == CT_OK && ct_call_needs_grad(call, 2))
        status = ct_call_set_grad(call, 2, ct_where(condition, zero, g));
    return status;
}

static const ct_sample where_samples[] = {{.inputs = "b:3x4 3x4 3x4"},
                                          {.inputs = "b:3x1 4 2x3x4"},
                                          {.inputs = "b:scalar scalar scalar"},
                                          {.inputs = "u2:0x3 3 1"},
                                          {.inputs = NULL}};

const ct_op ct_op_where = {
    .name = "where",
    .takes = {CT_MASKS, CT_ANY_DTYPE},
    .roles = "condition a b",
    .gradient = "condition ? g : 0 for a, condition ? 0 : g for b",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(0),
    .infer = where_infer,
    .forward = where_forward,
    .backward = where_backward,
    .samples = where_samples,
};

ct_tensor *ct_where(ct_tensor *condition, ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_where, (ct_tensor *[]){condition, a, b}, 3, NULL);
}
