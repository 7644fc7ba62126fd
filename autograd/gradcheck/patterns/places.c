/* The right numbers at wrong places. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

enum { FEW_VALUES = 64 };

bool ct__transposed(ct__wrong *w)
{
    int rank = w->rank;
    if (rank < 2 || w->shape[rank - 1] != w->shape[rank - 2] || w->shape[rank - 1] < 2)
        return false;
    int64_t m = w->shape[rank - 1];
    for (int64_t k = 0; k < w->n; k++) {
        int64_t i = k / m % m, j = k % m;
        if (!ct__wrong_alike(w, w->a[k], w->d[k + (j - i) * m + (i - j)]))
            return false;
    }
    return true;
}

/* A matrix; a transpose has its strides exchanged. */
typedef struct matrix {
    const double *at;
    int64_t row, column;
} matrix;

static bool is_product(const ct__wrong *w, const double *to, matrix p, matrix q, int64_t inner, int64_t columns)
{
    for (int64_t k = 0; k < w->n; k++) {
        double sum = 0;
        for (int64_t i = 0; i < inner; i++)
            sum += p.at[k / columns * p.row + i * p.column] * q.at[i * q.row + k % columns * q.column];
        if (!ct__wrong_alike(w, to[k], sum))
            return false;
    }
    return true;
}

/* Of a product with b, n x n, on the right or on the left: d is what came back times the transpose of b, and a that times b itself. */
static bool untransposed_by(const ct__wrong *w, const double *b, int64_t n, bool right)
{
    int64_t last = w->shape[w->rank - 1];
    matrix g = {ct__doubles(w->beside->g), last, 1}, plain = {b, n, 1}, turned = {b, 1, n};
    return right ? is_product(w, w->d, g, turned, n, last) && is_product(w, w->a, g, plain, n, last)
                 : is_product(w, w->d, turned, g, n, last) && is_product(w, w->a, plain, g, n, last);
}

bool ct__untransposed(ct__wrong *w)
{
    const ct__beside *beside = w->beside;
    if (w->rank < 2 || w->n < 4 || !beside->g || beside->g->numel != w->n || w->every > 1)
        return false;
    for (int side = 0; side < 2; side++) {
        int64_t n = side ? w->shape[w->rank - 1] : w->n / w->shape[w->rank - 1];
        for (int i = 0; i < beside->n; i++)
            if (ct__is_float(beside->inputs[i]) && beside->inputs[i]->numel == n * n &&
                untransposed_by(w, ct__doubles(beside->inputs[i]), n, side))
                return true;
    }
    return false;
}

/* How many of the first few computed elements differ from all before. */
static int count_values(const ct__wrong *w)
{
    int different = 0;
    for (int64_t k = 0; k < w->n && k < FEW_VALUES; k++) {
        bool known = false;
        for (int64_t j = 0; j < k; j++)
            known |= ct__wrong_alike(w, w->a[k], w->a[j]);
        different += !known;
    }
    return different;
}

/* at: which input has the gradient that this one should have. */
bool ct__exchanged(ct__wrong *w)
{
    for (int i = 0; i < w->beside->n && w->every == 1; i++) {
        const ct_tensor *other = w->beside->gradients[i];
        bool same = other && other->numel == w->n && w->n > 1 && count_values(w) > 1;
        for (int64_t k = 0; same && k < w->n; k++)
            same = ct__wrong_alike(w, ct__doubles(other)[k], w->d[k]);
        w->at = i;
        if (same)
            return true;
    }
    return false;
}

/* a[i] = d[i + by] along an axis, or along it and the one before, where both exist; of a few elements, or of equal ones, that says
 * nothing. */
static bool shifted_by(const ct__wrong *w, int axis, int by, bool both)
{
    if (w->shape[axis] < 3 || (both && (axis == 0 || w->shape[axis - 1] < 3)) || count_values(w) < 4)
        return false;
    for (int64_t k = 0; k < w->n; k++) {
        int64_t to = ct__wrong_position(w, k, axis) + by, to_both = both ? ct__wrong_position(w, k, axis - 1) + by : 0;
        bool inside = to >= 0 && to < w->shape[axis] && (!both || (to_both >= 0 && to_both < w->shape[axis - 1]));
        if (inside &&
            !ct__wrong_alike(w, w->a[k], w->d[k + by * (w->strides[axis] + (both ? w->strides[axis - 1] : 0))]))
            return false;
    }
    return true;
}

bool ct__shifted(ct__wrong *w)
{
    for (w->axis = 0; w->axis < w->rank; w->axis++)
        for (int by = -1; by <= 1; by += 2)
            if (shifted_by(w, w->axis, by, false) || shifted_by(w, w->axis, by, true))
                return true;
    return false;
}

/* a[n - 1 - i] = d[i] along an axis. */
bool ct__reversed(ct__wrong *w)
{
    for (w->axis = 0; w->axis < w->rank; w->axis++) {
        bool all = w->shape[w->axis] > 1 && count_values(w) > 1;
        for (int64_t k = 0; all && k < w->n; k++) {
            int64_t i = ct__wrong_position(w, k, w->axis), to = w->shape[w->axis] - 1 - 2 * i;
            all = ct__wrong_alike(w, w->a[k + to * w->strides[w->axis]], w->d[k]);
        }
        if (all)
            return true;
    }
    return false;
}

/* Sums over all elements agree, far better than by chance, and are not of nothing. */
bool ct__same_sum(ct__wrong *w)
{
    double of_a = 0, of_d = 0;
    for (int64_t k = 0; k < w->n; k++) {
        of_a += w->a[k];
        of_d += w->d[k];
    }
    return w->n > 1 && fabs(of_a - of_d) <= 1e-7 * w->size && fabs(of_d) > 1e-3 * w->size;
}

/* Of a running sum over the line the gradient is one from the end: d[i] - d[i + 1] is what comes back to i, and here a[i] - a[i - 1]. */
static bool line_from_wrong_side(const ct__wrong *w, int64_t first, int64_t count, int64_t stride)
{
    for (int64_t i = 0; i < count; i++) {
        const double *a = w->a + first + i * stride, *d = w->d + first + i * stride;
        double of_a = *a - (i > 0 ? a[-stride] : 0), of_d = *d - (i + 1 < count ? d[stride] : 0);
        if (!ct__wrong_alike(w, of_a, of_d))
            return false;
    }
    return true;
}

bool ct__from_wrong_side(ct__wrong *w)
{
    return ct__wrong_every_line(w, line_from_wrong_side);
}
