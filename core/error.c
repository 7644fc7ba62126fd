/* The thread's pending error. Invariant: once set it does not change, but for the location, until it is cleared. */
#include "core_internal.h"
#include <stdarg.h>
#include <string.h>

/* Bytes: the place's come behind the message's, which is cut if it is longer, and of which the region's are the first. */
enum { PLACE = 200, MESSAGE = CT_MESSAGE_TEXT - PLACE, REGION = 200 };

/* "encoder.0: ", the part of the program that runs; of a long name the end. Returns its length. */
static size_t put_region(char *message)
{
    const char *path = ct__here()->region->named->path;
    size_t length = strlen(path);
    if (length == 0)
        return 0;
    bool whole = length <= REGION;
    return (size_t)sprintf(message, "%s%s: ", whole ? "" : "...", path + (whole ? 0 : length - REGION));
}

/* "attention: dropout: ", the expressions around what the text says, of which it may name the innermost itself: so what the user
 * called is named first, whatever it is made of. Returns the length. */
static size_t put_operations(const ct_part *part, char *message, size_t room, const char *text)
{
    size_t length = strlen(part->name);
    if (!part->operation)
        return 0;
    size_t used = put_operations(part->outer, message, room, "");
    if (strncmp(text, part->name, length) != 0 || text[length] != ':')
        used += (size_t)snprintf(message + used, room - used, "%s: ", part->name);
    return used < room ? used : room - 1;
}

static ct_status record(ct_status code, const char *format, va_list arguments)
{
    ct__thread_state *me = ct__here();
    if (me->error == CT_OK && code != CT_OK) {
        ct__texts *texts = ct__texts_here();
        char text[MESSAGE];
        me->error = code;
        me->located = false;
        ct__vformat(text, sizeof text, format, arguments);
        if (texts) {
            size_t used = put_region(texts->error);
            used += put_operations(me->region, texts->error + used, MESSAGE - used, text);
            snprintf(texts->error + used, MESSAGE - used, "%s", text);
        }
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
    char memory[CT_MEMORY_TEXT];
    return ct__error(CT_ERROR_MEMORY, "%s: no memory%s", what, ct__memory_text(memory));
}

ct_status ct_error_code(void)
{
    return ct__here()->error;
}

const char *ct_error_message(void)
{
    if (ct__here()->error == CT_OK)
        return "";
    /* an error that found no memory for its words is one for lack of memory, whatever else it is */
    return ct__here()->texts ? ct__here()->texts->error : "cotan: no memory, not even for what failed";
}

void ct_error_clear(void)
{
    ct__here()->error = CT_OK;
}

void ct__error_take(ct_pending_error *into)
{
    const ct__thread_state *me = ct__here();
    into->code = me->error;
    into->located = me->located;
    if (me->error != CT_OK)
        snprintf(into->message, sizeof into->message, "%s", ct_error_message());
    ct_error_clear();
}

void ct__error_put(const ct_pending_error *error)
{
    ct__thread_state *me = ct__here();
    ct__texts *texts = ct__texts_here();
    if (me->error != CT_OK || error->code == CT_OK)
        return;
    me->error = error->code;
    me->located = error->located;
    if (texts)
        memcpy(texts->error, error->message, sizeof texts->error);
}

const char *ct_status_name(ct_status code)
{
    static const char *const names[] = {"ok", "null", "shape", "dtype", "argument", "memory", "io", "format", "state"};
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

int64_t ct_at_integer(const char *file, int line, int64_t value)
{
    ct_at_status(file, line, ct_error_code());
    return value;
}

int ct_at_int(const char *file, int line, int value)
{
    return (int)ct_at_integer(file, line, value);
}

bool ct_at_bool(const char *file, int line, bool value)
{
    return ct_at_integer(file, line, value);
}

void *ct_at_object(const char *file, int line, void *object)
{
    if (!object)
        ct_at_status(file, line, CT_ERROR_NULL);
    return object;
}

ct_status ct_at_status(const char *file, int line, ct_status status)
{
    ct__thread_state *me = ct__here();
    if (status != CT_OK && me->error != CT_OK && !me->located && file && me->texts) {
        char *message = me->texts->error;
        size_t used = strlen(message);
        snprintf(message + used, CT_MESSAGE_TEXT - used, " (%s:%d)", file, line);
        me->located = true;
    }
    return status;
}
