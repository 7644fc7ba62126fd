/* Memory debuggers are some thirty times slower: with COTAN_TEST_QUICK set, tests take smaller sizes and fewer rounds, through
 * the same code. */
#ifndef COTAN_TESTS_QUICK_H
#define COTAN_TESTS_QUICK_H

#include <stdbool.h>
#include <stdlib.h>

static inline bool is_quick(void)
{
    return getenv("COTAN_TEST_QUICK") != NULL;
}

#endif
