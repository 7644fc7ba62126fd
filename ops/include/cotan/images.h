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
/* The same with depth: theta [N, 3, 4], result [N, depth, height, width, 3], as x, y, z. */
CT_API ct_tensor *ct_affine_grid3d(ct_tensor *theta, int64_t depth, int64_t height, int64_t width, bool align_corners);

typedef struct CT_BY_NAME ct_grid_options {
    CT_OPTIONS_HEAD;
    bool align_corners; /* as in ct_affine_grid */
    bool nearest;       /* the nearest pixel in place of a mean of those around; the grid gets no gradient */
    bool border;        /* outside the image its nearest pixel counts, otherwise 0 */
    bool bicubic;    /* 4 x 4 pixels around a place count, by cubics of slope -0.75; not with depth, not with nearest */
    bool reflection; /* outside the image counts its mirror image, again and again; not with border */
} ct_grid_options;
#define CT_DEFAULTS_ct_grid_options
CT_API void ct_grid_options_init(ct_grid_options *options, size_t size);
/* x [N, C, H, W] at the places grid [N, h, w, 2], each an x and a y: [N, C, h, w]; or x [N, C, D, H, W] and a grid [N, d, h, w, 3], where z is
 * the third: [N, C, d, h, w]. PyTorch's grid_sample. Errors: shape, dtype, argument (options that exclude each other). */
CT_API ct_tensor *ct_grid_sample(ct_tensor *x, ct_tensor *grid, const ct_grid_options *options);

/* Boxes [n, 4], as x1, y1, x2, y2, with scores [n]: the numbers (int64, by falling score) of those to keep, when each box goes that a kept
 * one with a higher score overlaps by more than threshold, common area over joint area. torchvision's nms. */
CT_API ct_tensor *ct_nms(ct_tensor *boxes, ct_tensor *scores, double threshold);

typedef struct CT_BY_NAME ct_roi_options {
    CT_OPTIONS_HEAD;
    double spatial_scale;   /* pixels of x for one of the boxes' units; default 1 */
    int64_t sampling_ratio; /* points along each side of a part; default 0: as many as it has pixels, rounded up */
    bool aligned;           /* pixel i lies from i to i + 1, not around i, and boxes may be smaller than a pixel */
} ct_roi_options;
#define CT_DEFAULTS_ct_roi_options .spatial_scale = 1,
CT_API void ct_roi_options_init(ct_roi_options *options, size_t size);
/* What x [N, C, H, W] shows in boxes [K, 5], each the number of an image and x1, y1, x2, y2: cut into height x width parts, each the mean
 * of points between pixels: [K, C, height, width]. torchvision's roi_align, but that the boxes get gradients too. Errors: shape, argument
 * (no such image). */
CT_API ct_tensor *ct_roi_align(ct_tensor *x, ct_tensor *boxes, int64_t height, int64_t width,
                               const ct_roi_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_pixel_shuffle(x, factor) ct_at(CT_HERE, ct_pixel_shuffle(x, factor))
#define ct_pixel_unshuffle(x, factor) ct_at(CT_HERE, ct_pixel_unshuffle(x, factor))
#define ct_affine_grid(theta, height, width, align_corners) \
    ct_at(CT_HERE, ct_affine_grid(theta, height, width, align_corners))
#define ct_affine_grid3d(theta, depth, height, width, align_corners) \
    ct_at(CT_HERE, ct_affine_grid3d(theta, depth, height, width, align_corners))
#define ct_nms(boxes, scores, threshold) ct_at(CT_HERE, ct_nms(boxes, scores, threshold))
#define ct_roi_align(...) ct_at(CT_HERE, CT_WITH4(ct_roi_align, ct_roi_options, __VA_ARGS__, ))
#define ct_grid_sample(...) ct_at(CT_HERE, CT_WITH2(ct_grid_sample, ct_grid_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
