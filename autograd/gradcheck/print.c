/* The report, for people: the verdict, the table of tensors, the culprit. Invariant: reads only the report. */
#include "findings.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Tables of a model with hundreds of tensors show all that is not a pass, and so many of those that are. */
enum { PASSES_SHOWN = 40, SAMPLES_SHOWN = 12 };

/* ---- colours, on a terminal (https://no-color.org) ---- */

static bool is_coloured(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static const char *colour_of(FILE *stream, ct_verdict verdict)
{
    return !is_coloured(stream)         ? ""
           : ct_verdict_good(verdict)   ? "\033[32m"
           : verdict < CT_INCONCLUSIVE  ? "\033[2m"
           : verdict == CT_INCONCLUSIVE ? "\033[33m"
                                        : "\033[1;31m";
}

static const char *plain(FILE *stream)
{
    return is_coloured(stream) ? "\033[0m" : "";
}

/* ---- the table ---- */

static const char *index_text(const ct_gradcheck_tensor *row, char *buffer)
{
    return row->located ? ct__shape_text(row->worst, row->rank, buffer) : row->checked ? "probe" : "-";
}

/* "0", "2, 2nd", "0, #3". */
static const char *input_text(const ct_gradcheck_tensor *row, char *buffer, size_t size)
{
    static const char *const orders[] = {"", "", ", 2nd", ", 3rd"};
    snprintf(buffer, size, "%d%s", row->input, row->order >= 1 && row->order <= 3 ? orders[row->order] : "");
    if (row->sample > 0)
        snprintf(buffer + strlen(buffer), size - strlen(buffer), ", #%d", row->sample);
    return buffer;
}

/* A row is at most 100 columns wide while shapes and counts are of a usual length. */
static void print_row(FILE *stream, const ct_gradcheck_tensor *row)
{
    char shape[CT_SHAPE_TEXT], index[CT_SHAPE_TEXT], input[48], counts[64];
    snprintf(counts, sizeof counts, "%lld/%lld/%lld of %lld", (long long)row->bad, (long long)row->kinks,
             (long long)row->inconclusive, (long long)row->checked);
    fprintf(stream, "  %-8s %-11s %s%-12s%s %-14s %-9s %10.4g %10.4g %8.1e %7.1e\n",
            input_text(row, input, sizeof input), ct__shape_text(row->shape, row->rank, shape),
            colour_of(stream, row->verdict), ct_verdict_name(row->verdict), plain(stream), counts,
            index_text(row, index), row->analytic, row->numeric, row->analytic - row->numeric, row->tolerance);
}

static void print_table(FILE *stream, const ct_gradcheck_report *report)
{
    if (report->n_tensors == 0)
        return;
    fprintf(stream, "\n  %-8s %-11s %-12s %-14s %-9s %10s %10s %8s %7s\n", "input", "shape", "verdict", "bad/kink/open",
            "worst at", "computed", "measured", "off by", "allowed");
    int passes = 0, left_out = 0;
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->verdict == CT_PASS && ++passes > PASSES_SHOWN)
            left_out++;
        else
            print_row(stream, row);
    }
    if (left_out)
        fprintf(stream, "  ... and %d more that pass\n", left_out);
}

/* Whether the row is the first of its sample. */
static bool begins_sample(const ct_gradcheck_report *report, int i)
{
    for (int k = 0; k < i; k++)
        if (report->tensors[k].sample == report->tensors[i].sample)
            return false;
    return report->tensors[i].inputs != NULL;
}

static void print_samples(FILE *stream, const ct_gradcheck_report *report)
{
    int shown = 0;
    for (int i = 0; i < report->n_tensors && shown < SAMPLES_SHOWN; i++)
        if (begins_sample(report, i) && ++shown)
            fprintf(stream, "  #%d: the sample \"%s\"\n", report->tensors[i].sample, report->tensors[i].inputs);
}

/* What "2nd" and "#1" mean, where there are any. */
static void print_legend(FILE *stream, const ct_gradcheck_report *report)
{
    int order = 0;
    for (int i = 0; i < report->n_tensors; i++)
        order = report->tensors[i].order > order ? report->tensors[i].order : order;
    if (order > 1)
        fprintf(stream,
                "  2nd: of the gradient, as a function of the inputs and then of what comes back to each result\n");
    if (order > 2)
        fprintf(stream, "  3rd: of the 2nd, likewise\n");
    print_samples(stream, report);
}

