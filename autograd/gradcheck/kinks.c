/* Points without a derivative. What a gradient may be there is the convex hull of the gradients around (Clarke, "Generalized gradients
 * and applications", Trans. AMS 205 (1975) 247), and these are the gradients of finitely many smooth pieces.
 *
 * Invariant: what is not seen to be impossible is a kink; only where few pieces meet, and all of them have been seen, is a value outside
 * their hull wrong. */
#include "kinks.h"
#include <math.h>
#include <string.h>

enum {
    NUDGE = 14,       /* 2^-NUDGE is how far the points around x are, of its size */
    NUDGES = 24,      /* points around x, */
    NUDGES_ALL = 400, /* and before a value is said not to be among those there; */
    MEASURED = 8,     /* at so many of which the gradient is measured, */
    BESIDE = 1,       /* and so many may by chance lie beside the kink */
    FEW = 4,          /* pieces seen there: then there are no others */
    SAMPLES = 64,     /* points around x for the hull of two elements, */
    ALL = 512,        /* and where it looks as if they were outside; */
    EXPECTED =
        20, /* were the two independent, each two values would be seen together so often; else some may be unseen */
    FEW_PAIRS = 8, /* pieces seen there */
    IN_PLANE = 8,  /* points where these two alone are moved */
    PLANES = 24,   /* pairs that get those */
    DIRECTIONS = 48,
};

/* ---- on a line ---- */

/* So small that what phi has elsewhere does not come in, and so large that noise does not. */
static double corner_step(const ct__precision *p)
{
    double relative = fmin(fmax(0x1p-22, 1024 * ct__noise_anywhere(p) / p->magnitude), 0x1p-6);
    return fmax(relative * ct__small_unit(p->reach), ldexp(p->reach, -40));
}

ct__corner ct__corner_at(ct__line *l, double *low, double *high)
{
    double jump[2], right[2], left[2], away[2], step = corner_step(&l->precision);
    double middle = ct__line_at(l, 0), noise = ct__noise_anywhere(&l->precision);
    for (int i = 0; i < 2; i++) {
        double h = i == 0 ? 4 * step : step, above = ct__line_at(l, h), below = ct__line_at(l, -h);
        right[i] = (above - middle) / h;
        left[i] = (middle - below) / h;
        jump[i] = fabs(right[i] - left[i]);
        away[i] = fmax(fabs(above - middle), fabs(below - middle));
    }
    if (away[1] > 64 * noise && away[1] > 0.6 * away[0])
        return CT__JUMP;
    noise = 16 * noise / step;
    if (!(jump[0] > 4 * noise && jump[1] > 0.6 * jump[0]))
        return CT__SMOOTH;
    double slack = fabs(right[0] - right[1]) + fabs(left[0] - left[1]) + l->w->check->options->safety * noise;
    *low = fmin(right[1], left[1]) - slack;
    *high = fmax(right[1], left[1]) + slack;
    return CT__KINK;
}

/* ---- around x ---- */

static double normal(ct_random_state *state)
{
    ct_random_set(*state);
    double u = ldexp((double)(ct_random_u64() >> 11) + 1, -53), v = ldexp((double)(ct_random_u64() >> 11), -53);
    *state = ct_random_get();
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Moves every float input by a random 2^-by or so of its size; returns copies of where they were, or false. */
static bool nudge(ct__worker *w, ct_random_state *state, int by, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++) {
        ct_tensor *x = w->x[i];
        origin[i] = ct__is_float(x) ? ct__copy_as(x, CT_FLOAT64) : NULL;
        if (ct__is_float(x) && !origin[i])
            return false;
    }
    for (int i = 0; i < w->check->n; i++)
        for (int64_t k = 0; origin[i] && k < origin[i]->numel; k++) {
            double *x = &ct__doubles(w->x[i])[k];
            *x += ldexp(normal(state) * ct__small_unit(fabs(*x)), -by);
        }
    return true;
}

