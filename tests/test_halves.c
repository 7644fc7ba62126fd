/* float16 and bfloat16: their values by IEEE 754's definition, how numbers become them, and that they are moved, saved and handed on, with
 * gradients, and nothing else. */
#include <cotan/cotan.h>
#include <cotan/dlpack.h>

#include "error_checks.h"
#include "file_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

enum { PATTERNS = 1 << 16 };

/* A format: bits of exponent and fraction. _i of a test says which. */
typedef struct kind {
    ct_dtype dtype;
    int exponent_bits, fraction_bits;
} kind;
static const kind kinds[] = {{CT_FLOAT16, 5, 10}, {CT_BFLOAT16, 8, 7}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* What the bits stand for: 1.f 2^(e - bias), with e = 0 0.f 2^(1 - bias), with the highest e infinity and NaN. */
static double value_of(const kind *k, int bits)
{
    int most = (1 << k->exponent_bits) - 1, bias = most / 2, exponent = bits >> k->fraction_bits & most;
    int fraction = bits & ((1 << k->fraction_bits) - 1);
    double value = exponent ? ldexp(1 + ldexp(fraction, -k->fraction_bits), exponent - bias)
                            : ldexp(fraction, 1 - bias - k->fraction_bits);
    if (exponent == most)
        value = fraction ? NAN : INFINITY;
    return bits >> 15 ? -value : value;
}

/* All bit patterns, [256, 256]. */
static ct_tensor *every_pattern(const kind *k)
{
    static uint16_t bits[PATTERNS];
    for (int i = 0; i < PATTERNS; i++)
        bits[i] = (uint16_t)i;
    return ct_from_array(k->dtype, bits, CT_SHAPE(256, 256));
}

/* ---- values ---- */

START_TEST(every_pattern_is_its_value)
{
    const kind *k = &kinds[_i];
    ct_tensor *all = every_pattern(k), *single = ct_cast(all, CT_FLOAT32), *wide = ct_cast(all, CT_FLOAT64);
    const uint16_t *back = ct_data(ct_cast(single, k->dtype)), *again = ct_data(ct_cast(wide, k->dtype));
    for (int i = 0; i < PATTERNS; i++) {
        double value = value_of(k, i), s = ((const float *)ct_data(single))[i], w = ((const double *)ct_data(wide))[i];
        uint16_t quiet = (uint16_t)((i & 0x8000) | (k->dtype == CT_FLOAT16 ? 0x7e00 : 0x7fc0));
        ck_assert_msg((s == value && w == value) || (isnan(value) && isnan(s) && isnan(w)), "%#x: %g, %g", i, s, w);
        ck_assert(!signbit(s) == !(i >> 15) && !signbit(w) == !(i >> 15));
        ck_assert_int_eq(back[i], isnan(value) ? quiet : i);
        ck_assert_int_eq(again[i], back[i]);
    }
}
END_TEST

/* Between any two neighbours the middle goes to the even one, and what is next to the middle to the nearer one, though a float32 would
 * already have rounded it to the middle. Beyond the largest the next that there would be is infinity. */
START_TEST(rounded_once_and_half_to_even)
{
    const kind *k = &kinds[_i];
    int infinity = ((1 << k->exponent_bits) - 1) << k->fraction_bits;
    for (int i = 0; i < infinity; i++) {
        double low = value_of(k, i), high = i + 1 < infinity ? value_of(k, i + 1) : 2 * low - value_of(k, i - 1);
        double middle = low + (high - low) / 2, values[] = {nextafter(middle, 0), middle, nextafter(middle, INFINITY)};
        for (int sign = 0; sign < 2; sign++) {
            const uint16_t *got = ct_data(ct_from_values(k->dtype, values, 3, CT_SHAPE(3)));
            const uint16_t *single = ct_data(ct_cast(ct_from_values(CT_FLOAT32, values + 1, 1, CT_SHAPE(1)), k->dtype));
            int flag = sign << 15, even = i % 2 ? i + 1 : i;
            ck_assert_int_eq(got[0], flag | i);
            ck_assert_int_eq(got[1], flag | even);
            ck_assert_int_eq(got[2], flag | (i + 1));
            ck_assert_int_eq(single[0], flag | even);
            for (int v = 0; v < 3; v++)
                values[v] = -values[v];
        }
    }
}
END_TEST

START_TEST(cast_from_and_to_every_type)
{
    ct_dtype dtype = kinds[_i].dtype;
    const double whole[] = {0, 1, 2, 3, 200, 5}, truths[] = {0, 1, 1, 1, 1, 1};
    for (int layout = 0; layout < LAYOUTS; layout++)
        for (int other = 0; other < CT_DTYPES; other++) {
            ct_tensor *from = ct_from_values((ct_dtype)other, whole, 6, CT_SHAPE(2, 3)), *to;
            to = ct_cast(in_layout(from, layout), dtype);
            expect_tensor(to, dtype, CT_SHAPE(2, 3), other == CT_BOOL ? truths : whole, 6);
            expect_close(ct_cast(in_layout(to, layout), (ct_dtype)other), from, 0);
        }
    ct_tensor *far = ct_from_values(dtype, CT_VALUES(1e39, -1e39, NAN, -0.0, 1e-46), CT_SHAPE(5));
    expect_tensor(far, dtype, CT_SHAPE(5), CT_VALUES(INFINITY, -INFINITY, NAN, 0, 0));
    expect_tensor(ct_cast(far, CT_INT32), CT_INT32, CT_SHAPE(5), CT_VALUES(INT32_MAX, INT32_MIN, 0, 0, 0));
    ct_tensor *made = ct_full(dtype, 2.5, CT_SHAPE(2));
    ck_assert_double_eq(ct_item(ct_arange(dtype, 3, 1, 1)), 3);
    ck_assert_int_eq(ct_fill_(made, 0.5), CT_OK);
    ck_assert_double_eq(ct_get(made, CT_SHAPE(1)), 0.5);
}
END_TEST

/* As NumPy 2.4 prints a float16: the shortest that reads back. */
START_TEST(printed)
{
    static const char *const expected[] = {"[ 9.998e-02  3.333e-01 -6.550e+04  5.960e-08        inf        nan]",
                                           "[ 1.00e-01  3.34e-01 -6.55e+04  5.96e-08       inf       nan]"};
    char text[120];
    ct_tensor *t =
        ct_from_values(kinds[_i].dtype, CT_VALUES(0.1, 1 / 3.0, -65504, 0x1p-24, INFINITY, NAN), CT_SHAPE(6));
    ct_format(t, text, sizeof text);
    ck_assert_str_eq(text, expected[_i]);
    ct_format(ct_scalar(kinds[_i].dtype, 0.1), text, sizeof text);
    ck_assert_str_eq(text, "0.1");
    ct_format(ct_ones(kinds[_i].dtype, CT_SHAPE(2)), text, sizeof text);
    ck_assert_str_eq(text, "[1. 1.]");
}
END_TEST

/* ---- moved, and not computed with ---- */

static bool takes(const ct_op *op, int i, ct_dtype dtype)
{
    unsigned set = CT_FLOATS;
    for (int k = 0; k <= i && k < CT_TAKES; k++)
        set = op->takes[k] ? op->takes[k] : set;
    return set & CT_ONLY(dtype);
}

/* The operation on the inputs, those of float32 cast to the type on the way; in float32. */
static ct_tensor *apply_as(const ct_op *op, ct_tensor *const *in, int n, const void *attributes, ct_dtype dtype)
{
    ct_tensor *cast[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS] = {NULL};
    for (int i = 0; i < n; i++)
        cast[i] = in[i] && ct_dtype_of(in[i]) == CT_FLOAT32 ? ct_cast(in[i], dtype) : in[i];
    ck_assert_msg(ct_apply_multi(op, cast, n, attributes, outputs) == CT_OK, "%s", ct_error_message());
    return ct_cast(outputs[0], CT_FLOAT32);
}

static void expect_same_gradients(ct_tensor *half, ct_tensor *single, ct_tensor *const *in, int n)
{
    ct_tensor *leaves[CT_MAX_INPUTS], *a[CT_MAX_INPUTS], *b[CT_MAX_INPUTS];
    ct_tensor *g = numbers(CT_FLOAT32, ct_shape(half), ct_rank(half), 5);
    int count = 0;
    for (int i = 0; i < n; i++)
        if (in[i] && ct_requires_grad(in[i]))
            leaves[count++] = in[i];
    ck_assert_int_eq(ct_grad(&half, 1, leaves, count, a, .gradients = &g), CT_OK);
    ck_assert_int_eq(ct_grad(&single, 1, leaves, count, b, .gradients = &g), CT_OK);
    for (int i = 0; i < count; i++)
        expect_close(a[i], b[i], 0);
}

/* index_put adds or writes: its first attribute says. */
static bool adds_up(const ct_op *op, const ct_sample *sample)
{
    return strcmp(op->name, "index_put") == 0 && *(const int64_t *)sample->attributes;
}

/* _i: the record. One that takes these types does with them what it does with float32, to the gradients. */
START_TEST(records_that_move_them)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i / KINDS];
    ct_dtype dtype = kinds[_i % KINDS].dtype;
    for (const ct_sample *sample = op->samples; takes(op, 0, dtype) && sample->inputs; sample++) {
        ct_tensor *in[CT_MAX_INPUTS];
        if (adds_up(op, sample))
            continue;
        ct_scope_open();
        ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT32, in, &n), CT_OK);
        for (int i = 0; i < n; i++)
            if (in[i] && ct_requires_grad(in[i]))
                in[i] = ct_set_requires_grad(ct_detach(ct_cast(ct_cast(in[i], dtype), CT_FLOAT32)), true);
        ct_tensor *half = apply_as(op, in, n, sample->attributes, dtype);
        ct_tensor *single = apply_as(op, in, n, sample->attributes, CT_FLOAT32);
        expect_close(half, single, 0);
        if (ct_requires_grad(single))
            expect_same_gradients(half, single, in, n);
        ct_scope_close();
    }
}
END_TEST

