/* Images as PNG, in files and in event files. */
#ifndef CT_NN_PNG_H
#define CT_NN_PNG_H

#include "bytes.h"
#include "nn_internal.h"

typedef struct ct__picture {
    int64_t channels, height, width;
    bool bytes;         /* or float64 */
    const void *pixels; /* [channels, height, width] */
} ct__picture;

/* What image is as a picture, while the scope lasts that the caller has opened. Errors: dtype, shape, memory; what: who says so. */
ct_status ct__picture_of(ct__picture *p, const char *what, const ct_tensor *image);
/* The whole file. */
void ct__put_png(ct__bytes *b, const ct__picture *p);

#endif
