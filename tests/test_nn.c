/* nn: initialisers, layers, optimisers against PyTorch's numbers, state dicts, data, the training loop, plots. */
#include "core_internal.h"
#include "error_checks.h"
#undef CT_NO_LOCATIONS
#include <cotan/train.h>
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- helpers ---- */

static void close_scope(void)
{
    expect_no_error();
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}

/* A file name in a folder of this process's own, removed by remove_files(). */
static char folder[64];
static const char *temporary(const char *name)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    if (!*folder) {
        strcpy(folder, "/tmp/cotan-nn-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void remove_files(const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        remove(temporary(names[i]));
    rmdir(folder);
    *folder = 0;
}

/* A build without zlib reads files as they lie. */
static void write_file(const char *name, const void *bytes, size_t size, bool zipped)
{
#ifndef COTAN_USE_ZLIB
    zipped = false;
#endif
    gzFile f = gzopen(temporary(name), zipped ? "wb" : "wbT");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(gzwrite(f, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(f), Z_OK);
}

/* ---- initialisers ---- */

static void moments(const ct_tensor *t, double *mean, double *variance, double *largest)
{
    const double *x = ct_data(t);
    int64_t n = ct_numel(t);
    *mean = *variance = *largest = 0;
    for (int64_t i = 0; i < n; i++) {
        *mean += x[i] / (double)n;
        *largest = fmax(*largest, fabs(x[i]));
    }
    for (int64_t i = 0; i < n; i++)
        *variance += (x[i] - *mean) * (x[i] - *mean) / (double)n;
}

START_TEST(initialisers_have_their_variance)
{
    /* weight [60,50,3,3]: fan_in 450, fan_out 540, 27000 elements */
    const struct {
        const ct_initializer *initializer;
        double variance;
    } rows[] = {
        {&ct_init_glorot_uniform, 2. / (450 + 540)},
        {&ct_init_glorot_normal, 2. / (450 + 540)},
        {&ct_init_he_uniform, 2. / 450},
        {&ct_init_he_normal, 2. / 450},
        {&ct_init_torch, 1. / (3 * 450)},
        {&ct_init_lecun_uniform, 1. / 450},
        {&ct_init_lecun_normal, 1. / 450},
        {&ct_init_fans_uniform, 1. / (3 * (450 + 540))}, /* +-1 / sqrt(990) */
        {&ct_init_normal, 1},
        {CT_INIT_UNIFORM(0.3), 0.03},
        {CT_INIT_NORMAL(0.02), 0.02 * 0.02},
    };
    for (int i = 0; i < LENGTH(rows); i++) {
        double mean, variance, largest, bound = sqrt(3 * rows[i].variance), n = 27000;
        bool uniform = rows[i].initializer->distribution == CT_UNIFORM;
        ct_scope_open();
        ct_seed(7);
        ct_tensor *t = ct_empty(CT_FLOAT64, CT_SHAPE(60, 50, 3, 3));
        ck_assert_int_eq(ct_initialize_(t, rows[i].initializer, 0, 0), CT_OK);
        moments(t, &mean, &variance, &largest);
        ck_assert_double_lt(fabs(mean), 5 * sqrt(rows[i].variance / n));
        /* the variance's deviation: sqrt((kurtosis - 1) / n), the kurtosis being 1.8 or 3 */
        ck_assert_double_lt(fabs(variance / rows[i].variance - 1), 5 * sqrt((uniform ? 0.8 : 2) / n));
        if (uniform)
            ck_assert(largest <= bound && largest > 0.999 * bound);
        else
            ck_assert(largest > 3.5 * sqrt(rows[i].variance) && largest < 6.5 * sqrt(rows[i].variance));
        close_scope();
    }
}
END_TEST

START_TEST(truncated_normals_keep_their_variance)
{
    static const ct_initializer small = {
        .name = "small", .distribution = CT_TRUNCATED_NORMAL, .value = 1, .in = 1}; /* variance 1 / 250 */
    const struct {
        const ct_initializer *initializer;
        double variance;
    } rows[] = {{&ct_init_truncated_normal, 1}, {&small, 1. / 250}, {CT_INIT_TRUNCATED_NORMAL(0.1), 0.01}};
    for (int i = 0; i < LENGTH(rows); i++) {
        double mean, variance, largest, n = 25000, bound = 2 * sqrt(rows[i].variance) / 0.8796256610342398;
        ct_scope_open();
        ct_seed(7);
        ct_tensor *t = ct_empty(CT_FLOAT64, CT_SHAPE(100, 250));
        ck_assert_int_eq(ct_initialize_(t, rows[i].initializer, 0, 0), CT_OK);
        moments(t, &mean, &variance, &largest);
        ck_assert_double_lt(fabs(mean), 5 * sqrt(rows[i].variance / n));
        ck_assert_double_lt(fabs(variance / rows[i].variance - 1), 5 * sqrt(1.4 / n)); /* its kurtosis is below 2.4 */
        ck_assert(largest <= bound && largest > 0.99 * bound);
        close_scope();
    }
}
END_TEST

/* Rows of the matrix [rows, columns] that t is, or its columns if they are fewer: their products are gain^2 or 0. */
static void expect_orthogonal(const ct_tensor *t, int64_t rows, int64_t columns, double gain, double tolerance)
{
    const int64_t flat[] = {rows, columns};
    ct_tensor *q = ct_reshape(ct_cast((ct_tensor *)t, CT_FLOAT64), flat, 2), *across = ct_transpose(q, 0, 1);
    const ct_tensor *products = rows <= columns ? ct_matmul(q, across) : ct_matmul(across, q);
    for (int64_t i = 0; i < ct_size(products, 0); i++)
        for (int64_t j = 0; j < ct_size(products, 0); j++)
            ck_assert_double_eq_tol(ct_get(products, (int64_t[]){i, j}, 2), i == j ? gain * gain : 0, tolerance);
}

START_TEST(orthogonal_matrices)
{
    static const struct {
        int64_t shape[4];
        int rank;
    } rows[] = {{{5, 8}, 2}, {{8, 5}, 2}, {{40, 40}, 2}, {{4, 2, 3, 3}, 4}, {{20, 2, 3, 1}, 4}, {{1, 3}, 2}};
    for (int i = 0; i < LENGTH(rows); i++) {
        ct_scope_open();
        ct_seed((uint64_t)i);
        ct_tensor *t = ct_empty(CT_FLOAT64, rows[i].shape, rows[i].rank);
        ct_tensor *f = ct_empty(CT_FLOAT32, rows[i].shape, rows[i].rank);
        ck_assert_int_eq(ct_initialize_(t, &ct_init_orthogonal, 0, 0), CT_OK);
        ct_initialize_(f, &(ct_initializer){.name = "twice", .distribution = CT_ORTHOGONAL, .value = 2}, 0, 0);
        ck_assert_int_eq(ct_error_code(), CT_OK);
        int64_t n = rows[i].shape[0];
        expect_orthogonal(t, n, ct_numel(t) / n, 1, 1e-14);
        expect_orthogonal(f, n, ct_numel(f) / n, 2, 2e-6);
        close_scope();
    }
}
END_TEST

START_TEST(delta_orthogonal_kernels)
{
    static const struct {
        int64_t shape[5];
        int rank;
        int64_t middle[3];
    } rows[] = {
        {{5, 3, 3}, 3, {1}}, {{4, 4, 3, 5}, 4, {1, 2}}, {{6, 2, 1, 3, 3}, 5, {0, 1, 1}}, {{3, 2, 4, 2}, 4, {1, 0}}};
    for (int i = 0; i < LENGTH(rows); i++) {
        ct_scope_open();
        ct_tensor *t = ct_ones(CT_FLOAT64, rows[i].shape, rows[i].rank), *middle = t;
        ck_assert_int_eq(ct_initialize_(t, &ct_init_delta_orthogonal, 0, 0), CT_OK);
        for (int axis = 2; axis < rows[i].rank; axis++)
            middle = ct_select(middle, 2, rows[i].middle[axis - 2]);
        expect_orthogonal(middle, rows[i].shape[0], rows[i].shape[1], 1, 1e-14);
        double all = ct_item(ct_sum(ct_square(t))), there = ct_item(ct_sum(ct_square(middle)));
        ck_assert_double_eq_tol(all, (double)rows[i].shape[1], 1e-13);
        ck_assert_double_eq_tol(all, there, 1e-13);
        close_scope();
    }
    ct_tensor *wide = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3, 3));
    ck_assert_int_ne(ct_initialize_(wide, &ct_init_delta_orthogonal, 0, 0), CT_OK);
    expect_failure(CT_ERROR_SHAPE, "[2,3,3]: a delta-orthogonal kernel has no more in than out");
    ct_release(wide);
}
END_TEST

START_TEST(orthogonal_matrices_are_equally_likely)
{
    enum { N = 4000 };
    double cosines = 0, squares = 0, turns = 0; /* of [2,2]: rotations and reflections by any angle */
    ct_seed(11);
    ct_scope_open();
    ct_tensor *t = ct_empty(CT_FLOAT64, CT_SHAPE(2, 2));
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(ct_initialize_(t, &ct_init_orthogonal, 0, 0), CT_OK);
        const double *q = ct_data(t);
        cosines += q[0] / N;
        squares += q[0] * q[0] / N;
        turns += (q[0] * q[3] - q[1] * q[2]) / N;
    }
    ck_assert_double_lt(fabs(cosines), 5 * sqrt(0.5 / N));
    ck_assert_double_lt(fabs(squares - 0.5), 5 * sqrt(0.125 / N));
    ck_assert_double_lt(fabs(turns), 5 * sqrt(1. / N));
    close_scope();
}
END_TEST

