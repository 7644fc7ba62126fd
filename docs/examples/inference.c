/* Inference: reads the weights that logistic_regression.c has written into --out, and says what it makes of the first samples of the set. Nothing
 * is recorded, so nothing is kept. */
#include "example.h"

enum { SHOWN = 5 };

int main(int argc, char **argv)
{
    char weights[4096];
    example e = {.seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    snprintf(weights, sizeof weights, "%s/cells.safetensors", e.out);
    ct_dataset *cells = ct_load_breast_cancer(.dtype = CT_FLOAT64);
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_standard_scaler_new(model, "scaler", cells); /* its numbers come from the file */
    ct_linear_new(model, "fc", 30, 1);
    ct_module_load(model, weights);
    ct_module_train(model, false);
    ct_no_grad_begin();
    int64_t right = 0, samples = ct_dataset_count(cells);
    ct_tensor *x, *labels;
    example_all(cells, &x, &labels);
    const double *benign = ct_data(ct_sigmoid(ct_squeeze(ct_forward(model, x), 1)));
    const int64_t *label = ct_data(labels);
    for (int64_t i = 0; benign && i < samples; i++) {
        right += (benign[i] > 0.5) == label[i];
        if (i < SHOWN)
            printf("sample %lld: benign with %.3f, and is %s\n", (long long)i, benign[i],
                   label[i] ? "benign" : "malignant");
    }
    ct_no_grad_end();
    ct_module_free(model);
    ct_dataset_free(cells);
    return example_end(&e, "%lld of %lld right", (long long)right, (long long)samples);
}
