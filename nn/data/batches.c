/* The batches of a data set, one epoch after another.
 *
 * Invariant: an epoch's order follows from the seed and the epoch's number alone; what is in a batch, from these and its own number. */
#include "data_internal.h"
#include <math.h>

struct ct_batches {
    const ct_dataset *dataset;
    ct__samples *samples_of; /* the data set's */
    ct__loader *loader;      /* NULL: none asked for */
    int64_t size, count;     /* samples in a batch; batches in an epoch */
    int64_t samples;         /* of an epoch, all parts */
    int64_t drawn;           /* of an epoch's order; those behind them are the first once more */
    int64_t part, parts;     /* batch number k of these is number k parts + part of the epoch */
    bool shuffle, without_replacement;
    uint64_t seed;
    int64_t epoch;
    int64_t next;    /* batch */
    double *weights; /* NULL, or those of the samples, */
    int64_t *order;  /* [samples of the data set, or of an epoch if these are more] */
    ct_transform transforms[CT_TRANSFORMS];
    int n_transforms;
};

CT_OPTIONS_INIT(ct_batches_options)

static ct__make_batch make_batch; /* below */

static ct_status check_weights(const ct_dataset *dataset, const ct_batches_options *o)
{
    char shape[CT_NN_SHAPE_TEXT];
    bool drawn = o->without_replacement || o->draws != CT_UNSET_INT;
    if (!o->weights)
        return drawn ? ct_error_set(CT_ERROR_ARGUMENT, "batches: samples are drawn by weights, and there are none")
                     : CT_OK;
    if (!ct_dtype_is_float(ct_dtype_of(o->weights)) || ct_rank(o->weights) != 1 ||
        ct_numel(o->weights) != ct_dataset_count(dataset))
        return ct_error_set(CT_ERROR_SHAPE, "batches: weights of %lld samples are float [%lld]: %s %s",
                            (long long)ct_dataset_count(dataset), (long long)ct_dataset_count(dataset),
                            ct_dtype_name(ct_dtype_of(o->weights)), ct__nn_shape_text(o->weights, shape));
    if (o->shuffle)
        return ct_error_set(CT_ERROR_ARGUMENT, "batches: what is drawn by weights is not shuffled as well");
    return o->draws == CT_UNSET_INT || o->draws >= 0
               ? CT_OK
               : ct_error_set(CT_ERROR_ARGUMENT, "batches: %lld draws", (long long)o->draws);
}

/* The weights as the batches keep them. */
static ct_status take_weights(ct_batches *b, const ct_tensor *weights)
{
    int64_t n = ct_numel(weights), drawable = 0;
    b->weights = ct__nn_alloc("batches", n, sizeof *b->weights);
    if (!b->weights || ct_to_array(ct_cast((ct_tensor *)weights, CT_FLOAT64), b->weights, n) != CT_OK)
        return ct_error_code();
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(b->weights[i] >= 0) || isinf(b->weights[i]))
            return ct_error_set(CT_ERROR_ARGUMENT, "batches: weight %lld is %g", (long long)i, b->weights[i]);
        drawable += b->weights[i] > 0;
        sum += b->weights[i];
    }
    if ((b->drawn > 0 && drawable == 0) || isinf(sum) || (b->without_replacement && drawable < b->drawn))
        return ct_error_set(CT_ERROR_ARGUMENT, "batches: %lld samples to draw, and %lld have a weight; the sum is %g",
                            (long long)b->drawn, (long long)drawable, sum);
    return CT_OK;
}

static ct_status check_transform(const ct_batches *b, int number, const ct_transform *t)
{
    if (!t->name || !t->apply)
        return ct_error_set(CT_ERROR_NULL, "batches: transform %d has no %s", number, t->name ? "apply" : "name");
    if (number == 0 && t->as_before)
        return ct_error_set(CT_ERROR_ARGUMENT, "batches: %s draws as the transform before it, and is the first",
                            t->name);
    return ct__samples_check_tensor(b->samples_of, t->tensor, t->name);
}

