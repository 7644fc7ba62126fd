/* softmax and log_softmax along an axis, with gradients as operations of their own.
 *
 * Invariant: a row is worked on as contiguous elements. Rows that are not the last axis are copied to and fro, several side by
 * side, so that each line of the cache is used whole. */
#include "autograd_internal.h"
#include "kernels_softmax.h"
#include "loss_internal.h"
#include <stdatomic.h>

enum { TASK_ELEMENTS = 1 << 14, SIDE_BY_SIDE = 16 };

const ct_softmax_kernels *ct__softmax_kernels(int is_double)
{
    static const ct_softmax_kernels *const tables[] = {
        ct__softmax_portable,
#if CT_X86_KERNELS
        ct__softmax_avx2,
        ct__softmax_avx512,
#endif
    };
    return &tables[ct__isa()][is_double];
}

typedef struct softmax_attributes {
    int64_t axis;
} softmax_attributes;

/* [outer, n, inner], rows along the middle axis; side rows of one outer index are a group of work. */
typedef struct job {
    ct_row_kernel *kernel;
    ct_dtype dtype;
    int64_t size, n, inner, side, groups; /* groups of one outer index */
    int64_t total, block;                 /* groups in all, and of a task */
    const char *a, *b;
    char *y;
    _Atomic bool failed;
} job;

static ct_status softmax_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0];
    const softmax_attributes *attributes = call->attributes;
    if (ct__call_axis(call, attributes->axis, x->rank) < 0)
        return CT_ERROR_ARGUMENT;
    if (call->n_inputs > 1 && !ct__same_shape(call->inputs[1], x))
        return ct_call_error(call, CT_ERROR_SHAPE, "two of one shape and dtype are needed: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

/* side rows, at offset, through scratch. */
static void columns(const job *j, int64_t offset, int64_t side, char *scratch)
{
    const int64_t shape[] = {side, j->n}, across[] = {1, j->inner}, rows[] = {j->n, 1};
    int64_t bytes = side * j->n * j->size;
    char *a = scratch, *b = scratch + bytes;
    ct__copy_strided(j->dtype, a, rows, j->dtype, j->a + offset, across, shape, 2);
    if (j->b)
        ct__copy_strided(j->dtype, b, rows, j->dtype, j->b + offset, across, shape, 2);
    for (int64_t i = 0; i < side; i++)
        j->kernel(j->n, a + i * j->n * j->size, j->b ? b + i * j->n * j->size : NULL, a + i * j->n * j->size);
    ct__copy_strided(j->dtype, j->y + offset, across, j->dtype, a, rows, shape, 2);
}

static void task(void *context, int64_t index)
{
    job *j = context;
    int64_t first = index * j->block, end = first + j->block < j->total ? first + j->block : j->total;
    size_t bytes = (size_t)(j->inner > 1 ? (j->b ? 2 : 1) * j->side * j->n * j->size : 0);
    char *scratch = bytes ? ct__alloc(bytes) : NULL;
    if (bytes && !scratch) {
        atomic_store(&j->failed, true);
        return;
    }
    for (int64_t i = first; i < end; i++) {
        int64_t at = i % j->groups * j->side, offset = (i / j->groups * j->n * j->inner + at) * j->size;
        if (j->inner == 1)
            j->kernel(j->n, j->a + offset, j->b ? j->b + offset : NULL, j->y + offset);
        else
            columns(j, offset, j->inner - at < j->side ? j->inner - at : j->side, scratch);
    }
    ct__free(scratch, bytes);
}

static ct_status run(ct_call *call, ct_row_kernel *kernel)
{
    const ct_tensor *x = call->inputs[0];
    const softmax_attributes *attributes = call->attributes;
    job j = {.kernel = kernel,
             .dtype = (ct_dtype)x->dtype,
             .size = (int64_t)ct_dtype_size((ct_dtype)x->dtype),
             .inner = 1,
             .a = ct_call_input_data(call, 0),
             .b = ct_call_input_data(call, 1),
             .y = ct_call_output_data(call, 0)};
    if (!j.a || (call->n_inputs > 1 && !j.b))
        return CT_ERROR_MEMORY;
    if (x->numel == 0)
        return CT_OK;
    int axis = ct__axis((int)attributes->axis, x->rank);
    j.n = x->shape[axis];
    for (int i = axis + 1; i < x->rank; i++)
        j.inner *= x->shape[i];
    j.side = j.inner < SIDE_BY_SIDE ? j.inner : SIDE_BY_SIDE;
    j.groups = (j.inner + j.side - 1) / j.side;
    j.total = x->numel / j.n / j.inner * j.groups;
    j.block = 1 + TASK_ELEMENTS / (j.n * j.side);
    ct__parallel((j.total + j.block - 1) / j.block, task, &j);
    return atomic_load(&j.failed) ? ct__no_memory(call->op->name) : CT_OK;
}

static const ct_softmax_kernels *kernels_for(const ct_call *call)
{
    return ct__softmax_kernels(call->inputs[0]->dtype == CT_FLOAT64);
}

static ct_tensor *apply(const ct_op *op, ct_tensor *a, ct_tensor *b, int64_t axis)
{
    softmax_attributes attributes = {axis};
    return ct_apply(op, (ct_tensor *[]){a, b}, b ? 2 : 1, &attributes);
}

static ct_tensor *sum_along(ct_tensor *t, int64_t axis)
{
    ct_reduce_options options = {CT_DEFAULTS(ct_reduce_options), .axes = &axis, .n_axes = 1, .keepdim = true};
    return ct_sum(t, &options);
}

/* ---- softmax ---- */

extern const ct_op ct_op_softmax_backward, ct_op_log_softmax_backward;

static ct_status softmax_forward(ct_call *call)
{
    return run(call, kernels_for(call)->softmax);
}

static ct_status log_softmax_forward(ct_call *call)
{
    return run(call, kernels_for(call)->log_softmax);
}

static ct_status grad_from_y(ct_call *call, const ct_op *op)
{
    const softmax_attributes *attributes = ct_call_attributes(call);
    ct_tensor *y = ct_call_output(call, 0);
    return y ? ct_call_set_grad(call, 0, apply(op, ct_call_grad_output(call, 0), y, attributes->axis))
             : ct_error_code();
}

static ct_status softmax_gradient(ct_call *call)
{
    return grad_from_y(call, &ct_op_softmax_backward);
}

static ct_status log_softmax_gradient(ct_call *call)
{
    return grad_from_y(call, &ct_op_log_softmax_backward);
}

/* ---- the gradients, and theirs ---- */

static ct_status softmax_backward_forward(ct_call *call)
{
    return run(call, kernels_for(call)->softmax_backward);
}

static ct_status log_softmax_backward_forward(ct_call *call)
{
    return run(call, kernels_for(call)->log_softmax_backward);
}

static ct_status softmax_backward_backward(ct_call *call)
{
    int64_t axis = ((const softmax_attributes *)ct_call_attributes(call))->axis;
    ct_tensor *h = ct_call_grad_output(call, 0), *g = ct_call_input(call, 0), *y = ct_call_input(call, 1);
    ct_status status = g && y ? CT_OK : ct_error_code();
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, apply(&ct_op_softmax_backward, h, y, axis));
    if (status == CT_OK && ct_call_needs_grad(call, 1)) {
        ct_tensor *gy = sum_along(ct_mul(g, y), axis), *hy = sum_along(ct_mul(h, y), axis);
        status = ct_call_set_grad(call, 1, ct_sub(ct_mul(h, ct_sub(g, gy)), ct_mul(g, hy)));
    }
    return status;
}

