/* A step of an MLP 784-128-10 on 64 images, timed: see ../peers.sh. */
#include <cotan/cotan.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void)
{
    enum { STEPS = 300 };
    double best = 1;
    ct_tensor *x = ct_keep(ct_rand(CT_FLOAT32, 0, 1, CT_SHAPE(64, 784)));
    ct_tensor *y = ct_keep(ct_floor_divide(ct_arange(CT_INT64, 0, 1, 64), ct_scalar(CT_INT64, 7)));
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, NULL, 784, 128);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 128, 10);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = 0.01);
    for (int step = 0; step < STEPS && ct_error_code() == CT_OK; step++) {
        double begin = seconds();
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_backward(ct_cross_entropy(ct_forward(net, x), y));
        ct_optimizer_step(sgd);
        ct_scope_close();
        double took = seconds() - begin;
        best = took < best ? took : best;
    }
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "%s\n", ct_error_message()), 1;
    printf("%.1f\n", 1e6 * best);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    ct_release(x);
    ct_release(y);
    return 0;
}
