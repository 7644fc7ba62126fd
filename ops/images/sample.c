/* Images read at places between pixels, and pixels traded for channels: expressions over gather and reshape. */
#include "expression.h"
#include "images/sample.h"
#include "shape/shape_internal.h"
#include <math.h>

/* ---- pixel_shuffle, pixel_unshuffle ---- */

typedef struct shuffle_attributes {
    int64_t factor;
} shuffle_attributes;

/* x seen as [batch, ...] of six axes, permuted and put together as [..., c, h, w]. */
static ct_tensor *rearranged(ct_tensor *x, const int64_t *parts, const int64_t *order, int64_t c, int64_t h, int64_t w)
{
    int64_t shape[CT_MAX_RANK], rank = ct_rank(x);
    for (int i = 0; i < rank - 3; i++)
        shape[i] = ct_size(x, i);
    shape[rank - 3] = c;
    shape[rank - 2] = h;
    shape[rank - 1] = w;
    ct_tensor *y = ct_reshape(ct_permute(ct_reshape(x, parts, 6), order, 6), shape, (int)rank);
    return ct_shares_storage(x, y) ? ct_clone(y) : y; /* nothing moved: a result has elements of its own */
}

/* The images in front, as one number; 0 with an error where x is no image or does not divide into the factors. */
static bool check_image(ct_call *call, int64_t channels_by, int64_t sides_by, int64_t *batch)
{
    const ct_tensor *x = ct_call_input(call, 0);
    const shuffle_attributes *by = ct_call_attributes(call);
    *batch = 1;
    for (int i = 0; i < ct_rank(x) - 3; i++)
        *batch *= ct_size(x, i);
    if (by->factor >= 1 && by->factor < INT32_MAX && ct_rank(x) >= 3 && ct_size(x, -3) % channels_by == 0 &&
        ct_size(x, -2) % sides_by == 0 && ct_size(x, -1) % sides_by == 0)
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "takes [..., C, H, W] that divide by the factor %lld, from 1 on: %s",
                  (long long)by->factor, ct_call_shapes(call));
    return false;
}

static int64_t factor_of(ct_call *call)
{
    int64_t f = ((const shuffle_attributes *)ct_call_attributes(call))->factor;
    return f >= 1 && f < INT32_MAX ? f : 1;
}

static ct_tensor *pixel_shuffle_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int64_t f = factor_of(call), n;
    if (!check_image(call, f * f, 1, &n))
        return NULL;
    int64_t c = ct_size(x, -3) / (f * f), h = ct_size(x, -2), w = ct_size(x, -1);
    return rearranged(x, (const int64_t[]){n, c, f, f, h, w}, (const int64_t[]){0, 1, 4, 2, 5, 3}, c, h * f, w * f);
}

static ct_tensor *pixel_unshuffle_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int64_t f = factor_of(call), n;
    if (!check_image(call, 1, f, &n))
        return NULL;
    int64_t c = ct_size(x, -3), h = ct_size(x, -2) / f, w = ct_size(x, -1) / f;
    return rearranged(x, (const int64_t[]){n, c, h, f, w, f}, (const int64_t[]){0, 1, 3, 5, 2, 4}, c * f * f, h, w);
}

ct_tensor *ct_pixel_shuffle(ct_tensor *x, int64_t factor)
{
    return (ct_apply)(&ct_op_pixel_shuffle, &x, 1, &(shuffle_attributes){factor});
}

ct_tensor *ct_pixel_unshuffle(ct_tensor *x, int64_t factor)
{
    return (ct_apply)(&ct_op_pixel_unshuffle, &x, 1, &(shuffle_attributes){factor});
}

static const ct_sample pixel_shuffle_samples[] = {{"2x4x2x3", &(shuffle_attributes){2}},
                                                  {"9x1x2", &(shuffle_attributes){3}},
                                                  {"0x4x2x2", &(shuffle_attributes){2}},
                                                  {0}};
static const ct_sample pixel_unshuffle_samples[] = {{"2x1x4x6", &(shuffle_attributes){2}},
                                                    {"2x3x3", &(shuffle_attributes){3}},
                                                    {"0x1x2x2", &(shuffle_attributes){2}},
                                                    {0}};
