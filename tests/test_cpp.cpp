/* cotan.hpp: values, gradients, exceptions, handles, threads. Ends with "N passed, N failed"; a build with sanitizers sees what leaks. */
#include <cotan/cotan.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <thread>

using cotan::axes;
using cotan::tensor;
using numbers = std::vector<double>;
using list = std::vector<tensor>;

static int failures;

static void expect(bool good, const char *what, int line)
{
    if (!good) {
        std::printf("test_cpp.cpp:%d: not so: %s\n", line, what);
        failures++;
    }
}
#define EXPECT(condition) expect(condition, #condition, __LINE__)

/* What f throws: "shape:12", code and line; "" if nothing. */
template <class F> static std::string thrown_by(F f)
{
    try {
        f();
    } catch (const cotan::error &e) {
        EXPECT(ct_error_code() == CT_OK);
        EXPECT(e.line() == 0 || std::strstr(__FILE__, e.file().c_str()));
        return std::string(ct_status_name(e.code())) + ":" + std::to_string(e.line());
    }
    return "";
}

static std::string at(const char *code, int line)
{
    return std::string(code) + ":" + std::to_string(line);
}

static tensor parameter(const numbers &values, const std::vector<int64_t> &shape, ct_dtype dtype = CT_FLOAT64)
{
    tensor t(values, shape, dtype);
    return t.requires_grad(true);
}

static void operators_compute(ct_dtype dtype)
{
    const tensor a({1, 2, 3}, {3}, dtype), b({4}, {1}, dtype);
    EXPECT((a + b).values() == numbers({5, 6, 7}) && (1 + a).values() == numbers({2, 3, 4}));
    EXPECT((a - 1).values() == numbers({0, 1, 2}) && (1 - a).values() == numbers({0, -1, -2}));
    EXPECT((a * b).values() == numbers({4, 8, 12}) && (-a).values() == numbers({-1, -2, -3}));
    EXPECT((b / a)[0].item() == 4 && (6 / a).values() == numbers({6, 3, 2}) &&
           (a / 2)["1:"].values() == numbers({1, 1.5}));
    EXPECT((a < 2).values() == numbers({1, 0, 0}) && (a >= b).values() == numbers({0, 0, 0}));
    EXPECT((a == 2).values() == numbers({0, 1, 0}) && (a != 2).values() == numbers({1, 0, 1}));
    EXPECT((a <= 2).values() == numbers({1, 1, 0}) && (2 < a).values() == numbers({0, 0, 1}) &&
           (a > 2).dtype() == CT_BOOL);
    tensor c = a;
    c += 1, c *= a, c -= b, c /= 2;
    EXPECT(c.values() == numbers({-1, 1, 4}) && a.values() == numbers({1, 2, 3}) && c.dtype() == dtype);
    std::ostringstream text;
    text << a;
    EXPECT(text.str() == "[1. 2. 3.]");
}

static void operations_compute()
{
    const tensor x({3, 1, 2, 6, 5, 4}, {2, 3});
    auto [values, indices] = max(x, 1, false);
    EXPECT(values.values() == numbers({3, 6}) && indices.values() == numbers({0, 0}));
    EXPECT(sum(x, axes{0}).values() == numbers({9, 6, 6}) &&
           mean(x, axes{1}.keepdim()).shape() == std::vector<int64_t>({2, 1}));
    const list parts = split(x, {1, 2}, 1);
    EXPECT(parts.size() == 2 && parts[1].values() == numbers({1, 2, 5, 4}) && chunk(x, 5, 1).size() == 3);
    EXPECT(concat(parts, 1).values() == x.values() && reshape(x, {3, -1}).size(0) == 3 &&
           permute(x, {1, 0}).size(0) == 3);
    EXPECT(cotan::einsum("ij,ij->", {x, x}).item() == 91);
    const tensor image = cotan::ones(CT_FLOAT64, {1, 1, 4, 4}), w = cotan::ones(CT_FLOAT64, {1, 1, 3, 3});
    EXPECT(conv2d(image, w).numel() == 4 && conv2d(image, w, {}, [](auto &o) { o.padding[0] = 1; }).numel() == 16);
    EXPECT(tensor({}, {0, 3}).numel() == 0 && sum(tensor({}, {0})).item() == 0 &&
           cotan::scalar(CT_FLOAT32, 2).rank() == 0);
    tensor y = clone(x);
    add_(y, x, 2);
    EXPECT(y.values()[0] == 9 && y.fill_(1).values() == numbers(6, 1) && y.copy_(x).values() == x.values());
    y.data_mut<double>()[1] = -1;
    EXPECT(y.data<double>()[1] == -1);
}