START_TEST(arithmetic_refuses_them)
{
    const char *name = ct_dtype_name(kinds[_i].dtype);
    ct_tensor *x = ct_ones(kinds[_i].dtype, CT_SHAPE(2, 2));
    char text[160];
    snprintf(text, sizeof text, "exp: takes float32 or float64, not %s; ct_cast() it", name);
    expect_error(ct_exp(x), CT_ERROR_DTYPE, text);
    snprintf(text, sizeof text, "sum: input 0 is %s, not float32, float64, int64, int32, uint8 or bool; see ct_cast()",
             name);
    expect_error(ct_sum(x), CT_ERROR_DTYPE, text);
    snprintf(text, sizeof text, "eq: input 0 is %s, not float32, float64, int64, int32, uint8 or bool; see ct_cast()",
             name);
    expect_error(ct_eq(x, x), CT_ERROR_DTYPE, text);
    snprintf(text, sizeof text, "concat: dtypes differ: %s and float32 (inputs 0 and 1)", name);
    expect_error(ct_concat(CT_TENSORS(x, ct_ones(CT_FLOAT32, CT_SHAPE(2, 2))), 0), CT_ERROR_DTYPE, text);
    snprintf(text, sizeof text, "rand: needs float32 or float64, not %s", name);
    expect_error(ct_rand(kinds[_i].dtype, 0, 1, CT_SHAPE(2)), CT_ERROR_DTYPE, text);
    snprintf(text, sizeof text, "set_requires_grad: %s has no gradient", name);
    expect_error(ct_set_requires_grad(x, true), CT_ERROR_DTYPE, text);
}
END_TEST

