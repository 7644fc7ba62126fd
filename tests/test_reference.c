/* Values, gradients and second-order gradients against PyTorch's float64 answers in data/reference.safetensors.
 *
 * Invariant: every row of the table is checked in full, in float64 to 1e-10 and in float32 to 2e-5, relative to the largest
 * element of each expected tensor. Per case the file holds in<i>, out, gout, gin<i>, and, for the second order, v<i> and
 * hin<i>, the gradient of sum_i <gin<i>, v<i>>; what it leaves out is zero. */
#include "reference_cases.h"
#include "suites.h"
#include <cotan/cotan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CASES_IN_ALL = 492 };

static ct_tensor_file *answers;

/* Outside the tests themselves, so that the file is read once. */
static void load_answers(void)
{
    answers = ct_safetensors_load(TEST_DATA "/reference.safetensors");
    ck_assert_msg(answers != NULL, "%s", ct_error_message());
}

static void free_answers(void)
{
    ct_tensor_file_free(answers);
    answers = NULL;
}

/* One case as it is worked through. */
typedef struct reference_run {
    const char *name;
    ct_dtype dtype;
    int n; /* inputs */
    ct_tensor *in[REFERENCE_MAX_INPUTS];
    int leaf[REFERENCE_MAX_INPUTS], leaves; /* which inputs want gradients */
    ct_tensor *gin[REFERENCE_MAX_INPUTS];   /* by leaf */
} reference_run;

typedef struct answer_key {
    char text[128];
} answer_key;

/* "<name>/<what><index>", or "<name>/<what>" for index -1. */
static answer_key key_of(const char *name, const char *what, int index)
{
    answer_key key;
    int length = snprintf(key.text, sizeof(key.text), "%s/%s", name, what);
    if (index >= 0)
        snprintf(key.text + length, sizeof(key.text) - (size_t)length, "%d", index);
    return key;
}

/* NULL if the file has none. */
static ct_tensor *answer(const char *name, const char *what, int index)
{
    return ct_tensor_file_get(answers, key_of(name, what, index).text);
}

/* A copy of t in the run's dtype (integers stay as they are). */
static ct_tensor *in_dtype(const reference_run *run, const ct_tensor *t)
{
    ct_dtype dtype = ct_dtype_is_float(ct_dtype_of(t)) ? run->dtype : ct_dtype_of(t);
    ct_tensor *copy = ct_empty(dtype, ct_shape(t), ct_rank(t));
    ck_assert_msg(ct_copy_(copy, t) == CT_OK, "%s: %s", run->name, ct_error_message());
    return copy;
}

/* The n elements of t, or n zeros for NULL; to be freed. */
static double *doubles_of(const ct_tensor *t, int64_t n)
{
    double *values = calloc((size_t)n + 1, sizeof(double));
    ck_assert_ptr_nonnull(values);
    if (t != NULL)
        ck_assert_msg(ct_to_values(t, values, n) == CT_OK, "%s", ct_error_message());
    return values;
}

static double largest(const double *values, int64_t n)
{
    double max = 0;
    for (int64_t i = 0; i < n; i++)
        max = fmax(max, fabs(values[i]));
    return max;
}

static void check_same_shape(const char *key, const ct_tensor *got, const ct_tensor *expected)
{
    ck_assert_msg(ct_rank(got) == ct_rank(expected), "%s: rank %d, not %d", key, ct_rank(got), ct_rank(expected));
    for (int axis = 0; axis < ct_rank(got); axis++)
        ck_assert_msg(ct_size(got, axis) == ct_size(expected, axis), "%s: size of axis %d is %lld, not %lld", key, axis,
                      (long long)ct_size(got, axis), (long long)ct_size(expected, axis));
}

/* What is left of float32's rounding in a sum that cancels: that of its terms, which are about as large as the largest answer of
 * the same kind. Rounding the inputs of swish_beta alone moves its hin1, which is small beside its terms, by 2.4e-5 of itself. */
static double rounding_of_terms(const reference_run *run, const char *what)
{
    double most = 0;
    for (int i = 0; i < REFERENCE_MAX_INPUTS && run->dtype == CT_FLOAT32; i++) {
        const ct_tensor *t = answer(run->name, what, i);
        if (t == NULL)
            continue;
        double *values = doubles_of(t, ct_numel(t));
        most = fmax(most, largest(values, ct_numel(t)));
        free(values);
    }
    return 0x1p-22 * most;
}

/* NULL stands for zero, as got and as expected. */
static void check_close(const reference_run *run, const char *what, int index, const ct_tensor *got)
{
    answer_key key = key_of(run->name, what, index);
    const ct_tensor *expected = answer(run->name, what, index), *shape = got != NULL ? got : expected;
    if (shape == NULL)
        return;
    if (got != NULL && ct_dtype_is_float(ct_dtype_of(expected != NULL ? expected : got)))
        ck_assert_msg(ct_dtype_of(got) == run->dtype, "%s: dtype %s", key.text, ct_dtype_name(ct_dtype_of(got)));
    if (got != NULL && expected != NULL)
        check_same_shape(key.text, got, expected);
    int64_t n = ct_numel(shape);
    double *have = doubles_of(got, n), *want = doubles_of(expected, n);
    double tolerance = (run->dtype == CT_FLOAT64 ? 1e-10 : 2e-5) * largest(want, n);
    tolerance = fmax(tolerance, rounding_of_terms(run, what));
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(have[i] == want[i] || fabs(have[i] - want[i]) <= tolerance,
                      "%s in %s: element %lld is %.17g, not %.17g", key.text, ct_dtype_name(run->dtype), (long long)i,
                      have[i], want[i]);
    free(have);
    free(want);
}

