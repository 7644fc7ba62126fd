/* Checks every operation of the library, first and second order, and prints the table of verdicts that docs/verdicts.md keeps:
 *     build/tests/check_ops > docs/verdicts.md
 * With the word samples it leaves the variations of these out, which take most of the time: so the tests call it.
 * Exit status 0 only if none is wrong. */
#include <cotan/cotan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks = CT_CHECK_ALL;

/* What one order of an operation came to, over all samples. */
typedef struct outcome {
    ct_verdict verdict;
    double relative;
    long long elements;
} outcome;

static outcome summarise(const ct_gradcheck_report *report, int order)
{
    outcome o = {0};
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->order != order)
            continue;
        o.verdict = row->verdict > o.verdict ? row->verdict : o.verdict;
        if (row->verdict != CT_VACUOUS)
            o.relative = fmax(o.relative, row->relative);
        o.elements += row->checked;
    }
    return o;
}

static void print_outcome(const outcome *o, const ct_op *op)
{
    if (o->verdict == CT_VACUOUS)
        printf(" %s | | %lld |", ct_has_no_gradient(op) ? "none" : "zero", o->elements);
    else
        printf(" %s | %.0e | %lld |", ct_verdict_name(o->verdict), o->relative, o->elements);
}

/* A cell of the table, in which a bar must not end it. */
static void print_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

/* A row of the table; false if the operation is wrong. */
static bool check(const ct_op *op)
{
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_op(op, &report, .order = 2, .checks = checks);
    outcome first = summarise(&report, 1), second = summarise(&report, 2);
    printf("| `%s` | ", op->name);
    print_cell(op->gradient);
    printf(" |");
    print_outcome(&first, op);
    print_outcome(&second, op);
    printf(" %lld |\n", (long long)report.structural);
    bool right = ct_error_code() == CT_OK && (ct_verdict_good(verdict) || verdict == CT_VACUOUS);
    if (!right) {
        ct_gradcheck_print(&report, stderr);
        fprintf(stderr, "%s\n", ct_error_message());
    }
    ct_error_clear();
    ct_gradcheck_report_free(&report);
    return right;
}

int main(int argc, char **argv)
{
    int n, wrong = 0;
    if (argc > 1 && strcmp(argv[1], "samples") == 0)
        checks &= ~(unsigned)CT_CHECK_VARIATIONS;
    const ct_op *const *ops = ct_ops(&n);
    puts("# Every operation, checked\n\n"
         "Printed by `build/tests/check_ops`, which the tests run. For each operation, on the samples of its record: "
         "the verdict of\n"
         "the gradient and of the gradient's gradient ([how it decides](gradcheck.md)), the largest difference between "
         "the computed\n"
         "and the measured gradient relative to the largest element, the number of elements measured one by one, and "
         "the number of\n"
         "structural checks passed. `none`: an operation without a gradient; `zero`: its gradient is zero, and so is "
         "the measured one.\n\n"
         "| operation | gradient | first order | worst | elements | second order | worst | elements | structural |\n"
         "|---|---|---|---|---|---|---|---|---|");
    for (int i = 0; i < n; i++)
        wrong += !check(ops[i]);
    printf("\n%d operations, %d wrong\n", n, wrong);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
