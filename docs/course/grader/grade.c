/* Grades one exercise: the student's backward, which is linked in, stands in a record whose forward is the exercise's function, and the
 * library's checker looks at it in stages, the next only if the last was good. docs/course/check.sh compiles and calls it.
 *
 * Invariant: the report is written whole, at the end. Whoever finds none knows that the student's code crashed, hung or left.
 * usage: grade NUMBER TRIES SEED text|json REPORT STAGE [PAGE]      writes the report, and before each stage its name; 0: passed, 1: not
 * SEED: of the numbers, 0 for everybody's; PAGE: a file for a page that shows what the backward did */
#include "grade.h"
#include "record.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#undef ct_call_set_grad

/* ---- the record ---- */

const exercise *current;
uint64_t own_seed;

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

bool same_shape(const ct_tensor *a, const ct_tensor *b)
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

/* ---- the stages ---- */

#define PLAIN offsetof(exercise, plain), 1
#define SHAPES offsetof(exercise, shapes), 5
#define SINGLE offsetof(exercise, single), 3
const stage stages[STAGES] = {
    {"shape", "each input gets a gradient of its shape", PLAIN, 0},
    {"values", "the values are those that were measured", PLAIN, CT_CHECK_VALUE_ONLY},
    {"fork", "it is right where results are used twice, and again", PLAIN,
     CT_CHECK_FORKS | CT_CHECK_REPEAT | CT_CHECK_UNCHANGED | CT_CHECK_LINEAR},
    {"other shapes", "it is right for other shapes", SHAPES, CT_CHECK_VALUE_ONLY},
    {"strides", "it is right where inputs and g are transposed or sliced", PLAIN, CT_CHECK_LAYOUTS},
    {"size 1", "it is right where a size is 1", SINGLE, CT_CHECK_VALUE_ONLY},
    {"float32", "it is right in float32", PLAIN, CT_CHECK_FLOAT32},
};

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

static void take(const ct_gradcheck_tensor *t, finding *found)
{
    found->worst = *t;
    found->located = t->located;
    found->input = t->input;
}

/* The tensor that is furthest off. */
static void find_worst(const ct_gradcheck_report *report, finding *found)
{
    found->input = report->argument;
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *t = &report->tensors[i];
        if (t->verdict == CT_FAIL && (!found->located || t->ratio > found->worst.ratio))
            take(t, found);
    }
}

/* Takes another input that is wrong, whose mistake is known: one mistake spoils all inputs behind it, and which of them is furthest off
 * depends on the numbers. */
static void find_known(const ct_op *op, const ct_gradcheck_report *report, finding *found)
{
    for (int i = 0; i < report->n_tensors; i++) {
        finding other = *found;
        const ct_gradcheck_tensor *t = &report->tensors[i];
        take(t, &other);
        if (t->verdict == CT_FAIL && t->input != found->input && name_mistake(op, &other)) {
            *found = other;
            return;
        }
    }
}

static bool is_right(const ct_op *op, unsigned checks, finding *found)
{
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_op(op, &report, .checks = checks, .seed = own_seed);
    bool failed = ct_error_code() != CT_OK || verdict > CT_KINK;
    if (failed) {
        find_worst(&report, found);
        snprintf(found->cause, sizeof found->cause, "%s", report.cause[0] ? report.cause : ct_verdict_name(verdict));
        ct_error_clear();
        if (!name_mistake(op, found) && !is_guessed(found->cause))
            find_known(op, &report, found);
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

/* "file:///home/ada/a%20folder/05_matmul.html#n=1" (RFC 3986), without the node if there is none; "" if it is too long. */
static void put_address(const char *path, int64_t node, char *address, size_t size)
{
    size_t used = (size_t)snprintf(address, size, "file://");
    for (const char *c = path; *c && used + 24 < size; c++) {
        bool plain = isalnum((unsigned char)*c) || strchr("/-._~", *c);
        used += (size_t)snprintf(address + used, size - used, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    if (used + 24 >= size)
        *address = '\0';
    else if (node >= 0)
        snprintf(address + used, size - used, "#n=%lld", (long long)node);
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
        put_address(path, id, found->page, sizeof found->page);
    ct_trace_free(trace);
    ct_scope_close();
    ct_error_clear();
}

/* Which exercise, how often it was tried, with whose numbers. */
static int begin(char **arguments)
{
    int number = atoi(arguments[1]);
    if (number < 1 || number > EXERCISES)
        return 0;
    current = &exercises[number - 1];
    own_seed = strtoull(arguments[3], NULL, 10);
    return number;
}

int main(int count, char **arguments)
{
    int number = count == 7 || count == 8 ? begin(arguments) : 0;
    if (number == 0)
        return fprintf(stderr, "usage: grade 1..%d TRIES SEED text|json REPORT STAGE [PAGE]\n", EXERCISES), 2;
    finding found = grade(arguments[6]);
    if (count == 8 && !found.unwritten)
        write_page(&found, arguments[7]);
    FILE *report = fopen(arguments[5], "w");
    if (!report)
        return perror(arguments[5]), 2;
    (strcmp(arguments[4], "json") == 0 ? print_json : print_text)(number, &found, atoi(arguments[2]), report);
    return fclose(report) != 0 ? 2 : found.unwritten ? 3 : found.stage ? 1 : 0;
}
