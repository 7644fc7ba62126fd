/* What a training shows of itself: a bar that moves on a terminal, a line for each epoch elsewhere.
 *
 * Invariant: nothing that is shown has an effect on what is computed. */
#include "fit_internal.h"
#include <math.h>
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

static void show_bar(FILE *out, const ct_progress *p)
{
    enum { WIDTH = 20 };
    char bar[WIDTH + 1] = "....................";
    memset(bar, '=', (size_t)((double)WIDTH * (double)p->epoch_step / (double)p->epoch_steps));
    fprintf(out, " [%s]", bar);
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

/* All but the end of the line. */
static void show_line(const ct__fit *f, double now)
{
    const ct_progress *p = &f->progress;
    FILE *out = f->display.stream;
    fprintf(out, "%sepoch %lld/%lld", f->display.terminal ? "\r" : "", (long long)p->epoch, (long long)p->epochs);
    if (f->display.terminal)
        show_bar(out, p);
    show_measures(out, p, "", p->epoch_loss, p->epoch_metrics);
    fprintf(out, "  %.0f samples/s", 1 / pace(f, now));
}

/* ---- when ---- */

/* On a terminal ten times a second. */
void ct__display_batch(ct__fit *f)
{
    double now = seconds_now();
    if (!f->display.terminal || now - f->display.shown < 0.1)
        return;
    f->display.shown = now;
    show_line(f, now);
    int64_t all = ct_batches_samples(f->batches);
    double left =
        (double)(f->progress.epochs - f->progress.epoch + 1) * (double)all - (double)f->progress.epoch_samples;
    show_time(f->display.stream, left * pace(f, now));
    fputs(" left\033[K", f->display.stream);
    fflush(f->display.stream);
}

void ct__display_epoch_ends(ct__fit *f)
{
    const ct_progress *p = &f->progress;
    FILE *out = f->display.stream;
    double now = seconds_now();
    if (!out)
        return;
    show_line(f, now);
    if (f->options.validation)
        show_measures(out, p, "val_", p->validation_loss, p->validation_metrics);
    show_time(out, now - f->display.epoch_start);
    fputs(f->display.terminal ? "\033[K\n" : "\n", out);
    fflush(out);
}
