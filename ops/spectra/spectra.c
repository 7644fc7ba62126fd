/* Fourier transforms of tensors. dft, of lines of pairs, is the one record that computes: it is linear, and its adjoint is itself with
 * the other sign. The others are expressions over it.
 *
 * Invariant: a pair of numbers is the last axis; its axes are counted without that. */
#include "expression.h"
#include "fourier.h"
#include "shape/shape_internal.h"
#include <math.h>

/* ---- dft: [..., n, 2] ---- */

typedef struct dft_attributes {
    int64_t inverse;
    double scale; /* of the result */
} dft_attributes;

static ct_status dft_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    if (x->rank < 2 || x->shape[x->rank - 1] != 2 || x->shape[x->rank - 2] < 1)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes pairs [..., n, 2]: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

static void load(ct_dtype dtype, const void *from, int64_t line, int64_t n, ct_complex *to)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = 2 * (line * n + i);
        to[i] = dtype == CT_FLOAT32
                    ? (ct_complex){(double)((const float *)from)[at], (double)((const float *)from)[at + 1]}
                    : (ct_complex){((const double *)from)[at], ((const double *)from)[at + 1]};
    }
}

static void store(ct_dtype dtype, const ct_complex *from, double scale, int64_t line, int64_t n, void *to)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = 2 * (line * n + i);
        if (dtype == CT_FLOAT32) {
            ((float *)to)[at] = (float)(from[i].re * scale);
            ((float *)to)[at + 1] = (float)(from[i].im * scale);
        } else {
            ((double *)to)[at] = from[i].re * scale;
            ((double *)to)[at + 1] = from[i].im * scale;
        }
    }
}

static ct_status dft_forward(ct_call *call)
{
    const dft_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    const void *from = ct_call_input_data(call, 0);
    void *to = ct_call_output_data(call, 0);
    int64_t n = x->shape[x->rank - 2];
    size_t bytes = 2 * (size_t)n * sizeof(ct_complex);
    if (!from)
        return CT_ERROR_MEMORY;
    ct_fourier *plan = ct__fourier_new(n, a->inverse);
    ct_complex *room = ct__alloc(bytes);
    for (int64_t line = 0; plan && room && line < x->numel / (2 * n); line++) {
        load((ct_dtype)x->dtype, from, line, n, room);
        ct__fourier_run(plan, room, room + n);
        store((ct_dtype)x->dtype, room + n, a->scale, line, n, to);
    }
    ct_status status = plan && room ? CT_OK : ct__no_memory(call->op->name);
    if (room)
        ct__free(room, bytes);
    ct__fourier_free(plan);
    return status;
}

static ct_tensor *dft(ct_tensor *x, bool inverse, double scale)
{
    return (ct_apply)(&ct_op_dft, &x, 1, &(dft_attributes){inverse, scale});
}

static ct_status dft_backward(ct_call *call)
{
    const dft_attributes *a = ct_call_attributes(call);
    return ct_call_set_grad(call, 0, dft(ct_call_grad_output(call, 0), !a->inverse, a->scale));
}

const ct_op ct_op_dft = {
    .name = "dft",
    .gradient = "the transform of g with the other sign",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(dft_attributes),
    .attribute_names = "inverse scale:1d",
    .infer = dft_infer,
    .forward = dft_forward,
    .backward = dft_backward,
    .samples = (const ct_sample[]){{"2x8x2", &(dft_attributes){0, 1}},
                                   {"15x2", &(dft_attributes){1, 0.5}},
                                   {"2x37x2", &(dft_attributes){0, 1}},
                                   {"1x2", &(dft_attributes){0, 1}},
                                   {"0x6x2", &(dft_attributes){1, 1}},
                                   {0}},
    .source = "Cooley, Tukey: An algorithm for the machine calculation of complex Fourier series (1965)",
};

/* ---- fft, ifft, rfft, irfft ---- */

typedef struct fft_attributes {
    int64_t n, axis, norm; /* n 0: the input's */
} fft_attributes;

static double scale_of(int64_t norm, int64_t n, bool inverse)
{
    if (norm == CT_FFT_ORTHO)
        return 1 / sqrt((double)n);
    return (norm == CT_FFT_BACKWARD) == inverse ? 1 / (double)n : 1;
}

