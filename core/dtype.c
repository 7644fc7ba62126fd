/* Element types, from the table in dtypes.h: what each is called, and how elements are converted.
 *
 * Invariant: an element of bool that was made here is 0 or 1. */
#include "core_internal.h"
#include "half.h"
#include <math.h>
#include <string.h>

/* ---- what each is ---- */

static const char *const names[] = {
#define DTYPE(constant, type, name, ...) [constant] = name,
#include "dtypes.h"
};
_Static_assert(sizeof names / sizeof *names == CT_DTYPES, "a row for each type");

size_t ct_dtype_size(ct_dtype dtype)
{
    return (size_t)dtype < CT_DTYPES ? (size_t)ct__size_of(dtype) : 0;
}

const char *ct_dtype_name(ct_dtype dtype)
{
    return (size_t)dtype < CT_DTYPES ? names[dtype] : "invalid";
}

bool ct_dtype_is_float(ct_dtype dtype)
{
    return ct__dtype_is_float(dtype);
}

/* ---- one element, as a double ---- */

/* The integer next to it towards 0 that the type has; NaN is 0. */
static int64_t to_signed(double value, size_t size)
{
    double end = ldexp(1, 8 * (int)size - 1);
    int64_t most = (int64_t)(UINT64_MAX >> (65 - 8 * size));
    return isnan(value) ? 0 : value < -end ? -most - 1 : value >= end ? most : (int64_t)value;
}

static uint8_t to_unsigned(double value, size_t size)
{
    (void)size;
    return isnan(value) || value < 0 ? 0 : value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

#define AS_REAL(type, value) ((type)(value))
#define AS_SIGNED(type, value) ((type)to_signed(value, sizeof(type)))
#define AS_UNSIGNED(type, value) ((type)to_unsigned(value, sizeof(type)))
#define AS_TRUTH(type, value) ((type)((value) != 0))
#define AS_HALF(type, value) ct__narrow(value, CT_FLOAT16)
#define AS_BRAIN(type, value) ct__narrow(value, CT_BFLOAT16)

#define FROM_NUMBER(value) ((double)(value))
#define FROM_REAL FROM_NUMBER
#define FROM_SIGNED FROM_NUMBER
#define FROM_UNSIGNED FROM_NUMBER
#define FROM_TRUTH FROM_NUMBER
#define FROM_HALF(value) ((double)ct__widen_half(value))
#define FROM_BRAIN(value) ((double)ct__widen_brain(value))

void ct__store(ct_dtype dtype, void *data, int64_t i, double value)
{
    switch (dtype) {
#define DTYPE(constant, type, name, kind, ...)      \
    case constant:                                  \
        ((type *)data)[i] = AS_##kind(type, value); \
        break;
#include "dtypes.h"
    }
}

double ct__load(ct_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
#define DTYPE(constant, type, name, kind, ...) \
    case constant:                             \
        return FROM_##kind(((const type *)data)[i]);
#include "dtypes.h"
    }
    return NAN;
}

void ct__fill_elements(ct_dtype dtype, void *data, int64_t n, double value)
{
    if (value == 0 && !signbit(value)) {
        if (n > 0)
            memset(data, 0, (size_t)(n * ct__size_of(dtype)));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        ct__store(dtype, data, i, value);
}

void ct__make_truths(void *data, int64_t n)
{
    uint8_t *truth = data;
    for (int64_t i = 0; i < n; i++)
        truth[i] = truth[i] != 0;
}

/* ---- rows of elements ---- */

/* One element n times: doubled up to so many bytes, which stay near, and then these again and again. */
enum { REPEATED = 4096 };
static void repeat(char *dst, const char *src, size_t size, int64_t n)
{
    size_t all = (size_t)n * size, part;
    memcpy(dst, src, size);
    for (size_t done = size; done < all; done += part) {
        part = done < REPEATED ? done : REPEATED;
        part = part < all - done ? part : all - done;
        memcpy(dst + done, dst, part);
    }
}

static bool is_integer(ct_dtype dtype)
{
    return !ct__has_gradient(dtype);
}

static int64_t load_integer(ct_dtype dtype, const void *data, int64_t i)
{
    return dtype == CT_INT64   ? ((const int64_t *)data)[i]
           : dtype == CT_INT32 ? ((const int32_t *)data)[i]
                               : ((const uint8_t *)data)[i];
}

/* Wraps, as in C and NumPy; but what is not 0 is true. */
static void store_integer(ct_dtype dtype, void *data, int64_t i, int64_t value)
{
    if (dtype == CT_INT64)
        ((int64_t *)data)[i] = value;
    else if (dtype == CT_INT32)
        ((int32_t *)data)[i] = (int32_t)value;
    else
        ((uint8_t *)data)[i] = dtype == CT_BOOL ? value != 0 : (uint8_t)value;
}

#define STEP_ROW(type)              \
    for (int64_t i = 0; i < n; i++) \
    ((type *)dst)[i * step_dst] = ((const type *)src)[i * step_src]

static void copy_elements(size_t size, void *dst, int64_t step_dst, const void *src, int64_t step_src, int64_t n)
{
    if (step_dst == 1 && step_src == 1)
        memcpy(dst, src, (size_t)n * size);
    else if (step_dst == 1 && step_src == 0)
        repeat(dst, src, size, n);
    else if (size == 8)
        STEP_ROW(uint64_t);
    else if (size == 4)
        STEP_ROW(uint32_t);
    else if (size == 2)
        STEP_ROW(uint16_t);
    else
        STEP_ROW(uint8_t);
}

void ct__convert_row(ct_dtype to, void *dst, int64_t step_dst, ct_dtype from, const void *src, int64_t step_src,
                     int64_t n)
{
    if (to == from)
        copy_elements((size_t)ct__size_of(to), dst, step_dst, src, step_src, n);
    else if (to == CT_FLOAT64 && from == CT_FLOAT32)
        for (int64_t i = 0; i < n; i++)
            ((double *)dst)[i * step_dst] = ((const float *)src)[i * step_src];
    else if (to == CT_FLOAT32 && from == CT_FLOAT64)
        for (int64_t i = 0; i < n; i++)
            ((float *)dst)[i * step_dst] = (float)((const double *)src)[i * step_src];
    else if (to == CT_FLOAT32 && from == CT_UINT8)
        for (int64_t i = 0; i < n; i++)
            ((float *)dst)[i * step_dst] = ((const uint8_t *)src)[i * step_src];
    else if (to == CT_FLOAT32 && from == CT_BFLOAT16)
        for (int64_t i = 0; i < n; i++)
            ((float *)dst)[i * step_dst] = ct__widen_brain(((const uint16_t *)src)[i * step_src]);
    else if (to == CT_BFLOAT16 && from == CT_FLOAT32)
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i * step_dst] = ct__brain_of(((const float *)src)[i * step_src]);
    else if (to == CT_FLOAT32 && from == CT_FLOAT16)
        for (int64_t i = 0; i < n; i++)
            ((float *)dst)[i * step_dst] = ct__widen_half(((const uint16_t *)src)[i * step_src]);
    else if (is_integer(to) && is_integer(from))
        for (int64_t i = 0; i < n; i++)
            store_integer(to, dst, i * step_dst, load_integer(from, src, i * step_src));
    else
        for (int64_t i = 0; i < n; i++)
            ct__store(to, dst, i * step_dst, ct__load(from, src, i * step_src));
}