static void nudge_back(ct__worker *w, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++)
        if (origin[i])
            memcpy(ct__doubles(w->x[i]), ct__doubles(origin[i]), (size_t)origin[i]->numel * sizeof(double));
}

/* The gradients at the worker's x, quietly. */
static ct_status gradients(ct__worker *w, ct_tensor **grads)
{
    const ct__check *check = w->check;
    ct_gradcheck_options value_only = *check->options; /* other threads write to the report too */
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = {.subject = check->subject, .options = &value_only, .report = check->report, .n = check->n};
    return ct__vjp(&quiet, w->x, check->wanted, w->cotangents, grads);
}

/* Whether analytic, at a point nearby, is as measured there, or cannot be measured. */
static bool as_measured(const ct__line *l, const ct_tensor *here, double analytic)
{
    ct__line near = *l;
    near.origin = ct__doubles(here);
    ct__slope slope = ct__ridders(ct__line_at, &near, &near.precision, ldexp(1, -22));
    return !slope.converged || fabs(analytic - slope.value) <= ct__tolerance(&near, &slope);
}

/* The derivative at a point near x, as computed; false with measure, if it is not as measured. */
static bool look_nearby(ct__line *l, ct_random_state *state, bool measure, double *analytic)
{
    ct__worker *w = l->w;
    int n = w->check->n;
    size_t bytes = (size_t)n * 2 * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes), **grads = origin ? origin + n : NULL;
    ct_scope scope;
    ct__scope_push(&scope);
    bool right = true;
    *analytic = NAN;
    if (!origin || !nudge(w, state, NUDGE, origin)) {
        w->status = ct__no_memory("gradcheck");
    } else {
        const ct_tensor *here = ct__copy_as(l->x, CT_FLOAT64);
        if (here && gradients(w, grads) == CT_OK) {
            *analytic = ct__along(l, ct__doubles(grads[ct__input_of(l)]));
            right = !measure || as_measured(l, here, *analytic);
        }
        if (ct_error_code() != CT_OK)
            w->status = ct_error_code();
        nudge_back(w, origin);
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
    return right;
}

/* How far phi is from what it is at x, where all inputs are moved. */
static double away(ct__line *l, ct_random_state state, int by, double here)
{
    ct__worker *w = l->w;
    size_t bytes = (size_t)w->check->n * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    double far = 0;
    if (origin && nudge(w, &state, by, origin)) {
        far = fabs(ct__evaluate(w, NULL) - here);
        nudge_back(w, origin);
    } else {
        w->status = ct__no_memory("gradcheck");
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
    return far;
}

bool ct__jump_around(ct__line *l)
{
    double here = ct__line_at(l, 0), floor = 64 * ct__noise_anywhere(&l->precision);
    for (int i = 0; i < MEASURED && l->w->status == CT_OK; i++) {
        ct_random_state state = l->w->check->stream;
        state.counter += (uint64_t)i << 32;
        double close = away(l, state, NUDGE + 8, here);
        if (close > floor && close > 0.25 * away(l, state, NUDGE, here))
            return true;
    }
    return false;
}

/* How many of values[], n in all, differ by more than tolerance from all before. */
static int count_distinct(const double *values, int n, double tolerance)
{
    int distinct = 0;
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (int j = 0; j < i; j++)
            known |= fabs(values[i] - values[j]) <= tolerance;
        distinct += !known;
    }
    return distinct;
}

/* The derivatives at points around x, n of them; at so many the gradient was not as measured. */
typedef struct surroundings {
    ct_random_state state;
    double values[NUDGES_ALL];
    int n, otherwise;
} surroundings;

/* At so many points; false if there is something other than a kink. */
static bool look_around(ct__line *l, surroundings *s, int wanted)
{
    for (; s->n < wanted && l->w->status == CT_OK; s->n++) {
        s->otherwise += !look_nearby(l, &s->state, s->n < MEASURED, &s->values[s->n]);
        if (s->otherwise > BESIDE || !isfinite(s->values[s->n]))
            return false;
    }
    return l->w->status == CT_OK;
}

