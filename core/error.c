/* The thread's pending error. Invariant: once set it does not change, but for the location, until it is cleared. */
#include "core_internal.h"
#include <stdarg.h>
#include <string.h>

/* Bytes: the place's come behind the message's, which is cut if it is longer, and of which the region's are the first. */
enum { PLACE = 200, MESSAGE = CT_MESSAGE_TEXT - PLACE, REGION = 200 };

static _Thread_local ct_pending_error pending;

/* "encoder.0: ", the part of the program that runs; of a long name the end. Returns its length. */
static size_t put_region(char *message)
{
    const char *path = ct__region->named->path;
    size_t length = strlen(path);
    if (length == 0)
        return 0;
    bool whole = length <= REGION;
    return (size_t)sprintf(message, "%s%s: ", whole ? "" : "...", path + (whole ? 0 : length - REGION));
}

static ct_status record(ct_status code, const char *format, va_list arguments)
{
    if (pending.code == CT_OK && code != CT_OK) {
        pending.code = code;
        pending.located = false;
        size_t used = put_region(pending.message);
        vsnprintf(pending.message + used, MESSAGE - used, format, arguments);
    }
    return code;
}

ct_status ct__error(ct_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    record(code, format, arguments);
    va_end(arguments);
    return code;
}

ct_status ct_error_set(ct_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    record(code, format, arguments);
    va_end(arguments);
    return code;
}

ct_status ct__no_memory(const char *what)
{
    return ct__error(CT_ERROR_MEMORY, "%s: no memory", what);
}

ct_status ct_error_code(void)
{
    return pending.code;
}

const char *ct_error_message(void)
{
    return pending.message;
}

void ct_error_clear(void)
{
    pending.code = CT_OK;
    pending.message[0] = '\0';
}

void ct__error_take(ct_pending_error *into)
{
    into->code = pending.code;
    if (pending.code != CT_OK)
        *into = pending;
    ct_error_clear();
}

void ct__error_put(const ct_pending_error *error)
{
    if (pending.code == CT_OK && error->code != CT_OK)
        pending = *error;
}

const char *ct_status_name(ct_status code)
{
    static const char *const names[] = {"ok", "null", "shape", "dtype", "argument", "memory", "io", "format", "state"};
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

ct_status ct_at_status(const char *file, int line, ct_status status)
{
    if (status != CT_OK && pending.code != CT_OK && !pending.located && file) {
        size_t used = strlen(pending.message);
        snprintf(pending.message + used, sizeof pending.message - used, " (%s:%d)", file, line);
        pending.located = true;
    }
    return status;
}
