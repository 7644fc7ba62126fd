/* What the gradient checker says of mistakes, in the report and in print, and of the texts of samples. */
#include <cotan/cotan.h>

#include "gradcheck_checks.h"
#include "planted_ops.h"
#include "suites.h"
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- wrong functions ---- */

static const planted_op *planted(const char *number)
{
    int n;
    const planted_op *(*const tables[])(int *) = {planted_ops, planted_kinds, planted_rare};
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
        const planted_op *all = tables[k](&n);
        for (int i = 0; i < n; i++)
            if (strcmp(all[i].number, number) == 0)
                return &all[i];
    }
    ck_abort_msg("there is no planted bug %s", number);
    return NULL;
}

/* The checks that find what the samples, the first point, one thread and float64 do not show. */
START_TEST(test_kinds)
{
    static const struct {
        const char *number, *check, *words;
        unsigned checks;
    } rows[] = {
        {"C1", "elsewhere", "an earlier call", CT_CHECK_ELSEWHERE},
        {"T1", "kink", "not together", CT_CHECK_VALUE_ONLY},
        {"T3", "kink", "not together", CT_CHECK_VALUE_ONLY},
        {"A1", "gradient", "1.01 times", CT_CHECK_VALUE_ONLY},
        {"R1", "gradient", "1.002 times", CT_CHECK_VALUE_ONLY},
        {"L1", "float32", "the float32 gradient is off", CT_CHECK_FLOAT32},
        {"L3", "float32", "the float32 result is off", CT_CHECK_FLOAT32},
        {"V1", "variations", "10 times as large", CT_CHECK_VARIATIONS},
        {"V8", "variations", "with cotangents 2^-40", CT_CHECK_VARIATIONS},
        {"V11", "variations", "with size", CT_CHECK_VARIATIONS},
        {"V13", "variations", "with size", CT_CHECK_VARIATIONS},
        {"V23", "variations", "without an optional input", CT_CHECK_VARIATIONS},
        {"T2", "kink", "does not add up", CT_CHECK_VALUE_ONLY},
        {"T13", "kink", "does not add up", CT_CHECK_VALUE_ONLY},
        {"T6", "gradient", "on both sides", CT_CHECK_VALUE_ONLY},
        {"X1", "variations", "exactly 1 are wrong", CT_CHECK_VARIATIONS},
        {"X3", "variations", "exactly 0.5 are wrong", CT_CHECK_VARIATIONS},
        {"X12", "variations", "with values 2^-20", CT_CHECK_VARIATIONS},
        {"X15", "variations", "with values such as 3, 6, 10", CT_CHECK_VARIATIONS},
        {"X17", "variations", "not finite", CT_CHECK_VARIATIONS},
        {"X18", "variations", "all negative", CT_CHECK_VARIATIONS},
        {"X20", "variations", "in ascending order", CT_CHECK_VARIATIONS},
        {"B2", "variations", "with two more axes", CT_CHECK_VARIATIONS},
        {"B5", "variations", "as 64", CT_CHECK_VARIATIONS},
        {"W4", "elsewhere", "from the last call", CT_CHECK_ELSEWHERE},
        {"W6", "repeat", "where a gradient is asked for", CT_CHECK_REPEAT},
        {"W7", "linear", "parts of a cotangent", CT_CHECK_LINEAR},
        {"W8", "threads", "with 1 thread the", CT_CHECK_THREADS},
        {"W9", "threads", "with 3 threads the", CT_CHECK_THREADS},
        {"Y4", "layouts", "are both", CT_CHECK_LAYOUTS},
        {"Y5", "float32", "of strided inputs", CT_CHECK_FLOAT32 | CT_CHECK_LAYOUTS},
    };
    ct_set_num_threads(2); /* W8 is wrong with one */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const planted_op *op = planted(rows[i].number);
        expect(ct_gradcheck_op(op->wrong, &report, .checks = rows[i].checks), CT_FAIL);
        ck_assert_str_eq(report.check, rows[i].check);
        ck_assert_msg(strstr(report.cause, rows[i].words), "%s: %s", rows[i].number, report.cause);
        ck_assert(ct_verdict_good(ct_gradcheck_op(op->right, &report, .checks = rows[i].checks)));
        bool reached = rows[i].checks == CT_CHECK_VALUE_ONLY;
        expect(ct_gradcheck_op(op->wrong, &report, .checks = CT_CHECK_VALUE_ONLY), reached ? CT_FAIL : CT_PASS);
    }
}
END_TEST

