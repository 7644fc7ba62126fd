/* What the operations on indices share: the attributes, and the walk over an index with what goes along. */
#ifndef CT_INDEX_INTERNAL_H
#define CT_INDEX_INTERNAL_H

#include "shape/shape_internal.h"
#include <string.h>

typedef struct ct_index_attributes {
    int64_t axis;
} ct_index_attributes;

/* One row of the walk: dense[i] goes with indexed[i, but index[i] along the axis]. Steps are in elements; indexed_step is 0
 * if the row runs along the axis. */
typedef struct ct__row {
    int64_t n;
    char *dense, *indexed;
    const int64_t *index;
    int64_t dense_step, indexed_step, index_step, axis_step;
} ct__row;

/* statement for each element of a row r, with pointers dense and indexed to it. */
#define CT_EACH_INDEXED(D, T, statement)                                                                 \
    for (int64_t i = 0; i < r->n; i++) {                                                                 \
        D *dense = (D *)r->dense + i * r->dense_step;                                                    \
        T *indexed = (T *)r->indexed + i * r->indexed_step + r->index[i * r->index_step] * r->axis_step; \
        statement;                                                                                       \
    }

/* Of operations on x, index, source: the shape rule, and a forward: the output is a copy of x, and do_row goes over source (dense)
 * and output (indexed), in row-major order of the index. */
ct_status ct__scatter_infer(ct_call *call);
ct_status ct__scatter_run(ct_call *call, void (*do_row)(const ct__row *r));

#endif
