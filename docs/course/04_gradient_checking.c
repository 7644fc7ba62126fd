/* Chapter 4: one operation, y = x^3, with a right backward and four wrong ones, in front of two judges. Writes
 * 04_gradient_checking.svg. */
#include <cotan/cotan.h>
#include <math.h>

/* ---- the operation ---- */

static ct_status cube_shape(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status cube_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    int64_t n = ct_numel(ct_call_output(call, 0));
    for (int64_t i = 0; x && i < n; i++)
        y[i] = x[i] * x[i] * x[i];
    return x ? CT_OK : ct_error_code();
}

/* ---- the backward passes: g is what arrives, x what came in ---- */

static ct_status right(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_mul_scalar(ct_square(x), 3)));
}

static ct_status forgets_the_factor(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_square(x)));
}

static ct_status has_the_wrong_sign(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_mul_scalar(ct_square(x), -3)));
}

static ct_status ignores_what_arrives(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul_scalar(ct_square(ct_call_input(call, 0)), 3));
}

static ct_status is_a_thousandth_off(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_mul_scalar(ct_square(x), 3.003)));
}

#define CUBE(BACKWARD)                                                                                    \
    {                                                                                                     \
        .name = "cube", .gradient = "3 g x^2", .min_inputs = 1, .max_inputs = 1, .saves = CT_SAVE_INPUTS, \
        .infer = cube_shape, .forward = cube_forward, .backward = BACKWARD,                               \
        .samples = (const ct_sample[]){{"3x4", NULL}, {0}},                                               \
    }
static const struct {
    const char *what;
    ct_op op;
} cubes[] = {{"is right", CUBE(right)},
             {"forgets the factor", CUBE(forgets_the_factor)},
             {"has the wrong sign", CUBE(has_the_wrong_sign)},
             {"ignores what arrives", CUBE(ignores_what_arrives)},
             {"is a thousandth off", CUBE(is_a_thousandth_off)}};
enum { CUBES = sizeof cubes / sizeof *cubes, STEPS = 40 };

/* ---- the first judge: the sum of the outputs, one step, a ratio ---- */

static double sum_at(const ct_op *op, double x)
{
    return ct_item(ct_sum(ct_apply(op, CT_TENSORS(ct_scalar(CT_FLOAT64, x)), NULL)));
}

static double gradient_of_sum(const ct_op *op, double x)
{
    ct_tensor *leaf = ct_set_requires_grad(ct_scalar(CT_FLOAT64, x), true);
    ct_backward(ct_sum(ct_apply(op, CT_TENSORS(leaf), NULL)));
    return ct_item(ct_grad_of(leaf));
}

/* |a - n| / (|a| + |n|), the ratio of the lecture notes, at x = 0.7. */
static double notes_ratio(const ct_op *op, double h)
{
    double a = gradient_of_sum(op, 0.7), n = (sum_at(op, 0.7 + h) - sum_at(op, 0.7 - h)) / (2 * h);
    return fabs(a - n) / (fabs(a) + fabs(n));
}

/* ---- the second: cotan's checker ---- */

static void judge(int i)
{
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_op(&cubes[i].op, &report, .checks = CT_CHECK_VALUE_ONLY);
    printf("%-20s  %8.0e  %s\n", cubes[i].what, notes_ratio(&cubes[i].op, 1e-5), ct_verdict_name(verdict));
    if (verdict == CT_FAIL)
        printf("  %s\n", report.cause);
    ct_gradcheck_report_free(&report);
}

/* ---- what looks wrong and is not ---- */

static ct_tensor *rectified(ct_tensor *const *p, int n, void *user)
{
    (void)n, (void)user;
    return ct_sum(ct_relu(p[0]));
}

static ct_tensor *in_seven_digits(ct_tensor *const *p, int n, void *user)
{
    (void)n, (void)user;
    return ct_cast(ct_sum(ct_exp(ct_cast(p[0], CT_FLOAT32))), CT_FLOAT64);
}

static double value_at(ct_function f, double x)
{
    return ct_item(f(CT_TENSORS(ct_scalar(CT_FLOAT64, x)), NULL));
}

static void judge_function(const char *what, ct_function f, double x)
{
    ct_tensor *leaf = ct_set_requires_grad(ct_scalar(CT_FLOAT64, x), true);
    ct_backward(f(&leaf, 1, NULL));
    double a = ct_item(ct_grad_of(leaf)), n = (value_at(f, x + 1e-5) - value_at(f, x - 1e-5)) / 2e-5;
    ct_verdict verdict = ct_gradcheck(f, NULL, &leaf, 1, NULL);
    printf("%-20s  %8.0e  %s\n", what, fabs(a - n) / (fabs(a) + fabs(n)), ct_verdict_name(verdict));
}

static ct_status draw(void)
{
    double step[STEPS], ratio[2][STEPS];
    for (int i = 0; i < STEPS; i++) {
        step[i] = -10 + 0.25 * i;
        ratio[0][i] = log10(fmax(notes_ratio(&cubes[0].op, pow(10, step[i])), 1e-17));
        ratio[1][i] = log10(fmax(notes_ratio(&cubes[4].op, pow(10, step[i])), 1e-17));
    }
    const ct_series series[] = {{.label = "is right", .x = step, .y = ratio[0], .n = STEPS},
                                {.label = "is a thousandth off", .x = step, .y = ratio[1], .n = STEPS}};
    return ct_plot_svg("04_gradient_checking.svg", series, 2,
                       .title = "The ratio of two backward passes against the step", .x_label = "log10 of the step h",
                       .y_label = "log10 of the ratio");
}

int main(void)
{
    ct_scope_open();
    printf("%-20s  %8s  %s\n", "the backward", "ratio", "the checker");
    for (int i = 0; i < CUBES; i++)
        judge(i);
    printf("\n%-20s  %8s  %s\n", "no bug", "ratio", "the checker");
    judge_function("relu at 0", rectified, 0);
    judge_function("exp in float32", in_seven_digits, 0.7);
    draw();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "04_gradient_checking: %s\n", ct_error_message()), 1;
    return 0;
}
