/* Sorting along an axis: sort, and topk and argsort as expressions over it.
 *
 * Invariant: elements are compared as 64-bit keys, in which NaN is the largest and -0 is 0; the sort is stable. */
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

/* ---- a merge sort ---- */

enum { RUN = 16 /* entries that are sorted by insertion */ };

static void sort_run(entry *e, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        entry new = e[i];
        int64_t place = i;
        for (; place > 0 && e[place - 1].key > new.key; place--)
            e[place] = e[place - 1];
        e[place] = new;
    }
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

/* ---- sort ---- */

typedef struct sort_attributes {
    int64_t axis;
    int64_t descending;
} sort_attributes;

enum {
    MAX_TASKS = 16,
    GRAIN = 2048 /* elements that are worth a task */
};

/* Contiguous elements [outer, n, inner]. */
typedef struct sort_job {
    const char *x;
    char *values;
    int64_t *indices;
    entry *entries; /* 2 n for each task */
    int64_t n, inner, lines, tasks;
    ct_dtype dtype;
    uint64_t flip; /* all ones for descending */
} sort_job;

static void sort_line(const sort_job *j, int64_t line, entry *entries)
{
    size_t size = ct_dtype_size(j->dtype);
    int64_t begin = line / j->inner * j->n * j->inner + line % j->inner;
    for (int64_t i = 0; i < j->n; i++)
        entries[i] = (entry){.key = key_of(j->dtype, j->x, begin + i * j->inner) ^ j->flip, .index = i};
    const entry *sorted = sort_entries(entries, entries + j->n, j->n);
    for (int64_t i = 0; i < j->n; i++) {
        int64_t from = begin + sorted[i].index * j->inner, to = begin + i * j->inner;
        memcpy(j->values + (size_t)to * size, j->x + (size_t)from * size, size);
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

static ct_status infer_sort(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    if (ct__call_axis(call, along->axis, x->rank) < 0)
        return CT_ERROR_ARGUMENT;
    ct_status status = ct_call_output_like(call, 0, x);
    return status == CT_OK ? ct_call_output_shape(call, 1, CT_INT64, x->shape, x->rank) : status;
}

static ct_status forward_sort(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__axis((int)along->axis, x->rank);
    sort_job j = {.x = ct_call_input_data(call, 0),
                  .values = ct_call_output_data(call, 0),
                  .indices = ct_call_output_data(call, 1),
                  .n = x->shape[axis],
                  .inner = 1,
                  .dtype = (ct_dtype)x->dtype,
                  .flip = along->descending ? UINT64_MAX : 0};
    if (!j.x)
        return ct_error_code();
    if (x->numel == 0)
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

static ct_status backward_sort(ct_call *call)
{
    const sort_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_scatter_add(ct_zeros_like(g), (int)along->axis, ct_call_output(call, 1), g));
}

ct_tensor *ct_sort(ct_tensor *x, int axis, bool descending, ct_tensor **indices)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(&ct_op_sort, &x, 1, &(sort_attributes){axis, descending}, outputs);
    if (indices)
        *indices = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

const ct_op ct_op_sort = {
    .name = "sort",
    .gradient = "g, each element back where it came from",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(sort_attributes),
    .infer = infer_sort,
    .forward = forward_sort,
    .backward = backward_sort,
    .samples = (const ct_sample[]){{"3x5", &(sort_attributes){1, 0}},
                                   {"2x3x4", &(sort_attributes){-2, 1}},
                                   {"4", &(sort_attributes){0, 0}},
                                   {"2x0", &(sort_attributes){1, 0}},
                                   {"0x2", &(sort_attributes){1, 1}},
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
    return (ct_apply)(&ct_op_argsort, &x, 1, &(sort_attributes){axis, descending});
}

const ct_op ct_op_argsort = {
    .name = "argsort",
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(sort_attributes),
    .expression = argsort_expression,
    .samples = (const ct_sample[]){{"3x5", &(sort_attributes){1, 0}}, {"2x0x3", &(sort_attributes){-1, 1}}, {0}},
};

/* ---- topk ---- */

typedef struct topk_attributes {
    int64_t k, axis, largest;
} topk_attributes;

static ct_tensor *topk_expression(ct_call *call)
{
    const topk_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *indices;
    int axis = ct__call_axis(call, a->axis, ct_rank(x));
    if (axis < 0)
        return NULL;
    if (a->k < 0 || a->k > ct_size(x, axis)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "k = %lld is not in 0..%lld: %s", (long long)a->k,
                      (long long)ct_size(x, axis), ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *sorted = ct_sort(x, axis, a->largest, &indices);
    if (ct_call_set_output(call, 1, ct_slice(indices, axis, 0, a->k, 1)) != CT_OK)
        return NULL;
    return ct_slice(sorted, axis, 0, a->k, 1);
}

ct_tensor *ct_topk(ct_tensor *x, int64_t k, int axis, bool largest, ct_tensor **indices)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(&ct_op_topk, &x, 1, &(topk_attributes){k, axis, largest}, outputs);
    if (indices)
        *indices = outputs[1];
    return outputs[0];
}

const ct_op ct_op_topk = {
    .name = "topk",
    .gradient = "g at the k elements chosen, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .attributes_size = sizeof(topk_attributes),
    .expression = topk_expression,
    .samples = (const ct_sample[]){{"3x5", &(topk_attributes){2, 1, 1}},
                                   {"4x3", &(topk_attributes){4, -2, 0}},
                                   {"5", &(topk_attributes){1, 0, 0}},
                                   {"0x3", &(topk_attributes){2, 1, 1}},
                                   {"2x3", &(topk_attributes){0, 1, 1}},
                                   {0}},
};
