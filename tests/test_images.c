/* Images between their pixels: what comes back unchanged, what lies outside, and errors. The reference cases have the values. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

START_TEST(shuffled_back)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
        ct_tensor *x = numbers((ct_dtype)dtype, CT_SHAPE(2, 8, 3, 5), 1);
        for (int layout = 0; layout < LAYOUTS; layout++)
            expect_close(ct_pixel_unshuffle(ct_pixel_shuffle(in_layout(x, layout), 2), 2), x, 0);
    }
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(3, 2, 2));
    expect_error(ct_pixel_shuffle(x, 2), CT_ERROR_SHAPE,
                 "pixel_shuffle: takes [..., C, H, W] that divide by the factor 2, from 1 on: [3,2,2]");
    expect_error(ct_pixel_unshuffle(x, 0), CT_ERROR_SHAPE, "pixel_unshuffle: takes [..., C, H, W]");
    expect_error(ct_pixel_shuffle(x, INT64_MAX), CT_ERROR_SHAPE, "pixel_shuffle: takes [..., C, H, W]");
}
END_TEST

/* The grid of the identity reads each pixel where it is. */
START_TEST(identity)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = numbers((ct_dtype)dtype, CT_SHAPE(2, 3, 4, 5), 1);
        ct_tensor *theta =
            ct_expand(ct_from_values((ct_dtype)dtype, CT_VALUES(1, 0, 0, 0, 1, 0), CT_SHAPE(2, 3)), CT_SHAPE(2, 2, 3));
        for (int how = 0; how < 8; how++) {
            ct_tensor *grid = ct_affine_grid(theta, 4, 5, how & 1);
            ct_tensor *y = ct_grid_sample(x, grid, .align_corners = how & 1, .nearest = how & 2, .border = how & 4);
            expect_close(y, x, dtype == CT_FLOAT32 ? 1e-5 : 1e-14);
        }
    }
}
END_TEST

START_TEST(outside)
{
    ct_tensor *x = ct_full(CT_FLOAT64, 2, CT_SHAPE(1, 1, 2, 2));
    ct_tensor *far = ct_from_values(CT_FLOAT64, CT_VALUES(9, 9, NAN, 0), CT_SHAPE(1, 1, 2, 2));
    expect_tensor(ct_grid_sample(x, ct_slice(far, 2, 0, 1, 1)), CT_FLOAT64, CT_SHAPE(1, 1, 1, 1), CT_VALUES(0));
    expect_tensor(ct_grid_sample(x, ct_slice(far, 2, 0, 1, 1), .border = true), CT_FLOAT64, CT_SHAPE(1, 1, 1, 1),
                  CT_VALUES(2));
    expect_tensor(ct_grid_sample(x, ct_slice(far, 2, 1, 2, 1), .nearest = true), CT_FLOAT64, CT_SHAPE(1, 1, 1, 1),
                  CT_VALUES(0));
    expect_error(ct_grid_sample(x, ct_zeros(CT_FLOAT64, CT_SHAPE(2, 1, 1, 2))), CT_ERROR_SHAPE,
                 "grid_sample: takes x [N, C, H, W], with pixels, and a grid [N, h, w, 2]: [1,1,2,2], [2,1,1,2]");
    expect_error(ct_affine_grid(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 3)), 1, 1, false), CT_ERROR_SHAPE,
                 "affine_grid: takes theta [N, 2, 3]: [2,3]");
    expect_error(ct_affine_grid(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 2, 3)), 0, 1, false), CT_ERROR_ARGUMENT,
                 "affine_grid: a grid of 0 by 1");
}
END_TEST

Suite *ct_suite_images(void)
{
    Suite *suite = suite_create("images");
    TCase *tests = tcase_create("images");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, shuffled_back);
    tcase_add_test(tests, identity);
    tcase_add_test(tests, outside);
    suite_add_tcase(suite, tests);
    return suite;
}
