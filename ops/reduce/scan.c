/* Scans along an axis: running sums and products, and the linear recurrence h_k = a_k h_(k-1) + b_k, whose gradient
 * is a recurrence again, so that products with zeros among their factors need no special case to any order.
 *
 * Invariant: a scan runs through contiguous elements [outer, n, inner], inner ones side by side. */
#include "reduce_internal.h"

typedef struct scan_attributes {
    int64_t axis;
    int64_t reverse; /* from the last element to the first */
} scan_attributes;

/* ---- kernels ---- */

enum {
    WIDTH = 256,  /* lines side by side at a time */
    GRAIN = 32768 /* elements that are worth a task */
};

/* width lines of n terms each: y = a y' + b, where y' is the result before; a is NULL for 1, and has none for the
 * first. Neighbours in a line are step elements apart. */
typedef void scan_kernel(const void *a, const void *b, void *y, int64_t n, int64_t step, int64_t width);

/* X is the type of the elements, S that of the state, Y that of the results. */
#define SCAN(NAME, X, S, Y)                                                                               \
    static inline void NAME##_lines(const X *a, const X *b, Y *y, int64_t n, int64_t step, int64_t width) \
    {                                                                                                     \
        S state[WIDTH] = {0};                                                                             \
        for (int64_t k = 0, at = 0; k < n; k++, at += step) {                                             \
            for (int64_t j = 0; a && k > 0 && j < width; j++)                                             \
                state[j] *= (S)a[at - step + j];                                                          \
            for (int64_t j = 0; j < width; j++) {                                                         \
                state[j] += (S)b[at + j];                                                                 \
                y[at + j] = (Y)state[j];                                                                  \
            }                                                                                             \
        }                                                                                                 \
    }                                                                                                     \
    static void NAME(const void *a, const void *b, void *y, int64_t n, int64_t step, int64_t width)       \
    {                                                                                                     \
        if (width == 1) /* the constants make a loop of its own, with its state in a register */          \
            NAME##_lines(a, b, y, n, step, 1);                                                            \
        else                                                                                              \
            NAME##_lines(a, b, y, n, step, width);                                                        \
    }

/* The state of float32 is wider, as that of its sums is; integers wrap at 64 bits. */
SCAN(scan_float32, float, double, float)
SCAN(scan_float64, double, double, double)
SCAN(scan_int64, int64_t, uint64_t, int64_t)
SCAN(scan_int32, int32_t, uint64_t, int64_t)
SCAN(scan_uint8, uint8_t, uint64_t, int64_t)

static scan_kernel *const kernels[] = {[CT_FLOAT32] = scan_float32,
                                       [CT_FLOAT64] = scan_float64,
                                       [CT_INT64] = scan_int64,
                                       [CT_INT32] = scan_int32,
                                       [CT_UINT8] = scan_uint8};

/* ---- the loops around them ---- */

typedef struct scan_job {
    const char *a, *b;
    char *y;
    size_t size_x, size_y;   /* of an element */
    int64_t outer, n, inner; /* shape of b and y; a has n - 1 */
    int64_t blocks;          /* of WIDTH lines, in each outer index */
    int64_t blocks_a_task;
    scan_kernel *kernel;
    bool reverse;
} scan_job;

static void scan_block(const scan_job *j, int64_t block)
{
    int64_t outer = block / j->blocks, first = block % j->blocks * WIDTH;
    int64_t width = j->inner - first < WIDTH ? j->inner - first : WIDTH;
    int64_t at_b = outer * j->n * j->inner + first, at_a = outer * (j->n - 1) * j->inner + first;
    if (j->reverse) {
        at_b += (j->n - 1) * j->inner;
        at_a += (j->n - 2) * j->inner;
    }
    j->kernel(j->a ? j->a + at_a * (int64_t)j->size_x : NULL, j->b + at_b * (int64_t)j->size_x,
              j->y + at_b * (int64_t)j->size_y, j->n, j->reverse ? -j->inner : j->inner, width);
}

