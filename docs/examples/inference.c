/* Inference: reads the weights that logistic_regression.c has written, and says what it makes of the first samples of the set. Nothing
 * is recorded, so nothing is kept.
 *
 * usage: inference FOLDER */
#include <cotan/cotan.h>

enum { SHOWN = 5, SAMPLES = 569 };

int main(int argc, char **argv)
{
    char weights[4096];
    snprintf(weights, sizeof weights, "%s/cells.safetensors", argc > 1 ? argv[1] : ".");
    ct_dataset *cells = ct_load_breast_cancer(.dtype = CT_FLOAT64);
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_standard_scaler_new(model, "scaler", cells); /* its numbers come from the file */
    ct_linear_new(model, "fc", 30, 1);
    ct_module_load(model, weights);
    ct_module_train(model, false);
    ct_no_grad_begin();
    int64_t indices[SAMPLES], right = 0;
    for (int64_t i = 0; i < SAMPLES; i++)
        indices[i] = i;
    ct_tensor *x, *labels;
    ct_dataset_batch(cells, indices, SAMPLES, &x, &labels);
    const double *benign = ct_data(ct_sigmoid(ct_squeeze(ct_forward(model, x), 1)));
    const int64_t *label = ct_data(labels);
    for (int64_t i = 0; benign && i < SAMPLES; i++) {
        right += (benign[i] > 0.5) == label[i];
        if (i < SHOWN)
            printf("sample %lld: benign with %.3f, and is %s\n", (long long)i, benign[i],
                   label[i] ? "benign" : "malignant");
    }
    if (benign)
        printf("%lld of %d right\n", (long long)right, SAMPLES);
    ct_no_grad_end();
    ct_module_free(model);
    ct_dataset_free(cells);
    return ct_error_code() == CT_OK ? 0 : (fprintf(stderr, "%s\n", ct_error_message()), 1);
}