static int planted_line;

static ct_tensor *chain(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    ct_tensor *h = ct_tanh(in[0]);
    planted_line = __LINE__ + 1;
    h = planted_apply((const ct_op *)user, &h, 1);
    return ct_sum(ct_sigmoid(h));
}

START_TEST(test_report_of_a_mistake)
{
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    const ct_op *wrong = planted("5")->wrong;
    expect(ct_gradcheck(chain, (void *)wrong, &x, 1, &report), CT_FAIL);
    const ct_gradcheck_tensor *row = &report.tensors[0];
    ck_assert_int_eq(row->verdict, CT_FAIL);
    ck_assert_int_eq(row->bad, 12);
    ck_assert(row->located);
    ck_assert_double_eq(row->x, ct_get(x, row->worst, 2));
    ck_assert_double_eq_tol(row->analytic, row->numeric / 2, 1e-9 * fabs(row->numeric));
    ck_assert_double_gt(row->ratio, 1e3);
    ck_assert_double_eq_tol(row->notes_ratio, 1. / 3, 1e-6);
    ck_assert_double_eq_tol(report.notes_ratio, 1. / 3, 1e-6);
    ck_assert_ptr_nonnull(strstr(report.cause, "factor 2"));
    ck_assert_str_eq(report.check, "gradient");
    ck_assert_int_eq(report.argument, 0);
    expect(ct_gradcheck(chain, (void *)wrong, &x, 1, &report, .mode = CT_FAST), CT_FAIL);
    ck_assert(report.tensors[0].located);
    ck_assert_int_eq(report.tensors[0].checked, 12); /* so few that all are measured */
    expect(ct_gradcheck_graph(chain, (void *)wrong, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.op, "square");
    ck_assert_int_eq(report.line, planted_line);
    ck_assert_ptr_nonnull(strstr(report.file, "test_gradcheck_report.c"));
    ck_assert_int_eq(report.node, 1);
    ck_assert(!report.engine);
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->right, &x, 1, &report), CT_PASS);
    ck_assert_int_eq(report.node, -1);
}
END_TEST

/* The gradient of square with the slope taken out of the graph: right to first order only. */
static ct_status detached_backward(ct_call *call)
{
    ct_tensor *slope = ct_mul_scalar(ct_detach(ct_call_input(call, 0)), 2);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), slope));
}

static ct_status square_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; x && k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = x[k] * x[k];
    return x ? CT_OK : ct_error_code();
}

static const ct_op first_order_square = {
    .name = "first_order_square",
    .gradient = "2 x g",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .infer = same_infer,
    .forward = square_forward,
    .backward = detached_backward,
    .samples = (const ct_sample[]){{"3x2", NULL}, {NULL, NULL}},
};

static ct_tensor *squares(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    return ct_tanh(ct_apply(&first_order_square, in, n, NULL));
}