static ct_status log_softmax_backward_backward(ct_call *call)
{
    int64_t axis = ((const softmax_attributes *)ct_call_attributes(call))->axis;
    ct_tensor *h = ct_call_grad_output(call, 0), *g = ct_call_input(call, 0), *y = ct_call_input(call, 1);
    ct_status status = g && y ? CT_OK : ct_error_code();
    ct_tensor *hp = ct_mul(h, ct_exp(y));
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_sub(h, sum_along(hp, axis)));
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, ct_neg(ct_mul(hp, sum_along(g, axis))));
    return status;
}

/* ---- records ---- */

#define AXIS(axis_)             \
    &(const softmax_attributes) \
    {                           \
        axis_                   \
    }

static const ct_sample softmax_samples[] = {{"3x5", AXIS(1)},    {"3x5", AXIS(0)},     {"2x3x37", AXIS(-1)},
                                            {"2x3x19", AXIS(1)}, {"scalar", AXIS(-1)}, {"0x4", AXIS(1)},
                                            {NULL, NULL}};
static const ct_sample gradient_samples[] = {{"3x5 3x5", AXIS(1)},
                                             {"2x3x19 2x3x19", AXIS(-2)},
                                             {"2x37 2x37", AXIS(1)},
                                             {"scalar scalar", AXIS(0)},
                                             {NULL, NULL}};

const ct_op ct_op_softmax = {
    .name = "softmax",
    .gradient = "y (g - sum of g y along the axis)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(softmax_attributes),
    .attribute_names = "axis",
    .infer = softmax_infer,
    .forward = softmax_forward,
    .backward = softmax_gradient,
    .samples = softmax_samples,
};
const ct_op ct_op_log_softmax = {
    .name = "log_softmax",
    .gradient = "g - exp(y) (sum of g along the axis)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(softmax_attributes),
    .attribute_names = "axis",
    .infer = softmax_infer,
    .forward = log_softmax_forward,
    .backward = log_softmax_gradient,
    .samples = softmax_samples,
};
/* Of g and y = softmax(x). */
const ct_op ct_op_softmax_backward = {
    .name = "softmax_backward",
    .gradient = "of g: y (h - sum h y); of y: h (g - sum g y) - g sum h y",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .attributes_size = sizeof(softmax_attributes),
    .attribute_names = "axis",
    .infer = softmax_infer,
    .forward = softmax_backward_forward,
    .backward = softmax_backward_backward,
    .samples = gradient_samples,
};
/* Of g and y = log_softmax(x). */
const ct_op ct_op_log_softmax_backward = {
    .name = "log_softmax_backward",
    .gradient = "of g: h - sum h exp(y); of y: -h exp(y) sum g",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .attributes_size = sizeof(softmax_attributes),
    .attribute_names = "axis",
    .infer = softmax_infer,
    .forward = log_softmax_backward_forward,
    .backward = log_softmax_backward_backward,
    .samples = gradient_samples,
};

ct_tensor *ct_softmax(ct_tensor *x, int axis)
{
    return apply(&ct_op_softmax, x, NULL, axis);
}

ct_tensor *ct_log_softmax(ct_tensor *x, int axis)
{
    return apply(&ct_op_log_softmax, x, NULL, axis);
}

ct_tensor *ct__softmax_backward(ct_tensor *g, ct_tensor *y, int axis)
{
    return apply(&ct_op_softmax_backward, g, y, axis);
}
