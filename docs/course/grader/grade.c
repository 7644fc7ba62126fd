/* Grades one exercise: the student's backward, which is linked in, stands in a record whose forward is the exercise's function, and the
 * library's checker looks at it in stages, the next only if the last was good. docs/course/check.sh compiles and calls it.
 *
 * Invariant: the report is written whole, at the end. Whoever finds none knows that the student's code crashed, hung or left.
 * usage: grade NUMBER TRIES text|json REPORT STAGE [PAGE]      writes the report, and before each stage its name; 0: passed, 1: not
 * PAGE: a file for a page that shows what the backward did */
#include "exercises.h"
#include "formula.h"
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

static bool same_shape(const ct_tensor *a, const ct_tensor *b)
{
    bool same = ct_rank(a) == ct_rank(b);
    for (int axis = 0; same && axis < ct_rank(a); axis++)
        same = ct_size(a, axis) == ct_size(b, axis);
    return same;
}

ct_status exercise_set_grad(ct_call *call, int i, ct_tensor *grad)
{
    bool saved = current->saves & CT_SAVE_INPUT(0);
    const ct_tensor *like =
        saved ? ct_call_input(call, i) : ct_call_output(call, 0); /* whose shape is the input's then */
    if (grad && like && !same_shape(grad, like)) {
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
    int input;          /* -1: not known */
    const char *sample; /* the inputs it was found with, in the words of ct_sample */
    char page[300];     /* where it can be looked at, or "" */
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

/* One run of the student's backward: inputs, result, what arrives, and the gradient of an input. */
typedef struct trial {
    ct_tensor *x[CT_MAX_INPUTS], *y, *g, *got;
    int n, input;
} trial;

static bool begin_trial(const ct_op *op, trial *t)
{
    ct_seed(7);
    if (ct_sample_inputs(op->samples, CT_FLOAT64, t->x, &t->n) != CT_OK || !(t->y = ct_apply(op, t->x, t->n, NULL)))
        return false;
    t->g = ct_randn(CT_FLOAT64, 0, 1, ct_shape(t->y), ct_rank(t->y));
    return t->g != NULL;
}

/* Which other input's gradient it is, or -1. */
static int swapped_with(const trial *t)
{
    ct_tensor *right = current->value(t->x);
    for (int i = 0; i < t->n; i++)
        if (i != t->input && ct_requires_grad(t->x[i]) && alike(t->got, gradient_of(right, t->x[i], t->g)))
            return i;
    return -1;
}

/* The names and numbers that a formula of the gradient may have: what arrives, the inputs, the result, as far as they have its shape. */
static int factors_of(const trial *t, factor *factors)
{
    const char *names[FACTORS] = {"g", current->inputs[0], current->inputs[1],
                                  current->saves & CT_SAVE_OUTPUT(0) ? "y" : NULL};
    ct_tensor *tensors[FACTORS] = {t->g, t->x[0], t->n > 1 ? t->x[1] : NULL, t->y};
    int n = 0;
    for (int i = 0; i < FACTORS; i++) {
        if (!names[i] || !tensors[i] || !same_shape(tensors[i], t->got))
            continue;
        factors[n].name = names[i];
        n += ct_to_values(tensors[i], factors[n].values, ct_numel(t->got)) == CT_OK;
    }
    return n;
}

static bool write_formula(const trial *t, FILE *to)
{
    static factor factors[FACTORS];
    double got[ELEMENTS];
    int64_t elements = ct_numel(t->got);
    if (elements > ELEMENTS || ct_to_values(t->got, got, elements) != CT_OK)
        return false;
    fputs("what you calculate is ", to);
    return formula_of(got, (int)elements, factors, factors_of(t, factors), to);
}

/* a or its transpose; NULL if that is no matrix. */
static ct_tensor *way_round(ct_tensor *a, int transposed)
{
    return ct_rank(a) != 2 ? NULL : transposed ? ct_transpose(a, 0, 1) : a;
}

/* Whether the gradient is a product of two of the matrices at hand, either of them transposed. */
static bool write_product(const trial *t, FILE *to)
{
    const char *names[] = {"g", current->inputs[0], current->inputs[1], current->inputs[2]};
    ct_tensor *tensors[] = {t->g, t->x[0], t->x[1], t->x[2]};
    for (int k = 0; k < 64; k++) { /* two bits, two bits, and two */
        int i = k & 3, j = k >> 2 & 3;
        ct_tensor *a = i <= t->n ? way_round(tensors[i], k >> 4 & 1) : NULL;
        ct_tensor *b = j <= t->n ? way_round(tensors[j], k >> 5 & 1) : NULL;
        if (a && b && ct_size(a, 1) == ct_size(b, 0) && alike(t->got, ct_matmul(a, b)))
            return fprintf(to, "what you calculate is %s%s @ %s%s", names[i], k >> 4 & 1 ? "^T" : "", names[j],
                           k >> 5 & 1 ? "^T" : "") > 0;
    }
    return false;
}

/* What the gradient looks like, by comparing it with gradients that are known to be wrong, or NULL. */
static const char *known_mistake(const trial *t)
{
    ct_tensor *local = gradient_of(current->value(t->x), t->x[t->input], ct_ones_like(t->g));
    if (alike(t->got, local))
        return "what arrives, g, was left out: it is the local derivative alone, which is right only where g is 1";
    if (same_shape(t->g, local) && alike(t->got, ct_add(t->g, local)))
        return "what arrives, g, was added: the local derivative is multiplied by it";
    for (const wrong_rule *rule = current->wrong; rule < current->wrong + WRONG_RULES && rule->gradient; rule++)
        if (rule->input == t->input && alike(t->got, rule->gradient(t->x, t->y, t->g)))
            return rule->words;
    return NULL;
}

/* Whether the checker says more than that the numbers differ, or differ by x. */
static bool is_guessed(const char *cause)
{
    return !strstr(cause, "no simple pattern") && !strstr(cause, "own x alone");
}

/* Writes what is known of the mistake; false if it is no more than the checker has said. */
static bool write_mistake(const trial *t, bool guessed, FILE *to)
{
    const char *words = known_mistake(t);
    int other = words ? -1 : swapped_with(t);
    if (words)
        return fputs(words, to) >= 0;
    if (other >= 0)
        return fprintf(to, "it is the gradient of %s: the inputs were mixed up", current->inputs[other]) > 0;
    return !guessed && (write_product(t, to) || write_formula(t, to));
}

static void name_mistake(const ct_op *op, finding *found)
{
    trial t = {.input = found->input};
    char words[sizeof found->cause] = "";
    bool named = false;
    FILE *to = fmemopen(words, sizeof words, "w");
    ct_scope_open();
    if (to && t.input >= 0 && begin_trial(op, &t) && (t.got = gradient_of(t.y, t.x[t.input], t.g)) != NULL)
        named = write_mistake(&t, is_guessed(found->cause), to);
    ct_scope_close();
    ct_error_clear();
    if (to && fclose(to) == 0 && named)
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
    trial t = {.input = -1};
    ct_scope_open();
    if (begin_trial(op, &t))
        ct_backward(t.y, .gradient = t.g);
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
        found->sample = inputs[i];
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

/* ---- the page ---- */

/* One run on the inputs of the finding, traced: what came to each input, from the loss sum(g y). */
static ct_tensor *traced(const ct_op *op)
{
    trial t = {.input = -1};
    if (!begin_trial(op, &t))
        return NULL;
    for (int i = 0; i < t.n; i++)
        ct_name(t.x[i], current->inputs[i]);
    ct_tensor *loss = ct_name(ct_sum(ct_mul(ct_name(t.g, "g"), ct_name(t.y, "y"))), "loss");
    ct_backward(loss);
    return loss;
}

/* Writes the page, for a browser to open at the input whose gradient is wrong. */
static void write_page(finding *found, const char *path)
{
    const ct_sample samples[] = {{.inputs = found->sample}, {.inputs = NULL}};
    ct_op op = record_of(samples);
    ct_scope_open();
    ct_trace_begin();
    ct_tensor *loss = traced(&op);
    ct_status status = ct_graph_write(loss, path, .title = current->name);
    ct_trace_log *trace = ct_trace_end();
    int64_t id = found->input < 0 ? -1 : ct_trace_find(trace, current->inputs[found->input]);
    if (status == CT_OK)
        snprintf(found->page, sizeof found->page, id < 0 ? "file://%s" : "file://%s#n=%lld", path, (long long)id);
    ct_trace_free(trace);
    ct_scope_close();
    ct_error_clear();
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

static void print_finding(int number, const finding *found, int tries, FILE *to)
{
    print_stages(found, to);
    if (!found->stage) {
        fprintf(to, "\nExercise %d is right. %s\n", number, current->passed);
        return;
    }
    if (found->unwritten) {
        fprintf(to, "\nNothing is written yet. Open the file, read its head, and write your lines where it says so.\n");
        return;
    }
    if (found->located)
        print_element(found, to);
    fprintf(to, "\n  %s\n", found->cause);
    for (int i = 0; i < tries && i < RUNGS; i++) {
        fprintf(to, "\n");
        print_hint(number - 1, i, to);
    }
}

static void print_text(int number, const finding *found, int tries, FILE *to)
{
    print_finding(number, found, tries, to);
    if (found->page[0])
        fprintf(to, "\nstep through it in a browser: %s\n", found->page);
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
    if (found->page[0])
        fprintf(to, ", "), json_text("page", found->page, to);
    if (found->located)
        json_element(found, to);
    if (found->stage) {
        fprintf(to, ", ");
        json_text("cause", found->cause, to);
        fprintf(to, ", \"written\": %s, \"hints\": [", found->unwritten ? "false" : "true");
        for (int i = 0; !found->unwritten && i < tries && i < RUNGS; i++) {
            fprintf(to, i ? ", " : "");
            json_string(hints[number - 1][i], to);
        }
        fprintf(to, "]");
    }
    fprintf(to, "}\n");
}

int main(int count, char **arguments)
{
    int number = count == 6 || count == 7 ? atoi(arguments[1]) : 0;
    if (number < 1 || number > EXERCISES)
        return fprintf(stderr, "usage: grade 1..%d TRIES text|json REPORT STAGE [PAGE]\n", EXERCISES), 2;
    current = &exercises[number - 1];
    finding found = grade(arguments[5]);
    if (count == 7 && !found.unwritten)
        write_page(&found, arguments[6]);
    FILE *report = fopen(arguments[4], "w");
    if (!report)
        return perror(arguments[4]), 2;
    (strcmp(arguments[3], "json") == 0 ? print_json : print_text)(number, &found, atoi(arguments[2]), report);
    return fclose(report) != 0 ? 2 : found.unwritten ? 3 : found.stage ? 1 : 0;
}
