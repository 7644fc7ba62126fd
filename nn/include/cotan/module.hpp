/* Modules and optimisers for C++.
 *
 * Ownership: a cotan::module is a handle to a module and keeps the whole tree that it is in; so do the handles to its tensors. An
 * optimiser keeps its module, and is moved, not copied.
 *
 *     cotan::module net;
 *     nn::linear(net, nullptr, 2, 8), nn::tanh(net, nullptr), nn::linear(net, nullptr, 8, 1);
 *     cotan::optimizer adam(net, ct_rule_adam, [](auto &o) { o.lr = 0.05; });
 *     adam.minimize(mse_loss(net(x), y)); */
#ifndef COTAN_MODULE_HPP
#define COTAN_MODULE_HPP

#include <cotan/tensor.hpp>

namespace cotan
{

inline void tensor::backward(const options<ct_backward_options> &how, location at) const
{
    ct_backward(get(), &how);
    detail::check(at);
}

/* Calls a plain void ct_..._free(). */
template <auto release> struct releases {
    template <class T> void operator()(T *object) const
    {
        release(object);
    }
};

class module
{
  public:
    /* An empty one, the root of its tree: a sequence of what is made in it. */
    explicit module(ct_dtype dtype = CT_FLOAT64, location at = location::here())
        : pointer_(ct_module_new(dtype), releases<ct_module_free>())
    {
        detail::check(at);
    }
    /* Takes over a root of the plain functions. */
    static module take(ct_module *root)
    {
        return module(std::shared_ptr<ct_module>(root, releases<ct_module_free>()));
    }
    /* What was made in a module: it lives as long as that one's tree. */
    static module made(location at, const module &in, ct_module *raw)
    {
        if (!raw)
            detail::raise(at);
        return module(std::shared_ptr<ct_module>(in.pointer_, raw));
    }

    ct_module *get() const
    {
        return pointer_.get();
    }
    tensor operator()(const tensor &x, location at = location::here()) const
    {
        const detail::inside scope;
        return detail::made(at, ct_forward(get(), x.get()), x);
    }
    /* A parameter or buffer, "0.weight". Errors: argument (none of that name). */
    tensor operator[](const detail::text &name) const
    {
        ct_tensor *t = ct_module_get(get(), name.words.c_str());
        if (!t) {
            ct_error_set(CT_ERROR_ARGUMENT, "module: no tensor is called %s", name.words.c_str());
            detail::raise(name.where);
        }
        return tensor::borrow(t, pointer_);
    }
    std::vector<std::string> names() const
    {
        std::vector<std::string> found;
        for (int64_t i = 0; i < ct_module_count(get()); i++)
            found.emplace_back(ct_module_name(get(), i));
        return found;
    }
    std::vector<tensor> parameters() const
    {
        std::vector<tensor> found;
        for (int64_t i = 0; i < ct_module_count(get()); i++)
            if (ct_module_is_parameter(get(), i))
                found.push_back(tensor::borrow(ct_module_tensor(get(), i), pointer_));
        return found;
    }
    int64_t numel() const /* elements of all parameters */
    {
        return ct_module_numel(get());
    }
    /* A parameter, or buffer, of one's own: the module has a copy of t. Returns the module's. */
    tensor parameter(const std::string &name, const tensor &t, location at = location::here()) const
    {
        const detail::inside scope;
        return added(at, ct_module_parameter(get(), name.c_str(), ct_clone(bare(t, at).get())));
    }
    tensor buffer(const std::string &name, const tensor &t, location at = location::here()) const
    {
        const detail::inside scope;
        return added(at, ct_module_buffer(get(), name.c_str(), ct_clone(bare(t, at).get())));
    }
    void train(bool training = true, location at = location::here()) const
    {
        ct_module_train(get(), training);
        detail::check(at);
    }
    void eval(location at = location::here()) const
    {
        train(false, at);
    }
    void save(const std::string &path, location at = location::here()) const
    {
        ct_module_save(get(), path.c_str());
        detail::check(at);
    }
    void load(const std::string &path, const ct_load_options *how = nullptr, location at = location::here()) const
    {
        ct_module_load(get(), path.c_str(), how);
        detail::check(at);
    }

  private:
    explicit module(std::shared_ptr<ct_module> pointer) : pointer_(std::move(pointer))
    {
    }
    static tensor bare(const tensor &t, location at) /* outside any graph */
    {
        return detail::made(at, ct_detach(t.get()));
    }
    tensor added(location at, ct_tensor *raw) const
    {
        detail::check(at);
        return tensor::borrow(raw, pointer_);
    }
    std::shared_ptr<ct_module> pointer_;
};

class optimizer
{
  public:
    /* Of all parameters of the module, by a rule: ct_rule_sgd, ct_rule_adam, ... */
    optimizer(const module &net, const ct_optimizer_rule &rule, const options<ct_optimizer_options> &how = {},
              location at = location::here())
        : net_(net), pointer_(ct_optimizer_new(net.get(), &rule, &how))
    {
        detail::check(at);
    }
    ct_optimizer *get() const
    {
        return pointer_.get();
    }
    void zero_grad()
    {
        ct_optimizer_zero_grad(get());
    }
    void step(location at = location::here())
    {
        ct_optimizer_step_at(at.file, at.line, get());
        detail::check(at);
    }
    /* zero_grad, backward, step; returns the loss. */
    double minimize(const tensor &loss, location at = location::here())
    {
        zero_grad();
        loss.backward({}, at);
        step(at);
        return loss.item(at);
    }
    double lr() const
    {
        return ct_optimizer_lr(get());
    }
    void lr(double value, location at = location::here())
    {
        ct_optimizer_set_lr(get(), value);
        detail::check(at);
    }
    void save(const std::string &path, location at = location::here()) const
    {
        ct_optimizer_save(get(), path.c_str());
        detail::check(at);
    }
    void load(const std::string &path, location at = location::here())
    {
        ct_optimizer_load(get(), path.c_str());
        detail::check(at);
    }

  private:
    module net_;
    std::unique_ptr<ct_optimizer, releases<ct_optimizer_free>> pointer_;
};

} // namespace cotan

#endif
