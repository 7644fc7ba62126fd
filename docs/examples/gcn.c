/* A graph convolution (Kipf, Welling 2017) on Zachary's karate club (1977): 34 members and who is a friend of whom. Two labels are given,
 * those of the teacher and of the officer who fell out; the network finds who went with whom. */
#include "example.h"

enum { MEMBERS = 34, HIDDEN = 8, OFFICER = 33 };

/* Friends with a larger number, up to the 0. */
/* clang-format off */
static const int8_t friends[MEMBERS][17] = {
    {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31}, {2, 3, 7, 13, 17, 19, 21, 30}, {3, 7, 8, 9, 13, 27, 28, 32},
    {7, 12, 13}, {6, 10}, {6, 10, 16}, {16}, {0}, {30, 32, 33}, {33}, {0}, {0}, {0}, {33}, {32, 33}, {32, 33}, {0}, {0},
    {32, 33}, {33}, {32, 33}, {0}, {32, 33}, {25, 27, 29, 32, 33}, {25, 27, 31}, {31}, {29, 33}, {33}, {31, 33}, {32, 33},
    {32, 33}, {32, 33}, {33}};
/* Who went with the officer: nine, fourteen, fifteen, eighteen, twenty, and all from twenty-two on. */
static const double side[MEMBERS] = {[9] = 1, [14] = 1, [15] = 1, [18] = 1, [20] = 1, [22] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
/* clang-format on */

/* D^-1/2 (A + I) D^-1/2, D the row sums of A + I: equation 2. */
static ct_tensor *propagation(void)
{
    double a[MEMBERS][MEMBERS] = {{0}};
    for (int i = 0; i < MEMBERS; i++) {
        a[i][i] = 1;
        for (int k = 0; friends[i][k]; k++)
            a[i][friends[i][k]] = a[friends[i][k]][i] = 1;
    }
    ct_tensor *graph = ct_from_values(CT_FLOAT64, a[0], MEMBERS * MEMBERS, CT_SHAPE(MEMBERS, MEMBERS));
    ct_tensor *root = ct_rsqrt(ct_sum(graph, CT_AXES(1)));
    return ct_mul(ct_mul(graph, root), ct_unsqueeze(root, 1));
}

typedef struct gcn {
    ct_module *module, *first, *second;
    ct_tensor *propagation;
} gcn;

/* Z = P tanh(P X W1) W2, equation 9; X, the features, is the identity: nobody has any. */
static ct_tensor *forward(const gcn *g)
{
    ct_tensor *h = ct_tanh(ct_matmul(g->propagation, ct_forward(g->first, ct_eye(CT_FLOAT64, MEMBERS))));
    return ct_matmul(g->propagation, ct_forward(g->second, h));
}

static double learn(const gcn *g, ct_optimizer *adam, ct_tensor *labels)
{
    ct_scope_open();
    ct_optimizer_zero_grad(adam);
    ct_tensor *loss = ct_cross_entropy(forward(g), labels); /* -100 has no label and does not count */
    ct_backward(loss);
    ct_optimizer_step(adam);
    double value = ct_item(loss);
    ct_scope_close();
    return value;
}

/* The two logits of each member, by the side that he went to. */
static void draw(example *e, ct_tensor *logits)
{
    static example_curve curves[2] = {{.label = "went with the teacher"}, {.label = "went with the officer"}};
    for (int64_t i = 0; i < MEMBERS; i++)
        example_cross(&curves[(int)side[i]], ct_get(logits, CT_SHAPE(i, 0)), ct_get(logits, CT_SHAPE(i, 1)), 0.1, 0.1);
    CT_OPTIONS(ct_plot_options, plot, .title = "Zachary's club", .x_label = "teacher", .y_label = "officer");
    example_draw(e, "gcn.svg", curves, 2, &plot);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 100, .quick_epochs = 50, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    gcn g = {.module = ct_module_new(CT_FLOAT64), .propagation = propagation()};
    g.first = ct_linear_new(g.module, "first", MEMBERS, HIDDEN, .no_bias = true, .weight = &ct_init_glorot_uniform);
    g.second = ct_linear_new(g.module, "second", HIDDEN, 2, .no_bias = true, .weight = &ct_init_glorot_uniform);
    ct_optimizer *adam = ct_optimizer_new(g.module, &ct_rule_adam, .lr = 0.01, .weight_decay = 5e-4);
    ct_tensor *labels = ct_full(CT_INT64, -100, CT_SHAPE(MEMBERS));
    int64_t *label = ct_data_mut(labels);
    if (label)
        label[0] = 0, label[OFFICER] = 1;
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++)
        example_progress(&e, epoch, "loss", learn(&g, adam, labels));
    ct_tensor *logits = ct_detach(forward(&g));
    ct_tensor *truth = ct_cast(ct_from_values(CT_FLOAT64, side, MEMBERS, CT_SHAPE(MEMBERS)), CT_INT64);
    draw(&e, logits);
    double right = ct_accuracy(logits, truth) * MEMBERS;
    ct_optimizer_free(adam);
    ct_module_free(g.module);
    return example_end(&e, "%.0f of %d members on their side", right, MEMBERS);
}