START_TEST(initialisers_repeat_and_take_fans)
{
    ct_scope_open();
    ct_tensor *a = ct_empty(CT_FLOAT32, CT_SHAPE(100)), *b = ct_empty(CT_FLOAT32, CT_SHAPE(100));
    ct_seed(3);
    ct_initialize_(a, &ct_init_he_uniform, 6, 1); /* bound sqrt(6 / 6) = 1 */
    ct_seed(3);
    ct_initialize_(b, &ct_init_he_uniform, 600, 1); /* bound 0.1 */
    for (int64_t i = 0; i < 100; i++) {
        double x = ct_get(a, &i, 1), y = ct_get(b, &i, 1);
        ck_assert(fabs(x) <= 1 && fabs(x - 10 * y) < 1e-6);
    }
    ct_initialize_(a, &ct_init_ones, 0, 0);
    ck_assert_double_eq(ct_get(a, (int64_t[]){99}, 1), 1);
    ct_initialize_(a, &ct_init_zeros, 0, 0);
    ck_assert_double_eq(ct_get(a, (int64_t[]){0}, 1), 0);
    ct_initializer half = {.name = "half", .distribution = CT_CONSTANT, .value = 0.5};
    ct_initialize_(a, &half, 0, 0);
    ck_assert_double_eq(ct_get(a, (int64_t[]){50}, 1), 0.5);
    ck_assert_int_eq(ct_initialize_(ct_empty(CT_FLOAT32, CT_SHAPE(0, 3)), &ct_init_he_normal, 0, 0), CT_OK);
    ck_assert_int_eq(ct_initialize_(ct_empty(CT_FLOAT32, CT_SHAPE(0, 3)), &ct_init_orthogonal, 0, 0), CT_OK);
    ck_assert_int_eq(ct_initialize_(ct_empty(CT_FLOAT32, CT_SHAPE(3, 0)), &ct_init_truncated_normal, 0, 0), CT_OK);
    ck_assert_int_eq(ct_initialize_(a, &ct_init_normal, 0, 0), CT_OK); /* a vector: needs no fans */
    ct_initialize_(a, CT_INIT_CONSTANT(0.25), 0, 0);
    ck_assert_double_eq(ct_get(a, (int64_t[]){7}, 1), 0.25);
    close_scope();
}
END_TEST

START_TEST(initialisers_refuse)
{
    ct_scope_open();
    ct_tensor *vector = ct_zeros(CT_FLOAT32, CT_SHAPE(4));
    ck_assert_int_ne(ct_initialize_(vector, &ct_init_he_normal, 0, 0), CT_OK);
    expect_failure(CT_ERROR_SHAPE, "[4] has no fans");
    ck_assert_int_ne(ct_initialize_(vector, &ct_init_he_normal, -1, 3), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "fans of -1 in");
    ck_assert_int_ne(ct_initialize_(NULL, &ct_init_he_normal, 0, 0), CT_OK);
    expect_failure(CT_ERROR_NULL, "tensor is NULL");
    ck_assert_int_ne(ct_initialize_(vector, NULL, 0, 0), CT_OK);
    expect_failure(CT_ERROR_NULL, "initializer is NULL");
    ck_assert_int_ne(ct_initialize_(vector, &ct_init_orthogonal, 4, 4), CT_OK);
    expect_failure(CT_ERROR_SHAPE, "[4] is no matrix");
    ct_initializer bad = {.name = "bad", .distribution = CT_ORTHOGONAL, .value = NAN};
    ck_assert_int_ne(ct_initialize_(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 2)), &bad, 0, 0), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "bad by nan");
    close_scope();
}
END_TEST

/* ---- modules and layers ---- */

START_TEST(layers_name_their_parameters)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module_push(m, "block1");
    ct_module *conv = ct_conv2d_new(m, "conv", 4, 6, 3, .groups = 2, .padding = 1, .stride = 2);
    ct_module_push(m, "head.last");
    ct_module *fc = ct_linear_new(m, "fc", 5, 7, .no_bias = true, .weight = &ct_init_ones);
    ct_module_pop(m);
    ct_module_buffer(m, "steps", ct_zeros(CT_INT64, CT_SCALAR));
    ct_module_pop(m);
    ct_module_parameter(m, "scale", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    expect_no_error();
    static const char *const names[] = {"block1.conv.weight", "block1.conv.bias", "block1.head.last.fc.weight",
                                        "block1.steps", "scale"};
    ck_assert_int_eq(ct_module_count(m), LENGTH(names));
    for (int i = 0; i < LENGTH(names); i++) {
        ck_assert_str_eq(ct_module_name(m, i), names[i]);
        ck_assert_ptr_eq(ct_module_get(m, names[i]), ct_module_tensor(m, i));
        ck_assert_int_eq(ct_module_is_parameter(m, i), i != 3);
        ck_assert_int_eq(ct_requires_grad(ct_module_tensor(m, i)), i != 3);
    }
    ck_assert_ptr_null(ct_module_name(m, 5));
    ck_assert_ptr_null(ct_module_tensor(m, -1));
    ck_assert_ptr_null(ct_module_get(m, "conv.weight"));
    ck_assert_int_eq(ct_module_numel(m), 6 * 2 * 9 + 6 + 35 + 2);
    ck_assert_int_eq(ct_module_parameters(m), 4);

    ct_scope_open();
    ct_tensor *image = ct_forward(conv, ct_ones(CT_FLOAT64, CT_SHAPE(3, 4, 8, 10)));
    ck_assert(ct_rank(image) == 4 && ct_size(image, 0) == 3 && ct_size(image, 1) == 6 && ct_size(image, 2) == 4 &&
              ct_size(image, 3) == 5);
    ct_tensor *y = ct_forward(fc, ct_ones(CT_FLOAT64, CT_SHAPE(2, 5)));
    ck_assert_double_eq(ct_get(y, (int64_t[]){1, 6}, 2), 5);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(a_layer_that_fails_leaves_the_module_as_it_was)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_linear_new(m, "fc", 3, 2);
    int64_t tensors = ct_memory_stats().live_tensors;
    ck_assert_ptr_null(ct_linear_new(m, "fc", 3, 2));
    expect_failure(CT_ERROR_ARGUMENT, "\"fc\" is taken");
    ck_assert_ptr_null(ct_linear_new(m, "a", 0, 2));
    expect_failure(CT_ERROR_ARGUMENT, "0 in, 2 out (");
    ck_assert_ptr_null(ct_conv2d_new(m, "b", 3, 2, 3, .groups = 2));
    expect_failure(CT_ERROR_ARGUMENT, "2 groups do not divide 3 in");
    ck_assert_ptr_null(ct_conv2d_new(m, "b", 3, 2, 3, .padding = -1));
    expect_failure(CT_ERROR_ARGUMENT, "padding -1");
    ct_module_buffer(m, "c.bias", ct_zeros(CT_FLOAT32, CT_SHAPE(1)));
    tensors++;
    ck_assert_ptr_null(ct_linear_new(m, "c", 3, 2)); /* after its weight was made */
    expect_failure(CT_ERROR_ARGUMENT, "\"c.bias\" is taken");
    ck_assert_ptr_null(ct_module_get(m, "c.weight"));
    ck_assert_int_eq(ct_module_count(m), 3);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    ct_module_free(m);
}
END_TEST

