/* What Emscripten's C library lacks. Invariant: there is one thread, since a page from the disk may have no other. */
#include "system.h"
#include <sched.h>
#include <stdlib.h>

static int (*order_now)(const void *a, const void *b, void *context);
static void *context_now;

static int by_order_now(const void *a, const void *b)
{
    return order_now(a, b, context_now);
}

void qsort_r(void *base, size_t n, size_t size, int (*order)(const void *, const void *, void *), void *context)
{
    order_now = order;
    context_now = context;
    qsort(base, n, size, by_order_now);
}

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process, (void)size, (void)set;
    return -1; /* not known: the library asks how many there are */
}

int __sched_cpucount(size_t size, const cpu_set_t *set)
{
    (void)size, (void)set;
    return 1;
}
