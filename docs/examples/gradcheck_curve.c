/* The U curve: how far a derivative measured with step h is from the true one, for one operation (tanh at 12 points). Large steps
 * are off by what they leave out, small ones by rounding; the checker's extrapolation starts with a large step and stays clear of
 * both. Then a mistake as ct_gradcheck_plot() draws it. Writes the pictures of docs/gradcheck.md:
 *     gradcheck_curve --out docs */
#include "example.h"
#include <math.h>

enum { POINTS = 12, FIRST = -40, LAST = 0, STEPS = LAST - FIRST + 1 };

static ct_tensor *function(ct_tensor *const *inputs, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_tanh(inputs[0]);
}

/* tanh(x + h), elementwise, in x's dtype, as doubles. */
static void values(ct_tensor *x, double h, double *y)
{
    ct_to_values(ct_tanh(ct_add_scalar(x, h)), y, POINTS);
}

/* The root mean square, relative to the derivative, of what a difference over h is off: forward, or central. */
static double difference_error(ct_tensor *x, double h, bool central)
{
    double above[POINTS], below[POINTS], middle[POINTS], at[POINTS], sum = 0;
    ct_to_values(x, at, POINTS);
    values(x, h, above);
    values(x, -h, below);
    values(x, 0, middle);
    for (int i = 0; i < POINTS; i++) {
        double slope = central ? (above[i] - below[i]) / (2 * h) : (above[i] - middle[i]) / h;
        double truth = 1 - tanh(at[i]) * tanh(at[i]);
        sum += pow((slope - truth) / truth, 2) / POINTS;
    }
    return sqrt(sum);
}

/* The largest relative difference that the checker sees when it starts with step h. */
static double checker_error(ct_tensor *x, double h)
{
    ct_gradcheck_report report = {0};
    ct_gradcheck(function, NULL, &x, 1, &report, .step = h, .checks = CT_CHECK_VALUE_ONLY);
    double error = report.n_tensors ? report.tensors[0].relative : NAN;
    ct_gradcheck_report_free(&report);
    return error;
}

/* Errors below the resolution of a double would leave the picture. */
static double log_of(double error)
{
    return log10(fmax(error, 1e-17));
}

/* ---- a mistake ---- */

/* sin x, of which somebody took what is above 1 out of the graph. */
static ct_tensor *half_detached(ct_tensor *const *inputs, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *x = inputs[0];
    return ct_where(ct_gt(x, ct_ones_like(x)), ct_sin(ct_detach(x)), ct_sin(x));
}

static void draw_mistake(const char *path)
{
    ct_gradcheck_report report = {0};
    ct_scope_open();
    ct_tensor *x = ct_rand(CT_FLOAT64, -2, 2, CT_SHAPE(10, 16));
    ct_gradcheck(half_detached, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY);
    ct_gradcheck_plot(&report, path);
    ct_gradcheck_report_free(&report);
    ct_scope_close();
}

int main(int argc, char **argv)
{
    double h[STEPS], curves[4][STEPS];
    example e = {.seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_scope_open();
    ct_tensor *x = ct_rand(CT_FLOAT64, -1.5, 1.5, CT_SHAPE(POINTS)), *x32 = ct_cast(x, CT_FLOAT32);
    ct_tensor *exact = ct_cast(x32, CT_FLOAT64);
    for (int i = 0; i < STEPS; i++) {
        double step = ldexp(1, FIRST + i);
        h[i] = log10(step);
        curves[0][i] = log_of(difference_error(exact, step, false));
        curves[1][i] = log_of(difference_error(exact, step, true));
        curves[2][i] = step < 1e-7 ? NAN : log_of(difference_error(x32, step, true));
        curves[3][i] = step < 1e-8 ? NAN : log_of(checker_error(exact, step));
    }
    ct_scope_close();
    const ct_series series[] = {
        {.label = "forward", .x = h, .y = curves[0], .n = STEPS},
        {.label = "central", .x = h, .y = curves[1], .n = STEPS},
        {.label = "central, float32", .x = h, .y = curves[2], .n = STEPS},
        {.label = "ct_gradcheck", .x = h, .y = curves[3], .n = STEPS},
    };
    ct_plot_svg(example_path(&e, "gradcheck_curve.svg"), series, 4,
                .title = "Error of a measured derivative of tanh against the step",
                .x_label = "log10 of the step h (of ct_gradcheck: its first step)",
                .y_label = "log10 of the relative error");
    draw_mistake(example_path(&e, "gradcheck_mistake.svg"));
    double best = 0;
    for (int i = 0; i < STEPS; i++)
        best = fmin(best, curves[1][i]);
    return example_end(&e, "best central difference: 1e%.1f; ct_gradcheck from step 2^-7: 1e%.1f", best,
                       curves[3][-7 - FIRST]);
}