/* ---- gradients ---- */

/* They pass through in float32: 1 + 2^-12 comes back as it is, and so does the sum of two. */
START_TEST(gradients_are_not_rounded)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(3), 1), true);
    ct_tensor *half = ct_cast(x, kinds[_i].dtype), *g = ct_full(CT_FLOAT32, 1 + 0x1p-12, CT_SHAPE(3));
    ct_tensor *inputs[] = {x, half}, *grads[2];
    ct_tensor *y = ct_add(ct_cast(half, CT_FLOAT32), ct_cast(half, CT_FLOAT32));
    ck_assert(ct_requires_grad(half) && !ct_requires_grad(ct_cast(half, CT_INT32)));
    ck_assert_int_eq(ct_grad(&y, 1, inputs, 2, grads, .gradients = &g), CT_OK);
    expect_tensor(grads[0], CT_FLOAT64, CT_SHAPE(3), CT_VALUES(2 + 0x1p-11, 2 + 0x1p-11, 2 + 0x1p-11));
    expect_tensor(grads[1], CT_FLOAT32, CT_SHAPE(3), CT_VALUES(2 + 0x1p-11, 2 + 0x1p-11, 2 + 0x1p-11));
}
END_TEST

START_TEST(a_root_of_either_type)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(2)), true);
    ct_tensor *y = ct_cast(ct_mul_scalar(x, 3), kinds[_i].dtype);
    ck_assert_int_eq(ct_backward(y, .gradient = ct_ones(kinds[_i].dtype, CT_SHAPE(2))), CT_ERROR_DTYPE);
    ct_error_clear();
    ck_assert_int_eq(ct_backward(ct_select(y, 0, 1)), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT32, CT_SHAPE(2), CT_VALUES(0, 3));
    ct_zero_grad(x);
    y = ct_cast(ct_mul_scalar(x, 3), kinds[_i].dtype);
    ck_assert_int_eq(ct_backward(y, .gradient = ct_full(CT_FLOAT32, 2, CT_SHAPE(2))), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT32, CT_SHAPE(2), CT_VALUES(6, 6));
}
END_TEST

