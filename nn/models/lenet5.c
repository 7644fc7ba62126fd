/* LeNet-5: layers in a struct, and the expression that they make.
 *
 * Invariant: a model's struct belongs to the module in which it was made. */
#include "module_internal.h"

struct ct_lenet5 {
    ct_module *conv1, *conv2, *fc1, *fc2, *fc3;
};

ct_lenet5 *ct_lenet5_new(ct_module *module)
{
#define INIT .weight = &ct_init_glorot_uniform, .bias = &ct_init_zeros
    CT_OPTIONS(ct_conv_layer_options, padded, .padding = {2}, INIT);
    CT_OPTIONS(ct_conv_layer_options, plain, INIT);
    CT_OPTIONS(ct_linear_options, full, INIT);
#undef INIT
    ct_lenet5 *m = ct_module_alloc(module, sizeof *m);
    if (!m)
        return NULL;
    m->conv1 = ct_conv2d_new(module, "conv1", 1, 6, 5, &padded);
    m->conv2 = ct_conv2d_new(module, "conv2", 6, 16, 5, &plain);
    m->fc1 = ct_linear_new(module, "fc1", 16 * 5 * 5, 120, &full);
    m->fc2 = ct_linear_new(module, "fc2", 120, 84, &full);
    m->fc3 = ct_linear_new(module, "fc3", 84, 10, &full);
    if (m->conv1 && m->conv2 && m->fc1 && m->fc2 && m->fc3)
        return m;
    ct_module *layers[] = {m->fc3, m->fc2, m->fc1, m->conv2, m->conv1};
    for (size_t i = 0; i < CT_LENGTH(layers); i++)
        ct__module_remove(layers[i]);
    return NULL;
}

/* [n,1,28,28] -> [n,6,14,14] -> [n,16,5,5] -> [n,400] -> [n,120] -> [n,84] -> [n,10] */
ct_tensor *ct_lenet5_forward(void *model, ct_tensor *x)
{
    const ct_lenet5 *m = model;
    if (ct_object_check(m, "layer", "lenet5_forward") != CT_OK)
        return NULL;
    ct_tensor *h = ct_max_pool2d(ct_relu(ct_forward(m->conv1, x)), 2, NULL);
    h = ct_flatten(ct_max_pool2d(ct_relu(ct_forward(m->conv2, h)), 2, NULL), 1, -1);
    h = ct_relu(ct_forward(m->fc1, h));
    h = ct_relu(ct_forward(m->fc2, h));
    return ct_forward(m->fc3, h);
}
