/* The picture of one input in the report. */
#ifndef CT_GRADCHECK_PICTURE_H
#define CT_GRADCHECK_PICTURE_H

#include "sweep.h"

/* Takes that of the report's last row, whose elements the sweep has looked at, unless there is one of another row as grave or graver. */
ct_status ct__take_picture(ct__check *check, const ct_gradcheck_tensor *row, const ct__sweep *s);

#endif