static ct_tensor *through(ct_tensor *const *in, int n, void *dtype)
{
    (void)n;
    return ct_cast(ct_square(in[0]), *(const ct_dtype *)dtype);
}

START_TEST(a_checkpoint_gives_them)
{
    ct_dtype dtype = kinds[_i].dtype;
    ct_tensor *x = ct_set_requires_grad(ct_full(CT_FLOAT32, 2, CT_SHAPE(1)), true);
    ct_tensor *y = ct_checkpoint(through, &dtype, CT_TENSORS(x));
    ck_assert_int_eq(ct_backward(ct_cast(y, CT_FLOAT64)), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT32, CT_SHAPE(1), CT_VALUES(4));
}
END_TEST

/* ---- to and from elsewhere ---- */

START_TEST(in_safetensors)
{
    ct_tensor *all = every_pattern(&kinds[_i]), *turned = ct_transpose(all, 0, 1);
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a", "t"}, (ct_tensor *[]){all, turned}, 2), CT_OK);
    ct_tensor_file *file = ct_safetensors_load(path);
    ct_tensor *a = ct_tensor_file_get(file, "a"), *t = ct_transpose(ct_tensor_file_get(file, "t"), 0, 1);
    ck_assert(ct_dtype_of(a) == kinds[_i].dtype && ct_dtype_of(t) == kinds[_i].dtype);
    ck_assert_mem_eq(ct_data(a), ct_data(all), 2 * PATTERNS);
    ck_assert_mem_eq(ct_data(ct_contiguous(t)), ct_data(all), 2 * PATTERNS);
    ct_tensor_file_free(file);
}
END_TEST

/* NumPy has only one of them. */
START_TEST(in_numpys_files)
{
    ct_tensor *all = every_pattern(&kinds[0]), *brain = ct_ones(CT_BFLOAT16, CT_SHAPE(2));
    ck_assert_int_eq(ct_npy_save(path, all), CT_OK);
    ck_assert_mem_eq(ct_data(ct_npy_load(path)), ct_data(all), 2 * PATTERNS);
    ck_assert_int_eq(ct_npy_save(path, brain), CT_ERROR_DTYPE);
    expect_failure(CT_ERROR_DTYPE, "npy_save: NumPy has no bfloat16; ct_cast() it");
}
END_TEST

