/* Tensors for C++: handles that count, exceptions with code and line, options as lambdas.
 *
 * Ownership: a cotan::tensor is a handle. Copying it makes another handle to the same tensor; the last one that goes gives the tensor up.
 * No scope is needed: what an expression makes on the way goes at its end, and what a graph needs of it lives on in the graph. A scope
 * that is open around owns only what the plain ct_ functions make in it. A handle from a module is another kind: it keeps the module.
 *
 * Invariant: a handle is empty or points to a live tensor. Functions never return an empty one: what fails throws cotan::error, and
 * leaves no error pending. */
#ifndef COTAN_TENSOR_HPP
#define COTAN_TENSOR_HPP

#include <cotan/options.hpp>

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cotan
{

/* ---- where the caller is ---- */

/* As the last argument of each function: the line of the call, for messages and graphs. */
struct location {
    const char *file;
    int line;
    static constexpr location here(const char *file = __builtin_FILE(), int line = __builtin_LINE())
    {
        return {file, line};
    }
};

/* ---- errors ---- */

/* what() is the library's sentence, "matmul: inner sizes differ: [128,784] @ [512,10] (train.cpp:41)". */
class error : public std::runtime_error
{
  public:
    error(ct_status code, const std::string &message) : std::runtime_error(message), code_(code), text_(message)
    {
        const std::size_t open = message.rfind(" ("), colon = message.rfind(':');
        if (open == std::string::npos || colon == std::string::npos || colon < open || message.back() != ')')
            return;
        text_ = message.substr(0, open);
        file_ = message.substr(open + 2, colon - open - 2);
        line_ = std::atoi(message.c_str() + colon + 1);
    }
    ct_status code() const
    {
        return code_;
    }
    const std::string &file() const /* "" if unknown */
    {
        return file_;
    }
    const std::string &text() const /* what() without the place */
    {
        return text_;
    }
    int line() const /* 0 if unknown */
    {
        return line_;
    }

  private:
    ct_status code_;
    std::string text_, file_;
    int line_ = 0;
};

namespace detail
{

/* Throws the pending error, with the caller's line unless it has one, and forgets it. */
[[noreturn]] inline void raise(location at)
{
    if (ct_error_code() == CT_OK)
        ct_error_set(CT_ERROR_NULL, "cotan: an empty tensor, module or optimiser was used");
    const ct_status code = ct_at_status(at.file, at.line, ct_error_code());
    const std::string message = ct_error_message();
    ct_error_clear();
    throw error(code, message);
}

/* After a call: throws if it failed. */
inline void check(location at)
{
    if (ct_error_code() != CT_OK)
        raise(at);
}

/* The element type that a C++ type is. */
template <class T> struct dtype_of;
template <ct_dtype d> using dtype_is = std::integral_constant<ct_dtype, d>;
template <> struct dtype_of<float> : dtype_is<CT_FLOAT32> {
};
template <> struct dtype_of<double> : dtype_is<CT_FLOAT64> {
};
template <> struct dtype_of<int64_t> : dtype_is<CT_INT64> {
};
template <> struct dtype_of<int32_t> : dtype_is<CT_INT32> {
};
template <> struct dtype_of<uint8_t> : dtype_is<CT_UINT8> {
};
template <> struct dtype_of<bool> : dtype_is<CT_BOOL> {
};

} // namespace detail

/* What stands in brackets, with the line of the call; 0 is a position and no text. */
namespace detail
{

struct position {
    position(int64_t at, location where = location::here()) : at(at), where(where)
    {
    }
    int64_t at;
    location where;
};

struct text {
    template <std::size_t n>
    text(const char (&words)[n], location where = location::here()) : words(words), where(where)
    {
    }
    text(const std::string &words, location where = location::here()) : words(words), where(where)
    {
    }
    std::string words;
    location where;
};

} // namespace detail

/* ---- options ---- */

/* An option struct with its defaults; a lambda that sets some converts to one:
 *
 *     conv2d(x, w, b, [](auto &o) { o.stride[0] = 2; })
 *
 * init() is in options.hpp. */
template <class T> class options : public T
{
  public:
    options()
    {
        init(static_cast<T &>(*this));
    }
    template <class Set, class = std::enable_if_t<std::is_invocable<Set, T &>::value>> options(Set &&set) : options()
    {
        set(static_cast<T &>(*this));
    }
};

/* The axes of a reduction, as its options: sum(x, axes{0, -1}), mean(x, axes{1}.keepdim()). */
class axes
{
  public:
    axes(std::initializer_list<int64_t> list) : list_(list)
    {
    }
    axes keepdim() &&
    {
        keepdim_ = true;
        return std::move(*this);
    }
    template <class T> auto operator()(T &o) const -> decltype(void(o.n_axes))
    {
        o.axes = list_.data();
        o.n_axes = static_cast<int>(list_.size());
        o.keepdim = keepdim_;
    }

  private:
    std::vector<int64_t> list_;
    bool keepdim_ = false;
};

/* ---- the tensor ---- */

class tensor
{
  public:
    tensor() = default; /* empty: for optional arguments that are left out */
    /* Values in row-major order, as many as the shape has. */
    tensor(const std::vector<double> &values, const std::vector<int64_t> &shape, ct_dtype dtype = CT_FLOAT64,
           location at = location::here())
        : tensor(take(ct_from_values(dtype, values.data(), static_cast<int64_t>(values.size()), shape.data(),
                                     static_cast<int>(shape.size())),
                      at))
    {
    }
    /* Takes over a tensor of the plain functions, whoever owned it. Each once: copy the handle for another. */
    static tensor take(ct_tensor *raw, location at = location::here())
    {
        if (!raw || !ct_keep(raw))
            detail::raise(at);
        tensor taken;
        taken.pointer_ = std::shared_ptr<ct_tensor>(ct_at(at.file, at.line, raw), owner());
        return taken;
    }
    /* A handle that gives nothing up, to what lives as long as keeps does; or, with nothing that keeps it, as long as the caller knows. */
    static tensor borrow(ct_tensor *raw, const std::shared_ptr<void> &keeps = nullptr)
    {
        tensor borrowed;
        borrowed.pointer_ = std::shared_ptr<ct_tensor>(keeps, raw);
        return borrowed;
    }

    ct_tensor *get() const /* for the plain functions; NULL if empty */
    {
        return pointer_.get();
    }
    explicit operator bool() const
    {
        return get() != nullptr;
    }

    ct_dtype dtype() const
    {
        return ct_dtype_of(get());
    }
    int rank() const
    {
        return ct_rank(get());
    }
    std::vector<int64_t> shape() const
    {
        return get() ? std::vector<int64_t>(ct_shape(get()), ct_shape(get()) + rank()) : std::vector<int64_t>();
    }
    int64_t size(int axis) const
    {
        return ct_size(get(), axis);
    }
    int64_t numel() const
    {
        return ct_numel(get());
    }
    bool same(const tensor &other) const /* whether both are handles to one tensor, or to two over the same elements */
    {
        return ct_same(get(), other.get());
    }
    const char *name() const
    {
        return ct_name_of(get());
    }

    double item(location at = location::here()) const
    {
        const double value = ct_item(get());
        detail::check(at);
        return value;
    }
    std::vector<double> values(location at = location::here()) const /* row-major, converted */
    {
        std::vector<double> found(static_cast<std::size_t>(numel()));
        ct_to_values(get(), found.data(), numel());
        detail::check(at);
        return found;
    }
    /* The elements where they are; T is the dtype's type, others do not compile. Errors: dtype (T is that of another one), state (not
     * contiguous). */
    template <class T> const T *data(location at = location::here()) const
    {
        must_be(detail::dtype_of<T>::value, at);
        const void *elements = ct_data(get());
        detail::check(at);
        return static_cast<const T *>(elements);
    }
    /* The same for writing: counts as a change in place. Errors: state (the result of a recorded operation). */
    template <class T> T *data_mut(location at = location::here())
    {
        must_be(detail::dtype_of<T>::value, at);
        void *elements = ct_data_mut(get());
        detail::check(at);
        return static_cast<T *>(elements);
    }
    tensor &fill_(double value, location at = location::here())
    {
        ct_at_write(at.file, at.line, ct_fill_(get(), value));
        return checked(at);
    }
    tensor &copy_(const tensor &source, location at = location::here())
    {
        ct_at_write(at.file, at.line, ct_copy_(get(), source.get()));
        return checked(at);
    }
    tensor &name(const char *name, location at = location::here())
    {
        ct_name(get(), name);
        return checked(at);
    }

    bool requires_grad() const
    {
        return ct_requires_grad(get());
    }
    tensor &requires_grad(bool on, location at = location::here())
    {
        ct_set_requires_grad(get(), on);
        return checked(at);
    }
    bool is_leaf() const
    {
        return ct_is_leaf(get());
    }
    void backward(const options<ct_backward_options> &how = {}, location at = location::here()) const;
    /* The accumulated gradient, empty if there is none: a handle to its elements, into which the next backward adds. */
    tensor grad(location at = location::here()) const
    {
        ct_tensor *g = ct_grad_of(get());
        if (!g)
            return tensor();
        return take(ct_requires_grad(g) ? ct_reshape(g, ct_shape(g), ct_rank(g)) : ct_detach(g), at);
    }
    tensor &grad(const tensor &value, location at = location::here())
    {
        ct_set_grad(get(), value.get());
        return checked(at);
    }
    void zero_grad()
    {
        ct_zero_grad(get());
    }
    tensor &retain_grad(location at = location::here())
    {
        ct_retain_grad(get());
        return checked(at);
    }

    tensor operator[](const detail::position &index) const; /* along the first axis */
    tensor operator[](const detail::text &subscript) const; /* "1:, ..., -1", as NumPy has it */

    /* For functions of one's own that hand their result to the library: the innermost scope has the tensor, unless others hold it too. */
    ct_tensor *give() &&
    {
        owner *mine = std::get_deleter<owner>(pointer_);
        if (mine && pointer_.use_count() == 1) {
            ct_scope_take(get());
            mine->armed = false;
        }
        return get();
    }

  private:
    struct owner {
        bool armed = true;
        void operator()(ct_tensor *t) const
        {
            if (armed)
                ct_release(t);
        }
    };
    tensor &checked(location at)
    {
        if (!get())
            detail::raise(at);
        detail::check(at);
        return *this;
    }
    void must_be(ct_dtype asked, location at) const
    {
        if (!get() || dtype() == asked)
            return;
        ct_error_set(CT_ERROR_DTYPE, "data: elements of %s asked of a %s tensor", ct_dtype_name(asked),
                     ct_dtype_name(dtype()));
        detail::raise(at);
    }

    std::shared_ptr<ct_tensor> pointer_;
};

namespace detail
{

/* While it lives a scope is open for what a function makes on the way: first in each call, so that nothing of it stays. */
class inside
{
  public:
    inside() : open_(ct_scope_open() == CT_OK)
    {
    }
    ~inside()
    {
        if (open_)
            ct_scope_close();
    }
    inside(const inside &) = delete;
    inside &operator=(const inside &) = delete;

  private:
    bool open_;
};

/* Whether an operation has handed back the very tensor of a handle that it was given (dropout in evaluation): then same is that. */
inline void find(const ct_tensor *raw, const tensor &given, const tensor *&same)
{
    if (given.get() == raw)
        same = &given;
}
inline void find(const ct_tensor *raw, const std::vector<tensor> &given, const tensor *&same)
{
    for (const tensor &t : given)
        find(raw, t, same);
}

/* The result of a call that was given those. */
template <class... Given> tensor made(location at, ct_tensor *raw, const Given &...given)
{
    check(at);
    const tensor *same = nullptr;
    if (raw)
        (find(raw, given, same), ...);
    return same ? *same : tensor::take(raw, at);
}

/* n results of a call; those that it left NULL are empty. */
inline std::vector<tensor> made_all(location at, const std::vector<ct_tensor *> &raw, std::size_t n)
{
    check(at);
    std::vector<tensor> found(n);
    for (std::size_t i = 0; i < n; i++)
        if (raw[i])
            found[i] = tensor::take(raw[i], at);
    return found;
}

inline std::vector<ct_tensor *> pointers(const std::vector<tensor> &tensors)
{
    std::vector<ct_tensor *> found;
    for (const tensor &t : tensors)
        found.push_back(t.get());
    return found;
}

template <class T> int count(const std::vector<T> &list)
{
    return static_cast<int>(list.size());
}

/* A side of an operator: a tensor or a number, with the line where it became one. */
struct operand {
    operand(const tensor &t, location at = location::here()) : t(t), at(at)
    {
    }
    operand(double number, location at = location::here()) : is_number(true), number(number), at(at)
    {
    }
    /* As a tensor; a number has the dtype of the other side. */
    tensor as(const operand &other) const
    {
        return is_number ? made(at, ct_scalar(other.t.dtype(), number)) : t;
    }
    tensor t;
    bool is_number = false;
    double number = 0;
    location at;
};

using binary = ct_tensor *(*)(ct_tensor *, ct_tensor *);

inline tensor apply(binary operation, const operand &a, const operand &b)
{
    const inside scope;
    const tensor left = a.as(b), right = b.as(a);
    return made(a.at, operation(left.get(), right.get()), left, right);
}

} // namespace detail

/* ---- operators ---- elementwise, with broadcasting; a number may stand on either side. Comparisons give bool. */

inline tensor operator-(const detail::operand &x)
{
    return detail::made(x.at, ct_neg(x.t.get()));
}
inline tensor operator+(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_add, a, b);
}
inline tensor operator-(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_sub, a, b);
}
inline tensor operator*(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_mul, a, b);
}
inline tensor operator/(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_div, a, b);
}
inline tensor operator<(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_lt, a, b);
}
inline tensor operator<=(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_le, a, b);
}
inline tensor operator>(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_gt, a, b);
}
inline tensor operator>=(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_ge, a, b);
}
inline tensor operator==(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_eq, a, b);
}
inline tensor operator!=(const detail::operand &a, const detail::operand &b)
{
    return detail::apply(ct_ne, a, b);
}
/* x = x + y: another tensor, recorded; add_() changes x in place. */
inline tensor &operator+=(tensor &x, const detail::operand &y)
{
    return x = x + y;
}
inline tensor &operator-=(tensor &x, const detail::operand &y)
{
    return x = x - y;
}
inline tensor &operator*=(tensor &x, const detail::operand &y)
{
    return x = x * y;
}
inline tensor &operator/=(tensor &x, const detail::operand &y)
{
    return x = x / y;
}

inline tensor tensor::operator[](const detail::position &index) const
{
    return detail::made(index.where, ct_select(get(), 0, index.at));
}
inline tensor tensor::operator[](const detail::text &subscript) const
{
    const detail::inside scope;
    return detail::made(subscript.where, ct_subscript(get(), subscript.words.c_str()), *this);
}

/* As NumPy prints. */
inline std::ostream &operator<<(std::ostream &stream, const tensor &t)
{
    std::string text(ct_format(t.get(), nullptr, 0) + 1, '\0');
    ct_format(t.get(), &text[0], text.size());
    detail::check(location::here());
    text.pop_back();
    return stream << text;
}

} // namespace cotan

#endif
