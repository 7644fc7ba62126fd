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
        for (int how = 0; how < 32; how++) {
            if ((how & 2 && how & 8) || (how & 4 && how & 16))
                continue; /* exclude each other */
            ct_tensor *grid = ct_affine_grid(theta, 4, 5, how & 1);
            ct_tensor *y = ct_grid_sample(x, grid, .align_corners = how & 1, .nearest = how & 2, .border = how & 4,
                                          .bicubic = how & 8, .reflection = how & 16);
            expect_close(y, x, dtype == CT_FLOAT32 ? 1e-5 : 1e-14);
        }
    }
}
END_TEST

/* With depth, z is the grid's third: the middle of eight pixels is their mean, and the corners are where -1 and 1 say. */
START_TEST(in_three_dimensions)
{
    ct_tensor *x = ct_reshape(ct_arange(CT_FLOAT64, 0, 1, 8), CT_SHAPE(1, 1, 2, 2, 2)),
              *corners = ct_empty(CT_FLOAT64, CT_SHAPE(1, 2, 2, 2, 3));
    double *at = ct_data_mut(corners);
    for (int i = 0; i < 24; i++)
        at[i] = i / 3 >> i % 3 & 1 ? 1 : -1;
    for (int layout = 0; layout < LAYOUTS; layout++)
        for (int nearest = 0; nearest < 2; nearest++)
            expect_close(ct_grid_sample(in_layout(x, layout), in_layout(corners, layout), .align_corners = true,
                                        .nearest = nearest),
                         x, 0);
    ct_tensor *middle = ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 3));
    expect_tensor(ct_grid_sample(x, middle), CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 1), CT_VALUES(3.5));
    expect_error(ct_grid_sample(x, ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 2))), CT_ERROR_SHAPE,
                 "grid_sample: takes x [N, C, H, W], with pixels, and a grid");
    expect_error(ct_grid_sample(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1, 0, 2, 2)), middle), CT_ERROR_SHAPE,
                 "grid_sample: takes x [N, C, H, W], with pixels, and a grid");
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
                 "grid_sample: takes x [N, C, H, W], with pixels, and a grid [N, h, w, 2], or both with depth, and 3: "
                 "[1,1,2,2], [2,1,1,2]");
    ct_tensor *one = ct_slice(far, 2, 0, 1, 1);
    expect_error(ct_grid_sample(x, one, .nearest = true, .bicubic = true), CT_ERROR_ARGUMENT,
                 "grid_sample: nearest and bicubic at once");
    expect_error(ct_grid_sample(x, one, .border = true, .reflection = true), CT_ERROR_ARGUMENT,
                 "grid_sample: border and reflection at once");
    expect_error(ct_grid_sample(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1, 2, 2, 2)),
                                ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 3)), .bicubic = true),
                 CT_ERROR_SHAPE, "grid_sample: bicubic takes x [N, C, H, W]: [1,1,2,2,2], [1,1,1,1,3]");
    expect_error(ct_affine_grid(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 3)), 1, 1, false), CT_ERROR_SHAPE,
                 "affine_grid: takes theta [N, 2, 3]: [2,3]");
    expect_error(ct_affine_grid(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 2, 3)), 0, 1, false), CT_ERROR_ARGUMENT,
                 "affine_grid: a grid of 0 pixels on axis 0");
    expect_error(ct_affine_grid3d(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 2, 3)), 1, 1, 1, false), CT_ERROR_SHAPE,
                 "affine_grid: takes theta [N, 3, 4]: [1,2,3]");
    expect_error(ct_affine_grid3d(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 3, 4)), 1, 1, 0, false), CT_ERROR_ARGUMENT,
                 "affine_grid: a grid of 0 pixels on axis 2");
}
END_TEST

/* A constant stays one, whatever it is resized with, and no NaN goes further than its weights. */
START_TEST(resized)
{
    ct_tensor *x = ct_full(CT_FLOAT64, 3, CT_SHAPE(1, 1, 9, 7)), *row = ct_arange(CT_FLOAT64, 0, 1, 8);
    for (int mode = CT_NEAREST; mode <= CT_NEAREST_EXACT; mode++)
        for (int how = 0; how < 4; how++) {
            bool smooth = mode == CT_LINEAR || mode == CT_CUBIC;
            ct_tensor *y = ct_interpolate(x, .size = {4, 16}, .mode = (ct_interpolate_mode)mode,
                                          .antialias = smooth && (how & 1), .align_corners = smooth && (how & 2));
            expect_close(y, ct_full(CT_FLOAT64, 3, CT_SHAPE(1, 1, 4, 16)), 1e-14);
        }
    row = ct_reshape(row, CT_SHAPE(1, 1, 8));
    ct_tensor *holed = ct_where(ct_eq(row, ct_scalar(CT_FLOAT64, 7)), ct_scalar(CT_FLOAT64, NAN), row);
    ct_tensor *y = ct_interpolate(holed, .size = {4}, .mode = CT_LINEAR, .antialias = true);
    expect_tensor(ct_isnan(y), CT_BOOL, CT_SHAPE(1, 1, 4), CT_VALUES(0, 0, 0, 1));
    ct_tensor *nine = ct_reshape(ct_arange(CT_FLOAT64, 0, 1, 9), CT_SHAPE(1, 1, 3, 3));
    y = ct_interpolate(nine, .scale = {1.25}, .mode = CT_CUBIC); /* PyTorch's first element */
    ck_assert_double_eq_tol(ct_get(y, CT_SHAPE(0, 0, 0, 0)), -0.243, 1e-14);
    expect_close(ct_interpolate(nine, .scale = {1.25}, .mode = CT_CUBIC, .antialias = true), nine, 0);
    expect_error(ct_interpolate(x, .scale = {2}, .antialias = true), CT_ERROR_ARGUMENT,
                 "interpolate: antialias goes with linear and cubic only");
    expect_error(ct_interpolate(x, .scale = {2}, .mode = (ct_interpolate_mode)9), CT_ERROR_ARGUMENT,
                 "interpolate: there is no mode 9");
}
END_TEST

