/* Objects that other objects or the user point to: a module, a layer, an optimiser. Each has a mark in front of it by which one
 * that was freed is told from a live one.
 *
 * Builds with lifetime checks keep freed objects aside for a while, so that a late use always finds the mark. In others the memory
 * may have been used again by then: most late uses are named there too, but not all. */
#ifndef COTAN_OBJECT_H
#define COTAN_OBJECT_H

#include <cotan/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* size bytes, zeroed, of an object of that kind ("module"; the text must last as long). The caller's until ct_object_free().
 * NULL with an error (memory). */
CT_API void *ct_object_new(const char *kind, size_t size);
/* NULL is fine. Error (state): freed before, or no object. */
CT_API void ct_object_free(void *object);
/* CT_OK if object is a live one of that kind; otherwise the error "<what>: the <kind> is NULL" (NULL) or "... is used after it was
 * freed" (state). */
CT_API ct_status ct_object_check(const void *object, const char *kind, const char *what);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_object_new(kind, size) ct_at_object(CT_HERE, ct_object_new(kind, size))
#define ct_object_check(object, kind, what) ct_at_status(CT_HERE, ct_object_check(object, kind, what))
#endif

#ifdef __cplusplus
}
#endif
#endif
