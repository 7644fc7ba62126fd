/* Fourier transforms against the sum that defines them, for every kind of length; there and back again; frames; errors. The reference
 * cases have PyTorch's values. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

/* The definition: y[k] = sum over j of x[j] exp(-+ 2 pi i j k / n), by products with the whole matrix; x [n, 2]. */
static ct_tensor *by_the_sum(ct_tensor *x, double sign)
{
    int64_t n = ct_size(x, 0);
    ct_tensor *j = ct_arange(CT_FLOAT64, 0, 1, n), *power = ct_outer(j, j);
    ct_tensor *angle =
        ct_mul_scalar(ct_remainder(power, ct_scalar(CT_FLOAT64, (double)n)), sign * 2 * M_PI / (double)n);
    ct_tensor *c = ct_cos(angle), *s = ct_sin(angle), *re = ct_select(x, 1, 0), *im = ct_select(x, 1, 1);
    ct_tensor *parts[] = {ct_sub(ct_matmul(c, re), ct_matmul(s, im)), ct_add(ct_matmul(s, re), ct_matmul(c, im))};
    return ct_stack(parts, 2, -1);
}

START_TEST(every_kind_of_length)
{
    static const int64_t lengths[] = {1,  2,  3,  4,  5,  6,  7,  8,   9,   12,  16, 25,
                                      30, 31, 32, 37, 64, 74, 96, 101, 128, 211, 221};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(lengths[i], 2), (uint64_t)i);
        expect_close(ct_fft(x, .axis = 0), by_the_sum(x, -1), 1e-13);
        expect_close(ct_ifft(x, .norm = CT_FFT_FORWARD), by_the_sum(x, 1), 1e-13);
    }
}
END_TEST

START_TEST(there_and_back)
{
    static const int64_t lengths[] = {4099, 3 * 5 * 7 * 11 * 13, 1 << 14};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            double tolerance = dtype == CT_FLOAT32 ? 1e-6 : 1e-14;
            ct_tensor *x = numbers((ct_dtype)dtype, CT_SHAPE(lengths[i], 2), (uint64_t)i), *line = ct_select(x, 1, 0);
            expect_close(ct_ifft(ct_fft(x)), x, tolerance);
            expect_close(ct_irfft(ct_rfft(line), .n = lengths[i]), line, tolerance);
        }
}
END_TEST

START_TEST(layouts_and_axes)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(4, 6, 2), 1), *y = ct_fft(x, .axis = 0);
    for (int layout = 0; layout < LAYOUTS; layout++)
        expect_close(ct_fft(in_layout(x, layout), .axis = -2), y, 1e-15);
    expect_close(ct_select(y, 1, 3), ct_fft(ct_select(x, 1, 3)), 1e-15);
    ct_tensor *none = ct_zeros(CT_FLOAT32, CT_SHAPE(0, 6, 2));
    ck_assert_int_eq(ct_size(ct_fft(none), 1), 6);
}
END_TEST

/* Of a signal that repeats itself each 4 elements, a frame of 8 has frequency 2 alone. */
START_TEST(frames)
{
    ct_tensor *x = ct_cos(ct_arange(CT_FLOAT64, 0, M_PI / 2, 32)), *y = ct_stft(x, 8, .no_centre = true);
    ck_assert_int_eq(ct_size(y, 0), 5);
    ck_assert_int_eq(ct_size(y, 1), 13);
    ct_tensor *size = ct_hypot(ct_select(y, 2, 0), ct_select(y, 2, 1));
    expect_close(ct_select(size, 0, 2), ct_full(CT_FLOAT64, 4, CT_SHAPE(13)), 1e-14);
    ck_assert_double_le(ct_item(ct_amax(ct_select(size, 0, 1))), 1e-14);
    ct_tensor *batch = ct_stack(CT_TENSORS(x, ct_mul_scalar(x, 2)), 0);
    expect_close(ct_select(ct_stft(batch, 8, .hop = 3), 0, 1), ct_mul_scalar(ct_stft(x, 8, .hop = 3), 2), 1e-15);
}
END_TEST

