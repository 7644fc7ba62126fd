/* The operations and layers for C++, made by docs/reference/make_cpp.py from the headers for C, which say what each does: the names are
 * the same without ct_. Layers are in cotan::nn.
 *
 * Invariant: a function for each of the headers' functions that returns tensors or modules; what fails throws. */
#ifndef COTAN_OPERATIONS_HPP
#define COTAN_OPERATIONS_HPP
/* clang-format off */

#include <cotan/module.hpp>

#include <array>

namespace cotan
{

inline tensor rand(ct_dtype dtype, double low, double high, const std::vector<int64_t> &shape,
                   location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rand(dtype, low, high, shape.data(), detail::count(shape)));
}

inline tensor randn(ct_dtype dtype, double mean, double deviation, const std::vector<int64_t> &shape,
                    location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_randn(dtype, mean, deviation, shape.data(), detail::count(shape)));
}

inline tensor randint(int64_t low, int64_t high, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_randint(low, high, shape.data(), detail::count(shape)));
}

inline tensor randperm(int64_t n, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_randperm(n));
}

inline tensor empty(ct_dtype dtype, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_empty(dtype, shape.data(), detail::count(shape)));
}

inline tensor zeros(ct_dtype dtype, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_zeros(dtype, shape.data(), detail::count(shape)));
}

inline tensor ones(ct_dtype dtype, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ones(dtype, shape.data(), detail::count(shape)));
}

inline tensor full(ct_dtype dtype, double value, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_full(dtype, value, shape.data(), detail::count(shape)));
}

inline tensor scalar(ct_dtype dtype, double value, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_scalar(dtype, value));
}

inline tensor arange(ct_dtype dtype, double start, double step, int64_t n, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_arange(dtype, start, step, n));
}

inline tensor eye(ct_dtype dtype, int64_t n, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_eye(dtype, n));
}

inline tensor zeros_like(const tensor &t, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_zeros_like(t.get()), t);
}

inline tensor ones_like(const tensor &t, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ones_like(t.get()), t);
}

inline tensor parameter(const tensor &t, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_parameter(t.get()), t);
}

inline tensor detach(const tensor &t, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_detach(t.get()), t);
}

inline tensor hardsigmoid(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hardsigmoid(x.get()), x);
}

inline tensor hardswish(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hardswish(x.get()), x);
}

inline tensor celu(const tensor &x, double alpha, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_celu(x.get(), alpha), x);
}

inline tensor threshold(const tensor &x, double threshold, double value, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_threshold(x.get(), threshold, value), x);
}

inline tensor hardshrink(const tensor &x, double lambda, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hardshrink(x.get(), lambda), x);
}

inline tensor softshrink(const tensor &x, double lambda, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_softshrink(x.get(), lambda), x);
}

inline tensor tanhshrink(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_tanhshrink(x.get()), x);
}

inline tensor glu(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_glu(x.get(), axis), x);
}

inline tensor gumbel_softmax(const tensor &logits, double tau, bool hard, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gumbel_softmax(logits.get(), tau, hard, axis), logits);
}

inline tensor sparsemax(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sparsemax(x.get(), axis), x);
}

inline tensor flip(const tensor &x, const std::vector<int64_t> &axes, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_flip(x.get(), axes.data(), detail::count(axes)), x);
}

inline tensor roll(const tensor &x, int64_t shift, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_roll(x.get(), shift, axis), x);
}

inline tensor stack(const std::vector<tensor> &tensors, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_stack(detail::pointers(tensors).data(), detail::count(tensors), axis), tensors);
}

inline std::vector<tensor> split(const tensor &x, const std::vector<int64_t> &sizes, int axis,
                                 location at = location::here())
{
    const detail::inside scope;
    std::vector<ct_tensor *> outputs(sizes.size());
    ct_split(x.get(), sizes.data(), detail::count(sizes), axis, outputs.data());
    return detail::made_all(at, outputs, outputs.size());
}

inline std::vector<tensor> chunk(const tensor &x, int chunks, int axis, location at = location::here())
{
    const detail::inside scope;
    std::vector<ct_tensor *> outputs(static_cast<std::size_t>(chunks > 0 ? chunks : 0));
    const int n = ct_chunk(x.get(), chunks, axis, outputs.data());
    return detail::made_all(at, outputs, static_cast<std::size_t>(n > 0 ? n : 0));
}

inline tensor repeat(const tensor &x, const std::vector<int64_t> &times, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_repeat(x.get(), times.data(), detail::count(times)), x);
}

inline tensor pad(const tensor &x, const std::vector<int64_t> &amounts, const options<ct_pad_options> &options = {},
                  location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pad(x.get(), amounts.data(), detail::count(amounts), &options), x);
}

inline tensor tril(const tensor &x, int64_t k, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_tril(x.get(), k), x);
}

inline tensor triu(const tensor &x, int64_t k, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_triu(x.get(), k), x);
}

inline tensor diagonal(const tensor &x, int64_t offset, int axis0, int axis1, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_diagonal(x.get(), offset, axis0, axis1), x);
}

inline tensor trace(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_trace(x.get()), x);
}

inline tensor index_select(const tensor &x, int axis, const tensor &index, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_index_select(x.get(), axis, index.get()), x, index);
}

inline tensor embedding(const tensor &weight, const tensor &index, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_embedding(weight.get(), index.get()), weight, index);
}

inline tensor embedding_padded(const tensor &weight, const tensor &index, int64_t padding,
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_embedding_padded(weight.get(), index.get(), padding), weight, index);
}

inline tensor one_hot(const tensor &index, int64_t classes, ct_dtype dtype, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_one_hot(index.get(), classes, dtype), index);
}

inline tensor masked_select(const tensor &x, const tensor &mask = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_masked_select(x.get(), mask.get()), x, mask);
}

inline tensor interpolate(const tensor &x, const options<ct_interpolate_options> &options = {},
                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_interpolate(x.get(), &options), x);
}

inline void add_(const tensor &t, const tensor &other, double alpha, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_add_(t.get(), other.get(), alpha));
    detail::check(at);
}

inline void mul_(const tensor &t, const tensor &other, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_mul_(t.get(), other.get()));
    detail::check(at);
}

inline void mul_scalar_(const tensor &t, double s, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_mul_scalar_(t.get(), s));
    detail::check(at);
}

inline void lerp_(const tensor &t, const tensor &end, double weight, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_lerp_(t.get(), end.get(), weight));
    detail::check(at);
}

inline void addcmul_(const tensor &t, const tensor &a, const tensor &b, double value, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_addcmul_(t.get(), a.get(), b.get(), value));
    detail::check(at);
}

inline void addcdiv_(const tensor &t, const tensor &a, const tensor &b, double value, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_addcdiv_(t.get(), a.get(), b.get(), value));
    detail::check(at);
}

inline void clamp_(const tensor &t, double low, double high, location at = location::here())
{
    const detail::inside scope;
    ct_at_write(at.file, at.line, ct_clamp_(t.get(), low, high));
    detail::check(at);
}

