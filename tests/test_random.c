/* Random numbers: the generator's published answers, the laws' statistics, and that number k depends on seed and k
 * alone. */
#include "core_internal.h"
#include "error_checks.h"
#include "suites.h"
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200000, SOME = 50000 };

static void open_scope(void)
{
    ct_error_clear();
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    ct_seed(42);
}

static void close_scope(void)
{
    ck_assert_int_eq(ct_scope_close(), CT_OK);
    ct_set_num_threads(1);
}

static void expect_error(const ct_tensor *t, ct_status code, const char *words)
{
    ck_assert_msg(t == NULL, "no error where \"%s\" was expected", words);
    expect_failure(code, words);
}

/* ---- the generator ---- */

/* The vectors of Random123's kat_vectors for philox4x32, 10 rounds. */
START_TEST(philox_known_answers)
{
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t out[4];
    } rows[] = {
        {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, ~UINT64_C(0), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         UINT64_C(0x299f31d0a4093822),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    uint32_t out[4];
    ct__philox(rows[_i].counter, rows[_i].key, out);
    ck_assert_mem_eq(out, rows[_i].out, sizeof out);
}
END_TEST

START_TEST(words_are_philox_in_order)
{
    ct_seed(0);
    ck_assert_uint_eq(ct_random_u64(), UINT64_C(0xe169c58d6627e8d5));
    ck_assert_uint_eq(ct_random_u64(), UINT64_C(0x9b00dbd8bc57ac4c));
    uint32_t out[4];
    ct__philox((const uint32_t[4]){1, 0, 0, 0}, 0, out);
    ck_assert_uint_eq(ct_random_u64(), out[0] | (uint64_t)out[1] << 32);
}
END_TEST

static void *first_word(void *result)
{
    *(uint64_t *)result = ct_random_u64();
    return NULL;
}

START_TEST(a_thread_starts_as_seed_0)
{
    uint64_t word = 0;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, first_word, &word), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(word, UINT64_C(0xe169c58d6627e8d5));
}
END_TEST

START_TEST(state_put_back_gives_the_same_numbers)
{
    ct_random_u64();
    ct_random_state state = ct_random_get();
    ck_assert_uint_eq(state.seed, 42);
    ck_assert_uint_eq(state.counter, 1);
    double a = ct_item(ct_randn(CT_FLOAT64, 0, 1, CT_SCALAR)), b = ct_item(ct_rand(CT_FLOAT64, 0, 1, CT_SCALAR));
    ck_assert_uint_eq(ct_random_get().counter, 3);
    ct_random_set(state);
    ck_assert(ct_item(ct_randn(CT_FLOAT64, 0, 1, CT_SCALAR)) == a);
    ck_assert(ct_item(ct_rand(CT_FLOAT64, 0, 1, CT_SCALAR)) == b);
}
END_TEST

/* ---- number k depends on seed and k alone ---- */

/* The laws, n numbers each. */
static ct_tensor *draw(int law, int64_t n)
{
    switch (law) {
    case 0:
        return ct_rand(CT_FLOAT32, -1, 3, &n, 1);
    case 1:
        return ct_rand(CT_FLOAT64, -1, 3, &n, 1);
    case 2:
        return ct_randn(CT_FLOAT32, 1, 2, &n, 1);
    case 3:
        return ct_randn(CT_FLOAT64, 1, 2, &n, 1);
    case 4:
        return ct_randint(-5, 20, &n, 1);
    default: /* a range just above 2^63: nearly every second word is refused and drawn again */
        return ct_randint(INT64_MIN, 2, &n, 1);
    }
}
enum { LAWS = 6 };

static const char *bytes_of(const ct_tensor *t)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    return ct_data(t);
}

START_TEST(any_split_draws_the_same)
{
    const int64_t n = SOME;
    const char *whole = bytes_of(draw(_i, n));
    static const int64_t cuts[] = {0, 1, 2, 255, 256, 257, 16383, 16384, 16385, 49999, SOME};
    for (size_t i = 0; i + 1 < sizeof cuts / sizeof *cuts; i++) {
        ct_random_set((ct_random_state){.seed = 42, .counter = (uint64_t)cuts[i]});
        ct_tensor *part = draw(_i, cuts[i + 1] - cuts[i]);
        size_t size = ct_dtype_size(ct_dtype_of(part));
        ck_assert_mem_eq(bytes_of(part), whole + (size_t)cuts[i] * size, (size_t)ct_numel(part) * size);
        ck_assert_uint_eq(ct_random_get().counter, (uint64_t)cuts[i + 1]);
    }
}
END_TEST

