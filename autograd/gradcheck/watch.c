/* The budget of a check. Invariant: once stopped it stays stopped, and what is left out is noted and keeps the report from a pass. */
#include "watch.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

double ct__watch_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ct__watch_begin(ct__watch *watch, ct_gradcheck_options *options)
{
    *watch = (ct__watch){.until = options->seconds > 0 ? ct__watch_now() + options->seconds : INFINITY,
                         .evaluations = options->evaluations > 0 ? options->evaluations : INT64_MAX,
                         .thread = ct__here()};
    options->watch_ = watch;
}

static void stop(ct__watch *watch, const char *why)
{
    __atomic_store_n(&watch->why, why, __ATOMIC_RELAXED);
}

void ct__watch_count(const ct_gradcheck_options *options)
{
    if (options->evaluations > 0 && __atomic_sub_fetch(&options->watch_->evaluations, 1, __ATOMIC_RELAXED) <= 0)
        stop(options->watch_, "the budget of evaluations is spent");
}

bool ct__watch_stopped(const ct_gradcheck_options *options)
{
    if (options->seconds > 0 && ct__watch_now() >= options->watch_->until)
        stop(options->watch_, "the budget of seconds is spent");
    return __atomic_load_n(&options->watch_->why, __ATOMIC_RELAXED) != NULL;
}

void ct__watch_tell(const ct_gradcheck_options *options, const char *what, int64_t done, int64_t of)
{
    if (!options->progress || options->watch_->thread != ct__here())
        return;
    if (!options->progress(what, done, of, options->progress_user))
        stop(options->watch_, "stopped by the progress function");
}

void ct__watch_unlooked(ct_gradcheck_report *report, const char *format, ...)
{
    size_t used = strlen(report->unlooked), size = sizeof report->unlooked;
    va_list arguments;
    va_start(arguments, format);
    if (used && used + 3 < size)
        used += (size_t)snprintf(report->unlooked + used, size - used, ", ");
    if (used + 1 < size)
        vsnprintf(report->unlooked + used, size - used, format, arguments);
    va_end(arguments);
    ct__report_raise(report, CT_INCONCLUSIVE);
}