inline tensor conv1d(const tensor &x, const tensor &w, const tensor &b = {},
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv1d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor conv2d(const tensor &x, const tensor &w, const tensor &b = {},
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv2d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor conv3d(const tensor &x, const tensor &w, const tensor &b = {},
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv3d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor conv_transpose1d(const tensor &x, const tensor &w, const tensor &b = {},
                               const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv_transpose1d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor conv_transpose2d(const tensor &x, const tensor &w, const tensor &b = {},
                               const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv_transpose2d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor conv_transpose3d(const tensor &x, const tensor &w, const tensor &b = {},
                               const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_conv_transpose3d(x.get(), w.get(), b.get(), &options), x, w, b);
}

inline tensor deform_conv2d(const tensor &x, const tensor &offset, const tensor &w, const tensor &b = {},
                            const tensor &mask = {}, const options<ct_conv_options> &options = {},
                            location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_deform_conv2d(x.get(), offset.get(), w.get(), b.get(), mask.get(), &options), x, offset, w, b, mask);
}

inline tensor max_pool1d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_max_pool1d(x.get(), kernel, &options), x);
}

inline tensor max_pool2d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_max_pool2d(x.get(), kernel, &options), x);
}

inline tensor max_pool3d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_max_pool3d(x.get(), kernel, &options), x);
}

inline tensor avg_pool1d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_avg_pool1d(x.get(), kernel, &options), x);
}

inline tensor avg_pool2d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_avg_pool2d(x.get(), kernel, &options), x);
}

inline tensor avg_pool3d(const tensor &x, int64_t kernel, const options<ct_pool_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_avg_pool3d(x.get(), kernel, &options), x);
}

inline tensor adaptive_avg_pool1d(const tensor &x, int64_t length, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_adaptive_avg_pool1d(x.get(), length), x);
}

inline tensor adaptive_avg_pool2d(const tensor &x, int64_t height, int64_t width, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_adaptive_avg_pool2d(x.get(), height, width), x);
}

inline tensor adaptive_avg_pool3d(const tensor &x, int64_t depth, int64_t height, int64_t width,
                                  location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_adaptive_avg_pool3d(x.get(), depth, height, width), x);
}

inline std::tuple<tensor, tensor> adaptive_max_pool1d(const tensor &x, int64_t length, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_adaptive_max_pool1d(x.get(), length, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> adaptive_max_pool2d(const tensor &x, int64_t height, int64_t width,
                                                      location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_adaptive_max_pool2d(x.get(), height, width, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> adaptive_max_pool3d(const tensor &x, int64_t depth, int64_t height, int64_t width,
                                                      location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_adaptive_max_pool3d(x.get(), depth, height, width, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor fractional_max_pool2d(const tensor &x, int64_t kernel, int64_t height, int64_t width,
                                    const options<ct_fractional_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fractional_max_pool2d(x.get(), kernel, height, width, &options), x);
}

inline tensor fractional_max_pool3d(const tensor &x, int64_t kernel, int64_t depth, int64_t height, int64_t width,
                                    const options<ct_fractional_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fractional_max_pool3d(x.get(), kernel, depth, height, width, &options), x);
}

inline tensor max_unpool(const tensor &x, const tensor &indices, const std::vector<int64_t> &size,
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_max_unpool(x.get(), indices.get(), size.data(), detail::count(size)), x, indices);
}

inline tensor unfold(const tensor &x, const std::array<int64_t, 2> &kernel,
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_unfold(x.get(), kernel.data(), &options), x);
}

inline tensor unfold1d(const tensor &x, const std::array<int64_t, 1> &kernel,
                       const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_unfold1d(x.get(), kernel.data(), &options), x);
}

inline tensor unfold3d(const tensor &x, const std::array<int64_t, 3> &kernel,
                       const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_unfold3d(x.get(), kernel.data(), &options), x);
}

inline tensor fold(const tensor &columns, const std::array<int64_t, 2> &size, const std::array<int64_t, 2> &kernel,
                   const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fold(columns.get(), size.data(), kernel.data(), &options), columns);
}

inline tensor fold1d(const tensor &columns, const std::array<int64_t, 1> &size, const std::array<int64_t, 1> &kernel,
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fold1d(columns.get(), size.data(), kernel.data(), &options), columns);
}

inline tensor fold3d(const tensor &columns, const std::array<int64_t, 3> &size, const std::array<int64_t, 3> &kernel,
                     const options<ct_conv_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fold3d(columns.get(), size.data(), kernel.data(), &options), columns);
}

inline tensor pixel_shuffle(const tensor &x, int64_t factor, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pixel_shuffle(x.get(), factor), x);
}

inline tensor pixel_unshuffle(const tensor &x, int64_t factor, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pixel_unshuffle(x.get(), factor), x);
}

inline tensor affine_grid(const tensor &theta, int64_t height, int64_t width, bool align_corners,
                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_affine_grid(theta.get(), height, width, align_corners), theta);
}

inline tensor affine_grid3d(const tensor &theta, int64_t depth, int64_t height, int64_t width, bool align_corners,
                            location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_affine_grid3d(theta.get(), depth, height, width, align_corners), theta);
}

inline tensor grid_sample(const tensor &x, const tensor &grid, const options<ct_grid_options> &options = {},
                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_grid_sample(x.get(), grid.get(), &options), x, grid);
}

inline tensor nms(const tensor &boxes, const tensor &scores, double threshold, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_nms(boxes.get(), scores.get(), threshold), boxes, scores);
}

inline tensor roi_align(const tensor &x, const tensor &boxes, int64_t height, int64_t width,
                        const options<ct_roi_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_roi_align(x.get(), boxes.get(), height, width, &options), x, boxes);
}

inline tensor scatter(const tensor &x, int axis, const tensor &index, const tensor &source,
                      location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_scatter(x.get(), axis, index.get(), source.get()), x, index, source);
}

inline tensor scatter_reduce(const tensor &x, int axis, const tensor &index, const tensor &source,
                             ct_scatter_reduction how, bool include_self, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_scatter_reduce(x.get(), axis, index.get(), source.get(), how, include_self), x, index, source);
}

inline tensor index_add(const tensor &x, int axis, const tensor &index, const tensor &source,
                        location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_index_add(x.get(), axis, index.get(), source.get()), x, index, source);
}

inline tensor index_copy(const tensor &x, int axis, const tensor &index, const tensor &source,
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_index_copy(x.get(), axis, index.get(), source.get()), x, index, source);
}

inline tensor take_along_dim(const tensor &x, const tensor &index, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_take_along_dim(x.get(), index.get(), axis), x, index);
}

inline tensor index(const tensor &x, const std::vector<tensor> &indices, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_index(x.get(), detail::pointers(indices).data(), detail::count(indices)), x, indices);
}

inline tensor index_put(const tensor &x, const std::vector<tensor> &indices, const tensor &values, bool accumulate,
                        location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_index_put(x.get(), detail::pointers(indices).data(), detail::count(indices), values.get(), accumulate), x, indices, values);
}

inline tensor subscript(const tensor &x, const char *subscript, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_subscript(x.get(), subscript), x);
}

inline tensor searchsorted(const tensor &sorted, const tensor &values, bool right, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_searchsorted(sorted.get(), values.get(), right), sorted, values);
}

