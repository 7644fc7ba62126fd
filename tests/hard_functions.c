/* Does the checker leave right gradients alone where they are hard to measure? Functions that are large, tiny, cancelling,
 * ill-conditioned, kinked, rounded to float32 inside, random, deep: each under so many seeds in full mode, in fast mode, and to the
 * second order.
 *     build/tests/hard_functions [SEEDS [PART OF A NAME]]
 * Prints a line for each that is not always a pass, and last "F false alarms, I inconclusive in T checks". Exit status 0 only if
 * there is no false alarm and at most 2 % are inconclusive. */
#include "hard_functions.h"
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 8 };

/* ---- large and tiny ---- */

FUNCTION(exponential, ct_exp(x))
FUNCTION(sine, ct_sin(x))
FUNCTION(logarithm, ct_log(x))
FUNCTION(squared, ct_square(x))
FUNCTION(inverse, ct_reciprocal(x))
FUNCTION(root, ct_sqrt(x))
FUNCTION(length, ct_norm(x, 2))
FUNCTION(tiny_square, ct_mul_scalar(ct_square(x), 1e-11))
FUNCTION(tiny_tanh, ct_mul_scalar(ct_tanh(x), 1e-200))
FUNCTION(huge_tanh, ct_mul_scalar(ct_tanh(x), 1e200))
FUNCTION(scales_apart, ct_add(ct_mul_scalar(ct_tanh(x), 1e-4), ct_mul_scalar(ct_exp(y), 1e4)))
FUNCTION(square_over_million, ct_add_scalar(ct_square(x), 1e6))
FUNCTION(exp_over_offset, ct_add_scalar(ct_exp(x), 1e4))
FUNCTION(square_over_1e10, ct_add_scalar(ct_square(x), 1e10))

/* ---- cancelling ---- */

FUNCTION(second_remainder, ct_div(ct_sub(ct_add_scalar(ct_exp(x), -1), x), ct_square(x)))
FUNCTION(versine, ct_div(ct_add_scalar(ct_neg(ct_cos(x)), 1), ct_square(x)))
FUNCTION(minus_tanh, ct_sub(x, ct_tanh(x)))
FUNCTION(hyperbola, ct_sub(ct_sqrt(ct_add_scalar(ct_square(x), 1)), x))
FUNCTION(naive_log1p, ct_log(ct_add_scalar(x, 1)))
FUNCTION(naive_variance, ct_sub(ct_mean(ct_square(x)), ct_square(ct_mean(x))))
FUNCTION(sum_of_centred, ct_sum(ct_sub(x, ct_mean(x, CT_AXES(0), .keepdim = true))))
FUNCTION(sum_of_softmax, ct_sum(ct_softmax(x, -1)))
FUNCTION(sum_of_batch_norm, ct_sum(ct_batch_norm(x, NULL, NULL)))
FUNCTION(sum_of_layer_norm, ct_sum(ct_layer_norm(x, NULL, NULL, .axes = 1)))
FUNCTION(large_minus_large, ct_sub(ct_add_scalar(ct_tanh(x), 1e5), ct_add_scalar(ct_sin(x), 1e5)))

/* ---- ill-conditioned ---- */

FUNCTION(sharp_softmax, ct_softmax(ct_mul_scalar(x, 64), -1))
FUNCTION(softmax_of_8x, ct_softmax(ct_mul_scalar(x, 8), -1))
FUNCTION(sharp_log_softmax, ct_log_softmax(ct_mul_scalar(x, 64), -1))
FUNCTION(power_20, ct_pow_scalar(x, 20))
FUNCTION(near_pole, ct_reciprocal(ct_add_scalar(x, -1)))
FUNCTION(tangent, ct_tan(x))
FUNCTION(product, ct_prod(x))
FUNCTION(sharp_sigmoid, ct_sigmoid(ct_mul_scalar(x, 200)))
FUNCTION(power, ct_pow(x, y))
FUNCTION(deviation, ct_std(x))
FUNCTION(correlation, ct_cosine_similarity(x, y, 1, 1e-8))
FUNCTION(fast_sine, ct_sin(ct_mul_scalar(x, 50)))
FUNCTION(small_ripple, ct_add(x, ct_mul_scalar(ct_sin(ct_mul_scalar(x, 1e3)), 1e-3)))
FUNCTION(sine_of_inverse, ct_sin(ct_reciprocal(x)))
FUNCTION(bell, ct_exp(ct_neg(ct_mul_scalar(ct_square(x), 1e4))))
FUNCTION(batch_norm, ct_batch_norm(x, y, z))
FUNCTION(layer_norm, ct_layer_norm(x, y, z, .axes = 1))

