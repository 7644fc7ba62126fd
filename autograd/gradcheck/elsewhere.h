/* The same subject at other inputs of the same shapes. */
#ifndef CT_GRADCHECK_ELSEWHERE_H
#define CT_GRADCHECK_ELSEWHERE_H

#include "check.h"

/* Whether the gradient is right at a second point too, and at the first one again: a backward may keep something from an earlier call. */
ct_status ct__check_elsewhere(ct__check *check);
/* What is wrong in no simple pattern and the same at other inputs, where the function is not linear, was kept from an earlier call: then
 * the report says so. */
ct_status ct__explain_kept(ct__check *check);
/* Whether many threads at once get the same bits (operations). */
ct_status ct__check_threads(ct__check *check);

#endif
