/* Objects with a mark in front, so that their late use is named. Invariant: the mark is ALIVE from new to free, and CLOSED from
 * there until the memory is given back. */
#include "core_internal.h"
#include <cotan/object.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ALIVE = 0x0b1ec70a, CLOSED = 0x0b1ecdea };

/* The mark comes last: what free() writes into a block's first bytes does not reach it. */
typedef struct header {
    const char *kind;
    size_t size;
    uint64_t spare;
    uint32_t mark, spare_too;
} header;

static header *header_of(const void *object)
{
    return (header *)object - 1;
}

void *ct_object_new(const char *kind, size_t size)
{
    header *h = size <= PTRDIFF_MAX - sizeof *h ? ct_allocate(1, sizeof *h + size) : NULL;
    if (!h) {
        ct__no_memory(kind);
        return NULL;
    }
    *h = (header){.kind = kind, .size = size, .mark = ALIVE};
    return h + 1;
}

#if CT_LIFETIME_CHECKS
/* Freed objects wait here, of all threads. */
enum { KEPT = 256 };
static header *kept[KEPT];
static size_t kept_next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void give_back(header *h)
{
    pthread_mutex_lock(&lock);
    header **place = &kept[kept_next++ % KEPT];
    ct_deallocate(*place);
    *place = h;
    pthread_mutex_unlock(&lock);
}
#else
static void give_back(header *h)
{
    ct_deallocate(h);
}
#endif

void ct_object_free(void *object)
{
    if (!object)
        return;
    header *h = header_of(object);
    if (h->mark == ALIVE) {
        h->mark = CLOSED;
        give_back(h);
    } else if (h->mark == CLOSED) {
        ct__error(CT_ERROR_STATE, "free: the %s was freed before", h->kind);
    } else {
        ct__error(CT_ERROR_STATE, "free: not an object, or one whose memory has been used again");
    }
}

ct_status ct_object_check(const void *object, const char *kind, const char *what)
{
    if (CT_UNLIKELY(!object)) {
        ct__error(CT_ERROR_NULL, "%s: the %s is NULL", what, kind);
        return ct_error_code();
    }
    const header *h = header_of(object);
    if (CT_LIKELY(h->mark == ALIVE && (h->kind == kind || strcmp(h->kind, kind) == 0)))
        return CT_OK;
    if (h->mark == CLOSED)
        return ct__error(CT_ERROR_STATE, "%s: the %s is used after it was freed", what, kind);
    return ct__error(CT_ERROR_STATE, "%s: not a %s, or one whose memory has been used again", what, kind);
}
