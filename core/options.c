/* Options: completed by their defaults. Invariant: only the members that both sides know are copied. */
#include "core_internal.h"
#include <cotan/options.h>
#include <string.h>

bool ct_is_unset(double value)
{
    const double unset = CT_UNSET;
    return memcmp(&value, &unset, sizeof value) == 0;
}

/* The struct's first member. */
static size_t size_of(const void *options)
{
    size_t size;
    memcpy(&size, options, sizeof size);
    return size;
}

static void set_size(void *options, size_t size)
{
    memcpy(options, &size, sizeof size);
}

const void *ct_options_read(const char *function, const void *given, const void *defaults, void *room)
{
    if (!defaults || !room) {
        ct__error(CT_ERROR_NULL, "%s: its options have no defaults or no room", function);
        return NULL;
    }
    if (!given)
        return defaults;
    size_t whole = size_of(defaults), size = size_of(given);
    if (size == whole)
        return given;
    if (size < sizeof size || size > whole) {
        ct__error(CT_ERROR_ARGUMENT,
                  size > whole ? "%s: options of %zu bytes, this library knows %zu: they are of a newer header"
                               : "%s: options of %zu bytes, not %zu: make them with CT_OPTIONS() or their _init()",
                  function, size, whole);
        return NULL;
    }
    memcpy(room, defaults, whole);
    memcpy(room, given, size);
    set_size(room, whole);
    return room;
}

bool ct_option_refused(const char *function, const char *member, const void *given, const void *default_, size_t size)
{
    if (given && default_ && memcmp(given, default_, size) == 0)
        return false;
    ct__error(CT_ERROR_ARGUMENT, "%s: takes no %s", function, member);
    return true;
}

void ct_options_init(void *options, size_t size, const void *defaults)
{
    if (!options || !defaults || size < sizeof size)
        return;
    size_t known = size_of(defaults) < size ? size_of(defaults) : size;
    memset(options, 0, size);
    memcpy(options, defaults, known);
    set_size(options, size); /* of a newer header: ct_options_read() refuses them */
}