/* All that is wrong, each with what it looks like, where it is not the one that is the culprit's. */
static void print_wrong(FILE *stream, const ct_gradcheck_report *report)
{
    char input[48];
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->verdict != CT_FAIL || strcmp(row->pattern, report->cause) == 0)
            continue;
        fprintf(stream, "  input %s: %s\n", input_text(row, input, sizeof input),
                row->pattern[0] ? row->pattern : "differs in no simple pattern");
    }
}

static void print_notes(FILE *stream, const ct_gradcheck_report *report)
{
    if (report->n_tensors == 0)
        return;
    if (isnan(report->notes_ratio))
        fprintf(stream, "\n  lecture notes' ratio: not computed; it needs every element (full mode)\n");
    else if (report->notes_noise)
        fprintf(stream,
                "\n  lecture notes' ratio: saw nothing, since rounding alone comes near 1e-3 of so small a gradient\n");
    else
        fprintf(stream,
                "\n  lecture notes' ratio of the whole gradient (step 1e-7; above 1e-3 means a mistake): %.1e\n",
                report->notes_ratio);
}

static void print_culprit(FILE *stream, const ct_gradcheck_report *report)
{
    if (report->verdict < CT_NONDETERMINISTIC || !report->cause[0])
        return;
    fprintf(stream, "\n  culprit: ");
    if (report->engine)
        fprintf(stream, "no operation: each is right on its own");
    else if (report->op[0])
        fprintf(stream, "operation '%s'", report->op);
    else
        fprintf(stream, "the function");
    if (report->node >= 0)
        fprintf(stream, ", node %lld of the forward pass", (long long)report->node);
    if (report->argument >= 0)
        fprintf(stream, ", gradient of input %d", report->argument);
    if (report->parameter)
        fprintf(stream, ", parameter %s", report->parameter);
    if (report->region && *report->region)
        fprintf(stream, ", in %s", report->region);
    if (report->file)
        fprintf(stream, ", called at %s:%d", report->file, report->line);
    fprintf(stream, "\n  check:   %s\n  cause:   %s\n", report->check, report->cause);
}

static void print_unlooked(FILE *stream, const ct_gradcheck_report *report)
{
    if (report->unlooked[0])
        fprintf(stream, "\n  stopped before all was done; not looked at: %s\n", report->unlooked);
}

static void print_head(FILE *stream, const ct_gradcheck_report *report)
{
    fprintf(stream, "%s%s%s: gradient check of %s", colour_of(stream, report->verdict),
            ct_verdict_name(report->verdict), plain(stream), report->subject ? report->subject : "nothing");
    if (report->verdict == CT_VACUOUS)
        fprintf(stream, ": %s",
                report->cause[0]    ? report->cause
                : report->n_tensors ? "both gradients are below the noise floor"
                                    : "nothing was checked");
    fprintf(stream, "\n  %lld %s checked, %lld bad, %lld at kinks, %lld inconclusive\n  ", (long long)report->elements,
            report->n_tensors && report->tensors[0].mode == CT_FAST ? "probes" : "elements", (long long)report->bad,
            (long long)report->kinks, (long long)report->inconclusive);
    if (report->nodes)
        fprintf(stream, "%lld nodes replayed, ", (long long)report->nodes);
    fprintf(stream, "%lld structural checks, %lld evaluations, seed %llu, %.2f s\n", (long long)report->structural,
            (long long)report->evaluations, (unsigned long long)report->seed, report->seconds);
}

ct_status ct_gradcheck_print(const ct_gradcheck_report *report, FILE *stream)
{
    if (!report || !stream)
        return ct__error(CT_ERROR_NULL, "gradcheck_print: %s is NULL", report ? "the stream" : "the report");
    ct__writing w = ct__write_begin("gradcheck_print", stream);
    print_head(stream, report);
    print_table(stream, report);
    print_legend(stream, report);
    print_notes(stream, report);
    print_unlooked(stream, report);
    print_culprit(stream, report);
    print_wrong(stream, report);
    return ct__write_end(&w, CT_OK);
}