static void gradients_flow(ct_dtype dtype)
{
    tensor w = parameter({1, 2}, {2}, dtype), b = parameter({3}, {1}, dtype);
    EXPECT(!w.grad());
    {
        tensor loss = sum(square(w * w + b)); /* what it is made of has gone by now */
        loss.backward();
    }
    EXPECT(w.grad().values() == numbers({16, 56}) && b.grad().values() == numbers({22}));
    tensor held = w.grad();
    sum(w).backward();
    EXPECT(held.values() == numbers({17, 57}));
    w.zero_grad();
    EXPECT(held.values() == numbers({17, 57}) && !w.grad());
    const tensor cube = sum(w * w * w);
    const tensor first = cotan::grad({cube}, {w}, [](auto &o) { o.create_graph = true; })[0];
    EXPECT(cotan::grad({sum(first)}, {w})[0].values() == numbers({6, 12}));
    {
        cotan::no_grad none;
        EXPECT(!(w + 1).requires_grad());
    }
    EXPECT((w + 1).requires_grad() && !detach(w).requires_grad());
    cotan::hook doubled(w, [](const tensor &g) { return g * 2; });
    sum(w).backward();
    EXPECT(w.grad().values() == numbers({2, 2}));
}

static void functions_are_differentiated()
{
    const tensor x({1, 2}, {2});
    auto f = [](const list &in) { return in[0] * in[0]; };
    EXPECT(cotan::jacobian(f, {x})[0].values() == numbers({2, 0, 0, 4}));
    EXPECT(cotan::jvp(f, {x}, {tensor({1, 1}, {2})}).values() == numbers({2, 4}));
    auto g = [](const list &in) { return sum(in[0] * in[0] * in[0]); };
    EXPECT(cotan::hessian(g, {x})[0].values() == numbers({6, 0, 0, 12}));
    EXPECT(cotan::hvp(g, {x}, {tensor({1, 1}, {2})})[0].values() == numbers({6, 12}));
    EXPECT(bool(cotan::gradcheck(f, {parameter({1, 2}, {2})}, [](auto &o) { o.order = 2; })));
    EXPECT(cotan::gradcheck([](const list &in) { return detach(in[0]) * in[0]; }, {parameter({1, 2}, {2})}).verdict() ==
           CT_FAIL);
    EXPECT(cotan::jacobian([](const list &in) { return in[0]; }, {x})[0].values() == numbers({1, 0, 0, 1}));
    EXPECT(cotan::jacobian([&](const list &) { return x; }, {x})[0].values() == numbers({0, 0, 0, 0}));

    tensor w = parameter({1, 2}, {2}), calls = cotan::zeros(CT_FLOAT64, {});
    auto block = [&](const list &in) {
        calls.fill_(calls.item() + 1);
        return exp(in[0] * w);
    };
    sum(cotan::checkpoint(block, {x})).backward();
    EXPECT(calls.item() == 2 && std::abs(w.grad().values()[1] - 2 * std::exp(4)) < 1e-12);

    tensor v = parameter({1, 2}, {2});
    sum(cotan::halve_saved([](const list &in) { return exp(in[0]) * in[0]; }, {v})).backward();
    EXPECT(std::abs(v.grad().values()[0] - 2 * std::exp(1)) < 1e-12);
}

struct own {
    int value;
};

