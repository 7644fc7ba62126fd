/* What the tests of operations share: tensors to try, and checks on results, gradients, errors and failing memory. */
#ifndef COTAN_TESTS_TENSOR_CHECKS_H
#define COTAN_TESTS_TENSOR_CHECKS_H

#include <check.h>
#include <cotan/ops.h>

typedef ct_tensor *(*test_expression)(ct_tensor *const *in);

/* A fixture: a scope around each test, after which no tensor and no error may be left. */
void open_test(void);
void close_test(void);

/* Numbers in [-2, 2), different ones for each seed; for integers 0..9. */
ct_tensor *numbers(ct_dtype dtype, const int64_t *shape, int rank, uint64_t seed);
/* The elements of t in another layout: 0 as it is, then transposed, strided, reversed and offset. */
enum { LAYOUTS = 5 };
ct_tensor *in_layout(ct_tensor *t, int layout);

void expect_tensor(const ct_tensor *t, ct_dtype dtype, const int64_t *shape, int rank, const double *values,
                   int64_t count);
/* Same dtype, shape and elements, within tolerance times the largest element of b. NaN equals NaN. */
void expect_close(const ct_tensor *a, const ct_tensor *b, double tolerance);
/* t is NULL, and the pending error is this one; it is cleared. */
void expect_error(const ct_tensor *t, ct_status code, const char *message);
/* First and second derivatives of the expression, by central differences. The inputs are contiguous float64 leaves, or
 * integers, which are left alone. */
void expect_gradients(test_expression f, ct_tensor *const *in, int n);
/* Each allocation of forward and backward fails in turn: an error each time, and nothing leaks. */
void expect_memory_errors(test_expression f, ct_tensor *const *in, int n);

#endif
