/* Chapter 9: five rules go downhill in a long narrow valley, and a schedule quietens a noisy one. Writes 09_optimisers.svg (the paths
 * over lines of equal height) and 09_schedules.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { STEPS = 60, RULES = 5, CIRCLE = 73, LEVELS = 5, NOISY = 400 };

/* ---- the valley: x^2 / 2 along, ten times as steep across ---- */

static ct_tensor *height(ct_tensor *at)
{
    ct_tensor *steepness = ct_from_values(CT_FLOAT64, CT_VALUES(1, 10), CT_SHAPE(2));
    return ct_mul_scalar(ct_sum(ct_mul(steepness, ct_square(at))), 0.5);
}

static const struct {
    const char *name;
    const ct_optimizer_rule *rule;
    double lr, momentum;
} rules[RULES] = {{"sgd, rate 0.05", &ct_rule_sgd, 0.05, 0},
                  {"sgd, rate 0.19", &ct_rule_sgd, 0.19, 0},
                  {"momentum 0.9", &ct_rule_sgd, 0.02, 0.9},
                  {"rmsprop", &ct_rule_rmsprop, 0.1, 0},
                  {"adam", &ct_rule_adam, 0.3, 0}};

/* Walks from (-4, 1.5) on scale times the height; path[0] and path[1] get the places. Returns the height at the end. */
static double walk(int i, double scale, double path[2][STEPS + 1])
{
    ct_module *place = ct_module_new(CT_FLOAT64);
    ct_tensor *at = ct_module_parameter(place, "at", ct_from_values(CT_FLOAT64, CT_VALUES(-4, 1.5), CT_SHAPE(2)));
    ct_optimizer *rule = ct_optimizer_new(place, rules[i].rule, .lr = rules[i].lr, .momentum = rules[i].momentum);
    double end = NAN;
    for (int step = 0; step <= STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(rule);
        ct_tensor *loss = height(at);
        end = ct_item(loss);
        path[0][step] = ct_get(at, CT_SHAPE(0)), path[1][step] = ct_get(at, CT_SHAPE(1));
        ct_backward(ct_mul_scalar(loss, scale));
        ct_optimizer_step(rule);
        ct_scope_close();
    }
    ct_optimizer_free(rule);
    ct_module_free(place);
    return end;
}

static void draw_paths(double paths[RULES][2][STEPS + 1])
{
    static double ring[LEVELS][2][CIRCLE];
    ct_series series[RULES + LEVELS];
    for (int i = 0; i < RULES; i++)
        series[i] = (ct_series){.label = rules[i].name, .x = paths[i][0], .y = paths[i][1], .n = STEPS + 1};
    for (int k = 0; k < LEVELS; k++) {
        double level = pow(2, k);
        for (int j = 0; j < CIRCLE; j++) {
            double angle = 2 * acos(-1) * j / (CIRCLE - 1);
            ring[k][0][j] = sqrt(2 * level) * cos(angle), ring[k][1][j] = sqrt(2 * level / 10) * sin(angle);
        }
        series[RULES + k] = (ct_series){
            .label = k ? NULL : "equal height", .x = ring[k][0], .y = ring[k][1], .n = CIRCLE, .faint = true};
    }
    ct_plot_svg("09_optimisers.svg", series, RULES + LEVELS, .title = "Sixty steps down a valley", .x_label = "x",
                .y_label = "y");
}

static void valley(void)
{
    static double paths[RULES][2][STEPS + 1];
    printf("height after %d steps, from 19.25\n", STEPS);
    for (int i = 0; i < RULES; i++) {
        double end = walk(i, 1, paths[i]);
        printf("%-15s %8.1e\n", rules[i].name, end);
    }
    draw_paths(paths);
    printf("\nall gradients times 1000\n");
    for (int i = 0; i < RULES; i += RULES - 1) {
        double end = walk(i, 1000, paths[i]);
        printf(end < 19.25 ? "%-15s %8.1e\n" : "%-15s higher than where it began\n", rules[i].name, end);
    }
}

/* ---- noise: the gradient of one random sample in place of all, and a rate that falls ---- */

/* The loss (w - s)^2 / 2 for samples s around 3: the best w is 3. Returns the mean of |w - 3| over the last quarter. */
static double noisy(const ct_schedule *schedule, double *steps, double *error)
{
    ct_module *place = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(place, "w", ct_scalar(CT_FLOAT64, 0));
    ct_optimizer *sgd = ct_optimizer_new(place, &ct_rule_sgd, .lr = 0.2);
    ct_optimizer_schedule(sgd, schedule, .steps = NOISY);
    double last = 0;
    ct_seed(1);
    for (int step = 0; step < NOISY; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *sample = ct_randn(CT_FLOAT64, 3, 1, CT_SCALAR);
        ct_backward(ct_mul_scalar(ct_square(ct_sub(w, sample)), 0.5));
        ct_optimizer_step(sgd);
        steps[step] = step + 1;
        error[step] = fabs(ct_item(w) - 3);
        last += step >= 3 * NOISY / 4 ? error[step] / (NOISY / 4.) : 0;
        ct_scope_close();
    }
    ct_optimizer_free(sgd);
    ct_module_free(place);
    return last;
}

static void schedules(void)
{
    static double steps[NOISY], errors[2][NOISY];
    printf("\nnoisy gradients: distance to the best w over the last %d steps\n", NOISY / 4);
    printf("constant rate    %.3f\n", noisy(&ct_schedule_constant, steps, errors[0]));
    printf("cosine to 0      %.3f\n", noisy(&ct_schedule_cosine, steps, errors[1]));
    const ct_series series[] = {{.label = "constant rate", .x = steps, .y = errors[0], .n = NOISY},
                                {.label = "cosine to 0", .x = steps, .y = errors[1], .n = NOISY}};
    ct_plot_svg("09_schedules.svg", series, 2, .title = "Noisy gradients, with a constant and a falling rate",
                .x_label = "step", .y_label = "|w - 3|");
}

int main(void)
{
    ct_scope_open();
    valley();
    schedules();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "09_optimisers: %s\n", ct_error_message()), 1;
    return 0;
}
