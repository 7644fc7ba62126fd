/* Records for planted mistakes whose kernels see plain arrays of doubles, of any shape: each kernel is a forward and a backward, and
 * the latter has the mistake if wrong is set. */
#ifndef COTAN_TESTS_PLANTED_ARRAYS_H
#define COTAN_TESTS_PLANTED_ARRAYS_H

#include <cotan/cotan.h>

#include "planted_ops.h"

/* A call as the kernels see it: inputs, the result and its cotangent, gradients (zero at first). */
typedef struct args {
    int64_t n, rows, columns, m; /* elements of input 0, its last axis and what is before it; elements of the result */
    int64_t second_axis;         /* size of axis 1, or 1 */
    int rank;                    /* of input 0 */
    const int64_t *shape;
    int64_t z_n, z_columns; /* elements of input 1, and its last axis */
    const double *x, *z;    /* inputs; z is NULL where there is none */
    const double *g;
    double *y, *gx, *gz;
    bool wrong, float32;
    bool recorded;                 /* forward: a gradient will be asked for */
    bool needs_x, needs_z;         /* backward: which gradients are asked for */
    const ct_tensor *tx, *tz, *tg; /* the inputs and the cotangent themselves */
} args;

typedef struct kernels {
    /* The result: of input 0's shape, without its last axis, or a scalar, and input 1 like input 0; or like input 0, and input 1 a row or a
     * column of it; or the product with a matrix. */
    enum { LIKE, ROWS, ONE, WITH_ROW, WITH_COLUMN, PRODUCT } shapes;
    void (*forward)(args *a);
    void (*backward)(args *a);
} kernels;

typedef struct attributes {
    const kernels *kernels;
    int64_t wrong;
} attributes;

ct_status planted_infer(ct_call *call);
ct_status planted_forward(ct_call *call);
ct_status planted_backward(ct_call *call);

/* VALUE and SLOPE of x; WRONG in their place: the whole gradient, of x, g, k, and slope = g SLOPE. */
#define ELEMENTWISE(NAME, VALUE, SLOPE, WRONG)                    \
    static void NAME##_forward(args *a)                           \
    {                                                             \
        for (int64_t k = 0; k < a->n; k++) {                      \
            double x = a->x[k];                                   \
            a->y[k] = VALUE;                                      \
        }                                                         \
    }                                                             \
    static void NAME##_backward(args *a)                          \
    {                                                             \
        for (int64_t k = 0; k < a->n; k++) {                      \
            double x = a->x[k], g = a->g[k], slope = g * (SLOPE); \
            (void)x;                                              \
            a->gx[k] = a->wrong ? (WRONG) : slope;                \
        }                                                         \
    }                                                             \
    static const kernels NAME = {LIKE, NAME##_forward, NAME##_backward};

#define PLANTED_OP(NAME, LEAST, MOST, WRONG, SAMPLE)                                                           \
    {                                                                                                          \
        .name = NAME, .gradient = "see docs/gradcheck.md", .min_inputs = LEAST, .max_inputs = MOST,            \
        .saves = CT_SAVE_INPUTS, .attributes_size = sizeof(attributes), .infer = planted_infer,                \
        .forward = planted_forward, .backward = planted_backward, .samples = (const ct_sample[]){SAMPLE, {0}}, \
    }
#define PLANTED_SAMPLE(SAMPLE, KERNELS, WRONG) \
    {                                          \
        SAMPLE, &(const attributes)            \
        {                                      \
            &KERNELS, WRONG                    \
        }                                      \
    }
#define PLANT_AS(NUMBER, NAME, MISTAKE, LEAST, MOST, SAMPLE, KERNELS)                                \
    {                                                                                                \
        .number = NUMBER, .mistake = MISTAKE,                                                        \
        .right = &(const ct_op)PLANTED_OP(NAME, LEAST, MOST, 0, PLANTED_SAMPLE(SAMPLE, KERNELS, 0)), \
        .wrong = &(const ct_op)PLANTED_OP(NAME, LEAST, MOST, 1, PLANTED_SAMPLE(SAMPLE, KERNELS, 1)), \
    }
#define PLANT(NUMBER, NAME, MISTAKE, SAMPLE, KERNELS) PLANT_AS(NUMBER, NAME, MISTAKE, 1, 1, SAMPLE, KERNELS)
#define PLANT_2(NUMBER, NAME, MISTAKE, SAMPLE, KERNELS) PLANT_AS(NUMBER, NAME, MISTAKE, 2, 2, SAMPLE, KERNELS)
#define PLANT_OPTIONAL(NUMBER, NAME, MISTAKE, SAMPLE, KERNELS) PLANT_AS(NUMBER, NAME, MISTAKE, 1, 2, SAMPLE, KERNELS)

#endif
