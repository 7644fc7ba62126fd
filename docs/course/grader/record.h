/* An operation whose forward is written in operations of the library, and only its backward by hand. */
#ifndef COURSE_RECORD_H
#define COURSE_RECORD_H

#include <cotan/cotan.h>

enum { RECORD_INPUTS = 4 };
typedef ct_tensor *(*record_value)(ct_tensor *const *x);

/* The record's shape rule and forward: value of the call's inputs, unrecorded. */
ct_status record_infer(ct_call *call, record_value value);
ct_status record_forward(ct_call *call, record_value value);

#endif