inline tensor nonzero(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_nonzero(x.get()), x);
}

inline std::tuple<tensor, tensor, tensor> unique(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *inverse = nullptr, *counts = nullptr;
    ct_tensor *raw = ct_unique(x.get(), &inverse, &counts);
    return {detail::made(at, raw, x), detail::made(at, inverse, x), detail::made(at, counts, x)};
}

inline tensor repeat_interleave(const tensor &x, const tensor &repeats, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_repeat_interleave(x.get(), repeats.get(), axis), x, repeats);
}

inline tensor solve(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_solve(a.get(), b.get()), a, b);
}

inline tensor solve_triangular(const tensor &a, const tensor &b, bool upper, bool unitriangular,
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_solve_triangular(a.get(), b.get(), upper, unitriangular), a, b);
}

inline tensor lstsq(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lstsq(a.get(), b.get()), a, b);
}

inline tensor inverse(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_inverse(a.get()), a);
}

inline tensor pinv(const tensor &a, double rtol, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pinv(a.get(), rtol), a);
}

inline tensor det(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_det(a.get()), a);
}

inline std::tuple<tensor, tensor> slogdet(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *sign = nullptr, *log_size = nullptr;
    ct_slogdet(a.get(), &sign, &log_size);
    return {detail::made(at, sign, a), detail::made(at, log_size, a)};
}

inline tensor cholesky(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cholesky(a.get()), a);
}

inline std::tuple<tensor, tensor, tensor> lu(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *p = nullptr, *l = nullptr, *u = nullptr;
    ct_lu(a.get(), &p, &l, &u);
    return {detail::made(at, p, a), detail::made(at, l, a), detail::made(at, u, a)};
}

inline std::tuple<tensor, tensor> lu_factor(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *pivots = nullptr;
    ct_tensor *raw = ct_lu_factor(a.get(), &pivots);
    return {detail::made(at, raw, a), detail::made(at, pivots, a)};
}

inline tensor lu_solve(const tensor &factors, const tensor &pivots, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lu_solve(factors.get(), pivots.get(), b.get()), factors, pivots, b);
}

inline std::tuple<tensor, tensor> eigh(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *vectors = nullptr;
    ct_tensor *raw = ct_eigh(a.get(), &vectors);
    return {detail::made(at, raw, a), detail::made(at, vectors, a)};
}

inline std::tuple<tensor, tensor> qr(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *r = nullptr;
    ct_tensor *raw = ct_qr(a.get(), &r);
    return {detail::made(at, raw, a), detail::made(at, r, a)};
}

inline std::tuple<tensor, tensor, tensor> svd(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *u = nullptr, *v = nullptr;
    ct_tensor *raw = ct_svd(a.get(), &u, &v);
    return {detail::made(at, raw, a), detail::made(at, u, a), detail::made(at, v, a)};
}

inline tensor matrix_power(const tensor &a, int64_t n, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_matrix_power(a.get(), n), a);
}

inline tensor matrix_exp(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_matrix_exp(a.get()), a);
}

inline tensor cross(const tensor &a, const tensor &b, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cross(a.get(), b.get(), axis), a, b);
}

inline tensor kron(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_kron(a.get(), b.get()), a, b);
}

inline tensor cdist(const tensor &a, const tensor &b, double p, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cdist(a.get(), b.get(), p), a, b);
}

inline tensor softmax(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_softmax(x.get(), axis), x);
}

inline tensor log_softmax(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log_softmax(x.get(), axis), x);
}

inline tensor cross_entropy(const tensor &x, const tensor &target,
                            const options<ct_cross_entropy_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cross_entropy(x.get(), target.get(), &options), x, target);
}

inline tensor nll_loss(const tensor &x, const tensor &target, const options<ct_cross_entropy_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_nll_loss(x.get(), target.get(), &options), x, target);
}

inline tensor multi_margin_loss(const tensor &x, const tensor &target,
                                const options<ct_multi_margin_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_multi_margin_loss(x.get(), target.get(), &options), x, target);
}

inline tensor mse_loss(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_mse_loss(x.get(), t.get(), &options), x, t);
}

inline tensor l1_loss(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                      location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_l1_loss(x.get(), t.get(), &options), x, t);
}

inline tensor huber_loss(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_huber_loss(x.get(), t.get(), &options), x, t);
}

inline tensor binary_cross_entropy(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                                   location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_binary_cross_entropy(x.get(), t.get(), &options), x, t);
}

inline tensor binary_cross_entropy_with_logits(const tensor &x, const tensor &t,
                                               const options<ct_loss_options> &options = {},
                                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_binary_cross_entropy_with_logits(x.get(), t.get(), &options), x, t);
}

inline tensor kl_div(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                     location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_kl_div(x.get(), t.get(), &options), x, t);
}

inline tensor hinge_loss(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                         location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hinge_loss(x.get(), t.get(), &options), x, t);
}

inline tensor smooth_l1_loss(const tensor &x, const tensor &t, const options<ct_loss_options> &options = {},
                             location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_smooth_l1_loss(x.get(), t.get(), &options), x, t);
}

inline tensor soft_margin_loss(const tensor &x, const tensor &t, const options<ct_criterion_options> &options = {},
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_soft_margin_loss(x.get(), t.get(), &options), x, t);
}

inline tensor hinge_embedding_loss(const tensor &x, const tensor &t, const options<ct_criterion_options> &options = {},
                                   location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hinge_embedding_loss(x.get(), t.get(), &options), x, t);
}

inline tensor margin_ranking_loss(const tensor &a, const tensor &b, const tensor &t,
                                  const options<ct_criterion_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_margin_ranking_loss(a.get(), b.get(), t.get(), &options), a, b, t);
}

inline tensor cosine_embedding_loss(const tensor &a, const tensor &b, const tensor &t,
                                    const options<ct_criterion_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cosine_embedding_loss(a.get(), b.get(), t.get(), &options), a, b, t);
}

inline tensor triplet_margin_loss(const tensor &anchor, const tensor &positive, const tensor &negative,
                                  const options<ct_criterion_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_triplet_margin_loss(anchor.get(), positive.get(), negative.get(), &options), anchor, positive, negative);
}

inline tensor pairwise_distance(const tensor &a, const tensor &b, double p, double eps, bool keepdim,
                                location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pairwise_distance(a.get(), b.get(), p, eps, keepdim), a, b);
}

inline tensor gaussian_nll_loss(const tensor &x, const tensor &t, const tensor &var,
                                const options<ct_criterion_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gaussian_nll_loss(x.get(), t.get(), var.get(), &options), x, t, var);
}

inline tensor poisson_nll_loss(const tensor &x, const tensor &t, const options<ct_criterion_options> &options = {},
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_poisson_nll_loss(x.get(), t.get(), &options), x, t);
}

inline tensor sigmoid_focal_loss(const tensor &x, const tensor &t, const options<ct_criterion_options> &options = {},
                                 location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sigmoid_focal_loss(x.get(), t.get(), &options), x, t);
}

inline tensor multilabel_soft_margin_loss(const tensor &x, const tensor &t,
                                          const options<ct_criterion_options> &options = {},
                                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_multilabel_soft_margin_loss(x.get(), t.get(), &options), x, t);
}

