/* Boxes in images: which of many that overlap to keep, and what an image shows in a box, as expressions.
 *
 * Invariant: a box is x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, in pixels. */
#include "expression.h"
#include "shape/shape_internal.h"
#include <math.h>

/* ---- nms ---- */

typedef struct nms_attributes {
    double threshold;
} nms_attributes;

/* The part that two boxes have in common of what they cover together. */
static double overlap(const double *a, const double *b)
{
    double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double both = w > 0 && h > 0 ? w * h : 0;
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

/* Leaves in order, n boxes by falling score, those that no kept one before them overlaps too much; returns how many. */
static int64_t suppress(const double *boxes, int64_t *order, int64_t n, double threshold)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        bool hidden = false;
        for (int64_t k = 0; k < kept && !hidden; k++)
            hidden = overlap(boxes + 4 * order[k], boxes + 4 * order[i]) > threshold;
        if (!hidden)
            order[kept++] = order[i];
    }
    return kept;
}

static ct_tensor *nms_expression(ct_call *call)
{
    const nms_attributes *a = ct_call_attributes(call);
    ct_tensor *boxes = ct_call_input(call, 0), *scores = ct_call_input(call, 1);
    if (ct_rank(boxes) != 2 || ct_size(boxes, 1) != 4 || ct_rank(scores) != 1 ||
        ct_size(scores, 0) != ct_size(boxes, 0)) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes boxes [n, 4] and scores [n]: %s", ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *order = ct_argsort(ct_detach(scores), 0, true);
    ct_tensor *sides = ct_clone(ct_cast(ct_detach(boxes), CT_FLOAT64)); /* row-major, and the order is ours to change */
    if (!order || !sides)
        return NULL;
    int64_t kept =
        suppress((const double *)ct__ptr(sides), (int64_t *)ct__ptr(order), ct_size(scores, 0), a->threshold);
    return ct_clone(ct_slice(order, 0, 0, kept, 1));
}

ct_tensor *ct_nms(ct_tensor *boxes, ct_tensor *scores, double threshold)
{
    return (ct_apply)(&ct_op_nms, (ct_tensor *[]){boxes, scores}, 2, &(nms_attributes){threshold});
}

static const ct_sample nms_samples[] = {
    {"5x4! 5!", &(nms_attributes){0.5}}, {"1x4! 1!", &(nms_attributes){0}}, {"0x4! 0!", &(nms_attributes){0.5}}, {0}};
CT_EXPRESSION(nms, "none: the result is an integer", 2, 2, .attributes_size = sizeof(nms_attributes),
              .attribute_names = "threshold:1d", .roles = "boxes scores");

/* ---- roi_align ---- */

typedef struct roi_attributes {
    int64_t size[2], sampling, aligned;
    double scale;
} roi_attributes;

/* Points along one axis: the pixels before and behind each, how far it is from the first, and whether it lies on the image. */
typedef struct points {
    ct_tensor *low, *high, *fraction, *seen; /* [K, points] */
} points;

static ct_tensor *number(const ct_tensor *like, double value)
{
    return ct_scalar(ct_dtype_of(like), value);
}

static points find_points(ct_tensor *at, int64_t pixels)
{
    ct_tensor *zero = number(at, 0), *last = number(at, (double)(pixels - 1));
    points p = {.seen = ct_logical_and(ct_ge(at, number(at, -1)), ct_le(at, number(at, (double)pixels)))};
    at = ct_clamp_tensor(ct_where(p.seen, at, zero), zero, last);
    p.low = ct_floor(ct_detach(at));
    p.high = ct_minimum(ct_add_scalar(p.low, 1), last);
    p.fraction = ct_sub(at, p.low);
    return p;
}

/* parts * grid places from start on, evenly over length: [K, parts * grid]. */
static ct_tensor *spread_out(ct_tensor *start, ct_tensor *length, int64_t parts, int64_t grid)
{
    double n = (double)parts * (double)grid;
    ct_tensor *steps = ct_arange(ct_dtype_of(start), 0.5 / n, 1 / n, parts * grid);
    return ct_add(ct_unsqueeze(start, 1), ct_mul(ct_unsqueeze(length, 1), steps));
}