START_TEST(boxes_kept)
{
    ct_tensor *boxes =
        ct_from_values(CT_FLOAT32, CT_VALUES(0, 0, 2, 2, 0, 0, 2, 1, 5, 5, 6, 6, 0, 0, 2, 2), CT_SHAPE(4, 4));
    ct_tensor *scores = ct_from_values(CT_FLOAT32, CT_VALUES(0.5, 0.9, 0.1, 0.4), CT_SHAPE(4));
    expect_tensor(ct_nms(boxes, scores, 0.5), CT_INT64, CT_SHAPE(3), CT_VALUES(1, 0, 2));
    expect_tensor(ct_nms(boxes, scores, 0.49), CT_INT64, CT_SHAPE(2), CT_VALUES(1, 2));
    expect_tensor(ct_nms(boxes, scores, 1), CT_INT64, CT_SHAPE(4), CT_VALUES(1, 0, 3, 2));
    expect_error(ct_nms(boxes, boxes, 0.5), CT_ERROR_SHAPE, "nms: takes boxes [n, 4] and scores [n]: [4,4], [4,4]");
}
END_TEST

START_TEST(boxes_shown)
{
    ct_tensor *x = ct_reshape(ct_arange(CT_FLOAT64, 0, 1, 16), CT_SHAPE(1, 1, 4, 4));
    ct_tensor *box = ct_from_values(CT_FLOAT64, CT_VALUES(0, 0, 0, 4, 4), CT_SHAPE(1, 5));
    expect_tensor(ct_roi_align(x, box, 2, 2, .aligned = true), CT_FLOAT64, CT_SHAPE(1, 1, 2, 2),
                  CT_VALUES(2.5, 4.5, 10.5, 12.5));
    ct_tensor *far = ct_from_values(CT_FLOAT64, CT_VALUES(0, -9, -9, -6, -6), CT_SHAPE(1, 5));
    expect_tensor(ct_roi_align(x, far, 1, 1), CT_FLOAT64, CT_SHAPE(1, 1, 1, 1), CT_VALUES(0));
    ct_tensor *both = ct_concat(CT_TENSORS(box, far), 0);
    expect_close(ct_slice(ct_roi_align(x, both, 2, 2), 0, 0, 1, 1), ct_roi_align(x, box, 2, 2), 0);
    expect_error(ct_roi_align(x, ct_add_scalar(box, 1), 2, 2), CT_ERROR_ARGUMENT, "roi_align: box 0 is of image 1");
    expect_error(ct_roi_align(x, box, 0, 2), CT_ERROR_ARGUMENT, "roi_align: size 0 x 2, 0 points, scale 1");
    expect_error(ct_roi_align(x, x, 2, 2), CT_ERROR_SHAPE, "roi_align: takes x [N, C, H, W]");
}
END_TEST

/* With ceil_mode a window may be larger than all that there is. */
START_TEST(larger_windows)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(3, 5), CT_SHAPE(1, 2)), *places;
    ct_tensor *y = ct_max_pool1d(x, 3, .stride = {2}, .ceil_mode = true, .indices = &places);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(1, 1), CT_VALUES(5));
    expect_tensor(places, CT_INT64, CT_SHAPE(1, 1), CT_VALUES(1));
    expect_tensor(ct_avg_pool1d(x, 3, .stride = {2}, .ceil_mode = true), CT_FLOAT64, CT_SHAPE(1, 1), CT_VALUES(4));
    expect_error(ct_max_pool1d(x, 4, .stride = {2}, .ceil_mode = true), CT_ERROR_SHAPE,
                 "max_pool1d: a kernel of 4 does not fit the padded size 2 on axis 0: [1,2]");
}
END_TEST