START_TEST(modules_refuse)
{
    ck_assert_ptr_null(ct_module_new(CT_INT64));
    expect_failure(CT_ERROR_DTYPE, "not int64 (");
    ck_assert_ptr_null(ct_linear_new(NULL, "fc", 1, 1));
    expect_failure(CT_ERROR_NULL, "module is NULL");
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_scope_open();
    ck_assert_ptr_null(ct_module_parameter(m, "p", NULL));
    expect_failure(CT_ERROR_NULL, "\"p\" is NULL");
    ck_assert_ptr_null(ct_module_parameter(m, "p", ct_zeros(CT_INT64, CT_SHAPE(2))));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_DTYPE);
    ct_error_clear();
    ck_assert_ptr_null(ct_module_parameter(m, "", ct_zeros(CT_FLOAT32, CT_SHAPE(2))));
    expect_failure(CT_ERROR_ARGUMENT, "empty");
    ck_assert_int_ne(ct_module_push(m, NULL), CT_OK);
    expect_failure(CT_ERROR_NULL, "name is NULL");
    ct_tensor *p = ct_module_parameter(m, "p", ct_zeros(CT_FLOAT32, CT_SHAPE(2)));
    ck_assert_ptr_null(ct_module_parameter(m, "q", ct_neg(p)));
    expect_failure(CT_ERROR_STATE, "recorded");
    ck_assert_ptr_null(ct_forward(NULL, p));
    expect_failure(CT_ERROR_NULL, "forward: the module is NULL");
    ck_assert_ptr_null(ct_lenet5_forward(NULL, p));
    expect_failure(CT_ERROR_NULL, "lenet5_forward: the layer is NULL");
    ck_assert_int_eq(ct_module_count(m), 1);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(parameters_can_be_exchanged)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *fc = ct_linear_new(m, "fc", 1, 1, .weight = &ct_init_ones, .bias = &ct_init_zeros);
    ct_scope_open();
    ct_tensor *x = ct_full(CT_FLOAT64, 3, CT_SHAPE(1, 1));
    ct_tensor *others[] = {ct_full(CT_FLOAT64, 2, CT_SHAPE(1, 1)), ct_full(CT_FLOAT64, 5, CT_SHAPE(1))};
    ct_tensor *own = ct_module_tensor(m, 0);
    ck_assert_int_eq(ct_module_exchange(m, others, 2), CT_OK);
    ck_assert_double_eq(ct_item(ct_forward(fc, x)), 2 * 3 + 5);
    ck_assert_int_eq(ct_module_exchange(m, others, 2), CT_OK);
    ck_assert_ptr_eq(ct_module_tensor(m, 0), own);
    ck_assert_int_ne(ct_module_exchange(m, others, 1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "1 tensors for 2 parameters");
    ct_tensor *bad[] = {others[0], ct_zeros(CT_FLOAT64, CT_SHAPE(2))};
    ck_assert_int_ne(ct_module_exchange(m, bad, 2), CT_OK);
    expect_failure(CT_ERROR_SHAPE, "[2] for \"fc.bias\", which is [1]");
    ck_assert_ptr_eq(ct_module_tensor(m, 0), own);
    close_scope();
    ct_module_free(m);
}
END_TEST

/* ---- optimisers ---- */

enum { WEIGHTS = 4, STEPS = 5 };

/* Step t's gradient of weight i: any numbers, with signs that change. */
static double gradient_at(int t, int i)
{
    const double g[WEIGHTS] = {0.3 * t - 0.5, t % 2 ? -0.7 : 0.7, 1. / t, 0.05 * (t - 3)};
    return g[i];
}

CT_OVERRIDE_BEGIN
static const double start_weights[WEIGHTS] = {0.5, -1.25, 2.0, 0.0};

/* What PyTorch 1.13 has in float64 after the first and the fifth step with these gradients. */
static const struct optimizer_case {
    const ct_optimizer_rule *rule;
    ct_optimizer_options options;
    double after1[WEIGHTS], after5[WEIGHTS];
} optimizer_cases[] = {
    {&ct_rule_sgd,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.1},
     {0.52, -1.18, 1.9, 0.01},
     {0.3, -1.18, 1.7716666666666665, 0}},
    {&ct_rule_sgd,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.1, .momentum = 0.9},
     {0.52, -1.18, 1.9, 0.01},
     {0.20611200000000002, -1.0773729999999997, 1.2607066666666666, 0.038646000000000014}},
    {&ct_rule_sgd,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01},
     {0.53705, -1.114625, 1.8062, 0.019},
     {0.027305898622244536, -1.0051134882014774, 1.0776447074119226, 0.034356317895471521}},
    {&ct_rule_adam,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.05},
     {0.54999999750000006, -1.2000000007142857, 1.9500000005, 0.049999995000000491},
     {0.4662139383742202, -1.1782527393930218, 1.7799269581703101, 0.14028220757235396}},
    {&ct_rule_adam,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1},
     {0.54966887417218546, -1.2000605326876514, 1.9500416319733556, 0.0495049504950495},
     {0.42334234917331187, -1.1513294334356263, 1.7741804248297319, 0.10609101708880687}},
    {&ct_rule_adamw,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.05},
     {0.5497499975000002, -1.1993750007142858, 1.9490000005000001, 0.049999995000000491},
     {0.46488544319426617, -1.1752423121402575, 1.7751659371984239, 0.14006885474304967}},
    {&ct_rule_adamw,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.05, .weight_decay = 0.2},
     {0.54499999750000017, -1.1875000007142857, 1.9300000005, 0.049999995000000491},
     {0.44014398291362861, -1.1191901393119501, 1.6865410029502397, 0.13606011179198568}},
    {&ct_rule_rmsprop,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.02},
     {0.69999990000004986, -1.0500000285714246, 1.8000000199999981, 0.1999998000001999},
     {0.11371505013986233, -1.0861382711361431, 1.5764967202153142, 0.079434590828792701}},
    {&ct_rule_rmsprop,
     {CT_DEFAULTS(ct_optimizer_options), .lr = 0.02, .beta2 = 0.9, .momentum = 0.5, .weight_decay = 0.1},
     {0.56324553987003712, -1.1867544492208748, 1.936754448463299, 0.063245533203373908},
     {0.30409716674182558, -1.1323989387452003, 1.7260445948411196, 0.0600367867369919}},
};

/* n elements, element i being weight i % WEIGHTS, so that every lane of a vector loop is used. */
static ct_tensor *repeated(ct_dtype dtype, int64_t n, int step)
{
    double *values = malloc((size_t)n * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < n; i++)
        values[i] = step == 0 ? start_weights[i % WEIGHTS] : gradient_at(step, i % WEIGHTS);
    ct_tensor *t = ct_from_values(dtype, values, n, CT_SHAPE(n));
    free(values);
    return t;
}

static void expect_weights(const ct_tensor *p, const double *want, double tolerance, const char *rule)
{
    for (int64_t i = 0; i < ct_numel(p); i++) {
        double have = ct_get(p, &i, 1);
        ck_assert_msg(fabs(have - want[i % WEIGHTS]) <= tolerance, "%s: element %lld is %.17g, not %.17g", rule,
                      (long long)i, have, want[i % WEIGHTS]);
    }
}

static void run_optimizer_case(const struct optimizer_case *c, ct_dtype dtype, double tolerance)
{
    enum { N = 39 };
    ct_module *m = ct_module_new(dtype);
    ct_tensor *p = ct_module_parameter(m, "p", repeated(dtype, N, 0));
    ct_optimizer *optimizer = (ct_optimizer_new)(m, c->rule, &c->options);
    for (int step = 1; step <= STEPS; step++) {
        ct_scope_open();
        ck_assert_int_eq(ct_set_grad(p, repeated(dtype, N, step)), CT_OK);
        ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
        close_scope();
        if (step == 1)
            expect_weights(p, c->after1, tolerance, c->rule->name);
    }
    expect_weights(p, c->after5, tolerance, c->rule->name);
    ct_optimizer_free(optimizer);
    ct_module_free(m);
}

START_TEST(optimisers_agree_with_pytorch)
{
    run_optimizer_case(&optimizer_cases[_i], CT_FLOAT64, 1e-14);
    run_optimizer_case(&optimizer_cases[_i], CT_FLOAT32, 1e-6);
}
END_TEST

/* Two parameters of three ones with a gradient of ones each, and an optimiser. */
static ct_module *two_parameters(ct_optimizer **optimizer)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < 2; i++) {
        ct_tensor *p = ct_module_parameter(m, i ? "b" : "a", ct_ones(CT_FLOAT32, CT_SHAPE(3)));
        ct_tensor *gradient = ct_ones(CT_FLOAT32, CT_SHAPE(3));
        ck_assert_int_eq(ct_set_grad(p, gradient), CT_OK);
        ct_release(gradient);
    }
    *optimizer = ct_optimizer_new(m, &ct_rule_adam, .lr = 0.5);
    expect_no_error();
    return m;
}

static void expect_ones(ct_module *m)
{
    for (int64_t i = 0; i < ct_module_count(m); i++) {
        const float *p = ct_data(ct_module_tensor(m, i));
        for (int k = 0; k < 3; k++)
            ck_assert_msg(p[k] == 1.0f, "%s[%d] is %.9g", ct_module_name(m, i), k, (double)p[k]);
    }
}

START_TEST(a_step_changes_all_or_nothing)
{
    ct_optimizer *optimizer;
    ct_module *m = two_parameters(&optimizer);
    int64_t version = ct_tensor_version(ct_module_tensor(m, 0));
    ct_error_set(CT_ERROR_IO, "a disc: full");
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "a disc: full");
    expect_ones(m);

    /* ct_set_grad refuses such gradients, so they are put there by hand: the second parameter's is wrong. */
    ct_tensor *b = ct_module_get(m, "b"), *right = b->grad;
    ct_tensor *wrong[] = {ct_keep(ct_ones(CT_FLOAT32, CT_SHAPE(2))), ct_keep(ct_ones(CT_FLOAT64, CT_SHAPE(3)))};
    b->grad = wrong[0];
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_ERROR_SHAPE);
    expect_failure(CT_ERROR_SHAPE, "gradient [2] for a parameter [3] (");
    b->grad = wrong[1];
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_ERROR_DTYPE);
    expect_failure(CT_ERROR_DTYPE, "float64 gradient for a float32 parameter");
    b->grad = right;
    ct_release(wrong[0]);
    ct_release(wrong[1]);
    expect_ones(m);
    ck_assert_int_eq(ct_tensor_version(ct_module_tensor(m, 0)), version);

    /* The refused steps left no trace in the state: this is Adam's first step, whose length is lr. */
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
    ck_assert_double_eq_tol(ct_get(b, (int64_t[]){0}, 1), 0.5, 1e-6);
    ck_assert_int_gt(ct_tensor_version(ct_module_tensor(m, 0)), version);
    ck_assert_int_eq(ct_optimizer_step(NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    ct_optimizer_free(optimizer);
    ct_module_free(m);
}
END_TEST

START_TEST(a_parameter_without_gradient_stays)
{
    ct_optimizer *optimizer;
    ct_module *m = two_parameters(&optimizer);
    ct_tensor *a = ct_module_get(m, "a"), *b = ct_module_get(m, "b");
    ct_zero_grad(b);
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
    ck_assert_double_eq_tol(ct_get(a, (int64_t[]){0}, 1), 0.5, 1e-6);
    ck_assert_double_eq(ct_get(b, (int64_t[]){0}, 1), 1);
    ct_optimizer_zero_grad(optimizer);
    ck_assert_ptr_null(ct_grad_of(a));
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK); /* Adam's running mean alone must not move it */
    ck_assert_double_eq_tol(ct_get(a, (int64_t[]){0}, 1), 0.5, 1e-6);
    ct_optimizer_free(optimizer);
    ct_module_free(m);
}
END_TEST

