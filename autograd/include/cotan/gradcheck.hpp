/* The gradient checker for C++: a pair of lambdas on raw arrays is checked as it stands. Nothing but this header.
 *
 *     auto found = cotan::gradcheck<double>({3, 4}, 2,
 *         [&](const double *const *x, double *y) { ... },
 *         [&](const double *const *x, const double *grad_y, double *const *grad_x) { ... });
 *     if (!found)
 *         std::cerr << found.cause() << '\n';
 *
 * Invariant: what a lambda throws ends the check and is thrown again to the caller. */
#ifndef COTAN_GRADCHECK_HPP
#define COTAN_GRADCHECK_HPP

#include <cotan/gradcheck.h>

#include <exception>
#include <initializer_list>
#include <type_traits>
#include <utility>

namespace cotan
{

/* A report that gives itself back. True where the gradient is right. */
class gradcheck_result
{
  public:
    gradcheck_result() = default;
    gradcheck_result(gradcheck_result &&other) noexcept : report_(std::exchange(other.report_, {}))
    {
    }
    gradcheck_result &operator=(gradcheck_result &&other) noexcept
    {
        std::swap(report_, other.report_);
        return *this;
    }
    ~gradcheck_result()
    {
        ct_gradcheck_report_free(&report_);
    }
    explicit operator bool() const
    {
        return ct_verdict_good(report_.verdict);
    }
    ct_verdict verdict() const
    {
        return report_.verdict;
    }
    const char *cause() const
    {
        return report_.cause;
    }
    ct_gradcheck_report *report()
    {
        return &report_;
    }

  private:
    ct_gradcheck_report report_{};
};

namespace detail
{

/* What the C pair below is given. After the first exception nothing is called any more. */
template <typename Forward, typename Backward> struct both {
    Forward &forward;
    Backward &backward;
    std::exception_ptr thrown;
    template <typename Call> void run(Call call)
    {
        if (thrown)
            return;
        try {
            call();
        } catch (...) {
            thrown = std::current_exception();
        }
    }
};

} // namespace detail

/* Checks a pair: sizes of the inputs, number of results, the two; values of the inputs or NULL, and options, as in ct_gradcheck_raw().
 * T is double or float. */
template <typename T, typename Forward, typename Backward>
gradcheck_result gradcheck(std::initializer_list<int64_t> sizes, int64_t results, Forward forward, Backward backward,
                           const double *const *x = nullptr, const ct_gradcheck_options *options = nullptr)
{
    static_assert(std::is_same<T, double>::value || std::is_same<T, float>::value, "T is double or float");
    detail::both<Forward, Backward> pair{forward, backward, nullptr};
    using both = detail::both<Forward, Backward>;
    const auto go = [](const T *const *in, T *y, void *user) {
        both &p = *static_cast<both *>(user);
        p.run([&] { p.forward(in, y); });
    };
    const auto back = [](const T *const *in, const T *grad_y, T *const *grad_x, void *user) {
        both &p = *static_cast<both *>(user);
        p.run([&] { p.backward(in, grad_y, grad_x); });
    };
    gradcheck_result found;
    const int n = static_cast<int>(sizes.size());
    if constexpr (std::is_same<T, double>::value)
        ct_gradcheck_raw(go, back, sizes.begin(), n, results, x, &pair, found.report(), options);
    else
        ct_gradcheck_raw_float(go, back, sizes.begin(), n, results, x, &pair, found.report(), options);
    if (pair.thrown)
        std::rethrow_exception(pair.thrown);
    return found;
}

} // namespace cotan

#endif
