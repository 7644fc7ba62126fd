/* Every operation of the library to the third order, on the samples of its record:
 *     build/tests/third_order [SEEDS]
 * Prints a line for each operation that is wrong or not measured well enough, and last the sums. Exit status 0 only if none is wrong. */
#include <cotan/cotan.h>
#include <stdlib.h>

typedef struct tally {
    int right, zero, none, inconclusive, wrong;
    long long elements;
} tally;

/* The verdict of the third order alone, over all rows. */
static ct_verdict third(const ct_gradcheck_report *report, tally *t)
{
    ct_verdict worst = CT_VACUOUS;
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->order != 3)
            continue;
        worst = row->verdict > worst ? row->verdict : worst;
        t->elements += row->checked;
    }
    return worst;
}

static void check(const ct_op *op, uint64_t seed, tally *t)
{
    ct_gradcheck_report report = {0};
    ct_verdict all =
        ct_gradcheck_op(op, &report, .order = 3, .seed = seed, .checks = CT_CHECK_FORWARD | CT_CHECK_DEFINITION);
    ct_verdict verdict = third(&report, t);
    bool failed = ct_error_code() != CT_OK || all >= CT_NONDETERMINISTIC;
    bool open = !failed && (verdict == CT_INCONCLUSIVE || all == CT_INCONCLUSIVE);
    bool none = ct_has_no_gradient(op), zero = verdict == CT_VACUOUS;
    t->wrong += failed;
    t->inconclusive += open;
    t->none += !failed && !open && none;
    t->zero += !failed && !open && !none && zero;
    t->right += !failed && !open && !none && !zero;
    if (failed || open)
        printf("%s, seed %d: %s %s %s\n", op->name, (int)seed, ct_verdict_name(all), report.cause, ct_error_message());
    ct_error_clear();
    ct_gradcheck_report_free(&report);
}

int main(int argc, char **argv)
{
    int n, seeds = argc > 1 ? atoi(argv[1]) : 1;
    tally t = {0};
    const ct_op *const *ops = ct_ops(&n);
    for (int seed = 0; seed < seeds; seed++)
        for (int i = 0; i < n; i++)
            check(ops[i], (uint64_t)seed, &t);
    printf("%d operations, %d seeds, third order: %d right, %d zero, %d without a gradient, %d inconclusive, %d wrong; "
           "%lld elements\n",
           n, seeds, t.right, t.zero, t.none, t.inconclusive, t.wrong, t.elements);
    return t.wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