inline tensor multilabel_margin_loss(const tensor &x, const tensor &labels,
                                     const options<ct_criterion_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_multilabel_margin_loss(x.get(), labels.get(), &options), x, labels);
}

inline tensor ctc_loss(const tensor &log_probs, const tensor &targets, const tensor &input_lengths,
                       const tensor &target_lengths, const options<ct_ctc_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ctc_loss(log_probs.get(), targets.get(), input_lengths.get(), target_lengths.get(), &options), log_probs, targets, input_lengths, target_lengths);
}

inline tensor perceptron_loss(const tensor &x, const tensor &t, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_perceptron_loss(x.get(), t.get()), x, t);
}

inline tensor cosine_similarity(const tensor &a, const tensor &b, int axis, double eps, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cosine_similarity(a.get(), b.get(), axis, eps), a, b);
}

inline tensor batch_norm(const tensor &x, const tensor &weight = {}, const tensor &bias = {},
                         const options<ct_norm_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_batch_norm(x.get(), weight.get(), bias.get(), &options), x, weight, bias);
}

inline tensor layer_norm(const tensor &x, const tensor &weight = {}, const tensor &bias = {},
                         const options<ct_norm_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_layer_norm(x.get(), weight.get(), bias.get(), &options), x, weight, bias);
}

inline tensor group_norm(const tensor &x, int64_t groups, const tensor &weight = {}, const tensor &bias = {},
                         const options<ct_norm_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_group_norm(x.get(), groups, weight.get(), bias.get(), &options), x, weight, bias);
}

inline tensor instance_norm(const tensor &x, const tensor &weight = {}, const tensor &bias = {},
                            const options<ct_norm_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_instance_norm(x.get(), weight.get(), bias.get(), &options), x, weight, bias);
}

inline tensor rms_norm(const tensor &x, const tensor &weight = {}, const options<ct_norm_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rms_norm(x.get(), weight.get(), &options), x, weight);
}

inline tensor local_response_norm(const tensor &x, int64_t size, const options<ct_local_response_options> &options = {},
                                  location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_local_response_norm(x.get(), size, &options), x);
}

inline tensor normalize(const tensor &x, int axis, const options<ct_normalize_options> &options = {},
                        location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_normalize(x.get(), axis, &options), x);
}

inline tensor neg(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_neg(x.get()), x);
}

inline tensor exp(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_exp(x.get()), x);
}

inline tensor log(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log(x.get()), x);
}

inline tensor sqrt(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sqrt(x.get()), x);
}

inline tensor square(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_square(x.get()), x);
}

inline tensor abs(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_abs(x.get()), x);
}

inline tensor sign(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sign(x.get()), x);
}

inline tensor tanh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_tanh(x.get()), x);
}

inline tensor sigmoid(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sigmoid(x.get()), x);
}

inline tensor relu(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_relu(x.get()), x);
}

inline tensor add_scalar(const tensor &x, double s, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_add_scalar(x.get(), s), x);
}

inline tensor mul_scalar(const tensor &x, double s, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_mul_scalar(x.get(), s), x);
}

inline tensor pow_scalar(const tensor &x, double p, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pow_scalar(x.get(), p), x);
}

inline tensor rsqrt(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rsqrt(x.get()), x);
}

inline tensor reciprocal(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_reciprocal(x.get()), x);
}

inline tensor expm1(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_expm1(x.get()), x);
}

inline tensor log1p(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log1p(x.get()), x);
}

inline tensor log2(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log2(x.get()), x);
}

inline tensor sin(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sin(x.get()), x);
}

inline tensor cos(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cos(x.get()), x);
}

inline tensor tan(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_tan(x.get()), x);
}

inline tensor asin(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_asin(x.get()), x);
}

inline tensor acos(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_acos(x.get()), x);
}

inline tensor atan(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_atan(x.get()), x);
}

inline tensor sinh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sinh(x.get()), x);
}

inline tensor cosh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cosh(x.get()), x);
}

inline tensor erf(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_erf(x.get()), x);
}

inline tensor floor(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_floor(x.get()), x);
}

inline tensor clamp(const tensor &x, double low, double high, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_clamp(x.get(), low, high), x);
}

inline tensor hardtanh(const tensor &x, double low, double high, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hardtanh(x.get(), low, high), x);
}

inline tensor leaky_relu(const tensor &x, double slope, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_leaky_relu(x.get(), slope), x);
}

inline tensor elu(const tensor &x, double alpha, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_elu(x.get(), alpha), x);
}

inline tensor selu(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_selu(x.get()), x);
}

inline tensor gelu(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gelu(x.get()), x);
}

inline tensor gelu_tanh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gelu_tanh(x.get()), x);
}

inline tensor silu(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_silu(x.get()), x);
}

inline tensor swish(const tensor &x, const tensor &beta, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_swish(x.get(), beta.get()), x, beta);
}

inline tensor mish(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_mish(x.get()), x);
}

inline tensor softsign(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_softsign(x.get()), x);
}

inline tensor log_sigmoid(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log_sigmoid(x.get()), x);
}

inline tensor softplus(const tensor &x, double beta, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_softplus(x.get(), beta), x);
}

inline tensor prelu(const tensor &x, const tensor &weight, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_prelu(x.get(), weight.get()), x, weight);
}

inline tensor masked_fill(const tensor &x, const tensor &mask, double value, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_masked_fill(x.get(), mask.get(), value), x, mask);
}

inline tensor add(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_add(a.get(), b.get()), a, b);
}

inline tensor sub(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sub(a.get(), b.get()), a, b);
}

inline tensor mul(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_mul(a.get(), b.get()), a, b);
}

inline tensor div(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_div(a.get(), b.get()), a, b);
}

inline tensor pow(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_pow(a.get(), b.get()), a, b);
}

inline tensor maximum(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_maximum(a.get(), b.get()), a, b);
}

inline tensor minimum(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_minimum(a.get(), b.get()), a, b);
}

inline tensor eq(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_eq(a.get(), b.get()), a, b);
}

inline tensor ne(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ne(a.get(), b.get()), a, b);
}

inline tensor lt(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lt(a.get(), b.get()), a, b);
}

inline tensor le(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_le(a.get(), b.get()), a, b);
}

inline tensor gt(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gt(a.get(), b.get()), a, b);
}

inline tensor ge(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ge(a.get(), b.get()), a, b);
}

inline tensor logical_and(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logical_and(a.get(), b.get()), a, b);
}

inline tensor logical_or(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logical_or(a.get(), b.get()), a, b);
}

inline tensor logical_xor(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logical_xor(a.get(), b.get()), a, b);
}

inline tensor logical_not(const tensor &a, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logical_not(a.get()), a);
}

inline tensor atan2(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_atan2(a.get(), b.get()), a, b);
}

inline tensor lerp(const tensor &a, const tensor &b, const tensor &weight, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lerp(a.get(), b.get(), weight.get()), a, b, weight);
}

inline tensor where(const tensor &condition, const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_where(condition.get(), a.get(), b.get()), condition, a, b);
}

inline tensor cast(const tensor &x, ct_dtype dtype, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cast(x.get(), dtype), x);
}

