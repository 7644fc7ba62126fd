/* ONNX's operators on windows: convolutions and pools. Padding that is not the same on both sides is put around x first. */
#include "model.h"
#include <math.h>

enum { WINDOW = 3 }; /* most axes of a window */

typedef struct windows {
    int n; /* axes */
    int64_t kernel[WINDOW], stride[WINDOW], dilation[WINDOW], before[WINDOW], behind[WINDOW];
} windows;

/* The attribute's n numbers, or usual for each; false with an error. */
static bool read_axes(const ct__onnx_run *r, const char *name, int64_t usual, int64_t *values, int n)
{
    int found = ct__onnx_integers(r, name, values, n);
    for (int i = 0; found < 0 && i < n; i++)
        values[i] = usual;
    if (found >= 0 && found != n)
        ct__onnx_refuse(r, "an attribute has not a number for each axis");
    return ct_error_code() == CT_OK;
}

/* What is missing for ceil(in / stride) windows, the odd element behind or before. */
static void pad_to_same(const ct__onnx_run *r, windows *w)
{
    bool lower = ct__onnx_is_word(r, "auto_pad", "SAME_LOWER", false);
    for (int i = 0; i < w->n; i++) {
        int64_t in = ct_size(r->in[0], i + 2), out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t missing = (out - 1) * w->stride[i] + w->dilation[i] * (w->kernel[i] - 1) + 1 - in;
        missing = missing > 0 ? missing : 0;
        w->before[i] = lower ? missing - missing / 2 : missing / 2;
        w->behind[i] = missing - w->before[i];
    }
}

/* kernel has been read. */
static bool read_windows(const ct__onnx_run *r, windows *w)
{
    int64_t pads[2 * WINDOW];
    if (!read_axes(r, "strides", 1, w->stride, w->n) || !read_axes(r, "dilations", 1, w->dilation, w->n) ||
        !read_axes(r, "pads", 0, pads, 2 * w->n))
        return false;
    memcpy(w->before, pads, (size_t)w->n * sizeof *pads);
    memcpy(w->behind, pads + w->n, (size_t)w->n * sizeof *pads);
    for (int i = 0; i < w->n; i++)
        if (w->stride[i] < 1 || w->dilation[i] < 1 || w->kernel[i] < 1 || w->kernel[i] > INT32_MAX)
            return ct__onnx_refuse(r, "a stride, dilation or kernel below 1"), false;
    if (ct__onnx_is_word(r, "auto_pad", "SAME_UPPER", false) || ct__onnx_is_word(r, "auto_pad", "SAME_LOWER", false))
        pad_to_same(r, w);
    return true;
}

static bool is_even(const windows *w)
{
    return memcmp(w->before, w->behind, (size_t)w->n * sizeof *w->before) == 0;
}

/* x with what is around it; w then needs none. */
static ct_tensor *padded(windows *w, ct_tensor *x, double value)
{
    int64_t amounts[2 * WINDOW];
    for (int i = 0; i < w->n; i++) {
        amounts[2 * (w->n - 1 - i)] = w->before[i];
        amounts[2 * (w->n - 1 - i) + 1] = w->behind[i];
    }
    memset(w->before, 0, sizeof w->before);
    memset(w->behind, 0, sizeof w->behind);
    return ct_pad(x, amounts, 2 * w->n, CT_GIVEN(ct_pad_options, .value = value));
}

/* The axes of a window over input 0, whose kernel is that of w or the attribute; false with an error. */
static bool begin(const ct__onnx_run *r, windows *w, const ct_tensor *weight)
{
    *w = (windows){.n = r->in[0] ? ct_rank(r->in[0]) - 2 : 0};
    if (w->n < 1 || w->n > WINDOW || (weight && ct_rank(weight) != w->n + 2))
        return ct__onnx_refuse(r, "not on one to three axes behind those of batch and channels"), false;
    for (int i = 0; weight && i < w->n; i++)
        w->kernel[i] = ct_size(weight, i + 2);
    if (!weight && ct__onnx_integers(r, "kernel_shape", w->kernel, WINDOW) != w->n)
        return ct__onnx_refuse(r, "kernel_shape has not a number for each axis"), false;
    return read_windows(r, w);
}

/* An option's entries: a 0 behind another entry is CT_ZERO. */
static void put_option(int64_t *option, const int64_t *values, int n)
{
    for (int i = 0; i < n; i++)
        option[i] = values[i] ? values[i] : CT_ZERO;
}

/* ---- convolutions ---- */

typedef ct_tensor *(*conv_function)(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);

static void put_conv_options(const ct__onnx_run *r, const windows *w, ct_conv_options *o)
{
    put_option(o->stride, w->stride, w->n);
    put_option(o->dilation, w->dilation, w->n);
    put_option(o->padding, w->before, w->n);
    o->groups = ct__onnx_integer(r, "group", 1);
}

