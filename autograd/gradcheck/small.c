/* Copies, checksums and sizes of tensors. Invariant: nothing here changes a tensor that it is given. */
#include "small.h"
#include <math.h>
#include <string.h>

ct_tensor *ct__copy_as(const ct_tensor *t, ct_dtype dtype)
{
    ct_tensor *copy = ct__tensor_new(dtype, t->shape, t->rank, "gradcheck");
    if (copy)
        ct__copy_strided(dtype, ct__ptr(copy), copy->strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides, t->shape,
                         t->rank);
    return copy;
}

/* Calls visit with the address of every element, in row-major order. */
static void visit(const ct_tensor *t, void (*each)(void *context, const void *element), void *context)
{
    size_t size = ct_dtype_size((ct_dtype)t->dtype);
    int64_t index[CT_MAX_RANK] = {0}, at = 0;
    for (int64_t k = 0; k < t->numel; k++) {
        each(context, ct__ptr(t) + at * (int64_t)size);
        for (int axis = t->rank - 1; axis >= 0; axis--) {
            at += t->strides[axis];
            if (++index[axis] < t->shape[axis])
                break;
            at -= t->strides[axis] * t->shape[axis];
            index[axis] = 0;
        }
    }
}

typedef struct hash {
    uint64_t value;
    size_t size;
} hash;

static void hash_element(void *context, const void *element)
{
    hash *h = context;
    uint64_t bits = 0;
    memcpy(&bits, element, h->size);
    h->value = (h->value ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    h->value ^= h->value >> 29;
}

uint64_t ct__checksum(const ct_tensor *t)
{
    if (!t)
        return 0;
    hash h = {.value = 0xcbf29ce484222325u ^ (uint64_t)t->dtype << 8 ^ t->rank, .size = sizeof *t->shape};
    for (int i = 0; i < t->rank; i++)
        hash_element(&h, &t->shape[i]);
    h.size = ct_dtype_size((ct_dtype)t->dtype);
    visit(t, hash_element, &h);
    return h.value;
}

static void clear_if_not_finite32(void *context, const void *element)
{
    if (!isfinite(*(const float *)element))
        *(bool *)context = false;
}

static void clear_if_not_finite64(void *context, const void *element)
{
    if (!isfinite(*(const double *)element))
        *(bool *)context = false;
}

bool ct__all_finite(const ct_tensor *t)
{
    bool finite = true;
    if (ct__is_float(t))
        visit(t, t->dtype == CT_FLOAT32 ? clear_if_not_finite32 : clear_if_not_finite64, &finite);
    return finite;
}

uint64_t ct__checksum_all(ct_tensor *const *tensors, int n)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum = sum * 31 + ct__checksum(tensors[i]);
    return sum;
}

int64_t ct__furthest(const ct_tensor *a, const ct_tensor *b)
{
    int64_t worst = 0;
    double most = 0;
    for (int64_t k = 0; k < a->numel; k++) {
        double u = ct__doubles(a)[k], v = ct__doubles(b)[k], off = isnan(u) && isnan(v) ? 0 : fabs(u - v);
        off = isnan(off) ? INFINITY : off;
        worst = off > most ? k : worst;
        most = fmax(most, off);
    }
    return worst;
}

double ct__largest(const ct_tensor *t)
{
    double max = 0;
    for (int64_t k = 0; t && k < t->numel; k++)
        max = fmax(max, fabs(ct__doubles(t)[k]));
    return max;
}

double ct__largest_of(ct_tensor *const *tensors, int n)
{
    double max = 0;
    for (int i = 0; i < n; i++)
        max = fmax(max, ct__largest(tensors[i]));
    return max;
}