static void load_inputs(reference_run *run)
{
    ct_tensor *source;
    while (run->n < REFERENCE_MAX_INPUTS && (source = answer(run->name, "in", run->n)) != NULL) {
        ct_tensor *in = in_dtype(run, source);
        if (ct_dtype_is_float(ct_dtype_of(in))) {
            ct_set_requires_grad(in, true);
            run->leaf[run->leaves++] = run->n;
        }
        run->in[run->n++] = in;
    }
    ck_assert_msg(run->n > 0, "%s: the file has no such case", run->name);
}

/* The gradients of root, weighted by weight (NULL: 1), for all leaves; NULL stands for zero. */
static void gradients(reference_run *run, ct_tensor *root, ct_tensor *weight, ct_tensor **results)
{
    ct_tensor *wrt[REFERENCE_MAX_INPUTS];
    for (int k = 0; k < run->leaves; k++) {
        wrt[k] = run->in[run->leaf[k]];
        results[k] = NULL;
    }
    if (!ct_requires_grad(root)) /* sign, say: no gradient flows */
        return;
    ct_status status =
        ct_grad(&root, 1, wrt, run->leaves, results, .gradients = &weight, .create_graph = true, .allow_unused = true);
    ck_assert_msg(status == CT_OK, "%s: %s", run->name, ct_error_message());
}

static bool has_second_order(const reference_run *run)
{
    for (int k = 0; k < run->leaves; k++)
        if (answer(run->name, "hin", run->leaf[k]) != NULL)
            return true;
    return false;
}

/* sum_i <gin_i, v_i>. */
static ct_tensor *directional(const reference_run *run)
{
    ct_tensor *total = ct_scalar(run->dtype, 0);
    for (int k = 0; k < run->leaves; k++) {
        ct_tensor *v = answer(run->name, "v", run->leaf[k]);
        if (v != NULL && run->gin[k] != NULL)
            total = ct_add(total, ct_sum(ct_mul(run->gin[k], in_dtype(run, v))));
    }
    ck_assert_msg(total != NULL, "%s: %s", run->name, ct_error_message());
    return total;
}

static void check_case(const reference_case *row, ct_dtype dtype)
{
    reference_run run = {.name = row->name, .dtype = dtype};
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    load_inputs(&run);
    ct_tensor *out = row->expression(run.in);
    ck_assert_msg(out != NULL, "%s: %s", run.name, ct_error_message());
    check_close(&run, "out", -1, out);

    ct_tensor *weight = answer(run.name, "gout", -1); /* none for an integer */
    gradients(&run, out, weight != NULL ? in_dtype(&run, weight) : NULL, run.gin);
    for (int k = 0; k < run.leaves; k++)
        check_close(&run, "gin", run.leaf[k], run.gin[k]);

    if (has_second_order(&run)) {
        ct_tensor *hin[REFERENCE_MAX_INPUTS];
        gradients(&run, directional(&run), NULL, hin);
        for (int k = 0; k < run.leaves; k++)
            check_close(&run, "hin", run.leaf[k], hin[k]);
    }
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}

START_TEST(float64_agrees)
{
    check_case(&reference_cases[_i], CT_FLOAT64);
}
END_TEST

START_TEST(float32_agrees)
{
    check_case(&reference_cases[_i], CT_FLOAT32);
}
END_TEST

static bool in_table(const char *name, size_t length)
{
    for (int i = 0; i < reference_case_count; i++)
        if (strlen(reference_cases[i].name) == length && memcmp(reference_cases[i].name, name, length) == 0)
            return true;
    return false;
}

/* Every row has its case; prints how many of the file's cases have their row, and which have none. */
START_TEST(table_and_file_agree)
{
    int cases = 0, covered = 0;
    for (int64_t i = 0; i < ct_tensor_file_count(answers); i++) {
        const char *key = ct_tensor_file_name(answers, i), *slash = strchr(key, '/');
        ck_assert_msg(slash != NULL, "%s", key);
        if (strcmp(slash, "/out") != 0)
            continue;
        cases++;
        if (in_table(key, (size_t)(slash - key)))
            covered++;
        else
            printf("%s%.*s", cases - covered == 1 ? "not covered: " : " ", (int)(slash - key), key);
    }
    printf("%s%d of %d cases\n", covered < cases ? "\n" : "", covered, cases);
    ck_assert_int_eq(cases, CASES_IN_ALL);
    ck_assert_int_eq(covered, reference_case_count);
}
END_TEST

Suite *ct_suite_reference(void)
{
    Suite *suite = suite_create("reference");
    TCase *tests = tcase_create("reference");
    tcase_add_unchecked_fixture(tests, load_answers, free_answers);
    tcase_add_test(tests, table_and_file_agree);
    tcase_add_loop_test(tests, float64_agrees, 0, reference_case_count);
    tcase_add_loop_test(tests, float32_agrees, 0, reference_case_count);
    suite_add_tcase(suite, tests);
    return suite;
}
