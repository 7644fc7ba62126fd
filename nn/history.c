/* What was measured in each epoch: as a table (CSV), as curves, and as events for TensorBoard.
 *
 * Invariant: table and curves are written whole from the history, so that a training that was resumed leaves those of one that was
 * not. Events are added, and a training that goes on says from which epoch on what was written before counts no more. */
#include "fit_internal.h"
#include <math.h>

/* A row: loss and metrics, those of the validation, the learning rate. */
enum { LOSS = 0, VALIDATION = 1 + CT_METRICS, RATE = CT__HISTORY_ROW - 1 };

ct_status ct__history_add(ct__fit *f)
{
    const ct_progress *p = &f->progress;
    void *more = ct_reallocate(f->history, (size_t)(f->epochs_done + 1) * sizeof *f->history);
    if (!more)
        return ct__nn_no_memory("fit");
    f->history = more;
    double *row = f->history[f->epochs_done++];
    row[LOSS] = p->epoch_loss;
    memcpy(row + LOSS + 1, p->epoch_metrics, sizeof p->epoch_metrics);
    row[VALIDATION] = p->validation_loss;
    memcpy(row + VALIDATION + 1, p->validation_metrics, sizeof p->validation_metrics);
    row[RATE] = p->lr;
    return CT_OK;
}

/* ---- the table ---- */

static void write_names(FILE *out, const ct__fit *f, const char *before)
{
    fprintf(out, ",%sloss", before);
    for (int i = 0; i < f->measures.n; i++)
        fprintf(out, ",%s%s", before, f->measures.metrics[i]->name);
}

static void write_values(FILE *out, const ct__fit *f, const double *values)
{
    for (int i = 0; i < 1 + f->measures.n; i++)
        fprintf(out, ",%.9g", values[i]);
}

static ct_status write_log(FILE *out, void *context)
{
    const ct__fit *f = context;
    bool validated = f->options.validation != NULL;
    fputs("epoch", out);
    write_names(out, f, "");
    if (validated)
        write_names(out, f, "val_");
    fputs(",lr\n", out);
    for (int64_t i = 0; i < f->epochs_done; i++) {
        fprintf(out, "%lld", (long long)i + 1);
        write_values(out, f, f->history[i] + LOSS);
        if (validated)
            write_values(out, f, f->history[i] + VALIDATION);
        fprintf(out, ",%.9g\n", f->history[i][RATE]);
    }
    return CT_OK; /* the stream knows of what could not be written */
}

/* ---- the curves ---- */

/* One measure over the epochs: training, and validation if there is one. */
static ct_status draw(const ct__fit *f, int measure, const char *name, double *columns)
{
    int64_t n = f->epochs_done;
    double *epochs = columns, *training = columns + n, *validation = columns + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        epochs[i] = (double)i + 1;
        training[i] = f->history[i][LOSS + measure];
        validation[i] = f->history[i][VALIDATION + measure];
    }
    const ct_series series[] = {{.label = "training", .x = epochs, .y = training, .n = n},
                                {.label = "validation", .x = epochs, .y = validation, .n = n}};
    char end[128];
    snprintf(end, sizeof end, ".%.100s.svg", name);
    char *path = ct__nn_joined(f->options.curves, end);
    CT_OPTIONS(ct_plot_options, plot, .title = name, .x_label = "epoch", .y_label = name);
    ct_status status = path ? ct_plot_svg(path, series, f->options.validation ? 2 : 1, &plot) : ct_error_code();
    ct_deallocate(path);
    return status;
}

static ct_status draw_all(const ct__fit *f)
{
    double *columns = ct__nn_alloc("fit", 3 * f->epochs_done, sizeof *columns);
    ct_status status = columns ? draw(f, 0, "loss", columns) : ct_error_code();
    for (int i = 0; i < f->measures.n && status == CT_OK; i++)
        status = draw(f, 1 + i, f->measures.metrics[i]->name, columns);
    ct_deallocate(columns);
    return status;
}

/* ---- the events ---- */

ct_status ct__history_begin(ct__fit *f)
{
    CT_OPTIONS(ct_events_options, options, );
    if (!f->options.events)
        return CT_OK;
    if (f->epochs_done > 0)
        options.purge_step = f->epochs_done + 1;
    f->events = ct_events_open(f->options.events, &options);
    return f->events ? CT_OK : ct_error_code();
}

static void write_point(const ct__fit *f, const char *name, const char *of, double value)
{
    char tag[128];
    snprintf(tag, sizeof tag, "%.100s%s", name, of);
    ct_events_scalar(f->events, tag, value, f->epochs_done);
}

static void write_points(const ct__fit *f, const char *of, const double *values)
{
    write_point(f, "loss", of, values[0]);
    for (int i = 0; i < f->measures.n; i++)
        write_point(f, f->measures.metrics[i]->name, of, values[1 + i]);
}

/* Whether the epoch of that number is one whose histograms are written. */
static bool histograms_due(const ct__fit *f, int64_t epoch)
{
    return f->events && f->options.histograms > 0 && epoch % f->options.histograms == 0;
}

static void write_histogram(const ct__fit *f, const char *name, const char *of, const ct_tensor *t, int64_t epoch)
{
    char *tag = t && ct_numel(t) > 0 ? ct__nn_joined(name, of) : NULL;
    if (tag)
        ct_events_histogram(f->events, tag, t, epoch);
    ct_deallocate(tag);
}

/* As backward left them, before they are clipped. */
ct_status ct__history_gradients(const ct__fit *f)
{
    const ct_optimizer *optimizer = f->optimizer;
    int64_t epoch = f->epochs_done + 1;
    for (int64_t i = 0; histograms_due(f, epoch) && i < optimizer->count; i++)
        write_histogram(f, optimizer->slots[i].name, ".grad", ct_grad_of(optimizer->slots[i].parameter), epoch);
    return ct_error_code();
}

static ct_status write_events(const ct__fit *f)
{
    const double *row = f->history[f->epochs_done - 1];
    const ct_optimizer *optimizer = f->optimizer;
    write_points(f, "/training", row + LOSS);
    if (f->options.validation)
        write_points(f, "/validation", row + VALIDATION);
    write_point(f, "lr", "", row[RATE]);
    for (int64_t i = 0; histograms_due(f, f->epochs_done) && i < optimizer->count; i++)
        write_histogram(f, optimizer->slots[i].name, "", optimizer->slots[i].parameter, f->epochs_done);
    return ct_error_code() == CT_OK ? ct_events_flush(f->events) : ct_error_code();
}

ct_status ct__history_end(ct__fit *f)
{
    return f->events ? ct_events_close(f->events) : CT_OK;
}

/* ---- all ---- */

ct_status ct__history_write(const ct__fit *f)
{
    ct_status status = CT_OK;
    if (f->options.log)
        status = ct_file_write("fit", f->options.log, write_log, (void *)f);
    if (status == CT_OK && f->options.curves)
        status = draw_all(f);
    return status == CT_OK && f->events ? write_events(f) : status;
}
