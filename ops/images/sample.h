/* Images read between pixels. */
#ifndef CT_SAMPLE_H
#define CT_SAMPLE_H

#include <cotan/autograd.h>

enum { CT_SAMPLED_AXES = 3 }; /* at most */

/* x [N, C, the product of the axes' sizes] at places [N, P] along each axis, each pixel's middle a whole number: the mean of those around by
 * how near they are, 0 outside the image: [N, C, P]. */
ct_tensor *ct__sample_between(ct_tensor *x, ct_tensor *const *at, const int64_t *size, int axes);

#endif
