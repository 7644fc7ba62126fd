// cotan in C++: the plain functions, with option structs where something differs from the defaults. Learns XOR.
#include "example.h"
#include <memory>

template <auto free> struct by {
    template <class T> void operator()(T *t) const
    {
        free(t);
    }
};

struct scope {
    scope()
    {
        ct_scope_open();
    }
    ~scope()
    {
        ct_scope_close();
    }
};

int main(int argc, char **argv)
{
    example e{};
    e.epochs = 30, e.quick_epochs = 3, e.seed = 1;
    if (!example_begin(&e, argc, argv))
        return e.status;
    const double points[] = {0, 0, 0, 1, 1, 0, 1, 1}, wanted[] = {0, 1, 1, 0};
    const int64_t inputs[] = {4, 2}, outputs[] = {4, 1};
    scope outer;
    ct_tensor *x = ct_from_values(CT_FLOAT64, points, 8, inputs, 2),
              *y = ct_from_values(CT_FLOAT64, wanted, 4, outputs, 2);
    std::unique_ptr<ct_module, by<ct_module_free>> net(ct_module_new(CT_FLOAT64));
    ct_linear_new(net.get(), nullptr, 2, 8, nullptr);
    ct_tanh_new(net.get(), nullptr);
    ct_linear_new(net.get(), nullptr, 8, 1, nullptr);
    ct_optimizer_options options;
    ct_optimizer_options_init(&options, sizeof options);
    options.lr = 0.05;
    std::unique_ptr<ct_optimizer, by<ct_optimizer_free>> adam(ct_optimizer_new(net.get(), &ct_rule_adam, &options));
    double loss = 1;
    for (int64_t step = 1; step <= 10 * e.epochs && ct_error_code() == CT_OK; step++) {
        scope inner;
        ct_optimizer_zero_grad(adam.get());
        ct_tensor *error = ct_binary_cross_entropy_with_logits(ct_forward(net.get(), x), y, nullptr);
        ct_backward(error, nullptr);
        ct_optimizer_step(adam.get());
        loss = ct_item(error);
        if (step % 10 == 0)
            example_progress(&e, step / 10, "loss", loss);
    }
    return example_end(&e, "loss below 0.01: %s", loss < 0.01 ? "yes" : "no");
}
