/* What the files of the convolutions share: the geometry of one call, and the functions behind the records. */
#ifndef CT_CONV_INTERNAL_H
#define CT_CONV_INTERNAL_H

#include "autograd_internal.h"
#include "kernels_conv.h"
#include <cotan/ops.h>

typedef struct ct_conv_geometry {
    ct_windows windows;
    int spatial;
    ct_dtype dtype;
    int64_t size; /* of an element */
    int64_t images, groups;
    int64_t channels, features; /* of the side of x and of the side of y, in one group */
    int64_t taps;               /* elements of the kernel */
    int64_t in, out;            /* positions of one image */
    bool pointwise;             /* the kernel is one element, and x and y have the same positions */
} ct_conv_geometry;

/* The names of ct_conv_options, behind its size. */
#define CT_CONV_NAMES "- stride:3 padding:3 dilation:3 output_padding:3 groups -"

/* conv_backward_weight */
typedef struct ct_conv_weight_attributes {
    ct_conv_options options;
    int64_t kernel[3];
    int64_t spatial;
} ct_conv_weight_attributes;

static inline int64_t ct__or_one(int64_t value)
{
    return value == 0 ? 1 : value;
}

/* ---- conv_shape.c ---- */

/* The options given, completed and spread to the axes: what the records take as attributes, where 0 counts as 1. Error:
 * argument. */
ct_status ct__conv_attributes(const char *op, int spatial, const ct_conv_options *given, ct_conv_options *attributes);

/* Starts g from the options, with all sizes still 1; copy_axes puts a tensor's spatial sizes where g has them; set_out finds
 * the output's sizes from those of the input and the kernel. Errors: argument, shape. */
ct_status ct__conv_read_options(ct_call *call, int spatial, const ct_conv_options *o, ct_conv_geometry *g);
void ct__conv_copy_axes(int64_t *to, const int64_t *from, int spatial);
ct_status ct__conv_set_out(ct_call *call, ct_conv_geometry *g);
/* The geometry of a call of each operation, checked, and then completed for the work. */
ct_status ct__conv_geometry(ct_call *call, int spatial, ct_conv_geometry *g);
ct_status ct__conv_transpose_geometry(ct_call *call, int spatial, ct_conv_geometry *g);
ct_status ct__conv_weight_geometry(ct_call *call, ct_conv_geometry *g);
void ct__conv_complete(ct_conv_geometry *g);
/* The shape rules. */
ct_status ct__conv_infer(ct_call *call, int spatial);
ct_status ct__conv_transpose_infer(ct_call *call, int spatial);
ct_status ct__conv_weight_infer(ct_call *call);

/* ---- conv_work.c ---- */

/* The kernels of this CPU. */
const ct_conv_kernels *ct__conv_kernels(ct_dtype dtype);
ct_status ct__conv_forward(ct_call *call, int spatial);
ct_status ct__conv_transpose_forward(ct_call *call, int spatial);
ct_status ct__conv_weight_forward(ct_call *call);

/* ---- winograd.c ---- */

/* Whether the convolution of this geometry, completed, and its adjoints go through Winograd's transforms. Shapes and the element
 * type decide, but not the number of images: so an image's result does not depend on those beside it. */
bool ct__winograd_pays(const ct_conv_geometry *g);
/* y, x and w from the others, all row-major; bias may be NULL. Errors: memory, in name's name. */
ct_status ct__winograd_forward(const ct_conv_geometry *g, const float *x, const float *w, const float *bias, float *y,
                               const char *name);
ct_status ct__winograd_transpose(const ct_conv_geometry *g, const float *y, const float *w, const float *bias, float *x,
                                 const char *name);
ct_status ct__winograd_weight(const ct_conv_geometry *g, const float *y, const float *x, float *w, const char *name);

#endif