START_TEST(test_second_order_mistake)
{
    const unsigned checks = ~(unsigned)(CT_CHECK_FLOAT32 | CT_CHECK_VALUE_ONLY); /* it is written for float64 only */
    expect(ct_gradcheck_op(&first_order_square, &report, .checks = checks), CT_PASS);
    expect(ct_gradcheck_op(&first_order_square, &report, .checks = checks, .order = 2), CT_FAIL);
    ck_assert_str_eq(report.check, "second-order gradient");
    ck_assert_str_eq(report.op, "first_order_square");
    ct_tensor *x = f64(CT_SHAPE(3), 1);
    expect(ct_gradcheck(squares, NULL, &x, 1, &report, .order = 2), CT_FAIL);
    expect(ct_gradcheck_graph(squares, NULL, &x, 1, &report), CT_PASS);
    expect(ct_gradcheck_graph(squares, NULL, &x, 1, &report, .order = 2), CT_FAIL);
    ck_assert_str_eq(report.op, "first_order_square");
}
END_TEST

static ct_tensor *cut(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_add(ct_exp(in[0]), ct_square(ct_detach(in[0])));
}

START_TEST(test_unrecorded_path)
{
    ct_tensor *x = f64(CT_SHAPE(4), 1);
    expect(ct_gradcheck_graph(cut, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "graph");
    ck_assert_str_eq(report.op, "");
    ck_assert(!report.engine);
    ck_assert_ptr_nonnull(strstr(report.cause, "not recorded"));
}
END_TEST

static int log_line;

static ct_tensor *not_finite(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *h = ct_tanh(in[0]);
    log_line = __LINE__ + 1;
    h = ct_log(h);
    return ct_exp(h);
}

START_TEST(test_first_not_finite)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, -1), CT_SHAPE(2));
    expect(ct_gradcheck(not_finite, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "finite");
    expect(ct_gradcheck_graph(not_finite, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "finite");
    ck_assert_str_eq(report.op, "log");
    ck_assert_int_eq(report.line, log_line);
}
END_TEST

/* ---- samples ---- */

START_TEST(test_samples)
{
    ct_tensor *in[CT_MAX_INPUTS];
    int n;
    ct_sample sample = {.inputs = " 3x4 f:4@0.25..3 scalar! i5:7  null u2:0x2 5@-1e-2..-.001!"};
    ct_seed(1);
    ck_assert_int_eq(ct_sample_inputs(&sample, CT_FLOAT32, in, &n), CT_OK);
    ck_assert_int_eq(n, 7);
    const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT32, CT_FLOAT32, CT_INT64, CT_FLOAT32, CT_UINT8, CT_FLOAT32};
    const int ranks[] = {2, 1, 0, 1, 0, 2, 1};
    const double low[] = {-2, 0.25, -2, 0, 0, 0, -1e-2}, high[] = {2, 3, 2, 4, 0, 1, -.001};
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(in[i] == NULL, i == 4);
        if (!in[i])
            continue;
        ck_assert_int_eq(ct_dtype_of(in[i]), dtypes[i]);
        ck_assert_int_eq(ct_rank(in[i]), ranks[i]);
        ck_assert_int_eq(ct_requires_grad(in[i]), i < 2);
        double values[12];
        ck_assert_int_eq(ct_to_values(in[i], values, ct_numel(in[i])), CT_OK);
        for (int64_t k = 0; k < ct_numel(in[i]); k++)
            ck_assert(values[k] >= low[i] && values[k] <= high[i]);
    }
    ct_tensor *other[CT_MAX_INPUTS];
    ct_seed(1);
    ck_assert_int_eq(ct_sample_inputs(&sample, CT_FLOAT64, other, &n), CT_OK);
    expect_close(ct_cast(in[0], CT_FLOAT64), other[0], 0); /* the same point in both precisions */
}
END_TEST

