/* Images read between pixels. */
#ifndef CT_SAMPLE_H
#define CT_SAMPLE_H

#include <cotan/autograd.h>

/* x [N, C, h w] at columns at_x and rows at_y [N, P], each pixel's middle a whole number: the mean of the four around by how near they are,
 * 0 outside the image: [N, C, P]. */
ct_tensor *ct__sample_between(ct_tensor *x, ct_tensor *at_x, ct_tensor *at_y, int64_t h, int64_t w);

#endif