/* ---- kinked ---- */

FUNCTION(rectified, ct_relu(x))
FUNCTION(rectified_square, ct_square(ct_relu(x)))
FUNCTION(leaky, ct_leaky_relu(x, 0.01))
FUNCTION(absolute, ct_mul(ct_abs(x), ct_exp(x)))
FUNCTION(largest, ct_amax(x, CT_AXES(1)))
FUNCTION(largest_of_two, ct_maximum(x, y))
FUNCTION(windows, ct_max_pool2d(x, 2))
FUNCTION(overlapping, ct_maximum(ct_slice(x, 0, 0, -1, 1), ct_slice(x, 0, 1, CT_END, 1)))
FUNCTION(hinge, ct_mean(ct_relu(ct_add_scalar(ct_neg(x), 1))))
FUNCTION(clamped, ct_clamp(x, 0, 1))
FUNCTION(huber, ct_huber_loss(x, y))
FUNCTION(absolute_loss, ct_l1_loss(x, y))
FUNCTION(sorted, ct_mul(ct_sort(x, -1, false, NULL), y))
FUNCTION(softly_kinked, ct_where(ct_gt(x, ct_zeros_like(x)), ct_square(x), ct_mul_scalar(ct_square(x), 3)))
FUNCTION(staircase_plus, ct_add(ct_floor(x), ct_square(x)))
FUNCTION(relu_network,
         ct_mean(ct_square(ct_linear(ct_relu(ct_linear(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 3)), x, y)), z, NULL))))

/* The first sample is zero, and so are the biases, so that every unit is at its kink for it. */
static ct_tensor *leaky_network(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *data = ct_mul(in[0], ct_from_values(CT_FLOAT64, CT_VALUES(0, 1, 1, 1), CT_SHAPE(4, 1)));
    ct_tensor *h = ct_leaky_relu(ct_linear(data, in[1], in[2]), 0.1);
    h = ct_leaky_relu(ct_linear(h, in[3], in[4]), 0.1);
    return ct_mean(ct_square(ct_linear(h, in[5], NULL)));
}

/* ---- float32 inside ---- */

static ct_tensor *narrow(ct_tensor *x)
{
    return ct_cast(x, CT_FLOAT32);
}

static ct_tensor *wide(ct_tensor *x)
{
    return ct_cast(x, CT_FLOAT64);
}

FUNCTION(tanh_in_float32, wide(ct_tanh(narrow(x))))
FUNCTION(rounded_on_the_way, ct_exp(wide(narrow(ct_exp(x)))))
FUNCTION(product_in_float32, ct_tanh(wide(ct_matmul(narrow(x), narrow(y)))))
FUNCTION(softmax_in_float32, wide(ct_softmax(narrow(x), -1)))
FUNCTION(loss_in_float32, wide(ct_mean(ct_square(ct_sub(narrow(ct_sin(x)), narrow(y))))))
FUNCTION(normed_in_float32, wide(ct_layer_norm(narrow(x), narrow(y), narrow(z), .axes = 1)))

/* ---- random ---- */

FUNCTION(dropped, ct_square(ct_dropout(x, 0.5, true)))
FUNCTION(noisy, ct_mul(x, ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4))))
FUNCTION(sampled, ct_tanh(ct_add(x, ct_mul(ct_exp(y), ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4))))))

/* ---- deep, and with much control flow ---- */

static ct_tensor *deep_tanh(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *h = in[0];
    for (int i = 0; i < 60; i++)
        h = ct_tanh(ct_matmul(h, in[1]));
    return h;
}

static ct_tensor *logistic_map(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *x = in[0];
    for (int i = 0; i < 8; i++)
        x = ct_mul_scalar(ct_mul(x, ct_add_scalar(ct_neg(x), 1)), 3.7);
    return x;
}

static ct_tensor *residual(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *h = in[0];
    for (int i = 0; i < 20; i++)
        h = ct_add(h, ct_mul_scalar(ct_relu(ct_matmul(h, in[1])), 0.1));
    return h;
}

static ct_tensor *recurrent(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *h = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 4));
    for (int t = 0; t < 12; t++)
        h = ct_tanh(ct_add(ct_matmul(ct_select(in[0], 0, t), in[1]), ct_matmul(h, in[2])));
    return h;
}

/* Newton's method for sqrt(x), until it has converged: how often depends on x. */
static ct_tensor *newton(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *r = ct_add_scalar(ct_mul_scalar(in[0], 0.5), 0.5);
    for (int i = 0; i < 7; i++)
        r = ct_mul_scalar(ct_add(r, ct_div(in[0], r)), 0.5);
    return r;
}

/* ---- the table ---- */

