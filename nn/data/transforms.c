/* Transforms: the rows, each below what it does.
 *
 * Invariant: how many numbers a transform draws follows from the shape of the batch alone, and each sample has its own. */
#include "data_internal.h"
#include <cotan/transforms.h>
#include <math.h>

/* ---- what they are given ---- */

/* What a transform takes beside its parameters, and which samples. */
enum { FILL = 1, BILINEAR = 2, IMAGES = 4 };

static ct_status check(const ct_tensor *x, const ct_transform *t, int takes)
{
    char shape[CT_NN_SHAPE_TEXT];
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    bool images = !(takes & IMAGES) || ct_rank(x) == 4;
    if (!ct_dtype_is_float(ct_dtype_of(x)) || !images)
        return ct_error_set(images ? CT_ERROR_DTYPE : CT_ERROR_SHAPE, "%s: takes float %s, not %s %s", t->name,
                            takes & IMAGES ? "images [n,c,h,w]" : "samples", ct_dtype_name(ct_dtype_of(x)),
                            ct__nn_shape_text(x, shape));
    if (t->fill != 0 && !(takes & FILL))
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: takes no fill", t->name);
    if (t->bilinear && !(takes & BILINEAR))
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: takes no bilinear", t->name);
    return CT_OK;
}

/* Whether a number lies from low to high; otherwise an error. */
static bool within(const ct_transform *t, const char *name, double value, double low, double high)
{
    if (value >= low && value <= high)
        return true;
    ct_error_set(CT_ERROR_ARGUMENT, "%s: %s must be from %g to %g: %g", t->name, name, low, high, value);
    return false;
}

static bool whole(const ct_transform *t, const char *name, double value, double low)
{
    if (!within(t, name, value, low, 1 << 30))
        return false;
    if (value != floor(value))
        ct_error_set(CT_ERROR_ARGUMENT, "%s: %s must be a whole number: %g", t->name, name, value);
    return value == floor(value);
}

/* Uniform numbers in [0, 1): [n, each], for so many samples. */
static const double *uniforms(const ct_tensor *x, int64_t each)
{
    const ct_tensor *t = ct_rand(CT_FLOAT64, 0, 1, (int64_t[]){ct_size(x, 0), each}, 2);
    return t ? ct_data(t) : NULL;
}

/* One of 0..n-1. */
static int64_t one_of(double uniform, int64_t n)
{
    return (int64_t)floor(uniform * (double)n);
}

static double between(double uniform, double low, double high)
{
    return low + uniform * (high - low);
}

/* ---- flips ---- */

static ct_tensor *flip(ct_tensor *x, const ct_transform *t, int64_t axis)
{
    if (check(x, t, IMAGES) != CT_OK || !within(t, "p", t->p[0], 0, 1))
        return NULL;
    ct_tensor *drawn = ct_rand(CT_FLOAT64, 0, 1, (int64_t[]){ct_size(x, 0), 1, 1, 1}, 4);
    return ct_where(ct_lt(drawn, ct_scalar(CT_FLOAT64, t->p[0])), ct_flip(x, &axis, 1), x);
}

static ct_tensor *flip_horizontally(ct_tensor *x, const ct_transform *t)
{
    return flip(x, t, 3);
}

static ct_tensor *flip_vertically(ct_tensor *x, const ct_transform *t)
{
    return flip(x, t, 2);
}

const ct_transform ct_transform_random_horizontal_flip = {
    .name = "random_horizontal_flip", .apply = flip_horizontally, .p = {0.5}};
const ct_transform ct_transform_random_vertical_flip = {
    .name = "random_vertical_flip", .apply = flip_vertically, .p = {0.5}};

/* ---- crops ---- */

/* Where a part's rows and columns, first and end, lie in the image that it is cut out of. */
typedef struct span {
    int64_t first, end, at;
} span;

/* Of a part of size pixels that begins at start, before the image or in it. */
static span overlap(int64_t start, int64_t size, int64_t image)
{
    int64_t first = start < 0 ? -start : 0, end = start + size > image ? image - start : size;
    return (span){first < size ? first : size, end, start};
}

/* Puts rows and columns of sample i's image x into out. */
static void cut(char *out, const char *in, const int64_t *to, const int64_t *from, span rows, span columns,
                size_t element)
{
    for (int64_t c = 0; c < to[1]; c++)
        for (int64_t y = rows.first; y < rows.end && columns.first < columns.end; y++)
            memcpy(out + (size_t)((c * to[2] + y) * to[3] + columns.first) * element,
                   in + (size_t)((c * from[2] + rows.at + y) * from[3] + columns.at + columns.first) * element,
                   (size_t)(columns.end - columns.first) * element);
}

static ct_status check_crop(const ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, IMAGES | FILL) != CT_OK || !whole(t, "height", t->p[0], 1) || !whole(t, "width", t->p[1], 1) ||
        !whole(t, "padding", t->p[2], 0))
        return ct_error_code();
    double height = (double)ct_size(x, 2) + 2 * t->p[2], width = (double)ct_size(x, 3) + 2 * t->p[2];
    if (t->p[0] <= height && t->p[1] <= width)
        return CT_OK;
    return ct_error_set(CT_ERROR_SHAPE, "%s: no part of %g x %g pixels in images of %g x %g, padding included", t->name,
                        t->p[0], t->p[1], height, width);
}