#ifdef COTAN_USE_LIBZIP
START_TEST(in_numpys_archives)
{
    ct_tensor *all = every_pattern(&kinds[0]), *brain = ct_ones(CT_BFLOAT16, CT_SHAPE(2));
    ck_assert_int_eq(ct_npz_save(path, (const char *[]){"a"}, &all, 1), CT_OK);
    ct_tensor_file *file = ct_npz_load(path);
    ck_assert_mem_eq(ct_data(ct_tensor_file_get(file, "a")), ct_data(all), 2 * PATTERNS);
    ct_tensor_file_free(file);
    ck_assert_int_eq(ct_npz_save(path, (const char *[]){"b"}, &brain, 1), CT_ERROR_DTYPE);
    expect_failure(CT_ERROR_DTYPE, "npz_save: NumPy has no bfloat16; ct_cast() it");
}
END_TEST
#endif

START_TEST(by_dlpack)
{
    ct_tensor *t = ct_arange(kinds[_i].dtype, -2, 0.5, 6);
    ct_dl_managed *loan = ct_to_dlpack(t);
    ck_assert_int_eq(loan->tensor.dtype.code, _i ? 4 : 2); /* DLPack's kDLBfloat and kDLFloat */
    ck_assert_int_eq(loan->tensor.dtype.bits, 16);
    expect_close(ct_from_dlpack(loan), t, 0);
}
END_TEST

/* Into a module of float32 as they are; of float64 when asked. */
START_TEST(into_a_module)
{
    for (int wide = 0; wide < 2; wide++) {
        ct_dtype dtype = wide ? CT_FLOAT64 : CT_FLOAT32;
        ct_module *m = ct_module_new(dtype);
        ct_tensor *w = ct_module_parameter(m, "w", ct_zeros(dtype, CT_SHAPE(3)));
        ct_tensor *saved = ct_from_values(kinds[_i].dtype, CT_VALUES(1, -2, 0.5), CT_SHAPE(3));
        ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"w"}, &saved, 1), CT_OK);
        ck_assert_int_eq(ct_module_load(m, path), wide ? CT_ERROR_DTYPE : CT_OK);
        ct_error_clear();
        ck_assert_int_eq(ct_module_load(m, path, .cast = true), CT_OK);
        expect_tensor(w, dtype, CT_SHAPE(3), CT_VALUES(1, -2, 0.5));
        ct_module_free(m);
    }
}
END_TEST

Suite *ct_suite_halves(void)
{
    Suite *suite = suite_create("halves");
    TCase *tests = tcase_create("halves");
    int records;
    ct_ops(&records);
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_loop_test(tests, every_pattern_is_its_value, 0, KINDS);
    tcase_add_loop_test(tests, rounded_once_and_half_to_even, 0, KINDS);
    tcase_add_loop_test(tests, cast_from_and_to_every_type, 0, KINDS);
    tcase_add_loop_test(tests, printed, 0, KINDS);
    tcase_add_loop_test(tests, records_that_move_them, 0, records * KINDS);
    tcase_add_loop_test(tests, arithmetic_refuses_them, 0, KINDS);
    tcase_add_loop_test(tests, gradients_are_not_rounded, 0, KINDS);
    tcase_add_loop_test(tests, a_root_of_either_type, 0, KINDS);
    tcase_add_loop_test(tests, a_checkpoint_gives_them, 0, KINDS);
    tcase_add_loop_test(tests, by_dlpack, 0, KINDS);
    suite_add_tcase(suite, tests);
    tests = tcase_create("files of halves");
    tcase_add_checked_fixture(tests, open_directory, close_directory);
    tcase_add_loop_test(tests, in_safetensors, 0, KINDS);
    tcase_add_test(tests, in_numpys_files);
#ifdef COTAN_USE_LIBZIP
    tcase_add_test(tests, in_numpys_archives);
#else
    fputs("skipped, as cotan was built without libzip: halves: in_numpys_archives\n", stderr);
#endif
    tcase_add_loop_test(tests, into_a_module, 0, KINDS);
    suite_add_tcase(suite, tests);
    return suite;
}