static void what_is_thrown_says_where()
{
    const tensor a = cotan::ones(CT_FLOAT64, {2, 3});
    EXPECT(thrown_by([&] { matmul(a, a); }) == at("shape", __LINE__));
    EXPECT(thrown_by([&] { a + cotan::ones(CT_FLOAT64, {4}); }) == at("shape", __LINE__));
    EXPECT(thrown_by([&] { a + cotan::ones(CT_FLOAT32, {3}); }) == at("dtype", __LINE__));
    EXPECT(thrown_by([&] { a.backward(); }) == at("state", __LINE__));
    EXPECT(thrown_by([&] { tensor() + a; }) == at("null", __LINE__));
    EXPECT(thrown_by([&] { relu(tensor()); }) == at("null", __LINE__));
    EXPECT(thrown_by([&] { a.item(); }) == at("shape", __LINE__));
    EXPECT(thrown_by([&] { a.data<float>(); }) == at("dtype", __LINE__));
    EXPECT(thrown_by([&] { a.data<int64_t>(); }) == at("dtype", __LINE__)); /* of the same size */
    EXPECT(thrown_by([&] { tensor(a).data_mut<bool>(); }) == at("dtype", __LINE__));
    EXPECT((a < 2).data<bool>()[5] && thrown_by([&] { (a < 2).data<uint8_t>(); }) == at("dtype", __LINE__));
    EXPECT(thrown_by([&] { tensor().data<double>(); }) == at("null", __LINE__));
    EXPECT(thrown_by([&] { transpose(a, 0, 1).data<double>(); }) == at("state", __LINE__));
    EXPECT(thrown_by([&] { tensor({1, 2}, {3}); }) == at("shape", __LINE__));
    EXPECT(thrown_by([&] { a[7]; }) == at("argument", __LINE__));
    EXPECT(thrown_by([&] { a["9"]; }) == at("argument", __LINE__));
    cotan::module net;
    EXPECT(thrown_by([&] { cotan::nn::linear(net, "a", -1, 2); }) == at("argument", __LINE__));
    EXPECT(thrown_by([&] { net["no"]; }) == at("argument", __LINE__));
    EXPECT(thrown_by([&] { net.load("/nowhere/x.safetensors"); }) == at("io", __LINE__));

    int seen = 0;
    try { /* an exception of the user's own passes through the library */
        cotan::jacobian([](const list &in) -> tensor { return throw own{7}, in[0]; }, {a});
    } catch (const own &thrown) {
        seen = thrown.value;
    }
    EXPECT(seen == 7 && ct_error_code() == CT_OK);
    auto failing = [](const list &in) { return matmul(in[0], in[0]); };
    EXPECT(thrown_by([&] { cotan::jacobian(failing, {a}); }) == at("shape", __LINE__ - 1));
    EXPECT(thrown_by([&] { cotan::checkpoint(failing, {a}); }) == at("shape", __LINE__ - 2));
}

static tensor identity(tensor t)
{
    return t;
}

static void handles_count()
{
    const int64_t before = ct_memory_stats().live_tensors;
    {
        tensor a({1, 2}, {2}), b = a, c = std::move(a), empty;
        EXPECT(!a && b.same(c) && !empty && empty.rank() == 0 && empty.shape().empty());
        b = identity(b);
        tensor &self = b;
        b = self;
        b = std::move(self);
        EXPECT(c.values() == numbers({1, 2}));
        EXPECT(ct_memory_stats().live_tensors == before + 1);
        tensor same = cotan::contiguous(c), dropped = dropout(c, 0.5, false);
        EXPECT(same.get() == c.get() && dropped.get() == c.get());
        for (int i = 0; i < 100; i++)
            c = exp(c * 0) - 1;
        EXPECT(ct_memory_stats().live_tensors == before + 2);
        tensor weight;
        {
            cotan::module net;
            weight = cotan::nn::linear(net, "fc", 2, 3)["weight"];
        }
        EXPECT(weight.numel() == 6);
        const int64_t now = ct_memory_stats().live_tensors;
        for (int i = 0; i < 10; i++) { /* functions that are made of others leave nothing of them */
            tensor part = c["1:"], joined = cotan::stack({c, c}, 0), last = chunk(c, 2, 0)[1];
            EXPECT(thrown_by([&] { c["0, 0"]; }) != "");
        }
        EXPECT(ct_memory_stats().live_tensors == now);
        cotan::scope around;
        tensor inside = exp(c);
    }
    EXPECT(ct_memory_stats().live_tensors == before);
    list kept(3, tensor({1}, {1}));
    kept.erase(kept.begin());
    kept.insert(kept.begin(), kept[1]);
    EXPECT(kept[0].same(kept[2]));
}

