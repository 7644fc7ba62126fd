/* XOR, which no line can tell apart: a softmax regression and a network with a hidden layer learn the noisy corners of a square, and
 * what each makes of every point of the plane is drawn, white for one class and black for the other. */
#include "example.h"

enum { POINTS = 200, SIDE = 120 };

/* Points around the four corners, of class 1 where just one coordinate is positive. */
static void make_points(ct_tensor **x, ct_tensor **y)
{
    ct_tensor *corner = ct_sign(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(POINTS, 2)));
    *x = ct_add(corner, ct_randn(CT_FLOAT32, 0, 0.3, CT_SHAPE(POINTS, 2)));
    *y = ct_cast(ct_lt(ct_prod(corner, CT_AXES(1)), ct_scalar(CT_FLOAT32, 0)), CT_INT64);
}

/* All points of the square from -2 to 2, the top row first. */
static ct_tensor *plane(void)
{
    ct_tensor *line = ct_arange(CT_FLOAT32, -2, 4. / (SIDE - 1), SIDE);
    ct_tensor *x = ct_expand(line, CT_SHAPE(SIDE, SIDE)),
              *y = ct_expand(ct_unsqueeze(ct_neg(line), 1), CT_SHAPE(SIDE, SIDE));
    return ct_reshape(ct_stack(CT_TENSORS(x, y), 2), CT_SHAPE(-1, 2));
}

/* Trains on the points; what is right of them in the end, and the plane as an image. */
static double learn(example *e, int hidden, ct_tensor *x, ct_tensor *y, ct_tensor **image)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    if (hidden) {
        ct_linear_new(net, NULL, 2, hidden);
        ct_tanh_new(net, NULL);
    }
    ct_linear_new(net, NULL, hidden ? hidden : 2, 2);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 0.03);
    ct_dataset *set = ct_dataset_new(x, y);
    ct_evaluation all = {0};
    ct_fit(ct_module_forward, net, adam, set, .epochs = e->epochs, .batch_size = 20, .seed = (uint64_t)e->seed,
           .output = NULL);
    ct_evaluate(ct_module_forward, net, set, &all);
    *image = ct_reshape(ct_detach(ct_select(ct_softmax(ct_forward(net, plane()), 1), 1, 1)), CT_SHAPE(SIDE, SIDE));
    printf("%d hidden units: %.4f of the points right, loss %.4f\n", hidden, all.accuracy, all.loss);
    ct_dataset_free(set);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return all.accuracy;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 60, .quick_epochs = 10, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_tensor *x, *y, *images[2];
    make_points(&x, &y);
    double line = learn(&e, 0, x, y, &images[0]), network = learn(&e, 8, x, y, &images[1]);
    example_png(&e, "decision_boundary.png", ct_stack(images, 2, 0), 2, 0, 1);
    return example_end(&e, "right: a line %.3f, eight hidden units %.3f", line, network);
}