/* The signal that the spectra are of, whatever window and hop; what is asked for beyond it is 0. */
START_TEST(frames_and_back)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int how = 0; how < 16; how++) {
            ct_tensor *x = numbers((ct_dtype)dtype, CT_SHAPE(2, 26), 1);
            ct_tensor *window = how & 1 ? ct_rand((ct_dtype)dtype, 0.5, 1.5, CT_SHAPE(7)) : NULL;
            ct_tensor *y = ct_stft(x, 8, .hop = 3, .window = window, .no_centre = how & 2, .normalized = how & 4,
                                   .two_sided = how & 8);
            for (int layout = 0; layout < LAYOUTS; layout++) {
                ct_tensor *back = ct_istft(in_layout(y, layout), 8, .hop = 3, .window = window, .normalized = how & 4,
                                           .two_sided = how & 8, .no_centre = how & 2);
                if ((how & 3) == 3) /* the last element is outside of all windows */
                    expect_error(back, CT_ERROR_ARGUMENT, "istft: no window reaches some of the elements: [2,");
                else
                    expect_close(back, ct_slice(x, 1, 0, ct_size(back, 1), 1), dtype == CT_FLOAT32 ? 1e-6 : 1e-14);
            }
        }
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(24), 1), *y = ct_stft(x, 8), *longer = ct_istft(y, 8, .length = 31);
    expect_close(ct_slice(longer, 0, 0, 24, 1), x, 1e-14);
    expect_close(ct_slice(longer, 0, 28, 31, 1), ct_zeros(CT_FLOAT64, CT_SHAPE(3)), 0);
    expect_close(ct_istft(y, 8, .length = 5), ct_slice(x, 0, 0, 5, 1), 1e-14);
    ck_assert_int_eq(ct_numel(ct_istft(y, 8, .length = 0)), 0);
    ck_assert_int_eq(ct_size(ct_istft(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 5, 3, 2)), 8), 0), 0);
}
END_TEST

START_TEST(spectra_refused)
{
    ct_tensor *y = ct_ones(CT_FLOAT64, CT_SHAPE(5, 3, 2));
    expect_error(ct_istft(y, 6), CT_ERROR_SHAPE, "istft: takes x [frequencies, frames, 2] or that with N");
    expect_error(ct_istft(y, 8, .two_sided = true), CT_ERROR_SHAPE, "istft: takes x [frequencies, frames, 2]");
    expect_error(ct_istft(y, 8, .hop = 9), CT_ERROR_SHAPE, "istft: takes x [frequencies, frames, 2]");
    expect_error(ct_istft(y, 8, .window = ct_ones(CT_FLOAT64, CT_SHAPE(9))), CT_ERROR_SHAPE, "istft: takes x");
    expect_error(ct_istft(y, 8, .length = -2), CT_ERROR_ARGUMENT, "istft: a length of -2");
    expect_error(ct_istft(y, 8, .hop = 8, .window = ct_zeros(CT_FLOAT64, CT_SHAPE(8))), CT_ERROR_ARGUMENT,
                 "istft: no window reaches some of the elements: [5,3,2], [8]");
    expect_error(ct_istft(NULL, 8), CT_ERROR_NULL, "istft: input 0 is NULL");
}
END_TEST

START_TEST(refused)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(3, 2)), *flat = ct_ones(CT_FLOAT64, CT_SHAPE(3));
    expect_error(ct_fft(flat), CT_ERROR_SHAPE, "fft: takes pairs [..., n, 2]: [3]");
    expect_error(ct_ifft(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3))), CT_ERROR_SHAPE, "ifft: takes pairs [..., n, 2]: [2,3]");
    expect_error(ct_rfft(ct_scalar(CT_FLOAT64, 1)), CT_ERROR_SHAPE, "rfft: takes real numbers [..., n]: []");
    expect_error(ct_fft(x, .axis = 1), CT_ERROR_ARGUMENT, "fft: axis 1 is not in -1..0");
    expect_error(ct_fft(x, .n = 0), CT_ERROR_ARGUMENT, "fft: a length of 0");
    expect_error(ct_irfft(ct_ones(CT_FLOAT64, CT_SHAPE(1, 2))), CT_ERROR_ARGUMENT, "irfft: 0 real numbers: [1,2]");
    expect_error(ct_fft(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 2))), CT_ERROR_SHAPE,
                 "fft: dft: takes pairs [..., n, 2]: [0,2]");
    expect_error(ct_stft(flat, 8), CT_ERROR_ARGUMENT, "stft: pad: cannot pad axis 1 of [1,3] by 4 and 4");
    expect_error(ct_stft(flat, 4, .no_centre = true), CT_ERROR_SHAPE, "stft: takes x [time] or [N, time]");
    expect_error(ct_stft(flat, 2, .hop = 0), CT_ERROR_SHAPE, "stft: takes x [time] or [N, time]");
}
END_TEST

static ct_tensor *transform(ct_tensor *const *in)
{
    return ct_fft(in[0]);
}

START_TEST(no_memory)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(37, 2), 1);
    expect_memory_errors(transform, &x, 1);
}
END_TEST

Suite *ct_suite_spectra(void)
{
    Suite *suite = suite_create("spectra");
    TCase *tests = tcase_create("spectra");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, every_kind_of_length);
    tcase_add_test(tests, there_and_back);
    tcase_add_test(tests, layouts_and_axes);
    tcase_add_test(tests, frames);
    tcase_add_test(tests, frames_and_back);
    tcase_add_test(tests, spectra_refused);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, no_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
