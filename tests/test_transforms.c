/* Transforms: each against what it should make of images whose pixels say where they were; in batches and in a training. */
#include "suites.h"
#include "training_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- images ---- */

/* [n, c, h, w] with pixels 1, 2, ..., the same in every sample. */
static ct_tensor *images(ct_dtype dtype, int64_t n, int64_t c, int64_t h, int64_t w)
{
    ct_tensor *one = ct_reshape(ct_arange(dtype, 1, 1, c * h * w), (int64_t[]){1, c, h, w}, 4);
    return ct_expand(one, (int64_t[]){n, c, h, w}, 4);
}

/* What the transform makes of x, whose elements stay; sizes as given. */
static ct_tensor *applied(const ct_transform *t, ct_tensor *x, int64_t h, int64_t w)
{
    ct_tensor *before = ct_clone(x), *y = t->apply(x, t);
    expect_no_error();
    ck_assert(memcmp(ct_data(before), ct_data(ct_contiguous(x)), (size_t)ct_numel(x) * ct_dtype_size(ct_dtype_of(x))) ==
              0);
    ck_assert_int_eq(ct_dtype_of(y), ct_dtype_of(x));
    ck_assert(ct_size(y, 0) == ct_size(x, 0) && ct_size(y, 1) == ct_size(x, 1));
    ck_assert(ct_size(y, 2) == h && ct_size(y, 3) == w);
    return y;
}

static double pixel(ct_tensor *x, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return ct_get(x, (int64_t[]){n, c, h, w}, 4);
}

/* The same, and fill outside. */
static double pixel_or(ct_tensor *x, int64_t n, int64_t c, int64_t h, int64_t w, double fill)
{
    bool inside = h >= 0 && h < ct_size(x, 2) && w >= 0 && w < ct_size(x, 3);
    return inside ? pixel(x, n, c, h, w) : fill;
}

/* Whether sample n of y is that of x seen from (top, left), fill outside. */
static bool is_part(ct_tensor *y, ct_tensor *x, int64_t n, int64_t top, int64_t left, double fill)
{
    for (int64_t c = 0; c < ct_size(y, 1); c++)
        for (int64_t i = 0; i < ct_size(y, 2); i++)
            for (int64_t k = 0; k < ct_size(y, 3); k++)
                if (pixel(y, n, c, i, k) != pixel_or(x, n, c, top + i, left + k, fill))
                    return false;
    return true;
}

static void expect_pixels(ct_tensor *y, int64_t n, const double *want, int64_t count)
{
    double have[64];
    ck_assert_int_eq(ct_to_values(ct_contiguous(ct_select(y, 0, n)), have, count), CT_OK);
    for (int64_t i = 0; i < count; i++)
        ck_assert_double_eq_tol(have[i], want[i], 1e-5);
}

/* ---- each by itself; _i: the dtype ---- */

#define DTYPE (_i ? CT_FLOAT64 : CT_FLOAT32)

START_TEST(flips)
{
    ct_tensor *x = images(DTYPE, 40, 2, 2, 3);
    expect_pixels(applied(CT_RANDOM_HORIZONTAL_FLIP(1), x, 2, 3), 7, CT_VALUES(3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10));
    expect_pixels(applied(CT_RANDOM_VERTICAL_FLIP(1), x, 2, 3), 7, CT_VALUES(4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9));
    ck_assert_int_eq(ct_item(ct_sum(ct_abs(ct_sub(x, applied(CT_RANDOM_HORIZONTAL_FLIP(0), x, 2, 3))))), 0);
    int64_t flipped = 0;
    ct_tensor *y = applied(&ct_transform_random_horizontal_flip, x, 2, 3);
    for (int64_t n = 0; n < 40; n++) {
        bool is = pixel(y, n, 1, 1, 0) == 12;
        flipped += is;
        ck_assert_double_eq(pixel(y, n, 0, 0, 2), is ? 1 : 3);
    }
    ck_assert(flipped > 8 && flipped < 32);
}
END_TEST

