/* cotan check: the gradient checker on records of operations, those of a shared library or the library's own. */
#include "records.h"
#include <jansson.h>
#include <string.h>

enum { JSON, VERBOSE };
static const option options[] = {
    {"json", NULL, "write the verdicts as JSON"},
    {"verbose", NULL, "print the whole report of every operation, not only of those that fail"},
    {0}};

/* One of the library's own. */
static bool look_up(const arguments *given, const char *name, records *found)
{
    const char *names[1024];
    int n;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n && i < 1024; i++) {
        names[i] = ops[i]->name;
        if (strcmp(name, names[i]) == 0)
            found->ops[found->n++] = ops[i];
    }
    const char *like = nearest(name, (int)strlen(name), names, n);
    if (found->n == 0)
        complain(given->command, "there is no operation '%s'%s%s%s; a library's path has a / in it", name,
                 like ? "; the nearest is '" : "", like ? like : "", like ? "'" : "");
    return found->n > 0;
}

/* ---- checking ---- */

static bool without_gradient(const ct_op *op)
{
    return op->gradient && strncmp(op->gradient, "none", 4) == 0;
}

typedef struct outcome {
    const char *verdict; /* in a word */
    bool good;
    char why[512]; /* "" if all is well */
} outcome;

static void judge(const ct_op *op, ct_verdict verdict, const ct_gradcheck_report *report, outcome *o)
{
    bool none = verdict == CT_VACUOUS && without_gradient(op) && ct_error_code() == CT_OK;
    *o = (outcome){none ? "none" : ct_verdict_name(verdict), none || ct_verdict_good(verdict), ""};
    if (none)
        snprintf(o->why, sizeof o->why, "no gradient (%s)", op->gradient);
    else if (ct_error_code() != CT_OK)
        snprintf(o->why, sizeof o->why, "%s", ct_error_message());
    else if (!op->samples || !op->samples->inputs)
        snprintf(o->why, sizeof o->why, "the record has no samples: nothing was checked");
    else if (!o->good)
        snprintf(o->why, sizeof o->why, "%s%s%s", report->check ? report->check : "", *report->cause ? ": " : "",
                 report->cause);
    ct_error_clear();
}

static void add_json(json_t *all, const ct_op *op, const ct_gradcheck_report *report, const outcome *o)
{
    json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s, s:i, s:I, s:I, s:I, s:f}", "op", op->name, "verdict",
                                         o->verdict, "good", o->good, "why", o->why, "argument", report->argument,
                                         "elements", (json_int_t)report->elements, "bad", (json_int_t)report->bad,
                                         "evaluations", (json_int_t)report->evaluations, "seconds", report->seconds));
}

static void print_outcome(const arguments *given, int width, const ct_op *op, const ct_gradcheck_report *report,
                          const outcome *o)
{
    printf("%s%-7s%s  %-*s", o->good ? "" : bold(stdout), o->verdict, plain(stdout), width, op->name);
    if (report->elements)
        printf("  %6lld elements, %7lld evaluations", (long long)report->elements, (long long)report->evaluations);
    bool whole = given->values[VERBOSE] || (!o->good && report->elements);
    printf("%s%s\n", *o->why && !whole ? "  " : "", whole ? "" : o->why);
    if (whole) {
        ct_gradcheck_print(report, stdout);
        printf("\n");
    }
}

/* Whether all are good. */
static bool check_all(const arguments *given, const records *found, json_t *json)
{
    int good = 0, width = 0;
    for (int i = 0; i < found->n; i++)
        width = text_width(found->ops[i]->name) > width ? text_width(found->ops[i]->name) : width;
    for (int i = 0; i < found->n; i++) {
        ct_gradcheck_report report = {0};
        outcome o;
        fflush(stdout);
        watch_crashes(given->command, DIFFERS, found->ops[i]->name, "crashed while it was run on its samples");
        judge(found->ops[i], ct_gradcheck_op(found->ops[i], &report, .order = 2), &report, &o);
        good += o.good;
        if (json)
            add_json(json, found->ops[i], &report, &o);
        else
            print_outcome(given, width, found->ops[i], &report, &o);
        ct_gradcheck_report_free(&report);
    }
    if (!json)
        printf("%d of %d operation%s right\n", good, found->n, found->n == 1 ? "" : "s");
    return good == found->n;
}

static int run(const arguments *given)
{
    const char *word = given->words[0];
    records found = {0};
    if (!(strchr(word, '/') ? load_records(given->command, word, &found) : look_up(given, word, &found)))
        return WRONG_USE;
    json_t *json = given->values[JSON] ? json_array() : NULL;
    bool good = check_all(given, &found, json);
    if (json)
        printf(json_dumpf(json, stdout, JSON_INDENT(1)) == 0 ? "\n" : "");
    json_decref(json);
    return good ? FINE : DIFFERS;
}

const command check_command = {
    .name = "check",
    .usage = "LIBRARY.so|OPERATION",
    .min_words = 1,
    .max_words = 1,
    .summary = "gradient-check the operations of a shared library",
    .about = "Loads a shared library, finds the records of operations in it (every constant ct_op that is exported), "
             "and checks "
             "the gradient of each on the samples of its record, to the second order, with all structural checks. A "
             "word without "
             "a slash is one of cotan's own operations.\nThe exit status is 0 if all are right, 1 if one is not.",
    .options = options,
    .examples =
        "  cc -shared -fPIC -o my_ops.so my_ops.c $(pkg-config --cflags --libs cotan)\n  cotan check ./my_ops.so\n"
        "  cotan check softmax --verbose\n",
    .run = run,
};
