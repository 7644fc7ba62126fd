/* What a training shows of itself: a bar that moves on a terminal, a line for each epoch elsewhere.
 *
 * Invariant: nothing that is shown has an effect on what is computed. */
#include "fit_internal.h"
#include <math.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ct__display_begin(ct__fit *f)
{
    FILE *stream = f->options.output == CT_STDOUT ? stdout : f->options.output;
    f->display.stream = stream;
    f->display.terminal = stream && isatty(fileno(stream));
}

void ct__display_epoch_begins(ct__fit *f)
{
    f->display.epoch_start = seconds_now();
    f->display.shown = 0;
    f->display.first_samples = f->progress.epoch_samples;
}

/* ---- the parts of a line ---- */

/* "  loss 0.4213", with a point whatever the locale. */
static void show_number(FILE *out, const char *before, const char *name, double value)
{
    char text[64];
    snprintf(text, sizeof text, fabs(value) >= 1e-3 && fabs(value) < 1e5 ? "%.4f" : "%.3e", value);
    for (char *c = text; *c; c++)
        *c = *c == ',' ? '.' : *c;
    fprintf(out, "  %s%s %s", before, name, text);
}

static void show_measures(FILE *out, const ct_progress *p, const char *before, double loss, const double *metrics)
{
    show_number(out, before, "loss", loss);
    for (int i = 0; i < p->n_metrics; i++)
        show_number(out, before, p->metrics[i]->name, metrics[i]);
}

/* length columns in all; none if that is too short. */
static void show_bar(FILE *out, const ct_progress *p, int length)
{
    enum { SHORTEST = 8 };
    length -= 3;
    int full = (int)((double)length * (double)p->epoch_step / (double)p->epoch_steps);
    if (length < SHORTEST - 3)
        return;
    fputs(" [", out);
    for (int i = 0; i < length; i++)
        fputc(i < full ? '=' : '.', out);
    fputc(']', out);
}

/* "1 h 02 min", "3 min 20 s", "12 s" */
static void show_time(FILE *out, double seconds)
{
    long long s = llround(fmin(seconds, 1e9));
    if (s >= 3600)
        fprintf(out, "  %lld h %02lld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        fprintf(out, "  %lld min %02lld s", s / 60, s % 60);
    else
        fprintf(out, "  %lld s", s);
}

/* Seconds for a sample, from this epoch. */
static double pace(const ct__fit *f, double now)
{
    int64_t samples = f->progress.epoch_samples - f->display.first_samples;
    return fmax(now - f->display.epoch_start, 1e-9) / (double)(samples > 0 ? samples : 1);
}

/* ---- a line ---- */

enum { TEXT = 1024 };

/* What stands behind the bar: seconds are those that are left, or, at the epoch's end, that it took. */
static void write_tail(FILE *out, const ct__fit *f, double now, bool ended)
{
    const ct_progress *p = &f->progress;
    int64_t all = ct_batches_samples(f->batches);
    double left = (double)(p->epochs - p->epoch + 1) * (double)all - (double)p->epoch_samples;
    show_measures(out, p, "", p->epoch_loss, p->epoch_metrics);
    if (ended && f->options.validation)
        show_measures(out, p, "val_", p->validation_loss, p->validation_metrics);
    if (f->options.schedule)
        show_number(out, "", "lr", p->lr);
    if (!ended)
        show_time(out, left * pace(f, now));
    fprintf(out, "%s  %.0f samples/s", ended ? "" : " left", 1 / pace(f, now));
    if (ended)
        show_time(out, now - f->display.epoch_start);
}

/* The terminal's columns. */
static int columns(FILE *stream)
{
    struct winsize size;
    return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* The length of text's first parts, two blanks before each, that are no longer than room. */
static int fitting(const char *text, int room)
{
    int length = (int)strlen(text);
    while (length > room && length > 0)
        do
            length--;
        while (length > 0 && strncmp(text + length, "  ", 2) != 0);
    return length;
}

/* A bar has 23 columns, or what there is; where that is less than 13, what stands last makes room. */
static int bar_length(int room, bool ended)
{
    enum { MOST = 23, LEAST = 13 };
    int least = ended ? 0 : LEAST;
    return room > MOST ? MOST : room < least ? least : room;
}

/* On a terminal a line that moves stays one line: what does not fit is left out, from the end. */
static void show_line(const ct__fit *f, double now, bool ended)
{
    const ct_progress *p = &f->progress;
    char tail[TEXT] = "", head[64];
    FILE *out = f->display.stream, *text = fmemopen(tail, sizeof tail - 1, "w");
    if (!text)
        return;
    write_tail(text, f, now, ended);
    fclose(text);
    int used = snprintf(head, sizeof head, "epoch %lld/%lld", (long long)p->epoch, (long long)p->epochs);
    int width = f->display.terminal ? columns(out) - 1 : TEXT;
    fprintf(out, "%s%s", f->display.terminal ? "\r" : "", head);
    int bar = f->display.terminal ? bar_length(width - used - (int)strlen(tail), ended) : 0;
    show_bar(out, p, bar);
    used += bar;
    fprintf(out, "%.*s%s", ended ? TEXT : fitting(tail, width - used), tail, f->display.terminal ? "\033[K" : "");
}

/* ---- when ---- */

/* On a terminal ten times a second. */
void ct__display_batch(ct__fit *f)
{
    double now = seconds_now();
    if (!f->display.terminal || now - f->display.shown < 0.1)
        return;
    f->display.shown = now;
    show_line(f, now, false);
    fflush(f->display.stream);
}

void ct__display_epoch_ends(ct__fit *f)
{
    if (!f->display.stream)
        return;
    show_line(f, seconds_now(), true);
    fputc('\n', f->display.stream);
    fflush(f->display.stream);
}