START_TEST(a_step_takes_strided_gradients)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *p = ct_module_parameter(m, "p", ct_zeros(CT_FLOAT64, CT_SHAPE(2, 3)));
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 1);
    ct_scope_open();
    ct_tensor *g = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4, 5, 6), CT_SHAPE(3, 2));
    ck_assert_int_eq(ct_set_grad(p, ct_transpose(g, 0, 1)), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(ct_get(p, (int64_t[]){0, 1}, 2), -3);
    ck_assert_double_eq(ct_get(p, (int64_t[]){1, 0}, 2), -2);
    close_scope();
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

START_TEST(the_engine_sees_a_step)
{
    ct_optimizer *optimizer;
    ct_module *m = two_parameters(&optimizer);
    ct_scope_open();
    ct_tensor *loss = ct_sum(ct_square(ct_module_get(m, "a")));
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
    ck_assert_int_eq(ct_backward(loss), CT_ERROR_STATE);
    expect_failure(CT_ERROR_STATE, "square");
    close_scope();
    ct_optimizer_free(optimizer);
    ct_module_free(m);
}
END_TEST

START_TEST(optimisers_refuse)
{
    static const struct {
        ct_optimizer_options options;
        const char *words;
    } rows[] = {
        {{CT_DEFAULTS(ct_optimizer_options), .lr = -1}, "lr out of range: -1"},
        {{CT_DEFAULTS(ct_optimizer_options), .momentum = 1}, "momentum out of range: 1"},
        {{CT_DEFAULTS(ct_optimizer_options), .weight_decay = -0.5}, "weight_decay"},
        {{CT_DEFAULTS(ct_optimizer_options), .beta1 = 1.5}, "beta1"},
        {{CT_DEFAULTS(ct_optimizer_options), .beta2 = -0.1}, "beta2"},
        {{CT_DEFAULTS(ct_optimizer_options), .eps = -1}, "eps"},
        {{CT_DEFAULTS(ct_optimizer_options), .nesterov = true}, "nesterov without momentum"},
        {{CT_DEFAULTS(ct_optimizer_options), .lr = NAN}, "lr"},
    };
    ct_module *m = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < LENGTH(rows); i++) {
        ck_assert_ptr_null((ct_optimizer_new)(m, &ct_rule_sgd, &rows[i].options));
        expect_failure(CT_ERROR_ARGUMENT, rows[i].words);
    }
    ck_assert_ptr_null(ct_optimizer_new(NULL, &ct_rule_sgd));
    expect_failure(CT_ERROR_NULL, "module is NULL (");
    ck_assert_ptr_null(ct_optimizer_new(m, NULL));
    expect_failure(CT_ERROR_NULL, "rule is NULL");
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.25);
    ck_assert_double_eq(ct_optimizer_lr(sgd), 0.25);
    ck_assert_int_eq(ct_optimizer_set_lr(sgd, 0), CT_OK);
    ck_assert_int_ne(ct_optimizer_set_lr(sgd, -1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "-1");
    ck_assert_double_eq(ct_optimizer_lr(sgd), 0);
    ct_optimizer_free(sgd);
    ct_optimizer_free(NULL);
    ct_module_free(m);
}
END_TEST

/* ---- state dicts ---- */

/* A module with a float32 layer and an int64 buffer. */
static ct_module *small_module(uint64_t seed)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_seed(seed);
    ct_linear_new(m, "fc", 3, 2);
    ct_module_buffer(m, "steps", ct_full(CT_INT64, (double)seed, CT_SHAPE(1)));
    expect_no_error();
    return m;
}

static bool same_state(const ct_module *a, const ct_module *b)
{
    bool same = ct_module_count(a) == ct_module_count(b);
    for (int64_t i = 0; same && i < ct_module_count(a); i++) {
        const ct_tensor *x = ct_module_tensor(a, i), *y = ct_module_tensor(b, i);
        same = ct_numel(x) == ct_numel(y) && ct_dtype_of(x) == ct_dtype_of(y) &&
               memcmp(ct_data(x), ct_data(y), (size_t)ct_numel(x) * ct_dtype_size(ct_dtype_of(x))) == 0;
    }
    return same;
}

START_TEST(a_state_dict_comes_back)
{
    ct_module *a = small_module(1), *b = small_module(2);
    ck_assert(!same_state(a, b));
    ck_assert_int_eq(ct_module_save(a, temporary("m.safetensors")), CT_OK);
    ck_assert_int_eq(ct_module_load(b, temporary("m.safetensors")), CT_OK);
    ck_assert(same_state(a, b));
    ck_assert(ct_requires_grad(ct_module_tensor(b, 0)));
    ct_module_free(a);
    ct_module_free(b);
    remove_files((const char *const[]){"m.safetensors"}, 1);
}
END_TEST

START_TEST(a_state_dict_that_does_not_fit_changes_nothing)
{
    /* Each file differs from the module in one thing; fc.weight, which comes first, always fits. */
    static const struct {
        const char *names[4];
        int64_t bias;
        ct_dtype dtype;
        ct_status code;
        const char *words;
    } rows[] = {
        {{"fc.weight", "steps"}, 2, CT_FLOAT32, CT_ERROR_FORMAT, "has no tensor \"fc.bias\""},
        {{"fc.weight", "fc.bias", "steps", "more"},
         2,
         CT_FLOAT32,
         CT_ERROR_FORMAT,
         "a tensor \"more\" that the module has not"},
        {{"fc.weight", "fc.bias", "steps"}, 3, CT_FLOAT32, CT_ERROR_SHAPE, "\"fc.bias\" is [3]"},
        {{"fc.weight", "fc.bias", "steps"}, 2, CT_FLOAT64, CT_ERROR_DTYPE, "\"fc.bias\" is float64"},
    };
    ct_module *m = small_module(1), *before = small_module(1);
    for (int i = 0; i < LENGTH(rows); i++) {
        ct_tensor *tensors[4];
        int n = 0;
        ct_scope_open();
        for (; n < 4 && rows[i].names[n]; n++)
            tensors[n] = strcmp(rows[i].names[n], "fc.weight") == 0 ? ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3))
                         : strcmp(rows[i].names[n], "fc.bias") == 0 ? ct_zeros(rows[i].dtype, CT_SHAPE(rows[i].bias))
                                                                    : ct_zeros(CT_INT64, CT_SHAPE(1));
        ck_assert_int_eq(ct_safetensors_save(temporary("m.safetensors"), rows[i].names, tensors, n), CT_OK);
        close_scope();
        ck_assert_int_eq(ct_module_load(m, temporary("m.safetensors")), rows[i].code);
        expect_failure(rows[i].code, rows[i].words);
        ck_assert(same_state(m, before));
    }
    ck_assert_int_eq(ct_module_load(m, temporary("absent")), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "absent");
    write_file("m.safetensors", "short", 5, false);
    ck_assert_int_eq(ct_module_load(m, temporary("m.safetensors")), CT_ERROR_FORMAT);
    ct_error_clear();
    ck_assert_int_eq(ct_module_save(NULL, "x"), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "module is NULL (");
    ck_assert_int_eq(ct_module_load(m, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "path is NULL");
    ck_assert(same_state(m, before));
    ct_module_free(m);
    ct_module_free(before);
    remove_files((const char *const[]){"m.safetensors"}, 1);
}
END_TEST

/* ---- data ---- */

/* n samples [n,2]: sample i is {i, -i}, its label i % 3. */
static ct_dataset *numbered(int64_t n)
{
    ct_scope_open();
    ct_tensor *i = ct_arange(CT_FLOAT32, 0, 1, n), *pair[] = {ct_unsqueeze(i, 1), ct_unsqueeze(ct_neg(i), 1)};
    ct_tensor *label = ct_zeros(CT_INT64, CT_SHAPE(n));
    int64_t *value = ct_data_mut(label);
    for (int64_t k = 0; k < n; k++)
        value[k] = k % 3;
    ct_dataset *d = ct_dataset_new(ct_concat(pair, 2, 1), label);
    close_scope();
    return d;
}

