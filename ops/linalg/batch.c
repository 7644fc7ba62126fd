/* A loop over the matrices [..., m, n] of a call, and what is said of them. */
#include "batch.h"

const ct_sample ct__square_samples[] = {{"3x3", NULL}, {"2x4x4", NULL}, {"1x1", NULL}, {"0x2x2", NULL}, {0}};

ct_tensor *ct__matrix_transposed(ct_tensor *x)
{
    return ct_transpose(x, -1, -2);
}

ct_tensor *ct__symmetric_part(ct_tensor *t)
{
    return ct_mul_scalar(ct_add(t, ct__matrix_transposed(t)), 0.5);
}

ct_status ct__check_square(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2 || a->shape[a->rank - 1] != a->shape[a->rank - 2])
        return ct_call_error(call, CT_ERROR_SHAPE, "takes square matrices [..., n, n]: %s", ct_call_shapes(call));
    return CT_OK;
}

ct_status ct__declare_matrices(ct_call *call, int i, const int64_t *last, int n)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    for (int k = 0; k < a->rank - 2; k++)
        shape[k] = a->shape[k];
    for (int k = 0; k < n; k++)
        shape[a->rank - 2 + k] = last[k];
    return ct_call_output_shape(call, i, (ct_dtype)a->dtype, shape, a->rank - 2 + n);
}

static void load(double *to, ct_dtype dtype, const void *from, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = dtype == CT_FLOAT32 ? (double)((const float *)from)[first + i] : ((const double *)from)[first + i];
}

static void store(void *to, ct_dtype dtype, int64_t first, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (dtype == CT_FLOAT32)
            ((float *)to)[first + i] = (float)from[i];
        else
            ((double *)to)[first + i] = from[i];
    }
}

ct_status ct__each_matrix(ct_call *call, int64_t doubles, ct_status (*work)(const ct__matrices *b, int64_t i))
{
    const ct_tensor *a = ct_call_input(call, 0);
    ct__matrices b = {
        .call = call, .dtype = (ct_dtype)a->dtype, .count = 1, .m = a->shape[a->rank - 2], .n = a->shape[a->rank - 1]};
    for (int i = 0; i < a->rank - 2; i++)
        b.count *= a->shape[i];
    b.bytes = (size_t)(doubles + 1) * sizeof(double);
    if (!ct_call_input_data(call, 0) || (ct_call_inputs(call) > 1 && !ct_call_input_data(call, 1)))
        return ct_error_code();
    if (!(b.room = ct__alloc(b.bytes)))
        return ct__no_memory(call->op->name);
    ct_status status = CT_OK;
    for (int64_t i = 0; status == CT_OK && i < b.count; i++)
        status = work(&b, i);
    ct__free(b.room, b.bytes);
    return status;
}

void ct__take_matrix(const ct__matrices *b, int input, int64_t i, double *to, int64_t n)
{
    load(to, b->dtype, ct_call_input_data(b->call, input), i * n, n);
}

void ct__give_matrix(const ct__matrices *b, int output, int64_t i, const double *from, int64_t n)
{
    store(ct_call_output_data(b->call, output), b->dtype, i * n, from, n);
}
