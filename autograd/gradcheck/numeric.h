/* The measured side of a check. */
#ifndef CT_GRADCHECK_NUMERIC_H
#define CT_GRADCHECK_NUMERIC_H

#include "check.h"

/* Adds a row for each wanted input to the report. */
ct_status ct__check_numeric(ct__check *check);

#endif