/* Rows [points of all boxes, C] of table [N H W, C] at rows and columns that are whole. */
static ct_tensor *rows_at(ct_tensor *table, ct_tensor *image, ct_tensor *y, ct_tensor *x, int64_t h, int64_t w)
{
    ct_tensor *row = ct_mul_scalar(ct_cast(image, CT_FLOAT64), (double)h);
    row = ct_mul_scalar(ct_add(ct_unsqueeze(row, 1), ct_cast(y, CT_FLOAT64)), (double)w);
    ct_tensor *place = ct_add(ct_unsqueeze(row, 2), ct_unsqueeze(ct_cast(x, CT_FLOAT64), 1));
    return ct_index_select(table, 0, ct_reshape(ct_cast(place, CT_INT64), (const int64_t[]){-1}, 1));
}

static ct_tensor *share(ct_tensor *fraction, bool high)
{
    return high ? fraction : ct_add_scalar(ct_neg(fraction), 1);
}

/* What boxes [K, 5] show, from grid[0] x grid[1] points in each part: [K, C, size...]. */
static ct_tensor *align(ct_tensor *x, ct_tensor *boxes, const roi_attributes *a, const int64_t *grid)
{
    int64_t k = ct_size(boxes, 0), n = ct_size(x, 0), c = ct_size(x, 1), h = ct_size(x, 2), w = ct_size(x, 3);
    ct_tensor *table = ct_reshape(ct_permute(x, (const int64_t[]){0, 2, 3, 1}, 4), (const int64_t[]){n * h * w, c}, 2);
    ct_tensor *corner = ct_add_scalar(ct_mul_scalar(ct_slice(boxes, 1, 1, 5, 1), a->scale), a->aligned ? -0.5 : 0);
    ct_tensor *size = ct_sub(ct_slice(corner, 1, 2, 4, 1), ct_slice(corner, 1, 0, 2, 1)), *sum = NULL;
    if (!a->aligned)
        size = ct_maximum(size, number(x, 1));
    points of_x = find_points(spread_out(ct_select(corner, 1, 0), ct_select(size, 1, 0), a->size[1], grid[1]), w);
    points of_y = find_points(spread_out(ct_select(corner, 1, 1), ct_select(size, 1, 1), a->size[0], grid[0]), h);
    for (int i = 0; i < 4; i++) {
        ct_tensor *part =
            rows_at(table, ct_select(boxes, 1, 0), i & 2 ? of_y.high : of_y.low, i & 1 ? of_x.high : of_x.low, h, w);
        ct_tensor *weight =
            ct_mul(ct_unsqueeze(share(of_y.fraction, i & 2), 2), ct_unsqueeze(share(of_x.fraction, i & 1), 1));
        part = ct_mul(part, ct_reshape(weight, (const int64_t[]){-1, 1}, 2));
        sum = i > 0 ? ct_add(sum, part) : part;
    }
    ct_tensor *seen = ct_logical_and(ct_unsqueeze(of_y.seen, 2), ct_unsqueeze(of_x.seen, 1));
    sum = ct_where(ct_reshape(seen, (const int64_t[]){-1, 1}, 2), sum, number(x, 0));
    const int64_t parts[] = {k, a->size[0], grid[0], a->size[1], grid[1], c};
    ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = (const int64_t[]){2, 4}, .n_axes = 2};
    return ct_permute(ct_mean(ct_reshape(sum, parts, 6), &over), (const int64_t[]){0, 3, 1, 2}, 4);
}

/* As many points along each side of a part as it has pixels, rounded up: of one box, given as five numbers. */
static void own_grid(const double *box, const roi_attributes *a, int64_t *grid)
{
    for (int i = 0; i < 2; i++) {
        double length = (box[4 - i] - box[2 - i]) * a->scale / (double)a->size[i];
        grid[i] = length > 1 && length < 1 << 20 ? (int64_t)ceil(length) : 1;
    }
}