START_TEST(test_bad_samples)
{
    const char *const bad[] = {
        "3x",  "x3", "i:4", "i5", "i0:4", "q3", "3@1", "3@1..", "3@2..1", "nul", "3 4x4?", "i5:3!", "1x1x1x1x1x1x1x1x1",
        "3,4", "f3", "-3"};
    ct_tensor *in[CT_MAX_INPUTS];
    int n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(ct_sample_inputs(&(ct_sample){.inputs = bad[i]}, CT_FLOAT64, in, &n) == CT_ERROR_ARGUMENT,
                      "\"%s\"", bad[i]);
        ck_assert_ptr_nonnull(strstr(ct_error_message(), bad[i]));
        ct_error_clear();
    }
    ck_assert_int_eq(ct_sample_inputs(&(ct_sample){.inputs = "3"}, CT_INT64, in, &n), CT_ERROR_DTYPE);
    ct_error_clear();
    ck_assert_int_eq(ct_sample_inputs(&(ct_sample){0}, CT_FLOAT64, in, &n), CT_ERROR_NULL);
    ct_error_clear();
}
END_TEST

/* ---- print ---- */

static const char *printed(void)
{
    static char text[16384];
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(ct_gradcheck_print(&report, stream), CT_OK);
    fclose(stream);
    return text;
}

/* Up to the culprit, whose cause is a sentence. */
static int widest_of_table(const char *text)
{
    int widest = 0, width = 0;
    for (const char *end = strstr(text, "culprit"); text < end; text++) {
        width = *text == '\n' ? 0 : width + 1;
        widest = width > widest ? width : widest;
    }
    return widest;
}

START_TEST(test_print_of_samples)
{
    expect(ct_gradcheck_op(planted("20")->wrong, &report, .order = 2, .checks = CT_CHECK_VALUE_ONLY), CT_FAIL);
    const char *text = printed();
    ck_assert_int_gt(widest_of_table(text), 60);
    ck_assert_int_le(widest_of_table(text), 100);
    ck_assert_ptr_nonnull(strstr(text, "off by"));
    ck_assert_ptr_nonnull(strstr(text, "2nd: of the gradient, as a function of the inputs"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "culprit"), "  input 1, 2nd: ")); /* not the first alone */
}
END_TEST

/* What the report looks like on a terminal. */
static void print_on_terminal(char *text, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    FILE *slave = fopen(ptsname(master), "w");
    ck_assert_ptr_nonnull(slave);
    setenv("TERM", "xterm", 1);
    ck_assert_int_eq(ct_gradcheck_print(&report, slave), CT_OK);
    fflush(slave);
    ssize_t n = read(master, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    fclose(slave);
    close(master);
}

START_TEST(test_colours)
{
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    char text[1024];
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->wrong, &x, 1, &report), CT_FAIL);
    print_on_terminal(text, sizeof text);
    ck_assert_msg(strncmp(text, "\033[1;31mFAIL\033[0m: gradient check", 31) == 0, "%s", text);
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->right, &x, 1, &report), CT_PASS);
    print_on_terminal(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "\033[32mPASS"));
    setenv("NO_COLOR", "1", 1);
    print_on_terminal(text, sizeof text);
    ck_assert_ptr_null(strchr(text, '\033'));
    unsetenv("NO_COLOR");
}
END_TEST

START_TEST(test_print)
{
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    char line[32];
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->wrong, &x, 1, &report), CT_FAIL);
    const char *text = printed();
    snprintf(line, sizeof line, "test_gradcheck_report.c:%d", planted_line);
    ck_assert_int_eq(strncmp(text, "FAIL: gradient check of graph\n", 30), 0);
    const char *table = strstr(text, "[3,4]"), *culprit = strstr(text, "culprit: operation 'square', node 1");
    ck_assert(table && culprit && table < culprit);
    ck_assert_ptr_nonnull(strstr(culprit, line));
    ck_assert_ptr_nonnull(strstr(culprit, "a factor 2 is missing"));
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->right, &x, 1, &report), CT_PASS);
    text = printed();
    ck_assert_int_eq(strncmp(text, "PASS", 4), 0);
    ck_assert_ptr_null(strstr(text, "culprit"));
    ck_assert_ptr_nonnull(strstr(text, "lecture notes' ratio"));
    ct_gradcheck_report_free(&report);
    ck_assert_ptr_nonnull(strstr(printed(), "VACUOUS: gradient check of nothing: nothing was checked"));
    ck_assert_int_eq(ct_gradcheck_print(NULL, stdout), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_gradcheck_print(&report, NULL), CT_ERROR_NULL);
    ct_error_clear();
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    ck_assert_int_eq(ct_gradcheck_print(&report, full), CT_ERROR_IO);
    ct_error_clear();
    fclose(full);
}
END_TEST

