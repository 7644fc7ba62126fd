/* Fourier transforms. A complex number is a pair, real and imaginary part: a tensor of n of them is [..., n, 2], which is how PyTorch's
 * view_as_real shows its own. Float32 or float64, worked out in double; any length, in time n log n; differentiable to any order.
 * Errors: dtype, shape (no pairs, an axis that is not there), argument (a length below 1). */
#ifndef COTAN_SPECTRA_H
#define COTAN_SPECTRA_H

#include <cotan/arrange.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which way is divided by n: back, both by sqrt(n), forth. PyTorch's "backward", "ortho", "forward". */
typedef enum ct_fft_norm { CT_FFT_BACKWARD, CT_FFT_ORTHO, CT_FFT_FORWARD } ct_fft_norm;

typedef struct CT_BY_NAME ct_fft_options {
    CT_OPTIONS_HEAD;
    int64_t n; /* length: x is cut, or filled up with zeros; default CT_UNSET_INT: x's, and of irfft 2 (x's - 1) */
    int axis;  /* counted without that of the pairs; default -1 */
    ct_fft_norm norm;
} ct_fft_options;
#define CT_DEFAULTS_ct_fft_options .n = CT_UNSET_INT, .axis = -1,
CT_API void ct_fft_options_init(ct_fft_options *options, size_t size);

/* y[k] = sum over j of x[j] exp(-2 pi i j k / n): x [..., 2], the same shape but for n. */
CT_API ct_tensor *ct_fft(ct_tensor *x, const ct_fft_options *options);
/* y[j] = sum over k of x[k] exp(2 pi i j k / n) / n. */
CT_API ct_tensor *ct_ifft(ct_tensor *x, const ct_fft_options *options);
/* ct_fft() of real numbers, x [...], of which the first n / 2 + 1 say all: [..., n / 2 + 1, 2]. */
CT_API ct_tensor *ct_rfft(ct_tensor *x, const ct_fft_options *options);
/* Back: x [..., n / 2 + 1, 2] gives real numbers [..., n]. The imaginary parts that must be 0 do not count. */
CT_API ct_tensor *ct_irfft(ct_tensor *x, const ct_fft_options *options);

typedef struct CT_BY_NAME ct_stft_options {
    CT_OPTIONS_HEAD;
    int64_t hop;       /* from frame to frame; default CT_UNSET_INT: n_fft / 4 */
    ct_tensor *window; /* [at most n_fft], in the middle of the frame; default NULL: ones */
    bool
        no_centre; /* frame t begins at t hop; otherwise that is its middle, and x goes on at its ends as pad_mode says */
    ct_pad_mode pad_mode; /* PyTorch's default is CT_PAD_REFLECT, and so is ours */
    bool normalized;      /* divided by sqrt(n_fft) */
    bool two_sided;       /* all n_fft frequencies; otherwise the first n_fft / 2 + 1 */
} ct_stft_options;
#define CT_DEFAULTS_ct_stft_options .hop = CT_UNSET_INT, .pad_mode = CT_PAD_REFLECT,
CT_API void ct_stft_options_init(ct_stft_options *options, size_t size);
/* The spectra of frames of n_fft elements of a signal x [time] or [N, time]: [frequencies, frames, 2] or that with N. */
CT_API ct_tensor *ct_stft(ct_tensor *x, int64_t n_fft, const ct_stft_options *options);

typedef struct CT_BY_NAME ct_istft_options {
    CT_OPTIONS_HEAD;
    int64_t hop;                           /* from frame to frame; default CT_UNSET_INT: n_fft / 4 */
    ct_tensor *window;                     /* as in ct_stft() */
    bool no_centre, normalized, two_sided; /* as in ct_stft() */
    int64_t
        length; /* of the signal, which is cut, or goes on with zeros; default CT_UNSET_INT: what the frames' middles span, or all */
} ct_istft_options;
#define CT_DEFAULTS_ct_istft_options .hop = CT_UNSET_INT, .length = CT_UNSET_INT,
CT_API void ct_istft_options_init(ct_istft_options *options, size_t size);
/* The signal [time], or [N, time], whose spectra x [frequencies, frames, 2], or that with N, are: frames that come back are added up, over
 * the sum of the squared windows. Spectra that no signal has give the one that is nearest to them (Griffin and Lim 1984). Of two-sided
 * ones the first half counts. Errors: shape, argument (no window reaches some element). */
CT_API ct_tensor *ct_istft(ct_tensor *x, int64_t n_fft, const ct_istft_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_fft(...) ct_at(CT_HERE, CT_WITH1(ct_fft, ct_fft_options, __VA_ARGS__, ))
#define ct_ifft(...) ct_at(CT_HERE, CT_WITH1(ct_ifft, ct_fft_options, __VA_ARGS__, ))
#define ct_rfft(...) ct_at(CT_HERE, CT_WITH1(ct_rfft, ct_fft_options, __VA_ARGS__, ))
#define ct_irfft(...) ct_at(CT_HERE, CT_WITH1(ct_irfft, ct_fft_options, __VA_ARGS__, ))
#define ct_stft(...) ct_at(CT_HERE, CT_WITH2(ct_stft, ct_stft_options, __VA_ARGS__, ))
#define ct_istft(...) ct_at(CT_HERE, CT_WITH2(ct_istft, ct_istft_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
