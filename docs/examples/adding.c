/* Memory over a long delay, by a plain recurrent network, an LSTM and a GRU: the adding problem (Hochreiter, Schmidhuber, "Long short-term
 * memory", 1997, section 5.4). Two of the numbers of a sequence are marked, and at its end the network shall tell their sum; who always
 * says 1 has a squared error of 1/6. adding.svg has the errors, adding_gradients.svg how much of the gradient of what is said at the end
 * reaches each time: by products of the same matrix it vanishes, by the gates that the others have learnt to hold open it does not. */
#include "example.h"
#include <math.h>

enum { BATCH = 64, STEPS = 100, NETWORKS = 3 };

typedef struct network {
    const char *name;
    ct_module *(*make)(ct_module *module, const char *name, int64_t in, int64_t hidden,
                       const ct_recurrent_layer_options *options);
} network;

static const network networks[NETWORKS] = {{"RNN", ct_rnn_new}, {"LSTM", ct_lstm_new}, {"GRU", ct_gru_new}};

/* x [n,t,2]: numbers from 0 to 1, and marks, one in each half; y [n,1]: the sum of the two that are marked. */
static void draw_sequences(int64_t n, int64_t t, ct_tensor **x, ct_tensor **y)
{
    ct_tensor *numbers = ct_rand(CT_FLOAT32, 0, 1, CT_SHAPE(n, t));
    ct_tensor *first = ct_one_hot(ct_randint(0, t / 2, CT_SHAPE(n)), t, CT_FLOAT32);
    ct_tensor *marks = ct_add(first, ct_one_hot(ct_randint(t / 2, t, CT_SHAPE(n)), t, CT_FLOAT32));
    ct_tensor *both[] = {numbers, marks};
    *x = ct_stack(both, 2, 2);
    *y = ct_sum(ct_mul(numbers, marks), CT_AXES(1), .keepdim = true);
}

/* What it says at the end of each sequence, [n,1]. */
static ct_tensor *forward(ct_module *net, ct_tensor *x)
{
    return example_call(net, "out", ct_select(example_call(net, "memory", x), 1, -1));
}

/* Its logarithm; inputs that no gradient reaches at all leave a gap. */
static void note_gradients(ct_module *net, int64_t length, example_curve *curve)
{
    ct_tensor *x, *y, *gradient;
    draw_sequences(BATCH, length, &x, &y);
    x = ct_set_requires_grad(x, true);
    ct_tensor *said = ct_sum(forward(net, x));
    ct_grad(&said, 1, &x, 1, &gradient);
    ct_tensor *norms = ct_norm(gradient, 2, CT_AXES(0, 2));
    for (int64_t t = 0; t < length && ct_error_code() == CT_OK; t++)
        example_point(curve, (double)t, log10(ct_get(norms, CT_SHAPE(t))));
}

static double step(ct_module *net, ct_optimizer *adam, int64_t length)
{
    ct_tensor *x, *y;
    ct_scope_open();
    draw_sequences(BATCH, length, &x, &y);
    ct_optimizer_zero_grad(adam);
    ct_tensor *error = ct_mse_loss(forward(net, x), y);
    ct_backward(error);
    ct_clip_grad_norm_(net, 1);
    ct_optimizer_step(adam);
    double value = ct_item(error);
    ct_scope_close();
    return value;
}

/* The squared error of the last epoch's sequences, none of which it had seen before. */
static double train(example *e, const network *n, int64_t length, example_curve *errors, example_curve *gradients)
{
    double error = 0;
    ct_module *net = ct_module_new(CT_FLOAT32);
    n->make(net, "memory", 2, 32, CT_GIVEN(ct_recurrent_layer_options, .batch_first = true));
    ct_linear_new(net, "out", 32, 1);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 5e-3);
    errors->label = gradients->label = n->name;
    for (int64_t i = 0; i < e->epochs * STEPS && ct_error_code() == CT_OK; i++) {
        error = (i % STEPS ? error : 0) + step(net, adam, length) / STEPS;
        if (i % STEPS < STEPS - 1)
            continue;
        example_progress(e, i / STEPS + 1, "squared error", error);
        example_point(errors, (double)(i / STEPS + 1), error);
    }
    note_gradients(net, length, gradients);
    printf("%-4s  %lld parameters  squared error %.4f\n", n->name, (long long)ct_module_numel(net), error);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return error;
}

int main(int argc, char **argv)
{
    int64_t length = 100;
    const example_option own[] = {{"length", "of the sequences", .whole = &length, .low = 4, .high = 4000}, {0}};
    static example_curve errors[NETWORKS], gradients[NETWORKS];
    double error[NETWORKS];
    example e = {.epochs = 20, .quick_epochs = 6, .seed = 1, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    for (int i = 0; i < NETWORKS; i++)
        error[i] = train(&e, &networks[i], e.quick ? 30 : length, &errors[i], &gradients[i]);
    example_draw(&e, "adding.svg", errors, NETWORKS,
                 CT_GIVEN(ct_plot_options, .title = "the adding problem", .x_label = "hundreds of steps",
                          .y_label = "squared error"));
    example_draw(&e, "adding_gradients.svg", gradients, NETWORKS,
                 CT_GIVEN(ct_plot_options, .title = "the gradient on its way back, after training", .x_label = "time",
                          .y_label = "log10 of its norm"));
    return example_end(&e, "squared error: RNN %.4f, LSTM %.4f, GRU %.4f; by guessing 0.1667", error[0], error[1],
                       error[2]);
}
