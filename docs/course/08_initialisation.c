/* Chapter 8: how far values and gradients come through twenty layers, by the size of the first weights. Writes
 * 08_initialisation.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { DEPTH = 20, WIDTH = 100, BATCH = 64, TRIES = 5 };

typedef struct
try {
    const char *name;
    ct_tensor *(*activation)(ct_tensor * x);
    double variance; /* of a weight, times WIDTH */
}
try;

static ct_tensor *tanh_of(ct_tensor *x)
{
    return ct_tanh(x);
}

static ct_tensor *relu_of(ct_tensor *x)
{
    return ct_relu(x);
}

static const try tries[TRIES] = {{"tanh, half of Glorot's", tanh_of, 0.25},
                                 {"tanh, Glorot", tanh_of, 1},
                                 {"tanh, twice Glorot's", tanh_of, 4},
                                 {"relu, Glorot", relu_of, 1},
                                 {"relu, He", relu_of, 2}};

/* The root of the mean square of all elements. */
static double size_of(const ct_tensor *t)
{
    return ct_item(ct_norm((ct_tensor *)t, 2)) / sqrt((double)ct_numel(t));
}

/* A network of DEPTH layers with fresh weights; values[i] and grads[i] are the sizes of layer i's results and of what arrives
 * there, when the last layer gets random numbers. */
static void pass(const try *t, double *values, double *grads)
{
    ct_tensor *layers[DEPTH], *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, WIDTH));
    ct_set_requires_grad(x, true);
    for (int i = 0; i < DEPTH; i++) {
        ct_tensor *w = ct_randn(CT_FLOAT64, 0, sqrt(t->variance / WIDTH), CT_SHAPE(WIDTH, WIDTH));
        layers[i] = x = t->activation(ct_linear(x, w, NULL));
        ct_retain_grad(x);
    }
    ct_backward(x, .gradient = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, WIDTH)));
    for (int i = 0; i < DEPTH; i++) {
        values[i] = size_of(layers[i]);
        grads[i] = size_of(ct_grad_of(layers[i]));
    }
}

int main(void)
{
    double depth[DEPTH], values[TRIES][DEPTH], grads[TRIES][DEPTH], logs[TRIES][DEPTH];
    ct_series series[TRIES];
    ct_seed(1);
    ct_scope_open();
    printf("%-23s  values at layer 1, 10, 20    gradients at layer 20, 10, 1\n", "");
    for (int i = 0; i < TRIES; i++) {
        double *v = values[i], *g = grads[i];
        pass(&tries[i], v, g);
        printf("%-23s  %7.0e  %7.0e  %7.0e    %7.0e  %7.0e  %7.0e\n", tries[i].name, v[0], v[9], v[19], g[19], g[9],
               g[0]);
        for (int k = 0; k < DEPTH; k++) {
            depth[k] = k + 1;
            logs[i][k] = log10(g[k]);
        }
        series[i] = (ct_series){.label = tries[i].name, .x = depth, .y = logs[i], .n = DEPTH};
    }
    ct_plot_svg("08_initialisation.svg", series, TRIES, .title = "What arrives of a gradient of size 1",
                .x_label = "layer", .y_label = "log10 of the gradient");
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "08_initialisation: %s\n", ct_error_message()), 1;
    return 0;
}
