/* Normalisation: measurements of cells as they are, with mean 0 and deviation 1, and whitened by their principal components, before
 * and after drawn for two of them (normalisation-before.svg, -after.svg), and what each does to the training of a logistic regression. */
#include "example.h"
#include <math.h>

enum { ROWS = 3, RADIUS = 0, CONCAVE = 7 };
static const char *const names[ROWS] = {"as they are", "mean 0, deviation 1", "PCA-whitened"};

static ct_tensor *loss_of(ct_tensor *logits, ct_tensor *labels)
{
    return ct_binary_cross_entropy_with_logits(ct_squeeze(logits, 1), ct_cast(labels, CT_FLOAT64));
}

static double share_right(ct_tensor *logits, ct_tensor *labels)
{
    ct_tensor *benign = ct_gt(ct_squeeze(logits, 1), ct_scalar(CT_FLOAT64, 0));
    return ct_item(ct_mean(ct_cast(ct_eq(ct_cast(benign, CT_INT64), labels), CT_FLOAT64)));
}
static const ct_metric right = {"right", share_right};

/* What stands in front of the regression, fitted to the training set. */
static void prepare(ct_module *net, int row, const ct_dataset *train, int64_t components)
{
    if (row > 0)
        ct_standard_scaler_new(net, NULL, train);
    if (row == 2) { /* of what is scaled already, or large numbers would hide the small */
        ct_dataset *scaled = ct_dataset_map(train, ct_module_forward, net);
        ct_pca_new(net, NULL, scaled, components, .whiten = true);
        ct_dataset_free(scaled);
    }
}

static double learn(const example *e, int row, ct_dataset *const part[2], example_curve *curve)
{
    ct_evaluation test = {0};
    ct_module *net = ct_module_new(CT_FLOAT64);
    prepare(net, row, part[0], 10);
    ct_linear_new(net, "fc", row == 2 ? 10 : 30, 1, .weight = &ct_init_zeros, .bias = &ct_init_zeros);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = row ? 0.1 : 1e-6);
    ct_fit(ct_module_forward, net, sgd, part[0], .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .loss = loss_of, .epoch_end = example_note_loss, .user = curve, .output = NULL);
    ct_evaluate(ct_module_forward, net, part[1], &test, .loss = loss_of, .metrics = {&right});
    curve->label = names[row];
    printf("%-20s loss %.4f, test accuracy %.4f\n", names[row], curve->y[curve->n ? curve->n - 1 : 0], test.metrics[0]);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return test.metrics[0];
}

/* Two measurements of every cell. */
static ct_dataset *two_of(const ct_dataset *cells)
{
    ct_tensor *x, *labels;
    ct_dataset_all(cells, &x, &labels);
    ct_tensor *columns[2] = {ct_slice(x, 1, RADIUS, RADIUS + 1, 1), ct_slice(x, 1, CONCAVE, CONCAVE + 1, 1)};
    return ct_dataset_new(ct_concat(columns, 2, 1), labels, .dtype = CT_FLOAT64);
}

/* The cells as crosses, after what that row does to them. */
static void note_cells(const ct_dataset *cells, int row, example_curve *curve)
{
    ct_module *net = ct_module_new(CT_FLOAT64);
    ct_tensor *x, *labels;
    prepare(net, row, cells, 2);
    ct_dataset_all(cells, &x, &labels);
    x = row ? ct_forward(net, x) : x;
    curve->label = names[row];
    for (int64_t i = 0; i < ct_size(x, 0); i++)
        example_cross(curve, ct_get(x, CT_SHAPE(i, 0)), ct_get(x, CT_SHAPE(i, 1)), row ? 0.08 : 0.3,
                      row ? 0.08 : 0.002);
    ct_module_free(net);
}

int main(int argc, char **argv)
{
    static example_curve losses[ROWS], cells[ROWS];
    example e = {.epochs = 30, .quick_epochs = 10, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *all = ct_load_breast_cancer(.dtype = CT_FLOAT64), *part[2] = {NULL, NULL}, *two = two_of(all);
    ct_random_split(all, CT_VALUES(455, 114), part, .stratify = true, .seed = (uint64_t)e.seed);
    double accuracy[ROWS];
    for (int i = 0; i < ROWS; i++) {
        accuracy[i] = learn(&e, i, part, &losses[i]);
        note_cells(two, i, &cells[i]);
    }
    CT_OPTIONS(ct_plot_options, plot, .title = "Before", .x_label = "radius", .y_label = "concave points");
    example_draw(&e, "normalisation-before.svg", cells, 1, &plot);
    plot.title = "After", plot.x_label = "first", plot.y_label = "second";
    example_draw(&e, "normalisation-after.svg", cells + 1, 2, &plot);
    plot.title = "Logistic regression", plot.x_label = "epoch", plot.y_label = "cross entropy";
    example_draw(&e, "normalisation-loss.svg", losses, ROWS, &plot);
    ct_dataset_free(all);
    ct_dataset_free(two);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "test accuracy: %.4f as they are, %.4f standardised, %.4f whitened", accuracy[0],
                       accuracy[1], accuracy[2]);
}
