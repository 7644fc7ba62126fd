/* Does the checker catch what it must, blame the right node, and leave right gradients alone? Every planted operation with its
 * mistake, and more often its correct twin; S6 is an engine that visits nodes in the wrong order.
 *     build/tests/planted_bugs [SEEDS [NUMBER]]         docs/gradcheck.md has the figures of 20
 * Prints a line for each bug, and last "NN of MM caught, F false alarms in T checks". Exit status 0 only if everything is caught
 * in every seed, the right node is blamed for all but one bug, at most 0.1 % of elements of right gradients are flagged, no
 * tensor in fast mode, and at most two bugs have no cause in words. */
#include <cotan/cotan.h>

#include "autograd_internal.h"
#include "planted_ops.h"
#include <stdlib.h>
#include <string.h>

static int seeds = 2;
static int right_seeds = 5; /* of a right operation, for each of a wrong one */
static const char *only;    /* bugs whose number begins so, or NULL: all */

/* The kernels of planted_ops.c know the sizes of their samples only. */
static unsigned checks;

typedef struct tally {
    int caught, total; /* bugs caught in every seed, bugs */
    int blamed;        /* bugs blamed right in every seed */
    int unexplained;   /* bugs without a cause in words in some seed */
    int64_t elements, bad_elements, tensors, bad_tensors, checks, false_alarms;
} tally;

/* ---- a graph around an operation ---- */

static int planted_line; /* where the planted operation is called */

/* y = op(x + x^2 / 4, ...), z = tanh(y) + y: right operations before and after. user is the record. */
static ct_tensor *graph_around(ct_tensor *const *inputs, int n, void *user)
{
    const ct_op *op = user;
    ct_tensor *before[CT_MAX_INPUTS];
    for (int i = 0; i < n; i++)
        before[i] = ct_dtype_is_float(ct_dtype_of(inputs[i]))
                        ? ct_add(inputs[i], ct_mul_scalar(ct_square(inputs[i]), 0.25))
                        : inputs[i];
    planted_line = __LINE__ + 1;
    ct_tensor *y = planted_apply(op, before, n);
    return ct_add(ct_tanh(y), y);
}

/* a = tanh(x); y = a exp(a) + a: a diamond. */
static ct_tensor *diamond(ct_tensor *const *inputs, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *a = ct_tanh(inputs[0]);
    return ct_add(ct_mul(a, ct_exp(a)), a);
}

/* The fault of S6: nodes in the order in which they are found from the root, not when all they wait for has come. */
static void order_of_discovery(ct_order *order)
{
    size_t bytes = (size_t)order->count * sizeof(struct ct_node *);
    struct ct_node **found = malloc(bytes);
    int64_t count = 0;
    if (!found || order->count == 0) {
        free(found);
        return;
    }
    found[count++] = order->nodes[0];
    for (int64_t k = 0; k < count; k++) {
        for (int i = 0; i < found[k]->n_inputs; i++) {
            struct ct_node *next = found[k]->edges[i].node;
            bool known = !next;
            for (int64_t j = 0; !known && j < count; j++)
                known = found[j] == next;
            if (!known)
                found[count++] = next;
        }
    }
    if (count == order->count) /* one root reaches all */
        memcpy(order->nodes, found, bytes);
    free(found);
}

/* ---- wrong operations ---- */

static void print_line(const char *number, const char *mistake, int full, int fast, int blamed, const char *op,
                       const char *cause)
{
    printf("%-3s %-42s caught %2d/%d full, %2d/%d fast; blamed '%s' %2d/%d: %s\n", number, mistake, full, seeds, fast,
           seeds, op, blamed, seeds, cause);
}

static bool flagged(ct_verdict verdict)
{
    return verdict == CT_FAIL || verdict == CT_NONDETERMINISTIC;
}

static bool blames(const ct_gradcheck_report *report, const char *op, int line)
{
    return strcmp(report->op, op) == 0 && report->line == line && report->file &&
           strstr(report->file, "planted_bugs.c");
}

static int order_of(const planted_op *planted)
{
    return planted->order ? planted->order : 1;
}