/* What is put back lies where it was, and what does not fit is refused. */
START_TEST(unpooled)
{
    ct_tensor *places, *x = ct_from_values(CT_FLOAT32, CT_VALUES(1, 7, 3, 2, 9, 4), CT_SHAPE(1, 6));
    ct_tensor *y = ct_max_pool1d(x, 2, .indices = &places);
    expect_tensor(ct_max_unpool(y, places, CT_SHAPE(6)), CT_FLOAT32, CT_SHAPE(1, 6), CT_VALUES(0, 7, 3, 0, 9, 0));
    expect_error(ct_max_unpool(y, places, CT_SHAPE(4)), CT_ERROR_ARGUMENT,
                 "max_unpool: scatter: index 4 at [0,2] is not in 0..3");
    expect_error(ct_max_unpool(y, places, CT_SHAPE(2, 3)), CT_ERROR_SHAPE,
                 "max_unpool: takes x and places of one shape");
    expect_error(ct_max_unpool(y, places, NULL, 1), CT_ERROR_ARGUMENT, "max_unpool: 0 axes");
}
END_TEST

/* Drawn windows: maxima are where the places say, the generator's state decides, and a sample of 1 would be outside. */
START_TEST(fractional_windows)
{
    ct_dtype dtype = _i % 2 ? CT_FLOAT32 : CT_FLOAT64;
    ct_tensor *x = in_layout(numbers(dtype, CT_SHAPE(2, 3, 7, 9), 1), _i / 2), *places, *again;
    ct_seed(5);
    ct_tensor *y = ct_fractional_max_pool2d(x, 2, 4, 5, .indices = &places);
    ct_seed(5);
    ct_fractional_max_pool2d(x, 2, 4, 5, .indices = &again);
    expect_close(places, again, 0);
    ck_assert(ct_item(ct_any(ct_ne(ct_select(places, 0, 0), ct_select(places, 0, 1)))) == 1);
    ct_tensor *flat = ct_reshape(x, CT_SHAPE(2, 3, 63)), *where = ct_reshape(places, CT_SHAPE(2, 3, 20));
    expect_close(ct_gather(flat, 2, where), ct_reshape(y, CT_SHAPE(2, 3, 20)), 0);
    ct_tensor *whole = ct_fractional_max_pool3d(x, 1, 3, 7, 9);
    expect_close(whole, x, 0);
    expect_error(ct_fractional_max_pool2d(x, 2, 7, 5), CT_ERROR_ARGUMENT,
                 "fractional_max_pool2d: 7 windows of 2 do not fit on axis 0: [2,3,7,9], [2,3,2]");
    expect_error(ct_fractional_max_pool2d(x, 2, 3, 3, .samples = ct_ones(dtype, CT_SHAPE(2, 3, 2))), CT_ERROR_ARGUMENT,
                 "fractional_max_pool2d: a sample is 1, not in [0, 1)");
    expect_error(ct_fractional_max_pool2d(ct_select(ct_select(x, 0, 0), 0, 0), 2, 3, 3), CT_ERROR_SHAPE,
                 "fractional_max_pool2d: takes x [N,C,...] or [C,...] with 2 axes behind, and samples [N,C,2]");
}
END_TEST

START_TEST(padded_around)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 5, 6), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 2, 3), 2);
    ct_tensor *y = ct_conv2d(x, w, NULL, .same = true); /* one image alone */
    expect_close(y, ct_conv2d(ct_pad(x, CT_SHAPE(1, 1, 0, 1)), w, NULL), 0);
    expect_error(ct_conv2d(x, w, NULL, .same = true, .stride = {2}), CT_ERROR_ARGUMENT,
                 "conv2d: same takes strides of 1 and no padding");
    expect_error(ct_conv2d(x, w, NULL, .padding = {6}, .padding_mode = CT_PAD_CIRCULAR), CT_ERROR_ARGUMENT,
                 "pad: cannot pad axis 2 of [1,3,5,6]");
    expect_error(ct_unfold(x, ((const int64_t[]){2, 2}), .same = true), CT_ERROR_ARGUMENT, "unfold: takes no same");
    expect_error(ct_pad(x, CT_SHAPE(-4, -3)), CT_ERROR_ARGUMENT, "pad: cannot pad axis 2 of [3,5,6] by -4 and -3");
}
END_TEST

/* At the last pixel's middle, where the coordinate is held: right of it nothing changes, and no pixel from beyond comes in. */
START_TEST(no_gradient_at_a_border)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 3, 1, 3), CT_SHAPE(1, 1, 2, 2)),
              *grid = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(1, 0), CT_SHAPE(1, 1, 1, 2)), true);
    ct_tensor *y = ct_grid_sample(x, grid, .border = true, .align_corners = true);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(1, 1, 1, 1), CT_VALUES(3));
    ck_assert_int_eq(ct_backward(y), CT_OK);
    expect_tensor(ct_grad_of(grid), CT_FLOAT64, CT_SHAPE(1, 1, 1, 2), CT_VALUES(0, 0));
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
    tcase_add_test(tests, in_three_dimensions);
    tcase_add_test(tests, resized);
    tcase_add_test(tests, boxes_kept);
    tcase_add_test(tests, boxes_shown);
    tcase_add_test(tests, larger_windows);
    tcase_add_test(tests, unpooled);
    tcase_add_loop_test(tests, fractional_windows, 0, 2 * LAYOUTS);
    tcase_add_test(tests, padded_around);
    tcase_add_test(tests, no_gradient_at_a_border);
    suite_add_tcase(suite, tests);
    return suite;
}