static const hard_function functions[] = {
    {"exp at 300", exponential, "4@299..301"},
    {"sin at 1e9", sine, "4@1e9..1.1e9"},
    {"sin at 1e5", sine, "4@1e5..2e5"},
    {"sin(1/x) at 0.05", sine_of_inverse, "4@0.04..0.06"},
    {"log at 1e-10", logarithm, "5@1e-10..2e-10"},
    {"log at 1e30", logarithm, "4@1e30..2e30"},
    {"square at 1e18", squared, "4@1e18..2e18"},
    {"square at 1e-18", squared, "4@1e-18..2e-18"},
    {"1/x at 1e-8", inverse, "4@1e-8..2e-8"},
    {"1/x from 1e-6 to 1", inverse, "6@1e-6..1"},
    {"sqrt at 1e-12", root, "4@1e-12..2e-12"},
    {"norm at 1e15", length, "6@-1e15..1e15"},
    {"norm at 1e-15", length, "6@-1e-15..1e-15"},
    {"1e-11 x^2", tiny_square, "6"},
    {"1e-200 tanh x", tiny_tanh, "6"},
    {"1e200 tanh x", huge_tanh, "6"},
    {"1e-4 tanh x + 1e4 e^y", scales_apart, "5 5"},
    {"e^x at 1e-8", exponential, "4@1e-8..2e-8"},
    {"x^2 + 1e6", square_over_million, "6"},
    {"e^x + 1e4", exp_over_offset, "6"},
    {"x^2 + 1e10", square_over_1e10, "6"},
    {"(e^x - 1 - x)/x^2 at 1e-3", second_remainder, "5@1e-3..2e-3"},
    {"(e^x - 1 - x)/x^2 at 1e-2", second_remainder, "5@1e-2..2e-2"},
    {"(1 - cos x)/x^2 at 0.01", versine, "5@0.01..0.02"},
    {"x - tanh x at 0.01", minus_tanh, "5@0.01..0.02"},
    {"sqrt(x^2 + 1) - x at 100", hyperbola, "5@100..200"},
    {"log(1 + x) at 1e-6", naive_log1p, "5@1e-6..2e-6"},
    {"E x^2 - (E x)^2 at 1000", naive_variance, "8@1000..1001"},
    {"sum of centred columns", sum_of_centred, "5x4"},
    {"sum of softmax", sum_of_softmax, "4x6"},
    {"sum of batch norm", sum_of_batch_norm, "8x4"},
    {"sum of layer norm", sum_of_layer_norm, "4x8"},
    {"large minus large", large_minus_large, "6"},
    {"softmax of 64 x", sharp_softmax, "3x5"},
    {"softmax of 8 x", softmax_of_8x, "3x5"},
    {"log softmax of 64 x", sharp_log_softmax, "3x5"},
    {"x^20", power_20, "5@0.5..2"},
    {"1/(x - 1) near 1", near_pole, "4@1.0001..1.001"},
    {"tan near pi/2", tangent, "4@1.55..1.57"},
    {"product of 12", product, "12@0.5..2"},
    {"sigmoid of 200 x", sharp_sigmoid, "6@-0.1..0.1"},
    {"x^y", power, "5@0.1..3 5@-3..3"},
    {"deviation of near constants", deviation, "8@1..1.00001"},
    {"cosine similarity", correlation, "4x5 4x5"},
    {"sin 50 x", fast_sine, "6"},
    {"x + 1e-3 sin 1000 x", small_ripple, "6"},
    {"e^(-1e4 x^2)", bell, "6@-0.02..0.02"},
    {"batch norm, variance near eps", batch_norm, "8x3@-0.005..0.005 3 3"},
    {"layer norm at 1000", layer_norm, "4x6@1000..1001 6 6"},
    {"relu at 0", rectified, "5@0..0"},
    {"relu at 1e-8", rectified, "5@-1e-8..1e-8"},
    {"relu^2 at 0", rectified_square, "5@0..0"},
    {"leaky relu at 0", leaky, "5@0..0"},
    {"|x| e^x at 0", absolute, "5@0..0"},
    {"amax of ties", largest, "2x3@1..1"},
    {"amax of a long tie", largest, "1x40@1..1"},
    {"maximum of equals", largest_of_two, "4@1..1 4@1..1"},
    {"max pool of equals", windows, "1x1x4x4@2..2"},
    {"overlapping ties", overlapping, "6@1..1"},
    {"hinge at its margin", hinge, "4@1..1"},
    {"clamp at its bound", clamped, "4@1..1"},
    {"huber at its bend", huber, "4@1..1 4@0..0"},
    {"l1 loss of equals", absolute_loss, "4@1..1 4@1..1"},
    {"sort of ties", sorted, "5@1..1 5"},
    {"x^2 or 3 x^2 at 0", softly_kinked, "4@0..0"},
    {"floor at integers", staircase_plus, "3@2..2"},
    {"relu network of zeros", relu_network, "4x3 4@0..0 2x4"},
    {"leaky network, a zero row", leaky_network, "4x3! 5x3 5@0..0 5x5 5@0..0 2x5"},
    {"tanh in float32", tanh_in_float32, "3x4"},
    {"rounded on the way", rounded_on_the_way, "6"},
    {"product in float32", product_in_float32, "3x4 4x2"},
    {"softmax in float32", softmax_in_float32, "3x5"},
    {"loss in float32", loss_in_float32, "6 6"},
    {"layer norm in float32", normed_in_float32, "3x6 6 6"},
    {"dropout", dropped, "3x4"},
    {"times random numbers", noisy, "3x4"},
    {"reparametrised", sampled, "3x4 3x4"},
    {"60 layers of tanh", deep_tanh, "2x4 4x4@-0.6..0.6"},
    {"logistic map, 8 times", logistic_map, "5@0.1..0.9"},
    {"20 residual layers", residual, "2x4 4x4"},
    {"12 recurrent steps", recurrent, "12x2x3 3x4 4x4@-0.5..0.5"},
    {"Newton's square root", newton, "4@0.1..9"},
};