/* x cut, or filled up with zeros, to n along axis. */
static ct_tensor *fit(ct_tensor *x, int axis, int64_t n)
{
    int64_t amounts[2 * CT_MAX_RANK] = {0}, size = ct_size(x, axis), behind = ct_rank(x) - 1 - axis;
    static const ct_pad_options zeros = {CT_DEFAULTS(ct_pad_options)};
    amounts[2 * behind + 1] = n - size;
    if (n == size)
        return x;
    return n < size ? ct_slice(x, axis, 0, n, 1) : ct_pad(x, amounts, 2 * (int)behind + 2, &zeros);
}

/* The axis that the call is about, or -1 with an error: of x's, without that of pairs if it has one. */
static int axis_of(ct_call *call, bool pairs)
{
    const fft_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int rank = ct_rank(x) - pairs;
    if (a->n < 0 || a->n > INT64_MAX / 64 || a->norm < CT_FFT_BACKWARD || a->norm > CT_FFT_FORWARD) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "n %lld, norm %d", (long long)a->n, (int)a->norm);
        return -1;
    }
    if (rank < 1 || (pairs && ct_size(x, -1) != 2) || rank + !pairs > CT_MAX_RANK) {
        ct_call_error(call, CT_ERROR_SHAPE, pairs ? "takes pairs [..., n, 2]: %s" : "takes real numbers [..., n]: %s",
                      ct_call_shapes(call));
        return -1;
    }
    return ct__call_real_axis(call, a->axis, rank);
}

/* x, pairs, along axis as it is. */
static ct_tensor *along(ct_tensor *x, int axis, bool inverse, int64_t norm)
{
    int64_t n = x ? ct_size(x, axis) : 1;
    int last = x ? ct_rank(x) - 2 : 0;
    bool aside = axis != last;
    ct_tensor *y = dft(aside ? ct_transpose(x, axis, last) : x, inverse, scale_of(norm, n > 0 ? n : 1, inverse));
    return aside ? ct_clone(ct_transpose(y, axis, last)) : y;
}

static ct_tensor *complex_expression(ct_call *call, bool inverse)
{
    const fft_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = axis_of(call, true);
    return axis < 0 ? NULL : along(fit(x, axis, a->n ? a->n : ct_size(x, axis)), axis, inverse, a->norm);
}

static ct_tensor *fft_expression(ct_call *call)
{
    return complex_expression(call, false);
}

static ct_tensor *ifft_expression(ct_call *call)
{
    return complex_expression(call, true);
}

/* Real numbers as pairs, whose spectrum's second half mirrors the first. */
static ct_tensor *rfft_expression(ct_call *call)
{
    const fft_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = axis_of(call, false);
    if (axis < 0)
        return NULL;
    x = fit(x, axis, a->n ? a->n : ct_size(x, axis));
    int64_t n = x ? ct_size(x, axis) : 0;
    ct_tensor *pairs = x ? ct_stack((ct_tensor *[]){x, ct_zeros_like(x)}, 2, -1) : NULL;
    return ct_clone(ct_slice(along(pairs, axis, false, a->norm), axis, 0, n / 2 + 1, 1));
}

/* The whole spectrum from its first half, by x[n - k] = conj(x[k]); the real part of what it comes from. */
static ct_tensor *irfft_expression(ct_call *call)
{
    const fft_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = axis_of(call, true);
    if (axis < 0)
        return NULL;
    int64_t n = a->n ? a->n : 2 * (ct_size(x, axis) - 1);
    if (n < 1) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld real numbers: %s", (long long)n, ct_call_shapes(call));
        return NULL;
    }
    const int64_t along_axis[] = {axis};
    ct_tensor *half = fit(x, axis, n / 2 + 1);
    ct_tensor *conjugate = ct_from_values(ct_dtype_of(x), (const double[]){1, -1}, 2, (const int64_t[]){2}, 1);
    ct_tensor *mirrored = ct_flip(ct_slice(half, axis, 1, (n + 1) / 2, 1), along_axis, 1);
    ct_tensor *whole = ct_concat((ct_tensor *[]){half, ct_mul(mirrored, conjugate)}, 2, axis);
    return ct_clone(ct_select(along(whole, axis, true, a->norm), -1, 0));
}

CT_OPTIONS_INIT(ct_fft_options)

