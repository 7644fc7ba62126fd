/* Activations as layers: a row each, by the numbers that the operation takes. */
#include "nn_internal.h"

typedef struct activation {
    ct_unary function;
    ct_tensor *(*with_axis)(ct_tensor *x, int axis);
    ct_tensor *(*with_one)(ct_tensor *x, double a);
    ct_tensor *(*with_two)(ct_tensor *x, double a, double b);
    int axis;
    double a, b;
} activation;

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    const activation *f = ct_module_self(module);
    return f->function    ? f->function(x)
           : f->with_axis ? f->with_axis(x, f->axis)
           : f->with_one  ? f->with_one(x, f->a)
                          : f->with_two(x, f->a, f->b);
}

#define ROW(operation, parameters, ...)                                                                          \
    ct_module *ct_##operation##_new parameters                                                                   \
    {                                                                                                            \
        static const ct_layer layer = {.name = #operation, .self_size = sizeof(activation), .forward = forward}; \
        return ct_layer_new(module, name, &layer, &(activation){__VA_ARGS__});                                   \
    }
#define PLAIN(operation) ROW(operation, (ct_module * module, const char *name), .function = ct_##operation)
#define ALONG_AXIS(operation) \
    ROW(operation, (ct_module * module, const char *name, int axis), .with_axis = ct_##operation, .axis = axis)
#define WITH_ONE(operation, number) \
    ROW(operation, (ct_module * module, const char *name, double number), .with_one = ct_##operation, .a = number)

/* ---- those that are another operation with numbers of its own ---- */

static ct_tensor *softmin(ct_tensor *x, int axis)
{
    return ct_softmax(ct_neg(x), axis);
}

static ct_tensor *unchanged(ct_tensor *x)
{
    return x;
}

/* ---- the rows ---- */

PLAIN(relu)
PLAIN(gelu)
PLAIN(gelu_tanh)
PLAIN(silu)
PLAIN(mish)
PLAIN(selu)
PLAIN(tanh)
PLAIN(sigmoid)
PLAIN(log_sigmoid)
PLAIN(softsign)
PLAIN(hardsigmoid)
PLAIN(hardswish)
PLAIN(tanhshrink)
ALONG_AXIS(softmax)
ALONG_AXIS(log_softmax)
ALONG_AXIS(glu)
WITH_ONE(elu, alpha)
WITH_ONE(celu, alpha)
WITH_ONE(hardshrink, lambda)
WITH_ONE(softshrink, lambda)
WITH_ONE(leaky_relu, slope)
WITH_ONE(softplus, beta)
ROW(hardtanh, (ct_module * module, const char *name, double low, double high), .with_two = ct_hardtanh, .a = low,
    .b = high)
ROW(threshold, (ct_module * module, const char *name, double threshold, double value), .with_two = ct_threshold,
    .a = threshold, .b = value)
ROW(relu6, (ct_module * module, const char *name), .with_two = ct_hardtanh, .a = 0, .b = 6)
ROW(softmin, (ct_module * module, const char *name, int axis), .with_axis = softmin, .axis = axis)
ROW(identity, (ct_module * module, const char *name), .function = unchanged)

ct_module *ct_function_new(ct_module *module, const char *name, ct_unary function)
{
    static const ct_layer layer = {.name = "function", .self_size = sizeof(activation), .forward = forward};
    if (!function)
        ct_error_set(CT_ERROR_NULL, "function_new: the function is NULL");
    return function ? ct_layer_new(module, name, &layer, &(activation){.function = function}) : NULL;
}

/* ---- one that learns ---- */

static void build_prelu(ct_module *module)
{
    const int64_t *n = ct_module_self(module);
    ct_module_add(module, "weight", CT_INIT_CONSTANT(0.25), n, 1, NULL);
}

static ct_tensor *prelu(ct_module *module, ct_tensor *x)
{
    return ct_prelu(x, ct_module_get(module, "weight"));
}

ct_module *ct_prelu_new(ct_module *module, const char *name, int64_t n)
{
    static const ct_layer layer = {.name = "prelu", .self_size = sizeof n, .build = build_prelu, .forward = prelu};
    if (n >= 1)
        return ct_layer_new(module, name, &layer, &n);
    ct_error_set(CT_ERROR_ARGUMENT, "prelu_new: %lld weights", (long long)n);
    return NULL;
}
