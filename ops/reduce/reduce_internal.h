/* What the reductions and scans share. */
#ifndef CT_REDUCE_INTERNAL_H
#define CT_REDUCE_INTERNAL_H

#include "shape/shape_internal.h"

/* The attributes of every operation that reduces axes. */
typedef struct ct_reduce_attributes {
    int64_t axes[CT_MAX_RANK];
    int64_t n_axes; /* 0: all */
    int64_t keepdim;
    double number; /* the p of a norm; what a variance subtracts from n */
} ct_reduce_attributes;

/* Of an operation along one axis. */
typedef struct ct_axis_attributes {
    int64_t axis;
} ct_axis_attributes;

#define CT_REDUCE_NAMES "axes:8n n_axes keepdim number:1d"

/* Attributes for a sample: OVER(ALONG(0, -1), .keepdim = 1). */
#define OVER(...)           \
    &(ct_reduce_attributes) \
    {                       \
        __VA_ARGS__         \
    }
#define ALONG(...) .axes = {__VA_ARGS__}, .n_axes = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

/* Applies a record with these attributes; options may be NULL. */
ct_tensor *ct__reduce(const ct_op *op, ct_tensor *x, const ct_reduce_options *options, double number);
/* Applies a record with two outputs and hands out the second, indices, where indices is not NULL. */
ct_tensor *ct__with_indices(const ct_op *op, ct_tensor *x, const void *attributes, ct_tensor **indices);
/* A backward: each element of the gradient goes where output 1 says along the axis. */
ct_status ct__scatter_back(ct_call *call, int64_t axis);
/* Checks that input 0 has the axes, each named once; and that there is something to choose from along them. */
ct_status ct__check_axes(ct_call *call);
ct_status ct__check_not_empty(ct_call *call);
/* How many elements of input 0 go into each result. */
int64_t ct__count_reduced(ct_call *call);

/* sum / count, and NaN, with a gradient of 0, for a mean of nothing. */
ct_tensor *ct__mean_of(ct_tensor *sum, double count);

/* Whether sums of squares, or of other powers, are beyond 2^+-reach (of float32; 2^+-8 reach of float64): one is larger, NaN,
 * or, if small_too, smaller, so that terms or digits of their gradients may be lost. */
bool ct__is_extreme(const ct_tensor *sums, int reach, bool small_too);
/* For each result of a reduction with keepdim: a power of two, at least `least`, a constant of the graph, by which x may be
 * divided, so that its largest magnitude there, or its smallest, becomes about 2^margin if it is above 1, or 2^-margin. */
ct_tensor *ct__scales(ct_tensor *x, const ct_reduce_options *over, bool smallest, int margin, double least);

/* h_0 = b_0, h_k = a_(k-1) h_(k-1) + b_k along the axis, where a has one element less than b; with reverse from the other
 * end: h_(n-1) = b_(n-1), h_k = a_k h_(k+1) + b_k. */
ct_tensor *ct_linear_recurrence(ct_tensor *a, ct_tensor *b, int axis, bool reverse);

#endif
