/* All of cotan for C++17: nothing but headers over the library. tensor.hpp says who owns what.
 *
 *     cotan::tensor x({0, 1, 2, 3}, {4, 1}), y({1, 3, 5, 7}, {4, 1});
 *     cotan::module net;
 *     auto line = cotan::nn::linear(net, "line", 1, 1);
 *     cotan::optimizer sgd(net, ct_rule_sgd, [](auto &o) { o.lr = 0.05, o.momentum = 0.9; });
 *     for (int step = 0; step < 300; step++)
 *         sgd.minimize(mean(square(line(x) - y)));
 *
 * This one: functions of functions, hooks, guards, data sets and the training loop. */
#ifndef COTAN_COTAN_HPP
#define COTAN_COTAN_HPP

#include <cotan/gradcheck.hpp>
#include <cotan/operations.hpp>

#include <exception>
#include <mutex>

namespace cotan
{

/* ---- guards: what they begin ends with them ---- */

class no_grad /* nothing is recorded on this thread */
{
  public:
    no_grad()
    {
        ct_no_grad_begin();
    }
    ~no_grad()
    {
        ct_no_grad_end();
    }
    no_grad(const no_grad &) = delete;
    no_grad &operator=(const no_grad &) = delete;
};

class region /* names a part of the program, for messages and pictures */
{
  public:
    explicit region(const char *name, location at = location::here())
    {
        ct_region_begin(name);
        detail::check(at);
    }
    ~region()
    {
        ct_region_end();
    }
    region(const region &) = delete;
    region &operator=(const region &) = delete;
};

class scope /* owns what the plain functions make */
{
  public:
    explicit scope(location at = location::here())
    {
        ct_at_scope(at.file, at.line, ct_scope_open());
        detail::check(at);
    }
    ~scope()
    {
        ct_scope_close();
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;
};

/* ---- lambdas for the library ---- */

namespace detail
{

/* Hands what is thrown to the library as an error that is pending. */
inline void pend()
{
    try {
        throw;
    } catch (const error &e) {
        ct_error_set(e.code(), "%s", e.text().c_str());
        if (e.line() > 0)
            ct_at_status(e.file().c_str(), e.line(), e.code());
    } catch (const std::bad_alloc &) {
        ct_error_set(CT_ERROR_MEMORY, "a C++ function: no memory");
    } catch (const std::exception &e) {
        ct_error_set(CT_ERROR_STATE, "a C++ function threw: %s", e.what());
    } catch (...) {
        ct_error_set(CT_ERROR_STATE, "a C++ function threw");
    }
}

/* tensor f(const std::vector<tensor> &inputs) as a ct_function on those; the handles that f is given are good until it returns. */
template <class F> ct_tensor *call(F &f, ct_tensor *const *inputs, int n) noexcept
{
    try {
        std::vector<tensor> given;
        for (int i = 0; i < n; i++)
            given.push_back(tensor::borrow(inputs[i]));
        tensor result = f(static_cast<const std::vector<tensor> &>(given));
        given.clear();
        return std::move(result).give();
    } catch (...) {
        pend();
        return nullptr;
    }
}

/* The same while a call lasts, after which what f threw first is thrown again. Threads may call f at the same time. */
template <class F> class during
{
  public:
    explicit during(F &f) : f_(f)
    {
    }
    static ct_tensor *function(ct_tensor *const *inputs, int n, void *user) noexcept
    {
        during &me = *static_cast<during *>(user);
        auto noting = [&me](const std::vector<tensor> &given) {
            try {
                return tensor(me.f_(given));
            } catch (...) {
                std::lock_guard<std::mutex> lock(me.mutex_);
                me.thrown_ = me.thrown_ ? me.thrown_ : std::current_exception();
                throw;
            }
        };
        return call(noting, inputs, n);
    }
    void check(location at)
    {
        if (thrown_)
            ct_error_clear(), std::rethrow_exception(thrown_);
        detail::check(at);
    }

  private:
    F &f_;
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

} // namespace detail

/* f: tensor f(const std::vector<tensor> &inputs). results[i] = dy/dx_i: y's shape, then x_i's. As ct_jacobian(). */
template <class F>
std::vector<tensor> jacobian(F &&f, const std::vector<tensor> &inputs, const options<ct_functional_options> &how = {},
                             location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    std::vector<ct_tensor *> results(inputs.size());
    ct_jacobian(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs), results.data(),
                &how);
    function.check(at);
    return detail::made_all(at, results, results.size());
}

/* results[i * n + j] = d2y/(dx_i dx_j), of y with one element. As ct_hessian(). */
template <class F>
std::vector<tensor> hessian(F &&f, const std::vector<tensor> &inputs, const options<ct_functional_options> &how = {},
                            location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    std::vector<ct_tensor *> results(inputs.size() * inputs.size());
    ct_hessian(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs), results.data(),
               &how);
    function.check(at);
    return detail::made_all(at, results, results.size());
}

/* results[i] = sum over j of d2y/(dx_i dx_j) v_j. As ct_hvp(). */
template <class F>
std::vector<tensor> hvp(F &&f, const std::vector<tensor> &inputs, const std::vector<tensor> &vectors,
                        const options<ct_functional_options> &how = {}, location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    std::vector<ct_tensor *> results(inputs.size());
    std::vector<ct_tensor *> given = detail::pointers(vectors);
    given.resize(inputs.size());
    ct_hvp(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs), given.data(),
           results.data(), &how);
    function.check(at);
    return detail::made_all(at, results, results.size());
}

