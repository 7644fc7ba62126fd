/* What core's own files share about memory: counters and the end of a thread. */
#ifndef CT_MEMORY_INTERNAL_H
#define CT_MEMORY_INTERNAL_H

#include "core_internal.h"

void ct__scopes_end(void); /* closes every scope of this thread, and empties the root scope */
/* Makes the thread's cache, unless it has one, and has what the thread holds back given up when it ends. */
void ct__thread_begin(void);
int64_t ct__cached_bytes(void);
void ct__tensors_end(void); /* gives back the tensors kept aside for lifetime checks */
int64_t ct__live_bytes(void);
ct_memory ct__live_stats(void); /* live_bytes, peak_bytes and live_tensors are set */

#endif
