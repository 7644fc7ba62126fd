/* What the records with planted mistakes have in common. Invariant: kernels see contiguous doubles, whatever the tensors are. */
#include "planted_arrays.h"
#include <stdlib.h>
#include <string.h>

static bool fits(const kernels *how, const ct_tensor *x, const ct_tensor *z)
{
    int rank = ct_rank(x), same = how->shapes == WITH_COLUMN ? rank - 1 : rank;
    if (how->shapes == WITH_ROW || how->shapes == PRODUCT)
        return rank > 0 && ct_rank(z) == (how->shapes == PRODUCT ? 2 : 1) && ct_size(z, 0) == ct_size(x, -1);
    return ct_rank(z) == rank && same >= 0 &&
           (same == 0 || memcmp(ct_shape(z), ct_shape(x), (size_t)same * sizeof(int64_t)) == 0) &&
           (how->shapes != WITH_COLUMN || ct_size(z, -1) == 1);
}

ct_status planted_infer(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *z = ct_call_inputs(call) > 1 ? ct_call_input(call, 1) : NULL;
    int rank = ct_rank(x);
    if (z && !fits(a->kernels, x, z))
        return ct_call_error(call, CT_ERROR_SHAPE, "shapes do not fit: %s", ct_call_shapes(call));
    if (a->kernels->shapes == ROWS && (rank == 0 || ct_size(x, -1) == 0))
        return ct_call_error(call, CT_ERROR_SHAPE, "there is no last axis, or nothing along it: %s",
                             ct_call_shapes(call));
    int result_rank = a->kernels->shapes == ONE ? 0 : a->kernels->shapes == ROWS ? rank - 1 : rank;
    int64_t shape[CT_MAX_RANK];
    memcpy(shape, ct_shape(x), (size_t)rank * sizeof *shape);
    if (a->kernels->shapes == PRODUCT)
        shape[rank - 1] = ct_size(z, 1);
    return ct_call_output_shape(call, 0, ct_dtype_of(x), shape, result_rank);
}

/* t's elements in memory for free(); NULL for NULL. */
static double *values(const ct_tensor *t, ct_status *status)
{
    double *x = t ? malloc(sizeof *x * (size_t)(ct_numel(t) + 1)) : NULL;
    if (x && ct_to_values(t, x, ct_numel(t)) != CT_OK)
        *status = ct_error_code();
    return x;
}

static args sizes(const ct_call *call, const ct_tensor *x, const ct_tensor *z)
{
    const attributes *a = ct_call_attributes(call);
    int rank = ct_rank(x);
    int64_t columns = rank ? ct_size(x, -1) : 1;
    return (args){.n = ct_numel(x),
                  .columns = columns > 0 ? columns : 1,
                  .rows = columns > 0 ? ct_numel(x) / columns : 1,
                  .second_axis = rank > 1 ? ct_size(x, 1) : 1,
                  .z_n = z ? ct_numel(z) : 0,
                  .z_columns = z && ct_rank(z) ? ct_size(z, -1) : 1,
                  .rank = rank,
                  .shape = ct_shape(x),
                  .wrong = a->wrong,
                  .float32 = ct_dtype_of(x) == CT_FLOAT32,
                  .tx = x};
}

ct_status planted_forward(ct_call *call)
{
    const attributes *how = ct_call_attributes(call);
    ct_status status = CT_OK;
    const ct_tensor *second = ct_call_inputs(call) > 1 ? ct_call_input(call, 1) : NULL;
    ct_tensor *out = ct_call_output(call, 0);
    double *x = values(ct_call_input(call, 0), &status), *z = values(second, &status),
           *y = calloc((size_t)ct_numel(out) + 1, sizeof *y);
    args a = sizes(call, ct_call_input(call, 0), second);
    a.x = x, a.z = z, a.y = y, a.m = ct_numel(out);
    a.recorded = ct_grad_enabled() && ct_requires_grad(ct_call_input(call, 0));
    if (status == CT_OK && x && y)
        how->kernels->forward(&a);
    for (int64_t k = 0; status == CT_OK && k < a.m; k++) {
        if (a.float32)
            ((float *)ct_call_output_data(call, 0))[k] = (float)y[k];
        else
            ((double *)ct_call_output_data(call, 0))[k] = y[k];
    }
    free(x), free(z), free(y);
    return status;
}

static ct_status set_grad(ct_call *call, int i, const double *grad)
{
    const ct_tensor *like = ct_call_input(call, i);
    if (!ct_call_needs_grad(call, i))
        return CT_OK;
    return ct_call_set_grad(call, i,
                            ct_from_values(ct_dtype_of(like), grad, ct_numel(like), ct_shape(like), ct_rank(like)));
}

ct_status planted_backward(ct_call *call)
{
    const attributes *how = ct_call_attributes(call);
    ct_status status = CT_OK;
    const ct_tensor *second = ct_call_inputs(call) > 1 ? ct_call_input(call, 1) : NULL,
                    *cotangent = ct_call_grad_output(call, 0);
    double *x = values(ct_call_input(call, 0), &status), *z = values(second, &status), *g = values(cotangent, &status);
    args a = sizes(call, ct_call_input(call, 0), second);
    double *room = calloc((size_t)(a.n + a.z_n + ct_numel(cotangent)) + 1, sizeof *room);
    a.x = x, a.z = z, a.g = g, a.gx = room, a.gz = room + a.n, a.y = a.gz + a.z_n, a.m = ct_numel(cotangent);
    a.tz = second, a.tg = cotangent, a.needs_x = ct_call_needs_grad(call, 0),
    a.needs_z = second && ct_call_needs_grad(call, 1);
    if (status == CT_OK && x && g && room)
        how->kernels->backward(&a);
    if (status == CT_OK)
        status = set_grad(call, 0, a.gx);
    if (status == CT_OK && second)
        status = set_grad(call, 1, a.gz);
    free(x), free(z), free(g), free(room);
    return status;
}