CT_EXPRESSION(pixel_shuffle, "pixel_unshuffle(g)", 1, 1, .takes = {CT_ANY_DTYPE},
              .attributes_size = sizeof(shuffle_attributes), .attribute_names = "factor",
              .source = "Shi et al.: Real-time single image super-resolution (2016), eq. 4");
CT_EXPRESSION(pixel_unshuffle, "pixel_shuffle(g)", 1, 1, .takes = {CT_ANY_DTYPE},
              .attributes_size = sizeof(shuffle_attributes), .attribute_names = "factor");

/* ---- affine_grid ---- */

typedef struct grid_attributes {
    int64_t size[3]; /* affine_grid: of the image, the third 0 where there are two axes */
    int64_t align_corners, nearest, border, bicubic, reflection;
} grid_attributes;

/* The places of n pixels along an axis, -1 to 1: at the ends, or half a pixel inside. */
static ct_tensor *places_along(ct_dtype dtype, int64_t n, bool align_corners)
{
    if (align_corners)
        return n > 1 ? ct_arange(dtype, -1, 2.0 / (double)(n - 1), n) : ct_zeros(dtype, &n, 1);
    return ct_arange(dtype, 1 / (double)(n > 0 ? n : 1) - 1, 2 / (double)(n > 0 ? n : 1), n);
}

/* Whether theta is for images of so many axes, and these have pixels; otherwise the error says so. */
static bool grid_fits(ct_call *call, int axes)
{
    const grid_attributes *how = ct_call_attributes(call);
    const ct_tensor *theta = ct_call_input(call, 0);
    if (ct_rank(theta) != 3 || ct_size(theta, 1) != axes || ct_size(theta, 2) != axes + 1) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes theta [N, %d, %d]: %s", axes, axes + 1, ct_call_shapes(call));
        return false;
    }
    for (int i = 0; i < axes; i++)
        if (how->size[i] < 1 || how->size[i] > INT32_MAX) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "a grid of %lld pixels on axis %d", (long long)how->size[i], i);
            return false;
        }
    return true;
}

/* [size..., axes + 1] of x, y, (z,) 1, times theta transposed. The last axis is x's. */
static ct_tensor *affine_grid_expression(ct_call *call)
{
    const grid_attributes *how = ct_call_attributes(call);
    ct_tensor *theta = ct_call_input(call, 0), *parts[CT_SAMPLED_AXES + 1];
    int axes = how->size[2] ? 3 : 2;
    if (!grid_fits(call, axes))
        return NULL;
    int64_t result[CT_SAMPLED_AXES + 2] = {ct_size(theta, 0)}, flat[] = {1, 1, axes + 1};
    for (int i = 0; i < axes; i++) {
        int64_t thin[CT_SAMPLED_AXES] = {1, 1, 1};
        thin[i] = how->size[i];
        ct_tensor *along = places_along(ct_dtype_of(theta), how->size[i], how->align_corners);
        parts[axes - 1 - i] = ct_expand(ct_reshape(along, thin, axes), how->size, axes);
        result[i + 1] = how->size[i];
        flat[1] *= how->size[i];
    }
    parts[axes] = ct_ones(ct_dtype_of(theta), how->size, axes);
    result[axes + 1] = axes;
    ct_tensor *base = ct_reshape(ct_stack(parts, axes + 1, axes), flat, 3);
    return ct_reshape(ct_matmul(base, ct_transpose(theta, 1, 2)), result, axes + 2);
}

ct_tensor *ct_affine_grid(ct_tensor *theta, int64_t height, int64_t width, bool align_corners)
{
    return (ct_apply)(&ct_op_affine_grid, &theta, 1,
                      &(grid_attributes){.size = {height, width}, .align_corners = align_corners});
}

ct_tensor *ct_affine_grid3d(ct_tensor *theta, int64_t depth, int64_t height, int64_t width, bool align_corners)
{
    if (width < 1) { /* 0 would stand for two axes */
        ct__error(CT_ERROR_ARGUMENT, "affine_grid: a grid of %lld pixels on axis 2", (long long)width);
        return NULL;
    }
    return (ct_apply)(&ct_op_affine_grid, &theta, 1,
                      &(grid_attributes){.size = {depth, height, width}, .align_corners = align_corners});
}

