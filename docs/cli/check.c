/* cotan check: the gradient checker on records of operations, those of a shared library or the library's own. */
#include "records.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ORDER, FAST, SEED, BUDGET, JSON, JUNIT, VERBOSE };
static const option options[] = {
    {"order", "N", "up to which derivative, 1, 2 or 3; 2 if not given"},
    {"fast", NULL, "along a few random directions instead of every element"},
    {"seed", "N", "of the numbers in the samples; another one sees other points"},
    {"budget", "S", "stop after so many seconds in all; what was not looked at is told, and is no pass"},
    {"json", NULL, "write the verdicts and the reports as JSON"},
    {"junit", "FILE", "write the verdicts as a JUnit test suite, too"},
    {"verbose", NULL, "print the whole report of every operation, not only of those that fail"},
    {0}};

typedef struct checking {
    const arguments *given;
    records found;
    int64_t order, seed;
    double until;                 /* on the clock of now(); 0: no budget */
    ct_gradcheck_report *reports; /* one for each record */
    json_t *json;                 /* an array, with --json */
} checking;

/* The whole number that an option has, from least to most; false after complaining. */
static bool read_number(const arguments *given, int which, int64_t least, int64_t most, int64_t *number)
{
    const char *text = given->values[which];
    char *end = NULL;
    if (!text)
        return true;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *number = value;
    if (end != text && !*end && !errno && value >= least && value <= most)
        return true;
    if (most == INT64_MAX)
        return complain(given->command, "--%s %s: a whole number from %lld on is needed", options[which].name, text,
                        (long long)least),
               false;
    return complain(given->command, "--%s %s: a whole number from %lld to %lld is needed", options[which].name, text,
                    (long long)least, (long long)most),
           false;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The end of the budget, if one is given; false after complaining. */
static bool read_seconds(const arguments *given, double *until)
{
    const char *text = given->values[BUDGET];
    char *end = NULL;
    double seconds = text ? strtod(text, &end) : 0;
    if (text && (end == text || *end || !(seconds > 0 && seconds < 1e9)))
        return complain(given->command, "--budget %s: a number of seconds above 0 is needed", text), false;
    *until = text ? now() + seconds : 0;
    return true;
}

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

typedef struct outcome {
    const char *verdict; /* in a word */
    bool good;
    char why[512]; /* "" if all is well */
} outcome;

/* The verdict in a word, and why it is none that is good. */
static void judge(const ct_op *op, ct_verdict verdict, const ct_gradcheck_report *report, outcome *o)
{
    bool none = verdict == CT_VACUOUS && ct_has_no_gradient(op) && ct_error_code() == CT_OK;
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

/* The report says what the line says, of whatever kind that is. */
static void complete(const ct_op *op, const outcome *o, ct_gradcheck_report *report)
{
    report->subject = op->name;
    if (o->good || report->verdict > CT_KINK)
        return;
    report->check = "";
    report->verdict = CT_INCONCLUSIVE;
    snprintf(report->cause, sizeof report->cause, "%.*s", (int)sizeof report->cause - 1, o->why);
}

/* As ct_gradcheck_write_json() writes it. */
static json_t *report_json(const ct_gradcheck_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    bool written = stream && ct_gradcheck_write_json(report, stream) == CT_OK;
    if (stream)
        fclose(stream);
    json_t *object = written ? json_loadb(text, size, 0, NULL) : NULL;
    free(text);
    return object ? object : json_null();
}

static void add_json(json_t *all, const ct_op *op, const ct_gradcheck_report *report, const outcome *o)
{
    json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s, s:i, s:I, s:I, s:I, s:f, s:o}", "op", op->name,
                                         "verdict", o->verdict, "good", o->good, "why", o->why, "argument",
                                         report->argument, "elements", (json_int_t)report->elements, "bad",
                                         (json_int_t)report->bad, "evaluations", (json_int_t)report->evaluations,
                                         "seconds", report->seconds, "report", report_json(report)));
}

static void print_outcome(const arguments *given, int width, const ct_op *op, const ct_gradcheck_report *report,
                          const outcome *o)
{
    bool fast = report->n_tensors && report->tensors[0].mode == CT_FAST;
    printf("%s%-7s%s  %-*s", o->good ? "" : bold(stdout), o->verdict, plain(stdout), width, op->name);
    if (report->elements)
        printf("  %6lld %s, %7lld evaluations", (long long)report->elements, fast ? "probes" : "elements",
               (long long)report->evaluations);
    bool whole = given->values[VERBOSE] || (!o->good && report->elements && strcmp(report->check, "definition") != 0);
    printf("%s%s\n", *o->why && !whole ? "  " : "", whole ? "" : o->why);
    if (whole) {
        ct_gradcheck_print(report, stdout);
        printf("\n");
    }
}

