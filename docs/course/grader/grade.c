/* Grades one exercise: the student's backward, which is linked in, stands in a record whose forward is the exercise's function, and the
 * library's checker looks at it in stages, the next only if the last was good. docs/course/check.sh compiles and calls it.
 *
 * Invariant: the report is written whole, at the end. Whoever finds none knows that the student's code crashed, hung or left.
 * usage: grade NUMBER TRIES text|json REPORT STAGE      writes the report, and before each stage its name; 0: passed, 1: not */
#include "exercises.h"
#include "record.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#undef ct_call_set_grad

/* ---- the record ---- */

static const exercise *current;

static ct_status infer(ct_call *call)
{
    return record_infer(call, current->value);
}

static ct_status forward(ct_call *call)
{
    return record_forward(call, current->value);
}

static void shape_text(const ct_tensor *t, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int axis = 0; axis < ct_rank(t) && used < size; axis++)
        used += (size_t)snprintf(text + used, size - used, axis ? ",%lld" : "%lld", (long long)ct_size(t, axis));
    if (used < size)
        snprintf(text + used, size - used, "]");
}

ct_status exercise_set_grad(ct_call *call, int i, ct_tensor *grad)
{
    bool saved = current->saves & CT_SAVE_INPUT(0);
    const ct_tensor *like =
        saved ? ct_call_input(call, i) : ct_call_output(call, 0); /* whose shape is the input's then */
    bool same = ct_rank(grad) == ct_rank(like);
    for (int axis = 0; same && axis < ct_rank(like); axis++)
        same = ct_size(grad, axis) == ct_size(like, axis);
    if (grad && like && !same) {
        char has[64], wants[64];
        shape_text(grad, has, sizeof has);
        shape_text(like, wants, sizeof wants);
        return ct_call_error(call, CT_ERROR_SHAPE,
                             "the gradient of %s is %s, and %s is %s: a gradient has its input's shape",
                             current->inputs[i], has, current->inputs[i], wants);
    }
    return ct_call_set_grad(call, i, grad);
}

static ct_op record_of(const ct_sample *samples)
{
    int inputs = 0;
    while (inputs < INPUTS && current->inputs[inputs])
        inputs++;
    return (ct_op){.name = current->name,
                   .min_inputs = inputs,
                   .max_inputs = inputs,
                   .saves = current->saves,
                   /* the second may be labels */
                   .takes = {CT_FLOATS | CT_MIXED, CT_FLOATS | CT_ONLY(CT_INT64) | CT_MIXED},
                   .infer = infer,
                   .forward = forward,
                   .backward = backward,
                   .samples = samples};
}

/* ---- what was found ---- */

typedef struct finding {
    const char *stage, *says; /* NULL: nothing, all stages are passed */
    bool unwritten;
    int input; /* -1: not known */
    bool located;
    ct_gradcheck_tensor worst;
    char cause[400];
} finding;

/* ---- known mistakes ---- */

static bool alike(const ct_tensor *a, const ct_tensor *b)
{
    double x[64], y[64], size = 0, off = 0, got = 0;
    int64_t n = ct_numel(a);
    if (!a || !b || n > 64 || ct_numel(b) != n || ct_to_values(a, x, n) != CT_OK || ct_to_values(b, y, n) != CT_OK)
        return false;
    for (int64_t k = 0; k < n; k++) {
        got = fmax(got, fabs(x[k]));
        size = fmax(size, fabs(y[k]));
        off = fmax(off, fabs(x[k] - y[k]));
    }
    return got > 0 && off <= 1e-9 * size;
}

/* The gradient of input i when g arrives at y. */
static ct_tensor *gradient_of(ct_tensor *y, ct_tensor *input, ct_tensor *g)
{
    ct_tensor *gradient = NULL;
    return ct_grad(&y, 1, &input, 1, &gradient, .gradients = &g) == CT_OK ? gradient : NULL;
}

/* What the student's gradient of an input looks like, by comparing it with gradients that are known to be wrong, or NULL. */
static const char *known_mistake(const ct_op *op, int input)
{
    ct_tensor *x[CT_MAX_INPUTS];
    int n;
    ct_seed(7);
    if (ct_sample_inputs(op->samples, CT_FLOAT64, x, &n) != CT_OK)
        return NULL;
    ct_tensor *y = ct_apply(op, x, n, NULL), *g = ct_randn(CT_FLOAT64, 0, 1, ct_shape(y), ct_rank(y));
    ct_tensor *got = gradient_of(y, x[input], g);
    ct_tensor *known = gradient_of(current->value(x), x[input], ct_ones_like(g));
    if (alike(got, known))
        return "what arrives, g, was left out: it is the local derivative alone, which is right only where g is 1";
    for (const wrong_rule *rule = current->wrong; rule < current->wrong + WRONG_RULES && rule->gradient; rule++)
        if (rule->input == input && alike(got, rule->gradient(x, y, g)))
            return rule->words;
    return NULL;
}