/* Each place that a crop may have comes about, and nothing else. */
static void expect_crops(ct_dtype dtype, int64_t h, int64_t w, int64_t padding, double fill)
{
    enum { N = 300 };
    ct_tensor *x = images(dtype, N, 2, 3, 4);
    ct_tensor *y = applied(CT_RANDOM_CROP((double)h, (double)w, (double)padding, .fill = fill), x, h, w);
    int64_t tops = 3 + 2 * padding - h + 1, lefts = 4 + 2 * padding - w + 1, seen = 0;
    bool *place = calloc((size_t)(tops * lefts), sizeof *place);
    for (int64_t n = 0; n < N; n++) {
        int64_t at = 0;
        while (at < tops * lefts && !is_part(y, x, n, at / lefts - padding, at % lefts - padding, fill))
            at++;
        ck_assert_int_lt(at, tops * lefts);
        place[at] = true;
    }
    for (int64_t at = 0; at < tops * lefts; at++)
        seen += place[at];
    ck_assert_int_eq(seen, tops * lefts);
    free(place);
}

START_TEST(crops)
{
    expect_crops(DTYPE, 2, 2, 0, 0);
    expect_crops(DTYPE, 3, 4, 1, 0);
    expect_crops(DTYPE, 2, 3, 1, -5);
    expect_crops(DTYPE, 3, 4, 0, 0); /* all of it */
    ct_tensor *x = images(DTYPE, 200, 1, 1, 1), *y = applied(CT_RANDOM_CROP(1, 1, 3, .fill = 9), x, 1, 1);
    ck_assert_double_eq(ct_item(ct_amax(y)), 9); /* far outside */
}
END_TEST

/* By a quarter and by half: the first sample as written, with the pixels around it. */
START_TEST(rotations)
{
    ct_tensor *square = images(DTYPE, 3, 1, 3, 3), *wide = images(DTYPE, 3, 1, 2, 4);
    for (int bilinear = 0; bilinear < 2; bilinear++) {
        ct_tensor *y = applied(CT_RANDOM_ROTATION(90, 90, .bilinear = bilinear), square, 3, 3);
        expect_pixels(y, 2, CT_VALUES(3, 6, 9, 2, 5, 8, 1, 4, 7)); /* against the clock */
        y = applied(CT_RANDOM_ROTATION(180, 180, .bilinear = bilinear), wide, 2, 4);
        expect_pixels(y, 1, CT_VALUES(8, 7, 6, 5, 4, 3, 2, 1));
        y = applied(CT_RANDOM_ROTATION(90, 90, .fill = -1, .bilinear = bilinear), wide, 2, 4);
        expect_pixels(y, 0, CT_VALUES(-1, 3, 7, -1, -1, 2, 6, -1)); /* of the two rows' four columns the middle ones */
    }
    /* an eighth of a turn, and the distance of the bar's end from the middle is kept: three pixels along the diagonal */
    double bar[81] = {0};
    for (int k = 4; k < 9; k++)
        bar[9 * 4 + k] = 1;
    ct_tensor *x = ct_from_values(DTYPE, bar, 81, (int64_t[]){1, 1, 9, 9}, 4);
    ct_tensor *y = applied(CT_RANDOM_ROTATION(45, 45), x, 9, 9);
    for (int k = 0; k < 5; k++)
        ck_assert_double_eq(pixel(y, 0, 0, 4 - k, 4 + k), k <= 3);
    /* between: each its own */
    y = applied(CT_RANDOM_ROTATION(-180, 180), images(DTYPE, 8, 1, 9, 9), 9, 9);
    ck_assert(ct_item(ct_sum(ct_abs(ct_sub(ct_select(y, 0, 0), ct_select(y, 0, 1))))) > 0);
}
END_TEST

