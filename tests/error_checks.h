/* What is said of an error, and what is asked of it. */
#ifndef COTAN_TESTS_ERROR_CHECKS_H
#define COTAN_TESTS_ERROR_CHECKS_H

#include <check.h>
#include <cotan/error.h>
#include <stdbool.h>

/* The pending error has that code and mentions the words; clears it. */
void expect_failure(ct_status code, const char *words);
/* A call returned the code, and its error begins so; clears it. */
void expect_failed(ct_status status, ct_status code, const char *beginning);
void expect_no_error(void);

/* Whether this build reads what is gzipped; one that does not says which tests it skips. */
bool reads_gzip(const char *tests);

#endif
