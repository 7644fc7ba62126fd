/* Chapter 6: the perceptron and the bound on its mistakes; XOR, which it cannot learn and two hidden neurons can. Writes
 * 06_perceptron_xor.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { POINTS = 60, ROUNDS = 1000, STEPS = 400, STARTS = 40, GRID = 161 };

/* ---- the perceptron ---- */

/* Points whose side of the line x + 2 y = 0 is their class, +1 or -1, at least margin away from it. */
static void make_points(double margin, double points[][2], double *classes)
{
    for (int n = 0; n < POINTS;) {
        double at[2];
        ct_to_values(ct_rand(CT_FLOAT64, -1, 1, CT_SHAPE(2)), at, 2);
        double side = (at[0] + 2 * at[1]) / sqrt(5);
        if (fabs(side) < margin)
            continue;
        points[n][0] = at[0], points[n][1] = at[1];
        classes[n++] = side > 0 ? 1 : -1;
    }
}

/* Rosenblatt's rule: on a mistake, add class times point to the weights. Returns the mistakes until a round has none, or all made
 * in ROUNDS rounds; w has the weights of x, y and 1. */
static int perceptron(double points[][2], const double *classes, int n, double *w, int *rounds)
{
    int mistakes = 0, in_round = 1;
    w[0] = w[1] = w[2] = 0;
    for (*rounds = 0; in_round && *rounds < ROUNDS; ++*rounds) {
        in_round = 0;
        for (int i = 0; i < n; i++) {
            if (classes[i] * (w[0] * points[i][0] + w[1] * points[i][1] + w[2]) > 0)
                continue;
            w[0] += classes[i] * points[i][0], w[1] += classes[i] * points[i][1], w[2] += classes[i];
            in_round++;
        }
        mistakes += in_round;
    }
    return mistakes;
}

/* (R / gamma)^2, Novikoff 1962: R the longest point, gamma the margin of the line that made the classes; a point is (x, y, 1). */
static double bound(double points[][2], const double *classes)
{
    double longest = 0, margin = INFINITY;
    for (int i = 0; i < POINTS; i++) {
        double x = points[i][0], y = points[i][1];
        longest = fmax(longest, x * x + y * y + 1);
        margin = fmin(margin, classes[i] * (x + 2 * y) / sqrt(5));
    }
    return longest / (margin * margin);
}

static void perceptrons(void)
{
    double points[POINTS][2], classes[POINTS], w[3];
    int rounds;
    printf("margin  mistakes  rounds  bound (R/gamma)^2\n");
    for (double margin = 0.4; margin > 0.02; margin /= 2) {
        make_points(margin, points, classes);
        int mistakes = perceptron(points, classes, POINTS, w, &rounds);
        printf("%6.3f  %8d  %6d  %17.0f\n", margin, mistakes, rounds, bound(points, classes));
    }
    double corners[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, xor[4] = {
                                                                 -1, 1, 1, -1};
    int mistakes = perceptron(corners, xor, 4, w, &rounds);
    printf("XOR: %d mistakes in %d rounds, and none of them without one\n\n", mistakes, rounds);
}

/* ---- XOR with a hidden layer ---- */

typedef struct network {
    ct_module *module;
    ct_module *hidden, *out;
} network;

static ct_tensor *logit(const network *net, ct_tensor *x)
{
    return ct_squeeze(ct_forward(net->out, ct_tanh(ct_forward(net->hidden, x))), 1);
}

static network network_new(int64_t neurons)
{
    network net = {.module = ct_module_new(CT_FLOAT64)};
    net.hidden = ct_linear_new(net.module, "hidden", 2, neurons);
    net.out = ct_linear_new(net.module, "out", neurons, 1);
    return net;
}

/* Returns the loss of the last step; *first gets that of the first. */
static double train(const network *net, ct_tensor *x, ct_tensor *y, double *first)
{
    ct_optimizer *sgd = ct_optimizer_new(net->module, &ct_rule_sgd, .lr = 0.5, .momentum = 0.9);
    double loss = NAN;
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *error = ct_binary_cross_entropy_with_logits(logit(net, x), y);
        ct_backward(error);
        ct_optimizer_step(sgd);
        loss = ct_item(error);
        *first = step ? *first : loss;
        ct_scope_close();
    }
    ct_optimizer_free(sgd);
    return loss;
}

