/* Gradient clipping: by the norm of all gradients together, and element by element.
 *
 * Invariant: whatever can fail has been done before the first gradient changes. */
#include "optimizer_internal.h"
#include <math.h>

/* ---- one gradient ---- */

/* What the gradient's elements add to the sum of a norm: |g|^p, or for p = infinity the largest |g|. A NaN stays one. */
static double add_to_norm(double sum, double magnitude, double p)
{
    if (isinf(p))
        return magnitude > sum || isnan(magnitude) ? magnitude : sum;
    return sum + (p == 2 ? magnitude * magnitude : p == 1 ? magnitude : pow(magnitude, p));
}

/* Multiplies by factor, and puts what is beyond -bound..bound onto the bound. A NaN stays one. */
static void change(ct_tensor *gradient, double factor, double bound)
{
    ct_dtype dtype = ct_dtype_of(gradient);
    void *data = ct_data_mut(gradient);
    for (int64_t i = 0; i < ct_numel(gradient); i++) {
        double g = factor * ct__nn_element(data, dtype, i);
        g = g > bound ? bound : g < -bound ? -bound : g;
        if (dtype == CT_FLOAT32)
            ((float *)data)[i] = (float)g;
        else
            ((double *)data)[i] = g;
    }
}

/* ---- those of n parameters ---- */

/* largest times the norm of all gradients divided by largest, so that no power of an element overflows. */
static double norm_of(ct_tensor *const *parameters, int64_t n, double p, double largest)
{
    double sum = 0;
    for (int64_t k = 0; k < n && ct_error_code() == CT_OK; k++) {
        ct_tensor *gradient = ct_grad_of(parameters[k]);
        const void *data = gradient ? ct_data(ct_contiguous(gradient)) : NULL;
        for (int64_t i = 0; data && i < ct_numel(gradient); i++)
            sum = add_to_norm(sum, fabs(ct__nn_element(data, ct_dtype_of(gradient), i)) / largest, p);
    }
    return largest * (isinf(p) ? sum : p == 2 ? sqrt(sum) : pow(sum, 1 / p));
}

/* NaN with an error. */
static double total_norm(ct_tensor *const *parameters, int64_t n, double p)
{
    if (ct_scope_open() != CT_OK)
        return NAN;
    ct_no_grad_begin();
    double norm = norm_of(parameters, n, INFINITY, 1);
    if (!isinf(p) && norm > 0 && isfinite(norm))
        norm = norm_of(parameters, n, p, norm);
    ct_no_grad_end();
    return ct__nn_scope_close() == CT_OK ? norm : NAN;
}

static void own_gradient(ct_tensor *parameter)
{
    const ct_tensor *gradient = ct_grad_of(parameter);
    ct_tensor *own = gradient ? ct_empty(ct_dtype_of(gradient), ct_shape(gradient), ct_rank(gradient)) : NULL;
    if (own && ct_copy_(own, gradient) == CT_OK)
        ct_set_grad(parameter, own);
}

/* Gives every parameter a gradient that is contiguous and has its elements alone: one that is recorded, or a view, does not
 * bear to be changed. */
static ct_status make_own(ct_tensor *const *parameters, int64_t n)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_no_grad_begin();
    for (int64_t k = 0; k < n && ct_error_code() == CT_OK; k++)
        own_gradient(parameters[k]);
    ct_no_grad_end();
    return ct__nn_scope_close();
}

static ct_status change_all(ct_tensor *const *parameters, int64_t n, double factor, double bound)
{
    ct_status status = make_own(parameters, n);
    for (int64_t k = 0; k < n && status == CT_OK; k++)
        if (ct_grad_of(parameters[k]))
            change(ct_grad_of(parameters[k]), factor, bound);
    return status;
}

double ct__clip_grad_norm(ct_tensor *const *parameters, int64_t n, double max_norm, const ct_clip_options *o)
{
    double norm = total_norm(parameters, n, o->norm_type);
    if (ct_error_code() != CT_OK)
        return NAN;
    if (!isfinite(norm) && o->error_if_nonfinite) {
        ct_error_set(CT_ERROR_STATE, "clip_grad_norm_: the norm of the gradients is %g, and nothing was changed", norm);
        return NAN;
    }
    double factor = max_norm / (norm + 1e-6);
    if (isinf(max_norm) || factor >= 1 || change_all(parameters, n, factor, INFINITY) == CT_OK)
        return norm;
    return NAN;
}

