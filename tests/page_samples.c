/* Writes the pages, pictures and traces that test_page.py looks at. usage: page_samples FOLDER */
#include <cotan/cotan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

/* Writes NAME.html, NAME.svg and NAME.json of the trace that runs, and ends it. */
static void write_all(const char *name)
{
    const char *const suffixes[] = {"html", "svg", "json"};
    char path[512];
    ct_trace_log *trace = ct_trace_end();
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", folder, name, suffixes[i]);
        ct_trace_write(trace, path);
    }
    ct_trace_free(trace);
    ct_scope_close();
    if (ct_error_code() == CT_OK)
        return;
    fprintf(stderr, "%s: %s\n", name, ct_error_message());
    exit(1);
}

static void begin(void)
{
    ct_scope_open();
    ct_trace_begin();
}

static ct_tensor *named(ct_dtype dtype, double value, const char *name)
{
    return ct_name(ct_set_requires_grad(ct_scalar(dtype, value), true), name);
}

/* ---- for stepping ---- */

/* The lectures' circuit, with a fork: w0 is used twice. */
static void circuit(const char *name)
{
    begin();
    ct_tensor *w0 = named(CT_FLOAT64, 2, "w0"), *x0 = named(CT_FLOAT64, -1, "x0"), *w1 = named(CT_FLOAT64, -3, "w1");
    ct_tensor *x1 = ct_name(ct_scalar(CT_FLOAT64, -2), "x1"), *w2 = named(CT_FLOAT64, -3, "w2");
    ct_tensor *s = ct_add(ct_add(ct_mul(w0, x0), ct_mul(w1, x1)), w2);
    ct_tensor *f = ct_add(ct_div(ct_scalar(CT_FLOAT64, 1), ct_add_scalar(ct_exp(ct_neg(s)), 1)), ct_square(w0));
    ct_backward(ct_name(f, "f"));
    write_all(name);
}

static void nasty(const char *name)
{
    begin();
    const double values[] = {NAN, INFINITY, -INFINITY, -0.0, 1};
    ct_tensor *x = ct_from_values(CT_FLOAT32, values, 5, (const int64_t[]){5}, 1);
    ct_tensor *e = ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3));
    ct_name(ct_set_requires_grad(x, true), "</script><script>document.title='broken'</script>");
    ct_name(ct_set_requires_grad(e, true), "<img src=x onerror=\"document.title='broken'\">");
    ct_tensor *f = ct_add(ct_cast(ct_sum(ct_square(x)), CT_FLOAT64), ct_sum(e));
    ct_backward(f);
    write_all(name);
}

/* A step of an optimiser, its gradients clipped, and the loss calculated again. */
static void step(const char *name)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *layer = ct_linear_new(m, "fit", 12, 1);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1);
    ct_tensor *x = ct_keep(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(7, 12)));
    begin();
    for (int round = 0; round < 2; round++) {
        ct_tensor *loss = ct_name(ct_mean(ct_square(ct_forward(layer, x))), "loss");
        if (round == 1)
            continue;
        ct_backward(loss);
        ct_clip_grad_norm_(m, 0.5);
        ct_optimizer_step(sgd);
    }
    write_all(name);
    ct_release(x);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}

static void lone_leaf(const char *name)
{
    begin();
    ct_backward(named(CT_FLOAT64, 3, "x"));
    write_all(name);
}

/* ---- for folding ---- */

static void lenet(const char *name)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *c1 = ct_conv2d_new(m, "conv1", 1, 6, 5, .padding = 2), *c2 = ct_conv2d_new(m, "conv2", 6, 16, 5);
    ct_module *f1 = ct_linear_new(m, "fc1", 400, 120), *f2 = ct_linear_new(m, "fc2", 120, 84);
    ct_module *f3 = ct_linear_new(m, "fc3", 84, 10);
    begin();
    ct_tensor *x = ct_name(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(8, 1, 28, 28)), "images");
    ct_tensor *labels = ct_name(ct_arange(CT_INT64, 0, 1, 8), "labels");
    ct_tensor *h = ct_max_pool2d(ct_relu(ct_forward(c1, x)), 2);
    h = ct_max_pool2d(ct_relu(ct_forward(c2, h)), 2);
    h = ct_relu(ct_forward(f1, ct_reshape(h, CT_SHAPE(8, 400))));
    h = ct_forward(f3, ct_relu(ct_forward(f2, h)));
    ct_backward(ct_name(ct_cross_entropy(h, labels), "loss"));
    ct_trace_measure_gradients();
    write_all(name);
    ct_module_free(m);
}

