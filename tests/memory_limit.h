/* Claims about how much memory something takes. */
#ifndef MEMORY_LIMIT_H
#define MEMORY_LIMIT_H

#include <stdbool.h>

/* Whether claim() is true in a process that may take so much more memory than this one has. */
bool holds_within(int megabytes, bool (*claim)(void));

#endif