#define TRANSFORM(name)                                                                   \
    ct_tensor *ct_##name(ct_tensor *x, const ct_fft_options *options)                     \
    {                                                                                     \
        CT_READ_OPTIONS(ct_fft_options, o, options, #name);                               \
        if (!o)                                                                           \
            return NULL;                                                                  \
        if (o->n < 1 && o->n != CT_UNSET_INT) {                                           \
            ct__error(CT_ERROR_ARGUMENT, "%s: a length of %lld", #name, (long long)o->n); \
            return NULL;                                                                  \
        }                                                                                 \
        fft_attributes a = {o->n == CT_UNSET_INT ? 0 : o->n, o->axis, o->norm};           \
        return (ct_apply)(&ct_op_##name, &x, 1, &a);                                      \
    }
TRANSFORM(fft)
TRANSFORM(ifft)
TRANSFORM(rfft)
TRANSFORM(irfft)

#define FFT(...)      \
    &(fft_attributes) \
    {                 \
        __VA_ARGS__   \
    }
static const ct_sample fft_samples[] = {
    {"3x6x2", FFT(0, -1, 0)}, {"5x2x2", FFT(7, 0, 1)}, {"4x2", FFT(3, 0, 2)}, {"0x4x2", FFT(0, 1, 0)}, {0}};
static const ct_sample ifft_samples[] = {
    {"3x6x2", FFT(0, -1, 0)}, {"5x2x2", FFT(7, 0, 1)}, {"4x2", FFT(3, 0, 2)}, {"0x4x2", FFT(0, 1, 0)}, {0}};
static const ct_sample rfft_samples[] = {{"3x6", FFT(0, -1, 0)}, {"5x2", FFT(7, 0, 1)}, {"7", FFT(5, 0, 2)},
                                         {"1", FFT(0, 0, 0)},    {"0x4", FFT(0, 1, 0)}, {0}};
static const ct_sample irfft_samples[] = {{"3x4x2", FFT(0, -1, 0)}, {"4x2x2", FFT(7, 0, 1)}, {"3x2", FFT(9, 0, 2)},
                                          {"2x1x2", FFT(1, 1, 0)},  {"0x3x2", FFT(0, 1, 0)}, {0}};
#define TRANSFORM_RECORD(name, formula)                                                                             \
    CT_EXPRESSION(name, formula, 1, 1, .attributes_size = sizeof(fft_attributes), .attribute_names = "n axis norm", \
                  .source = "PyTorch's torch.fft")
TRANSFORM_RECORD(fft, "the transform of g with the other sign, scaled alike");
TRANSFORM_RECORD(ifft, "the transform of g with the other sign, scaled alike");
TRANSFORM_RECORD(rfft, "the real part of the transform of g, filled up with zeros, with the other sign");
TRANSFORM_RECORD(irfft, "the transform of g with the other sign, those twice that stand for two");

/* ---- stft ---- */

typedef struct stft_attributes {
    int64_t n_fft, hop, no_centre, pad_mode, normalized, two_sided;
} stft_attributes;

/* The window, in the middle of n elements. */
static ct_tensor *middle(ct_tensor *window, int64_t n)
{
    int64_t missing = n - ct_numel(window), amounts[] = {missing / 2, missing - missing / 2};
    static const ct_pad_options zeros = {CT_DEFAULTS(ct_pad_options)};
    return missing ? ct_pad(window, amounts, 2, &zeros) : window;
}

/* Where the elements of count frames of n lie, hop apart: one axis. */
static ct_tensor *places_of(int64_t count, int64_t n, int64_t hop)
{
    ct_tensor *start = ct_reshape(ct_arange(CT_INT64, 0, (double)hop, count), (const int64_t[]){count, 1}, 2);
    return ct_reshape(ct_add(start, ct_arange(CT_INT64, 0, 1, n)), (const int64_t[]){-1}, 1);
}

/* [N, frames, n] of a signal [N, time], hop apart. */
static ct_tensor *frames_of(ct_tensor *x, int64_t n, int64_t hop)
{
    int64_t count = (ct_size(x, 1) - n) / hop + 1;
    return ct_reshape(ct_index_select(x, 1, places_of(count, n, hop)), (const int64_t[]){ct_size(x, 0), count, n}, 3);
}

/* The signal [N, time] of frames [N, frames, n], which are added up where they overlap. */
static ct_tensor *overlapped(ct_tensor *frames, int64_t hop)
{
    int64_t count = ct_size(frames, 1), n = ct_size(frames, 2);
    const int64_t flat[] = {ct_size(frames, 0), count * n}, time[] = {ct_size(frames, 0), n + (count - 1) * hop};
    ct_tensor *silence = ct_zeros(ct_dtype_of(frames), time, 2);
    return ct_index_add(silence, 1, places_of(count, n, hop), ct_reshape(frames, flat, 2));
}

/* Whether the attributes and inputs fit; otherwise the error says what does not. */
static bool can_cut(ct_call *call)
{
    const stft_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *window = ct_call_input(call, 1);
    bool fits = a->n_fft >= 1 && a->hop >= 1 && (ct_rank(x) == 1 || ct_rank(x) == 2) &&
                (!window || (ct_rank(window) == 1 && ct_numel(window) <= a->n_fft));
    int64_t more = a->no_centre ? 0 : 2 * (a->n_fft / 2);
    fits = fits && a->n_fft < INT64_MAX / 64 && ct_size(x, -1) + more >= a->n_fft;
    if (!fits)
        ct_call_error(
            call, CT_ERROR_SHAPE,
            "takes x [time] or [N, time], with a frame of %lld or more, a hop from 1 on, and a window no longer: %s",
            (long long)a->n_fft, ct_call_shapes(call));
    return fits;
}

static ct_tensor *stft_expression(ct_call *call)
{
    const stft_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *window = ct_call_input(call, 1);
    if (!can_cut(call))
        return NULL;
    bool single = ct_rank(x) == 1;
    const int64_t around[] = {a->n_fft / 2, a->n_fft / 2};
    ct_pad_options how = {CT_DEFAULTS(ct_pad_options), .mode = (ct_pad_mode)a->pad_mode};
    x = single ? ct_unsqueeze(x, 0) : x;
    x = a->no_centre ? x : ct_pad(x, around, 2, &how);
    ct_tensor *frames = x ? frames_of(x, a->n_fft, a->hop) : NULL;
    if (window)
        frames = ct_mul(frames, middle(window, a->n_fft));
    ct_tensor *pairs = frames ? ct_stack((ct_tensor *[]){frames, ct_zeros_like(frames)}, 2, -1) : NULL;
    ct_tensor *y = dft(pairs, false, a->normalized ? 1 / sqrt((double)a->n_fft) : 1);
    y = ct_transpose(ct_slice(y, 2, 0, a->two_sided ? a->n_fft : a->n_fft / 2 + 1, 1), 1, 2);
    return ct_clone(single ? ct_squeeze(y, 0) : y);
}

CT_OPTIONS_INIT(ct_stft_options)

ct_tensor *ct_stft(ct_tensor *x, int64_t n_fft, const ct_stft_options *options)
{
    CT_READ_OPTIONS(ct_stft_options, o, options, "stft");
    if (!o)
        return NULL;
    int64_t hop = o->hop == CT_UNSET_INT ? n_fft / 4 : o->hop;
    stft_attributes a = {n_fft, hop, o->no_centre, o->pad_mode, o->normalized, o->two_sided};
    return (ct_apply)(&ct_op_stft, (ct_tensor *[]){x, o->window}, 2, &a);
}

static const ct_sample stft_samples[] = {{"2x11 4", &(stft_attributes){5, 2, 0, CT_PAD_REFLECT, 0, 0}},
                                         {"9 6!", &(stft_attributes){6, 3, 1, 0, 1, 1}},
                                         {"8 null", &(stft_attributes){4, 2, 0, CT_PAD_CONSTANT, 0, 0}},
                                         {0}};
CT_EXPRESSION(stft, "x: each frame's g, back and times the window, added up where the frames lie", 1, 2,
              .attributes_size = sizeof(stft_attributes), .roles = "x window",
              .attribute_names = "n_fft hop no_centre pad_mode normalized two_sided", .source = "PyTorch's stft");

/* ---- istft ---- */

typedef struct istft_attributes {
    int64_t n_fft, hop, no_centre, normalized, two_sided, length; /* length -1: all that there is */
} istft_attributes;

/* Whether the attributes and inputs fit; otherwise the error says what does not. */
static bool can_join(ct_call *call)
{
    const istft_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *window = ct_call_input(call, 1);
    bool fits = a->n_fft >= 1 && a->hop >= 1 && a->hop <= a->n_fft && (ct_rank(x) == 3 || ct_rank(x) == 4) &&
                (!window || (ct_rank(window) == 1 && ct_numel(window) <= a->n_fft));
    fits = fits && a->n_fft < INT64_MAX / 64 && ct_size(x, -1) == 2 && ct_size(x, -2) >= 1 &&
           ct_size(x, -3) == (a->two_sided ? a->n_fft : a->n_fft / 2 + 1);
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [frequencies, frames, 2] or that with N, of frames of %lld, a hop of 1 to that, and a "
                      "window no longer: %s",
                      (long long)a->n_fft, ct_call_shapes(call));
    return fits;
}

/* t [N, time] from first on, length elements, or, for -1, all but the last first; what it has not is 0. */
static ct_tensor *part_of(ct_tensor *t, int64_t first, int64_t length)
{
    int64_t size = ct_size(t, 1) - first;
    ct_tensor *rest = ct_slice(t, 1, first, CT_END, 1);
    return fit(rest, 1, length >= 0 ? length : size > first ? size - first : 0);
}

/* 1 over the sum of the squared windows on each element, where the signal is; NULL with an error where no window reaches. */
static ct_tensor *correction(ct_call *call, ct_tensor *window, int64_t count, int64_t first, int64_t length)
{
    const istft_attributes *a = ct_call_attributes(call);
    const int64_t shape[] = {1, count, a->n_fft};
    ct_tensor *sums = part_of(overlapped(ct_expand(ct_square(window), shape, 3), a->hop), first, length);
    int64_t reached = a->n_fft + (count - 1) * a->hop - first;
    ct_tensor *inside = ct_slice(sums, 1, 0, reached, 1);
    if (inside && ct_numel(inside) > 0 && ct_item(ct_amin(ct_abs(ct_detach(inside)), NULL)) < 1e-11) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "no window reaches some of the elements: %s", ct_call_shapes(call));
        return NULL;
    }
    return sums ? ct_where(ct_eq(sums, ct_scalar(ct_dtype_of(sums), 0)), ct_ones_like(sums), sums) : NULL;
}