/* Twelve blocks of one shape in a region, and three of other shapes behind it. */
static void repeated(const char *name)
{
    ct_module *m = ct_module_new(CT_FLOAT64), *layers[15];
    char region[32];
    for (int i = 0; i < 15; i++) {
        snprintf(region, sizeof region, "layer%d", i);
        layers[i] = ct_linear_new(m, region, i == 14 ? 9 : 5, i == 13 ? 9 : 5);
    }
    begin();
    ct_tensor *h = ct_name(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 5)), "x");
    for (int i = 0; i < 15; i++) {
        snprintf(region, sizeof region, i < 12 ? "blocks.%d" : "tail%d", i);
        ct_region_begin(region);
        h = ct_tanh(ct_forward(layers[i], h));
        ct_region_end();
    }
    ct_backward(ct_name(ct_mean(ct_square(h)), "loss"));
    write_all(name);
    ct_module_free(m);
}

enum { TOKENS = 6, WIDTH = 8 };

static ct_tensor *in(const char *region, ct_tensor *(*f)(ct_module **, ct_tensor *), ct_module **l, ct_tensor *x)
{
    ct_region_begin(region);
    ct_tensor *y = f(l, x);
    ct_region_end();
    return y;
}

static ct_tensor *attention(ct_module **l, ct_tensor *x)
{
    ct_tensor *q = ct_forward(l[0], x), *k = ct_forward(l[1], x), *v = ct_forward(l[2], x);
    ct_tensor *scores = ct_mul_scalar(ct_matmul(q, ct_transpose(k, 0, 1)), 1 / sqrt(WIDTH));
    return ct_forward(l[3], ct_matmul(ct_softmax(scores, -1), v));
}

static ct_tensor *feed_forward(ct_module **l, ct_tensor *x)
{
    return ct_forward(l[5], ct_gelu(ct_forward(l[4], x)));
}

static ct_tensor *norm(ct_module **l, ct_tensor *x)
{
    (void)l;
    return ct_layer_norm(x, NULL, NULL);
}

static void make_layers(ct_module *m, int block, ct_module **l)
{
    static const char *const names[] = {"query", "key", "value", "out", "up", "down"};
    char name[32];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "%s%d", names[i], block);
        l[i] = ct_linear_new(m, name, i == 5 ? 4 * WIDTH : WIDTH, i == 4 ? 4 * WIDTH : WIDTH);
    }
}

static void transformer(const char *name)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *l[2][6];
    make_layers(m, 0, l[0]);
    make_layers(m, 1, l[1]);
    begin();
    ct_tensor *x = ct_name(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(TOKENS, WIDTH)), "x");
    for (int block = 0; block < 2; block++) {
        ct_region_begin(block ? "block1" : "block0");
        x = ct_add(x, in("attention", attention, l[block], in("norm1", norm, l[block], x)));
        x = ct_add(x, in("feed_forward", feed_forward, l[block], in("norm2", norm, l[block], x)));
        ct_region_end();
    }
    ct_backward(ct_name(ct_mean(ct_square(x)), "loss"));
    ct_trace_measure_gradients();
    write_all(name);
    ct_module_free(m);
}

static void chain(const char *name)
{
    begin();
    ct_tensor *h = named(CT_FLOAT64, 1.5, "x");
    for (int i = 0; i < 10000; i++)
        h = i % 2 ? ct_sin(h) : ct_add_scalar(h, 0.3);
    ct_backward(h);
    write_all(name);
}

/* ---- for moving inputs: every operation that the page knows, at two places ---- */

static ct_tensor *one_of_each(ct_tensor *x, ct_tensor *p)
{
    ct_tensor *(*const any[])(ct_tensor *) = {
        ct_neg, ct_exp,  ct_square, ct_abs,  ct_sign, ct_tanh,        ct_sigmoid, ct_relu, ct_expm1,    ct_sin,  ct_cos,
        ct_tan, ct_atan, ct_sinh,   ct_cosh, ct_erf,  ct_log_sigmoid, ct_gelu,    ct_silu, ct_softsign, ct_floor};
    ct_tensor *(*const positive[])(ct_tensor *) = {ct_log,   ct_sqrt, ct_rsqrt, ct_reciprocal,
                                                   ct_log1p, ct_log2, ct_asin,  ct_acos};
    ct_tensor *sum = ct_sum(ct_leaky_relu(x, 0.1));
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        sum = ct_add(sum, ct_sum(any[i](x)));
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        sum = ct_add(sum, ct_sum(positive[i](p)));
    ct_tensor *more[] = {ct_elu(x, 1.3),        ct_softplus(x, 1.5), ct_clamp(x, -0.5, 0.5), ct_hardtanh(x, -0.4, 0.6),
                         ct_pow_scalar(p, 2.5), ct_mul_scalar(x, 3), ct_add_scalar(x, 0.25)};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        sum = ct_add(sum, ct_sum(more[i]));
    return sum;
}

