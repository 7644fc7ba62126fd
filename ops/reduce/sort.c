/* Sorting along an axis: sort, topk, argsort.
 *
 * Invariant: elements are compared as 64-bit keys, in which NaN is the largest and -0 is 0; ties keep their order. */
#include "reduce_internal.h"
#include <string.h>

/* ---- keys ---- */

typedef struct entry {
    uint64_t key;
    int64_t index; /* along the axis */
} entry;

enum { SIGN = 63 };

static uint64_t key_of_integer(int64_t x)
{
    return (uint64_t)x ^ UINT64_C(1) << SIGN;
}

/* Of two floats of one sign the larger magnitude has the larger bits. */
static uint64_t key_of_float(double x)
{
    uint64_t bits;
    if (x != x)
        return UINT64_MAX;
    if (x == 0)
        x = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits >> SIGN ? ~bits : bits | UINT64_C(1) << SIGN;
}

static uint64_t key_of(ct_dtype dtype, const char *x, int64_t at)
{
    switch (dtype) {
    case CT_FLOAT32:
        return key_of_float((double)((const float *)(const void *)x)[at]);
    case CT_FLOAT64:
        return key_of_float(((const double *)(const void *)x)[at]);
    case CT_INT64:
        return key_of_integer(((const int64_t *)(const void *)x)[at]);
    case CT_INT32:
        return key_of_integer(((const int32_t *)(const void *)x)[at]);
    default:
        return key_of_integer(((const uint8_t *)x)[at]);
    }
}

/* ---- a merge sort, and a selection of few ---- */

enum {
    RUN = 16, /* entries that are sorted by insertion */
    FEW = 64  /* entries that are kept in order while all others are looked at */
};

/* Puts new into its place among n sorted entries; there is room for it behind them. */
static void insert(entry *e, int64_t n, entry new)
{
    for (; n > 0 && e[n - 1].key > new.key; n--)
        e[n] = e[n - 1];
    e[n] = new;
}

static void sort_run(entry *e, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        insert(e, i, e[i]);
}

/* The first k entries become the smallest of all n, sorted. */
static void sort_first(entry *e, int64_t n, int64_t k)
{
    sort_run(e, k);
    for (int64_t i = k; i < n; i++)
        if (k > 0 && e[i].key < e[k - 1].key)
            insert(e, k - 1, e[i]);
}

/* Of equal keys those of the left run come first. */
static void merge(const entry *left, int64_t n_left, const entry *right, int64_t n_right, entry *to)
{
    const entry *end_left = left + n_left, *end_right = right + n_right;
    while (left < end_left && right < end_right)
        *to++ = right->key < left->key ? *right++ : *left++;
    while (left < end_left)
        *to++ = *left++;
    while (right < end_right)
        *to++ = *right++;
}

/* Sorts n entries, with room for as many in spare; returns the one of the two in which they are then. */
static entry *sort_entries(entry *e, entry *spare, int64_t n)
{
    for (int64_t i = 0; i < n; i += RUN)
        sort_run(e + i, n - i < RUN ? n - i : RUN);
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t left = n - i < width ? n - i : width, right = n - i - left < width ? n - i - left : width;
            merge(e + i, left, e + i + left, right, spare + i);
        }
        entry *sorted = spare;
        spare = e;
        e = sorted;
    }
    return e;
}

/* ---- what sort and topk share ---- */

typedef struct sort_attributes {
    int64_t axis;
    int64_t descending;
    int64_t k; /* topk only */
} sort_attributes;

enum {
    MAX_TASKS = 16,
    GRAIN = 2048 /* elements that are worth a task */
};

/* Contiguous elements [outer, n, inner], of which [outer, k, inner] are kept. */
typedef struct sort_job {
    const char *x;
    char *values;
    int64_t *indices;
    entry *entries; /* 2 n for each task */
    int64_t n, k, inner, lines, tasks;
    ct_dtype dtype;
    uint64_t flip; /* all ones for descending */
} sort_job;

static void sort_line(const sort_job *j, int64_t line, entry *entries)
{
    size_t size = ct_dtype_size(j->dtype);
    int64_t outer = line / j->inner, inner = line % j->inner;
    int64_t from = outer * j->n * j->inner + inner, to = outer * j->k * j->inner + inner;
    const entry *sorted = entries;
    for (int64_t i = 0; i < j->n; i++)
        entries[i] = (entry){.key = key_of(j->dtype, j->x, from + i * j->inner) ^ j->flip, .index = i};
    if (j->k < j->n && j->k <= FEW)
        sort_first(entries, j->n, j->k);
    else
        sorted = sort_entries(entries, entries + j->n, j->n);
    for (int64_t i = 0; i < j->k; i++, to += j->inner) {
        memcpy(j->values + (size_t)to * size, j->x + (size_t)(from + sorted[i].index * j->inner) * size, size);
        j->indices[to] = sorted[i].index;
    }
}

static void sort_task(void *context, int64_t index)
{
    const sort_job *j = context;
    int64_t end = j->lines * (index + 1) / j->tasks;
    for (int64_t line = j->lines * index / j->tasks; line < end; line++)
        sort_line(j, line, j->entries + index * 2 * j->n);
}