static void name_mistake(const ct_op *op, finding *found)
{
    const char *words = NULL;
    ct_scope_open();
    if (found->input >= 0)
        words = known_mistake(op, found->input);
    ct_scope_close();
    ct_error_clear();
    if (words)
        snprintf(found->cause, sizeof found->cause, "%s", words);
}

/* ---- the stages ---- */

typedef struct stage {
    const char *name, *says;
    size_t samples; /* where in an exercise its samples are, */
    int n;          /* and how many at most */
    unsigned checks;
} stage;

#define PLAIN offsetof(exercise, plain), 1
#define SHAPES offsetof(exercise, shapes), 5
#define SINGLE offsetof(exercise, single), 3
static const stage stages[] = {
    {"shape", "each input gets a gradient of its shape", PLAIN, 0},
    {"values", "the values are those that were measured", PLAIN, CT_CHECK_VALUE_ONLY},
    {"fork", "it is right where results are used twice, and again", PLAIN,
     CT_CHECK_FORKS | CT_CHECK_REPEAT | CT_CHECK_UNCHANGED | CT_CHECK_LINEAR},
    {"other shapes", "it is right for other shapes", SHAPES, CT_CHECK_VALUE_ONLY},
    {"strides", "it is right where inputs and g are transposed or sliced", PLAIN, CT_CHECK_LAYOUTS},
    {"size 1", "it is right where a size is 1", SINGLE, CT_CHECK_VALUE_ONLY},
    {"float32", "it is right in float32", PLAIN, CT_CHECK_FLOAT32},
};
enum { STAGES = sizeof stages / sizeof *stages };

/* Runs backward once, for errors. */
static bool comes_back(const ct_op *op, finding *found)
{
    ct_tensor *x[CT_MAX_INPUTS], *y, *g;
    int n;
    ct_scope_open();
    ct_seed(7);
    if (ct_sample_inputs(op->samples, CT_FLOAT64, x, &n) == CT_OK && (y = ct_apply(op, x, n, NULL)) != NULL) {
        g = ct_randn(CT_FLOAT64, 0, 1, ct_shape(y), ct_rank(y));
        ct_backward(y, .gradient = g);
    }
    ct_scope_close();
    if (ct_error_code() == CT_OK)
        return true;
    found->unwritten = strstr(ct_error_message(), "not written yet");
    snprintf(found->cause, sizeof found->cause, "%s", ct_error_message());
    ct_error_clear();
    return false;
}

/* The tensor that is furthest off. */
static void find_worst(const ct_gradcheck_report *report, finding *found)
{
    found->input = report->argument;
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *t = &report->tensors[i];
        if (t->verdict != CT_FAIL || (found->located && !(t->ratio > found->worst.ratio)))
            continue;
        found->worst = *t;
        found->located = t->located;
        found->input = t->input;
    }
}

static bool is_right(const ct_op *op, unsigned checks, finding *found)
{
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_op(op, &report, .checks = checks);
    bool failed = ct_error_code() != CT_OK || verdict > CT_KINK;
    if (failed) {
        find_worst(&report, found);
        snprintf(found->cause, sizeof found->cause, "%s", report.cause[0] ? report.cause : ct_verdict_name(verdict));
        ct_error_clear();
        name_mistake(op, found);
    }
    ct_gradcheck_report_free(&report);
    return !failed;
}

static bool stage_passed(const stage *s, finding *found)
{
    const char *const *inputs = (const char *const *)(const void *)((const char *)current + s->samples);
    for (int i = 0; i < s->n && inputs[i]; i++) {
        const ct_sample samples[] = {{.inputs = inputs[i]}, {.inputs = NULL}};
        ct_op op = record_of(samples);
        bool good = s == stages ? comes_back(&op, found) : is_right(&op, s->checks, found);
        if (!good)
            return found->stage = s->name, found->says = s->says, false;
    }
    return true;
}

static void note(const char *path, const char *what)
{
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%s\n", what);
        fclose(file);
    }
}

static finding grade(const char *stage_path)
{
    finding found = {.input = -1};
    for (int i = 0; i < STAGES; i++) {
        note(stage_path, stages[i].name);
        if (!stage_passed(&stages[i], &found))
            break;
    }
    return found;
}

/* ---- the report, for people ---- */

static void print_stages(const finding *found, FILE *to)
{
    for (int i = 0; i < STAGES; i++) {
        bool failed = found->stage == stages[i].name;
        fprintf(to, "%-8s%-13s %s\n", failed ? "NOT YET" : "ok", stages[i].name, stages[i].says);
        if (failed)
            return;
    }
}