inline tensor sum(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sum(x.get(), &options), x);
}

inline tensor mean(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_mean(x.get(), &options), x);
}

inline tensor prod(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_prod(x.get(), &options), x);
}

inline tensor amax(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_amax(x.get(), &options), x);
}

inline tensor amin(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_amin(x.get(), &options), x);
}

inline std::tuple<tensor, tensor> max(const tensor &x, int axis, bool keepdim, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_max(x.get(), axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> min(const tensor &x, int axis, bool keepdim, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_min(x.get(), axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor argmax(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_argmax(x.get(), axis), x);
}

inline tensor argmin(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_argmin(x.get(), axis), x);
}

inline tensor any(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_any(x.get(), &options), x);
}

inline tensor all(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_all(x.get(), &options), x);
}

inline tensor var(const tensor &x, const options<ct_var_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_var(x.get(), &options), x);
}

inline tensor std(const tensor &x, const options<ct_var_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_std(x.get(), &options), x);
}

inline tensor norm(const tensor &x, double p, const options<ct_reduce_options> &options = {},
                   location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_norm(x.get(), p, &options), x);
}

inline tensor logsumexp(const tensor &x, const options<ct_reduce_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logsumexp(x.get(), &options), x);
}

inline tensor cumsum(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cumsum(x.get(), axis), x);
}

inline tensor cumprod(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cumprod(x.get(), axis), x);
}

inline std::tuple<tensor, tensor> sort(const tensor &x, int axis, bool descending, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_sort(x.get(), axis, descending, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor argsort(const tensor &x, int axis, bool descending, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_argsort(x.get(), axis, descending), x);
}

inline std::tuple<tensor, tensor> topk(const tensor &x, int64_t k, int axis, bool largest,
                                       location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_topk(x.get(), k, axis, largest, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor matmul(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_matmul(a.get(), b.get()), a, b);
}

inline tensor linear(const tensor &x, const tensor &w, const tensor &b = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_linear(x.get(), w.get(), b.get()), x, w, b);
}

inline tensor dot(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_dot(a.get(), b.get()), a, b);
}

inline tensor outer(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_outer(a.get(), b.get()), a, b);
}

inline tensor bilinear(const tensor &a, const tensor &b, const tensor &weight, const tensor &bias = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bilinear(a.get(), b.get(), weight.get(), bias.get()), a, b, weight, bias);
}

inline tensor einsum(const char *equation, const std::vector<tensor> &operands, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_einsum(equation, detail::pointers(operands).data(), detail::count(operands)), operands);
}

inline tensor reshape(const tensor &x, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_reshape(x.get(), shape.data(), detail::count(shape)), x);
}

inline tensor flatten(const tensor &x, int start, int end, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_flatten(x.get(), start, end), x);
}

inline tensor transpose(const tensor &x, int axis0, int axis1, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_transpose(x.get(), axis0, axis1), x);
}

inline tensor permute(const tensor &x, const std::vector<int64_t> &axes, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_permute(x.get(), axes.data(), detail::count(axes)), x);
}

inline tensor expand(const tensor &x, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_expand(x.get(), shape.data(), detail::count(shape)), x);
}

inline tensor unsqueeze(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_unsqueeze(x.get(), axis), x);
}

inline tensor squeeze(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_squeeze(x.get(), axis), x);
}

inline tensor slice(const tensor &x, int axis, int64_t start, int64_t end, int64_t step, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_slice(x.get(), axis, start, end, step), x);
}

inline tensor select(const tensor &x, int axis, int64_t index, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_select(x.get(), axis, index), x);
}

inline tensor contiguous(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_contiguous(x.get()), x);
}

inline tensor clone(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_clone(x.get()), x);
}

inline tensor concat(const std::vector<tensor> &tensors, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_concat(detail::pointers(tensors).data(), detail::count(tensors), axis), tensors);
}

inline tensor sum_to(const tensor &x, const std::vector<int64_t> &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sum_to(x.get(), shape.data(), detail::count(shape)), x);
}

inline tensor gather(const tensor &x, int axis, const tensor &index, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gather(x.get(), axis, index.get()), x, index);
}

inline tensor scatter_add(const tensor &x, int axis, const tensor &index, const tensor &source,
                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_scatter_add(x.get(), axis, index.get(), source.get()), x, index, source);
}

inline tensor rnn_cell(const tensor &x, const tensor &h, const tensor &weight_x, const tensor &weight_h,
                       const tensor &bias_x = {}, const tensor &bias_h = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rnn_cell(x.get(), h.get(), weight_x.get(), weight_h.get(), bias_x.get(), bias_h.get()), x, h, weight_x, weight_h, bias_x, bias_h);
}

inline tensor rnn_relu_cell(const tensor &x, const tensor &h, const tensor &weight_x, const tensor &weight_h,
                            const tensor &bias_x = {}, const tensor &bias_h = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rnn_relu_cell(x.get(), h.get(), weight_x.get(), weight_h.get(), bias_x.get(), bias_h.get()), x, h, weight_x, weight_h, bias_x, bias_h);
}

inline std::tuple<tensor, tensor> lstm_cell(const tensor &x, const tensor &h, const tensor &c, const tensor &weight_x,
                                            const tensor &weight_h, const tensor &bias_x = {},
                                            const tensor &bias_h = {}, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *c_next = nullptr;
    ct_tensor *raw = ct_lstm_cell(x.get(), h.get(), c.get(), weight_x.get(), weight_h.get(), bias_x.get(), bias_h.get(), &c_next);
    return {detail::made(at, raw, x, h, c, weight_x, weight_h, bias_x, bias_h), detail::made(at, c_next, x, h, c, weight_x, weight_h, bias_x, bias_h)};
}

inline tensor gru_cell(const tensor &x, const tensor &h, const tensor &weight_x, const tensor &weight_h,
                       const tensor &bias_x = {}, const tensor &bias_h = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gru_cell(x.get(), h.get(), weight_x.get(), weight_h.get(), bias_x.get(), bias_h.get()), x, h, weight_x, weight_h, bias_x, bias_h);
}

inline tensor rnn(const tensor &x, const tensor &h0, const std::vector<tensor> &weights,
                  const options<ct_recurrent_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rnn(x.get(), h0.get(), detail::pointers(weights).data(), detail::count(weights), &options), x, h0, weights);
}

inline tensor rnn_relu(const tensor &x, const tensor &h0, const std::vector<tensor> &weights,
                       const options<ct_recurrent_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rnn_relu(x.get(), h0.get(), detail::pointers(weights).data(), detail::count(weights), &options), x, h0, weights);
}

inline tensor lstm(const tensor &x, const tensor &h0, const tensor &c0, const std::vector<tensor> &weights,
                   const options<ct_recurrent_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lstm(x.get(), h0.get(), c0.get(), detail::pointers(weights).data(), detail::count(weights), &options), x, h0, c0, weights);
}

inline tensor gru(const tensor &x, const tensor &h0, const std::vector<tensor> &weights,
                  const options<ct_recurrent_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gru(x.get(), h0.get(), detail::pointers(weights).data(), detail::count(weights), &options), x, h0, weights);
}