static void scan_task(void *context, int64_t index)
{
    const scan_job *j = context;
    int64_t end = (index + 1) * j->blocks_a_task, all = j->outer * j->blocks;
    for (int64_t block = index * j->blocks_a_task; block < end && block < all; block++)
        scan_block(j, block);
}

/* Output 0 from the terms, and the factors or NULL. */
static ct_status scan(ct_call *call, const void *factors, const void *terms)
{
    const scan_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    int axis = ct__axis((int)along->axis, y->rank);
    scan_job j = {.a = factors,
                  .b = terms,
                  .y = ct__ptr(y),
                  .size_x = ct_dtype_size((ct_dtype)x->dtype),
                  .size_y = ct_dtype_size((ct_dtype)y->dtype),
                  .outer = 1,
                  .n = y->shape[axis],
                  .inner = 1,
                  .kernel = kernels[ct__loops_of((ct_dtype)x->dtype)],
                  .reverse = along->reverse};
    if (!terms)
        return ct_error_code();
    if (y->numel == 0)
        return CT_OK;
    for (int i = 0; i < axis; i++)
        j.outer *= y->shape[i];
    for (int i = axis + 1; i < y->rank; i++)
        j.inner *= y->shape[i];
    j.blocks = (j.inner + WIDTH - 1) / WIDTH;
    j.blocks_a_task = 1 + GRAIN / (j.n * (j.inner < WIDTH ? j.inner : WIDTH));
    ct__parallel((j.outer * j.blocks + j.blocks_a_task - 1) / j.blocks_a_task, scan_task, &j);
    return CT_OK;
}

/* ---- cumsum ---- */

static ct_status infer_cumsum(ct_call *call)
{
    const scan_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    ct_dtype dtype = (ct_dtype)x->dtype;
    if (ct__call_axis(call, along->axis, x->rank) < 0)
        return CT_ERROR_ARGUMENT;
    return ct_call_output_shape(call, 0, ct_dtype_is_float(dtype) ? dtype : CT_INT64, x->shape, x->rank);
}

static ct_status forward_cumsum(ct_call *call)
{
    return scan(call, NULL, ct_call_input_data(call, 0));
}

static ct_status backward_cumsum(ct_call *call)
{
    const scan_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    scan_attributes back = {.axis = along->axis, .reverse = !along->reverse};
    return ct_call_set_grad(call, 0, (ct_apply)(&ct_op_cumsum, &g, 1, &back));
}

ct_tensor *ct_cumsum(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_cumsum, &x, 1, &(scan_attributes){.axis = axis});
}

static const ct_sample cumsum_samples[] = {{"3x5", &(scan_attributes){1, 0}}, {"2x3x4", &(scan_attributes){-2, 0}},
                                           {"4x3", &(scan_attributes){0, 1}}, {"5", &(scan_attributes){0, 0}},
                                           {"3x1", &(scan_attributes){1, 0}}, {"2x0", &(scan_attributes){-1, 0}},
                                           {"0x2", &(scan_attributes){1, 0}}, {0}};

const ct_op ct_op_cumsum = {
    .name = "cumsum",
    .takes = {CT_COMPUTED},
    .gradient = "the sum of g from the end down to each element",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(scan_attributes),
    .attribute_names = "axis reverse",
    .infer = infer_cumsum,
    .forward = forward_cumsum,
    .backward = backward_cumsum,
    .samples = cumsum_samples,
};

/* ---- linear_recurrence: inputs a, b ---- */

static ct_status infer_recurrence(ct_call *call)
{
    const scan_attributes *along = ct_call_attributes(call);
    const ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    int axis = ct__call_axis(call, along->axis, b->rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    bool fits = a->rank == b->rank;
    for (int i = 0; fits && i < b->rank; i++)
        fits = a->shape[i] + (i == axis) == b->shape[i];
    if (!fits)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes one factor less than terms along axis %d: %s", axis,
                             ct_call_shapes(call));
    return ct_call_output_like(call, 0, b);
}

