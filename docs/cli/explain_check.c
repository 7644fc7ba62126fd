/* cotan explain --check: every gradient beside the one that finite differences measure. */
#include "explain.h"
#include <math.h>
#include <string.h>

enum { SHOWN = 9, MOST = 2000 }; /* elements of a leaf that stand in the table; of all leaves that are each measured */

/* The expression as a function of its leaves: one number, the result weighted by the seed. */
static ct_tensor *function(ct_tensor *const *inputs, int n, void *user)
{
    session *s = user;
    for (int i = 0; i < n; i++)
        s->e.names[i].value = inputs[i];
    ct_random_set(s->random);
    ct_tensor *root = expression_run(&s->e);
    if (!root) {
        ct_error_set(CT_ERROR_STATE, "%s", s->e.mistake.message);
        return NULL;
    }
    return s->seed ? ct_sum(ct_mul(root, s->seed)) : root;
}

/* ---- (f(x + h) - f(x - h)) / 2h ---- */

/* The result with element k of leaf i at that value. */
static double moved(session *s, ct_tensor *const *leaves, int i, int64_t k, double value)
{
    ct_tensor *inputs[MAX_NAMES];
    memcpy(inputs, leaves, (size_t)s->e.n_leaves * sizeof *leaves);
    ct_scope_open();
    ct_no_grad_begin();
    inputs[i] = ct_clone(leaves[i]);
    double *values = ct_data_mut(inputs[i]);
    if (values)
        values[k] = value;
    double result = ct_item(function(inputs, s->e.n_leaves, s));
    ct_no_grad_end();
    ct_scope_close();
    return result;
}

static double step(double x)
{
    return 1e-5 * (fabs(x) > 1 ? fabs(x) : 1);
}

static double measured(session *s, ct_tensor *const *leaves, int i, int64_t k)
{
    double x = ((const double *)ct_data(leaves[i]))[k], h = step(x);
    return (moved(s, leaves, i, k, x + h) - moved(s, leaves, i, k, x - h)) / (2 * h);
}

/* ---- the table ---- */

static const char *words(ct_verdict verdict)
{
    switch (verdict) {
    case CT_PASS:
        return "agrees";
    case CT_KINK:
        return "a kink: the value is a convention";
    case CT_VACUOUS:
        return "nothing to measure: both are 0";
    case CT_INCONCLUSIVE:
        return "could not be measured";
    case CT_NONDETERMINISTIC:
        return "random: cannot be measured";
    default:
        return "WRONG";
    }
}

/* "w", or "w[1, 0]" for its element k in row-major order. */
static const char *place(char *text, const char *name, const ct_tensor *t, int64_t k)
{
    int64_t index[CT_MAX_RANK];
    int used = sprintf(text, "%s", name);
    for (int axis = ct_rank(t) - 1; axis >= 0; axis--) {
        index[axis] = k % ct_size(t, axis);
        k /= ct_size(t, axis);
    }
    for (int axis = 0; axis < ct_rank(t); axis++)
        used += sprintf(text + used, axis ? ", %lld" : "[%lld", (long long)index[axis]);
    return strcat(text, ct_rank(t) ? "]" : "");
}

static void add_element(session *s, table *t, ct_tensor *const *leaves, int i, int64_t k, ct_verdict verdict)
{
    char text[NAME_SIZE + SHAPE_SIZE], number[CT_NUMBER_TEXT];
    const double *gradient = ct_data(ct_contiguous(ct_grad_of(leaves[i])));
    table_add(t, "%s", place(text, s->e.names[i].name, leaves[i], k));
    table_add(t, "%s", ct_number_text(((const double *)ct_data(leaves[i]))[k], number));
    table_add(t, "%s", gradient ? ct_number_text(gradient[k], number) : "none");
    table_add(t, "%s", ct_number_text(measured(s, leaves, i, k), number));
    table_add(t, "%s", words(verdict));
}

/* Where the checker found the largest difference, for its size. */
static int64_t worst_element(const ct_gradcheck_tensor *g)
{
    int64_t k = 0;
    for (int axis = 0; axis < g->rank; axis++)
        k = k * g->shape[axis] + g->worst[axis];
    return k;
}