/* ---- those of a module ---- */

/* Its parameters, the caller's until ct_deallocate(); NULL with an error. */
static ct_tensor **parameters_of(const ct_module *module, int64_t *n)
{
    ct_tensor **parameters = ct__nn_alloc("clip", ct_module_parameters(module), sizeof *parameters);
    *n = 0;
    for (int64_t i = 0; parameters && i < ct_module_count(module); i++)
        if (ct_module_is_parameter(module, i))
            parameters[(*n)++] = ct_module_tensor(module, i);
    return parameters;
}

/* Error: NULL, argument (the limit is negative or NaN); one that is pending. */
static ct_status check(const char *what, const void *given, const char *limit_name, double limit)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (!given)
        return ct_error_set(CT_ERROR_NULL, "%s: the module is NULL", what);
    if (!(limit >= 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: %s must not be negative: %g", what, limit_name, limit);
    return CT_OK;
}

/* The same for n loose tensors. */
static ct_status check_loose(const char *what, ct_tensor *const *tensors, int64_t n, const char *limit_name,
                             double limit)
{
    ct_status status = check(what, "", limit_name, limit);
    if (status == CT_OK && n < 0)
        status = ct_error_set(CT_ERROR_ARGUMENT, "%s: %lld tensors", what, (long long)n);
    if (status == CT_OK && n > 0 && !tensors)
        status = ct_error_set(CT_ERROR_NULL, "%s: the tensors are NULL", what);
    for (int64_t i = 0; status == CT_OK && i < n; i++)
        if (!tensors[i])
            status = ct_error_set(CT_ERROR_NULL, "%s: tensor %lld is NULL", what, (long long)i);
    return status;
}

CT_OPTIONS_INIT(ct_clip_options)

static double clip_norm(const char *what, ct_tensor *const *tensors, int64_t n, double max_norm,
                        const ct_clip_options *o)
{
    if (o->norm_type > 0)
        return ct__clip_grad_norm(tensors, n, max_norm, o);
    ct_error_set(CT_ERROR_ARGUMENT, "%s: norm_type must be above 0: %g", what, o->norm_type);
    return NAN;
}

double ct_clip_grad_norm_(ct_module *module, double max_norm, const ct_clip_options *options)
{
    CT_READ_OPTIONS(ct_clip_options, o, options, "clip_grad_norm_");
    if (!o || check("clip_grad_norm_", module, "max_norm", max_norm) != CT_OK)
        return NAN;
    int64_t n;
    ct_tensor **parameters = parameters_of(module, &n);
    double norm = parameters ? clip_norm("clip_grad_norm_", parameters, n, max_norm, o) : NAN;
    ct_deallocate(parameters);
    return norm;
}

double ct_clip_grad_norm_of_(ct_tensor *const *tensors, int64_t n, double max_norm, const ct_clip_options *options)
{
    CT_READ_OPTIONS(ct_clip_options, o, options, "clip_grad_norm_of_");
    bool good = o && check_loose("clip_grad_norm_of_", tensors, n, "max_norm", max_norm) == CT_OK;
    return good ? clip_norm("clip_grad_norm_of_", tensors, n, max_norm, o) : NAN;
}

ct_status ct_clip_grad_value_(ct_module *module, double clip_value)
{
    if (check("clip_grad_value_", module, "clip_value", clip_value) != CT_OK)
        return ct_error_code();
    int64_t n;
    ct_tensor **parameters = parameters_of(module, &n);
    ct_status status = parameters ? change_all(parameters, n, 1, clip_value) : ct_error_code();
    ct_deallocate(parameters);
    return status;
}

ct_status ct_clip_grad_value_of_(ct_tensor *const *tensors, int64_t n, double clip_value)
{
    ct_status status = check_loose("clip_grad_value_of_", tensors, n, "clip_value", clip_value);
    return status == CT_OK ? change_all(tensors, n, 1, clip_value) : status;
}
