/* Chapter 12: a weight used at every step of time; how far back a gradient reaches; and remembering the first of many inputs. Writes
 * 12_recurrent.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { LENGTH = 80, HIDDEN = 16, BATCH = 32, STEPS = 300 };

/* ---- one number, three steps ---- */

/* h = w h + x, from h = 0: the same w three times. */
static void by_numbers(void)
{
    ct_tensor *w = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0.5), true), *h = ct_scalar(CT_FLOAT64, 0);
    const double x[] = {8, 4, 2};
    printf("h = w h + x, w = 0.5:");
    for (int t = 0; t < 3; t++) {
        h = ct_add_scalar(ct_mul(w, h), x[t]);
        printf("  h%d = %g", t + 1, ct_item(h));
    }
    ct_backward(h);
    printf("\ngradient of h3 with respect to w: %g\n\n", ct_item(ct_grad_of(w)));
}

/* ---- a sequence ---- */

typedef struct network {
    ct_module *module;
    ct_tensor *weights[4];
    ct_module *out;
    int gates;
} network;

/* One layer of ct_rnn (1 gate) or ct_lstm (4), and a neuron that reads its last result. */
static network network_new(int gates)
{
    network net = {.module = ct_module_new(CT_FLOAT64), .gates = gates};
    static const char *const names[] = {"weight_x", "weight_h", "bias_x", "bias_h"};
    const int64_t sizes[][2] = {
        {gates * HIDDEN, 1}, {gates * HIDDEN, HIDDEN}, {gates * HIDDEN, 0}, {gates * HIDDEN, 0}};
    double limit = 1 / sqrt(HIDDEN);
    for (int i = 0; i < 4; i++)
        net.weights[i] =
            ct_module_parameter(net.module, names[i], ct_rand(CT_FLOAT64, -limit, limit, sizes[i], i < 2 ? 2 : 1));
    if (gates == 4) /* the forget gates' biases at 6: in the beginning, remember (Gers et al. 2000) */
        ct_fill_(ct_slice(ct_detach(net.weights[2]), 0, HIDDEN, 2 * HIDDEN, 1), 6);
    net.out = ct_linear_new(net.module, "out", HIDDEN, 1);
    return net;
}

/* x [LENGTH, batch, 1] to logits [batch]. */
static ct_tensor *forward(const network *net, ct_tensor *x)
{
    ct_tensor *h = net->gates == 4 ? ct_lstm(x, NULL, NULL, net->weights, 4) : ct_rnn(x, NULL, net->weights, 4);
    return ct_squeeze(ct_forward(net->out, ct_select(h, 0, -1)), 1);
}

/* The size of the logits' gradient with respect to the input at each time. */
static void reach(const network *net, double *sizes)
{
    ct_scope_open();
    ct_tensor *x = ct_set_requires_grad(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(LENGTH, BATCH, 1)), true);
    ct_backward(ct_sum(forward(net, x)));
    for (int t = 0; t < LENGTH; t++)
        sizes[t] = log10(ct_item(ct_norm(ct_select(ct_grad_of(x), 0, t), 2)));
    ct_scope_close();
}

/* The first input is -1 or 1, the others are noise; the answer is whether the first was 1. */
static void sequences(ct_tensor **x, ct_tensor **y)
{
    ct_tensor *first = ct_sign(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(1, BATCH, 1)));
    *x = ct_concat(CT_TENSORS(first, ct_randn(CT_FLOAT64, 0, 0.5, CT_SHAPE(LENGTH - 1, BATCH, 1))), 0);
    *y = ct_mul_scalar(ct_add_scalar(ct_flatten(first, 0, -1), 1), 0.5);
}

static void learn(const char *name, int gates, double *before)
{
    ct_seed(2);
    network net = network_new(gates);
    reach(&net, before);
    ct_optimizer *adam = ct_optimizer_new(net.module, &ct_rule_adam, .lr = 0.01);
    double loss[2] = {0, 0}, right = 0;
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_tensor *x, *y;
        sequences(&x, &y);
        ct_optimizer_zero_grad(adam);
        ct_tensor *logits = forward(&net, x), *error = ct_binary_cross_entropy_with_logits(logits, y);
        ct_backward(error);
        ct_clip_grad_norm_(net.module, 1);
        ct_optimizer_step(adam);
        if (step < 20 || step >= STEPS - 20)
            loss[step >= 20] += ct_item(error) / 20;
        if (step >= STEPS - 20)
            right += ct_accuracy(ct_stack(CT_TENSORS(ct_zeros_like(logits), logits), 1), ct_cast(y, CT_INT64)) / 20;
        ct_scope_close();
    }
    printf("%-5s gradient to the first input %.0e, to the last %.0e; loss %.2f, in the end %s; right %s\n", name,
           pow(10, before[0]), pow(10, before[LENGTH - 1]), loss[0], loss[1] < 0.75 * loss[0] ? "less" : "no less",
           right > 0.95 ? "above 0.95" : "about 0.5");
    ct_optimizer_free(adam);
    ct_module_free(net.module);
}

int main(void)
{
    double time[LENGTH], reaches[2][LENGTH];
    ct_scope_open();
    by_numbers();
    printf("remember the first of %d inputs (log 2 = %.3f)\n", LENGTH, log(2));
    learn("rnn", 1, reaches[0]);
    learn("lstm", 4, reaches[1]);
    for (int t = 0; t < LENGTH; t++)
        time[t] = t + 1;
    const ct_series series[] = {{.label = "rnn", .x = time, .y = reaches[0], .n = LENGTH},
                                {.label = "lstm", .x = time, .y = reaches[1], .n = LENGTH}};
    ct_plot_svg("12_recurrent.svg", series, 2, .title = "How far back a gradient reaches, before training",
                .x_label = "time of the input", .y_label = "log10 of the gradient");
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "12_recurrent: %s\n", ct_error_message()), 1;
    return 0;
}
