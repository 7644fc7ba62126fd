/* The loop over batches that leaves no scope behind. */
#include "nn_internal.h"

static int depth_now(void)
{
    return ct_memory_stats().scope_depth;
}

static void close_to(int depth)
{
    while (depth_now() > depth && ct_scope_close() == CT_OK)
        continue;
}

ct_each_batch ct_each_batch_begin(ct_batches *batches)
{
    ct_each_batch each = {.batches = batches, .depth = depth_now()};
    if (ct_error_code() == CT_OK)
        each.more = ct__batches_begin_next(batches) == CT_OK;
    return each;
}

bool ct_each_batch_next(ct_each_batch *each, ct_tensor **x, ct_tensor **y)
{
    if (!each || !x || !y) {
        ct_error_set(CT_ERROR_NULL, "each_batch: an argument is NULL");
        return false;
    }
    close_to(each->depth);
    *x = *y = NULL;
    if (ct_error_code() != CT_OK || ct_scope_open() != CT_OK)
        return false;
    if (ct_batches_next(each->batches, x, y))
        return true;
    close_to(each->depth);
    return false;
}

void ct_each_batch_end(ct_each_batch *each)
{
    if (each)
        close_to(each->depth);
}