/* Moved by whole pixels, each number of them; scaled about the middle. */
START_TEST(affine_maps)
{
    enum { N = 300 };
    ct_tensor *x = images(DTYPE, N, 2, 4, 4), *y = applied(CT_RANDOM_AFFINE(0, 0.5, 0.25, 1, 1, .fill = 3), x, 4, 4);
    int64_t seen[3][5] = {{0}};
    for (int64_t n = 0; n < N; n++) {
        int dx = -2, dy = -1;
        while (dy < 2 && !is_part(y, x, n, -dy, -dx, 3)) {
            dy += dx == 2;
            dx = dx == 2 ? -2 : dx + 1;
        }
        ck_assert_int_lt(dy, 2);
        seen[dy + 1][dx + 2]++;
    }
    for (int i = 0; i < 15; i++)
        ck_assert_int_gt(seen[i / 5][i % 5], 0);
    y = applied(CT_RANDOM_AFFINE(0, 0, 0, 2, 2), x, 4, 4);
    expect_pixels(ct_slice(y, 1, 0, 1, 1), 0, CT_VALUES(6, 6, 7, 7, 6, 6, 7, 7, 10, 10, 11, 11, 10, 10, 11, 11));
    y = applied(CT_RANDOM_AFFINE(180, 0, 0, 1, 1), x, 4, 4);
    ck_assert(ct_item(ct_sum(ct_abs(ct_sub(ct_select(y, 0, 0), ct_select(y, 0, 1))))) > 0);
}
END_TEST

START_TEST(noise)
{
    enum { N = 20000 };
    ct_tensor *x = ct_full(DTYPE, 5, CT_SHAPE(N, 2)),
              *y = ct_transform_gaussian_noise.apply(x, CT_GAUSSIAN_NOISE(1, 0.5));
    ct_tensor *off = ct_cast(ct_sub(y, x), CT_FLOAT64);
    double mean = ct_item(ct_mean(off)), square = ct_item(ct_mean(ct_square(ct_add_scalar(off, -1))));
    ck_assert_double_eq_tol(mean, 1, 4 * 0.5 / sqrt(2 * N));
    ck_assert_double_eq_tol(square, 0.25, 4 * 0.25 * sqrt(2. / (2 * N)));
    ck_assert_int_eq(ct_dtype_of(y), DTYPE);
    y = ct_transform_gaussian_noise.apply(x, CT_GAUSSIAN_NOISE(-2, 0));
    ck_assert(ct_item(ct_amin(y)) == 3 && ct_item(ct_amax(y)) == 3);
}
END_TEST

/* The rows and columns in which sample n of y is fill, if these make a rectangle that is all there is of it, in all channels. */
static bool erased(ct_tensor *y, int64_t n, double fill, int64_t *top, int64_t *left, int64_t *h, int64_t *w)
{
    int64_t height = ct_size(y, 2), width = ct_size(y, 3), last_row = -1, last_column = -1, count = 0;
    *top = height;
    *left = width;
    for (int64_t c = 0; c < ct_size(y, 1); c++)
        for (int64_t i = 0; i < height; i++)
            for (int64_t k = 0; k < width; k++) {
                double want = (double)(1 + (c * height + i) * width + k);
                if (pixel(y, n, c, i, k) == want)
                    continue;
                ck_assert_double_eq(pixel(y, n, c, i, k), fill);
                *top = i < *top ? i : *top;
                *left = k < *left ? k : *left;
                last_row = i > last_row ? i : last_row;
                last_column = k > last_column ? k : last_column;
                count++;
            }
    *h = count ? last_row - *top + 1 : 0;
    *w = count ? last_column - *left + 1 : 0;
    return count == ct_size(y, 1) * *h * *w;
}