/* ---- pictures ---- */

/* sin x, whose gradient is lost above user. */
static ct_tensor *half_detached(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    ct_tensor *bound = ct_full(CT_FLOAT64, *(double *)user, ct_shape(in[0]), ct_rank(in[0]));
    return ct_where(ct_gt(in[0], bound), ct_sin(ct_detach(in[0])), ct_sin(in[0]));
}

static ct_verdict check_detached(ct_tensor *x, double bound, ct_gradcheck_mode mode)
{
    return ct_gradcheck(half_detached, &bound, &x, 1, &report, .mode = mode, .checks = CT_CHECK_VALUE_ONLY);
}

static int count_cells(uint8_t verdict)
{
    int count = 0;
    for (int i = 0; i < report.picture->rows * report.picture->columns; i++)
        count += report.picture->cells[i] == verdict;
    return count;
}

START_TEST(test_picture)
{
    ct_tensor *x = f64(CT_SHAPE(2, 3, 4), 1);
    expect(check_detached(x, 0.5, CT_FULL), CT_FAIL);
    const ct_gradcheck_picture *p = report.picture;
    const ct_gradcheck_tensor *row = &report.tensors[p->row];
    ck_assert(p->rows == 6 && p->columns == 4);
    ck_assert_int_eq(count_cells(CT_FAIL), (int)row->bad);
    ck_assert_int_eq(count_cells(CT_PASS), 24 - (int)row->bad);
    for (int64_t k = 0; k < 24; k++)
        ck_assert_int_eq(p->cells[k],
                         ct_get(x, (const int64_t[]){k / 12, k / 4 % 3, k % 4}, 3) > 0.5 ? CT_FAIL : CT_PASS);
    int middle = CT_GRADCHECK_STEPS / 3; /* steps of 2^-15 or so */
    ck_assert_double_eq_tol(p->off_computed[middle], fabs(row->numeric), 1e-7);
    ck_assert_double_lt(p->off_measured[middle], 1e-7);
    ck_assert_double_gt(p->off_measured[0], 1e-3);
    ck_assert_double_gt(p->off_measured[CT_GRADCHECK_STEPS - 1], 1e-6);
    for (int i = 1; i < CT_GRADCHECK_STEPS; i++)
        ck_assert_double_eq(p->steps[i], p->steps[i - 1] / 2);
}
END_TEST

/* 0-d, and more elements than there are cells, of which fast mode looks at a few and at the one that it found. */
START_TEST(test_picture_of_any_size)
{
    expect(check_detached(ct_scalar(CT_FLOAT64, 1), 0.5, CT_FULL), CT_FAIL);
    ck_assert(report.picture->rows == 1 && report.picture->columns == 1 && report.picture->cells[0] == CT_FAIL);
    ct_tensor *x = ct_mul_scalar(f64(CT_SHAPE(100, 130), 1), 0.2);
    ct_set_requires_grad(x, false);
    ((double *)ct_data_mut(x))[57 * 130 + 100] = 0.75;
    expect(check_detached(x, 0.5, CT_FAST), CT_FAIL);
    const ct_gradcheck_picture *p = report.picture;
    ck_assert(p->rows == CT_GRADCHECK_CELLS && p->columns == CT_GRADCHECK_CELLS);
    ck_assert_int_eq(count_cells(CT_FAIL), 1);
    ck_assert_int_eq(p->cells[57 * p->rows / 100 * p->columns + 100 * p->columns / 130], CT_FAIL);
    ck_assert_int_gt(count_cells(CT_PASS), 100);
    ck_assert_int_gt(count_cells(CT_GRADCHECK_UNLOOKED), 1000);
}
END_TEST