static const ct_sample affine_grid_samples[] = {{"2x2x3", &(grid_attributes){.size = {3, 4}}},
                                                {"1x2x3", &(grid_attributes){.size = {1, 2}, .align_corners = 1}},
                                                {"2x3x4", &(grid_attributes){.size = {2, 1, 3}}},
                                                {0}};
CT_EXPRESSION(affine_grid, "the sum over places of g times x, y, (z,) 1", 1, 1,
              .attributes_size = sizeof(grid_attributes),
              .attribute_names = "size:3 align_corners nearest border bicubic reflection", .roles = "theta",
              .source = "Jaderberg et al.: Spatial transformer networks (2015), eq. 1");

/* ---- grid_sample ---- */

/* Held inside from 0 to last; beyond and at both ends there is no gradient. */
static ct_tensor *held_inside(ct_tensor *at, double last)
{
    ct_tensor *low = ct_scalar(ct_dtype_of(at), 0), *high = ct_scalar(ct_dtype_of(at), last);
    ct_tensor *between = ct_logical_and(ct_gt(at, low), ct_lt(at, high));
    return ct_where(between, at, ct_detach(ct_clamp_tensor(at, low, high)));
}

/* Thrown back at the image's ends, as often as it takes: the middles of the outermost pixels, or their edges. Every second stretch
 * between the ends runs backwards. */
static ct_tensor *reflected(ct_tensor *at, int64_t n, bool align_corners)
{
    double first = align_corners ? 0 : -0.5, stretch = align_corners ? (double)n - 1 : (double)n;
    if (stretch == 0)
        return at; /* a single pixel: held there */
    ct_tensor *away = ct_abs(ct_add_scalar(at, -first));
    ct_tensor *turns = ct_floor(ct_mul_scalar(ct_detach(away), 1 / stretch));
    ct_tensor *backwards = ct_sub(turns, ct_mul_scalar(ct_floor(ct_mul_scalar(turns, 0.5)), 2));
    ct_tensor *rest = ct_sub(away, ct_mul_scalar(turns, stretch));
    ct_tensor *change = ct_mul(backwards, ct_add_scalar(ct_mul_scalar(rest, -2), stretch));
    return ct_add_scalar(ct_add(rest, change), first);
}

/* Places in pixels; with a border or reflection, none outside the image of n. */
static ct_tensor *pad_place(ct_tensor *at, int64_t n, const grid_attributes *how)
{
    if (how->reflection)
        at = reflected(at, n, how->align_corners);
    return how->border || how->reflection ? held_inside(at, (double)(n - 1)) : at;
}

/* Coordinates of -1 to 1 as pixels. */
static ct_tensor *to_pixels(ct_tensor *t, int64_t n, const grid_attributes *how)
{
    double scale = how->align_corners ? (double)(n - 1) / 2 : (double)n / 2;
    return ct_add_scalar(ct_mul_scalar(t, scale), (double)(n - 1) / 2);
}

/* The pixels of x [N, C, ...] at whole places, [N, P] for each of the axes: [N, C, P], 0 outside. */
static ct_tensor *pixels(ct_tensor *x, ct_tensor *const *at, const int64_t *size, int axes)
{
    ct_dtype dtype = ct_dtype_of(x);
    ct_tensor *zero = ct_scalar(dtype, 0), *number = ct_scalar(CT_FLOAT64, 0), *inside = ct_ones(CT_BOOL, NULL, 0);
    for (int i = 0; i < axes; i++) {
        ct_tensor *last = ct_scalar(dtype, (double)size[i] - 1);
        inside = ct_logical_and(inside, ct_logical_and(ct_ge(at[i], zero), ct_le(at[i], last)));
        number = ct_add(ct_mul_scalar(number, (double)size[i]), ct_cast(at[i], CT_FLOAT64));
    }
    const int64_t shape[] = {ct_size(x, 0), ct_size(x, 1), ct_size(inside, 1)};
    number = ct_cast(ct_where(inside, number, ct_scalar(CT_FLOAT64, 0)), CT_INT64);
    return ct_where(ct_unsqueeze(inside, 1), ct_gather(x, 2, ct_expand(ct_unsqueeze(number, 1), shape, 3)), zero);
}

