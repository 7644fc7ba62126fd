/* Invariant: nothing that value makes on its way stays, and none of it is recorded. */
#include "record.h"

/* Owned by the scope that is open. */
static ct_tensor *value_of(ct_call *call, record_value value)
{
    ct_tensor *x[RECORD_INPUTS] = {NULL};
    for (int i = 0; i < ct_call_inputs(call) && i < RECORD_INPUTS; i++)
        x[i] = ct_call_input(call, i);
    ct_no_grad_begin();
    ct_tensor *y = value(x);
    ct_no_grad_end();
    return y;
}

ct_status record_infer(ct_call *call, record_value value)
{
    ct_scope_open();
    ct_tensor *y = value_of(call, value);
    int64_t shape[CT_MAX_RANK] = {0};
    int rank = ct_rank(y);
    for (int axis = 0; axis < rank; axis++)
        shape[axis] = ct_size(y, axis);
    ct_dtype dtype = ct_dtype_of(y);
    bool good = y != NULL;
    ct_scope_close();
    return good ? ct_call_output_shape(call, 0, dtype, shape, rank) : ct_error_code();
}

ct_status record_forward(ct_call *call, record_value value)
{
    ct_scope_open();
    ct_tensor *y = value_of(call, value);
    ct_status status = y ? ct_to_array(y, ct_call_output_data(call, 0), ct_numel(y)) : ct_error_code();
    ct_scope_close();
    return status;
}