ct_tensor *ct__onnx_conv(ct__onnx_run *r)
{
    static const conv_function functions[] = {ct_conv1d, ct_conv2d, ct_conv3d};
    windows w;
    CT_OPTIONS(ct_conv_options, options, .groups = 1);
    if (!r->in[1] || !begin(r, &w, r->in[1]))
        return NULL;
    ct_tensor *x = is_even(&w) ? r->in[0] : padded(&w, r->in[0], 0);
    put_conv_options(r, &w, &options);
    return functions[w.n - 1](x, r->in[1], r->in[2], &options);
}

ct_tensor *ct__onnx_conv_transpose(ct__onnx_run *r)
{
    static const conv_function functions[] = {ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d};
    windows w;
    int64_t more[WINDOW];
    CT_OPTIONS(ct_conv_options, options, .groups = 1);
    if (!r->in[1] || !begin(r, &w, r->in[1]) || !read_axes(r, "output_padding", 0, more, w.n))
        return NULL;
    if (!is_even(&w) || ct__onnx_has(r, "output_shape") || !ct__onnx_is_word(r, "auto_pad", "NOTSET", true))
        return ct__onnx_refuse(r, "pads that differ, output_shape and auto_pad are not known here");
    put_conv_options(r, &w, &options);
    put_option(options.output_padding, more, w.n);
    return functions[w.n - 1](r->in[0], r->in[1], r->in[2], &options);
}

/* ---- pools ---- */

typedef ct_tensor *(*pool_function)(ct_tensor *x, int64_t kernel, const ct_pool_options *options);

static void put_pool_options(const ct__onnx_run *r, const windows *w, ct_pool_options *o)
{
    put_option(o->kernel, w->kernel, w->n);
    put_option(o->stride, w->stride, w->n);
    put_option(o->dilation, w->dilation, w->n);
    put_option(o->padding, w->before, w->n);
    o->ceil_mode = ct__onnx_integer(r, "ceil_mode", 0);
}

/* Ours take as much padding as half a kernel. */
static bool is_small(const windows *w)
{
    bool small = is_even(w);
    for (int i = 0; i < w->n; i++)
        small = small && w->before[i] <= w->kernel[i] / 2;
    return small;
}

ct_tensor *ct__onnx_max_pool(ct__onnx_run *r)
{
    static const pool_function functions[] = {ct_max_pool1d, ct_max_pool2d, ct_max_pool3d};
    windows w;
    CT_OPTIONS(ct_pool_options, options, .ceil_mode = false);
    if (!begin(r, &w, NULL))
        return NULL;
    ct_tensor *x = is_small(&w) ? r->in[0] : padded(&w, r->in[0], -INFINITY);
    put_pool_options(r, &w, &options);
    return functions[w.n - 1](x, w.kernel[0], &options);
}

/* Where padding does not count, the mean over x with zeros around it is divided by that over ones with zeros around them. */
ct_tensor *ct__onnx_average_pool(ct__onnx_run *r)
{
    static const pool_function functions[] = {ct_avg_pool1d, ct_avg_pool2d, ct_avg_pool3d};
    windows w;
    bool counts = ct__onnx_integer(r, "count_include_pad", 0);
    CT_OPTIONS(ct_pool_options, options, .exclude_pad = !counts);
    if (!begin(r, &w, NULL))
        return NULL;
    windows again = w;
    bool small = is_small(&w);
    ct_tensor *x = small ? r->in[0] : padded(&w, r->in[0], 0);
    put_pool_options(r, &w, &options);
    ct_tensor *y = functions[w.n - 1](x, w.kernel[0], &options);
    if (small || counts)
        return y;
    ct_tensor *ones = padded(&again, ct_ones_like(r->in[0]), 0);
    return ct_div(y, functions[w.n - 1](ones, w.kernel[0], &options));
}

static ct_tensor *over_places(ct__onnx_run *r, ct_tensor *(*reduce)(ct_tensor *x, const ct_reduce_options *options))
{
    int64_t axes[CT_MAX_RANK];
    int n = 0;
    for (int i = 2; r->in[0] && i < ct_rank(r->in[0]); i++)
        axes[n++] = i;
    if (n == 0)
        return ct__onnx_refuse(r, "without an axis behind those of batch and channels");
    return reduce(r->in[0], CT_GIVEN(ct_reduce_options, .axes = axes, .n_axes = n, .keepdim = true));
}

ct_tensor *ct__onnx_global_average_pool(ct__onnx_run *r)
{
    return over_places(r, ct_mean);
}

ct_tensor *ct__onnx_global_max_pool(ct__onnx_run *r)
{
    return over_places(r, ct_amax);
}