static const char *text_of(const char *path)
{
    static char text[32768];
    FILE *stream = fopen(path, "r");
    ck_assert_ptr_nonnull(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    return text;
}

/* The squares of the map, which are the size of the first, lie in rows of so many, each in a place of its own. */
static void check_squares(const char *text, int rows, int columns)
{
    double x[64], y[64], size = 0, first = 0;
    int n = 0, in_first_row = 0;
    for (const char *at = text; n < 64 && (at = strstr(at, "stroke=\"#fff\" d=\"M")); at++) {
        ck_assert_int_eq(sscanf(at, "stroke=\"#fff\" d=\"M%lf %lfh%lf", &x[n], &y[n], &size), 3);
        first = n == 0 ? size : first;
        in_first_row += size == first && y[n] == y[0];
        for (int i = 0; i < n && size == first; i++)
            ck_assert_msg(x[i] != x[n] || y[i] != y[n], "squares %d and %d lie in one place", i, n);
        n += size == first;
    }
    ck_assert_int_eq(n, rows * columns);
    ck_assert_int_eq(in_first_row, columns);
}

START_TEST(test_plot)
{
    char path[] = "/tmp/cotan-gradcheck-XXXXXX";
    close(mkstemp(path));
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    expect(check_detached(x, 0.5, CT_FULL), CT_FAIL);
    ck_assert_int_eq(ct_gradcheck_plot(&report, path), CT_OK);
    const char *text = text_of(path);
    int crossed = 0;
    for (const char *at = text; (at = strstr(at, "\"#c8501e\" stroke=\"#fff\"")); at++)
        crossed++;
    ck_assert_int_eq(crossed, (int)report.bad + 1); /* and one in the legend */
    check_squares(text, 3, 4);
    ck_assert_ptr_nonnull(strstr(text, "FAIL: function, input 0, the worst element"));
    ck_assert_ptr_nonnull(strstr(text, "from the computed"));
    ck_assert_str_eq(text + strlen(text) - 7, "</svg>\n");
    ck_assert_int_eq(ct_gradcheck_plot(&report, "/nowhere/gradcheck.svg"), CT_ERROR_IO);
    ct_error_clear();
    ck_assert_int_eq(ct_gradcheck_plot(&report, NULL), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_gradcheck_plot(NULL, path), CT_ERROR_NULL);
    ct_error_clear();
    expect(check_detached(x, 5, CT_FULL), CT_PASS);
    ck_assert_ptr_null(report.picture);
    ck_assert_int_eq(ct_gradcheck_plot(&report, path), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE,
                 "gradcheck_plot: no element is wrong or open, so there is nothing to draw (PASS)");
    remove(path);
}
END_TEST

Suite *ct_suite_gradcheck_report(void)
{
    Suite *suite = suite_create("gradcheck_report");
    TCase *tcase = tcase_create("gradcheck_report");
    tcase_add_checked_fixture(tcase, open_check, close_check);
    tcase_add_test(tcase, test_kinds);
    tcase_add_test(tcase, test_report_of_a_mistake);
    tcase_add_test(tcase, test_second_order_mistake);
    tcase_add_test(tcase, test_unrecorded_path);
    tcase_add_test(tcase, test_first_not_finite);
    tcase_add_test(tcase, test_samples);
    tcase_add_test(tcase, test_bad_samples);
    tcase_add_test(tcase, test_print_of_samples);
    tcase_add_test(tcase, test_print);
    tcase_add_test(tcase, test_colours);
    tcase_add_test(tcase, test_picture);
    tcase_add_test(tcase, test_picture_of_any_size);
    tcase_add_test(tcase, test_plot);
    suite_add_tcase(suite, tcase);
    return suite;
}
