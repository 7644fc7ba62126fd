/* Inference: reads the weights that mlp.c has written into --out, and says which digits images show. The images are PGM files of 8 x 8
 * pixels: the one of --image, or else the first ten of the shipped set, which are written as such files first. Nothing is recorded,
 * so nothing is kept. */
#include "example.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE, SHOWN = 10 };

static bool write_pgm(const char *path, ct_tensor *image)
{
    double grey[PIXELS];
    FILE *f = ct_to_values(image, grey, PIXELS) == CT_OK ? fopen(path, "wb") : NULL;
    if (!f)
        return false;
    fprintf(f, "P5\n%d %d\n255\n", SIDE, SIDE);
    for (int i = 0; i < PIXELS; i++)
        fputc((int)(255 * (grey[i] + 1) / 2 + 0.5), f);
    return fclose(f) == 0;
}

/* The image [1, 1, 8, 8], from -1 to 1, as the network has learnt them; NULL: not such a file, which is said. */
static ct_tensor *read_pgm(const char *path)
{
    int width = 0, height = 0, most = 0;
    unsigned char bytes[PIXELS];
    double grey[PIXELS];
    FILE *f = fopen(path, "rb");
    bool good = f && fscanf(f, "P5 %d %d %d", &width, &height, &most) == 3 && width == SIDE && height == SIDE &&
                most == 255 && fgetc(f) != EOF && fread(bytes, 1, PIXELS, f) == PIXELS;
    if (f)
        fclose(f);
    if (!good)
        return fprintf(stderr, "inference: %s is no PGM image of %d x %d pixels\n", path, SIDE, SIDE), NULL;
    for (int i = 0; i < PIXELS; i++)
        grey[i] = bytes[i] / 127.5 - 1;
    return ct_from_values(CT_FLOAT32, grey, PIXELS, CT_SHAPE(1, 1, SIDE, SIDE));
}

/* The digit, -1 if there is none. */
static int tell(ct_module *net, const char *path)
{
    ct_tensor *x = read_pgm(path), *p = x ? ct_softmax(ct_forward(net, x), 1) : NULL;
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
    example_all(digits, &x, &labels);
    for (int64_t i = 0; i < SHOWN && ct_error_code() == CT_OK; i++) {
        char path[1100];
        snprintf(path, sizeof path, "%s/digit-%lld.pgm", folder, (long long)i);
        if (!write_pgm(path, ct_select(x, 0, i)))
            perror(path);
        right += tell(net, path) == (int)ct_get(labels, CT_SHAPE(i));
    }
    ct_dataset_free(digits);
    return right;
}

int main(int argc, char **argv)
{
    char weights[1100];
    const char *image = NULL;
    const example_option own[] = {{.name = "image", .what = "a PGM file of 8 x 8 pixels", .text = &image}, {0}};
    example e = {.seed = 1, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    snprintf(weights, sizeof weights, "%s/mlp.safetensors", e.out);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64, 64);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 64, 32);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 32, 10);
    ct_module_load(net, weights);
    ct_module_train(net, false);
    ct_no_grad_begin();
    int digit = image ? tell(net, image) : -1, right = image ? 0 : tell_shipped(net, e.out);
    ct_no_grad_end();
    ct_module_free(net);
    if (image)
        return digit < 0 ? 1 : example_end(&e, "digit: %d", digit);
    return example_end(&e, "%d of %d right", right, SHOWN);
}