static ct_status take_transforms(ct_batches *b, const ct_transform *const *transforms)
{
    while (b->n_transforms < CT_TRANSFORMS && transforms[b->n_transforms]) {
        const ct_transform *t = transforms[b->n_transforms];
        if (check_transform(b, b->n_transforms, t) != CT_OK)
            return ct_error_code();
        b->transforms[b->n_transforms++] = *t;
    }
    return CT_OK;
}

/* How many samples an epoch has, and batches in this part of it. */
static void count_batches(ct_batches *b, const ct_batches_options *o, int64_t samples)
{
    int64_t round = o->size * o->parts, left = samples % round;
    b->samples = o->parts == 1 && o->drop_last ? samples - left : samples;
    if (o->parts > 1)
        b->samples = samples - left + (o->pad && left > 0 ? round : 0);
    b->drawn = samples < b->samples ? samples : b->samples;
    b->count = b->samples / round + (b->samples % round != 0);
}

static ct_status begin(ct_batches *b, const ct_batches_options *o)
{
    int64_t all = ct_dataset_count(b->dataset);
    count_batches(b, o, o->weights && o->draws != CT_UNSET_INT ? o->draws : all);
    b->order = ct__nn_alloc("batches", all > b->samples ? all : b->samples, sizeof *b->order);
    if (!b->order || take_transforms(b, o->transforms) != CT_OK || ct_scope_open() != CT_OK)
        return ct_error_code();
    if (o->weights)
        take_weights(b, o->weights);
    if (ct__nn_scope_close() == CT_OK && o->workers > 0)
        b->loader = ct__loader_new(o->workers, b->samples_of->tensors, make_batch, b);
    return ct_error_code() == CT_OK ? ct_batches_start(b, 0) : ct_error_code();
}

ct_batches *ct_batches_new(const ct_dataset *dataset, const ct_batches_options *options)
{
    CT_READ_OPTIONS(ct_batches_options, o, options, "batches");
    if (!o || ct_object_check(dataset, "data set", "batches") != CT_OK)
        return NULL;
    if (o->size < 1)
        ct_error_set(CT_ERROR_ARGUMENT, "batches: size must be at least 1, not %lld", (long long)o->size);
    if (o->parts < 1 || o->part < 0 || o->part >= o->parts || o->size > INT64_MAX / (o->parts > 0 ? o->parts : 1))
        ct_error_set(CT_ERROR_ARGUMENT, "batches: part %lld of %lld, of batches of %lld", (long long)o->part,
                     (long long)o->parts, (long long)o->size);
    if (o->workers < 0 || o->workers > CT_WORKERS)
        ct_error_set(CT_ERROR_ARGUMENT, "batches: workers must be from 0 to %d: %lld", CT_WORKERS,
                     (long long)o->workers);
    if (ct_error_code() != CT_OK || check_weights(dataset, o) != CT_OK)
        return NULL;
    ct_batches *b = ct_object_new("batches", sizeof *b);
    if (!b)
        return NULL;
    *b = (ct_batches){.dataset = dataset,
                      .samples_of = ct__samples_keep(dataset->samples),
                      .size = o->size,
                      .part = o->part,
                      .parts = o->parts,
                      .shuffle = o->shuffle,
                      .without_replacement = o->without_replacement,
                      .seed = o->seed};
    if (begin(b, o) == CT_OK)
        return b;
    ct_batches_free(b);
    return NULL;
}

/* The data set must be there too. */
static ct_status check_batches(const ct_batches *batches, const char *what)
{
    ct_status status = ct_object_check(batches, "batches", what);
    return status == CT_OK ? ct_object_check(batches->dataset, "data set", what) : status;
}

void ct_batches_free(ct_batches *batches)
{
    if (!batches || ct_object_check(batches, "batches", "batches_free") != CT_OK)
        return;
    ct__loader_free(batches->loader);
    ct__samples_release(batches->samples_of);
    ct_deallocate(batches->order);
    ct_deallocate(batches->weights);
    ct_object_free(batches);
}

int64_t ct_batches_count(const ct_batches *batches)
{
    return batches && ct_object_check(batches, "batches", "batches_count") == CT_OK ? batches->count : 0;
}

int64_t ct_batches_samples(const ct_batches *batches)
{
    return batches && ct_object_check(batches, "batches", "batches_samples") == CT_OK
               ? batches->samples / batches->parts
               : 0;
}

