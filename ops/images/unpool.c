/* max_unpool: what a maximum over windows came from, an expression over scatter. */
#include "expression.h"
#include "shape/shape_internal.h"
#include <string.h>

typedef struct unpool_attributes {
    int64_t size[3], axes;
} unpool_attributes;

/* Whether x is [N,C,spatial...] or without N, and all of the sizes are there; otherwise the error says so. */
static bool can_unpool(ct_call *call)
{
    const unpool_attributes *to = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *places = ct_call_input(call, 1);
    int64_t batch = ct_rank(x) - to->axes;
    bool fits = (batch == 1 || batch == 2) && ct__same_shape(x, places);
    for (int i = 0; fits && i < to->axes; i++)
        fits = to->size[i] >= 0 && to->size[i] <= INT32_MAX;
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE, "takes x and places of one shape, [N,C,...] or [C,...] with %lld sizes: %s",
                      (long long)to->axes, ct_call_shapes(call));
    return fits;
}

static ct_tensor *max_unpool_expression(ct_call *call)
{
    const unpool_attributes *to = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *places = ct_call_input(call, 1);
    if (!can_unpool(call))
        return NULL;
    int64_t shape[CT_MAX_RANK], flat[] = {1, -1}, whole[] = {1, 1};
    int batch = ct_rank(x) - (int)to->axes;
    memcpy(shape, ct_shape(x), (size_t)batch * sizeof *shape);
    memcpy(shape + batch, to->size, (size_t)to->axes * sizeof *shape);
    for (int i = 0; i < batch; i++)
        flat[0] *= shape[i];
    whole[0] = flat[0];
    flat[1] = flat[0] > 0 ? ct_numel(x) / flat[0] : 0;
    for (int i = 0; i < to->axes; i++)
        whole[1] *= to->size[i];
    ct_tensor *y =
        ct_scatter(ct_zeros(ct_dtype_of(x), whole, 2), 1, ct_reshape(places, flat, 2), ct_reshape(x, flat, 2));
    return ct_reshape(y, shape, ct_rank(x));
}

ct_tensor *ct_max_unpool(ct_tensor *x, ct_tensor *indices, const int64_t *size, int axes)
{
    unpool_attributes to = {.axes = axes};
    if (axes < 1 || axes > 3 || !size) {
        ct__error(CT_ERROR_ARGUMENT, "max_unpool: %d axes, takes sizes for 1 to 3", size ? axes : 0);
        return NULL;
    }
    memcpy(to.size, size, (size_t)axes * sizeof *size);
    return (ct_apply)(&ct_op_max_unpool, (ct_tensor *[]){x, indices}, 2, &to);
}

static const ct_sample max_unpool_samples[] = {{"2x3x2x2 i30:2x3x2x2", &(unpool_attributes){{5, 6}, 2}},
                                               {"2x4 i7:2x4", &(unpool_attributes){{7}, 1}},
                                               {"1x2x2x1x2 i24:1x2x2x1x2", &(unpool_attributes){{3, 2, 4}, 3}},
                                               {"0x3x2x2 i9:0x3x2x2", &(unpool_attributes){{3, 3}, 2}},
                                               {0}};
CT_EXPRESSION(max_unpool, "g at each place that is written", 2, 2, .takes = {CT_FLOATS, CT_ONLY(CT_INT64)},
              .roles = "x places", .attributes_size = sizeof(unpool_attributes), .attribute_names = "size:3 axes",
              .source = "Zeiler, Fergus: Visualizing and understanding convolutional networks (2014)");