START_TEST(threads_draw_the_same)
{
    const char *one = bytes_of(draw(_i, MANY));
    for (int threads = 2; threads <= 3; threads++) {
        ct_set_num_threads(threads);
        ct_seed(42);
        ct_tensor *again = draw(_i, MANY);
        ck_assert_mem_eq(bytes_of(again), one, MANY * ct_dtype_size(ct_dtype_of(again)));
    }
}
END_TEST

/* FNV-1a of all bits: the same on every machine, with every compiler and option. */
START_TEST(bits_are_the_same_everywhere)
{
    static const uint64_t expected[LAWS] = {
        UINT64_C(0xd3bc239c6acf7e65), UINT64_C(0x159eac196623c520), UINT64_C(0x25deda4fba8cc928),
        UINT64_C(0x5609b4d37e5368be), UINT64_C(0xb104dbc9cf1fb327), UINT64_C(0x4a25226aa1c0303c),
    };
    ct_tensor *t = draw(_i, MANY);
    const char *data = bytes_of(t);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < MANY * ct_dtype_size(ct_dtype_of(t)); i++)
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    ck_assert_msg(hash == expected[_i], "law %d: 0x%016llx", _i, (unsigned long long)hash);
}
END_TEST

START_TEST(crossing_2_to_the_32_goes_on)
{
    ct_random_set((ct_random_state){.seed = 7, .counter = (UINT64_C(1) << 33) - 1});
    const double *u = ct_data(ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(2)));
    uint32_t out[4];
    ct__philox((const uint32_t[4]){~0u, 0, 0, 0}, 7, out);
    ck_assert(u[0] == (double)((out[2] | (uint64_t)out[3] << 32) >> 11) * 0x1p-53);
    ct__philox((const uint32_t[4]){0, 1, 0, 0}, 7, out);
    ck_assert(u[1] == (double)((out[0] | (uint64_t)out[1] << 32) >> 11) * 0x1p-53);
}
END_TEST

/* ---- laws ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the greatest distance of the sample's distribution from F, below 1.95/sqrt(n) but for 1
 * seed in 1000. */
static void check_distribution(ct_tensor *t, double (*F)(double))
{
    int64_t n = ct_numel(t);
    double *values = malloc((size_t)n * sizeof *values), distance = 0, mean = 0, product = 0;
    ck_assert_int_eq(ct_to_values(t, values, n), CT_OK);
    for (int64_t i = 0; i < n; i++)
        mean += values[i] / (double)n;
    for (int64_t i = 1; i < n; i++)
        product += (values[i] - mean) * (values[i - 1] - mean) / (double)n;
    qsort(values, (size_t)n, sizeof *values, ascending);
    double variance = 0;
    for (int64_t i = 0; i < n; i++) {
        distance = fmax(distance, fabs(F(values[i]) - ((double)i + 0.5) / (double)n));
        variance += (values[i] - mean) * (values[i] - mean) / (double)n;
    }
    free(values);
    ck_assert_double_lt(distance, 1.95 / sqrt((double)n));
    ck_assert_double_lt(fabs(product / variance), 4 / sqrt((double)n)); /* neighbours are not correlated */
}

static double uniform_F(double x) /* on [-2, 6) */
{
    return (x + 2) / 8;
}

static double normal_F(double x) /* mean 3, deviation 0.5 */
{
    return 0.5 * erfc(-(x - 3) / 0.5 * M_SQRT1_2);
}

