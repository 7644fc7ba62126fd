/* What the tests of training share: a scratch folder, data, modules to compare.
 *
 * Invariant: nothing is written outside the scratch folder, which the last call removes. */
#ifndef COTAN_TESTS_TRAINING_CHECKS_H
#define COTAN_TESTS_TRAINING_CHECKS_H

#include "error_checks.h"
#include <cotan/cotan.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* No error is pending, and the innermost scope closes. */
void close_good_scope(void);
/* A test case whose tests begin without a pending error, and leave no tensors behind: each has a scope around it. */
TCase *case_without_error(const char *name);

/* name in the scratch folder, which is made when it is needed; lasts until the eighth call after. */
const char *scratch(const char *name);
/* Removes the folder with all in it. */
void remove_scratch(void);
/* A file's bytes with a 0 behind them, the caller's until free(); NULL if there is none. */
char *read_scratch(const char *name, size_t *size);

/* Whether all tensors of two modules have the same bits. */
bool same_tensors(const ct_module *a, const ct_module *b);

#endif