static ct_status forward_recurrence(ct_call *call)
{
    const void *a = ct_call_input_data(call, 0);
    return a ? scan(call, a, ct_call_input_data(call, 1)) : ct_error_code();
}

/* x without its last element along the axis, or without its first. */
static ct_tensor *all_but(ct_tensor *x, int axis, bool first)
{
    return ct_slice(x, axis, first, first ? CT_END : -1, 1);
}

/* With s_k the gradient of all that comes from h_k: s_k = g_k + a_k s_(k+1), the recurrence from the other end. */
static ct_status backward_recurrence(ct_call *call)
{
    const scan_attributes *along = ct_call_attributes(call);
    int axis = (int)along->axis;
    bool reverse = along->reverse;
    ct_tensor *a = ct_call_input(call, 0), *h = ct_call_output(call, 0);
    ct_tensor *s = ct_linear_recurrence(a, ct_call_grad_output(call, 0), axis, !reverse);
    ct_status status = ct_call_set_grad(call, 1, s);
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_mul(all_but(s, axis, !reverse), all_but(h, axis, reverse)));
    return status;
}

ct_tensor *ct_linear_recurrence(ct_tensor *a, ct_tensor *b, int axis, bool reverse)
{
    return (ct_apply)(&ct_op_linear_recurrence, (ct_tensor *[]){a, b}, 2, &(scan_attributes){axis, reverse});
}

static const ct_sample recurrence_samples[] = {
    {"3x4 3x5", &(scan_attributes){1, 0}},      {"3x4 3x5", &(scan_attributes){-1, 1}},
    {"2x2x3 2x3x3", &(scan_attributes){-2, 0}}, {"0x2 1x2", &(scan_attributes){0, 1}},
    {"3x0 4x0", &(scan_attributes){0, 0}},      {0}};

const ct_op ct_op_linear_recurrence = {
    .name = "linear_recurrence",
    .takes = {CT_FLOATS | CT_ONLY(CT_INT64)},
    .gradient = "s_(k+1) h_k, s_k, where s_k = g_k + a_k s_(k+1)",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(scan_attributes),
    .attribute_names = "axis reverse",
    .infer = infer_recurrence,
    .forward = forward_recurrence,
    .backward = backward_recurrence,
    .samples = recurrence_samples,
    .source = "Blelloch: Prefix sums and their applications (1990), section 1.4",
};

/* ---- cumprod ---- */

/* The recurrence with the first element as the only term and the others as factors. */
static ct_tensor *cumprod_expression(ct_call *call)
{
    const scan_attributes *along = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_axis(call, along->axis, ct_rank(x));
    if (axis < 0)
        return NULL;
    if (!ct_dtype_is_float(ct_dtype_of(x)))
        x = ct_cast(x, CT_INT64);
    if (ct_size(x, axis) == 0) /* a 0-d tensor's too */
        return ct_clone(x);
    ct_tensor *first = ct_slice(x, axis, 0, 1, 1), *others = all_but(x, axis, true);
    ct_tensor *none = ct_zeros(ct_dtype_of(x), ct_shape(others), ct_rank(others));
    return ct_linear_recurrence(others, ct_concat((ct_tensor *[]){first, none}, 2, axis), axis, false);
}

ct_tensor *ct_cumprod(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_cumprod, &x, 1, &(scan_attributes){.axis = axis});
}

const ct_op ct_op_cumprod = {
    .name = "cumprod",
    .takes = {CT_COMPUTED},
    .gradient = "the sum over all later y of g times that product's other factors",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(scan_attributes),
    .attribute_names = "axis reverse",
    .expression = cumprod_expression,
    .samples = (const ct_sample[]){{"3x4", &(scan_attributes){1, 0}},
                                   {"2x3x4", &(scan_attributes){-2, 0}},
                                   {"5", &(scan_attributes){0, 0}},
                                   {"3x1", &(scan_attributes){1, 0}},
                                   {"2x0", &(scan_attributes){-1, 0}},
                                   {0}},
};
