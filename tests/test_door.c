/* The door, for records and functions that are not as they should be: each is an error of the call that names the record, and
 * nothing is lost. */
#include <cotan/cotan.h>

#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <stdio.h>
#include <string.h>

/* ---- an operation to spoil: y = 2 x ---- */

static ct_status double_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status double_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0);
    double *y = CT_OUTPUT(double, call, 0);
    for (int64_t i = 0; x && y && i < ct_numel(ct_call_output(call, 0)); i++)
        y[i] = 2 * x[i];
    return x && y ? CT_OK : ct_error_code();
}

static ct_status double_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul_scalar(ct_call_grad_output(call, 0), 2));
}

static ct_tensor *double_expression(ct_call *call)
{
    return ct_mul_scalar(ct_call_input(call, 0), 2);
}

static const ct_sample double_samples[] = {{.inputs = "3x2"}, {.inputs = "scalar"}, {0}};

static const ct_op good = {
    .name = "double",
    .gradient = "2 g",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .infer = double_infer,
    .forward = double_forward,
    .backward = double_backward,
    .samples = double_samples,
};

static ct_tensor *leaf(void)
{
    return ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3), CT_SHAPE(3)), true);
}

/* ---- records ---- */

/* x^3 + x^2: its second derivative went wrong in silence when a part of the first had no backward. */
START_TEST(a_record_without_backward_in_a_graph)
{
    ct_op op = good;
    op.backward = NULL;
    op.saves = 0;
    ct_tensor *x = leaf();
    expect_error(ct_apply(&op, &x, 1, NULL), CT_ERROR_STATE,
                 "double: an input asks for a gradient, and the record has no backward");
    op.gradient = NULL;
    expect_error(ct_apply(&op, &x, 1, NULL), CT_ERROR_STATE,
                 "double: an input asks for a gradient, and the record has no backward");
    ct_no_grad_begin();
    ck_assert_ptr_nonnull(ct_apply(&op, &x, 1, NULL));
    ct_no_grad_end();
    ct_tensor *constant = ct_detach(x);
    ck_assert_ptr_nonnull(ct_apply(&op, &constant, 1, NULL));
    op.gradient = "none: for the test";
    ct_tensor *y = ct_apply(&op, &x, 1, NULL);
    ck_assert(y && !ct_requires_grad(y));
}
END_TEST

static ct_status integer_infer(ct_call *call)
{
    return ct_call_output_shape(call, 0, CT_INT64, ct_shape(ct_call_input(call, 0)), 1);
}

static ct_status integer_forward(ct_call *call)
{
    memset(CT_OUTPUT(int64_t, call, 0), 0, 3 * sizeof(int64_t));
    return CT_OK;
}

START_TEST(an_integer_result_needs_no_backward)
{
    const ct_op op = {
        .name = "zero", .min_inputs = 1, .max_inputs = 1, .infer = integer_infer, .forward = integer_forward};
    ct_tensor *x = leaf();
    ck_assert_ptr_nonnull(ct_apply(&op, &x, 1, NULL));
}
END_TEST