static ct_tensor *crop(ct_tensor *x, const ct_transform *t)
{
    if (check_crop(x, t) != CT_OK)
        return NULL;
    int64_t to[] = {ct_size(x, 0), ct_size(x, 1), (int64_t)t->p[0], (int64_t)t->p[1]}, padding = (int64_t)t->p[2];
    const int64_t *from = ct_shape(x);
    ct_tensor *out = ct_full(ct_dtype_of(x), t->fill, to, 4);
    const char *in = ct_data(ct_contiguous(x));
    char *data = ct_data_mut(out);
    const double *u = uniforms(x, 2);
    size_t element = ct_dtype_size(ct_dtype_of(x));
    for (int64_t i = 0; in && data && u && i < to[0]; i++) {
        span rows = overlap(one_of(u[2 * i], from[2] + 2 * padding - to[2] + 1) - padding, to[2], from[2]);
        span columns = overlap(one_of(u[2 * i + 1], from[3] + 2 * padding - to[3] + 1) - padding, to[3], from[3]);
        cut(data + (size_t)(i * to[1] * to[2] * to[3]) * element,
            in + (size_t)(i * from[1] * from[2] * from[3]) * element, to, from, rows, columns, element);
    }
    return u ? out : NULL;
}

const ct_transform ct_transform_random_crop = {.name = "random_crop", .apply = crop, .p = {32, 32, 4}};

/* ---- turned, scaled, moved ---- */

/* One sample's: an angle in radians, a factor, and pixels to the right and down. */
typedef struct motion {
    double angle, scale, dx, dy;
} motion;

/* The pixel of x that is seen at a place of the result: theta [2, 3] in units of half an image, as ct_affine_grid() takes it. The
 * place is moved back, turned back and scaled back. */
static void put_theta(double *theta, motion m, double height, double width)
{
    double c = cos(m.angle) / m.scale, s = sin(m.angle) / m.scale, right = 2 * m.dx / width, down = 2 * m.dy / height;
    const double rows[2][2] = {{c, -s * height / width}, {s * width / height, c}};
    for (int i = 0; i < 2; i++) {
        theta[3 * i] = rows[i][0];
        theta[3 * i + 1] = rows[i][1];
        theta[3 * i + 2] = -rows[i][0] * right - rows[i][1] * down;
    }
}

/* Outside the image there are zeros; those of x - fill are fill. */
static ct_tensor *seen(ct_tensor *x, ct_tensor *theta, const ct_transform *t)
{
    CT_OPTIONS(ct_grid_options, how, .nearest = !t->bilinear);
    ct_tensor *grid = ct_affine_grid(ct_cast(theta, ct_dtype_of(x)), ct_size(x, 2), ct_size(x, 3), false);
    if (t->fill == 0)
        return ct_grid_sample(x, grid, &how);
    return ct_add_scalar(ct_grid_sample(ct_add_scalar(x, -t->fill), grid, &how), t->fill);
}

/* One sample's motion, of four uniform numbers. */
typedef motion draw_motion(const double *u, const ct_transform *t, double height, double width);

static ct_tensor *move(ct_tensor *x, const ct_transform *t, draw_motion *draw)
{
    double height = (double)ct_size(x, 2), width = (double)ct_size(x, 3);
    ct_tensor *theta = ct_empty(CT_FLOAT64, (int64_t[]){ct_size(x, 0), 2, 3}, 3);
    double *data = ct_data_mut(theta);
    const double *u = uniforms(x, 4);
    if (ct_numel(x) == 0)
        return x;
    for (int64_t i = 0; data && u && i < ct_size(x, 0); i++)
        put_theta(data + 6 * i, draw(u + 4 * i, t, height, width), height, width);
    return data && u ? seen(x, theta, t) : NULL;
}

static const double degree = 3.14159265358979323846 / 180;

static motion draw_rotation(const double *u, const ct_transform *t, double height, double width)
{
    (void)height;
    (void)width;
    return (motion){.angle = degree * between(u[0], t->p[0], t->p[1]), .scale = 1};
}

static ct_tensor *rotate(ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, IMAGES | FILL | BILINEAR) != CT_OK || !within(t, "high", t->p[1], t->p[0], INFINITY))
        return NULL;
    return move(x, t, draw_rotation);
}

static motion draw_affine(const double *u, const ct_transform *t, double height, double width)
{
    double dx = t->p[1] * width, dy = t->p[2] * height;
    return (motion){.angle = degree * between(u[0], -t->p[0], t->p[0]),
                    .scale = between(u[1], t->p[3], t->p[4]),
                    .dx = nearbyint(between(u[2], -dx, dx)),
                    .dy = nearbyint(between(u[3], -dy, dy))};
}

