/* Images [..., C, H, W] read between their pixels, and pixels traded for channels. */
#ifndef COTAN_IMAGES_H
#define COTAN_IMAGES_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* [..., C f f, H, W] as [..., C, H f, W f], and back; any dtype. Error (shape): sizes that do not divide by the factor f. */
CT_API ct_tensor *ct_pixel_shuffle(ct_tensor *x, int64_t factor);
CT_API ct_tensor *ct_pixel_unshuffle(ct_tensor *x, int64_t factor);

/* For each pixel of a height x width image where theta [N, 2, 3] takes it, as x, y in -1..1: [N, height, width, 2]. align_corners: -1 and
 * 1 are the middles of the outermost pixels, otherwise the image's edges. */
CT_API ct_tensor *ct_affine_grid(ct_tensor *theta, int64_t height, int64_t width, bool align_corners);

typedef struct CT_BY_NAME ct_grid_options {
    CT_OPTIONS_HEAD;
    bool align_corners; /* as in ct_affine_grid */
    bool nearest;       /* the nearest pixel in place of a mean of the four around; the grid gets no gradient */
    bool border;        /* outside the image its nearest pixel counts, otherwise 0 */
} ct_grid_options;
#define CT_DEFAULTS_ct_grid_options
CT_API void ct_grid_options_init(ct_grid_options *options, size_t size);
/* x [N, C, H, W] at the places grid [N, h, w, 2]: [N, C, h, w]. */
CT_API ct_tensor *ct_grid_sample(ct_tensor *x, ct_tensor *grid, const ct_grid_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_pixel_shuffle(x, factor) ct_at(CT_HERE, ct_pixel_shuffle(x, factor))
#define ct_pixel_unshuffle(x, factor) ct_at(CT_HERE, ct_pixel_unshuffle(x, factor))
#define ct_affine_grid(theta, height, width, align_corners) \
    ct_at(CT_HERE, ct_affine_grid(theta, height, width, align_corners))
#define ct_grid_sample(...) ct_at(CT_HERE, CT_WITH2(ct_grid_sample, ct_grid_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
