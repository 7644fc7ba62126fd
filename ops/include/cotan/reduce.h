/* Which axes a reduction runs over: ct_sum(x), ct_sum(x, CT_AXES(0, -1), .keepdim = true). */
#ifndef COTAN_REDUCE_H
#define COTAN_REDUCE_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The options of a reduction. */
typedef struct CT_BY_NAME ct_reduce_options {
    CT_OPTIONS_HEAD;
    const int64_t *axes; /* negative counts from the end; with n_axes 0: all axes */
    int n_axes;
    bool keepdim; /* keep reduced axes with size 1 */
} ct_reduce_options;
#define CT_DEFAULTS_ct_reduce_options
CT_API void ct_reduce_options_init(ct_reduce_options *options, size_t size);
/* CT_AXES(0, -1) stands for the options .axes and .n_axes. */
#define CT_AXES(...) \
    .axes = (const int64_t[]){__VA_ARGS__}, .n_axes = (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

#ifdef __cplusplus
}
#endif
#endif
