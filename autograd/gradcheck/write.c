/* The report for programs: JSON, and JUnit for continuous integration. Invariant: what is written is JSON and XML whatever the values
 * and texts are; reads only the report. */
#include "findings.h"
#include "json.h"
#include <math.h>

/* ---- JSON ---- */

/* JSON has no NaN and no infinity: null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* JSON's integers end at 2^63 here: a larger seed is a string of its digits. */
static json_t *seed_json(uint64_t seed)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)seed);
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_string(digits);
}

static json_t *sizes(const int64_t *values, int n)
{
    json_t *array = json_array();
    for (int i = 0; array && i < n; i++)
        json_array_append_new(array, json_integer(values[i]));
    return array;
}

static json_t *row_json(const ct_gradcheck_tensor *row)
{
    return json_pack(
        "{si si si ss ss so sI sI sI sI so so so so so so so so ss ss*}", "input", row->input, "sample", row->sample,
        "order", row->order, "verdict", ct_verdict_name(row->verdict), "mode", row->mode == CT_FAST ? "fast" : "full",
        "shape", sizes(row->shape, row->rank), "checked", (json_int_t)row->checked, "bad", (json_int_t)row->bad,
        "kinks", (json_int_t)row->kinks, "inconclusive", (json_int_t)row->inconclusive, "worst",
        row->located ? sizes(row->worst, row->rank) : json_null(), "x", row->located ? number(row->x) : json_null(),
        "computed", number(row->analytic), "measured", number(row->numeric), "error", number(row->error), "allowed",
        number(row->tolerance), "ratio", number(row->ratio), "resolution", number(row->resolution), "pattern",
        row->pattern, "inputs", row->inputs);
}

static json_t *report_json(const ct_gradcheck_report *r)
{
    json_t *rows = json_array();
    for (int i = 0; rows && i < r->n_tensors; i++)
        if (json_array_append_new(rows, row_json(&r->tensors[i])) != 0)
            return json_decref(rows), NULL;
    return json_pack("{ss ss sb sI sI sI sI sI sI sI sf so ss ss sI si ss* ss* si ss* sb ss sb ss so}", "subject",
                     r->subject ? r->subject : "", "verdict", ct_verdict_name(r->verdict), "good",
                     ct_verdict_good(r->verdict), "elements", (json_int_t)r->elements, "bad", (json_int_t)r->bad,
                     "kinks", (json_int_t)r->kinks, "inconclusive", (json_int_t)r->inconclusive, "evaluations",
                     (json_int_t)r->evaluations, "structural", (json_int_t)r->structural, "nodes", (json_int_t)r->nodes,
                     "seconds", r->seconds, "seed", seed_json(r->seed), "check", r->check ? r->check : "", "op",
                     r->op ? r->op : "", "node", (json_int_t)r->node, "argument", r->argument, "parameter",
                     r->parameter, "file", r->file, "line", r->line, "region", r->region, "engine", r->engine, "cause",
                     r->cause, "unexplained", r->unexplained, "unlooked", r->unlooked, "tensors", rows);
}

ct_status ct_gradcheck_write_json(const ct_gradcheck_report *report, FILE *stream)
{
    if (!report || !stream)
        return ct__error(CT_ERROR_NULL, "gradcheck_write_json: %s is NULL", report ? "the stream" : "the report");
    ct__writing w = ct__write_begin("gradcheck_write_json", stream);
    json_t *all = report_json(report);
    ct_status status = all ? CT_OK : ct__no_memory("gradcheck_write_json");
    if (all && (json_dumpf(all, stream, JSON_INDENT(1)) != 0 || fputc('\n', stream) == EOF))
        status = ct__error(CT_ERROR_IO, "gradcheck_write_json: the stream takes no more");
    json_decref(all);
    return ct__write_end(&w, status);
}

/* ---- JUnit ---- */

/* As the text of an attribute. XML 1.0 has no control characters. */
static void write_text(const char *text, FILE *stream)
{
    for (; text && *text; text++) {
        const char *name = *text == '<'   ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '&' ? "&amp;"
                           : *text == '"' ? "&quot;"
                                          : NULL;
        if (name)
            fputs(name, stream);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
    }
}

/* A line for each input that is wrong. */
static void write_wrong(const ct_gradcheck_report *r, FILE *stream)
{
    for (int i = 0; i < r->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &r->tensors[i];
        if (row->verdict != CT_FAIL)
            continue;
        fprintf(stream, "\ninput %d, order %d, sample %d: ", row->input, row->order, row->sample);
        write_text(row->pattern[0] ? row->pattern : "in no simple pattern", stream);
    }
}

static void write_case(const ct_gradcheck_report *r, FILE *stream)
{
    fputs("  <testcase classname=\"gradcheck\" name=\"", stream);
    write_text(r->subject, stream);
    fprintf(stream, "\" time=\"%.3f\"", r->seconds);
    if (ct_verdict_good(r->verdict)) {
        fputs("/>\n", stream);
        return;
    }
    fprintf(stream, ">\n    <%s message=\"%s: ", r->verdict == CT_VACUOUS ? "skipped" : "failure",
            ct_verdict_name(r->verdict));
    write_text(r->check && *r->check ? r->check : "nothing to compare", stream);
    fputs(*r->cause ? ": " : "", stream);
    write_text(r->cause, stream);
    fputs("\">", stream);
    write_wrong(r, stream);
    fprintf(stream, "</%s>\n  </testcase>\n", r->verdict == CT_VACUOUS ? "skipped" : "failure");
}

ct_status ct_gradcheck_write_junit(const ct_gradcheck_report *reports, int n, FILE *stream)
{
    if (!stream || (n > 0 && !reports))
        return ct__error(CT_ERROR_NULL, "gradcheck_write_junit: %s NULL", stream ? "the reports are" : "the stream is");
    int failures = 0, skipped = 0;
    double seconds = 0;
    for (int i = 0; i < n; i++) {
        skipped += reports[i].verdict == CT_VACUOUS;
        failures += reports[i].verdict > CT_KINK;
        seconds += reports[i].seconds;
    }
    ct__writing w = ct__write_begin("gradcheck_write_junit", stream);
    fprintf(stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"cotan\" tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"%d\" time=\"%.3f\">\n",
            n > 0 ? n : 0, failures, skipped, seconds);
    for (int i = 0; i < n; i++)
        write_case(&reports[i], stream);
    fputs("</testsuite>\n", stream);
    return ct__write_end(&w, CT_OK);
}