static void print_number(const char *what, double value, FILE *to)
{
    fprintf(to, "%s%.4g", what, value);
}

static void print_index(const ct_gradcheck_tensor *t, FILE *to)
{
    for (int axis = 0; axis < t->rank; axis++)
        fprintf(to, "%s%lld", axis ? ", " : " [", (long long)t->worst[axis]);
    fprintf(to, t->rank ? "]" : "");
}

static void print_element(const finding *found, FILE *to)
{
    const ct_gradcheck_tensor *t = &found->worst;
    fprintf(to, "\n  gradient of %s, element", current->inputs[found->input]);
    print_index(t, to);
    print_number(", where it is ", t->x, to);
    print_number(":\n  got ", t->analytic, to);
    print_number(", expected ", t->numeric, to);
    if (t->numeric != 0)
        print_number(", ratio ", t->analytic / t->numeric, to);
    fprintf(to, "   (%lld of %lld elements are wrong)\n", (long long)t->bad, (long long)t->checked);
}

static void print_text(int number, const finding *found, int tries, FILE *to)
{
    print_stages(found, to);
    if (!found->stage) {
        fprintf(to, "\nExercise %d is right. %s\nAnother way to write it: docs/course/solutions/%02d_%s.c\n", number,
                current->passed, number, current->name);
        return;
    }
    if (found->unwritten) {
        fprintf(to, "\nNothing is written yet. Open the file, read its head, and write your lines where it says so.\n");
        return;
    }
    if (found->located)
        print_element(found, to);
    fprintf(to, "\n  %s\n", found->cause);
    for (int i = 0; i < tries && i < RUNGS; i++)
        fprintf(to, "\nhint %d of %d: %s\n", i + 1, RUNGS, current->hints[i]);
}

/* ---- the report, for programs ---- */

static void json_string(const char *text, FILE *to)
{
    fprintf(to, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else
            fprintf(to, (unsigned char)*text < ' ' ? "\\u%04x" : "%c", *text);
    fprintf(to, "\"");
}

static void json_text(const char *name, const char *text, FILE *to)
{
    fprintf(to, "\"%s\": ", name);
    json_string(text, to);
}

static void json_number(const char *name, double value, FILE *to)
{
    fprintf(to, isfinite(value) ? ", \"%s\": %.17g" : ", \"%s\": null", name, value);
}

static void json_element(const finding *found, FILE *to)
{
    const ct_gradcheck_tensor *t = &found->worst;
    fprintf(to, ", ");
    json_text("input", current->inputs[found->input], to);
    fprintf(to, ", \"element\": [");
    for (int axis = 0; axis < t->rank; axis++)
        fprintf(to, "%s%lld", axis ? ", " : "", (long long)t->worst[axis]);
    fprintf(to, "]");
    json_number("got", t->analytic, to);
    json_number("expected", t->numeric, to);
    json_number("ratio", t->analytic / t->numeric, to);
}

static void print_json(int number, const finding *found, int tries, FILE *to)
{
    fprintf(to, "{\"exercise\": %d, ", number);
    json_text("name", current->name, to);
    fprintf(to, ", \"passed\": %s, \"checks\": [{\"name\": \"compiles\", \"passed\": true}",
            found->stage ? "false" : "true");
    for (int i = 0; i < STAGES; i++) {
        bool failed = found->stage == stages[i].name;
        fprintf(to, ", {");
        json_text("name", stages[i].name, to);
        fprintf(to, ", \"passed\": %s}", failed ? "false" : "true");
        if (failed)
            break;
    }
    fprintf(to, "]");
    if (found->located)
        json_element(found, to);
    if (found->stage) {
        fprintf(to, ", ");
        json_text("cause", found->cause, to);
        fprintf(to, ", \"written\": %s, \"hints\": [", found->unwritten ? "false" : "true");
        for (int i = 0; !found->unwritten && i < tries && i < RUNGS; i++) {
            fprintf(to, i ? ", " : "");
            json_string(current->hints[i], to);
        }
        fprintf(to, "]");
    }
    fprintf(to, "}\n");
}

int main(int count, char **arguments)
{
    int number = count == 6 ? atoi(arguments[1]) : 0;
    if (number < 1 || number > EXERCISES)
        return fprintf(stderr, "usage: grade 1..%d TRIES text|json REPORT STAGE\n", EXERCISES), 2;
    current = &exercises[number - 1];
    finding found = grade(arguments[5]);
    FILE *report = fopen(arguments[4], "w");
    if (!report)
        return perror(arguments[4]), 2;
    (strcmp(arguments[3], "json") == 0 ? print_json : print_text)(number, &found, atoi(arguments[2]), report);
    return fclose(report) != 0 ? 2 : found.unwritten ? 3 : found.stage ? 1 : 0;
}