/* Where the numbers of an epoch begin: those of its order at 0, those of its batches, counted from 1, so far apart that none meets
 * another's. */
static ct_random_state generator_of(const ct_batches *b, int64_t epoch, int64_t batch)
{
    return (ct_random_state){.seed = b->seed + UINT64_C(0x9E3779B97F4A7C15) * ((uint64_t)epoch + 1),
                             .counter = (uint64_t)batch << 40};
}

/* ---- orders ---- */

static ct_status shuffle(ct_batches *b)
{
    int64_t n = ct_dataset_count(b->dataset);
    const ct_tensor *order = ct_randperm(n);
    if (order && n > 0)
        memcpy(b->order, ct_data(order), (size_t)n * sizeof *b->order);
    return ct_error_code();
}

/* The sample on which a share of all weights, added up in their order, falls: the first that reaches beyond it, or, where that is
 * rounded to all of them, to the end, so that none of weight 0 is drawn. */
static int64_t sample_at(const double *sums, int64_t n, double share)
{
    int64_t low = 0, high = n - 1;
    double at = share * sums[n - 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > at || sums[middle] == sums[n - 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static ct_status draw(ct_batches *b)
{
    int64_t n = ct_dataset_count(b->dataset);
    const double *uniform = ct_data(ct_rand(CT_FLOAT64, 0, 1, &b->drawn, 1));
    double *sums = ct__nn_alloc("batches", n, sizeof *sums);
    for (int64_t i = 0; sums && i < n; i++)
        sums[i] = b->weights[i] + (i > 0 ? sums[i - 1] : 0);
    for (int64_t k = 0; sums && uniform && k < b->drawn; k++)
        b->order[k] = sample_at(sums, n, uniform[k]);
    ct_deallocate(sums);
    return ct_error_code();
}

/* The samples with the largest log(u) / weight: as by drawing one after the other without putting back (Efraimidis, Spirakis:
 * Weighted random sampling with a reservoir, 2006). */
static ct_status draw_without_replacement(ct_batches *b)
{
    int64_t n = ct_dataset_count(b->dataset), places = 0;
    const double *uniform = ct_data(ct_rand(CT_FLOAT64, 0, 1, &n, 1));
    ct_tensor *keys = ct_empty(CT_FLOAT64, &n, 1);
    double *key = ct_data_mut(keys);
    for (int64_t i = 0; key && uniform && i < n; i++)
        key[i] = b->weights[i] > 0 ? log1p(-uniform[i]) / b->weights[i] : -INFINITY;
    const int64_t *order = ct_data(ct_argsort(keys, 0, true));
    for (; order && places < b->drawn; places++)
        b->order[places] = order[places];
    return ct_error_code();
}

/* From seed and epoch alone; the thread's generator goes on where it was. */
static ct_status draw_order(ct_batches *b, int64_t epoch)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_random_state before = ct_random_get();
    ct_random_set(generator_of(b, epoch, 0));
    ct_no_grad_begin();
    if (!b->weights)
        shuffle(b);
    else if (b->without_replacement)
        draw_without_replacement(b);
    else
        draw(b);
    ct_no_grad_end();
    ct_random_set(before);
    return ct__nn_scope_close();
}

ct_status ct_batches_start(ct_batches *batches, int64_t epoch)
{
    if (check_batches(batches, "batches_start") != CT_OK)
        return ct_error_code();
    if (epoch < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "batches: epoch %lld", (long long)epoch);
    ct__loader_forget(batches->loader);
    batches->next = 0;
    batches->epoch = epoch;
    ct_status status = CT_OK;
    if (batches->shuffle || batches->weights)
        status = draw_order(batches, epoch);
    else
        for (int64_t i = 0; i < ct_dataset_count(batches->dataset); i++)
            batches->order[i] = i;
    for (int64_t k = batches->drawn; status == CT_OK && k < batches->samples; k++)
        batches->order[k] = batches->order[k - batches->drawn];
    return status;
}

ct_status ct__batches_begin_next(ct_batches *batches)
{
    if (check_batches(batches, "each_batch") != CT_OK)
        return ct_error_code();
    return batches->next == 0 ? CT_OK : ct_batches_start(batches, batches->epoch + 1);
}

void ct__batches_skip(ct_batches *batches, int64_t n)
{
    int64_t left = batches->count - batches->next;
    batches->next += n < left ? n : left;
}

/* ---- one batch ---- */

static ct_tensor *apply(const ct_transform *t, ct_tensor *x)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    ct_tensor *y = t->apply(x, t);
    if (!y && ct_error_code() == CT_OK)
        ct_error_set(CT_ERROR_NULL, "batches: %s made nothing of a batch", t->name);
    if (y && (ct_rank(y) < 1 || ct_size(y, 0) != ct_size(x, 0)))
        ct_error_set(CT_ERROR_SHAPE, "batches: %s made %s of %s: another number of samples", t->name,
                     ct__nn_shape_text(y, b), ct__nn_shape_text(x, a));
    return ct_error_code() == CT_OK ? y : NULL;
}

/* Each draws behind those before it; with .as_before, from where the last without it began. */
static ct_status transform(const ct_batches *b, ct_tensor **tensors)
{
    ct_random_state begin = ct_random_get(), end = begin;
    for (int i = 0; i < b->n_transforms; i++) {
        const ct_transform *t = &b->transforms[i];
        begin = t->as_before ? begin : end;
        ct_random_set(begin);
        if (!(tensors[t->tensor] = apply(t, tensors[t->tensor])))
            return ct_error_code();
        ct_random_state now = ct_random_get();
        end = now.counter > end.counter ? now : end;
    }
    return CT_OK;
}

/* The batch of that number in the epoch, made with nothing but what batches are made of: it may be on another thread. The thread's generator
 * goes on where it was. */
static ct_status make_batch(const ct_batches *b, int64_t of_part, ct_tensor **tensors)
{
    int64_t number = of_part * b->parts + b->part;
    int64_t first = number * b->size, left = b->samples - first;
    ct_random_state before = ct_random_get();
    ct_random_set(generator_of(b, b->epoch, number + 1));
    ct_no_grad_begin();
    ct_status status = ct__samples_batch(b->samples_of, b->order + first, left < b->size ? left : b->size, tensors);
    if (status == CT_OK)
        status = transform(b, tensors);
    ct_no_grad_end();
    ct_random_set(before);
    return status;
}

/* The same in the innermost scope, without what it makes on the way. */
static ct_status make_here(const ct_batches *b, int64_t number, ct_tensor **tensors)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_status status = make_batch(b, number, tensors);
    for (int i = 0; i < b->samples_of->tensors && status == CT_OK; i++)
        ct_scope_return(tensors[i]);
    return ct__nn_scope_close();
}