static void a_module_learns()
{
    ct_seed(1);
    const tensor x({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), y({0, 1, 1, 0}, {4, 1});
    cotan::module net;
    cotan::nn::linear(net, nullptr, 2, 8), cotan::nn::tanh(net, nullptr), cotan::nn::linear(net, nullptr, 8, 1);
    cotan::optimizer adam(net, ct_rule_adam, [](auto &o) { o.lr = 0.05; }), moved = std::move(adam);
    double loss = 1;
    for (int step = 0; step < 300; step++)
        loss = moved.minimize(binary_cross_entropy_with_logits(net(x), y));
    const int64_t now = ct_memory_stats().live_tensors;
    for (int step = 0; step < 3; step++)
        net(x);
    EXPECT(ct_memory_stats().live_tensors == now);
    EXPECT(loss < 0.02 && net.parameters().size() == 4 && net.names()[0] == "0.weight" && moved.lr() == 0.05);
    tensor scale = net.parameter("scale", tensor({2}, {1}));
    EXPECT(scale.requires_grad() && net["scale"].same(scale) && net.numel() == 34);
    net.eval();
    EXPECT(!ct_module_training(net.get()));
}

static void batches_are_a_range()
{
    const tensor x({1, 2, 3, 4, 5}, {5, 1}), y({2, 4, 6, 8, 10}, {5, 1});
    cotan::dataset set(ct_dataset_new(x.get(), y.get(), nullptr));
    cotan::batches data(set, [](auto &o) { o.size = 2; });
    double total = 0;
    for (int epoch = 0; epoch < 2; epoch++)
        for (const auto &[in, out] : data)
            total += sum(out - in).item();
    EXPECT(total == 30);
    cotan::module net(CT_FLOAT32);
    cotan::nn::linear(net, nullptr, 1, 1);
    cotan::optimizer sgd(net, ct_rule_sgd, [](auto &o) { o.lr = 0.01; });
    const auto mse = [](ct_tensor *output, ct_tensor *target) { return ct_mse_loss(output, target, nullptr); };
    const double before = cotan::evaluate(net, set, [&](auto &o) { o.loss = mse; }).loss;
    cotan::fit(net, sgd, set, [&](auto &o) { o.epochs = 20, o.batch_size = 5, o.loss = mse, o.output = nullptr; });
    EXPECT(cotan::evaluate(net, set, [&](auto &o) { o.loss = mse; }).loss < before / 2);
}

static void threads_have_handles_of_their_own()
{
    const tensor shared({1, 2, 3}, {3});
    std::vector<std::thread> threads;
    std::vector<double> found(4);
    std::vector<tensor> made(4);
    for (std::size_t i = 0; i < found.size(); i++)
        threads.emplace_back([&, i, own = clone(shared)] {
            tensor w = parameter({double(i)}, {1});
            for (int step = 0; step < 50; step++)
                sum(own * w).backward();
            found[i] = w.grad().item();
            made[i] = w.grad();
        });
    for (std::thread &thread : threads)
        thread.join();
    for (std::size_t i = 0; i < found.size(); i++)
        EXPECT(found[i] == 300 && made[i].item() == 300);
}

int main()
{
    const struct {
        const char *name;
        void (*run)();
    } tests[] = {
        {"operators, float64", [] { operators_compute(CT_FLOAT64); }},
        {"operators, float32", [] { operators_compute(CT_FLOAT32); }},
        {"operations", operations_compute},
        {"gradients, float64", [] { gradients_flow(CT_FLOAT64); }},
        {"gradients, float32", [] { gradients_flow(CT_FLOAT32); }},
        {"functions", functions_are_differentiated},
        {"exceptions", what_is_thrown_says_where},
        {"handles", handles_count},
        {"modules", a_module_learns},
        {"batches", batches_are_a_range},
        {"threads", threads_have_handles_of_their_own},
    };
    int passed = 0, failed = 0;
    for (const auto &test : tests) {
        failures = 0;
        try {
            test.run();
        } catch (const std::exception &e) {
            std::printf("%s: threw %s\n", test.name, e.what());
            failures++;
        }
        failures ? failed++ : passed++;
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