START_TEST(erasing)
{
    enum { N = 400 };
    ct_tensor *x = images(DTYPE, N, 2, 10, 12),
              *y = applied(CT_RANDOM_ERASING(1, 0.1, 0.3, 0.5, 2, .fill = -3), x, 10, 12);
    int64_t top, left, h, w, places[10] = {0}, sizes[10] = {0}, without = 0;
    for (int64_t n = 0; n < N; n++) {
        ck_assert(erased(y, n, -3, &top, &left, &h, &w));
        /* h and w are rounded, so the bounds are those of half a pixel less and more */
        ck_assert((double)(2 * h - 1) * (double)(2 * w - 1) / 4 < 0.3 * 120 &&
                  (double)(2 * h + 1) * (double)(2 * w + 1) / 4 > 0.1 * 120);
        ck_assert(((double)h - 0.5) / ((double)w + 0.5) < 2 && ((double)h + 0.5) / ((double)w - 0.5) > 0.5);
        places[top]++;
        sizes[h]++;
    }
    for (int i = 0; i < 5; i++)
        ck_assert_int_gt(places[i], 0);
    for (int i = 3; i < 8; i++)
        ck_assert_int_gt(sizes[i], 0);
    y = applied(&ct_transform_random_erasing, x, 10, 12);
    for (int64_t n = 0; n < N; n++) {
        ck_assert(erased(y, n, 0, &top, &left, &h, &w));
        without += h == 0;
    }
    ck_assert(without > 150 && without < 250);
    ck_assert_int_eq(ct_item(ct_sum(ct_abs(ct_sub(x, applied(CT_RANDOM_ERASING(0, 0.1, 0.3, 0.5, 2), x, 10, 12))))), 0);
}
END_TEST

/* A square of 4 about pixel (y, x) begins two before it; at the edge it is cut. */
START_TEST(cutouts)
{
    enum { N = 400 };
    ct_tensor *x = images(DTYPE, N, 2, 5, 6), *y = applied(CT_CUTOUT(4, .fill = 0.5), x, 5, 6);
    bool seen[5][6] = {{false}};
    for (int64_t n = 0; n < N; n++) {
        int64_t top, left, h, w;
        ck_assert(erased(y, n, 0.5, &top, &left, &h, &w));
        int64_t row = h == 4 || top > 0 ? top + 2 : h - 2, column = w == 4 || left > 0 ? left + 2 : w - 2;
        ck_assert(row >= 0 && row < 5 && column >= 0 && column < 6);
        ck_assert_int_eq(h, (row + 2 < 5 ? row + 2 : 5) - (row > 2 ? row - 2 : 0));
        ck_assert_int_eq(w, (column + 2 < 6 ? column + 2 : 6) - (column > 2 ? column - 2 : 0));
        seen[row][column] = true;
    }
    for (int i = 0; i < 30; i++)
        ck_assert(seen[i / 6][i % 6]);
}
END_TEST

/* ---- what they refuse ---- */

