/* What is said of an error. */
#include "error_checks.h"
#include <stdio.h>
#include <string.h>

void expect_failure(ct_status code, const char *words)
{
    ck_assert_msg(ct_error_code() == code, "expected \"%s\", got %s: \"%s\"", words, ct_status_name(ct_error_code()),
                  ct_error_message());
    ck_assert_msg(strstr(ct_error_message(), words) != NULL, "\"%s\" does not say \"%s\"", ct_error_message(), words);
    ct_error_clear();
}

void expect_failed(ct_status status, ct_status code, const char *beginning)
{
    ck_assert_msg(status == code, "expected \"%s\", got %s", beginning, ct_status_name(status));
    ck_assert_msg(strncmp(ct_error_message(), beginning, strlen(beginning)) == 0, "\"%s\" is not \"%s\"",
                  ct_error_message(), beginning);
    expect_failure(code, "");
}

void expect_no_error(void)
{
    ck_assert_msg(ct_error_code() == CT_OK, "%s", ct_error_message());
}

/* To stderr: a test is a fork, which would write again what waits in stdout's buffer. */
bool reads_gzip(const char *tests)
{
#ifdef COTAN_USE_ZLIB
    (void)tests;
    return true;
#else
    fprintf(stderr, "skipped, as cotan was built without zlib: %s\n", tests);
    return false;
#endif
}