START_TEST(inconsistent_records)
{
    struct {
        const char *message;
        ct_op op;
    } cases[11];
    int n = 0;
#define CASE(text, ...)             \
    do {                            \
        cases[n].message = text;    \
        cases[n].op = good;         \
        ct_op *op = &cases[n++].op; \
        __VA_ARGS__;                \
    } while (0)
    CASE("double: the record has no forward, and output 0 is no view", op->forward = NULL);
    CASE("double: the record has an expression and a part of infer, forward and backward",
         op->expression = double_expression, op->backward = NULL);
    CASE("double: the record must have 0 <= hidden, without a shortcut 0", op->hidden = 1);
    CASE("double: the record must have 0 <= hidden, without a shortcut 0", op->expression = double_expression,
         op->hidden = 8);
    CASE("double: the record saves an input or an output that it does not have", op->saves = CT_SAVE_INPUT(1));
    CASE("double: the record saves an input or an output that it does not have", op->saves = CT_SAVE_OUTPUT(1));
    CASE("double: the record says \"none: no\", and has a backward", op->gradient = "none: no");
    CASE("double: the record must have 0 <= outputs <= CT_MAX_OUTPUTS", op->outputs = 9);
    CASE("double: the record must have 0 <= min_inputs <= max_inputs <= CT_MAX_INPUTS", op->min_inputs = 2);
    CASE("double: the record must have attributes_size <= CT_MAX_ATTRIBUTES", op->attributes_size = 257);
    CASE("double: the record has neither a shape rule nor an expression", op->infer = NULL);
    ct_tensor *x = leaf();
    for (int i = 0; i < n; i++)
        expect_error(ct_apply(&cases[i].op, &x, 1, NULL), CT_ERROR_ARGUMENT, cases[i].message);
    ck_assert_int_eq(n, 11);
    expect_error(ct_apply(&good, &x, 1, &n), CT_ERROR_ARGUMENT,
                 "double: the record has attributes_size 0, and is given attributes");
    ct_op all = good;
    all.saves = CT_SAVE_INPUTS | CT_SAVE_OUTPUT(0);
    ck_assert_ptr_nonnull(ct_apply(&all, &x, 1, NULL));
}
END_TEST

/* ---- element types ---- */

START_TEST(a_record_takes_the_types_it_says)
{
    ct_op op = good;
    op.takes[0] = CT_ONLY(CT_FLOAT64);
    op.roles = "x";
    ct_tensor *floats = ct_ones(CT_FLOAT32, CT_SHAPE(3)), *x = leaf();
    expect_error(ct_apply(&op, &floats, 1, NULL), CT_ERROR_DTYPE,
                 "double: the x is float32, not float64; see ct_cast() (");
    ck_assert_ptr_nonnull(ct_apply(&op, &x, 1, NULL));
    /* An operation that did not say so is stopped by the typed accessors. */
    expect_error(ct_apply(&good, &floats, 1, NULL), CT_ERROR_DTYPE,
                 "double: input 0 is float32, and is asked for as float64 (");
    ct_tensor *integers = ct_ones(CT_INT64, CT_SHAPE(3));
    expect_error(ct_apply(&good, &integers, 1, NULL), CT_ERROR_DTYPE, "double: takes float32 or float64, not int64");
}
END_TEST

static ct_status first_forward(ct_call *call)
{
    return CT_OUTPUT(double, call, 0) ? CT_OK : ct_error_code();
}

START_TEST(a_set_stands_for_those_after_it)
{
    const ct_op op = {.name = "many",
                      .min_inputs = 0,
                      .max_inputs = 12,
                      .takes = {0, CT_ONLY(CT_INT64), CT_ANY_DTYPE, 0, CT_FLOATS | CT_MIXED},
                      .infer = double_infer,
                      .forward = first_forward};
    ct_tensor *f = ct_ones(CT_FLOAT64, CT_SHAPE(1)), *s = ct_ones(CT_FLOAT32, CT_SHAPE(1));
    ct_tensor *i = ct_ones(CT_INT64, CT_SHAPE(1)), *u = ct_ones(CT_UINT8, CT_SHAPE(1));
    ck_assert_ptr_nonnull(ct_apply(&op, CT_TENSORS(f, i, f, f, s, f, s, f, f, s, s, s), NULL));
    ck_assert_ptr_nonnull(ct_apply(&op, CT_TENSORS(f, i, NULL, f, NULL), NULL));
    expect_error(ct_apply(&op, CT_TENSORS(f, f), NULL), CT_ERROR_DTYPE, "many: input 1 is float64, not int64");
    expect_error(ct_apply(&op, CT_TENSORS(f, i, f, u), NULL), CT_ERROR_DTYPE,
                 "many: dtypes differ: float64 and uint8 (inputs 0 and 3)");
    expect_error(ct_apply(&op, CT_TENSORS(f, i, f, f, f, f, f, f, f, f, f, i), NULL), CT_ERROR_DTYPE,
                 "many: input 11 is int64, not float32 or float64");
}
END_TEST

