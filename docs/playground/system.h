/* What Emscripten's C library lacks; system.c has it. */
#ifndef COTAN_PLAYGROUND_SYSTEM_H
#define COTAN_PLAYGROUND_SYSTEM_H

#include <stddef.h>

void qsort_r(void *base, size_t n, size_t size, int (*order)(const void *, const void *, void *), void *context);

#endif
