/* Chapter 1: a derivative measured with differences, against the one that cotan calculates. Writes 01_derivatives.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { STEPS = 14, PLACES = 50 };

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

/* sin(x) exp(x) by the rules of calculus. */
static double by_hand(double x)
{
    return exp(x) * (sin(x) + cos(x));
}

/* How far both differences are off, and the gradient, at the step h: the root of the mean square over PLACES places. */
static void errors_at(double h, double errors[3])
{
    double squares[3] = {0, 0, 0};
    for (int i = 0; i < PLACES; i++) {
        double x = 0.5 + (double)i / PLACES, truth = by_hand(x);
        squares[0] += pow(forward_difference(x, h) - truth, 2);
        squares[1] += pow(central_difference(x, h) - truth, 2);
        squares[2] += pow(gradient_at(x) - truth, 2);
    }
    for (int k = 0; k < 3; k++)
        errors[k] = sqrt(squares[k] / PLACES);
}

static void print_table(double x)
{
    printf("f'(1) by hand   %.9f\n", by_hand(x));
    printf("f'(1) by cotan  %.9f\n\n", gradient_at(x));
    printf("    h    one side   off by  both sides  off by\n");
    for (double h = 0.1; h > 0.5e-4; h /= 10) {
        double forward = forward_difference(x, h), central = central_difference(x, h);
        printf("%.0e  %.9f   %6.0e     %.9f  %6.0e\n", h, forward, fabs(forward - by_hand(x)), central,
               fabs(central - by_hand(x)));
    }
}

static ct_status draw(void)
{
    double steps[STEPS], curves[3][STEPS], errors[3];
    for (int i = 0; i < STEPS; i++) {
        steps[i] = -1 - i;
        errors_at(pow(10, steps[i]), errors);
        for (int k = 0; k < 3; k++)
            curves[k][i] = log10(errors[k]);
    }
    const ct_series series[] = {
        {.label = "one side", .x = steps, .y = curves[0], .n = STEPS},
        {.label = "both sides", .x = steps, .y = curves[1], .n = STEPS},
        {.label = "cotan", .x = steps, .y = curves[2], .n = STEPS},
    };
    return ct_plot_svg("01_derivatives.svg", series, 3, .title = "How far a derivative of sin(x) exp(x) is off",
                       .x_label = "log10 of the step h", .y_label = "log10 of the error");
}

int main(void)
{
    ct_scope_open();
    print_table(1);
    draw();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "01_derivatives: %s\n", ct_error_message()), 1;
    return 0;
}