/* The set that a record has for input i. */
static unsigned set_of(const ct_op *op, int i)
{
    unsigned set = CT_FLOATS;
    for (int k = 0; k <= i && k < CT_TAKES; k++)
        set = op->takes[k] ? op->takes[k] : set;
    return set;
}

/* Every record of the library: an input outside its set is refused, whatever its place. */
START_TEST(the_library_says_what_it_takes)
{
    int n, refused = 0;
    const ct_op *op = ct_ops(&n)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs; sample++) {
        ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
        ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT64, inputs, &n), CT_OK);
        for (int i = 0; i < n; i++) {
            ct_tensor *own = inputs[i];
            for (ct_dtype dtype = CT_FLOAT32; own && dtype < CT_DTYPES; dtype++) {
                if (set_of(op, i) & CT_ONLY(dtype))
                    continue;
                ct_no_grad_begin();
                inputs[i] = ct_cast(own, dtype);
                ct_no_grad_end();
                ck_assert_msg(ct_apply_multi(op, inputs, n, sample->attributes, outputs) == CT_ERROR_DTYPE,
                              "%s takes input %d as %s", op->name, i, ct_dtype_name(dtype));
                ct_error_clear();
                refused++;
            }
            inputs[i] = own;
        }
    }
    ck_assert_msg(refused > 0 || (op->takes[0] & CT_ANY_DTYPE) == CT_ANY_DTYPE, "%s was not tried", op->name);
}
END_TEST

/* ---- functions that do what they may not ---- */

typedef enum misdeed {
    OPENS,
    CLOSES,
    CLOSES_TWO,
    RELEASES_INPUT,
    RELEASES_OUTPUT,
    WRITES_INPUT,
    WRITES_VIEW,
    GOES_ON
} misdeed;

static misdeed deed;

static void misbehave(ct_tensor *handed, ct_tensor *output)
{
    switch (deed) {
    case OPENS:
        ct_scope_open();
        break;
    case CLOSES_TWO:
        ct_scope_close();
        ct_scope_close();
        break;
    case CLOSES:
        ct_scope_close();
        break;
    case RELEASES_INPUT:
        ct_release(handed);
        break;
    case RELEASES_OUTPUT:
        ct_release(output);
        break;
    case WRITES_INPUT:
        ct_fill_(handed, 7);
        break;
    case WRITES_VIEW:
        ct_mul_scalar_(ct_unsqueeze(ct_detach(handed), 0), 7);
        break;
    case GOES_ON: /* where something failed, as if that had been left out */
        ct_data(ct_expand(ct_zeros(CT_FLOAT64, CT_SHAPE(1)), CT_SHAPE(2)));
        break;
    }
}

static ct_status bad_forward(ct_call *call)
{
    misbehave(ct_call_input(call, 0), ct_call_output(call, 0));
    return double_forward(call);
}

static ct_tensor *bad_expression(ct_call *call)
{
    misbehave(ct_call_input(call, 0), NULL);
    return double_expression(call);
}

static ct_status bad_backward(ct_call *call)
{
    ct_status status = double_backward(call);
    misbehave(ct_call_grad_output(call, 0), ct_call_input(call, 0));
    return status;
}

