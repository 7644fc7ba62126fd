/* Text, and writing it, the same whatever locale the program has set.
 *
 * Invariant: what ct__locale_begin() changes is this thread's alone, and ct__locale_end() puts it back. */
#include "core_internal.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The C library has this one: that takes no memory, and cannot fail. */
static void find_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t ct__locale_begin(void)
{
    pthread_once(&once, find_locale);
    return uselocale(c_locale);
}

void ct__locale_end(locale_t before)
{
    uselocale(before);
}

/* errno is 0 from here on, so that what it is at the end comes from the writing. */
ct__writing ct__write_begin(const char *what, FILE *stream)
{
    ct__writing w = {.what = what, .stream = stream, .before = ct__locale_begin()};
    errno = 0;
    return w;
}

ct_status ct__write_failed(const char *what)
{
    return errno == ENOMEM ? ct__no_memory(what)
                           : ct__error(CT_ERROR_IO, "%s: writing failed: %s", what, ct__strerror(errno));
}

ct_status ct__write_end(const ct__writing *w, ct_status status)
{
    if (status == CT_OK && (fflush(w->stream) != 0 || ferror(w->stream)))
        status = ct__write_failed(w->what);
    ct__locale_end(w->before);
    return status;
}

double ct__strtod(const char *text, char **end)
{
    locale_t before = ct__locale_begin();
    double value = strtod(text, end);
    ct__locale_end(before);
    return value;
}

const char *ct__strerror(int code)
{
    locale_t before = ct__locale_begin();
    const char *text = strerror(code); /* glibc's is one of the thread's */
    ct__locale_end(before);
    return text;
}

int ct__vformat(char *buffer, size_t size, const char *format, va_list arguments)
{
    locale_t before = ct__locale_begin();
    int length = vsnprintf(buffer, size, format, arguments);
    ct__locale_end(before);
    return length;
}

int ct__format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = ct__vformat(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