/* All elements of a small leaf, of a large one that which agrees least, or the first where only directions were compared. */
static void add_leaf(session *s, table *t, ct_tensor *const *leaves, const ct_gradcheck_tensor *g)
{
    int64_t n = ct_numel(leaves[g->input]);
    for (int64_t k = 0; k < n && n <= SHOWN; k++)
        add_element(s, t, leaves, g->input, k, g->verdict);
    if (n > SHOWN)
        add_element(s, t, leaves, g->input, worst_element(g), g->verdict);
}

/* A leaf that no gradient flows to, labels say, is not measured: it need not be one that can be moved. */
static void add_without_gradient(session *s, table *t, ct_tensor *const *leaves)
{
    char text[VALUE_SIZE];
    for (int i = 0; i < s->e.n_leaves; i++) {
        if (ct_grad_of(leaves[i]))
            continue;
        table_add(t, "%s", s->e.names[i].name);
        table_add(t, "%s", value_text(text, leaves[i]));
        table_add(t, "none");
        table_add(t, "-");
        table_add(t, "no gradient flows to it");
    }
}

static bool write_report(session *s, ct_tensor *const *leaves, const ct_gradcheck_report *report)
{
    static const char *const headings[] = {"", ">value", ">gradient", ">measured", "verdict"};
    table t = {.headings = headings, .columns = 5};
    for (int i = 0; i < report->n_tensors; i++)
        add_leaf(s, &t, leaves, &report->tensors[i]);
    add_without_gradient(s, &t, leaves);
    bool any = t.n_cells > 0, written = !any || table_write(&t, stdout);
    printf(any ? "\n" : "");
    if (any)
        write_wrapped(
            stdout,
            "measured: (f(x + h) - f(x - h)) / 2h with h = 1e-5 max(1, |x|). The verdict is the gradient checker's, "
            "which measures better.",
            0, screen_width());
    return written && ct_error_code() == CT_OK;
}

static void write_verdict(const ct_gradcheck_report *report, ct_gradcheck_mode mode)
{
    printf("%s%s%s: %lld %s compared; %lld operation%s each checked alone\n", bold(stdout),
           ct_verdict_name(report->verdict), plain(stdout), (long long)report->elements,
           mode == CT_FAST ? "directions" : "gradients", (long long)report->nodes, report->nodes == 1 ? "" : "s");
    if (report->verdict == CT_FAIL && report->op && *report->op)
        printf("the operation to blame: %s, at column %d: %s\n", report->op, report->line, report->cause);
    else if (!ct_verdict_good(report->verdict) && *report->cause)
        printf("%s\n", report->cause);
}

/* The leaves, of which those with a gradient are to be measured; and how. */
static ct_gradcheck_mode take_leaves(session *s, ct_tensor **leaves)
{
    int64_t elements = 0;
    for (int i = 0; i < s->e.n_leaves; i++) {
        leaves[i] = s->e.names[i].value;
        ct_set_requires_grad(leaves[i], ct_grad_of(leaves[i]) != NULL);
        elements += ct_numel(leaves[i]);
    }
    return elements > MOST ? CT_FAST : CT_FULL;
}

int write_check(session *s, const ct_trace_log *trace)
{
    (void)trace;
    ct_tensor *leaves[MAX_NAMES];
    ct_gradcheck_report report = {0};
    char text[VALUE_SIZE];
    if (!ct_requires_grad(s->root))
        return complain("explain", "there is nothing to check: give a name its value behind the expression, as x=1");
    ct_gradcheck_mode mode = take_leaves(s, leaves);
    printf("%s = %s\n\n", s->name, value_text(text, s->root));
    ct_verdict verdict = ct_gradcheck_graph(function, s, leaves, s->e.n_leaves, &report, .mode = mode);
    bool written = ct_error_code() == CT_OK && write_report(s, leaves, &report);
    if (written)
        write_verdict(&report, mode);
    for (int i = 0; i < s->e.n_leaves; i++)
        s->e.names[i].value = leaves[i];
    ct_gradcheck_report_free(&report);
    if (!written)
        return ct_error_code() == CT_OK ? complain("explain", "no memory") : complain_of_error("explain");
    return ct_verdict_good(verdict) ? FINE : DIFFERS;
}
