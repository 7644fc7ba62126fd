/* Chapter 14: the backward pass is made of operations too, so it can be differentiated again: derivatives of any order, Newton's step,
 * and a network that obeys a differential equation. Writes 14_gradients_of_gradients.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { ORDERS = 5, HIDDEN = 16, PLACES = 32, STEPS = 1500 };

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

/* The gradient of y with respect to x, as a tensor that can be differentiated again. */
static ct_tensor *derivative(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *result = NULL;
    ct_grad(CT_TENSORS(y), CT_TENSORS(x), &result, .create_graph = true);
    return result;
}

/* ---- x^4 at 2, until nothing is left ---- */

static void orders(void)
{
    ct_tensor *x = leaf(2), *y = ct_pow_scalar(x, 4);
    printf("x^4 at 2: %g, derivatives", ct_item(y));
    for (int i = 0; i < ORDERS; i++) {
        y = derivative(y, x);
        printf(" %g", ct_item(y));
    }
    printf("\n\n");
}

/* ---- Newton's method: a step of slope by curvature ---- */

static ct_tensor *valley(ct_tensor *x)
{
    return ct_sub(ct_exp(x), ct_mul_scalar(x, 2)); /* lowest at log 2 */
}

static void newton(void)
{
    double descent = 2, by_newton = 2;
    printf("exp(x) - 2 x, lowest at log 2: how far off\n");
    printf("step  descent, rate 0.1  newton\n");
    for (int step = 0; step <= 5; step++) {
        printf("%4d  %17.0e  %6.0e\n", step, fabs(descent - log(2)), fabs(by_newton - log(2)));
        ct_tensor *a = leaf(descent), *b = leaf(by_newton), *slope = derivative(valley(b), b);
        descent -= 0.1 * ct_item(derivative(valley(a), a));
        by_newton -= ct_item(slope) / ct_item(derivative(slope, b));
    }
    printf("\n");
}

/* ---- measured second derivatives ---- */

static double slope_at(double at)
{
    ct_tensor *x = leaf(at);
    return ct_item(derivative(valley(x), x));
}

static double height_at(double at)
{
    return ct_item(valley(leaf(at)));
}

/* The second derivative of the valley at 1 is e. With the best of ten steps: from three values of it, and from two calculated slopes. */
static void measure(void)
{
    double best[2] = {1, 1};
    for (int k = 1; k <= 10; k++) {
        double h = pow(10, -k);
        double from_values = (height_at(1 + h) - 2 * height_at(1) + height_at(1 - h)) / (h * h);
        double from_slopes = (slope_at(1 + h) - slope_at(1 - h)) / (2 * h);
        best[0] = fmin(best[0], fabs(from_values / exp(1) - 1));
        best[1] = fmin(best[1], fabs(from_slopes / exp(1) - 1));
    }
    printf("right digits of 16 of a measured second derivative: from values %.0f, from calculated slopes %.0f\n",
           -log10(best[0]), -log10(best[1]));
}

/* ---- a network that obeys f'' = -f, f(0) = 0, f'(0) = 1: the sine, without ever being shown one ---- */

typedef struct network {
    ct_module *module;
    ct_module *first, *second;
} network;

static ct_tensor *forward(const network *net, ct_tensor *x)
{
    return ct_forward(net->second, ct_tanh(ct_forward(net->first, x)));
}

/* How badly f obeys: the mean square of f'' + f over x [PLACES, 1], and what is wrong at x = 0. Each result depends on its own x
 * alone, so the gradient of their sum has each one's derivative. */
static ct_tensor *disobedience(const network *net, ct_tensor *x)
{
    ct_tensor *f = forward(net, x), *slope = derivative(ct_sum(f), x), *curvature = derivative(ct_sum(slope), x);
    ct_tensor *start = ct_slice(f, 0, 0, 1, 1), *start_slope = ct_slice(slope, 0, 0, 1, 1);
    ct_tensor *inside = ct_mean(ct_square(ct_add(curvature, f)));
    ct_tensor *ends = ct_add(ct_square(start), ct_square(ct_add_scalar(start_slope, -1)));
    return ct_add(inside, ct_sum(ends));
}

/* What a graph keeps: for the function alone, and with create_graph for its slope as well. */
static void weigh(const network *net, ct_tensor *x)
{
    ct_scope_open();
    double empty = (double)ct_memory_stats().live_bytes;
    ct_tensor *f = ct_sum(forward(net, x));
    double graph = (double)ct_memory_stats().live_bytes - empty;
    derivative(f, x);
    double both = (double)ct_memory_stats().live_bytes - empty;
    printf("memory of the network's graph: 1, with its slope's %.1f\n\n", both / graph);
    ct_scope_close();
}

static void obey(void)
{
    ct_tensor *x = ct_set_requires_grad(
        ct_reshape(ct_arange(CT_FLOAT64, 0, 4. / (PLACES - 1), PLACES), CT_SHAPE(PLACES, 1)), true);
    network net = {.module = ct_module_new(CT_FLOAT64)};
    net.first = ct_linear_new(net.module, "first", 1, HIDDEN);
    net.second = ct_linear_new(net.module, "second", HIDDEN, 1);
    weigh(&net, x);
    ct_optimizer *adam = ct_optimizer_new(net.module, &ct_rule_adam, .lr = 0.01);
    double first = NAN, last = NAN, worst = 0, at[PLACES], found[PLACES], sine[PLACES];
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_tensor *loss = disobedience(&net, x);
        ct_backward(loss);
        ct_optimizer_step(adam);
        last = ct_item(loss);
        first = step ? first : last;
        ct_scope_close();
    }
    ct_to_values(x, at, PLACES);
    ct_to_values(forward(&net, x), found, PLACES);
    for (int i = 0; i < PLACES; i++) {
        sine[i] = sin(at[i]);
        worst = fmax(worst, fabs(found[i] - sine[i]));
    }
    printf("f'' = -f: disobedience %.1f to less than 0.01: %s; off the sine by less than 0.1 on 0..4: %s\n", first,
           last < 0.01 ? "yes" : "no", worst < 0.1 ? "yes" : "no");
    const ct_series series[] = {{.label = "the network", .x = at, .y = found, .n = PLACES},
                                {.label = "sin x", .x = at, .y = sine, .n = PLACES}};
    ct_plot_svg("14_gradients_of_gradients.svg", series, 2,
                .title = "A function that was told only its differential equation", .x_label = "x", .y_label = "f");
    ct_optimizer_free(adam);
    ct_module_free(net.module);
}

int main(void)
{
    ct_seed(1);
    ct_scope_open();
    orders();
    newton();
    measure();
    obey();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "14_gradients_of_gradients: %s\n", ct_error_message()), 1;
    return 0;
}