/* One corner of the cell around the places: its bits say at which end of each axis, the last axis first. */
static ct_tensor *corner_of(ct_tensor *x, ct_tensor *const *at, const int64_t *size, int axes, int corner)
{
    ct_tensor *place[CT_SAMPLED_AXES], *weight = NULL;
    for (int i = axes - 1; i >= 0; i--, corner >>= 1) {
        ct_tensor *low = ct_floor(ct_detach(at[i])), *share = ct_sub(at[i], low);
        share = corner & 1 ? share : ct_add_scalar(ct_neg(share), 1);
        place[i] = ct_add_scalar(low, corner & 1);
        weight = weight ? ct_mul(weight, share) : share;
    }
    return ct_mul(pixels(x, place, size, axes), ct_unsqueeze(weight, 1));
}

ct_tensor *ct__sample_between(ct_tensor *x, ct_tensor *const *at, const int64_t *size, int axes)
{
    ct_tensor *sum = corner_of(x, at, size, axes, 0);
    for (int corner = 1; corner < 1 << axes; corner++)
        sum = ct_add(sum, corner_of(x, at, size, axes, corner));
    return sum;
}

static ct_tensor *nearest(ct_tensor *x, ct_tensor *const *at, const int64_t *size, int axes)
{
    ct_tensor *place[CT_SAMPLED_AXES];
    for (int i = 0; i < axes; i++)
        place[i] = ct_round(ct_detach(at[i]));
    return pixels(x, place, size, axes);
}

/* The weight of the pixel at floor(at) - 1 + tap, tap from 0 to 3: Keys' cubic of slope -0.75, in powers of the share. */
static ct_tensor *cubic_weight(ct_tensor *share, int tap)
{
    static const double powers[4][4] = {
        {0, -0.75, 1.5, -0.75}, {1, 0, -2.25, 1.25}, {0, 0.75, 1.5, -1.25}, {0, 0, -0.75, 0.75}};
    const double *by = powers[tap];
    ct_tensor *w = ct_add_scalar(ct_mul_scalar(share, by[3]), by[2]);
    w = ct_add_scalar(ct_mul(w, share), by[1]);
    return ct_add_scalar(ct_mul(w, share), by[0]);
}

/* Of 4 x 4 pixels around each place. The places stay where they are: each pixel that lies outside is padded by itself. */
static ct_tensor *bicubic(ct_tensor *x, ct_tensor *const *at, const int64_t *size, const grid_attributes *how)
{
    ct_tensor *weights[2][4], *places[2][4], *sum = NULL;
    for (int i = 0; i < 2; i++) {
        ct_tensor *low = ct_floor(ct_detach(at[i])), *share = ct_sub(at[i], low);
        for (int tap = 0; tap < 4; tap++) {
            weights[i][tap] = cubic_weight(share, tap);
            places[i][tap] = pad_place(ct_add_scalar(low, tap - 1), size[i], how);
        }
    }
    for (int k = 0; k < 16; k++) {
        ct_tensor *weight = ct_mul(weights[0][k / 4], weights[1][k % 4]);
        ct_tensor *read = pixels(x, (ct_tensor *[]){places[0][k / 4], places[1][k % 4]}, size, 2);
        ct_tensor *part = ct_mul(read, ct_unsqueeze(weight, 1));
        sum = sum ? ct_add(sum, part) : part;
    }
    return sum;
}

/* x [N, C, P] at places in pixels, by the mode asked for. */
static ct_tensor *sampled(ct_tensor *x, ct_tensor **at, const int64_t *size, int axes, const grid_attributes *how)
{
    if (how->bicubic)
        return bicubic(x, at, size, how);
    for (int i = 0; i < axes; i++)
        at[i] = pad_place(at[i], size[i], how);
    return how->nearest ? nearest(x, at, size, axes) : ct__sample_between(x, at, size, axes);
}

/* Whether the modes asked for go together, on so many axes. */
static bool modes_fit(ct_call *call, int axes)
{
    const grid_attributes *how = ct_call_attributes(call);
    if (how->bicubic && how->nearest)
        ct_call_error(call, CT_ERROR_ARGUMENT, "nearest and bicubic at once");
    else if (how->border && how->reflection)
        ct_call_error(call, CT_ERROR_ARGUMENT, "border and reflection at once");
    else if (how->bicubic && axes != 2)
        ct_call_error(call, CT_ERROR_SHAPE, "bicubic takes x [N, C, H, W]: %s", ct_call_shapes(call));
    else
        return true;
    return false;
}