/* Where the logit is 0, from below and from above, on each vertical line of the square. */
static ct_status draw_boundary(const network *net)
{
    double across[GRID], sides[2][GRID], values[GRID * GRID];
    ct_tensor *line = ct_arange(CT_FLOAT64, -0.5, 2. / (GRID - 1), GRID);
    ct_tensor *x = ct_expand(ct_unsqueeze(line, 1), CT_SHAPE(GRID, GRID)), *y = ct_expand(line, CT_SHAPE(GRID, GRID));
    ct_tensor *points = ct_reshape(ct_stack(CT_TENSORS(x, y), 2), CT_SHAPE(-1, 2));
    ct_to_values(logit(net, points), values, GRID * GRID);
    for (int i = 0; i < GRID; i++) {
        across[i] = -0.5 + 2. * i / (GRID - 1);
        sides[0][i] = sides[1][i] = NAN;
        for (int j = 1; j < GRID; j++)
            if ((values[i * GRID + j] > 0) != (values[i * GRID + j - 1] > 0))
                sides[values[i * GRID + j] > 0 ? 0 : 1][i] = -0.5 + 2. * j / (GRID - 1);
    }
    const ct_series series[] = {{.label = "from 0 to 1, upwards", .x = across, .y = sides[0], .n = GRID},
                                {.label = "from 1 to 0, upwards", .x = across, .y = sides[1], .n = GRID},
                                {.label = "the corners",
                                 .x = (double[]){0, 1, 1, 0, 0},
                                 .y = (double[]){0, 0, 1, 1, 0},
                                 .n = 5,
                                 .faint = true}};
    return ct_plot_svg("06_perceptron_xor.svg", series, 3, .title = "Where the network changes its mind",
                       .x_label = "x", .y_label = "y");
}

/* How many of STARTS starts end in a valley that is not the lowest. */
static int wrong_valleys(int64_t neurons, ct_tensor *x, ct_tensor *y)
{
    int wrong = 0;
    for (int start = 0; start < STARTS; start++) {
        ct_seed((uint64_t)start + 100);
        network net = network_new(neurons);
        double first;
        wrong += train(&net, x, y, &first) > 0.1;
        ct_module_free(net.module);
    }
    return wrong;
}

static void multilayer(void)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(0, 0, 0, 1, 1, 0, 1, 1), CT_SHAPE(4, 2));
    ct_tensor *y = ct_from_values(CT_FLOAT64, CT_VALUES(0, 1, 1, 0), CT_SHAPE(4));
    network net = network_new(2);
    double p[4], first, last = train(&net, x, y, &first);
    printf("step 1: loss %.4f\nstep %d: loss %.4f\n", first, STEPS, last);
    ct_to_values(ct_sigmoid(logit(&net, x)), p, 4);
    printf("0 xor 0: %.3f, 0 xor 1: %.3f, 1 xor 0: %.3f, 1 xor 1: %.3f\n", p[0], p[1], p[2], p[3]);
    draw_boundary(&net);
    ct_module_free(net.module);
    printf("%d other starts, and a loss above 0.1 in the end: with 2 hidden neurons %d, with 4 %d\n", STARTS,
           wrong_valleys(2, x, y), wrong_valleys(4, x, y));
}

int main(void)
{
    ct_seed(3);
    ct_scope_open();
    perceptrons();
    multilayer();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "06_perceptron_xor: %s\n", ct_error_message()), 1;
    return 0;
}