/* sum over j of dy/dx_j v_j. As ct_jvp(). */
template <class F>
tensor jvp(F &&f, const std::vector<tensor> &inputs, const std::vector<tensor> &vectors,
           const options<ct_functional_options> &how = {}, location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    std::vector<ct_tensor *> given = detail::pointers(vectors);
    given.resize(inputs.size());
    ct_tensor *raw = ct_jvp(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs),
                            given.data(), &how);
    function.check(at);
    return tensor::take(raw, at);
}

/* Whether f's gradient is right: true, or why not. As ct_gradcheck(). */
template <class F>
gradcheck_result gradcheck(F &&f, const std::vector<tensor> &inputs, const options<ct_gradcheck_options> &how = {},
                           location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    gradcheck_result found;
    ct_gradcheck(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs), found.report(),
                 &how);
    function.check(at);
    return found;
}

/* f(inputs), of which the inputs alone are kept for backward, where f is run again: so f must live until the graph goes, and a
 * temporary is refused. As ct_checkpoint(). */
template <class F> tensor checkpoint(F &f, const std::vector<tensor> &inputs, location at = location::here())
{
    const auto function = [](ct_tensor *const *in, int n, void *user) {
        return detail::call(*static_cast<F *>(user), in, n);
    };
    const detail::inside scope;
    void *user = const_cast<void *>(static_cast<const void *>(&f));
    return detail::made(at, ct_checkpoint(function, user, detail::pointers(inputs).data(), detail::count(inputs)),
                        inputs);
}
template <class F> tensor checkpoint(const F &&, const std::vector<tensor> &, location = location::here()) = delete;

/* f(inputs), whose operations' results are kept for backward as bfloat16. As ct_halve_saved(). */
template <class F> tensor halve_saved(F &&f, const std::vector<tensor> &inputs, location at = location::here())
{
    const detail::inside scope;
    detail::during<F> function(f);
    ct_tensor *raw =
        ct_halve_saved(function.function, &function, detail::pointers(inputs).data(), detail::count(inputs));
    function.check(at);
    return detail::made(at, raw, inputs);
}

/* dy/dx_i of the outputs' sum; leaves accumulate nothing. As ct_grad(): an input that is unused, where that is allowed, has an empty one. */
inline std::vector<tensor> grad(const std::vector<tensor> &outputs, const std::vector<tensor> &inputs,
                                const options<ct_grad_options> &how = {}, location at = location::here())
{
    const detail::inside scope;
    std::vector<ct_tensor *> results(inputs.size());
    ct_grad(detail::pointers(outputs).data(), detail::count(outputs), detail::pointers(inputs).data(),
            detail::count(inputs), results.data(), &how);
    return detail::made_all(at, results, results.size());
}

/* f sees the gradient of t in each backward, as long as the hook lives, and returns another or an empty tensor: tensor f(const tensor &). */
template <class F> class hook
{
  public:
    hook(const tensor &t, F f, location at = location::here()) : t_(t), f_(std::move(f))
    {
        handle_ = ct_add_hook(t_.get(), run, &f_);
        detail::check(at);
    }
    ~hook()
    {
        ct_remove_hook(t_.get(), handle_);
    }
    hook(const hook &) = delete;
    hook &operator=(const hook &) = delete;

  private:
    static ct_tensor *run(ct_tensor *grad, void *user) noexcept
    {
        auto first = [&](const std::vector<tensor> &given) { return tensor((*static_cast<F *>(user))(given[0])); };
        return detail::call(first, &grad, 1);
    }
    tensor t_;
    F f_;
    int64_t handle_;
};

/* ---- data and training ---- */

using dataset = std::unique_ptr<ct_dataset, releases<ct_dataset_free>>;

/* The batches of a data set; for (auto [x, y] : data) goes over the next epoch. */
class batches
{
  public:
    explicit batches(const dataset &of, const options<ct_batches_options> &how = {}, location at = location::here())
        : pointer_(ct_batches_new(of.get(), &how))
    {
        detail::check(at);
    }
    ct_batches *get() const
    {
        return pointer_.get();
    }
    class iterator
    {
      public:
        explicit iterator(ct_batches *of) : of_(of)
        {
            ++*this;
        }
        iterator &operator++()
        {
            const detail::inside scope;
            ct_tensor *x = nullptr, *y = nullptr;
            more_ = ct_batches_next(of_, &x, &y);
            detail::check(location::here());
            if (more_)
                batch_ = {tensor::take(x), tensor::take(y)};
            return *this;
        }
        const std::pair<tensor, tensor> &operator*() const
        {
            return batch_;
        }
        bool operator!=(std::nullptr_t) const
        {
            return more_;
        }

      private:
        ct_batches *of_;
        bool more_ = false;
        std::pair<tensor, tensor> batch_;
    };
    iterator begin() const
    {
        ct_batches_start(get(), epoch_++);
        detail::check(location::here());
        return iterator(get());
    }
    std::nullptr_t end() const
    {
        return nullptr;
    }

  private:
    std::unique_ptr<ct_batches, releases<ct_batches_free>> pointer_;
    mutable int64_t epoch_ = 0;
};

/* Trains the module; as ct_fit(). */
inline void fit(const module &net, optimizer &by, const dataset &on, const options<ct_fit_options> &how = {},
                location at = location::here())
{
    const detail::inside scope;
    ct_fit(ct_module_forward, net.get(), by.get(), on.get(), &how);
    detail::check(at);
}

/* Loss and metrics on a whole data set; as ct_evaluate(). */
inline ct_evaluation evaluate(const module &net, const dataset &on, const options<ct_evaluate_options> &how = {},
                              location at = location::here())
{
    const detail::inside scope;
    ct_evaluation found{};
    ct_evaluate(ct_module_forward, net.get(), on.get(), &found, &how);
    detail::check(at);
    return found;
}

} // namespace cotan

#endif