static void check_wrong(const planted_op *planted, tally *t)
{
    int full = 0, fast = 0, blamed = 0;
    int unexplained = 0;
    char cause[sizeof((ct_gradcheck_report *)0)->cause] = "";
    for (int seed = 0; seed < seeds; seed++) {
        ct_gradcheck_report report = {0};
        ct_scope_open();
        full += flagged(ct_gradcheck_op(planted->wrong, &report, .seed = (uint64_t)seed, .checks = checks,
                                        .order = order_of(planted)));
        snprintf(cause, sizeof cause, "%s", report.cause);
        unexplained += report.verdict == CT_FAIL && report.unexplained;
        fast += flagged(ct_gradcheck_op(planted->wrong, &report, .seed = (uint64_t)seed, .checks = checks,
                                        .mode = CT_FAST, .order = order_of(planted)));
        ct_tensor *inputs[CT_MAX_INPUTS];
        int n;
        ct_seed((uint64_t)seed);
        if (ct_sample_inputs(planted->wrong->samples, CT_FLOAT64, inputs, &n) == CT_OK &&
            flagged(
                ct_gradcheck_graph(graph_around, (void *)planted->wrong, inputs, n, &report, .seed = (uint64_t)seed)))
            blamed += blames(&report, planted->wrong->name, planted_line);
        if (ct_error_code() != CT_OK)
            printf("  %s: %s\n", planted->number, ct_error_message());
        ct_error_clear();
        ct_gradcheck_report_free(&report);
        ct_scope_close();
    }
    print_line(planted->number, planted->mistake, full, fast, blamed, planted->wrong->name, cause);
    bool race = planted->number[0] == 'N'; /* seen where threads happen to meet, so not counted */
    t->total += !race;
    if (unexplained)
        printf("  %s: no cause in words in %d of %d seeds\n", planted->number, unexplained, seeds);
    t->unexplained += !race && unexplained;
    t->caught += !race && full == seeds && fast == seeds;
    t->blamed += blamed == seeds;
}

static void check_wrong_engine(tally *t)
{
    int full = 0, fast = 0, blamed = 0;
    char cause[sizeof((ct_gradcheck_report *)0)->cause] = "";
    for (int seed = 0; seed < seeds; seed++) {
        ct_gradcheck_report report = {0};
        ct_scope_open();
        ct_seed((uint64_t)seed);
        ct_tensor *x = ct_rand(CT_FLOAT64, -2, 2, CT_SHAPE(3, 4));
        ct__order_fault = order_of_discovery;
        full += flagged(ct_gradcheck(diamond, NULL, &x, 1, NULL, .seed = (uint64_t)seed));
        fast += flagged(ct_gradcheck(diamond, NULL, &x, 1, NULL, .seed = (uint64_t)seed, .mode = CT_FAST));
        ct_gradcheck_graph(diamond, NULL, &x, 1, &report, .seed = (uint64_t)seed);
        ct__order_fault = NULL;
        blamed += report.verdict == CT_FAIL && report.engine && strcmp(report.op, "tanh") == 0;
        snprintf(cause, sizeof cause, "%s", report.cause);
        ct_error_clear();
        ct_gradcheck_report_free(&report);
        ct_scope_close();
    }
    print_line("S6", "engine visits a diamond in the wrong order", full, fast, blamed, "engine", cause);
    t->total++;
    t->caught += full == seeds && fast == seeds;
    t->blamed += blamed == seeds;
}

/* ---- right operations ---- */

static void check_right_once(const planted_op *planted, uint64_t seed, ct_gradcheck_mode mode, tally *t)
{
    ct_gradcheck_report report = {0};
    const ct_op *op = planted->right;
    ct_verdict verdict =
        ct_gradcheck_op(op, &report, .seed = seed, .checks = checks, .mode = mode, .order = order_of(planted));
    t->checks++;
    for (int i = 0; i < report.n_tensors; i++) {
        if (mode == CT_FULL) {
            t->elements += report.tensors[i].checked;
            t->bad_elements += report.tensors[i].bad;
        } else {
            t->tensors++;
            t->bad_tensors += report.tensors[i].bad > 0;
        }
    }
    if (!ct_verdict_good(verdict)) {
        t->false_alarms++;
        printf("    false alarm: %s, seed %d, %s: %s (%s)\n", op->name, (int)seed, ct_verdict_name(verdict),
               report.cause, ct_error_message());
    }
    ct_error_clear();
    ct_gradcheck_report_free(&report);
}

