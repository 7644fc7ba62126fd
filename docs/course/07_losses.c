/* Chapter 7: softmax with cross entropy, and the loss of support vector machines, on three logits and on the digits. Writes
 * 07_losses.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { CLASSES = 10, PIXELS = 64, SAMPLES = 1797, TEST = 360, EPOCHS = 150, POINTS = 121 };

static void show(const char *what, const ct_tensor *t)
{
    double v[3];
    ct_to_values(t, v, 3);
    printf("%-22s %8.4f %8.4f %8.4f\n", what, v[0], v[1], v[2]);
}

/* ---- three logits ---- */

/* The loss of Weston and Watkins is the sum over the other classes; multi_margin_loss divides it by the number of classes. */
static ct_tensor *svm(ct_tensor *x, ct_tensor *labels)
{
    return ct_mul_scalar(ct_multi_margin_loss(x, labels), (double)ct_size(x, -1));
}

static ct_tensor *cross_entropy(ct_tensor *x, ct_tensor *labels)
{
    return ct_cross_entropy(x, labels);
}

/* Somebody's network ends in a softmax, and the loss has one, too. */
static ct_tensor *softmax_twice(ct_tensor *x, ct_tensor *labels)
{
    return ct_cross_entropy(ct_softmax(x, -1), labels);
}

static void gradient_of(const char *name, ct_loss loss, ct_tensor *logits, ct_tensor *label)
{
    ct_tensor *x = ct_set_requires_grad(ct_clone(logits), true), *y = loss(x, label);
    ct_backward(y);
    printf("%s: %.4f\n", name, ct_item(y));
    show("  gradient to logits", ct_grad_of(x));
}

static void three_logits(void)
{
    ct_tensor *logits = ct_from_values(CT_FLOAT64, CT_VALUES(2, 1.5, -1), CT_SHAPE(3));
    ct_tensor *label = ct_scalar(CT_INT64, 1), *one_hot = ct_from_values(CT_FLOAT64, CT_VALUES(0, 1, 0), CT_SHAPE(3));
    show("logits", logits);
    ct_tensor *p = ct_softmax(logits, 0);
    show("softmax p", p);
    show("p - truth", ct_sub(p, one_hot));
    gradient_of("cross entropy", cross_entropy, logits, label);
    gradient_of("support vectors", svm, logits, label);
    ct_tensor *large = ct_add_scalar(logits, 1000);
    gradient_of("all logits + 1000, cross entropy", cross_entropy, large, label);
    double naive = -log(exp(1001.5) / (exp(1002) + exp(1001.5) + exp(999)));
    printf("the same by its formula: %s\n\n", isnan(naive) ? "nan" : "a number");
}

/* ---- the digits ---- */

typedef struct digits {
    ct_tensor *x[2], *y[2]; /* to train on, held out */
} digits;

static digits read_digits(void)
{
    ct_dataset *all = ct_load_digits(.shape = {PIXELS}, .dtype = CT_FLOAT64);
    int64_t order[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++)
        order[i] = i;
    ct_tensor *x, *y;
    ct_dataset_batch(all, order, SAMPLES, &x, &y);
    ct_dataset_free(all);
    return (digits){{ct_slice(x, 0, 0, SAMPLES - TEST, 1), ct_slice(x, 0, SAMPLES - TEST, SAMPLES, 1)},
                    {ct_slice(y, 0, 0, SAMPLES - TEST, 1), ct_slice(y, 0, SAMPLES - TEST, SAMPLES, 1)}};
}

static void classify(const char *name, ct_loss loss, double lr, const digits *d)
{
    ct_module *model = ct_module_new(CT_FLOAT64);
    ct_module *layer =
        ct_linear_new(model, "classes", PIXELS, CLASSES, .weight = &ct_init_zeros, .bias = &ct_init_zeros);
    ct_optimizer *sgd = ct_optimizer_new(model, &ct_rule_sgd, .lr = lr, .momentum = 0.9);
    double first = NAN, last = NAN;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *error = loss(ct_forward(layer, d->x[0]), d->y[0]);
        ct_backward(error);
        ct_optimizer_step(sgd);
        last = ct_item(error);
        first = epoch ? first : last;
        ct_scope_close();
    }
    printf("%-16s loss %.4f to %.4f, right: %.4f of those held out\n", name, first, last,
           ct_accuracy(ct_forward(layer, d->x[1]), d->y[1]));
    ct_optimizer_free(sgd);
    ct_module_free(model);
}

/* ---- two classes: the losses against the margin, how far the right logit is above the other ---- */

static ct_status draw(void)
{
    double margin[POINTS], curves[3][POINTS];
    for (int i = 0; i < POINTS; i++) {
        margin[i] = -3 + 0.05 * i;
        ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(margin[i], 0), CT_SHAPE(1, 2)),
                  *label = ct_from_values(CT_INT64, CT_VALUES(0), CT_SHAPE(1));
        curves[0][i] = ct_item(cross_entropy(x, label));
        curves[1][i] = ct_item(svm(x, label));
        curves[2][i] = margin[i] > 0 ? 0 : 1;
    }
    const ct_series series[] = {{.label = "cross entropy", .x = margin, .y = curves[0], .n = POINTS},
                                {.label = "support vectors", .x = margin, .y = curves[1], .n = POINTS},
                                {.label = "mistakes", .x = margin, .y = curves[2], .n = POINTS}};
    return ct_plot_svg("07_losses.svg", series, 3, .title = "What a sample costs, of two classes",
                       .x_label = "right logit minus wrong logit", .y_label = "loss");
}

int main(void)
{
    ct_scope_open();
    three_logits();
    digits d = read_digits();
    printf("a linear model of the digits: log 10 = %.4f\n", log(10));
    classify("cross entropy", cross_entropy, 0.5, &d);
    classify("support vectors", svm, 0.05, &d);
    classify("softmax twice", softmax_twice, 0.5, &d);
    draw();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "07_losses: %s\n", ct_error_message()), 1;
    return 0;
}
