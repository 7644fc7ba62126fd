/* The expressions whose answers tests/data/reference.safetensors holds. */
#ifndef COTAN_TESTS_REFERENCE_CASES_H
#define COTAN_TESTS_REFERENCE_CASES_H

#include <cotan/tensor.h>

typedef struct reference_case {
    const char *name;                               /* as in the file: <name>/in0, <name>/out, ... */
    ct_tensor *(*expression)(ct_tensor *const *in); /* the result, or NULL with an error */
} reference_case;

extern const reference_case reference_cases[];
extern const int reference_case_count;

#define REFERENCE_MAX_INPUTS 8

#endif
