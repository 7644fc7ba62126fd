/* One subject at one point: all checks of it. */
#ifndef CT_GRADCHECK_WHOLE_H
#define CT_GRADCHECK_WHOLE_H

#include "check.h"

/* Structure, value, float32, second order, as the options ask. */
ct_status ct__check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                            const ct_gradcheck_options *options, ct_gradcheck_report *report);
/* Of these only what does not measure. */
ct_status ct__check_subject_structure(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                                      const ct_gradcheck_options *options, ct_gradcheck_report *report);

#endif