/* The smallest and largest of them. */
static void range_of(const surroundings *s, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < s->n; i++) {
        *low = fmin(*low, s->values[i]);
        *high = fmax(*high, s->values[i]);
    }
}

static bool is_among(const surroundings *s, double analytic)
{
    double low, high;
    range_of(s, &low, &high);
    double near = 1e-3 * fmax(fabs(low), fabs(high));
    return analytic >= low - near && analytic <= high + near;
}

/* Few, and many more points show no others. A second order has the conventions of two passes in it, which need not go together. */
static bool all_seen(ct__line *l, surroundings *s, double near)
{
    return l->w->check->order == 1 && count_distinct(s->values, s->n, near) <= FEW && look_around(l, s, NUDGES_ALL) &&
           count_distinct(s->values, s->n, near) <= FEW;
}

bool ct__kink_around(ct__line *l, double analytic, ct__corner corner)
{
    surroundings s = {.state = l->w->check->stream};
    double low, high;
    if (!look_around(l, &s, NUDGES))
        return false;
    range_of(&s, &low, &high);
    double near = 1e-3 * fmax(fabs(low), fabs(high)), span = high - low;
    if (corner == CT__SMOOTH && span <= near)
        return false;
    if (is_among(&s, analytic) || all_seen(l, &s, near))
        return is_among(&s, analytic);
    return analytic >= low - span && analytic <= high + span; /* there are more pieces than were seen */
}

/* ---- two elements ---- */

/* Gradients of the kinked elements, so many rows of count. */
typedef struct samples {
    ct__worker w;
    const ct__kinked *kinked;
    int count;
    double *rows, *here; /* ALL * count, taken of them filled; count: at x itself */
    int taken;
    ct_random_state state;
} samples;

static void take(const samples *s, ct_tensor *const *grads, double *row)
{
    for (int k = 0; k < s->count; k++)
        row[k] = ct__doubles(grads[s->kinked[k].input])[s->kinked[k].element];
}

/* The gradients with inputs as they are now. */
static ct_status sample_here(samples *s, double *row)
{
    ct_scope scope;
    size_t bytes = (size_t)s->w.check->n * sizeof(ct_tensor *);
    ct_tensor **grads = ct__alloc(bytes);
    ct__scope_push(&scope);
    ct_status status = grads ? gradients(&s->w, grads) : ct__no_memory("gradcheck");
    if (status == CT_OK)
        take(s, grads, row);
    ct__scope_pop(&scope);
    ct__free(grads, bytes);
    return status;
}

/* Until so many are taken. */
static ct_status sample_around(samples *s, int taken)
{
    size_t bytes = (size_t)s->w.check->n * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes);
    ct_status status = origin ? CT_OK : ct__no_memory("gradcheck");
    for (; status == CT_OK && s->taken < taken; s->taken++) {
        ct_scope scope;
        ct__scope_push(&scope);
        status = nudge(&s->w, &s->state, NUDGE, origin) ? sample_here(s, s->rows + (size_t)s->taken * s->count)
                                                        : ct_error_code();
        if (status == CT_OK)
            nudge_back(&s->w, origin);
        ct__scope_pop(&scope);
    }
    ct__free(origin, bytes);
    return status;
}

static double *element(const samples *s, int k)
{
    return &ct__doubles(s->w.x[s->kinked[k].input])[s->kinked[k].element];
}

/* With only elements a and b moved. Fills points (IN_PLANE pairs) with their gradients. */
static ct_status sample_plane(samples *s, int a, int b, double (*points)[2])
{
    double before[2] = {*element(s, a), *element(s, b)};
    ct_status status = CT_OK;
    double *row = ct__alloc((size_t)s->count * sizeof *row);
    if (!row)
        return ct__no_memory("gradcheck");
    for (int i = 0; status == CT_OK && i < IN_PLANE; i++) {
        double angle = 0.3 + 6.283185307179586 * i / IN_PLANE;
        *element(s, a) = before[0] + ldexp(cos(angle) * ct__small_unit(fabs(before[0])), -14);
        *element(s, b) = before[1] + ldexp(sin(angle) * ct__small_unit(fabs(before[1])), -14);
        status = sample_here(s, row);
        points[i][0] = row[a];
        points[i][1] = row[b];
    }
    *element(s, a) = before[0];
    *element(s, b) = before[1];
    ct__free(row, (size_t)s->count * sizeof *row);
    return status;
}

