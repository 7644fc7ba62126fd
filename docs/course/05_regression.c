/* Chapter 5: a line through points by formula and by gradient descent; then a class from thirty measurements. Writes
 * 05_regression.svg and 05_logistic.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { POINTS = 40, STEPS = 200, SAMPLES = 569, FEATURES = 30, TEST = 114, EPOCHS = 300 };

/* ---- linear regression ---- */

/* Points near y = 1.5 x - 0.5, and the line of least squares by the formula: covariance over variance. */
static void least_squares(const double *x, const double *y, double *slope, double *offset)
{
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (int i = 0; i < POINTS; i++)
        mx += x[i] / POINTS, my += y[i] / POINTS;
    for (int i = 0; i < POINTS; i++)
        xx += (x[i] - mx) * (x[i] - mx), xy += (x[i] - mx) * (y[i] - my);
    *slope = xy / xx;
    *offset = my - *slope * mx;
}

/* The same line by going downhill: the loss is the mean of the squared errors. */
static void descend(ct_tensor *x, ct_tensor *y, double lr, double *w, double *b, double *losses)
{
    ct_module *line = ct_module_new(CT_FLOAT64);
    ct_module *layer = ct_linear_new(line, "line", 1, 1, .weight = &ct_init_zeros, .bias = &ct_init_zeros);
    ct_optimizer *sgd = ct_optimizer_new(line, &ct_rule_sgd, .lr = lr);
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *loss = ct_mean(ct_square(ct_sub(ct_forward(layer, x), y)));
        ct_backward(loss);
        ct_optimizer_step(sgd);
        losses[step] = ct_item(loss);
        ct_scope_close();
    }
    *w = ct_item(ct_module_get(line, "line.weight"));
    *b = ct_item(ct_module_get(line, "line.bias"));
    ct_optimizer_free(sgd);
    ct_module_free(line);
}

static void draw_line(const double *x, const double *y, double w, double b)
{
    ct_series series[POINTS + 1];
    double ends[2] = {-2, 2}, on_line[2] = {b - 2 * w, b + 2 * w}, stems[POINTS][2], tops[POINTS][2];
    series[0] = (ct_series){.label = "fitted line", .x = ends, .y = on_line, .n = 2};
    for (int i = 0; i < POINTS; i++) { /* each point hangs on the line by its error */
        stems[i][0] = stems[i][1] = x[i];
        tops[i][0] = y[i], tops[i][1] = w * x[i] + b;
        series[i + 1] = (ct_series){.label = i ? NULL : "errors", .x = stems[i], .y = tops[i], .n = 2, .faint = true};
    }
    ct_plot_svg("05_regression.svg", series, POINTS + 1, .title = "The line with the least squared error",
                .x_label = "x", .y_label = "y");
}

static void linear_regression(void)
{
    double at[POINTS], value[POINTS], noise[POINTS], losses[STEPS], slope, offset, w, b;
    ct_to_values(ct_randn(CT_FLOAT64, 0, 0.4, CT_SHAPE(POINTS)), noise, POINTS);
    for (int i = 0; i < POINTS; i++) {
        at[i] = -2 + 4. * i / (POINTS - 1);
        value[i] = 1.5 * at[i] - 0.5 + noise[i];
    }
    least_squares(at, value, &slope, &offset);
    ct_tensor *x = ct_from_values(CT_FLOAT64, at, POINTS, CT_SHAPE(POINTS, 1));
    ct_tensor *y = ct_from_values(CT_FLOAT64, value, POINTS, CT_SHAPE(POINTS, 1));
    descend(x, y, 0.1, &w, &b, losses);
    printf("by formula           y = %.4f x %+.4f\n", slope, offset);
    printf("by gradient descent  y = %.4f x %+.4f\n", w, b);
    printf("loss at step 1, 10, %d: %.4f, %.4f, %.4f\n", STEPS, losses[0], losses[9], losses[STEPS - 1]);
    descend(x, y, 0.8, &w, &b, losses);
    printf("with a rate of 0.8 the loss at step 1, 10, 20: %.1e, %.1e, %.1e\n\n", losses[0], losses[9], losses[19]);
    draw_line(at, value, slope, offset);
}

