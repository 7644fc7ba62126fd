/* Prints every operation's record for make_page.py: a line "key<TAB>value" for each member, and an empty line behind a record.
 * Each sample is run, so that the page shows the shapes that come out. */
#include <cotan/cotan.h>
#include <stdlib.h>

/* The shape in a sample's words: "3x4", "scalar"; integers with their dtype in front. */
static void print_shape(const ct_tensor *t)
{
    if (!ct_dtype_is_float(ct_dtype_of(t)))
        printf("%s:", ct_dtype_name(ct_dtype_of(t)));
    for (int i = 0; i < ct_rank(t); i++)
        printf(i ? "x%lld" : "%lld", (long long)ct_shape(t)[i]);
    if (ct_rank(t) == 0)
        printf("scalar");
}

static ct_status print_sample(const ct_op *op, const ct_sample *sample)
{
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
    int n;
    ct_status status = ct_scope_open();
    if (status != CT_OK)
        return status;
    status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    if (status == CT_OK)
        status = ct_apply_multi(op, inputs, n, sample->attributes, outputs);
    if (status == CT_OK) {
        printf("sample\t%s ->", sample->inputs);
        for (int i = 0; i < (op->outputs ? op->outputs : 1); i++) {
            putchar(' ');
            print_shape(outputs[i]);
        }
        putchar('\n');
    }
    ct_scope_close();
    return status;
}

static ct_status print_record(const ct_op *op)
{
    printf("name\t%s\ngradient\t%s\n", op->name, op->gradient ? op->gradient : "");
    printf("composed\t%s\n", op->expression ? "yes" : "");
    printf("source\t%s\n", op->source ? op->source : "");
    ct_status status = CT_OK;
    for (const ct_sample *sample = op->samples; sample && sample->inputs && status == CT_OK; sample++)
        status = print_sample(op, sample);
    putchar('\n');
    return status;
}

int main(void)
{
    int n;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n; i++) {
        if (print_record(ops[i]) != CT_OK) {
            fprintf(stderr, "print_records: a sample of %s: %s\n", ops[i]->name, ct_error_message());
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
