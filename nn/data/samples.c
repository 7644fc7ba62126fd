/* Samples: rows of tensors, or what a source of the user's makes when it is asked; and batches of them.
 *
 * Invariant: tensors are contiguous and kept by the samples alone, and nothing changes them, so that several threads may read them. */
#include "data_internal.h"

/* ---- their life ---- */

ct__samples *ct__samples_new(int64_t count, int tensors)
{
    ct__samples *samples = ct__nn_alloc("dataset", 1, sizeof *samples);
    if (samples)
        *samples = (ct__samples){.references = 1, .count = count, .tensors = tensors, .scale = 1};
    return samples;
}

ct__samples *ct__samples_keep(ct__samples *samples)
{
    samples->references++;
    return samples;
}

/* Of which nobody holds a reference. */
static void end(ct__samples *samples)
{
    for (int i = 0; i < samples->tensors; i++)
        ct_release(samples->tensor[i]);
    if (samples->source.free)
        samples->source.free(samples->self);
    ct_deallocate(samples);
}

void ct__samples_release(ct__samples *samples)
{
    if (samples && --samples->references == 0)
        end(samples);
}

ct_status ct__samples_check_tensor(const ct__samples *samples, int tensor, const char *who)
{
    if (tensor >= 0 && tensor < samples->tensors)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "%s: no tensor %d in samples of %d", who, tensor, samples->tensors);
}

/* ---- batches of tensors ---- */

/* A new tensor of dtype with the shape of n samples. */
static ct_tensor *empty_batch(const ct_tensor *samples, ct_dtype dtype, int64_t n)
{
    int64_t shape[CT_MAX_RANK];
    memcpy(shape, ct_shape(samples), (size_t)ct_rank(samples) * sizeof *shape);
    shape[0] = n;
    return ct_empty(dtype, shape, ct_rank(samples));
}

/* to[i] = from[indices[i]] for rows of so many bytes. */
static void gather_rows(char *to, const char *from, const int64_t *indices, int64_t n, size_t row)
{
    for (int64_t i = 0; row > 0 && i < n; i++)
        memcpy(to + (size_t)i * row, from + (size_t)indices[i] * row, row);
}

static void scale_f32(float *restrict to, const uint8_t *restrict from, int64_t n, float scale, float offset)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)from[i] * scale + offset;
}

static void scale_f64(double *restrict to, const uint8_t *restrict from, int64_t n, double scale, double offset)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (double)from[i] * scale + offset;
}

/* The same for rows of bytes that become numbers of the samples' dtype. */
static void scale_rows(const ct__samples *s, void *to, const uint8_t *from, const int64_t *indices, int64_t n,
                       int64_t row)
{
    for (int64_t i = 0; i < n; i++) {
        if (s->dtype == CT_FLOAT32)
            scale_f32((float *)to + i * row, from + indices[i] * row, row, (float)s->scale, (float)s->offset);
        else
            scale_f64((double *)to + i * row, from + indices[i] * row, row, s->scale, s->offset);
    }
}

/* The rows of t at the indices. */
static ct_tensor *picked(const ct_tensor *t, const int64_t *indices, int64_t n)
{
    ct_tensor *rows = empty_batch(t, ct_dtype_of(t), n);
    if (rows && ct_numel(rows) > 0)
        gather_rows(ct_data_mut(rows), ct_data(t), indices, n,
                    (size_t)(ct_numel(rows) / n) * ct_dtype_size(ct_dtype_of(t)));
    return rows;
}

/* The same, scaled if they are bytes. */
static ct_tensor *picked_numbers(const ct__samples *s, const ct_tensor *t, const int64_t *indices, int64_t n)
{
    if (ct_dtype_of(t) != CT_UINT8)
        return picked(t, indices, n);
    ct_tensor *x = empty_batch(t, s->dtype, n);
    if (x && ct_numel(x) > 0)
        scale_rows(s, ct_data_mut(x), ct_data(t), indices, n, ct_numel(x) / n);
    return x;
}

/* ---- batches of a source ---- */

/* One sample from the source, checked. */
static ct_status get(const ct__samples *s, int64_t index, ct_tensor **sample)
{
    for (int i = 0; i < s->tensors; i++)
        sample[i] = NULL;
    ct_status status = s->source.get(s->self, index, sample);
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (status != CT_OK)
        return ct_error_set(status, "dataset: %s has no sample %lld", s->source.name, (long long)index);
    for (int i = 0; i < s->tensors; i++)
        if (!sample[i])
            return ct_error_set(CT_ERROR_NULL, "dataset: tensor %d of sample %lld of %s is NULL", i, (long long)index,
                                s->source.name);
    return CT_OK;
}

/* A batch's tensor for n of these, in the scope around the innermost. */
static ct_tensor *room_for(const ct_tensor *one, int64_t n)
{
    int64_t shape[CT_MAX_RANK] = {n};
    if (ct_rank(one) == CT_MAX_RANK) {
        ct_error_set(CT_ERROR_SHAPE, "dataset: a sample of rank %d leaves none for a batch", CT_MAX_RANK);
        return NULL;
    }
    memcpy(shape + 1, ct_shape(one), (size_t)ct_rank(one) * sizeof *shape);
    ct_tensor *rows = ct_empty(ct_dtype_of(one), shape, ct_rank(one) + 1);
    return rows ? ct_scope_return(rows) : NULL;
}