/* ---- logistic regression ---- */

/* Each feature minus its mean, by its deviation, both of the training samples. */
static ct_tensor *standardise(ct_tensor *x, ct_tensor *training)
{
    ct_tensor *mean = ct_mean(training, CT_AXES(0), .keepdim = true),
              *deviation = ct_std(training, CT_AXES(0), .keepdim = true);
    return ct_div(ct_sub(x, mean), deviation);
}

static double share_right(ct_tensor *logits, ct_tensor *labels)
{
    ct_tensor *benign = ct_cast(ct_gt(logits, ct_scalar(CT_FLOAT64, 0)), CT_FLOAT64);
    return ct_item(ct_mean(ct_cast(ct_eq(benign, labels), CT_FLOAT64)));
}

static void read_samples(ct_tensor **x, ct_tensor **y)
{
    ct_dataset *all = ct_load_breast_cancer(.dtype = CT_FLOAT64);
    int64_t order[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++)
        order[i] = i * 101 % SAMPLES; /* 569 is a prime, so this is every sample once, in another order */
    ct_dataset_batch(all, order, SAMPLES, x, y);
    *y = ct_cast(*y, CT_FLOAT64);
    ct_dataset_free(all);
}

static void logistic_regression(void)
{
    ct_tensor *x, *y;
    double losses[EPOCHS], epochs[EPOCHS], held_out[EPOCHS];
    read_samples(&x, &y);
    ct_tensor *raw = ct_slice(x, 0, TEST, SAMPLES, 1), *train_y = ct_slice(y, 0, TEST, SAMPLES, 1);
    ct_tensor *train_x = standardise(raw, raw), *test_x = standardise(ct_slice(x, 0, 0, TEST, 1), raw),
              *test_y = ct_slice(y, 0, 0, TEST, 1);
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_module *layer = ct_linear_new(model, "logistic", FEATURES, 1, .weight = &ct_init_zeros, .bias = &ct_init_zeros);
    ct_optimizer *sgd = ct_optimizer_new(model, &ct_rule_sgd, .lr = 0.5);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *loss = ct_binary_cross_entropy_with_logits(ct_squeeze(ct_forward(layer, train_x), 1), train_y);
        ct_backward(loss);
        ct_optimizer_step(sgd);
        epochs[epoch] = epoch + 1;
        losses[epoch] = ct_item(loss);
        held_out[epoch] =
            ct_item(ct_binary_cross_entropy_with_logits(ct_squeeze(ct_forward(layer, test_x), 1), test_y));
        ct_scope_close();
    }
    printf("breast cancer: %d samples to train on, %d held out\n", SAMPLES - TEST, TEST);
    printf("loss of epoch 1: %.4f (log 2 = %.4f), of epoch %d: %.4f\n", losses[0], log(2), EPOCHS, losses[EPOCHS - 1]);
    printf("right: %.4f of the training samples, %.4f of those held out\n",
           share_right(ct_squeeze(ct_forward(layer, train_x), 1), train_y),
           share_right(ct_squeeze(ct_forward(layer, test_x), 1), test_y));
    const ct_series series[] = {{.label = "training", .x = epochs, .y = losses, .n = EPOCHS},
                                {.label = "held out", .x = epochs, .y = held_out, .n = EPOCHS}};
    ct_plot_svg("05_logistic.svg", series, 2, .title = "Logistic regression on breast cancer", .x_label = "epoch",
                .y_label = "cross entropy");
    ct_optimizer_free(sgd);
    ct_module_free(model);
}

int main(void)
{
    ct_seed(1);
    ct_scope_open();
    linear_regression();
    logistic_regression();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "05_regression: %s\n", ct_error_message()), 1;
    return 0;
}