/* Each box from points of its own number. */
static ct_tensor *align_each(ct_tensor *x, ct_tensor *boxes, const roi_attributes *a, const double *values)
{
    int64_t n = ct_size(boxes, 0), grid[2];
    size_t bytes = (size_t)n * sizeof(ct_tensor *);
    ct_tensor **parts = ct__alloc(bytes);
    if (!parts) {
        ct__no_memory("roi_align");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        own_grid(values + 5 * i, a, grid);
        parts[i] = align(x, ct_slice(boxes, 0, i, i + 1, 1), a, grid);
    }
    ct_tensor *y = ct_concat(parts, (int)n, 0);
    ct__free(parts, bytes);
    return y;
}

/* Whether the shapes, sizes and the images' numbers fit; otherwise the error says so. */
static bool can_align(ct_call *call, const double *boxes)
{
    const roi_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *of = ct_call_input(call, 1);
    for (int64_t i = 0; i < ct_size(of, 0); i++)
        if (!(boxes[5 * i] >= 0 && boxes[5 * i] < (double)ct_size(x, 0) && boxes[5 * i] == floor(boxes[5 * i]))) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "box %lld is of image %g: %s", (long long)i, boxes[5 * i],
                          ct_call_shapes(call));
            return false;
        }
    bool fits = a->sampling >= 0 && a->sampling < 1 << 15 && isfinite(a->scale);
    for (int i = 0; i < 2; i++)
        fits = fits && a->size[i] >= 1 && a->size[i] < 1 << 15;
    if (!fits)
        ct_call_error(call, CT_ERROR_ARGUMENT, "size %lld x %lld, %lld points, scale %g", (long long)a->size[0],
                      (long long)a->size[1], (long long)a->sampling, a->scale);
    return fits;
}

static ct_tensor *roi_align_expression(ct_call *call)
{
    const roi_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *boxes = ct_call_input(call, 1);
    if (ct_rank(x) != 4 || ct_size(x, 2) < 1 || ct_size(x, 3) < 1 || ct_rank(boxes) != 2 || ct_size(boxes, 1) != 5) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes x [N, C, H, W], with pixels, and boxes [K, 5]: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *values = ct_clone(ct_cast(ct_detach(boxes), CT_FLOAT64));
    if (!values || !can_align(call, (const double *)ct__ptr(values)))
        return NULL;
    if (a->sampling == 0 && ct_size(boxes, 0) > 0)
        return align_each(x, boxes, a, (const double *)ct__ptr(values));
    return align(x, boxes, a, (const int64_t[]){a->sampling ? a->sampling : 1, a->sampling ? a->sampling : 1});
}

CT_OPTIONS_INIT(ct_roi_options)

ct_tensor *ct_roi_align(ct_tensor *x, ct_tensor *boxes, int64_t height, int64_t width, const ct_roi_options *options)
{
    CT_READ_OPTIONS(ct_roi_options, o, options, "roi_align");
    if (!o)
        return NULL;
    roi_attributes a = {{height, width}, o->sampling_ratio, o->aligned, o->spatial_scale};
    return (ct_apply)(&ct_op_roi_align, (ct_tensor *[]){x, boxes}, 2, &a);
}

static const ct_sample roi_align_samples[] = {{"1x2x4x5 2x5@0..0!", &(roi_attributes){{2, 2}, 2, 0, 1}},
                                              {"1x2x4x5 0x5!", &(roi_attributes){{1, 2}, 0, 1, 0.5}},
                                              {"1x1x3x3 1x5@0..0!", &(roi_attributes){{2, 1}, 0, 1, 0.5}},
                                              {0}};
CT_EXPRESSION(roi_align, "x: g times the weights, added up where they read; boxes: by the pixels' slopes", 2, 2,
              .attributes_size = sizeof(roi_attributes),
              .attribute_names = "size:2 sampling_ratio aligned spatial_scale:1d", .roles = "x boxes",
              .source = "He et al.: Mask R-CNN (2017), section 3");
