/* One training step of a whole network on random images, and what it took: docs/networks.md has the figures.
 *
 * usage: one_step MODEL [IMAGES]      (alexnet vgg16 vgg19 resnet18 resnet34 resnet50 resnet101 resnet152; 1 image of 224 x 224)
 *
 * Prints the parameters, the loss, seconds of the processor for making the network and for the step, and the most memory that the process
 * had, in MiB. torch_one_step.py is its twin. */
#include <cotan/cotan.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct network {
    const char *name;
    ct_module *(*make)(ct_module *module, const char *name, const ct_vision_options *options);
} network;

static const network networks[] = {
    {"alexnet", ct_alexnet_new},     {"vgg16", ct_vgg16_new},         {"vgg19", ct_vgg19_new},
    {"resnet18", ct_resnet18_new},   {"resnet34", ct_resnet34_new},   {"resnet50", ct_resnet50_new},
    {"resnet101", ct_resnet101_new}, {"resnet152", ct_resnet152_new}, {NULL, NULL}};

static double seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + 1e-6 * (double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_sec +
           1e-6 * (double)use.ru_stime.tv_usec;
}

static double mebibytes(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss / 1024;
}

static double step(ct_module *net, ct_optimizer *sgd, int64_t images)
{
    ct_scope_open();
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(images, 3, 224, 224));
    ct_tensor *y = ct_zeros(CT_INT64, CT_SHAPE(images));
    ct_optimizer_zero_grad(sgd);
    ct_tensor *loss = ct_cross_entropy(ct_forward(net, x), y);
    ct_backward(loss);
    ct_optimizer_step(sgd);
    double value = ct_item(loss);
    ct_scope_close();
    return value;
}

int main(int argc, char **argv)
{
    const network *n = networks;
    while (n->name && (argc < 2 || strcmp(n->name, argv[1]) != 0))
        n++;
    if (!n->name)
        return fprintf(stderr, "usage: one_step MODEL [IMAGES]\n"), 2;
    ct_seed(1);
    ct_set_num_threads(1);
    ct_module *net = ct_module_new(CT_FLOAT32);
    n->make(net, n->name, NULL);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = 0.01, .momentum = 0.9);
    double made = seconds(), loss = step(net, sgd, argc > 2 ? atoll(argv[2]) : 1);
    printf("%s: %lld parameters, loss %.4f, made in %.2f s, step %.2f s, %.0f MiB\n", n->name,
           (long long)ct_module_numel(net), loss, made, seconds() - made, mebibytes());
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return ct_error_code() == CT_OK ? 0 : (fprintf(stderr, "%s\n", ct_error_message()), 1);
}