static ct_tensor *istft_expression(ct_call *call)
{
    const istft_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *window = ct_call_input(call, 1);
    if (!can_join(call))
        return NULL;
    bool single = ct_rank(x) == 3;
    x = single ? ct_unsqueeze(x, 0) : x;
    window = window ? middle(window, a->n_fft) : ct_ones(ct_dtype_of(x), &a->n_fft, 1);
    ct_tensor *half = ct_transpose(ct_slice(x, 1, 0, a->n_fft / 2 + 1, 1), 1, 2);
    ct_fft_options back = {CT_DEFAULTS(ct_fft_options)};
    back.n = a->n_fft;
    back.norm = a->normalized ? CT_FFT_ORTHO : CT_FFT_BACKWARD;
    int64_t first = a->no_centre ? 0 : a->n_fft / 2;
    ct_tensor *y = part_of(overlapped(ct_mul(ct_irfft(half, &back), window), a->hop), first, a->length);
    y = ct_div(y, correction(call, window, ct_size(x, 2), first, a->length));
    return single ? ct_clone(ct_squeeze(y, 0)) : y;
}

CT_OPTIONS_INIT(ct_istft_options)

ct_tensor *ct_istft(ct_tensor *x, int64_t n_fft, const ct_istft_options *options)
{
    CT_READ_OPTIONS(ct_istft_options, o, options, "istft");
    if (!o)
        return NULL;
    if (o->length < 0 && o->length != CT_UNSET_INT) {
        ct__error(CT_ERROR_ARGUMENT, "istft: a length of %lld", (long long)o->length);
        return NULL;
    }
    int64_t hop = o->hop == CT_UNSET_INT ? n_fft / 4 : o->hop, length = o->length == CT_UNSET_INT ? -1 : o->length;
    istft_attributes a = {n_fft, hop, o->no_centre, o->normalized, o->two_sided, length};
    return (ct_apply)(&ct_op_istft, (ct_tensor *[]){x, o->window}, 2, &a);
}

static const ct_sample istft_samples[] = {{"2x3x4x2 4@0.5..1.5", &(istft_attributes){5, 2, 0, 0, 0, -1}},
                                          {"6x3x2 5@0.5..1.5!", &(istft_attributes){6, 2, 0, 1, 1, 6}},
                                          {"3x4x2 null", &(istft_attributes){4, 2, 1, 0, 0, -1}},
                                          {"3x2x2 null", &(istft_attributes){4, 2, 0, 0, 0, 7}},
                                          {0}};
CT_EXPRESSION(istft, "x: the spectra of g's frames, times the window, over the windows' sum", 1, 2,
              .attributes_size = sizeof(istft_attributes), .roles = "x window",
              .attribute_names = "n_fft hop no_centre normalized two_sided length", .source = "PyTorch's istft");
