/* What the tests of the gradient checker share: a report for each test, and functions and inputs to check. */
#ifndef COTAN_TESTS_GRADCHECK_CHECKS_H
#define COTAN_TESTS_GRADCHECK_CHECKS_H

#include "tensor_checks.h"
#include <cotan/gradcheck.h>

extern ct_gradcheck_report report;

/* A fixture: open_test() and an empty report; after the test it is given back. */
void open_check(void);
void close_check(void);

/* The report is printed where the verdict is another. */
void expect(ct_verdict got, ct_verdict want);

/* numbers() in float64. */
ct_tensor *f64(const int64_t *shape, int rank, uint64_t seed);

/* tanh(in[0]), a ct_function. */
ct_tensor *tanh_of(ct_tensor *const *in, int n, void *user);
/* The infer of a record whose result is like input 0. */
ct_status same_infer(ct_call *call);

#endif