static void check_right(const planted_op *planted, tally *t)
{
    for (int seed = 0; seed < right_seeds * seeds; seed++) {
        check_right_once(planted, (uint64_t)seed, CT_FULL, t);
        check_right_once(planted, (uint64_t)seed, CT_FAST, t);
    }
}

static void check_right_engine(tally *t)
{
    for (int seed = 0; seed < right_seeds * seeds; seed++) {
        ct_scope_open();
        ct_seed((uint64_t)seed);
        ct_tensor *x = ct_rand(CT_FLOAT64, -2, 2, CT_SHAPE(3, 4));
        ct_gradcheck_report report = {0};
        t->checks++;
        t->false_alarms += !ct_verdict_good(ct_gradcheck_graph(diamond, NULL, &x, 1, &report, .seed = (uint64_t)seed));
        t->elements += report.elements;
        t->bad_elements += report.bad;
        ct_error_clear();
        ct_gradcheck_report_free(&report);
        ct_scope_close();
    }
}

static void check_both(const planted_op *planted, int n, unsigned which, tally *t)
{
    checks = which;
    for (int i = 0; i < n; i++) {
        if (only && strncmp(only, planted[i].number, strlen(only)) != 0)
            continue;
        check_wrong(&planted[i], t);
        check_right(&planted[i], t);
    }
}

/* Of kinds whose inputs a graph around them need not reach, so that blame is not counted. */
static void check_kinds(tally *t)
{
    const planted_op *(*const tables[])(int *) = {planted_kinds, planted_rare, planted_custom, planted_orders};
    tally more = {0};
    right_seeds = 1; /* each at many variations of its samples */
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int n;
        const planted_op *table = tables[i](&n);
        check_both(table, n, CT_CHECK_ALL, &more);
    }
    t->caught += more.caught;
    t->total += more.total;
    t->unexplained += more.unexplained;
    t->bad_elements += more.bad_elements;
    t->elements += more.elements;
    t->bad_tensors += more.bad_tensors;
    t->tensors += more.tensors;
    t->checks += more.checks;
    t->false_alarms += more.false_alarms;
}

int main(int argc, char **argv)
{
    int n_ops;
    const planted_op *ops = planted_ops(&n_ops);
    tally t = {0};
    seeds = argc > 1 ? atoi(argv[1]) : seeds;
    right_seeds = seeds > 1 ? right_seeds : 2; /* the tests are in a hurry */
    only = argc > 2 ? argv[2] : NULL;
    check_both(ops, n_ops, CT_CHECK_ALL & ~(unsigned)(CT_CHECK_SIZES | CT_CHECK_VARIATIONS), &t);
    if (!only) {
        check_wrong_engine(&t);
        check_right_engine(&t);
    }
    int blamed = t.blamed, to_blame = t.total;
    check_kinds(&t);
    printf("right node blamed in %d of %d\n", blamed, to_blame);
    printf("right gradients: %lld of %lld elements flagged (full), %lld of %lld tensors (fast)\n",
           (long long)t.bad_elements, (long long)t.elements, (long long)t.bad_tensors, (long long)t.tensors);
    printf("%d of %d without a cause in words\n", t.unexplained, t.total);
    bool holds = t.caught == t.total && blamed >= to_blame - 1 && t.bad_elements * 1000 <= t.elements &&
                 t.bad_tensors == 0 && t.unexplained <= 2;
    printf("%d passed, %d failed\n", t.caught, t.total - t.caught + (t.caught == t.total && !holds));
    printf("%d of %d caught, %lld false alarms in %lld checks\n", t.caught, t.total, (long long)t.false_alarms,
           (long long)t.checks);
    return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