static const struct {
    misdeed deed;
    const char *of_forward, *of_backward;
} misdeeds[] = {
    {OPENS, "'double' leaves a scope open", "backward of 'double' leaves a scope open"},
    {CLOSES, "scope_close: 'double' closes a scope that it has not opened",
     "scope_close: backward of 'double' closes a scope that it has not opened"},
    {CLOSES_TWO, "scope_close: 'double' closes", "scope_close: backward of 'double' closes"},
    {RELEASES_INPUT, "release: 'double' may not give up an input",
     "release: backward of 'double' may not give up a cotangent"},
    {RELEASES_OUTPUT, "release: 'double' may not give up an output",
     "release: backward of 'double' may not give up a saved tensor"},
    {WRITES_INPUT, "fill_: 'double' may not change an input", "fill_: backward of 'double' may not change a cotangent"},
    {WRITES_VIEW, "mul_scalar_: 'double' may not change an input",
     "mul_scalar_: backward of 'double' may not change a cotangent"},
    {GOES_ON, "data: the tensor is not contiguous", "data: the tensor is not contiguous"},
};
enum { MISDEEDS = sizeof misdeeds / sizeof *misdeeds };

START_TEST(a_forward_that_misbehaves)
{
    ct_op op = good;
    op.forward = bad_forward;
    deed = misdeeds[_i].deed;
    ct_tensor *x = leaf();
    ct_memory before = ct_memory_stats();
    expect_error(ct_apply(&op, &x, 1, NULL), CT_ERROR_STATE, misdeeds[_i].of_forward);
    ck_assert_int_eq(ct_memory_stats().scope_depth, before.scope_depth);
    ck_assert_int_eq(ct_get(x, CT_SHAPE(1)), 2);
    ck_assert_ptr_nonnull(ct_square(x));
    ct_gradcheck_report report = {0};
    ck_assert_int_eq(ct_gradcheck_op(&op, &report), CT_VACUOUS);
    ct_gradcheck_report_free(&report);
    expect_failed(ct_error_code(), CT_ERROR_STATE, misdeeds[_i].of_forward);
    ck_assert_int_eq(ct_memory_stats().scope_depth, before.scope_depth);
}
END_TEST

START_TEST(an_expression_that_misbehaves)
{
    const ct_op op = {.name = "double",
                      .gradient = "2 g",
                      .min_inputs = 1,
                      .max_inputs = 1,
                      .expression = bad_expression,
                      .samples = double_samples};
    deed = misdeeds[_i].deed;
    ct_tensor *x = leaf();
    int depth = ct_memory_stats().scope_depth;
    if (deed == RELEASES_OUTPUT || deed == WRITES_INPUT || deed == WRITES_VIEW) /* it has none; it may */
        return;
    char message[100]; /* an expression is a region */
    snprintf(message, sizeof message, "double: %s", misdeeds[_i].of_forward);
    expect_error(ct_apply(&op, &x, 1, NULL), CT_ERROR_STATE, message);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    ck_assert_int_eq(ct_get(x, CT_SHAPE(1)), 2);
    ct_gradcheck_report report = {0};
    ck_assert_int_eq(ct_gradcheck_op(&op, &report), CT_VACUOUS);
    ct_gradcheck_report_free(&report);
    expect_failed(ct_error_code(), CT_ERROR_STATE, message);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
}
END_TEST

START_TEST(a_backward_that_misbehaves)
{
    ct_op op = good;
    op.backward = bad_backward;
    deed = misdeeds[_i].deed;
    ct_tensor *x = leaf(), *g = ct_from_values(CT_FLOAT64, CT_VALUES(4, 5, 6), CT_SHAPE(3));
    int depth = ct_memory_stats().scope_depth;
    ct_status status = ct_backward(ct_apply(&op, &x, 1, NULL), .gradient = g);
    expect_failed(status, CT_ERROR_STATE, misdeeds[_i].of_backward);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    ck_assert_ptr_null(ct_grad_of(x));
    ck_assert(ct_get(x, CT_SHAPE(1)) == 2 && ct_get(g, CT_SHAPE(1)) == 5);
    ct_gradcheck_report report = {0};
    ck_assert(!ct_verdict_good(ct_gradcheck_op(&op, &report, .order = 2)));
    ct_gradcheck_report_free(&report);
    expect_failed(ct_error_code(), CT_ERROR_STATE, misdeeds[_i].of_backward);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
}
END_TEST

