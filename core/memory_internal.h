/* What core's own files share about memory: counters, memory of others, and the end of a thread. */
#ifndef CT_MEMORY_INTERNAL_H
#define CT_MEMORY_INTERNAL_H

#include "core_internal.h"

void ct__scopes_end(void); /* closes every scope of this thread, and empties the root scope */
/* Makes the thread's cache and account, unless it has them, and has what the thread holds back given up when it ends. */
void ct__thread_begin(void);
void ct__cache_begin(ct__thread_state *me);
void ct__cache_end(ct__thread_state *me);
/* Memory from the C library or the caller's allocator (allocator.c); NULL without. */
void *ct__source_alloc(size_t size, size_t alignment);
void ct__source_free(void *block);
bool ct__has_own_source(void); /* whether the caller has set an allocator */
void ct__marked_end(void);     /* gives back what this thread has aside for lifetime checks */

/* What is made counts for the thread that made it, whoever gives it back. */
void ct__account_open(void);                                                 /* gives this thread an account */
void ct__account_leave(void);                                                /* at its end */
void ct__account_give_back(int32_t account, int64_t bytes, int64_t tensors); /* of another thread's */
void ct__account_settle(void); /* takes off this thread's counts what others have given back */

/* A tensor over what somebody else has, outside any block of ours; data is its first element. release(owner) is called when the last
 * tensor over it goes. With an error (NULL) it is not. */
ct_tensor *ct__tensor_over(ct_dtype dtype, void *data, const int64_t *shape, const int64_t *strides, int rank,
                           void (*release)(void *), void *owner, const char *made_by);

#endif
