/* In-place updates for optimisers and buffers: unrecorded, and noted in the storage's version, which the engine checks.
 *
 * Invariant: a failed update leaves the tensor as it was. */
#include "autograd_internal.h"
#include <cotan/ops.h>

/* t becomes result, which must have its shape; what is a temporary of the way there goes. */
static ct_status replace(ct_tensor *t, ct_tensor *result, const char *what)
{
    char to[CT_SHAPE_TEXT], from[CT_SHAPE_TEXT];
    if (!result)
        return ct_error_code();
    if (!ct__same_shape(t, result))
        return ct__error(CT_ERROR_SHAPE, "%s: %s does not hold the result's shape %s", what,
                         ct__shape_text(t->shape, t->rank, to), ct__shape_text(result->shape, result->rank, from));
    ct_status status = ct_copy_(t, result);
    if (status == CT_OK)
        ct__tensor_written(t, what);
    return status;
}

/* Checks t and enters the part of the program that is called name, so that errors begin with it. */
static ct_status begin(ct_tensor *t, const char *name)
{
    ct_status status = ct__check_writable(t, name);
    if (status == CT_OK)
        status = ct__check_places(t, name);
    const ct_part *inner = status == CT_OK ? ct__region_of(ct__here()->region, name, true) : NULL;
    if (inner)
        ct__here()->region = inner;
    return status == CT_OK && !inner ? CT_ERROR_MEMORY : status;
}

/* IN_PLACE(name, (arguments behind t), what t becomes) */
#define IN_PLACE(name, arguments, result)          \
    ct_status ct_##name arguments                  \
    {                                              \
        const ct_part *outer = ct__here()->region; \
        ct_scope inner;                            \
        ct_status status = begin(t, #name);        \
        if (status != CT_OK)                       \
            return status;                         \
        ct__scope_push(&inner);                    \
        ct_no_grad_begin();                        \
        status = replace(t, result, #name);        \
        ct_no_grad_end();                          \
        ct__scope_pop(&inner);                     \
        ct__here()->region = outer;                \
        return status;                             \
    }

IN_PLACE(add_, (ct_tensor * t, ct_tensor *other, double alpha), ct_add(t, ct_mul_scalar(other, alpha)))
IN_PLACE(mul_, (ct_tensor * t, ct_tensor *other), ct_mul(t, other))
IN_PLACE(mul_scalar_, (ct_tensor * t, double s), ct_mul_scalar(t, s))
IN_PLACE(lerp_, (ct_tensor * t, ct_tensor *end, double weight), ct_lerp(t, end, ct_scalar(ct_dtype_of(t), weight)))
IN_PLACE(addcmul_, (ct_tensor * t, ct_tensor *a, ct_tensor *b, double value),
         ct_add(t, ct_mul_scalar(ct_mul(a, b), value)))
IN_PLACE(addcdiv_, (ct_tensor * t, ct_tensor *a, ct_tensor *b, double value),
         ct_add(t, ct_mul_scalar(ct_div(a, b), value)))
IN_PLACE(clamp_, (ct_tensor * t, double low, double high), ct_clamp(t, low, high))
