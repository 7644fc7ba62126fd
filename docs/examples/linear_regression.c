/* Linear regression on measurements of cells: the weights by formula and by gradient descent, without a penalty, with the squares of
 * the weights (L2) and with their sizes (L1), which leaves some at 0; and a curve through the areas of cells of each radius. */
#include "example.h"
#include <math.h>

enum { FEATURES = 5, RADIUS = 0, AREA = 3, COMPACTNESS = 5 };
static const int64_t used[FEATURES] = {RADIUS, 1 /* texture */, 4 /* smoothness */, 8 /* symmetry */,
                                       9 /* fractal dimension */};

/* Every measurement with mean 0 and deviation 1: [n, 30]. */
static ct_tensor *measurements(void)
{
    ct_dataset *cells = ct_load_breast_cancer(.dtype = CT_FLOAT64);
    ct_module *scaler = ct_module_new(CT_FLOAT64);
    ct_tensor *x, *labels;
    ct_standard_scaler_new(scaler, NULL, cells);
    ct_dataset_all(cells, &x, &labels);
    x = ct_forward(scaler, x);
    ct_module_free(scaler);
    ct_dataset_free(cells);
    return x;
}

/* The w with the least mean of (x w - y)^2 / 2 + l2 w^2 / 2: (x'x / n + l2) w = x'y / n. */
static ct_tensor *by_formula(ct_tensor *x, ct_tensor *y, double l2)
{
    if (l2 == 0)
        return ct_lstsq(x, y);
    ct_tensor *xt = ct_mul_scalar(ct_transpose(x, 0, 1), 1. / (double)ct_size(x, 0));
    ct_tensor *ridge = ct_mul_scalar(ct_eye(CT_FLOAT64, FEATURES), l2);
    return ct_solve(ct_add(ct_matmul(xt, x), ridge), ct_matmul(xt, y));
}

/* The same downhill; l1 adds the sizes of the weights. */
static ct_tensor *by_descent(example *e, ct_tensor *x, ct_tensor *y, double l1, double l2)
{
    ct_tensor *w = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(FEATURES, 1)), true);
    ct_optimizer *sgd = ct_optimizer_of(&w, 1, &ct_rule_sgd, .lr = 0.4, .l1 = l1, .weight_decay = l2);
    ct_optimizer_schedule(sgd, l1 > 0 ? CT_SCHEDULE_COSINE(0) : NULL, .steps = e->epochs); /* L1 has a corner at 0 */
    for (int64_t step = 0; step < e->epochs && ct_error_code() == CT_OK; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_backward(ct_mul_scalar(ct_mse_loss(ct_matmul(x, w), y), 0.5));
        ct_optimizer_step(sgd);
        ct_scope_close();
    }
    ct_optimizer_free(sgd);
    return w;
}

static void print_weights(const char *name, ct_tensor *w)
{
    printf("%-28s", name);
    for (int64_t i = 0; i < FEATURES; i++)
        printf(" %8.4f", ct_get(w, CT_SHAPE(i, 0)));
    putchar('\n');
}

/* y by 1, x and x^2 of least squares, through crosses. */
static void draw_fit(example *e, ct_tensor *x, ct_tensor *y)
{
    static example_curve curves[2] = {{.label = "fit"}, {.label = "cells"}};
    ct_tensor *w = ct_lstsq(ct_concat(CT_TENSORS(ct_ones(CT_FLOAT64, ct_shape(x), 2), x, ct_square(x)), 1), y);
    for (double at = -2; at <= 4; at += 0.1)
        example_point(&curves[0], at,
                      ct_get(w, CT_SHAPE(0, 0)) + at * ct_get(w, CT_SHAPE(1, 0)) + at * at * ct_get(w, CT_SHAPE(2, 0)));
    for (int64_t i = 0; i < ct_size(x, 0); i++)
        example_cross(&curves[1], ct_get(x, CT_SHAPE(i, 0)), ct_get(y, CT_SHAPE(i, 0)), 0.08, 0.12);
    CT_OPTIONS(ct_plot_options, plot, .title = "Area of cells by their radius", .x_label = "radius", .y_label = "area");
    example_draw(e, "linear_regression.svg", curves, 2, &plot);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 3000, .quick_epochs = 3000, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_tensor *all = measurements(), *columns[FEATURES], *y = ct_slice(all, 1, COMPACTNESS, COMPACTNESS + 1, 1);
    for (int i = 0; i < FEATURES; i++)
        columns[i] = ct_slice(all, 1, used[i], used[i] + 1, 1);
    ct_tensor *x = ct_concat(columns, FEATURES, 1);
    double furthest = 0;
    printf("%-28s   radius  texture smoothn. symmetry  fractal\n", "compactness by");
    for (int i = 0; i < 2; i++) {
        ct_tensor *formula = by_formula(x, y, 0.1 * i), *descent = by_descent(&e, x, y, 0, 0.1 * i);
        print_weights(i ? "formula, L2 of 0.1" : "formula", formula);
        print_weights(i ? "gradient descent, L2 of 0.1" : "gradient descent", descent);
        furthest = fmax(furthest, ct_item(ct_amax(ct_abs(ct_sub(formula, ct_detach(descent))))));
    }
    print_weights("gradient descent, L1 of 0.1", by_descent(&e, x, y, 0.1, 0));
    draw_fit(&e, ct_slice(all, 1, RADIUS, RADIUS + 1, 1), ct_slice(all, 1, AREA, AREA + 1, 1));
    return example_end(&e, "formula and descent differ by %.1e at most", furthest);
}
