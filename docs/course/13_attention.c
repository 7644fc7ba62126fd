/* Chapter 13: attention as a soft look-up: by numbers, with a mask, and learning what to look for. Writes 13_attention.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { ITEMS = 8, SIZE = 6, BATCH = 64, STEPS = 300 };

static void show(const char *what, const ct_tensor *t)
{
    double v[ITEMS];
    int64_t n = ct_numel(t);
    ct_to_values(t, v, n);
    printf("%-28s", what);
    for (int64_t i = 0; i < n; i++)
        printf(" %7.3f", v[i]);
    printf("\n");
}

/* ---- one question, three entries ---- */

static void by_numbers(void)
{
    ct_tensor *q = ct_from_values(CT_FLOAT64, CT_VALUES(2, 0), CT_SHAPE(1, 2));
    ct_tensor *k = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, 0, 1, -1, 0), CT_SHAPE(3, 2));
    ct_tensor *v = ct_from_values(CT_FLOAT64, CT_VALUES(10, 20, 30), CT_SHAPE(3, 1));
    ct_set_requires_grad(k, true);
    ct_set_requires_grad(v, true);
    ct_tensor *scores = ct_matmul(q, ct_transpose(k, 0, 1)), *weights = ct_softmax(ct_detach(scores), -1);
    ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, .scale = 1);
    ct_backward(y);
    show("scores, q . k", ct_detach(scores));
    show("weights, their softmax", weights);
    show("result", ct_detach(y));
    show("gradient to the values", ct_grad_of(v));
    show("gradient to the scores", ct_mul(weights, ct_sub(ct_transpose(ct_detach(v), 0, 1), ct_detach(y))));
    printf("\n");
}

/* ---- a mask ---- */

/* The gradient of the result for place 1 (of 0..3) with respect to each place's value. */
static void causal(void)
{
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 2)),
              *v = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(4, 1)), true);
    ct_backward(ct_sum(ct_select(ct_scaled_dot_product_attention(x, x, v, .is_causal = true), 0, 1)));
    show("causal: place 1 looks at", ct_grad_of(v));
    printf("\n");
}

/* ---- learning what to look for ---- */

/* Each sample has ITEMS entries, a random key and a value each. The question is the key of one of them, seen through an unknown
 * matrix; the answer is that one's value. */
typedef struct sample {
    ct_tensor *question, *keys, *values,
        *answer; /* [BATCH, 1, SIZE], [BATCH, ITEMS, SIZE], [BATCH, ITEMS, 1], [BATCH] */
} sample;

static sample draw_samples(ct_tensor *unknown)
{
    sample s = {.keys = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, ITEMS, SIZE)),
                .values = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, ITEMS, 1))};
    s.question =
        ct_matmul(ct_slice(s.keys, 1, 2, 3, 1), unknown); /* always entry 2: the network does not know places */
    s.answer = ct_flatten(ct_slice(s.values, 1, 2, 3, 1), 0, -1);
    return s;
}

/* The weights with which the first sample's question looks at its entries. */
static void look(ct_tensor *w, const sample *s, double *weights)
{
    ct_tensor *scores = ct_matmul(ct_matmul(ct_detach(s->question), ct_detach(w)), ct_transpose(s->keys, 1, 2));
    ct_to_values(ct_select(ct_softmax(scores, -1), 0, 0), weights, ITEMS);
}

static void learn(void)
{
    double places[ITEMS], weights[2][ITEMS], first = NAN, last = NAN;
    ct_tensor *unknown = ct_mul_scalar(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(SIZE, SIZE)), 0.5);
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(model, "query", ct_zeros(CT_FLOAT64, CT_SHAPE(SIZE, SIZE)));
    ct_optimizer *adam = ct_optimizer_new(model, &ct_rule_adam, .lr = 0.05);
    sample shown = draw_samples(unknown);
    look(w, &shown, weights[0]);
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        sample s = draw_samples(unknown);
        ct_optimizer_zero_grad(adam);
        ct_tensor *y = ct_scaled_dot_product_attention(ct_matmul(s.question, w), s.keys, s.values, .scale = 1);
        ct_tensor *loss = ct_mse_loss(ct_flatten(y, 0, -1), s.answer);
        ct_backward(loss);
        ct_optimizer_step(adam);
        last = ct_item(loss);
        first = step ? first : last;
        ct_scope_close();
    }
    look(w, &shown, weights[1]);
    printf("loss %.2f to %.2f; weight on the right one of %d: %.2f to %.2f\n", first, last, ITEMS, weights[0][2],
           weights[1][2]);
    for (int i = 0; i < ITEMS; i++)
        places[i] = i;
    const ct_series series[] = {{.label = "before training", .x = places, .y = weights[0], .n = ITEMS},
                                {.label = "after", .x = places, .y = weights[1], .n = ITEMS}};
    ct_plot_svg("13_attention.svg", series, 2, .title = "Where the question looks", .x_label = "entry",
                .y_label = "weight");
    ct_optimizer_free(adam);
    ct_module_free(model);
}

int main(void)
{
    ct_seed(1);
    ct_scope_open();
    by_numbers();
    causal();
    learn();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "13_attention: %s\n", ct_error_message()), 1;
    return 0;
}