START_TEST(transforms_refuse)
{
    const struct {
        const ct_transform *transform;
        ct_tensor *x;
        ct_status code;
        const char *words;
    } cases[] = {
        {CT_RANDOM_HORIZONTAL_FLIP(1.5), images(CT_FLOAT32, 1, 1, 2, 2), CT_ERROR_ARGUMENT,
         "random_horizontal_flip: p must be from 0 to 1: 1.5"},
        {CT_RANDOM_VERTICAL_FLIP(NAN), images(CT_FLOAT32, 1, 1, 2, 2), CT_ERROR_ARGUMENT,
         "random_vertical_flip: p must be"},
        {CT_RANDOM_VERTICAL_FLIP(1, .fill = 2), images(CT_FLOAT32, 1, 1, 2, 2), CT_ERROR_ARGUMENT, "takes no fill"},
        {CT_CUTOUT(1, .bilinear = true), images(CT_FLOAT32, 1, 1, 2, 2), CT_ERROR_ARGUMENT,
         "cutout: takes no bilinear"},
        {CT_CUTOUT(1.5), images(CT_FLOAT32, 1, 1, 2, 2), CT_ERROR_ARGUMENT, "cutout: size must be a whole number: 1.5"},
        {CT_RANDOM_CROP(2, 2, 0), ct_zeros(CT_FLOAT32, CT_SHAPE(3, 4)), CT_ERROR_SHAPE,
         "random_crop: takes float images [n,c,h,w], not float32 [3,4]"},
        {CT_RANDOM_CROP(2, 2, 0), ct_zeros(CT_INT64, CT_SHAPE(1, 1, 3, 4)), CT_ERROR_DTYPE, "not int64 [1,1,3,4]"},
        {CT_RANDOM_CROP(7, 2, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_SHAPE,
         "no part of 7 x 2 pixels in images of 5 x 6, padding included"},
        {CT_RANDOM_CROP(2, 0, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT, "width must be from 1 to"},
        {CT_RANDOM_CROP(2, 2, -1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT, "padding must be from 0 to"},
        {CT_RANDOM_ROTATION(10, -10), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT,
         "high must be from 10 to inf: -10"},
        {CT_RANDOM_AFFINE(0, 0.1, 2, 1, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT,
         "dy must be from 0 to 1: 2"},
        {CT_RANDOM_AFFINE(0, 0, 0, 0, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT, "scale_low must be from"},
        {CT_GAUSSIAN_NOISE(0, -1), ct_zeros(CT_FLOAT32, CT_SHAPE(3)), CT_ERROR_ARGUMENT, "sigma must be from 0"},
        {CT_GAUSSIAN_NOISE(0, 1), ct_zeros(CT_INT64, CT_SHAPE(3)), CT_ERROR_DTYPE,
         "gaussian_noise: takes float samples, not int64 [3]"},
        {CT_RANDOM_ERASING(1, 0.5, 0.2, 1, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT,
         "scale_high must be from 0.5 to 1: 0.2"},
        {CT_RANDOM_ERASING(1, 0.1, 0.2, 0, 1), images(CT_FLOAT32, 1, 1, 3, 4), CT_ERROR_ARGUMENT,
         "ratio_low must be from"},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        ck_assert_ptr_null(cases[i].transform->apply(cases[i].x, cases[i].transform));
        expect_failure(cases[i].code, cases[i].words);
    }
}
END_TEST

/* No samples, or none with pixels. _i: a row of the library's. */
static const ct_transform *const rows[] = {&ct_transform_random_horizontal_flip,
                                           &ct_transform_random_vertical_flip,
                                           &ct_transform_random_rotation,
                                           &ct_transform_random_affine,
                                           &ct_transform_gaussian_noise,
                                           &ct_transform_random_erasing,
                                           &ct_transform_cutout};

START_TEST(nothing_to_transform)
{
    const int64_t shapes[][4] = {{0, 3, 4, 5}, {2, 0, 4, 5}};
    for (int s = 0; s < LENGTH(shapes); s++) {
        ct_tensor *y = rows[_i]->apply(ct_zeros(CT_FLOAT32, shapes[s], 4), rows[_i]);
        expect_no_error();
        ck_assert(memcmp(ct_shape(y), shapes[s], sizeof shapes[s]) == 0);
    }
}
END_TEST

/* ---- in batches ---- */

static ct_dataset *photographs(int64_t n)
{
    ct_tensor *x =
        ct_mul(images(CT_FLOAT32, n, 1, 6, 6), ct_reshape(ct_arange(CT_FLOAT32, 1, 1, n), (int64_t[]){n, 1, 1, 1}, 4));
    return ct_dataset_new(x, ct_zeros(CT_INT64, CT_SHAPE(n)));
}

#define ALL_KINDS                                                                                            \
    {                                                                                                        \
        CT_RANDOM_CROP(6, 6, 2), CT_RANDOM_HORIZONTAL_FLIP(0.5), CT_RANDOM_ROTATION(-20, 20, .bilinear = 1), \
            CT_GAUSSIAN_NOISE(0, 0.1), CT_RANDOM_ERASING(0.5, 0.1, 0.3, 0.5, 2)                              \
    }

/* One batch of an epoch, as its elements. */
static void take_batch(ct_batches *batches, float *elements)
{
    ct_tensor *x, *y;
    ck_assert(ct_batches_next(batches, &x, &y));
    ck_assert_int_eq(ct_to_array(x, elements, ct_numel(x)), CT_OK);
}

/* The same bits for a seed, an epoch and a number, whatever the threads, and whatever was drawn before; others for another. */
START_TEST(batches_are_transformed_alike)
{
    static float first[4][4 * 36], again[4 * 36];
    ct_dataset *d = photographs(14);
    ct_batches *batches = ct_batches_new(d, .size = 4, .shuffle = true, .seed = 5, .transforms = ALL_KINDS);
    int threads = ct_num_threads();
    ct_random_state before = ct_random_get();
    ct_set_num_threads(1);
    for (int i = 0; i < 4; i++)
        take_batch(batches, first[i]);
    ck_assert(ct_random_get().seed == before.seed && ct_random_get().counter == before.counter);
    ct_seed(77);
    ct_set_num_threads(4);
    ct_batches_start(batches, 0);
    for (int i = 0; i < 4; i++) {
        take_batch(batches, again);
        ck_assert(memcmp(first[i], again, i < 3 ? sizeof again : sizeof again / 2) == 0);
    }
    ct_set_num_threads(threads);
    ct_batches_free(batches);
    batches = ct_batches_new(d, .size = 4, .transforms = {CT_RANDOM_CROP(6, 6, 2)});
    for (int epoch = 0; epoch < 2; epoch++) {
        ct_batches_start(batches, epoch);
        take_batch(batches, first[epoch]);
    }
    ck_assert(memcmp(first[0], first[1], sizeof first[0]) != 0); /* the order is the same: this is another draw */
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* Samples of an image, the same once more, and the same as a target. */
static ct_dataset *triples(int64_t n)
{
    ct_tensor *x = images(CT_FLOAT32, n, 1, 5, 5);
    return ct_dataset_from_tensors(CT_TENSORS(x, x, x));
}

static bool same(ct_tensor *a, ct_tensor *b)
{
    return ct_item(ct_amax(ct_abs(ct_sub(a, b)))) == 0;
}

/* Each changes the tensor that it names alone; _i: threads that make batches ahead. */
START_TEST(transforms_name_their_tensor)
{
    ct_dataset *d = triples(20);
    ct_tensor *t[3], *x = images(CT_FLOAT32, 20, 1, 5, 5);
    ct_batches *batches =
        ct_batches_new(d, .workers = _i,
                       .transforms = {CT_RANDOM_VERTICAL_FLIP(1, .tensor = 2), CT_GAUSSIAN_NOISE(7, 0, .tensor = 1)});
    ck_assert(ct_batches_next_tensors(batches, t));
    ck_assert(same(t[0], x) && same(t[1], ct_add_scalar(x, 7)) && same(t[2], ct_flip(x, CT_SHAPE(2))));
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* Image and mask are moved alike, each with a fill of its own; what comes after draws anew. */
START_TEST(transforms_draw_as_before)
{
    ct_dataset *d = triples(20);
    ct_tensor *t[3], *background = ct_scalar(CT_FLOAT32, 0);
    ct_batches *batches = ct_batches_new(d, .transforms = {CT_RANDOM_CROP(5, 5, 2),
                                                           CT_RANDOM_CROP(5, 5, 2, .tensor = 2, .as_before = true),
                                                           CT_RANDOM_CROP(5, 5, 2, .tensor = 1)});
    ck_assert(ct_batches_next_tensors(batches, t));
    ck_assert(same(t[0], t[2]) && !same(t[0], t[1]));
    ct_batches_free(batches);
    batches = ct_batches_new(d, .transforms = {CT_RANDOM_CROP(5, 5, 2, .fill = -1),
                                               CT_RANDOM_CROP(5, 5, 2, .fill = -9, .tensor = 1, .as_before = true),
                                               CT_GAUSSIAN_NOISE(0, 1, .tensor = 2),
                                               CT_GAUSSIAN_NOISE(0, 1, .tensor = 2, .as_before = true)});
    ck_assert(ct_batches_next_tensors(batches, t));
    ck_assert(same(ct_maximum(t[0], background), ct_maximum(t[1], background)));
    ck_assert(ct_item(ct_amin(t[0])) == -1 && ct_item(ct_amin(t[1])) == -9);
    ct_tensor *added = ct_sub(t[2], images(CT_FLOAT32, 20, 1, 5, 5)); /* the same twice: of deviation 2, not sqrt(2) */
    ck_assert_double_eq_tol(sqrt(ct_item(ct_mean(ct_square(added)))), 2, 0.3);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* One that draws as before, for however small a tensor, changes nothing of what those after it draw. */
START_TEST(drawing_as_before_takes_nothing)
{
    ct_dataset *d = ct_dataset_new(images(CT_FLOAT32, 6, 1, 5, 5), ct_zeros(CT_FLOAT32, CT_SHAPE(6)));
    const ct_transform *first = CT_GAUSSIAN_NOISE(0, 1),
                       *same_drawn = CT_GAUSSIAN_NOISE(0, 1, .tensor = 1, .as_before = true);
    ct_batches *with = ct_batches_new(d, .transforms = {first, same_drawn, first});
    ct_batches *without = ct_batches_new(d, .transforms = {first, first});
    ct_tensor *x, *z, *y;
    ck_assert(ct_batches_next(with, &x, &y) && ct_batches_next(without, &z, &y));
    ck_assert(same(x, z));
    ct_batches_free(with);
    ct_batches_free(without);
    ct_dataset_free(d);
}
END_TEST

START_TEST(transforms_of_no_tensor)
{
    const struct {
        const ct_transform *transform;
        const char *words;
    } cases[] = {
        {CT_GAUSSIAN_NOISE(0, 1, .tensor = 3), "gaussian_noise: no tensor 3 in samples of 3"},
        {CT_GAUSSIAN_NOISE(0, 1, .tensor = -1), "gaussian_noise: no tensor -1 in samples of 3"},
        {CT_CUTOUT(1, .as_before = true), "batches: cutout draws as the transform before it, and is the first"},
    };
    ct_dataset *d = triples(2);
    for (int i = 0; i < LENGTH(cases); i++) {
        ck_assert_ptr_null(ct_batches_new(d, .transforms = {cases[i].transform}));
        expect_failure(CT_ERROR_ARGUMENT, cases[i].words);
    }
    ct_dataset_free(d);
}
END_TEST

/* Transforms of one's own. */
static ct_tensor *times_number(ct_tensor *x, const ct_transform *self)
{
    return ct_mul_scalar(x, *(const double *)self->user + self->p[0]);
}

static ct_tensor *first_half(ct_tensor *x, const ct_transform *self)
{
    (void)self;
    return ct_slice(x, 0, 0, ct_size(x, 0) / 2, 1);
}

static ct_tensor *nothing(ct_tensor *x, const ct_transform *self)
{
    (void)x;
    (void)self;
    return NULL;
}

START_TEST(transforms_of_ones_own)
{
    double three = 3;
    ct_dataset *d = photographs(4);
    ct_tensor *x, *y;
    ct_transform mine = {.name = "times_number", .apply = times_number, .p = {1}, .user = &three}, twice = mine;
    twice.p[0] = -1;
    ct_batches *batches = ct_batches_new(d, .transforms = {&mine, &twice, CT_RANDOM_VERTICAL_FLIP(1)});
    mine.apply = nothing; /* it was copied */
    ck_assert(ct_batches_next(batches, &x, &y));
    ck_assert_double_eq(pixel(x, 1, 0, 5, 3), 2 * 4 * 4 * 2);
    ck_assert(!ct_batches_next(batches, &x, &y));
    expect_no_error();
    ct_batches_free(batches);
    batches = ct_batches_new(d, .transforms = {&mine});
    int64_t live = ct_memory_stats().live_tensors;
    ck_assert(!ct_batches_next(batches, &x, &y) && !x && !y);
    expect_failure(CT_ERROR_NULL, "batches: times_number made nothing of a batch (");
    ck_assert_int_le(ct_memory_stats().live_tensors, live + 2);
    ct_batches_free(batches);
    mine.apply = first_half;
    batches = ct_batches_new(d, .transforms = {&mine});
    ck_assert(!ct_batches_next(batches, &x, &y));
    expect_failure(CT_ERROR_SHAPE, "made [2,1,6,6] of [4,1,6,6]: another number of samples");
    ct_batches_free(batches);
    batches = ct_batches_new(d, .transforms = {CT_RANDOM_CROP(40, 40, 0)});
    ck_assert(!ct_batches_next(batches, &x, &y));
    expect_failure(CT_ERROR_SHAPE, "random_crop: no part of 40 x 40 pixels");
    ct_batches_free(batches);
    mine.apply = NULL;
    ck_assert_ptr_null(ct_batches_new(d, .transforms = {&mine}));
    expect_failure(CT_ERROR_NULL, "batches: transform 0 has no apply");
    ct_dataset_free(d);
}
END_TEST

/* ---- in a training ---- */

/* The largest element that a model met in training, and in evaluation. */
typedef struct met {
    ct_module *module;
    double training, evaluation;
} met;

static ct_tensor *meet(void *model, ct_tensor *x)
{
    met *m = model;
    double *largest = ct_module_training(m->module) ? &m->training : &m->evaluation,
           now = ct_item(ct_amax(ct_detach(x)));
    *largest = now > *largest ? now : *largest;
    return ct_forward(m->module, ct_flatten(x, 1, -1));
}

START_TEST(validation_is_not_transformed)
{
    ct_dataset *d = photographs(10);
    ct_module *root = ct_module_new(CT_FLOAT32);
    met m = {.module = ct_linear_new(root, "fc", 36, 2)};
    ct_optimizer *sgd = ct_optimizer_new(root, &ct_rule_sgd, .lr = 1e-6);
    ck_assert_int_eq(ct_fit(meet, &m, sgd, d, .epochs = 2, .batch_size = 4, .validation = d, .output = NULL,
                            .transforms = {CT_GAUSSIAN_NOISE(1000, 0)}),
                     CT_OK);
    ck_assert_double_eq(m.training, 1360);
    ck_assert_double_eq(m.evaluation, 360);
    ct_optimizer_free(sgd);
    ct_module_free(root);
    ct_dataset_free(d);
}
END_TEST

Suite *ct_suite_transforms(void)
{
    Suite *suite = suite_create("transforms");
    TCase *t = case_without_error("each");
    tcase_add_loop_test(t, flips, 0, 2);
    tcase_add_loop_test(t, crops, 0, 2);
    tcase_add_loop_test(t, rotations, 0, 2);
    tcase_add_loop_test(t, affine_maps, 0, 2);
    tcase_add_loop_test(t, noise, 0, 2);
    tcase_add_loop_test(t, erasing, 0, 2);
    tcase_add_loop_test(t, cutouts, 0, 2);
    tcase_add_test(t, transforms_refuse);
    tcase_add_loop_test(t, nothing_to_transform, 0, LENGTH(rows));
    suite_add_tcase(suite, t);
    t = case_without_error("together");
    tcase_add_test(t, batches_are_transformed_alike);
    tcase_add_loop_test(t, transforms_name_their_tensor, 0, 2);
    tcase_add_test(t, transforms_draw_as_before);
    tcase_add_test(t, drawing_as_before_takes_nothing);
    tcase_add_test(t, transforms_of_no_tensor);
    tcase_add_test(t, transforms_of_ones_own);
    tcase_add_test(t, validation_is_not_transformed);
    suite_add_tcase(suite, t);
    return suite;
}