static ct_tensor *affine(ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, IMAGES | FILL | BILINEAR) != CT_OK || !within(t, "degrees", t->p[0], 0, 1e6) ||
        !within(t, "dx", t->p[1], 0, 1) || !within(t, "dy", t->p[2], 0, 1) ||
        !within(t, "scale_low", t->p[3], 1e-6, 1e6) || !within(t, "scale_high", t->p[4], t->p[3], 1e6))
        return NULL;
    return move(x, t, draw_affine);
}

const ct_transform ct_transform_random_rotation = {.name = "random_rotation", .apply = rotate, .p = {-15, 15}};
const ct_transform ct_transform_random_affine = {.name = "random_affine", .apply = affine, .p = {0, 0.1, 0.1, 1, 1}};

/* ---- noise ---- */

static ct_tensor *add_noise(ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, 0) != CT_OK || !within(t, "mean", t->p[0], -1e300, 1e300) || !within(t, "sigma", t->p[1], 0, 1e300))
        return NULL;
    return ct_add(x, ct_randn(ct_dtype_of(x), t->p[0], t->p[1], ct_shape(x), ct_rank(x)));
}

const ct_transform ct_transform_gaussian_noise = {.name = "gaussian_noise", .apply = add_noise, .p = {0, 0.1}};

/* ---- erased ---- */

/* Pixels y..y_end-1, x..x_end-1 of an image. */
typedef struct rectangle {
    int64_t y, y_end, x, x_end;
} rectangle;

static void fill_row(void *data, ct_dtype dtype, int64_t first, int64_t end, double fill)
{
    for (int64_t i = first; i < end; i++) {
        if (dtype == CT_FLOAT32)
            ((float *)data)[i] = (float)fill;
        else
            ((double *)data)[i] = fill;
    }
}

/* One sample's, of as many uniform numbers as it takes. */
typedef rectangle draw_rectangle(const double *u, const ct_transform *t, int64_t height, int64_t width);

/* A copy of x without what draw gives for each sample. */
static ct_tensor *erase(ct_tensor *x, const ct_transform *t, int64_t numbers, draw_rectangle *draw)
{
    const double *u = uniforms(x, numbers);
    ct_tensor *out = ct_clone(x);
    void *data = u && out ? ct_data_mut(out) : NULL;
    int64_t channels = ct_size(x, 1), height = ct_size(x, 2), width = ct_size(x, 3);
    for (int64_t i = 0; data && ct_numel(x) > 0 && i < ct_size(x, 0); i++) {
        rectangle r = draw(u + numbers * i, t, height, width);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t y = r.y; y < r.y_end; y++) {
                int64_t row = ((i * channels + c) * height + y) * width;
                fill_row(data, ct_dtype_of(out), row + r.x, row + r.x_end, t->fill);
            }
    }
    return data ? out : NULL;
}

/* u: whether, where, and ten times a share and a shape, of which the first that fits is taken; none if none does. */
enum { ATTEMPTS = 10 };

static rectangle draw_erased(const double *u, const ct_transform *t, int64_t height, int64_t width)
{
    for (int k = 0; u[0] < t->p[0] && k < ATTEMPTS; k++) {
        double area = between(u[3 + 2 * k], t->p[1], t->p[2]) * (double)height * (double)width;
        double ratio = exp(between(u[4 + 2 * k], log(t->p[3]), log(t->p[4])));
        double h = nearbyint(sqrt(area * ratio)), w = nearbyint(sqrt(area / ratio));
        if (!(h < (double)height && w < (double)width))
            continue;
        int64_t y = one_of(u[1], height - (int64_t)h + 1), x = one_of(u[2], width - (int64_t)w + 1);
        return (rectangle){y, y + (int64_t)h, x, x + (int64_t)w};
    }
    return (rectangle){0};
}

static ct_tensor *erase_at_random(ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, IMAGES | FILL) != CT_OK || !within(t, "p", t->p[0], 0, 1) ||
        !within(t, "scale_low", t->p[1], 0, 1) || !within(t, "scale_high", t->p[2], t->p[1], 1) ||
        !within(t, "ratio_low", t->p[3], 1e-6, 1e6) || !within(t, "ratio_high", t->p[4], t->p[3], 1e6))
        return NULL;
    return erase(x, t, 3 + 2 * ATTEMPTS, draw_erased);
}

static int64_t clamped(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

static rectangle draw_cutout(const double *u, const ct_transform *t, int64_t height, int64_t width)
{
    int64_t size = (int64_t)t->p[0], y = one_of(u[0], height) - size / 2, x = one_of(u[1], width) - size / 2;
    return (rectangle){clamped(y, height), clamped(y + size, height), clamped(x, width), clamped(x + size, width)};
}

static ct_tensor *cut_out(ct_tensor *x, const ct_transform *t)
{
    if (check(x, t, IMAGES | FILL) != CT_OK || !whole(t, "size", t->p[0], 0))
        return NULL;
    return erase(x, t, 2, draw_cutout);
}

const ct_transform ct_transform_random_erasing = {
    .name = "random_erasing", .apply = erase_at_random, .p = {0.5, 0.02, 0.33, 0.3, 3.3}};
const ct_transform ct_transform_cutout = {.name = "cutout", .apply = cut_out, .p = {16}};
