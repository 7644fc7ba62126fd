/* Chapter 1: a derivative measured with differences, against the one that cotan calculates. Writes 01_derivatives.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { STEPS = 15 };

/* f(x) = sin(x) exp(x). */
static ct_tensor *f(ct_tensor *x)
{
    return ct_mul(ct_sin(x), ct_exp(x));
}

static double value_at(double x)
{
    return ct_item(f(ct_scalar(CT_FLOAT64, x)));
}

static double forward_difference(double x, double h)
{
    return (value_at(x + h) - value_at(x)) / h;
}

static double central_difference(double x, double h)
{
    return (value_at(x + h) - value_at(x - h)) / (2 * h);
}

/* The same by reverse mode: no step, no second evaluation. */
static double gradient_at(double x)
{
    ct_tensor *leaf = ct_set_requires_grad(ct_scalar(CT_FLOAT64, x), true);
    ct_backward(f(leaf));
    return ct_item(ct_grad_of(leaf));
}

/* An error of 0 would leave the picture. */
static double log_of(double error)
{
    return log10(fmax(fabs(error), 1e-17));
}

int main(void)
{
    const double x = 1, truth = exp(1) * (sin(1) + cos(1)); /* (sin x + cos x) exp x */
    double logs[STEPS], one_sided[STEPS], two_sided[STEPS], exact[STEPS];
    ct_scope_open();
    double gradient = gradient_at(x);
    printf("f'(1) by hand   %.12f\n", truth);
    printf("f'(1) by cotan  %.12f\n\n", gradient);
    printf("    h  (f(x+h)-f(x))/h  off by  (f(x+h)-f(x-h))/2h  off by\n");
    for (int i = 0; i < STEPS; i++) {
        double h = pow(10, -1 - i);
        double forward = forward_difference(x, h), central = central_difference(x, h);
        logs[i] = -1 - i;
        one_sided[i] = log_of(forward - truth);
        two_sided[i] = log_of(central - truth);
        exact[i] = log_of(gradient - truth);
        if (i < 6)
            printf("1e-%02d  %.12f   %6.0e      %.12f  %6.0e\n", i + 1, forward, fabs(forward - truth), central,
                   fabs(central - truth));
    }
    ct_scope_close();
    const ct_series series[] = {
        {.label = "one side", .x = logs, .y = one_sided, .n = STEPS},
        {.label = "both sides", .x = logs, .y = two_sided, .n = STEPS},
        {.label = "cotan", .x = logs, .y = exact, .n = STEPS},
    };
    ct_plot_svg("01_derivatives.svg", series, 3, .title = "How far a derivative of sin(x) exp(x) at 1 is off",
                .x_label = "log10 of the step h", .y_label = "log10 of the error");
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "01_derivatives: %s\n", ct_error_message()), 1;
    return 0;
}