/* ---- the check ---- */

typedef struct tally {
    int functions, checks, alarms, inconclusive, passes;
} tally;

static void check(const hard_function *f, uint64_t seed, ct_gradcheck_mode mode, int order, tally *t)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n;
    ct_gradcheck_report report = {0};
    ct_scope_open();
    ct_seed(seed);
    ct_sample_inputs(&(ct_sample){.inputs = f->inputs}, CT_FLOAT64, inputs, &n);
    ct_verdict verdict = ct_gradcheck(f->fn, NULL, inputs, n, &report, .mode = mode, .order = order, .seed = seed);
    bool alarm = verdict == CT_FAIL || verdict == CT_NONDETERMINISTIC || ct_error_code() != CT_OK;
    t->checks++;
    t->alarms += alarm;
    t->inconclusive += verdict == CT_INCONCLUSIVE;
    t->passes += ct_verdict_good(verdict) || verdict == CT_VACUOUS;
    if (alarm || verdict == CT_INCONCLUSIVE)
        printf("    %s, seed %d, %s, order %d: %s (%s) %s\n", f->name, (int)seed, mode == CT_FULL ? "full" : "fast",
               order, ct_verdict_name(verdict), report.cause, ct_error_message());
    if (alarm && getenv("SHOW"))
        ct_gradcheck_print(&report, stdout);
    ct_error_clear();
    ct_gradcheck_report_free(&report);
    ct_scope_close();
}

/* Under all seeds, in each way. */
static void check_function(const hard_function *f, int seeds, tally *all)
{
    tally t = {0};
    for (int seed = 0; seed < seeds; seed++) {
        check(f, (uint64_t)seed, CT_FULL, 1, &t);
        check(f, (uint64_t)seed, CT_FAST, 1, &t);
        check(f, (uint64_t)seed, CT_FULL, 2, &t);
    }
    if (t.passes < t.checks)
        printf("%-30s %d false alarms, %d inconclusive in %d\n", f->name, t.alarms, t.inconclusive, t.checks);
    all->functions++;
    all->checks += t.checks;
    all->alarms += t.alarms;
    all->inconclusive += t.inconclusive;
    all->passes += t.passes;
}

static void check_table(const hard_function *table, int n, int seeds, const char *part, tally *all)
{
    for (int i = 0; i < n; i++)
        if (!part || strstr(table[i].name, part))
            check_function(&table[i], seeds, all);
}

int main(int argc, char **argv)
{
    int n, seeds = argc > 1 ? atoi(argv[1]) : SEEDS;
    const char *part = argc > 2 ? argv[2] : NULL;
    const hard_function *(*const more[])(int *) = {hard_algorithms, hard_more};
    tally all = {0};
    check_table(functions, (int)(sizeof functions / sizeof *functions), seeds, part, &all);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        const hard_function *table = more[i](&n);
        check_table(table, n, seeds, part, &all);
    }
    bool holds = all.checks > 0 && all.alarms == 0 && all.inconclusive * 50 <= all.checks;
    printf("%d passed, %d failed\n", all.passes, holds ? 0 : all.alarms + !all.alarms);
    printf("%d false alarms, %d inconclusive in %d checks of %d functions\n", all.alarms, all.inconclusive, all.checks,
           all.functions);
    return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