/* Goes through one epoch; order[] gets the sample numbers. Returns how many batches. */
static int64_t run_epoch(ct_batches *b, int64_t epoch, int64_t size, int64_t samples, int64_t *order)
{
    int64_t seen = 0, batches = 0;
    ck_assert_int_eq(ct_batches_start(b, epoch), CT_OK);
    for (bool more = true; more;) {
        ct_tensor *x = NULL, *y = NULL;
        ct_scope_open();
        more = ct_batches_next(b, &x, &y);
        if (more) {
            int64_t n = samples - seen < size ? samples - seen : size;
            ck_assert(ct_rank(x) == 2 && ct_size(x, 0) == n && ct_size(x, 1) == 2 && ct_dtype_of(x) == CT_FLOAT32);
            ck_assert(ct_rank(y) == 1 && ct_size(y, 0) == n && ct_dtype_of(y) == CT_INT64);
            for (int64_t i = 0; i < n; i++) {
                double number = ct_get(x, (int64_t[]){i, 0}, 2);
                ck_assert_double_eq(ct_get(x, (int64_t[]){i, 1}, 2), -number);
                ck_assert_int_eq((int64_t)ct_get(y, &i, 1), (int64_t)number % 3);
                order[seen++] = (int64_t)number;
            }
            batches++;
        }
        close_scope();
    }
    ck_assert_int_eq(seen, samples);
    return batches;
}

START_TEST(each_sample_comes_once_an_epoch)
{
    enum { N = 103, SIZE = 10 };
    int64_t order[4][N];
    ct_dataset *d = numbered(N);
    ck_assert_int_eq(ct_dataset_count(d), N);
    ck_assert_int_eq(ct_dataset_classes(d), 3);
    ct_batches *b = ct_batches_new(d, .size = SIZE, .shuffle = true, .seed = 5);
    ck_assert_int_eq(ct_batches_count(b), 11);
    ct_seed(1);
    uint64_t next = ct_random_u64();
    ct_seed(1);
    ck_assert_int_eq(run_epoch(b, 0, SIZE, N, order[0]), 11);
    ck_assert(ct_random_u64() == next); /* shuffling leaves the thread's generator alone */
    run_epoch(b, 1, SIZE, N, order[1]);
    run_epoch(b, 0, SIZE, N, order[2]);
    ct_batches_free(b);
    b = ct_batches_new(d, .size = SIZE, .shuffle = true, .seed = 6);
    run_epoch(b, 0, SIZE, N, order[3]);
    ct_batches_free(b);
    for (int e = 0; e < 4; e++) {
        bool seen[N] = {false};
        for (int i = 0; i < N; i++) {
            ck_assert(order[e][i] >= 0 && order[e][i] < N && !seen[order[e][i]]);
            seen[order[e][i]] = true;
        }
    }
    ck_assert_mem_eq(order[0], order[2], sizeof order[0]); /* the same seed and epoch */
    ck_assert_mem_ne(order[0], order[1], sizeof order[0]); /* another epoch */
    ck_assert_mem_ne(order[0], order[3], sizeof order[0]); /* another seed */

    b = ct_batches_new(d, .size = 200);
    ck_assert_int_eq(run_epoch(b, 3, 200, N, order[0]), 1);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(order[0][i], i);
    ct_batches_free(b);
    ct_dataset_free(d);
}
END_TEST

START_TEST(subsets_and_batches_pick)
{
    ct_dataset *d = numbered(10), *s = ct_dataset_subset(d, (int64_t[]){7, 2, 2}, 3);
    ct_tensor *x, *y;
    ct_scope_open();
    ck_assert_int_eq(ct_dataset_count(s), 3);
    ck_assert_int_eq(ct_dataset_batch(s, (int64_t[]){1, 0}, 2, &x, &y), CT_OK);
    ck_assert_double_eq(ct_get(x, (int64_t[]){0, 0}, 2), 2);
    ck_assert_double_eq(ct_get(x, (int64_t[]){1, 1}, 2), -7);
    ck_assert_double_eq(ct_get(y, (int64_t[]){1}, 1), 1);
    ck_assert_int_eq(ct_dataset_batch(s, NULL, 0, &x, &y), CT_OK);
    ck_assert(ct_size(x, 0) == 0 && ct_size(x, 1) == 2);
    ck_assert_int_ne(ct_dataset_batch(s, (int64_t[]){3}, 1, &x, &y), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "index 3 of 3 samples (");
    ck_assert(!x && !y);
    ck_assert_ptr_null(ct_dataset_subset(d, (int64_t[]){-1}, 1));
    expect_failure(CT_ERROR_ARGUMENT, "index -1");
    ck_assert_ptr_null(ct_batches_new(d, .size = -3));
    expect_failure(CT_ERROR_ARGUMENT, "-3");
    ck_assert_ptr_null(ct_batches_new(NULL));
    expect_failure(CT_ERROR_NULL, "data set is NULL");
    close_scope();
    ct_dataset_free(s);
    ct_dataset_free(d);
}
END_TEST

START_TEST(bytes_are_scaled_by_batch)
{
    static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64};
    for (int i = 0; i < 2; i++) {
        ct_tensor *x, *y;
        ct_scope_open();
        ct_tensor *bytes = ct_from_values(CT_UINT8, CT_VALUES(0, 255, 51, 102), CT_SHAPE(2, 2));
        ct_tensor *labels = ct_zeros(CT_INT64, CT_SHAPE(2));
        ct_dataset *d = ct_dataset_new(bytes, labels, .scale = 2. / 255, .offset = -1, .dtype = dtypes[i]);
        ct_dataset *s = ct_dataset_subset(d, (int64_t[]){1}, 1);
        ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
        ck_assert_int_eq(ct_dtype_of(x), dtypes[i]);
        ck_assert_double_eq(ct_get(x, (int64_t[]){0, 0}, 2), -1);
        ck_assert_double_eq_tol(ct_get(x, (int64_t[]){0, 1}, 2), 1, 1e-6);
        ck_assert_double_eq_tol(ct_get(x, (int64_t[]){1, 0}, 2), -0.6, 1e-6);
        ck_assert_int_eq(ct_dataset_batch(s, (int64_t[]){0}, 1, &x, &y), CT_OK);
        ck_assert_double_eq_tol(ct_get(x, (int64_t[]){0, 1}, 2), -0.2, 1e-6);
        ct_dataset_free(s);
        ct_dataset_free(d);
        /* Floats are scaled once, in the subset as well. */
        d = ct_dataset_new(ct_full(CT_FLOAT64, 3, CT_SHAPE(2, 1)), labels, .scale = 2, .offset = 1, .dtype = dtypes[i]);
        s = ct_dataset_subset(d, (int64_t[]){1}, 1);
        ck_assert_int_eq(ct_dataset_batch(s, (int64_t[]){0}, 1, &x, &y), CT_OK);
        ck_assert_double_eq(ct_item(x), 7);
        ct_dataset_free(s);
        ct_dataset_free(d);
        close_scope();
    }
}
END_TEST

START_TEST(datasets_refuse)
{
    ct_scope_open();
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 2)), *y = ct_zeros(CT_INT64, CT_SHAPE(3));
    ck_assert_ptr_null(ct_dataset_new(x, ct_zeros(CT_INT64, CT_SHAPE(4))));
    expect_failure(CT_ERROR_SHAPE, "[3,2], [4] (");
    ck_assert_ptr_null(ct_dataset_new(x, ct_full(CT_INT64, -2, CT_SHAPE(3))));
    expect_failure(CT_ERROR_ARGUMENT, "label -2 of sample 0 is negative");
    ck_assert_ptr_null(ct_dataset_new(x, ct_from_array(CT_INT64, (const int64_t[]){0, INT64_MAX, 1}, CT_SHAPE(3))));
    expect_failure(CT_ERROR_ARGUMENT, "label 9223372036854775807 of sample 1 is too large");
    ck_assert_ptr_null(ct_dataset_new(x, y, .dtype = CT_INT32));
    expect_failure(CT_ERROR_DTYPE, "not int32");
    ck_assert_ptr_null(ct_dataset_new(x, y, .scale = INFINITY));
    expect_failure(CT_ERROR_ARGUMENT, "not finite");
    ck_assert_ptr_null(ct_dataset_new(NULL, y));
    expect_failure(CT_ERROR_NULL, "samples are NULL");
    close_scope();
}
END_TEST

START_TEST(csv_files)
{
    static const char text[] = "width,height,label\n1,2.5,0\r\n-3e-1,+4,2\n";
    for (int zipped = 0; zipped < 2; zipped++) {
        ct_tensor *x, *y;
        write_file("t.csv", text, sizeof text - 1, zipped);
        ct_dataset *d = ct_dataset_from_csv(temporary("t.csv"), .skip_lines = 1, .shape = {1, 2}, .scale = 2);
        expect_no_error();
        ct_scope_open();
        ck_assert_int_eq(ct_dataset_count(d), 2);
        ck_assert_int_eq(ct_dataset_classes(d), 3);
        ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
        ck_assert(ct_rank(x) == 3 && ct_size(x, 1) == 1 && ct_size(x, 2) == 2);
        ck_assert_double_eq(ct_get(x, (int64_t[]){0, 0, 1}, 3), 5);
        ck_assert_double_eq_tol(ct_get(x, (int64_t[]){1, 0, 0}, 3), -0.6, 1e-7);
        ck_assert_double_eq(ct_get(y, (int64_t[]){1}, 1), 2);
        close_scope();
        ct_dataset_free(d);
    }
    remove_files((const char *const[]){"t.csv"}, 1);
}
END_TEST

