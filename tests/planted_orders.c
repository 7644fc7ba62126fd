/* Gradients that are right and whose gradients are not: each backward is made of operations, so that it can be differentiated again.
 *
 * Invariant: as in planted_kinds.c. */
#include <cotan/cotan.h>

#include "planted_ops.h"

typedef struct attributes {
    int64_t wrong;
} attributes;

static bool is_wrong(const ct_call *call)
{
    return ((const attributes *)ct_call_attributes(call))->wrong;
}

static ct_status like_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

/* x, which the next order does not see if the record is wrong. */
static ct_tensor *unseen(const ct_call *call, ct_tensor *x)
{
    return is_wrong(call) ? ct_detach(x) : x;
}

/* Fills the output with the elements of y, made by operations. */
static ct_status fill(ct_call *call, const ct_tensor *y)
{
    void *out = ct_call_output_data(call, 0);
    return y && out ? ct_to_array(y, out, ct_numel(y)) : ct_error_code();
}

/* ---- the records ---- */

static ct_status square_forward(ct_call *call)
{
    return fill(call, ct_square(ct_call_input(call, 0)));
}

static ct_status detached_square_backward(ct_call *call)
{
    ct_tensor *x = unseen(call, ct_call_input(call, 0));
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_mul_scalar(x, 2)));
}

static ct_status product_forward(ct_call *call)
{
    return fill(call, ct_mul(ct_call_input(call, 0), ct_call_input(call, 1)));
}

static ct_status mixed_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *z = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_mul(g, unseen(call, z)));
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, ct_mul(g, x));
    return status;
}

static ct_status sine_forward(ct_call *call)
{
    return fill(call, ct_sin(ct_call_input(call, 0)));
}

static ct_status detached_cotangent_backward(ct_call *call)
{
    ct_tensor *g = unseen(call, ct_call_grad_output(call, 0));
    return ct_call_set_grad(call, 0, ct_mul(g, ct_cos(ct_call_input(call, 0))));
}

static ct_status doubled_when_recorded_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    if (is_wrong(call) && ct_grad_enabled())
        g = ct_mul_scalar(g, 2);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_cos(ct_call_input(call, 0))));
}

/* tanh, whose own gradient comes out of its result. */
static ct_status tanh_forward(ct_call *call)
{
    return fill(call, ct_tanh(ct_call_input(call, 0)));
}

static ct_status detached_result_backward(ct_call *call)
{
    ct_tensor *y = unseen(call, ct_tanh(ct_call_input(call, 0)));
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_add_scalar(ct_neg(ct_square(y)), 1)));
}

#define RECORD(NAME, INPUTS, SAMPLE, FORWARD, BACKWARD, WRONG)                                                    \
    {                                                                                                             \
        .name = NAME, .gradient = "see docs/gradcheck.md", .min_inputs = INPUTS, .max_inputs = INPUTS,            \
        .saves = CT_SAVE_INPUTS, .attributes_size = sizeof(attributes), .infer = like_infer, .forward = FORWARD,  \
        .backward = BACKWARD, .samples = (const ct_sample[]){{SAMPLE, &(const attributes){WRONG}}, {NULL, NULL}}, \
    }

/* x^3, whose gradient is 3 times a square: with one that is wrong in the second order, this is in the third. */
static const ct_op squares[] = {RECORD("square", 1, "3x4", square_forward, detached_square_backward, 0),
                                RECORD("square", 1, "3x4", square_forward, detached_square_backward, 1)};

static ct_status cube_forward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return fill(call, ct_mul(ct_square(x), x));
}

static ct_status cube_backward(ct_call *call)
{
    const ct_op *op = &squares[is_wrong(call)];
    ct_tensor *x = ct_call_input(call, 0), *square = ct_apply(op, &x, 1, op->samples[0].attributes);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_mul_scalar(square, 3)));
}

/* ---- the table ---- */

#define PLANT(NUMBER, NAME, MISTAKE, ORDER, INPUTS, SAMPLE, FORWARD, BACKWARD)     \
    {                                                                              \
        .number = NUMBER, .mistake = MISTAKE, .order = ORDER,                      \
        .right = &(const ct_op)RECORD(NAME, INPUTS, SAMPLE, FORWARD, BACKWARD, 0), \
        .wrong = &(const ct_op)RECORD(NAME, INPUTS, SAMPLE, FORWARD, BACKWARD, 1), \
    }

/* clang-format off */
static const planted_op table[] = {
    PLANT("O1", "square", "the second order does not see x", 2, 1, "3x4", square_forward, detached_square_backward),
    PLANT("O2", "mul", "the mixed second order is missing", 2, 2, "3x4 3x4", product_forward, mixed_backward),
    PLANT("O3", "sin", "the second order does not see the cotangent", 2, 1, "3x4", sine_forward, detached_cotangent_backward),
    PLANT("O4", "sin", "twice where the backward is recorded", 2, 1, "3x4", sine_forward, doubled_when_recorded_backward),
    PLANT("O5", "tanh", "the second order does not see the result", 2, 1, "3x4", tanh_forward, detached_result_backward),
    PLANT("O6", "cube", "the third order does not see x", 3, 1, "3x4", cube_forward, cube_backward),
};
/* clang-format on */

const planted_op *planted_orders(int *n)
{
    *n = (int)(sizeof table / sizeof *table);
    return table;
}
