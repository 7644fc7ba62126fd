/* Inference: reads the weights that mlp.c has written into --out, and says which digits images show. The images are NumPy's files of 8 x 8
 * pixels from -1 to 1: the one of --image, or else the first ten of the shipped set, which are written as such files first. Nothing is
 * recorded, so nothing is kept. */
#include "example.h"

enum { SIDE = 8, SHOWN = 10 };

/* The digit, -1 with an error. */
static int tell(ct_module *net, const char *path)
{
    ct_tensor *x = ct_reshape(ct_cast(ct_npy_load(path), CT_FLOAT32), CT_SHAPE(1, 1, SIDE, SIDE));
    ct_tensor *p = ct_softmax(ct_forward(net, x), 1);
    int digit = p ? (int)ct_item(ct_argmax(p, 1)) : -1;
    if (p)
        printf("%s: %d, with %.3f\n", path, digit, ct_get(p, CT_SHAPE(0, digit)));
    return digit;
}

/* The first digits of the set as files; how many of them are told right. */
static int tell_shipped(ct_module *net, const char *folder)
{
    ct_dataset *digits = ct_load_digits(.scale = 1. / 8, .offset = -1);
    ct_tensor *x, *labels;
    int right = 0;
    ct_dataset_all(digits, &x, &labels);
    for (int64_t i = 0; i < SHOWN && ct_error_code() == CT_OK; i++) {
        char path[1100];
        snprintf(path, sizeof path, "%s/digit-%lld.npy", folder, (long long)i);
        ct_npy_save(path, ct_reshape(ct_select(x, 0, i), CT_SHAPE(SIDE, SIDE)));
        right += tell(net, path) == (int)ct_get(labels, CT_SHAPE(i));
    }
    ct_dataset_free(digits);
    return right;
}

int main(int argc, char **argv)
{
    char weights[1100];
    const char *image = NULL;
    const example_option own[] = {{.name = "image", .what = "a .npy file of 8 x 8 pixels", .text = &image}, {0}};
    example e = {.seed = 1, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    snprintf(weights, sizeof weights, "%s/mlp.safetensors", e.out);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, SIDE * SIDE, 64);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 64, 32);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 32, 10);
    ct_module_load(net, weights);
    ct_module_train(net, false);
    ct_no_grad_begin();
    int told = image ? tell(net, image) : tell_shipped(net, e.out);
    ct_no_grad_end();
    ct_module_free(net);
    return image ? example_end(&e, "digit: %d", told) : example_end(&e, "%d of %d right", told, SHOWN);
}