/* How many axes of x [N, C, ...], with pixels, the grid [N, ..., axes] is about; 0 with an error where they do not fit. */
static int sampled_axes(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0), *grid = ct_call_input(call, 1);
    int axes = ct_rank(x) - 2;
    bool fits = (axes == 2 || axes == 3) && ct_rank(grid) == axes + 2 && ct_size(grid, -1) == axes &&
                ct_size(grid, 0) == ct_size(x, 0);
    for (int i = 0; fits && i < axes; i++)
        fits = ct_size(x, i + 2) > 0;
    if (fits)
        return axes;
    ct_call_error(call, CT_ERROR_SHAPE,
                  "takes x [N, C, H, W], with pixels, and a grid [N, h, w, 2], or both with depth, and 3: %s",
                  ct_call_shapes(call));
    return 0;
}

/* The grid has the last axis first. */
static ct_tensor *grid_sample_expression(ct_call *call)
{
    const grid_attributes *how = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *grid = ct_call_input(call, 1), *at[CT_SAMPLED_AXES];
    int axes = sampled_axes(call);
    if (!axes || !modes_fit(call, axes))
        return NULL;
    int64_t result[CT_MAX_RANK] = {ct_size(x, 0), ct_size(x, 1)}, points = 1, count = 1;
    for (int i = 0; i < axes; i++) {
        result[i + 2] = ct_size(grid, i + 1);
        points *= ct_size(grid, i + 1);
        count *= ct_size(x, i + 2);
    }
    const int64_t flat[] = {result[0], result[1], count}, places[] = {result[0], points, axes};
    ct_tensor *image = ct_reshape(x, flat, 3), *all = ct_reshape(grid, places, 3);
    for (int i = 0; i < axes; i++)
        at[i] = to_pixels(ct_select(all, 2, axes - 1 - i), ct_size(x, i + 2), how);
    return ct_reshape(sampled(image, at, ct_shape(x) + 2, axes, how), result, axes + 2);
}

CT_OPTIONS_INIT(ct_grid_options)

ct_tensor *ct_grid_sample(ct_tensor *x, ct_tensor *grid, const ct_grid_options *options)
{
    CT_READ_OPTIONS(ct_grid_options, o, options, "grid_sample");
    if (!o)
        return NULL;
    grid_attributes how = {.align_corners = o->align_corners,
                           .nearest = o->nearest,
                           .border = o->border,
                           .bicubic = o->bicubic,
                           .reflection = o->reflection};
    return (ct_apply)(&ct_op_grid_sample, (ct_tensor *[]){x, grid}, 2, &how);
}

static const ct_sample grid_sample_samples[] = {
    {"2x3x4x5 2x2x3x2@-0.19..-0.01", &(grid_attributes){.align_corners = 0}},
    {"1x2x3x3 1x2x2x2@0.1..0.9", &(grid_attributes){.align_corners = 1, .border = 1}},
    {"1x2x3x3 1x1x2x2@1.4..1.6", &(grid_attributes){.align_corners = 0}},
    {"1x1x3x3 1x2x2x2@-0.3..0.3!", &(grid_attributes){.nearest = 1}},
    {"2x2x3x2x3 2x1x2x2x3@0.05..0.3", &(grid_attributes){.align_corners = 1}},
    {"1x2x3x3 1x2x2x2@1.4..1.6", &(grid_attributes){.reflection = 1}},
    {"1x2x3x3 1x2x2x2@-3.9..-3.1", &(grid_attributes){.reflection = 1, .align_corners = 1}},
    {"1x2x3x4 1x2x1x2@0.05..0.45", &(grid_attributes){.bicubic = 1}},
    {"1x1x3x3 1x1x2x2@0.7..0.95", &(grid_attributes){.bicubic = 1, .reflection = 1}},
    {"1x1x2x3x2 1x2x1x2x3@-0.3..0.3!", &(grid_attributes){.nearest = 1, .border = 1}},
    {0}};
CT_EXPRESSION(
    grid_sample, "x: g times the weights, added up where they read; grid: g times the pixels' slopes", 2, 2,
    .attributes_size = sizeof(grid_attributes),
    .attribute_names = "size:3 align_corners nearest border bicubic reflection", .roles = "x grid",
    .source = "Jaderberg et al.: Spatial transformer networks (2015), eq. 5; bicubic: Keys: Cubic convolution (1981)");
