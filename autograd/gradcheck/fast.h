/* One input in fast mode. */
#ifndef CT_GRADCHECK_FAST_H
#define CT_GRADCHECK_FAST_H

#include "check.h"

/* Fills the input's row. A mismatch is looked for among the elements; so is a kink, since of several together a probe tells little. */
ct_status ct__row_fast(ct__check *check, int input, ct_gradcheck_tensor *row);

#endif
