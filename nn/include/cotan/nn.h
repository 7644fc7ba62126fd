/* Models, optimisers, data and the training loop, with modules (module.h), layers (layers.h), whole models (models.h) and initialisers (init.h), written on
 * the public interface alone. */
#ifndef COTAN_NN_H
#define COTAN_NN_H

#include <cotan/autograd.h>
#include <cotan/data.h>
#include <cotan/file.h>
#include <cotan/gradcheck.h>
#include <cotan/init.h>
#include <cotan/layers.h>
#include <cotan/models.h>
#include <cotan/module.h>
#include <cotan/object.h>
#include <cotan/ops.h>
#include <cotan/random.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- plots ---- */

/* A line of a plot. */
typedef struct ct_series {
    const char *label; /* in the legend */
    const double *x, *y;
    int64_t n;
    bool faint; /* thin and pale: the raw values behind a smoothed curve */
} ct_series;

typedef struct CT_BY_NAME ct_plot_options {
    CT_OPTIONS_HEAD;
    const char *title, *x_label, *y_label; /* may be NULL */
} ct_plot_options;
#define CT_DEFAULTS_ct_plot_options
CT_API void ct_plot_options_init(ct_plot_options *options, size_t size);

/* Writes the series as lines into an SVG file. Points that are not finite leave a gap. Errors: NULL, argument (nothing finite to
 * plot), io. options may be NULL. */
CT_API ct_status ct_plot_svg(const char *path, const ct_series *series, int64_t n, const ct_plot_options *options);

/* Writes a picture of a gradient check that found something wrong, or open, as an SVG file: at the worst element of the first such input
 * how far central differences are from the computed and from the measured derivative, over steps of every size, and a map of which of
 * its elements are wrong. Where the computed one is right both curves fall alike; where it is wrong, its own ends in a plateau as high as
 * the mistake. Errors: NULL; state (nothing is wrong, or no single element was looked at); io. */
CT_API ct_status ct_gradcheck_plot(const ct_gradcheck_report *report, const char *path);

/* Writes an image as a PNG file, which replaces path as ct_file_write() does. image: [height, width] or [channels, height, width] with 1
 * (grey), 3 or 4 channels (the last: opaqueness), uint8, or float from 0 to 1, beyond which black and white go on. Errors: NULL, dtype,
 * shape, io, memory. */
CT_API ct_status ct_png_write(const char *path, const ct_tensor *image);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_png_write(path, image) ct_at_status(CT_HERE, ct_png_write(path, image))
#define ct_gradcheck_plot(report, path) ct_at_status(CT_HERE, ct_gradcheck_plot(report, path))
#define ct_plot_svg(...) ct_at_status(CT_HERE, CT_WITH3(ct_plot_svg, ct_plot_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