inline tensor scaled_dot_product_attention(const tensor &q, const tensor &k, const tensor &v,
                                           const options<ct_attention_options> &options = {},
                                           location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_scaled_dot_product_attention(q.get(), k.get(), v.get(), &options), q, k, v);
}

inline tensor rotary_embedding(const tensor &x, const options<ct_rotary_options> &options = {},
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rotary_embedding(x.get(), &options), x);
}

inline tensor dropout(const tensor &x, double p, bool training, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_dropout(x.get(), p, training), x);
}

inline tensor ceil(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ceil(x.get()), x);
}

inline tensor round(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_round(x.get()), x);
}

inline tensor trunc(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_trunc(x.get()), x);
}

inline tensor frac(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_frac(x.get()), x);
}

inline tensor remainder(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_remainder(a.get(), b.get()), a, b);
}

inline tensor fmod(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fmod(a.get(), b.get()), a, b);
}

inline tensor floor_divide(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_floor_divide(a.get(), b.get()), a, b);
}

inline tensor copysign(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_copysign(a.get(), b.get()), a, b);
}

inline tensor heaviside(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_heaviside(a.get(), b.get()), a, b);
}

inline tensor clamp_tensor(const tensor &x, const tensor &low, const tensor &high, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_clamp_tensor(x.get(), low.get(), high.get()), x, low, high);
}

inline tensor nan_to_num(const tensor &x, double nan, double posinf, double neginf, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_nan_to_num(x.get(), nan, posinf, neginf), x);
}

inline tensor bitwise_not(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_not(x.get()), x);
}

inline tensor bitwise_and(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_and(a.get(), b.get()), a, b);
}

inline tensor bitwise_or(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_or(a.get(), b.get()), a, b);
}

inline tensor bitwise_xor(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_xor(a.get(), b.get()), a, b);
}

inline tensor bitwise_left_shift(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_left_shift(a.get(), b.get()), a, b);
}

inline tensor bitwise_right_shift(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bitwise_right_shift(a.get(), b.get()), a, b);
}

inline tensor gcd(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_gcd(a.get(), b.get()), a, b);
}

inline tensor lcm(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lcm(a.get(), b.get()), a, b);
}

inline tensor isnan(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_isnan(x.get()), x);
}

inline tensor isinf(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_isinf(x.get()), x);
}

inline tensor isposinf(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_isposinf(x.get()), x);
}

inline tensor isneginf(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_isneginf(x.get()), x);
}

inline tensor isfinite(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_isfinite(x.get()), x);
}

inline tensor signbit(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_signbit(x.get()), x);
}

inline tensor exp2(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_exp2(x.get()), x);
}

inline tensor log10(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_log10(x.get()), x);
}

inline tensor asinh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_asinh(x.get()), x);
}

inline tensor acosh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_acosh(x.get()), x);
}

inline tensor atanh(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_atanh(x.get()), x);
}

inline tensor deg2rad(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_deg2rad(x.get()), x);
}

inline tensor rad2deg(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rad2deg(x.get()), x);
}

inline tensor hypot(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_hypot(a.get(), b.get()), a, b);
}

inline tensor logaddexp(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logaddexp(a.get(), b.get()), a, b);
}

inline tensor xlogy(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_xlogy(a.get(), b.get()), a, b);
}

inline tensor xlog1py(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_xlog1py(a.get(), b.get()), a, b);
}

inline tensor erfc(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_erfc(x.get()), x);
}

inline tensor erfinv(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_erfinv(x.get()), x);
}

inline tensor sinc(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sinc(x.get()), x);
}

inline tensor lgamma(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_lgamma(x.get()), x);
}

inline tensor digamma(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_digamma(x.get()), x);
}

inline tensor polygamma(const tensor &x, double n, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_polygamma(x.get(), n), x);
}

inline tensor zeta(const tensor &s, const tensor &q, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_zeta(s.get(), q.get()), s, q);
}

inline tensor beta(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_beta(a.get(), b.get()), a, b);
}

inline tensor igamma(const tensor &a, const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_igamma(a.get(), x.get()), a, x);
}

inline tensor igammac(const tensor &a, const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_igammac(a.get(), x.get()), a, x);
}

inline tensor i0(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_i0(x.get()), x);
}

inline tensor i1(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_i1(x.get()), x);
}

inline tensor i0e(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_i0e(x.get()), x);
}

inline tensor i1e(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_i1e(x.get()), x);
}

inline tensor bessel_j0(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bessel_j0(x.get()), x);
}

inline tensor bessel_j1(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bessel_j1(x.get()), x);
}

inline tensor bessel_y0(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bessel_y0(x.get()), x);
}

inline tensor bessel_y1(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bessel_y1(x.get()), x);
}

inline tensor fft(const tensor &x, const options<ct_fft_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_fft(x.get(), &options), x);
}

inline tensor ifft(const tensor &x, const options<ct_fft_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_ifft(x.get(), &options), x);
}

inline tensor rfft(const tensor &x, const options<ct_fft_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_rfft(x.get(), &options), x);
}

inline tensor irfft(const tensor &x, const options<ct_fft_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_irfft(x.get(), &options), x);
}

inline tensor stft(const tensor &x, int64_t n_fft, const options<ct_stft_options> &options = {},
                   location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_stft(x.get(), n_fft, &options), x);
}

inline tensor istft(const tensor &x, int64_t n_fft, const options<ct_istft_options> &options = {},
                    location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_istft(x.get(), n_fft, &options), x);
}

inline std::tuple<tensor, tensor> kthvalue(const tensor &x, int64_t k, int axis, bool keepdim,
                                           location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_kthvalue(x.get(), k, axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> median(const tensor &x, int axis, bool keepdim, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_median(x.get(), axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> nanmedian(const tensor &x, int axis, bool keepdim, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_nanmedian(x.get(), axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> mode(const tensor &x, int axis, bool keepdim, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_mode(x.get(), axis, keepdim, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor quantile(const tensor &x, const tensor &q, const options<ct_quantile_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_quantile(x.get(), q.get(), &options), x, q);
}

inline tensor logcumsumexp(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_logcumsumexp(x.get(), axis), x);
}

inline std::tuple<tensor, tensor> cummax(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_cummax(x.get(), axis, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline std::tuple<tensor, tensor> cummin(const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    ct_tensor *indices = nullptr;
    ct_tensor *raw = ct_cummin(x.get(), axis, &indices);
    return {detail::made(at, raw, x), detail::made(at, indices, x)};
}

inline tensor diff(const tensor &x, int64_t n, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_diff(x.get(), n, axis), x);
}

inline tensor trapezoid(const tensor &y, const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_trapezoid(y.get(), x.get(), axis), y, x);
}

inline tensor cumulative_trapezoid(const tensor &y, const tensor &x, int axis, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cumulative_trapezoid(y.get(), x.get(), axis), y, x);
}

inline tensor count_nonzero(const tensor &x, const options<ct_reduce_options> &options = {},
                            location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_count_nonzero(x.get(), &options), x);
}

inline tensor cov(const tensor &x, const options<ct_cov_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_cov(x.get(), &options), x);
}

inline tensor corrcoef(const tensor &x, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_corrcoef(x.get()), x);
}

inline tensor bincount(const tensor &x, const tensor &weights, int64_t minlength, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bincount(x.get(), weights.get(), minlength), x, weights);
}

inline tensor histc(const tensor &x, int64_t bins, double low, double high, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_histc(x.get(), bins, low, high), x);
}

