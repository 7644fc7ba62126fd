/* Logistic regression: malignant or benign, from thirty measurements of a cell sample. The measurements are brought to mean 0 and
 * deviation 1 by a layer that is fitted to the training set and saved with the weights. */
#include "example.h"

static ct_tensor *loss(ct_tensor *logits, ct_tensor *labels)
{
    return ct_binary_cross_entropy_with_logits(ct_squeeze(logits, 1), ct_cast(labels, CT_FLOAT64));
}

static double share_right(ct_tensor *logits, ct_tensor *labels)
{
    ct_tensor *benign = ct_gt(ct_squeeze(logits, 1), ct_scalar(CT_FLOAT64, 0));
    return ct_item(ct_mean(ct_cast(ct_eq(ct_cast(benign, CT_INT64), labels), CT_FLOAT64)));
}
static const ct_metric right = {"right", share_right};

/* How well the logits tell the classes of a whole set apart, whatever the threshold; the curve goes into a picture. */
static double area(ct_module *model, const ct_dataset *set, const char *picture)
{
    ct_tensor *x, *labels;
    ct_dataset_all(set, &x, &labels);
    ct_tensor *scores = ct_detach(ct_squeeze(ct_forward(model, x), 1)), *curve = ct_roc_curve(scores, labels);
    ct_series series = {.label = "held out",
                        .x = ct_data(ct_contiguous(ct_select(curve, 1, 0))),
                        .y = ct_data(ct_contiguous(ct_select(curve, 1, 1))),
                        .n = ct_size(curve, 0)};
    ct_plot_svg(picture, &series, 1, .title = "Cells", .x_label = "false alarms", .y_label = "found");
    return ct_roc_auc(scores, labels);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 40, .quick_epochs = 10, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *cells = ct_load_breast_cancer(.dtype = CT_FLOAT64), *part[2] = {NULL, NULL};
    ct_random_split(cells, CT_VALUES(455, 114), part, .stratify = true, .seed = (uint64_t)e.seed);
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_standard_scaler_new(model, "scaler", part[0]);
    ct_linear_new(model, "fc", 30, 1);
    ct_optimizer *sgd = ct_optimizer_new(model, &ct_rule_sgd, .lr = 0.5, .weight_decay = 1e-3);
    ct_fit(ct_module_forward, model, sgd, part[0], .epochs = e.epochs, .batch_size = 32, .seed = (uint64_t)e.seed,
           .loss = loss, .metrics = {&right});
    ct_evaluation held_out = {0};
    ct_evaluate(ct_module_forward, model, part[1], &held_out, .loss = loss, .metrics = {&right});
    printf("area under the curve: %.4f\n", area(model, part[1], example_path(&e, "roc.svg")));
    ct_module_save(model, example_path(&e, "cells.safetensors"));
    ct_optimizer_free(sgd);
    ct_module_free(model);
    ct_dataset_free(cells);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "test accuracy: %.4f", held_out.metrics[0]);
}