static ct_tensor *bad_function(ct_tensor *const *inputs, int n, void *user)
{
    (void)n, (void)user;
    misbehave(inputs[0], NULL);
    return ct_mul_scalar(inputs[0], 2);
}

static ct_tensor *closed_result(ct_tensor *const *inputs, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_mul_scalar(inputs[0], 2);
    ct_release(y);
    return y;
}

START_TEST(a_checked_function_that_misbehaves)
{
    const struct {
        misdeed deed;
        const char *message;
    } cases[] = {
        {OPENS, "'the checked function' leaves a scope open"},
        {CLOSES, "scope_close: 'the checked function' closes a scope that it has not opened"},
        {RELEASES_INPUT, "release: 'the checked function' may not give up an input"},
    };
    ct_tensor *x = leaf();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        deed = cases[i].deed;
        ct_gradcheck_report report = {0};
        ck_assert_int_eq(ct_gradcheck(bad_function, NULL, &x, 1, &report), CT_VACUOUS);
        ct_gradcheck_report_free(&report);
        expect_failed(ct_error_code(), CT_ERROR_STATE, cases[i].message);
    }
    ct_gradcheck_report report = {0};
    ck_assert(!ct_verdict_good(ct_gradcheck(closed_result, NULL, &x, 1, &report)));
    ct_gradcheck_report_free(&report);
    expect_failed(ct_error_code(), CT_ERROR_STATE, "gradcheck: ");
}
END_TEST

/* What a backward sets may come from a scope that it opens and closes. */
static ct_status scoped_backward(ct_call *call)
{
    ct_scope_open();
    ct_status status = double_backward(call);
    ct_scope_close();
    ct_zeros(CT_FLOAT64, CT_SHAPE(3)); /* would take the freed memory */
    return status;
}

START_TEST(a_backward_with_a_scope_of_its_own)
{
    ct_op op = good;
    op.backward = scoped_backward;
    ct_tensor *x = leaf();
    ck_assert_int_eq(ct_backward(ct_sum(ct_apply(&op, &x, 1, NULL))), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(2, 2, 2));
}
END_TEST

static ct_status view_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    return ct_call_output_view(call, 0, 0, 0, ct_shape(x), ct_strides(x), ct_rank(x));
}

/* A forward that fills a view would fill its input. */
START_TEST(a_view_is_not_filled)
{
    ct_op op = good;
    op.infer = view_infer;
    ct_tensor *x = leaf();
    expect_error(ct_apply(&op, &x, 1, NULL), CT_ERROR_STATE,
                 "double: output 0 is a view of an input, and is not filled");
    ck_assert_int_eq(ct_get(x, CT_SHAPE(1)), 2);
}
END_TEST

Suite *ct_suite_door(void)
{
    int n;
    ct_ops(&n);
    Suite *suite = suite_create("door");
    TCase *tcase = tcase_create("door");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_test(tcase, a_record_without_backward_in_a_graph);
    tcase_add_test(tcase, an_integer_result_needs_no_backward);
    tcase_add_test(tcase, inconsistent_records);
    tcase_add_test(tcase, a_record_takes_the_types_it_says);
    tcase_add_test(tcase, a_set_stands_for_those_after_it);
    tcase_add_loop_test(tcase, the_library_says_what_it_takes, 0, n);
    tcase_add_loop_test(tcase, a_forward_that_misbehaves, 0, MISDEEDS);
    tcase_add_loop_test(tcase, an_expression_that_misbehaves, 0, MISDEEDS);
    tcase_add_loop_test(tcase, a_backward_that_misbehaves, 0, MISDEEDS);
    tcase_add_test(tcase, a_checked_function_that_misbehaves);
    tcase_add_test(tcase, a_backward_with_a_scope_of_its_own);
    tcase_add_test(tcase, a_view_is_not_filled);
    suite_add_tcase(suite, tcase);
    return suite;
}