bool ct_batches_next_tensors(ct_batches *batches, ct_tensor **tensors)
{
    if (check_batches(batches, "batches_next") != CT_OK)
        return false;
    if (!tensors)
        ct_error_set(CT_ERROR_NULL, "batches_next: nowhere to put a batch");
    if (ct_error_code() != CT_OK || batches->next == batches->count)
        return false;
    bool taken =
        ct__loader_works(batches->loader) && ct__loader_take(batches->loader, batches->next, batches->count, tensors);
    ct_status status = taken || ct_error_code() != CT_OK ? ct_error_code() : make_here(batches, batches->next, tensors);
    for (int i = 0; i < batches->samples_of->tensors && status != CT_OK; i++)
        tensors[i] = NULL;
    batches->next += status == CT_OK;
    return status == CT_OK;
}

bool ct_batches_next(ct_batches *batches, ct_tensor **x, ct_tensor **y)
{
    ct_tensor *tensors[2];
    if (check_batches(batches, "batches_next") != CT_OK || ct__dataset_check_pair(batches->dataset) != CT_OK)
        return false;
    if (!x || !y)
        ct_error_set(CT_ERROR_NULL, "batches_next: nowhere to put a batch");
    else
        *x = *y = NULL;
    if (ct_error_code() != CT_OK || !ct_batches_next_tensors(batches, tensors))
        return false;
    *x = tensors[0];
    *y = tensors[1];
    return true;
}