inline tensor histogramdd(const tensor &x, const std::vector<int64_t> &bins,
                          const options<ct_histogram_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_histogramdd(x.get(), bins.data(), detail::count(bins), &options), x);
}

inline tensor bernoulli(const tensor &p, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_bernoulli(p.get()), p);
}

inline tensor multinomial(const tensor &weights, int64_t n, bool replacement, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_multinomial(weights.get(), n, replacement), weights);
}

inline tensor poisson(const tensor &rate, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_poisson(rate.get()), rate);
}

inline tensor binomial(const tensor &count, const tensor &probability, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_binomial(count.get(), probability.get()), count, probability);
}

inline tensor standard_gamma(const tensor &shape, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_standard_gamma(shape.get()), shape);
}

inline tensor sample_beta(const tensor &a, const tensor &b, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sample_beta(a.get(), b.get()), a, b);
}

inline tensor sample_dirichlet(const tensor &concentration, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_sample_dirichlet(concentration.get()), concentration);
}

inline tensor recurrent_forward(const module &module, const tensor &x, const options<ct_sequence_options> &options = {},
                                location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_recurrent_forward(module.get(), x.get(), &options), x);
}

inline tensor multihead_attention_forward(const module &module, const tensor &query, const tensor &key,
                                          const tensor &value,
                                          const options<ct_attention_forward_options> &options = {},
                                          location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_multihead_attention_forward(module.get(), query.get(), key.get(), value.get(), &options), query, key, value);
}

inline tensor transformer_encoder_layer_forward(const module &module, const tensor &x,
                                                const options<ct_attention_forward_options> &options = {},
                                                location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_transformer_encoder_layer_forward(module.get(), x.get(), &options), x);
}

inline tensor transformer_decoder_layer_forward(const module &module, const tensor &x, const tensor &memory,
                                                const options<ct_decoder_options> &options = {},
                                                location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_transformer_decoder_layer_forward(module.get(), x.get(), memory.get(), &options), x, memory);
}

inline tensor confusion_matrix(const tensor &predictions, const tensor &labels, int64_t classes,
                               location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_confusion_matrix(predictions.get(), labels.get(), classes), predictions, labels);
}

inline tensor precision(const tensor &confusion, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_precision(confusion.get()), confusion);
}

inline tensor recall(const tensor &confusion, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_recall(confusion.get()), confusion);
}

inline tensor f1(const tensor &confusion, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_f1(confusion.get()), confusion);
}

inline tensor roc_curve(const tensor &scores, const tensor &labels, location at = location::here())
{
    const detail::inside scope;
    return detail::made(at, ct_roc_curve(scores.get(), labels.get()), scores, labels);
}

inline double roc_auc(const tensor &scores, const tensor &labels, location at = location::here())
{
    const detail::inside scope;
    const double value = ct_roc_auc(scores.get(), labels.get());
    detail::check(at);
    return value;
}

/* Layers: made in a module, which owns them; name nullptr stands for their number in it. */
namespace nn
{

inline module sequential(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_sequential_new(module.get(), name));
}

inline module residual(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_residual_new(module.get(), name));
}

inline module linear(const module &module, const char *name, int64_t in, int64_t out,
                     const options<ct_linear_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_linear_new(module.get(), name, in, out, &options));
}

inline module conv1d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                     const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv1d_new(module.get(), name, in, out, kernel, &options));
}

inline module conv2d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                     const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv2d_new(module.get(), name, in, out, kernel, &options));
}

inline module conv3d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                     const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv3d_new(module.get(), name, in, out, kernel, &options));
}

inline module conv_transpose1d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                               const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv_transpose1d_new(module.get(), name, in, out, kernel, &options));
}

inline module conv_transpose2d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                               const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv_transpose2d_new(module.get(), name, in, out, kernel, &options));
}

inline module conv_transpose3d(const module &module, const char *name, int64_t in, int64_t out, int64_t kernel,
                               const options<ct_conv_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_conv_transpose3d_new(module.get(), name, in, out, kernel, &options));
}

inline module max_pool1d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_max_pool1d_new(module.get(), name, kernel, &options));
}

inline module max_pool2d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_max_pool2d_new(module.get(), name, kernel, &options));
}

inline module max_pool3d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_max_pool3d_new(module.get(), name, kernel, &options));
}

inline module avg_pool1d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_avg_pool1d_new(module.get(), name, kernel, &options));
}

inline module avg_pool2d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_avg_pool2d_new(module.get(), name, kernel, &options));
}

inline module avg_pool3d(const module &module, const char *name, int64_t kernel,
                         const options<ct_pool_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_avg_pool3d_new(module.get(), name, kernel, &options));
}

inline module adaptive_avg_pool1d(const module &module, const char *name, int64_t length,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_avg_pool1d_new(module.get(), name, length));
}

inline module adaptive_avg_pool2d(const module &module, const char *name, int64_t height, int64_t width,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_avg_pool2d_new(module.get(), name, height, width));
}

inline module adaptive_avg_pool3d(const module &module, const char *name, int64_t depth, int64_t height, int64_t width,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_avg_pool3d_new(module.get(), name, depth, height, width));
}

inline module adaptive_max_pool1d(const module &module, const char *name, int64_t length,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_max_pool1d_new(module.get(), name, length));
}

inline module adaptive_max_pool2d(const module &module, const char *name, int64_t height, int64_t width,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_max_pool2d_new(module.get(), name, height, width));
}

inline module adaptive_max_pool3d(const module &module, const char *name, int64_t depth, int64_t height, int64_t width,
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_adaptive_max_pool3d_new(module.get(), name, depth, height, width));
}

inline module flatten(const module &module, const char *name, int start, int end, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_flatten_new(module.get(), name, start, end));
}

inline module unflatten(const module &module, const char *name, int axis, const std::vector<int64_t> &shape,
                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_unflatten_new(module.get(), name, axis, shape.data(), detail::count(shape)));
}

inline module pixel_shuffle(const module &module, const char *name, int64_t factor, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_pixel_shuffle_new(module.get(), name, factor));
}

inline module pixel_unshuffle(const module &module, const char *name, int64_t factor, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_pixel_unshuffle_new(module.get(), name, factor));
}

inline module upsample(const module &module, const char *name, const options<ct_interpolate_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_upsample_new(module.get(), name, &options));
}

inline module pad(const module &module, const char *name, const std::vector<int64_t> &amounts,
                  const options<ct_pad_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_pad_new(module.get(), name, amounts.data(), detail::count(amounts), &options));
}

inline module batch_norm(const module &module, const char *name, int64_t features,
                         const options<ct_norm_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_batch_norm_new(module.get(), name, features, &options));
}

inline module layer_norm(const module &module, const char *name, const std::vector<int64_t> &shape,
                         const options<ct_norm_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_layer_norm_new(module.get(), name, shape.data(), detail::count(shape), &options));
}

