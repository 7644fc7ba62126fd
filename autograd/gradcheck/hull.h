/* Several elements at kinks together. */
#ifndef CT_GRADCHECK_HULL_H
#define CT_GRADCHECK_HULL_H

#include "check.h"

/* Elements that are each possible may be impossible together, as where both of two equal inputs of a maximum have all of the
 * gradient: what they have must lie in the convex hull of what they have around x. Returns the place of one of count that does not, or
 * -1; error in *status. */
int ct__outside_hull(ct__check *check, const ct__kinked *kinked, int count, ct_status *status);

#endif