START_TEST(csv_files_that_are_none)
{
    static const struct {
        const char *text;
        ct_status code;
        const char *words;
    } rows[] = {
        {"1,2,0\n1,two,0\n", CT_ERROR_FORMAT, "line 2 has no number in field 2: \"two\""},
        {"1,2,0\n1,,0\n", CT_ERROR_FORMAT, "line 2 misses field 2"},
        {"1,2,0\n1,nan,0\n", CT_ERROR_FORMAT, "\"nan\""},
        {"1,2,0\n1,0x10,0\n", CT_ERROR_FORMAT, "\"0x10\""},
        {"1,2,0\n1,1e999,0\n", CT_ERROR_FORMAT, "\"1e999\""},
        {"1,2,0\n1,2\n", CT_ERROR_FORMAT, "line 2 has 2 fields, the first has 3"},
        {"1,2,0\n1,2,3,4\n", CT_ERROR_FORMAT, "line 2 has more than the 3 fields"},
        {"1,2,0\n\n1,2,0\n", CT_ERROR_FORMAT, "line 2 is blank"},
        {"1,2,0.5\n", CT_ERROR_FORMAT, "line 1 has a label that is no class: \"0.5\""},
        {"1,2,-1\n", CT_ERROR_FORMAT, "line 1 has a label that is no class: \"-1\""},
        {"", CT_ERROR_FORMAT, "no lines"},
    };
    for (int i = 0; i < LENGTH(rows); i++) {
        write_file("t.csv", rows[i].text, strlen(rows[i].text), true);
        ck_assert_ptr_null(ct_dataset_from_csv(temporary("t.csv")));
        expect_failure(rows[i].code, rows[i].words);
    }
    write_file("t.csv", "1,2,0\n", 6, false);
    ck_assert_ptr_null(ct_dataset_from_csv(temporary("t.csv"), .shape = {3}));
    expect_failure(CT_ERROR_SHAPE, "reshape");
    write_file("t.csv", "1,2,0\n\0,2,0\n", 12, false);
    ck_assert_ptr_null(ct_dataset_from_csv(temporary("t.csv")));
    expect_failure(CT_ERROR_FORMAT, "line 2, field 1 has a byte 0");
    ck_assert_ptr_null(ct_dataset_from_csv(temporary("absent.csv")));
    expect_failure(CT_ERROR_IO, "No such file");
    /* A gzip stream that is cut off. */
    write_file("t.csv", rows[0].text, strlen(rows[0].text), true);
    ck_assert_int_eq(truncate(temporary("t.csv"), 20), 0);
    ck_assert_ptr_null(ct_dataset_from_csv(temporary("t.csv")));
    expect_failure(CT_ERROR_FORMAT, "truncated");
    remove_files((const char *const[]){"t.csv"}, 1);
}
END_TEST

START_TEST(idx_files)
{
    static const uint8_t images[] = {0, 0, 8, 3,  0,   0, 0, 2, 0, 0, 0, 2, 0, 0,
                                     0, 3, 0, 51, 255, 0, 0, 0, 1, 2, 3, 4, 5, 6};
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 9, 4};
    ct_tensor *x, *y;
    char path[2][128];
    write_file("images.gz", images, sizeof images, true);
    write_file("labels", labels, sizeof labels, false);
    strcpy(path[0], temporary("images.gz"));
    strcpy(path[1], temporary("labels"));
    ct_dataset *d = ct_dataset_from_idx(path[0], path[1]);
    expect_no_error();
    ct_scope_open();
    ck_assert_int_eq(ct_dataset_classes(d), 10);
    ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    ck_assert(ct_rank(x) == 4 && ct_size(x, 0) == 2 && ct_size(x, 1) == 1 && ct_size(x, 2) == 2 && ct_size(x, 3) == 3);
    ck_assert_double_eq_tol(ct_get(x, (int64_t[]){0, 0, 0, 1}, 4), 0.2, 1e-7);
    ck_assert_double_eq_tol(ct_get(x, (int64_t[]){1, 0, 1, 2}, 4), 6 / 255., 1e-7);
    ck_assert_double_eq(ct_get(y, (int64_t[]){0}, 1), 9);
    close_scope();
    ct_dataset_free(d);
    ck_assert_ptr_null(ct_dataset_from_idx(path[1], path[1]));
    expect_failure(CT_ERROR_FORMAT, "uint8 [2], not uint8 images");
    ck_assert_ptr_null(ct_dataset_from_idx(path[0], temporary("absent")));
    expect_failure(CT_ERROR_IO, "absent");
    remove_files((const char *const[]){"images.gz", "labels"}, 2);
}
END_TEST

/* ---- training ---- */

START_TEST(accuracy_counts)
{
    ct_scope_open();
    ct_tensor *logits = ct_from_values(CT_FLOAT32, CT_VALUES(1, 2, 3, 9, 1, 1, -1, -3, -2, 0, 5, 0), CT_SHAPE(4, 3));
    int64_t right[] = {2, 0, 1, 0};
    ct_tensor *labels = ct_from_array(CT_INT64, right, CT_SHAPE(4));
    ck_assert_double_eq(ct_accuracy(logits, labels), 0.5);
    ck_assert_double_eq(ct_accuracy(ct_slice(logits, 0, 0, 2, 1), ct_slice(labels, 0, 0, 2, 1)), 1);
    ck_assert_double_nan(ct_accuracy(logits, ct_zeros(CT_INT64, CT_SHAPE(3))));
    expect_failure(CT_ERROR_SHAPE, "[4,3], [3]");
    ck_assert_double_nan(ct_accuracy(logits, ct_zeros(CT_FLOAT32, CT_SHAPE(4))));
    expect_failure(CT_ERROR_DTYPE, "not float32");
    ck_assert_double_nan(ct_accuracy(NULL, labels));
    expect_failure(CT_ERROR_NULL, "logits are NULL");
    close_scope();
}
END_TEST

/* Points in the plane, of class 1 above the line y = x. */
static ct_dataset *halves(int64_t n)
{
    ct_scope_open();
    ct_seed(11);
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(n, 2));
    ct_tensor *y = ct_cast(ct_gt(ct_select(x, 1, 1), ct_select(x, 1, 0)), CT_INT64);
    ct_dataset *d = ct_dataset_new(x, y);
    close_scope();
    return d;
}

static ct_tensor *linear_model(void *model, ct_tensor *x)
{
    return ct_forward(model, x);
}

typedef struct watch {
    int64_t calls, stop_after, live_after_first, live_last, epochs_seen;
    double first_lr, last_lr;
    ct_progress last;
} watch;

static bool on_progress(const ct_progress *p, void *user)
{
    watch *w = user;
    w->calls++;
    ck_assert_int_eq(p->step, w->calls);
    ck_assert(p->epoch_step >= 1 && p->epoch_step <= p->epoch_steps && p->epoch <= p->epochs);
    ck_assert(p->epoch_metrics[0] >= 0 && p->epoch_metrics[0] <= 1 && isfinite(p->epoch_loss));
    w->live_last = ct_memory_stats().live_bytes;
    if (p->step == 1) {
        w->first_lr = p->lr;
        w->live_after_first = w->live_last;
    }
    w->last_lr = p->lr;
    w->last = *p;
    w->epochs_seen = p->epoch;
    return w->calls != w->stop_after;
}

START_TEST(fit_learns_and_keeps_its_memory)
{
    ct_dataset *d = halves(500);
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *layer = ct_linear_new(m, "fc", 2, 2);
    ct_optimizer *adam = ct_optimizer_new(m, &ct_rule_adam, .lr = 0.1);
    watch w = {0};
    int64_t scopes = ct_memory_stats().scope_depth;
    ck_assert_int_eq(ct_fit(linear_model, layer, adam, d, .output = NULL, .epochs = 10, .batch_size = 48,
                            .schedule = &ct_schedule_linear, .progress = on_progress, .user = &w),
                     CT_OK);
    ck_assert_int_eq(w.calls, 110); /* 11 batches, the last of 20 */
    ck_assert_int_eq(w.epochs_seen, 10);
    ck_assert_int_eq(w.live_last, w.live_after_first);
    ck_assert_int_eq(ct_memory_stats().scope_depth, scopes);
    ck_assert_double_eq(w.first_lr, 0.1);
    ck_assert_double_eq_tol(w.last_lr, 0.1 / 110, 1e-12);
    ck_assert_double_eq(ct_optimizer_lr(adam), 0.1);
    ct_evaluation e;
    ck_assert_int_eq(ct_evaluate(linear_model, layer, d, &e), CT_OK);
    ck_assert_msg(e.accuracy > 0.98 && e.count == 500 && e.loss < 0.2, "accuracy %g, loss %g", e.accuracy, e.loss);
    ck_assert_double_eq(e.accuracy, (double)e.correct / 500);

    w = (watch){.stop_after = 15};
    ck_assert_int_eq(ct_fit(linear_model, layer, adam, d, .output = NULL, .epochs = 10, .batch_size = 48,
                            .progress = on_progress, .user = &w),
                     CT_OK);
    ck_assert_int_eq(w.calls, 15);
    ct_optimizer_free(adam);
    ct_module_free(m);
    ct_dataset_free(d);
}
END_TEST

