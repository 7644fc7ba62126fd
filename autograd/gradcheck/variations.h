/* An operation on inputs made from its samples. */
#ifndef CT_GRADCHECK_VARIATIONS_H
#define CT_GRADCHECK_VARIATIONS_H

#include "check.h"

/* The sample with each of its sizes as 0 and as 1, and 0-d. */
ct_status ct__check_op_sizes(const ct_op *op, const ct_sample *sample, const ct_gradcheck_options *options,
                             ct_gradcheck_report *report);
/* What samples may not have; of the first one more than others: more than 32768 elements, and float32. */
ct_status ct__check_op_variations(const ct_op *op, const ct_sample *sample, bool first,
                                  const ct_gradcheck_options *options, ct_gradcheck_report *report);

#endif