/* What is left of the budget; 0 where there is none. */
static double seconds_left(const checking *c)
{
    double left = c->until - now();
    return c->until == 0 ? 0 : left > 1e-9 ? left : 1e-9;
}

/* A line on the terminal, written over itself. */
static bool show_progress(const char *what, int64_t done, int64_t of, void *user)
{
    fprintf(stderr, "\r\033[K%s: %s, %lld of %lld", (const char *)user, what, (long long)done, (long long)of);
    return true;
}

/* Checks record i; whether it is good. */
static bool check_one(checking *c, int i, int width)
{
    const ct_op *op = c->found.ops[i];
    ct_gradcheck_report *report = &c->reports[i];
    outcome o;
    bool terminal = isatty(fileno(stderr));
    fflush(stdout);
    watch_crashes(c->given->command, DIFFERS, op->name, "crashed while it was run on its samples");
    ct_verdict verdict =
        ct_gradcheck_op(op, report, .order = (int)c->order, .seed = (uint64_t)c->seed,
                        .mode = c->given->values[FAST] ? CT_FAST : CT_FULL, .seconds = seconds_left(c),
                        .progress = terminal ? show_progress : NULL, .progress_user = (void *)op->name);
    if (terminal)
        fprintf(stderr, "\r\033[K");
    judge(op, verdict, report, &o);
    complete(op, &o, report);
    if (c->json)
        add_json(c->json, op, report, &o);
    else
        print_outcome(c->given, width, op, report, &o);
    return o.good;
}

/* Whether all are good. */
static bool check_all(checking *c)
{
    int good = 0, width = 0, n = c->found.n;
    for (int i = 0; i < n; i++)
        width = text_width(c->found.ops[i]->name) > width ? text_width(c->found.ops[i]->name) : width;
    for (int i = 0; i < n; i++)
        good += check_one(c, i, width);
    if (!c->json)
        printf("%d of %d operation%s right\n", good, n, n == 1 ? "" : "s");
    return good == n;
}

static ct_status put_junit(FILE *stream, void *user)
{
    const checking *c = user;
    return ct_gradcheck_write_junit(c->reports, c->found.n, stream);
}

/* Checks, and writes what is asked for beside the lines. */
static int check(checking *c)
{
    bool good = check_all(c);
    if (c->json && (json_dumpf(c->json, stdout, JSON_INDENT(1)) != 0 || printf("\n") < 0))
        return complain(c->given->command, "the JSON cannot be written");
    if (c->given->values[JUNIT] && ct_file_write("check", c->given->values[JUNIT], put_junit, c) != CT_OK)
        return complain_of_error(c->given->command);
    return good ? FINE : DIFFERS;
}

static int run(const arguments *given)
{
    const char *word = given->words[0];
    checking c = {.given = given, .order = 2};
    if (!read_number(given, ORDER, 1, 3, &c.order) || !read_number(given, SEED, 0, INT64_MAX, &c.seed) ||
        !read_seconds(given, &c.until) ||
        (given->values[JUNIT] && !can_write(given, &options[JUNIT], given->values[JUNIT])) ||
        !(strchr(word, '/') ? load_records(given->command, word, &c.found) : look_up(given, word, &c.found)))
        return WRONG_USE;
    c.reports = calloc((size_t)c.found.n, sizeof *c.reports);
    c.json = given->values[JSON] ? json_array() : NULL;
    int status = c.reports ? check(&c) : complain(given->command, "no memory");
    for (int i = 0; c.reports && i < c.found.n; i++)
        ct_gradcheck_report_free(&c.reports[i]);
    free(c.reports);
    json_decref(c.json);
    return status;
}

const command check_command = {
    .name = "check",
    .usage = "LIBRARY.so|OPERATION",
    .min_words = 1,
    .max_words = 1,
    .summary = "gradient-check the operations of a shared library",
    .about = "Loads a shared library, finds the records of operations in it (every constant ct_op that is exported), "
             "and checks "
             "the gradient of each on the samples of its record, to the second order, with all structural checks; of "
             "one that "
             "has an expression beside its forward and backward also whether these agree. A word without "
             "a slash is one of cotan's own operations.\nThe exit status is 0 if all are right, 1 if one is not.",
    .options = options,
    .examples =
        "  cc -shared -fPIC -o my_ops.so my_ops.c $(pkg-config --cflags --libs cotan)\n  cotan check ./my_ops.so\n"
        "  cotan check ./my_ops.so --junit report.xml\n  cotan check softmax --verbose --order 3\n",
    .run = run,
};