static void moments(const ct_tensor *t, double *mean, double *variance)
{
    int64_t n = ct_numel(t);
    double *values = malloc((size_t)n * sizeof *values);
    ck_assert_int_eq(ct_to_values(t, values, n), CT_OK);
    *mean = *variance = 0;
    for (int64_t i = 0; i < n; i++)
        *mean += values[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        *variance += (values[i] - *mean) * (values[i] - *mean) / (double)n;
    free(values);
}

START_TEST(uniform_law)
{
    ct_tensor *t = ct_rand((ct_dtype)_i, -2, 6, CT_SHAPE(MANY / 2, 2));
    double mean, variance;
    moments(t, &mean, &variance);
    ck_assert_double_eq_tol(mean, 2, 4 * sqrt(64.0 / 12 / MANY));
    ck_assert_double_eq_tol(variance, 64.0 / 12, 4 * sqrt(64.0 * 64 / 180 / MANY));
    check_distribution(t, uniform_F);
}
END_TEST

START_TEST(normal_law)
{
    ct_tensor *t = ct_randn((ct_dtype)_i, 3, 0.5, CT_SHAPE(MANY));
    double mean, variance;
    moments(t, &mean, &variance);
    ck_assert_double_eq_tol(mean, 3, 4 * 0.5 / sqrt(MANY));
    ck_assert_double_eq_tol(variance, 0.25, 4 * 0.25 * sqrt(2.0 / MANY));
    check_distribution(t, normal_F);
}
END_TEST

/* Where few numbers of the dtype lie between the bounds, rounding up must not reach the upper one. */
START_TEST(uniform_stays_below_high)
{
    static const struct {
        ct_dtype dtype;
        double low, high;
    } rows[] = {
        {CT_FLOAT32, 1, 1 + FLT_EPSILON},       {CT_FLOAT32, 16777216, 16777218},        {CT_FLOAT32, 0, FLT_TRUE_MIN},
        {CT_FLOAT32, -FLT_MAX, FLT_MAX},        {CT_FLOAT64, 1, 1 + DBL_EPSILON},        {CT_FLOAT64, 0, DBL_TRUE_MIN},
        {CT_FLOAT64, -3, -3 + 8 * DBL_EPSILON}, {CT_FLOAT64, -DBL_MAX / 2, DBL_MAX / 2}, {CT_FLOAT32, -1e-3, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double values[1000];
        ck_assert_int_eq(ct_to_values(ct_rand(rows[i].dtype, rows[i].low, rows[i].high, CT_SHAPE(1000)), values, 1000),
                         CT_OK);
        for (int k = 0; k < 1000; k++)
            ck_assert_msg(values[k] >= (rows[i].dtype == CT_FLOAT32 ? (float)rows[i].low : rows[i].low) &&
                              values[k] < rows[i].high,
                          "row %zu: %a", i, values[k]);
    }
}
END_TEST

/* The quantile function against erfc, over the whole range: the error in z is the error in the tail over the
 * density. */
START_TEST(normal_quantile_inverts_erfc)
{
    for (int power = 2; power <= 54 * 16; power++) {
        double tail = exp2(-power / 16.0 - 1 + 1.0 / 8), z = ct__normal_quantile(tail);
        double back = 0.5 * erfc(z * M_SQRT1_2), density = exp(-z * z / 2) / sqrt(2 * M_PI);
        ck_assert_msg(fabs(back - tail) / density <= 6e-16 * (1 + z), "tail 2^%g: z %.17g", log2(tail), z);
    }
    ck_assert(ct__normal_quantile(0.5) == 0);
    ck_assert_double_eq_tol(ct__normal_quantile(0.025), 1.959963984540054, 4e-15);
    ck_assert_double_eq_tol(ct__normal_quantile(1e-10), 6.361340902404056, 1e-14);
}
END_TEST

/* A normal number is the quantile of its word: the sign, and 52 bits of the tail. */
START_TEST(normal_is_the_quantile_of_its_word)
{
    const double *z = ct_data(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(100)));
    ct_seed(42);
    for (int i = 0; i < 100; i++) {
        uint64_t word = ct_random_u64();
        double tail = ((double)(word << 1 >> 12) + 0.5) * 0x1p-53;
        ck_assert(z[i] == copysign(ct__normal_quantile(tail), word >> 63 ? -1 : 1));
    }
}
END_TEST

START_TEST(integers_are_equally_likely)
{
    const int64_t *values = ct_data(ct_randint(-3, 4, CT_SHAPE(MANY)));
    int64_t counts[7] = {0};
    for (int64_t i = 0; i < MANY; i++) {
        ck_assert(values[i] >= -3 && values[i] < 4);
        counts[values[i] + 3]++;
    }
    double chi2 = 0, each = MANY / 7.0;
    for (int i = 0; i < 7; i++)
        chi2 += ((double)counts[i] - each) * ((double)counts[i] - each) / each;
    ck_assert_double_lt(chi2, 22.5); /* 6 degrees of freedom: 1 seed in 1000 */
}
END_TEST

/* A range of 2^63 + 2^62: taken modulo or multiplied without refusing, words would favour a third of it two to one. */
START_TEST(wide_ranges_are_fair)
{
    const int64_t *values = ct_data(ct_randint(INT64_MIN, INT64_C(1) << 62, CT_SHAPE(MANY)));
    int64_t thirds[3] = {0}, multiples = 0;
    for (int64_t i = 0; i < MANY; i++) {
        ck_assert(values[i] < INT64_C(1) << 62);
        thirds[((uint64_t)values[i] - (uint64_t)INT64_MIN) >> 62]++;
        multiples += values[i] % 3 == 0;
    }
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol((double)thirds[i], MANY / 3.0, 4 * sqrt(MANY * 2.0 / 9));
    ck_assert_double_eq_tol((double)multiples, MANY / 3.0, 4 * sqrt(MANY * 2.0 / 9));
    ck_assert_int_eq(ct_numel(ct_randint(INT64_MIN, INT64_MAX, CT_SHAPE(10))), 10);
    ck_assert(ct_item(ct_randint(INT64_MAX - 1, INT64_MAX, CT_SCALAR)) == (double)(INT64_MAX - 1));
}
END_TEST

START_TEST(permutations_hold_everything_once)
{
    for (int64_t n = 0; n < 200; n++) {
        ct_tensor *t = ct_randperm(n);
        ck_assert(ct_dtype_of(t) == CT_INT64 && ct_rank(t) == 1 && ct_size(t, 0) == n);
        bool seen[200] = {false};
        const int64_t *p = ct_data(t);
        for (int64_t i = 0; i < n; i++) {
            ck_assert(p[i] >= 0 && p[i] < n && !seen[p[i]]);
            seen[p[i]] = true;
        }
    }
}
END_TEST

START_TEST(permutations_are_equally_likely)
{
    int counts[3][3] = {{0}}, draws = 30000;
    for (int i = 0; i < draws; i++) {
        ct_scope_open();
        const int64_t *p = ct_data(ct_randperm(3));
        counts[p[0]][p[1]]++;
        ct_scope_close();
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            ck_assert_double_le(fabs(counts[a][b] - (a == b ? 0 : draws / 6.0)),
                                a == b ? 0 : 4 * sqrt(draws * 5.0 / 36));
}
END_TEST

/* ---- edges and errors ---- */

START_TEST(empty_and_scalar)
{
    for (int law = 0; law < LAWS; law++)
        ck_assert_int_eq(ct_numel(draw(law, 0)), 0);
    ck_assert_uint_eq(ct_random_get().counter, 0); /* nothing was drawn */
    ck_assert_int_eq(ct_rank(ct_rand(CT_FLOAT32, 0, 1, CT_SCALAR)), 0);
    ck_assert(ct_item(ct_randn(CT_FLOAT32, 5, 0, CT_SCALAR)) == 5);
}
END_TEST

START_TEST(bad_arguments_are_named_and_draw_nothing)
{
    const int64_t two = 2, negative = -1;
    expect_error(ct_rand(CT_INT32, 0, 1, &two, 1), CT_ERROR_DTYPE, "rand: needs float32 or float64, not int32");
    expect_error(ct_randn(CT_UINT8, 0, 1, &two, 1), CT_ERROR_DTYPE, "randn: needs float32 or float64, not uint8");
    expect_error(ct_rand((ct_dtype)9, 0, 1, &two, 1), CT_ERROR_DTYPE, "rand");
    expect_error(ct_rand(CT_FLOAT32, 1, 1, &two, 1), CT_ERROR_ARGUMENT, "rand: no range [low, high) from 1 to 1");
    expect_error(ct_rand(CT_FLOAT32, 1, 1 + 1e-12, &two, 1), CT_ERROR_ARGUMENT, "in float32");
    expect_error(ct_rand(CT_FLOAT64, 2, 1, &two, 1), CT_ERROR_ARGUMENT, "from 2 to 1");
    expect_error(ct_rand(CT_FLOAT64, NAN, 1, &two, 1), CT_ERROR_ARGUMENT, "nan");
    expect_error(ct_rand(CT_FLOAT64, 0, INFINITY, &two, 1), CT_ERROR_ARGUMENT, "inf");
    expect_error(ct_rand(CT_FLOAT64, -DBL_MAX, DBL_MAX, &two, 1), CT_ERROR_ARGUMENT, "no range");
    expect_error(ct_rand(CT_FLOAT32, 0, 1e39, &two, 1), CT_ERROR_ARGUMENT, "no range");
    expect_error(ct_randn(CT_FLOAT64, 0, -1, &two, 1), CT_ERROR_ARGUMENT, "deviation -1");
    expect_error(ct_randn(CT_FLOAT64, NAN, 1, &two, 1), CT_ERROR_ARGUMENT, "mean nan");
    expect_error(ct_randn(CT_FLOAT64, 0, INFINITY, &two, 1), CT_ERROR_ARGUMENT, "deviation inf");
    expect_error(ct_randint(3, 3, &two, 1), CT_ERROR_ARGUMENT, "randint: no integer in [3, 3)");
    expect_error(ct_rand(CT_FLOAT32, 0, 1, &negative, 1), CT_ERROR_SHAPE, "rand: negative size");
    expect_error(ct_randn(CT_FLOAT32, 0, 1, &two, 9), CT_ERROR_SHAPE, "randn: rank 9");
    expect_error(ct_randint(0, 9, NULL, 1), CT_ERROR_NULL, "randint");
    expect_error(ct_randperm(-1), CT_ERROR_SHAPE, "randperm: negative size");
    ck_assert_uint_eq(ct_random_get().counter, 0);
}
END_TEST

START_TEST(no_memory_draws_nothing)
{
    ct_memory before = ct_memory_stats();
    for (int law = 0; law <= LAWS; law++) {
        ct_tensor *t = NULL;
        int64_t n = 0;
        while (!t) {
            ct__fail_allocation(++n, _i);
            t = law < LAWS ? draw(law, 100) : ct_randperm(100);
            ct__fail_allocation(0, false);
            if (!t) {
                expect_error(t, CT_ERROR_MEMORY, "no memory");
                ck_assert_uint_eq(ct_random_get().counter, 0);
            }
        }
        ck_assert_int_gt(n, 1);
        ck_assert_uint_gt(ct_random_get().counter, 0);
        ct_release(t);
        ct_seed(42);
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

Suite *ct_suite_random(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_add_checked_fixture(tests, open_scope, close_scope);
    tcase_add_loop_test(tests, philox_known_answers, 0, 3);
    tcase_add_test(tests, words_are_philox_in_order);
    tcase_add_test(tests, a_thread_starts_as_seed_0);
    tcase_add_test(tests, state_put_back_gives_the_same_numbers);
    tcase_add_loop_test(tests, any_split_draws_the_same, 0, LAWS);
    tcase_add_loop_test(tests, threads_draw_the_same, 0, LAWS);
    tcase_add_loop_test(tests, bits_are_the_same_everywhere, 0, LAWS);
    tcase_add_test(tests, crossing_2_to_the_32_goes_on);
    tcase_add_loop_test(tests, uniform_law, CT_FLOAT32, CT_FLOAT64 + 1);
    tcase_add_loop_test(tests, normal_law, CT_FLOAT32, CT_FLOAT64 + 1);
    tcase_add_test(tests, uniform_stays_below_high);
    tcase_add_test(tests, normal_quantile_inverts_erfc);
    tcase_add_test(tests, normal_is_the_quantile_of_its_word);
    tcase_add_test(tests, integers_are_equally_likely);
    tcase_add_test(tests, wide_ranges_are_fair);
    tcase_add_test(tests, permutations_hold_everything_once);
    tcase_add_test(tests, permutations_are_equally_likely);
    tcase_add_test(tests, empty_and_scalar);
    tcase_add_test(tests, bad_arguments_are_named_and_draw_nothing);
    tcase_add_loop_test(tests, no_memory_draws_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