/* Outside if there is a direction in which it is beyond all points. */
static bool in_hull(double (*points)[2], int n, const double *point, double tolerance)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        double c = cos(6.283185307179586 * i / DIRECTIONS), s = sin(6.283185307179586 * i / DIRECTIONS),
               furthest = -INFINITY;
        for (int k = 0; k < n; k++)
            furthest = fmax(furthest, c * points[k][0] + s * points[k][1]);
        if (c * point[0] + s * point[1] > furthest + tolerance)
            return false;
    }
    return true;
}

static int count_pieces(double (*points)[2], int n, double tolerance)
{
    int distinct = 0;
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (int j = 0; j < i; j++)
            known |= fabs(points[i][0] - points[j][0]) + fabs(points[i][1] - points[j][1]) <= tolerance;
        distinct += !known;
    }
    return distinct;
}

/* The gradients of a and b at all points taken; returns their largest size. */
static double pair_points(const samples *s, int a, int b, double (*points)[2])
{
    double size = fabs(s->here[a]) + fabs(s->here[b]);
    for (int i = 0; i < s->taken; i++) {
        points[i][0] = s->rows[(size_t)i * s->count + a];
        points[i][1] = s->rows[(size_t)i * s->count + b];
        size = fmax(size, fabs(points[i][0]) + fabs(points[i][1]));
    }
    return size;
}

/* How often the rarest value of one of the two is among the points. */
static double rarest(double (*points)[2], int n, int which, double tolerance)
{
    int least = n;
    for (int i = 0; i < n; i++) {
        int alike = 0;
        for (int k = 0; k < n; k++)
            alike += fabs(points[k][which] - points[i][which]) <= tolerance;
        least = alike < least ? alike : least;
    }
    return (double)least / n;
}

static bool pair_is_outside(samples *s, int a, int b, int *planes, ct_status *status)
{
    double points[ALL + IN_PLANE][2], here[2] = {s->here[a], s->here[b]}, size = pair_points(s, a, b, points),
                                      near = 1e-2 * size;
    if (!isfinite(size) || in_hull(points, s->taken, here, near) || ++*planes > PLANES)
        return false;
    *status = sample_around(s, ALL);
    if (*status == CT_OK)
        *status = sample_plane(s, a, b, points + ALL);
    pair_points(s, a, b, points);
    return *status == CT_OK && !in_hull(points, ALL + IN_PLANE, here, near) &&
           count_pieces(points, ALL + IN_PLANE, near) <= FEW_PAIRS &&
           rarest(points, ALL, 0, near) * rarest(points, ALL, 1, near) * ALL >= EXPECTED;
}

static int find_outside(samples *s, ct_status *status)
{
    int planes = 0;
    for (int b = 1; b < s->count; b++)
        for (int a = 0; a < b; a++)
            if (*status == CT_OK && pair_is_outside(s, a, b, &planes, status))
                return b;
    return -1;
}

int ct__outside_hull(ct__check *check, const ct__kinked *kinked, int count, ct_status *status)
{
    if (count < 2)
        return -1;
    samples s = {.w = ct__worker_of(check), .kinked = kinked, .count = count};
    size_t bytes = (size_t)count * (ALL + 1) * sizeof(double);
    s.state = check->stream;
    s.rows = ct__alloc(bytes);
    s.here = s.rows + (size_t)count * ALL;
    if (!s.rows) {
        *status = ct__no_memory("gradcheck");
        return -1;
    }
    take(&s, check->analytic, s.here);
    *status = sample_around(&s, SAMPLES);
    int found = *status == CT_OK ? find_outside(&s, status) : -1;
    ct__free(s.rows, bytes);
    return found;
}