START_TEST(the_means_of_an_epoch_are_over_its_samples)
{
    ct_dataset *d = halves(101); /* batches of 50, 50 and 1 */
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *layer = ct_linear_new(m, "fc", 2, 2);
    ct_optimizer *still = ct_optimizer_new(m, &ct_rule_sgd, .lr = 1e-300); /* 0 in float32 */
    watch w = {0};
    ct_evaluation e;
    ck_assert_int_eq(ct_fit(linear_model, layer, still, d, .output = NULL, .epochs = 2, .batch_size = 50,
                            .progress = on_progress, .user = &w),
                     CT_OK);
    ck_assert_int_eq(ct_evaluate(linear_model, layer, d, &e), CT_OK);
    ck_assert_int_eq(w.last.epoch_samples, 101);
    ck_assert_double_eq_tol(w.last.epoch_loss, e.loss, 1e-6);
    ck_assert_double_eq(w.last.epoch_metrics[0], e.accuracy);
    ct_optimizer_free(still);
    ct_module_free(m);
    ct_dataset_free(d);
}
END_TEST

/* The parameters after a short training; the module is the caller's. */
static ct_module *trained(uint64_t seed, int threads)
{
    int before = ct_num_threads();
    ct_set_num_threads(threads);
    ct_dataset *d = halves(300);
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_seed(seed);
    ct_module *layer = ct_linear_new(m, "fc", 2, 2);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1, .momentum = 0.9);
    ck_assert_int_eq(ct_fit(linear_model, layer, sgd, d, .output = NULL, .epochs = 2, .seed = seed), CT_OK);
    ct_optimizer_free(sgd);
    ct_dataset_free(d);
    ct_set_num_threads(before);
    return m;
}

START_TEST(the_same_seed_gives_the_same_bits)
{
    ct_module *a = trained(1, 1), *b = trained(1, 2), *c = trained(2, 1);
    ck_assert(same_state(a, b));
    ck_assert(!same_state(a, c));
    ct_module_free(a);
    ct_module_free(b);
    ct_module_free(c);
}
END_TEST

static ct_tensor *failing_model(void *model, ct_tensor *x)
{
    return ct_matmul(ct_forward(model, x), x); /* [n,2] @ [n,2] */
}

static ct_tensor *endless_model(void *model, ct_tensor *x)
{
    return ct_mul_scalar(ct_forward(model, x), INFINITY);
}

START_TEST(fit_hands_errors_on)
{
    ct_dataset *d = halves(100);
    ct_module *m = ct_module_new(CT_FLOAT32), *before = ct_module_new(CT_FLOAT32);
    ct_seed(4);
    ct_module *layer = ct_linear_new(m, "fc", 2, 2);
    ct_seed(4);
    ct_linear_new(before, "fc", 2, 2);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1);
    int depth = ct_memory_stats().scope_depth;
    int64_t live = ct_memory_stats().live_bytes;
    ck_assert_int_eq(ct_fit(failing_model, layer, sgd, d, .output = NULL), CT_ERROR_SHAPE);
    expect_failure(CT_ERROR_SHAPE, "test_nn.c:");
    ck_assert_int_eq(ct_fit(endless_model, layer, sgd, d, .output = NULL), CT_ERROR_STATE);
    expect_failure(CT_ERROR_STATE, "at step 1 (learning rate 0.1)");
    ct_evaluation e = {.correct = -7};
    ck_assert_int_eq(ct_evaluate(failing_model, layer, d, &e), CT_ERROR_SHAPE);
    ct_error_clear();
    ck_assert_int_eq(e.correct, -7);
    ck_assert_int_eq(ct_fit(linear_model, layer, sgd, d, .output = NULL, .epochs = -1), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "-1 (");
    ck_assert_int_eq(ct_fit(linear_model, layer, NULL, d, .output = NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    ck_assert(same_state(m, before));
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    ck_assert_int_eq(ct_memory_stats().live_bytes, live);
    ct_optimizer_free(sgd);
    ct_module_free(m);
    ct_module_free(before);
    ct_dataset_free(d);
}
END_TEST

START_TEST(the_gradient_of_lenet5_is_right)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_seed(1);
    ct_lenet5 *model = ct_lenet5_new(m);
    ck_assert_int_eq(ct_module_numel(m), 61706);
    ct_scope_open();
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 1, 28, 28)), *y = ct_randint(0, 10, CT_SHAPE(2));
    ct_tensor *own = ct_module_tensor(m, 0);
    ct_gradcheck_report report = {0};
    ct_verdict verdict =
        ct_gradcheck_model(ct_lenet5_forward, model, m, x, y, NULL, &report, .mode = CT_FAST, .probes = 1);
    ck_assert_msg(ct_verdict_good(verdict), "%s %s", ct_verdict_name(verdict), ct_error_message());
    ck_assert_int_eq(report.n_tensors, 10);
    ck_assert_ptr_eq(ct_module_tensor(m, 0), own);
    ct_gradcheck_report_free(&report);
    close_scope();
    ct_module_free(m);
}
END_TEST

/* A parameter that the model holds by itself, not by way of its module. */
typedef struct scaled_model {
    ct_module *module;
    ct_module *layer;
    ct_tensor *scale;
    bool asks;
} scaled_model;

static ct_tensor *scaled_forward(void *model, ct_tensor *x)
{
    const scaled_model *m = model;
    ct_tensor *scale = m->asks ? ct_module_get(m->module, "scale") : m->scale;
    return ct_mul(ct_dropout(ct_forward(m->layer, x), 0.5, true), scale);
}

/* The checker varies the module's parameters: one that the model keeps to itself would go unchecked, and must not pass. */
START_TEST(a_parameter_past_the_module_is_no_pass)
{
    ct_module *m = ct_module_new(_i ? CT_FLOAT64 : CT_FLOAT32);
    ct_dtype dtype = ct_module_dtype(m);
    scaled_model model = {.module = m, .layer = ct_linear_new(m, "fc", 3, 2)};
    model.scale = ct_module_parameter(m, "scale", ct_ones(dtype, CT_SHAPE(2)));
    ct_scope_open();
    ct_tensor *x = ct_randn(dtype, 0, 1, CT_SHAPE(5, 3)), *y = ct_randint(0, 2, CT_SHAPE(5));
    ct_random_state state = ct_random_get();
    ct_gradcheck_report report = {0};
    ck_assert_int_eq(ct_gradcheck_model(scaled_forward, &model, m, x, y, NULL, &report), CT_VACUOUS);
    expect_failure(CT_ERROR_STATE, "gradcheck_model: the model uses \"scale\" by itself");
    ck_assert_int_eq(report.verdict, CT_VACUOUS);
    model.asks = true;
    ck_assert_int_eq(ct_gradcheck_model(scaled_forward, &model, m, x, y, NULL, &report), CT_PASS);
    expect_no_error();
    ck_assert_int_eq(report.n_tensors, 3);
    ck_assert_ptr_eq(ct_module_get(m, "scale"), model.scale);
    ck_assert_ptr_null(ct_grad_of(model.scale));
    ck_assert_int_eq((int64_t)ct_random_get().counter, (int64_t)state.counter);
    ct_gradcheck_report_free(&report);
    close_scope();
    ct_module_free(m);
}
END_TEST

/* ---- no memory ---- */

/* The linker sends the library's calls of malloc, calloc and realloc here (--wrap in meson.build). */
static int64_t calls_until_failure; /* 0: none fails */

static bool call_fails(void)
{
    return calls_until_failure > 0 && --calls_until_failure == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
    return call_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return call_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return call_fails() ? NULL : __real_realloc(block, size);
}

/* Makes what nn makes, uses it, and gives it back. Returns whether all of it was there. */
static bool build_and_use(ct_tensor *x, ct_tensor *y)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *layer = ct_linear_new(m, "a", 2, 2);
    ct_conv2d_new(m, "b", 1, 2, 3);
    bool good = ct_module_count(m) == 4;
    ct_optimizer *o = ct_optimizer_new(m, &ct_rule_adam);
    ct_dataset *d = ct_dataset_new(x, y), *csv = ct_dataset_from_csv(temporary("t.csv"));
    ct_evaluation e;
    good = good && o && d && csv;
    good = ct_fit(linear_model, layer, o, d, .output = NULL, .batch_size = 3, .accumulate = 2, .clip_norm = 1,
                  .early_stopping = 1, .validation = d, .checkpoint = temporary("c"),
                  .log = temporary("l.csv")) == CT_OK &&
           good;
    remove(temporary("c.safetensors"));
    good = ct_evaluate(linear_model, layer, d, &e) == CT_OK && good;
    good = ct_module_save(m, temporary("m.safetensors")) == CT_OK && good;
    good = ct_module_load(m, temporary("m.safetensors")) == CT_OK && good;
    good = ct_optimizer_group(o, "*.bias", .weight_decay = 0) == CT_OK && good;
    good = ct_optimizer_save(o, temporary("o.safetensors")) == CT_OK && good;
    good = ct_optimizer_load(o, temporary("o.safetensors")) == CT_OK && good;
    ct_average *average = ct_average_new(m);
    good = ct_average_update(average) == CT_OK && good;
    ct_average_free(average);
    ct_dataset_free(csv);
    ct_dataset_free(d);
    ct_optimizer_free(o);
    ct_module_free(m);
    return good;
}