static bool is_row_of(const ct_tensor *rows, const ct_tensor *one)
{
    return ct_dtype_of(rows) == ct_dtype_of(one) && ct_rank(rows) == ct_rank(one) + 1 &&
           memcmp(ct_shape(rows) + 1, ct_shape(one), (size_t)ct_rank(one) * sizeof(int64_t)) == 0;
}

static ct_status put_row(const ct__samples *s, ct_tensor *rows, int64_t row, ct_tensor *one, int64_t index)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    if (!is_row_of(rows, one))
        return ct_error_set(CT_ERROR_SHAPE, "dataset: sample %lld of %s is %s %s, which does not go into %s %s",
                            (long long)index, s->source.name, ct_dtype_name(ct_dtype_of(one)),
                            ct__nn_shape_text(one, a), ct_dtype_name(ct_dtype_of(rows)), ct__nn_shape_text(rows, b));
    const void *from = ct_data(ct_contiguous(one));
    char *to = ct_data_mut(rows);
    size_t bytes = (size_t)ct_numel(one) * ct_dtype_size(ct_dtype_of(one));
    if (from && to && bytes > 0)
        memcpy(to + (size_t)row * bytes, from, bytes);
    return ct_error_code();
}

static ct_status add_sample(const ct__samples *s, int64_t index, int64_t row, int64_t n, ct_tensor **tensors)
{
    ct_tensor *sample[CT_SAMPLE_TENSORS];
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_status status = get(s, index, sample);
    for (int i = 0; i < s->tensors && status == CT_OK; i++) {
        if (row == 0)
            tensors[i] = room_for(sample[i], n);
        status = tensors[i] ? put_row(s, tensors[i], row, sample[i], index) : ct_error_code();
    }
    return ct__nn_scope_close();
}

static ct_status make_batch(const ct__samples *s, const int64_t *indices, int64_t n, ct_tensor **tensors)
{
    if (n == 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: no samples of %s, whose shapes are not known then",
                            s->source.name);
    ct_no_grad_begin();
    for (int64_t i = 0; i < n && ct_error_code() == CT_OK; i++)
        add_sample(s, indices[i], i, n, tensors);
    ct_no_grad_end();
    return ct_error_code();
}

/* ---- both ---- */

ct_status ct__samples_batch(const ct__samples *samples, const int64_t *indices, int64_t n, ct_tensor **tensors)
{
    for (int i = 0; i < samples->tensors; i++)
        tensors[i] = NULL;
    if (samples->source.get)
        make_batch(samples, indices, n, tensors);
    else
        for (int i = 0; i < samples->tensors && ct_error_code() == CT_OK; i++)
            tensors[i] = picked_numbers(samples, samples->tensor[i], indices, n);
    for (int i = 0; i < samples->tensors && ct_error_code() != CT_OK; i++) {
        ct_release(tensors[i]);
        tensors[i] = NULL;
    }
    return ct_error_code();
}

/* ---- parts ---- */

typedef struct part {
    ct__samples *of;
    int64_t indices[];
} part;

static ct_status get_of_part(void *self, int64_t index, ct_tensor **sample)
{
    const part *p = self;
    return p->of->source.get(p->of->self, p->indices[index], sample);
}

static void free_part(void *self)
{
    part *p = self;
    ct__samples_release(p->of);
    ct_deallocate(p);
}

static ct__samples *part_of_source(ct__samples *s, const int64_t *indices, int64_t n)
{
    ct__samples *made = ct__samples_new(n, s->tensors);
    part *p = made ? ct__nn_alloc("dataset", 1, sizeof *p + (size_t)n * sizeof *p->indices) : NULL;
    if (!p) {
        ct_deallocate(made);
        return NULL;
    }
    p->of = ct__samples_keep(s);
    if (n > 0)
        memcpy(p->indices, indices, (size_t)n * sizeof *indices);
    made->dtype = s->dtype;
    made->source = (ct_source){.name = s->source.name, .tensors = s->tensors, .get = get_of_part, .free = free_part};
    made->self = p;
    return made;
}

static ct__samples *part_of_tensors(const ct__samples *s, const int64_t *indices, int64_t n)
{
    ct__samples *made = ct__samples_new(n, s->tensors);
    if (!made || ct_scope_open() != CT_OK) {
        ct_deallocate(made);
        return NULL;
    }
    made->dtype = s->dtype;
    made->scale = s->scale;
    made->offset = s->offset;
    for (int i = 0; i < s->tensors && ct_error_code() == CT_OK; i++)
        if ((made->tensor[i] = picked(s->tensor[i], indices, n)))
            ct_keep(made->tensor[i]);
    if (ct__nn_scope_close() == CT_OK)
        return made;
    end(made);
    return NULL;
}

ct__samples *ct__samples_part(ct__samples *samples, const int64_t *indices, int64_t n)
{
    return samples->source.get ? part_of_source(samples, indices, n) : part_of_tensors(samples, indices, n);
}
