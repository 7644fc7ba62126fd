/* The thread's pending error. Invariant: once set it does not change, but for the location, until it is cleared. */
#include "core_internal.h"
#include <stdarg.h>
#include <string.h>

enum { MESSAGE = 640, PLACE = 200 }; /* bytes, the place's come behind the message's, which is cut if it is longer */

static _Thread_local struct {
    ct_status code;
    bool located;
    char message[MESSAGE + PLACE];
} pending;

static ct_status record(ct_status code, const char *format, va_list arguments)
{
    if (pending.code == CT_OK && code != CT_OK) {
        pending.code = code;
        pending.located = false;
        vsnprintf(pending.message, MESSAGE, format, arguments);
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
