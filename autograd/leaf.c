/* Leaves: what asks for a gradient, and the gradient that has come to it.
 *
 * Invariant: a tensor's gradient has its shape and element type, and nobody else's elements. */
#include "autograd_internal.h"

bool ct_requires_grad(const ct_tensor *t)
{
    return ct__can_look(t, "requires_grad") && t->requires_grad;
}

bool ct_is_leaf(const ct_tensor *t)
{
    return ct__can_look(t, "is_leaf") && !t->node;
}

ct_tensor *ct_set_requires_grad(ct_tensor *t, bool requires_grad)
{
    if (ct__check_tensor(t, "set_requires_grad") != CT_OK)
        return NULL;
    if (!ct_dtype_is_float((ct_dtype)t->dtype)) {
        ct__error(CT_ERROR_DTYPE, "set_requires_grad: %s has no gradient", ct_dtype_name((ct_dtype)t->dtype));
        return NULL;
    }
    if (t->node) {
        ct__error(CT_ERROR_STATE, "set_requires_grad: the result of '%s' is no leaf; ct_detach() it", t->made_by);
        return NULL;
    }
    t->requires_grad = requires_grad;
    return t;
}

ct_tensor *ct_parameter(ct_tensor *t)
{
    t = ct_set_requires_grad(t, true);
    return t ? ct_keep(t) : NULL;
}

ct_tensor *ct_grad_of(const ct_tensor *t)
{
    return ct__can_look(t, "grad_of") ? t->grad : NULL;
}

void ct__set_grad(ct_tensor *t, ct_tensor *grad)
{
    if (grad)
        ct__tensor_ref(grad);
    ct_tensor *before = t->grad;
    t->grad = grad;
    ct__tensor_unref(before);
}

ct_status ct_set_grad(ct_tensor *t, ct_tensor *grad)
{
    ct_status status = ct__check_tensor(t, "set_grad");
    if (status == CT_OK && grad)
        status = ct__check_tensor(grad, "set_grad");
    if (status != CT_OK)
        return status;
    if (grad && (!ct__same_shape(t, grad) || t->dtype != grad->dtype)) {
        char of[CT_SHAPE_TEXT], with[CT_SHAPE_TEXT];
        return ct__error(CT_ERROR_SHAPE, "set_grad: a gradient of %s %s for a tensor of %s %s",
                         ct_dtype_name((ct_dtype)grad->dtype), ct__shape_text(grad->shape, grad->rank, with),
                         ct_dtype_name((ct_dtype)t->dtype), ct__shape_text(t->shape, t->rank, of));
    }
    ct_tensor *own = grad ? ct__own_copy(true, grad) : NULL;
    if (grad && !own)
        return ct_error_code();
    ct__set_grad(t, own);
    return CT_OK;
}

void ct_zero_grad(ct_tensor *t)
{
    if (t)
        ct_set_grad(t, NULL);
}

ct_tensor *(ct_detach)(ct_tensor *t)
{
    ct_tensor *alias = ct__check_tensor(t, "detach") == CT_OK ? ct__tensor_alias(t, "detach") : NULL;
    if (alias && t->requires_grad)
        alias->past |= CT_PAST_DETACHED;
    return alias;
}