/* Every allocation fails in turn, of core's (which = 0) and of malloc's. */
START_TEST(no_memory)
{
    ct_scope_open();
    write_file("t.csv", "1,2,0\n", 6, true);
    ct_tensor *x = ct_zeros(CT_UINT8, CT_SHAPE(4, 2)), *y = ct_zeros(CT_INT64, CT_SHAPE(4));
    ck_assert(build_and_use(x, y));
    ct_memory before = ct_memory_stats();
    int64_t n = 0;
    for (bool good = false; !good;) {
        n++;
        if (_i == 0)
            ct__fail_allocation(n, false);
        else
            calls_until_failure = n;
        good = build_and_use(x, y);
        ct__fail_allocation(0, false);
        bool all_went_through = calls_until_failure > 0 || _i == 0;
        calls_until_failure = 0;
        ck_assert(good == (ct_error_code() == CT_OK) && (!good || all_went_through));
        if (!good)
            expect_failure(CT_ERROR_MEMORY, "no memory");
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
        ck_assert_int_eq(ct_memory_stats().scope_depth, before.scope_depth);
    }
    ck_assert_int_gt(n, _i == 0 ? 30 : 15);
    remove_files((const char *const[]){"t.csv", "m.safetensors", "o.safetensors", "c.safetensors", "l.csv"}, 5);
    close_scope();
}
END_TEST

/* ---- pictures ---- */

/* The bytes of a PNG file's rows, n of them, each row's behind the 0 of no filter. */
static void expect_rows(const char *path, const unsigned char *wanted, size_t n)
{
    static const unsigned char mark[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char file[512], rows[64];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t size = fread(file, 1, sizeof file, f);
    fclose(f);
    ck_assert(size > 60 && memcmp(file, mark, sizeof mark) == 0 && memcmp(file + 37, "IDAT", 4) == 0);
    uLongf length = sizeof rows;
    ck_assert_int_eq(uncompress(rows, &length, file + 41, (uLong)file[36]), Z_OK);
    ck_assert_mem_eq(rows, wanted, n);
    ck_assert_uint_eq(length, n);
}

START_TEST(pictures)
{
    ct_scope_open();
    const char *path = temporary("p.png");
    ct_tensor *grey = ct_from_values(CT_FLOAT32, CT_VALUES(0, 0.5, 1, -1, 2, NAN), CT_SHAPE(3, 2));
    ck_assert_int_eq(ct_png_write(path, ct_transpose(grey, 0, 1)), CT_OK);
    expect_rows(path, (const unsigned char[]){0, 0, 255, 255, 0, 128, 0, 0}, 8);
    ct_tensor *colours = ct_from_values(CT_UINT8, CT_VALUES(1, 2, 3, 4, 5, 255), CT_SHAPE(3, 1, 2));
    ck_assert_int_eq(ct_png_write(path, colours), CT_OK);
    expect_rows(path, (const unsigned char[]){0, 1, 3, 5, 2, 4, 255}, 7);
    ck_assert_int_eq(ct_png_write(path, ct_zeros(CT_FLOAT64, CT_SHAPE(2, 5, 5))), CT_ERROR_SHAPE);
    expect_failure(CT_ERROR_SHAPE, "png_write: takes [height,width] or [1, 3 or 4,height,width], not [2,5,5]");
    ck_assert_int_eq(ct_png_write(path, ct_zeros(CT_INT64, CT_SHAPE(5, 5))), CT_ERROR_DTYPE);
    expect_failure(CT_ERROR_DTYPE, "png_write: takes uint8 or float, not int64");
    ck_assert_int_eq(ct_png_write(path, ct_zeros(CT_FLOAT32, CT_SHAPE(0, 5))), CT_ERROR_SHAPE);
    expect_failure(CT_ERROR_SHAPE, "not [0,5]");
    ck_assert_int_eq(ct_png_write("/nowhere/p.png", grey), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "/nowhere/p.png: cannot open the directory");
    ck_assert_int_eq(ct_png_write(path, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "png_write: the image is NULL");
    ck_assert_int_eq(ct_png_write(NULL, grey), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "png_write: the path is NULL");
    remove_files((const char *const[]){"p.png"}, 1);
    ct_scope_close();
}
END_TEST

/* ---- plots ---- */

START_TEST(plots)
{
    double x[] = {0, 1, 2, 3, 4}, y[] = {3, NAN, 1, 0.5, 0.25};
    ct_series series[] = {{.label = "a < b", .x = x, .y = y, .n = 5},
                          {.x = x, .y = y, .n = 5, .faint = true},
                          {.label = "c", .x = x, .y = y, .n = 5}};
    char text[8192] = "";
    ck_assert_int_eq(ct_plot_svg(temporary("p.svg"), series, 3, .title = "loss & more", .x_label = "epoch"), CT_OK);
    FILE *f = fopen(temporary("p.svg"), "r");
    ck_assert_ptr_nonnull(f);
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    ck_assert(size < sizeof text - 1 && strncmp(text, "<svg ", 5) == 0 && strstr(text, "</svg>\n"));
    ck_assert(strstr(text, "a &lt; b") && strstr(text, "loss &amp; more") && strstr(text, ">epoch<") &&
              !strstr(text, "nan"));
    ck_assert(strstr(text, "stroke-dasharray=\"none\"") &&
              strstr(text, "stroke-dasharray=\"9 4\"")); /* not by colour alone */
    ck_assert(strstr(text, "M64.0 44.0M")); /* (0, 3) is the upper left corner, and the curve breaks after it */
    ck_assert(
        strstr(text, "L696.0 341.0\"")); /* (4, 0.25) on axes 0..4 and 0..3: 1/12 of 324 pixels above the lower right */
    ck_assert_int_eq(ct_plot_svg(temporary("p.svg"), series, 0), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "no finite points");
    ck_assert_int_eq(ct_plot_svg("/nowhere/p.svg", series, 1), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "/nowhere/p.svg: cannot open the directory: No such file");
    ck_assert_int_eq(ct_plot_svg(NULL, series, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "path is NULL");
    remove_files((const char *const[]){"p.svg"}, 1);
}
END_TEST

/* Each test begins without a pending error, whatever failed before it. */
static TCase *new_case(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, ct_error_clear, NULL);
    return t;
}

Suite *ct_suite_nn(void)
{
    Suite *suite = suite_create("nn");
    TCase *t = new_case("initialisers");
    tcase_add_test(t, initialisers_have_their_variance);
    tcase_add_test(t, truncated_normals_keep_their_variance);
    tcase_add_test(t, orthogonal_matrices);
    tcase_add_test(t, delta_orthogonal_kernels);
    tcase_add_test(t, orthogonal_matrices_are_equally_likely);
    tcase_add_test(t, initialisers_repeat_and_take_fans);
    tcase_add_test(t, initialisers_refuse);
    suite_add_tcase(suite, t);

    t = new_case("modules");
    tcase_add_test(t, layers_name_their_parameters);
    tcase_add_test(t, a_layer_that_fails_leaves_the_module_as_it_was);
    tcase_add_test(t, modules_refuse);
    tcase_add_test(t, parameters_can_be_exchanged);
    tcase_add_test(t, a_state_dict_comes_back);
    tcase_add_test(t, a_state_dict_that_does_not_fit_changes_nothing);
    suite_add_tcase(suite, t);

    t = new_case("optimisers");
    tcase_add_loop_test(t, optimisers_agree_with_pytorch, 0, LENGTH(optimizer_cases));
    tcase_add_test(t, a_step_changes_all_or_nothing);
    tcase_add_test(t, a_parameter_without_gradient_stays);
    tcase_add_test(t, a_step_takes_strided_gradients);
    tcase_add_test(t, the_engine_sees_a_step);
    tcase_add_test(t, optimisers_refuse);
    suite_add_tcase(suite, t);

    t = new_case("data");
    tcase_add_test(t, each_sample_comes_once_an_epoch);
    tcase_add_test(t, subsets_and_batches_pick);
    tcase_add_test(t, bytes_are_scaled_by_batch);
    tcase_add_test(t, datasets_refuse);
    tcase_add_test(t, csv_files);
    tcase_add_test(t, csv_files_that_are_none);
    tcase_add_test(t, idx_files);
    suite_add_tcase(suite, t);

    t = new_case("training");
    tcase_add_test(t, accuracy_counts);
    tcase_add_test(t, fit_learns_and_keeps_its_memory);
    tcase_add_test(t, the_means_of_an_epoch_are_over_its_samples);
    tcase_add_test(t, the_same_seed_gives_the_same_bits);
    tcase_add_test(t, fit_hands_errors_on);
    tcase_add_test(t, the_gradient_of_lenet5_is_right);
    tcase_add_loop_test(t, a_parameter_past_the_module_is_no_pass, 0, 2);
    tcase_add_loop_test(t, no_memory, 0, 2);
    tcase_add_test(t, pictures);
    tcase_add_test(t, plots);
    suite_add_tcase(suite, t);
    return suite;
}
