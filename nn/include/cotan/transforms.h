/* Transforms: what is done to the samples of a batch at random, so that a network sees them a little different in every epoch.
 *
 *     ct_fit(forward, net, adam, train, .transforms = {CT_RANDOM_CROP(32, 32, 4), CT_RANDOM_HORIZONTAL_FLIP(0.5)});
 *
 * A transform is a record: one of your own goes where the library's go. Named as torchvision's. It changes the first tensor of a sample, or
 * the one that it names; images and the masks that are their targets are turned over together by
 *
 *     .transforms = {CT_RANDOM_HORIZONTAL_FLIP(0.5), CT_RANDOM_HORIZONTAL_FLIP(0.5, .tensor = 1, .as_before = true)} */
#ifndef COTAN_TRANSFORMS_H
#define COTAN_TRANSFORMS_H

#include <cotan/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_TRANSFORMS 8           /* of a batch, at most */
#define CT_TRANSFORM_PARAMETERS 5 /* numbers that a transform may have */

/* Name, function, and what it needs to know. */
typedef struct ct_transform {
    const char *name;
    /* What becomes of samples x [n, ...], not to be changed in place: [n, ...], owned by the innermost scope; NULL with an error. What it
     * draws comes from the thread's generator, which stands where seed, epoch and number of the batch say. Nothing is recorded. */
    ct_tensor *(*apply)(ct_tensor *x, const struct ct_transform *self);
    double p[CT_TRANSFORM_PARAMETERS];
    double fill;    /* of pixels that come from outside the image or are erased */
    bool bilinear;  /* of what is turned, moved and scaled: the mean of the four pixels around, otherwise the nearest */
    void *user;     /* for a function of one's own */
    int tensor;     /* of a sample's, the one that is changed: 0, the first, to its last, the target */
    bool as_before; /* draws the numbers of the transform before it: so a mask is turned as its image was */
} ct_transform;

/* The library's, with the parameters p of the macros below at the values that the comments there give. Each sample has its own draw.
 * Images are float [n, c, h, w] (errors: shape, dtype); parameters outside their range, and .fill or .bilinear where a transform has
 * no use for it, are errors (argument). */
CT_API extern const ct_transform ct_transform_random_horizontal_flip, ct_transform_random_vertical_flip;
CT_API extern const ct_transform ct_transform_random_crop, ct_transform_random_rotation, ct_transform_random_affine;
CT_API extern const ct_transform ct_transform_gaussian_noise, ct_transform_random_erasing, ct_transform_cutout;

/* The same with parameters of one's own, as addresses that live as long as the block around. Other members follow by name:
 * CT_RANDOM_CROP(28, 28, 2, .fill = -1). */
#ifndef __cplusplus
#define CT_TRANSFORM_(row, ...) (&(const ct_transform){.name = row.name, .apply = row.apply, __VA_ARGS__})
#define CT_TRANSFORM1_(row, a, ...) CT_TRANSFORM_(row, .p = {(a)}, __VA_ARGS__)
#define CT_TRANSFORM2_(row, a, b, ...) CT_TRANSFORM_(row, .p = {(a), (b)}, __VA_ARGS__)
#define CT_TRANSFORM3_(row, a, b, c, ...) CT_TRANSFORM_(row, .p = {(a), (b), (c)}, __VA_ARGS__)
#define CT_TRANSFORM5_(row, a, b, c, d, e, ...) CT_TRANSFORM_(row, .p = {(a), (b), (c), (d), (e)}, __VA_ARGS__)
/* (p; 0.5): left for right with probability p */
#define CT_RANDOM_HORIZONTAL_FLIP(...) CT_TRANSFORM1_(ct_transform_random_horizontal_flip, __VA_ARGS__, )
/* (p; 0.5): top for bottom */
#define CT_RANDOM_VERTICAL_FLIP(...) CT_TRANSFORM1_(ct_transform_random_vertical_flip, __VA_ARGS__, )
/* (height, width, padding; 32, 32, 4): a part of that size of the image with so many pixels of .fill on each side, [n, c, height,
 * width]; any part as likely. With the image's own size it is moved by up to padding pixels */
#define CT_RANDOM_CROP(...) CT_TRANSFORM3_(ct_transform_random_crop, __VA_ARGS__, )
/* (low, high; -15, 15): turned about its middle by an angle between, in degrees, against the clock where positive */
#define CT_RANDOM_ROTATION(...) CT_TRANSFORM2_(ct_transform_random_rotation, __VA_ARGS__, )
/* (degrees, dx, dy, scale_low, scale_high; 0, 0.1, 0.1, 1, 1): turned by up to so many degrees either way, scaled, and moved by whole
 * pixels, up to dx of the width and dy of the height either way */
#define CT_RANDOM_AFFINE(...) CT_TRANSFORM5_(ct_transform_random_affine, __VA_ARGS__, )
/* (mean, sigma; 0, 0.1): normal numbers are added to samples of any shape; nothing is cut off, as by clip=False */
#define CT_GAUSSIAN_NOISE(...) CT_TRANSFORM2_(ct_transform_gaussian_noise, __VA_ARGS__, )
/* (p, scale_low, scale_high, ratio_low, ratio_high; 0.5, 0.02, 0.33, 0.3, 3.3): with probability p a rectangle is erased, of that share of
 * the image and that height over width; Zhong, Zheng, Kang, Li, Yang, "Random erasing data augmentation", 2017, algorithm 1 */
#define CT_RANDOM_ERASING(...) CT_TRANSFORM5_(ct_transform_random_erasing, __VA_ARGS__, )
/* (size; 16): a square of so many pixels about any pixel of the image is erased, of which what lies outside is lost; DeVries & Taylor,
 * "Improved regularization of convolutional neural networks with cutout", 2017 */
#define CT_CUTOUT(...) CT_TRANSFORM1_(ct_transform_cutout, __VA_ARGS__, )
#endif

#ifdef __cplusplus
}
#endif
#endif