/* Declares the outputs: values and indices, as many along the axis as are kept. */
static ct_status declare(ct_call *call, int axis, int64_t kept)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        shape[i] = i == axis ? kept : x->shape[i];
    ct_status status = ct_call_output_shape(call, 0, (ct_dtype)x->dtype, shape, x->rank);
    return status == CT_OK ? ct_call_output_shape(call, 1, CT_INT64, shape, x->rank) : status;
}

static ct_status forward(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *y = ct_call_output(call, 0);
    int axis = ct__axis((int)along->axis, x->rank);
    sort_job j = {.x = ct_call_input_data(call, 0),
                  .values = ct_call_output_data(call, 0),
                  .indices = ct_call_output_data(call, 1),
                  .n = x->shape[axis],
                  .k = y->shape[axis],
                  .inner = 1,
                  .dtype = (ct_dtype)x->dtype,
                  .flip = along->descending ? UINT64_MAX : 0};
    if (!j.x)
        return ct_error_code();
    if (y->numel == 0)
        return CT_OK;
    for (int i = axis + 1; i < x->rank; i++)
        j.inner *= x->shape[i];
    j.lines = x->numel / j.n;
    j.tasks = 1 + x->numel / GRAIN;
    j.tasks = j.tasks > MAX_TASKS ? MAX_TASKS : j.tasks;
    j.tasks = j.tasks > j.lines ? j.lines : j.tasks;
    size_t bytes = (size_t)(j.tasks * 2 * j.n) * sizeof(entry);
    j.entries = ct__alloc(bytes);
    if (!j.entries)
        return ct__no_memory(call->op->name);
    ct__parallel(j.tasks, sort_task, &j);
    ct__free(j.entries, bytes);
    return CT_OK;
}

static ct_status backward(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    return ct__scatter_back(call, along->axis);
}

#define BY(...)        \
    &(sort_attributes) \
    {                  \
        __VA_ARGS__    \
    }

/* ---- sort ---- */

static ct_status infer_sort(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_axis(call, along->axis, x->rank);
    return axis < 0 ? CT_ERROR_ARGUMENT : declare(call, axis, x->shape[axis]);
}

ct_tensor *ct_sort(ct_tensor *x, int axis, bool descending, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_sort, x, BY(.axis = axis, .descending = descending), indices);
}

const ct_op ct_op_sort = {
    .name = "sort",
    .takes = {CT_COMPUTED},
    .gradient = "g, each element back where it came from",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(sort_attributes),
    .attribute_names = "axis descending k",
    .infer = infer_sort,
    .forward = forward,
    .backward = backward,
    .samples = (const ct_sample[]){{"3x5", BY(.axis = 1)},
                                   {"2x3x4", BY(.axis = -2, .descending = 1)},
                                   {"4", BY(.axis = 0)},
                                   {"2x0", BY(.axis = 1)},
                                   {"0x2", BY(.axis = 1, .descending = 1)},
                                   {0}},
};

/* ---- topk ---- */

static ct_status infer_topk(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_axis(call, along->axis, x->rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    int64_t least = x->rank == 0; /* a 0-d result has one element */
    if (along->k < least || along->k > x->shape[axis])
        return ct_call_error(call, CT_ERROR_ARGUMENT, "k = %lld is not in %lld..%lld: %s", (long long)along->k,
                             (long long)least, (long long)x->shape[axis], ct_call_shapes(call));
    return declare(call, axis, along->k);
}

ct_tensor *ct_topk(ct_tensor *x, int64_t k, int axis, bool largest, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_topk, x, BY(.axis = axis, .descending = largest, .k = k), indices);
}

const ct_op ct_op_topk = {
    .name = "topk",
    .takes = {CT_COMPUTED},
    .gradient = "g at the k elements chosen, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(sort_attributes),
    .attribute_names = "axis descending k",
    .infer = infer_topk,
    .forward = forward,
    .backward = backward,
    .samples = (const ct_sample[]){{"3x5", BY(.axis = 1, .k = 2, .descending = 1)},
                                   {"4x3", BY(.axis = -2, .k = 4)},
                                   {"5", BY(.axis = 0, .k = 1)},
                                   {"0x3", BY(.axis = 1, .k = 2, .descending = 1)},
                                   {"2x3", BY(.axis = 1, .k = 0)},
                                   {0}},
};

/* ---- argsort ---- */

static ct_tensor *argsort_expression(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *indices;
    if (ct__call_axis(call, along->axis, ct_rank(x)) < 0)
        return NULL;
    ct_release(ct_sort(ct_detach(x), (int)along->axis, along->descending, &indices));
    return indices;
}

ct_tensor *ct_argsort(ct_tensor *x, int axis, bool descending)
{
    return (ct_apply)(&ct_op_argsort, &x, 1, BY(.axis = axis, .descending = descending));
}

const ct_op ct_op_argsort = {
    .name = "argsort",
    .takes = {CT_COMPUTED},
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(sort_attributes),
    .attribute_names = "axis descending k",
    .expression = argsort_expression,
    .samples = (const ct_sample[]){{"3x5", BY(.axis = 1)}, {"2x0x3", BY(.axis = -1, .descending = 1)}, {0}},
};