inline module rms_norm(const module &module, const char *name, const std::vector<int64_t> &shape,
                       const options<ct_norm_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_rms_norm_new(module.get(), name, shape.data(), detail::count(shape), &options));
}

inline module group_norm(const module &module, const char *name, int64_t groups, int64_t channels,
                         const options<ct_norm_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_group_norm_new(module.get(), name, groups, channels, &options));
}

inline module instance_norm(const module &module, const char *name, int64_t channels,
                            const options<ct_instance_norm_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_instance_norm_new(module.get(), name, channels, &options));
}

inline module local_response_norm(const module &module, const char *name, int64_t size,
                                  const options<ct_local_response_options> &options = {},
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_local_response_norm_new(module.get(), name, size, &options));
}

inline module dropout(const module &module, const char *name, double p, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_dropout_new(module.get(), name, p));
}

inline module dropout1d(const module &module, const char *name, double p, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_dropout1d_new(module.get(), name, p));
}

inline module dropout2d(const module &module, const char *name, double p, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_dropout2d_new(module.get(), name, p));
}

inline module dropout3d(const module &module, const char *name, double p, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_dropout3d_new(module.get(), name, p));
}

inline module embedding(const module &module, const char *name, int64_t count, int64_t size,
                        const options<ct_embedding_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_embedding_new(module.get(), name, count, size, &options));
}

inline module relu(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_relu_new(module.get(), name));
}

inline module gelu(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_gelu_new(module.get(), name));
}

inline module gelu_tanh(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_gelu_tanh_new(module.get(), name));
}

inline module silu(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_silu_new(module.get(), name));
}

inline module mish(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_mish_new(module.get(), name));
}

inline module selu(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_selu_new(module.get(), name));
}

inline module tanh(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_tanh_new(module.get(), name));
}

inline module sigmoid(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_sigmoid_new(module.get(), name));
}

inline module log_sigmoid(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_log_sigmoid_new(module.get(), name));
}

inline module softsign(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_softsign_new(module.get(), name));
}

inline module hardsigmoid(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_hardsigmoid_new(module.get(), name));
}

inline module hardswish(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_hardswish_new(module.get(), name));
}

inline module tanhshrink(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_tanhshrink_new(module.get(), name));
}

inline module relu6(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_relu6_new(module.get(), name));
}

inline module identity(const module &module, const char *name, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_identity_new(module.get(), name));
}

inline module elu(const module &module, const char *name, double alpha, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_elu_new(module.get(), name, alpha));
}

inline module celu(const module &module, const char *name, double alpha, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_celu_new(module.get(), name, alpha));
}

inline module hardshrink(const module &module, const char *name, double lambda, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_hardshrink_new(module.get(), name, lambda));
}

inline module softshrink(const module &module, const char *name, double lambda, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_softshrink_new(module.get(), name, lambda));
}

inline module threshold(const module &module, const char *name, double threshold, double value,
                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_threshold_new(module.get(), name, threshold, value));
}

inline module leaky_relu(const module &module, const char *name, double slope, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_leaky_relu_new(module.get(), name, slope));
}

inline module softplus(const module &module, const char *name, double beta, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_softplus_new(module.get(), name, beta));
}

inline module hardtanh(const module &module, const char *name, double low, double high, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_hardtanh_new(module.get(), name, low, high));
}

inline module softmax(const module &module, const char *name, int axis, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_softmax_new(module.get(), name, axis));
}

inline module log_softmax(const module &module, const char *name, int axis, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_log_softmax_new(module.get(), name, axis));
}

inline module softmin(const module &module, const char *name, int axis, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_softmin_new(module.get(), name, axis));
}

inline module glu(const module &module, const char *name, int axis, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_glu_new(module.get(), name, axis));
}

inline module prelu(const module &module, const char *name, int64_t n, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_prelu_new(module.get(), name, n));
}

inline module function(const module &module, const char *name, ct_unary function, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_function_new(module.get(), name, function));
}

inline module rnn(const module &module, const char *name, int64_t in, int64_t hidden,
                  const options<ct_recurrent_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_rnn_new(module.get(), name, in, hidden, &options));
}

inline module lstm(const module &module, const char *name, int64_t in, int64_t hidden,
                   const options<ct_recurrent_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_lstm_new(module.get(), name, in, hidden, &options));
}

inline module gru(const module &module, const char *name, int64_t in, int64_t hidden,
                  const options<ct_recurrent_layer_options> &options = {}, location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_gru_new(module.get(), name, in, hidden, &options));
}

inline module multihead_attention(const module &module, const char *name, int64_t embed, int64_t heads,
                                  const options<ct_attention_layer_options> &options = {},
                                  location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_multihead_attention_new(module.get(), name, embed, heads, &options));
}

inline module transformer_encoder_layer(const module &module, const char *name, int64_t width, int64_t heads,
                                        const options<ct_transformer_options> &options = {},
                                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_transformer_encoder_layer_new(module.get(), name, width, heads, &options));
}

inline module transformer_decoder_layer(const module &module, const char *name, int64_t width, int64_t heads,
                                        const options<ct_transformer_options> &options = {},
                                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_transformer_decoder_layer_new(module.get(), name, width, heads, &options));
}

inline module alexnet(const module &module, const char *name, const options<ct_vision_options> &options = {},
                      location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_alexnet_new(module.get(), name, &options));
}

inline module vgg16(const module &module, const char *name, const options<ct_vision_options> &options = {},
                    location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_vgg16_new(module.get(), name, &options));
}

inline module vgg19(const module &module, const char *name, const options<ct_vision_options> &options = {},
                    location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_vgg19_new(module.get(), name, &options));
}

inline module resnet18(const module &module, const char *name, const options<ct_vision_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet18_new(module.get(), name, &options));
}

inline module resnet34(const module &module, const char *name, const options<ct_vision_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet34_new(module.get(), name, &options));
}

inline module resnet50(const module &module, const char *name, const options<ct_vision_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet50_new(module.get(), name, &options));
}

inline module resnet101(const module &module, const char *name, const options<ct_vision_options> &options = {},
                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet101_new(module.get(), name, &options));
}

inline module resnet152(const module &module, const char *name, const options<ct_vision_options> &options = {},
                        location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet152_new(module.get(), name, &options));
}

inline module resnet20(const module &module, const char *name, const options<ct_vision_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet20_new(module.get(), name, &options));
}

inline module resnet56(const module &module, const char *name, const options<ct_vision_options> &options = {},
                       location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_resnet56_new(module.get(), name, &options));
}

inline module plain20(const module &module, const char *name, const options<ct_vision_options> &options = {},
                      location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_plain20_new(module.get(), name, &options));
}

inline module plain56(const module &module, const char *name, const options<ct_vision_options> &options = {},
                      location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_plain56_new(module.get(), name, &options));
}

inline module gpt2(const module &module, const char *name, int64_t tokens, const options<ct_gpt2_options> &options = {},
                   location at = location::here())
{
    const detail::inside scope;
    return module::made(at, module, ct_gpt2_new(module.get(), name, tokens, &options));
}

} // namespace nn

} // namespace cotan

#endif
