// cotan in C++: learns XOR with handles, operators and exceptions of cotan.hpp.
#include "example.h"
#include <cotan/cotan.hpp>

static double train(example &e)
{
    const cotan::tensor x({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), y({0, 1, 1, 0}, {4, 1});
    cotan::module net;
    cotan::nn::linear(net, nullptr, 2, 8), cotan::nn::tanh(net, nullptr), cotan::nn::linear(net, nullptr, 8, 1);
    cotan::optimizer adam(net, ct_rule_adam, [](auto &o) { o.lr = 0.05; });
    double loss = 1;
    for (int64_t step = 1; step <= 10 * e.epochs; step++) {
        loss = adam.minimize(binary_cross_entropy_with_logits(net(x), y));
        if (step % 10 == 0)
            example_progress(&e, step / 10, "loss", loss);
    }
    return loss;
}

int main(int argc, char **argv)
{
    example e{};
    e.epochs = 30, e.quick_epochs = 3, e.seed = 1;
    if (!example_begin(&e, argc, argv))
        return e.status;
    try {
        return example_end(&e, "loss below 0.01: %s", train(e) < 0.01 ? "yes" : "no");
    } catch (const cotan::error &error) {
        return fprintf(stderr, "%s\n", error.what()), 1;
    }
}