static ct_tensor *pairs(ct_tensor *x, ct_tensor *p, ct_tensor *row)
{
    ct_tensor *results[] = {ct_sub(x, p),       ct_mul(x, row),     ct_div(x, p),  ct_pow(p, x),
                            ct_maximum(x, row), ct_minimum(x, row), ct_atan2(x, p)};
    ct_tensor *sum = NULL;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        sum = sum ? ct_add(sum, ct_sum(results[i])) : ct_sum(results[i]);
    return sum;
}

static ct_tensor *matrices(ct_tensor *x, ct_tensor *row, ct_tensor *w)
{
    ct_tensor *results[] = {
        ct_mul(ct_softmax(x, -1), x),
        ct_mul(ct_log_softmax(x, 0), x),
        ct_square(ct_mean(x, CT_AXES(1))),
        ct_square(ct_amax(x, CT_AXES(0), .keepdim = true)),
        ct_square(ct_amin(x, CT_AXES(1))),
        ct_square(ct_matmul(x, w)),
        ct_square(ct_matmul(x, row)),
        ct_square(ct_matmul(row, w)),
        ct_square(ct_linear(x, w, row)),
        ct_square(ct_matmul(ct_transpose(x, 0, 1), x)),
        ct_square(ct_mul(ct_permute(ct_unsqueeze(x, 0), CT_SHAPE(2, 1, 0)), row)),
        ct_square(ct_sub(ct_reshape(x, CT_SHAPE(3, 2)), ct_reshape(ct_slice(row, 0, 0, 3, 2), CT_SHAPE(1, 2)))),
        ct_square(ct_select(x, 0, 1)),
        ct_exp(ct_flatten(x, 0, -1)),
        ct_square(ct_squeeze(ct_clone(ct_unsqueeze(x, 1)), 1)),
        ct_mul(ct_expand(row, CT_SHAPE(2, 3)), x),
        ct_square(ct_sum_to(x, (const int64_t[]){3}, 1)),
    };
    ct_tensor *sum = NULL;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        sum = sum ? ct_add(sum, ct_mean(results[i])) : ct_mean(results[i]);
    return sum;
}

static ct_tensor *leaf(ct_dtype dtype, const double *values, const int64_t *shape, int rank, const char *name)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= shape[i];
    return ct_name(ct_set_requires_grad(ct_from_values(dtype, values, n, shape, rank), true), name);
}

/* which: 0 or 1, the place. */
static void operations(const char *name, ct_dtype dtype, int which)
{
    static const double x[][6] = {{0.3, -1.2, 0.7, 1.1, -0.6, 0.45}, {-0.35, 0.8, 1.3, -0.9, 0.55, -1.15}};
    static const double p[][6] = {{0.3, 0.9, 0.5, 0.75, 0.2, 0.6}, {0.4, 0.25, 0.85, 0.35, 0.7, 0.95}};
    static const double row[][3] = {{0.5, -0.8, 1.4}, {1.2, 0.15, -0.65}};
    static const double w[][9] = {{0.2, -0.5, 1, 0.3, 0.8, -0.7, -1.1, 0.4, 0.6},
                                  {-0.9, 0.35, 0.1, 0.65, -0.2, 1.2, 0.5, -0.45, 0.95}};
    begin();
    ct_tensor *tx = leaf(dtype, x[which], CT_SHAPE(2, 3), "x"), *tp = leaf(dtype, p[which], CT_SHAPE(2, 3), "p");
    ct_tensor *tr = leaf(dtype, row[which], CT_SHAPE(3), "row"), *tw = leaf(dtype, w[which], CT_SHAPE(3, 3), "w");
    ct_tensor *f = ct_add(ct_add(one_of_each(tx, tp), pairs(tx, tp, tr)), matrices(tx, tr, tw));
    ct_backward(ct_name(f, "f"));
    write_all(name);
}

/* ---- numbers ---- */

/* A line each: 17 digits, and the text for people. */
static void numbers(void)
{
    char text[CT_NUMBER_TEXT], path[512];
    snprintf(path, sizeof path, "%s/numbers.txt", folder);
    FILE *file = fopen(path, "w");
    uint64_t state = 1;
    for (int i = 0; file && i < 100000; i++) {
        double value;
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (i % 2) /* any bits; then numbers of few digits, where ties are */
            memcpy(&value, &state, sizeof value);
        else
            value = ldexp((double)((int64_t)(state >> 44) - (1 << 19)), (int)(state % 41) - 20);
        fprintf(file, "%.17g %s\n", value, ct_number_text(value, text));
    }
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    folder = argv[1];
    circuit("circuit");
    nasty("nasty");
    lone_leaf("leaf");
    step("step");
    lenet("lenet");
    transformer("transformer");
    repeated("repeated");
    chain("chain");
    operations("operations64", CT_FLOAT64, 0);
    operations("operations64_moved", CT_FLOAT64, 1);
    operations("operations32", CT_FLOAT32, 0);
    operations("operations32_moved", CT_FLOAT32, 1);
    numbers();
    return ct_error_code();
}
