/* Data sets: targets of any kind, parts, batches drawn by weight, and the sets that come with cotan. */
#include "suites.h"
#include "tensor_checks.h"
#include "training_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- data whose samples say which they are ---- */

/* n samples i with label i % classes. */
static ct_dataset *numbered(int64_t n, int64_t classes)
{
    ct_scope_open();
    ct_tensor *x = ct_arange(CT_FLOAT64, 0, 1, n);
    int64_t *labels = calloc((size_t)n + 1, sizeof *labels);
    for (int64_t i = 0; i < n; i++)
        labels[i] = i % classes;
    ct_dataset *d = ct_dataset_new(x, ct_from_array(CT_INT64, labels, CT_SHAPE(n)), .dtype = CT_FLOAT64);
    free(labels);
    close_good_scope();
    return d;
}

/* The numbers of a data set's samples, [count], in order; owned by the innermost scope. */
static const double *numbers_of(const ct_dataset *d)
{
    ct_tensor *x, *y;
    ck_assert_int_eq(ct_dataset_all(d, &x, &y), CT_OK);
    return ct_data(x);
}

static void expect_numbers(ct_tensor *t, const double *values, int64_t n)
{
    double have[8];
    ck_assert_int_eq(ct_to_array(ct_cast(ct_detach(t), CT_FLOAT64), have, n), CT_OK);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(have[i], values[i], 1e-9);
}

/* ---- targets ---- */

/* Floats of any shape, in the dtype of the batches; integers of any shape. _i: the dtype. */
START_TEST(targets_of_any_kind)
{
    ct_dtype dtype = _i ? CT_FLOAT64 : CT_FLOAT32;
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 2)), *a, *b;
    ct_tensor *floats = ct_transpose(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4, 5, 6), CT_SHAPE(2, 3)), 0, 1);
    ct_tensor *tokens = ct_from_array(CT_INT64, (int64_t[]){7, -100, 8, 9, 10, 11}, CT_SHAPE(3, 2));
    ct_dataset *numbers = ct_dataset_new(x, floats, .dtype = dtype),
               *texts = ct_dataset_new(tokens, tokens, .dtype = dtype);
    ck_assert_int_eq(ct_dataset_classes(numbers), 0);
    ck_assert_int_eq(ct_dataset_classes(texts), 0);
    ck_assert_int_eq(ct_dataset_batch(numbers, (int64_t[]){2, 0}, 2, &a, &b), CT_OK);
    ck_assert_int_eq(ct_dtype_of(b), dtype);
    expect_numbers(b, CT_VALUES(3, 6, 1, 4));
    ck_assert_int_eq(ct_dataset_batch(texts, (int64_t[]){0}, 1, &a, &b), CT_OK);
    ck_assert(ct_dtype_of(a) == CT_INT64 && ct_dtype_of(b) == CT_INT64);
    ck_assert(((const int64_t *)ct_data(a))[1] == -100 && ((const int64_t *)ct_data(b))[0] == 7);
    ct_dataset *part = ct_dataset_subset(numbers, (int64_t[]){1}, 1);
    ck_assert_int_eq(ct_dataset_batch(part, (int64_t[]){0}, 1, &a, &b), CT_OK);
    ck_assert_double_eq(ct_get(b, (int64_t[]){0, 1}, 2), 5);
    ct_dataset_free(part);
    ct_dataset_free(numbers);
    ct_dataset_free(texts);
    expect_no_error();
}
END_TEST

START_TEST(all_samples_at_once)
{
    ct_scope_open();
    ct_tensor *a = ct_reshape(ct_arange(CT_FLOAT32, 0, 1, 6), CT_SHAPE(3, 2)), *b = ct_arange(CT_INT64, 0, 1, 3);
    ct_tensor *x, *y, *tensors[3] = {a, a, a};
    ct_dataset *pairs = ct_dataset_new(a, b, .scale = 2), *triples = ct_dataset_from_tensors(CT_TENSORS(a, b, b));
    ck_assert_int_eq(ct_dataset_all(pairs, &x, &y), CT_OK);
    expect_tensor(x, CT_FLOAT32, CT_SHAPE(3, 2), CT_VALUES(0, 2, 4, 6, 8, 10));
    expect_tensor(y, CT_INT64, CT_SHAPE(3), CT_VALUES(0, 1, 2));
    ck_assert_int_eq(ct_dataset_all_tensors(triples, tensors), CT_OK);
    expect_tensor(tensors[2], CT_INT64, CT_SHAPE(3), CT_VALUES(0, 1, 2));
    ck_assert_int_eq(ct_dataset_all(triples, &x, &y), CT_ERROR_ARGUMENT);
    ck_assert(!x && !y);
    expect_failure(CT_ERROR_ARGUMENT, "a sample has 3 tensors");
    ck_assert_int_eq(ct_dataset_batch_tensors(triples, (int64_t[]){3}, 1, tensors), CT_ERROR_ARGUMENT);
    ck_assert(!tensors[0] && !tensors[2]);
    expect_failure(CT_ERROR_ARGUMENT, "index 3 of 3 samples");
    ck_assert_int_eq(ct_dataset_all(NULL, &x, &y), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "data set is NULL");
    ck_assert_int_eq(ct_dataset_all(pairs, NULL, &y), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "nowhere to put the samples");
    ck_assert_int_eq(ct_dataset_all_tensors(pairs, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "nowhere to put the samples");
    ct_dataset_free(pairs);
    ct_dataset_free(triples);
    close_good_scope();
}
END_TEST

START_TEST(targets_are_refused)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 2)), *tokens = ct_zeros(CT_INT64, CT_SHAPE(3, 2));
    ck_assert_ptr_null(ct_dataset_new(x, ct_zeros(CT_UINT8, CT_SHAPE(3))));
    expect_failure(CT_ERROR_DTYPE, "targets must be int64 or float, not uint8");
    ck_assert_ptr_null(ct_dataset_new(x, ct_scalar(CT_FLOAT32, 3)));
    expect_failure(CT_ERROR_SHAPE, "targets [n, ...]: [3,2], []");
    ck_assert_ptr_null(ct_dataset_new(x, ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3))));
    expect_failure(CT_ERROR_SHAPE, "[3,2], [2,3]");
    ck_assert_ptr_null(ct_dataset_new(tokens, tokens, .scale = 0.5));
    expect_failure(CT_ERROR_ARGUMENT, "int64 samples are taken as they are: scale 0.5");
    ck_assert_ptr_null(ct_dataset_new(ct_zeros(CT_INT32, CT_SHAPE(3)), tokens));
    expect_failure(CT_ERROR_DTYPE, "samples must be uint8, int64 or float, not int32");
    ck_assert_ptr_null(ct_dataset_new(x, ct_full(CT_INT64, -1, CT_SHAPE(3))));
    expect_failure(CT_ERROR_ARGUMENT, "label -1 of sample 0 is negative");
}
END_TEST

static ct_tensor *layer_forward(void *layer, ct_tensor *x)
{
    return ct_forward(layer, x);
}

/* y = 3 x0 - 2 x1 + 1, two numbers for each sample, is found by the training loop. */
START_TEST(a_regression_is_fitted)
{
    ct_seed(1);
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(64, 2));
    ct_tensor *w = ct_from_values(CT_FLOAT64, CT_VALUES(3, -2, 0.5, 4), CT_SHAPE(2, 2));
    ct_tensor *y = ct_add_scalar(ct_matmul(x, ct_transpose(w, 0, 1)), 1);
    ct_dataset *d = ct_dataset_new(x, y, .dtype = CT_FLOAT64);
    ct_module *m = ct_module_new(CT_FLOAT64), *layer = ct_linear_new(m, "fc", 2, 2);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1);
    ck_assert_int_eq(ct_fit(layer_forward, layer, sgd, d, .epochs = 200, .batch_size = 16, .loss = ct_loss_mse,
                            .metrics = {&ct_metric_mae}, .output = NULL),
                     CT_OK);
    expect_numbers(ct_module_get(m, "fc.weight"), CT_VALUES(3, -2, 0.5, 4));
    expect_numbers(ct_module_get(m, "fc.bias"), CT_VALUES(1, 1));
    ct_evaluation e;
    ck_assert_int_eq(ct_evaluate(layer_forward, layer, d, &e, .loss = ct_loss_mse), CT_OK);
    ck_assert(e.loss < 1e-18 && e.count == 64);
    ct_optimizer_free(sgd);
    ct_module_free(m);
    ct_dataset_free(d);
}
END_TEST

/* ---- parts ---- */

/* Of 10 samples as PyTorch's random_split has them: floors, and what is left to the first. */
START_TEST(parts_have_pytorchs_sizes)
{
    const struct {
        double shares[3];
        int64_t n, sizes[3];
    } cases[] = {{{0.7, 0.3}, 2, {7, 3}},
                 {{0.33, 0.33, 0.34}, 3, {4, 3, 3}},
                 {{0.5, 0.25, 0.25}, 3, {6, 2, 2}},
                 {{8, 2}, 2, {8, 2}},
                 {{10, 0}, 2, {10, 0}},
                 {{1}, 1, {10}},
                 {{0.05, 0.9, 0.05}, 3, {1, 9, 0}}};
    ct_dataset *d = numbered(10, 2), *parts[3];
    for (int c = 0; c < LENGTH(cases); c++)
        for (int in_order = 0; in_order < 2; in_order++) {
            bool seen[10] = {false};
            double before = -1;
            ck_assert_int_eq(ct_random_split(d, cases[c].shares, cases[c].n, parts, .in_order = in_order), CT_OK);
            for (int64_t i = 0; i < cases[c].n; i++) {
                ck_assert_int_eq(ct_dataset_count(parts[i]), cases[c].sizes[i]);
                const double *x = numbers_of(parts[i]);
                for (int64_t k = 0; k < cases[c].sizes[i]; k++) {
                    ck_assert(!seen[(int)x[k]] && (!in_order || x[k] == before + 1));
                    seen[(int)(before = x[k])] = true;
                }
                ct_dataset_free(parts[i]);
            }
        }
    ct_dataset_free(d);
}
END_TEST

/* 0.29 of 100 is a little less than 29 in doubles, there as here. */
START_TEST(parts_are_rounded_as_pytorchs)
{
    ct_dataset *d = numbered(100, 2), *parts[2];
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(0.71, 0.29), parts), CT_OK);
    ck_assert(ct_dataset_count(parts[0]) == 72 && ct_dataset_count(parts[1]) == 28);
    for (int i = 0; i < 2; i++)
        ct_dataset_free(parts[i]);
    ct_dataset_free(d);
}
END_TEST

START_TEST(parts_follow_from_the_seed)
{
    ct_dataset *d = numbered(50, 5), *a[2], *b[2], *c[2];
    ct_random_state before = ct_random_get();
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(0.5, 0.5), a, .seed = 3), CT_OK);
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(0.5, 0.5), b, .seed = 3), CT_OK);
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(0.5, 0.5), c, .seed = 4), CT_OK);
    ck_assert(ct_random_get().counter == before.counter && ct_random_get().seed == before.seed);
    const double *x = numbers_of(a[0]), *same = numbers_of(b[0]), *other = numbers_of(c[0]);
    ck_assert(memcmp(x, same, 25 * sizeof *x) == 0 && memcmp(x, other, 25 * sizeof *x) != 0);
    for (int i = 0; i < 2; i++) {
        ct_dataset_free(a[i]);
        ct_dataset_free(b[i]);
        ct_dataset_free(c[i]);
    }
    ct_dataset_free(d);
}
END_TEST

/* Of each class a part has its share, to less than one sample; sizes are as without. */
START_TEST(parts_are_stratified)
{
    const double shares[] = {0.6, 0.25, 0.15};
    const int64_t sizes[] = {59, 24, 14};
    int64_t labels[97], of_class[4] = {0};
    for (int64_t i = 0; i < 97; i++)
        of_class[labels[i] = i < 60 ? 0 : i < 83 ? 1 : i < 96 ? 3 : 2]++; /* 60, 23, 1 and 13 */
    ct_dataset *d = ct_dataset_new(ct_zeros(CT_FLOAT32, CT_SHAPE(97)), ct_from_array(CT_INT64, labels, CT_SHAPE(97))),
               *parts[3];
    for (uint64_t seed = 0; seed < 20; seed++) {
        ck_assert_int_eq(ct_random_split(d, shares, 3, parts, .stratify = true, .seed = seed), CT_OK);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(ct_dataset_count(parts[i]), sizes[i]);
            int64_t have[4] = {0}, all[97];
            for (int64_t k = 0; k < 97; k++)
                all[k] = k;
            ct_tensor *x, *y;
            ck_assert_int_eq(ct_dataset_batch(parts[i], all, ct_dataset_count(parts[i]), &x, &y), CT_OK);
            for (int64_t k = 0; k < ct_numel(y); k++)
                have[((const int64_t *)ct_data(y))[k]]++;
            for (int c = 0; c < 4; c++)
                ck_assert_msg(fabs((double)have[c] - shares[i] * (double)of_class[c]) < 1,
                              "part %d has %lld of the %lld samples of class %d", i, (long long)have[c],
                              (long long)of_class[c], c);
            ct_dataset_free(parts[i]);
        }
    }
    ct_dataset_free(d);
}
END_TEST

START_TEST(parts_are_refused)
{
    ct_dataset *d = numbered(10, 2), *parts[2] = {d, d};
    ct_dataset *floats = ct_dataset_new(ct_zeros(CT_FLOAT32, CT_SHAPE(4)), ct_zeros(CT_FLOAT32, CT_SHAPE(4)));
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(0.5, 0.4), parts), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "random_split: the shares add up to 0.9, neither to 1 nor to the 10 samples");
    ck_assert(!parts[0] && !parts[1]);
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(1.5, -0.5), parts), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "share 1 is -0.5");
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(NAN), parts), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "share 0 is nan");
    ck_assert_int_eq(ct_random_split(floats, CT_VALUES(1), parts, .stratify = true), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "stratify takes targets that are labels");
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(1), parts, .stratify = true, .in_order = true), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "stratify takes a random order");
    const int64_t far[] = {0, INT64_MAX - 1};
    ct_dataset *two = ct_dataset_new(ct_zeros(CT_FLOAT32, CT_SHAPE(2)), ct_from_array(CT_INT64, far, CT_SHAPE(2)));
    ck_assert_int_eq(ct_random_split(two, CT_VALUES(1, 1), parts, .stratify = true), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "9223372036854775807 classes and 2 parts are too many to stratify");
    ct_dataset_free(two);
    ck_assert_int_eq(ct_random_split(d, NULL, 0, parts), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "the shares are NULL");
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(1), NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "the parts are NULL");
    ck_assert_int_eq(ct_random_split(NULL, CT_VALUES(1), parts), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "the data set is NULL");
    ct_dataset_free(floats);
    ct_dataset_free(d);
}
END_TEST

/* ---- batches ---- */

/* How often each sample comes in an epoch; the batches' sizes are checked. */
static void count_epoch(ct_batches *batches, int64_t size, int64_t *often, int64_t n)
{
    int64_t left = ct_batches_samples(batches), seen = 0;
    memset(often, 0, (size_t)n * sizeof *often);
    CT_EACH_BATCH (batches, x, y) {
        ck_assert_int_eq(ct_numel(x), left < size ? left : size);
        left -= ct_numel(x);
        seen++;
        for (int64_t i = 0; i < ct_numel(x); i++)
            often[(int64_t)((const double *)ct_data(x))[i]]++;
    }
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(seen, ct_batches_count(batches));
    expect_no_error();
}

START_TEST(the_last_batch_is_dropped)
{
    ct_dataset *d = numbered(10, 2);
    ct_batches *batches = ct_batches_new(d, .size = 4, .shuffle = true, .drop_last = true);
    int64_t often[10], sum[10] = {0};
    ck_assert(ct_batches_count(batches) == 2 && ct_batches_samples(batches) == 8);
    for (int epoch = 0; epoch < 40; epoch++) {
        count_epoch(batches, 4, often, 10);
        for (int i = 0; i < 10; i++) {
            ck_assert_int_le(often[i], 1);
            sum[i] += often[i];
        }
    }
    for (int i = 0; i < 10; i++)
        ck_assert_int_gt(sum[i], 20); /* not always the same are left out: 32 are expected */
    ct_batches_free(batches);
    batches = ct_batches_new(d, .size = 11, .drop_last = true);
    ck_assert(ct_batches_count(batches) == 0 && ct_batches_samples(batches) == 0);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* The batches of three parts, taken in turn, are those of the whole, as far as these make whole rounds; padded, the first ones again. */
static void expect_parts(const ct_dataset *d, int64_t n, bool shuffled, bool padded)
{
    ct_batches *whole = ct_batches_new(d, .size = 2, .shuffle = shuffled, .seed = 4), *parts[3];
    int64_t order[64], rounds = n / 6 + (padded && n % 6 > 0), k = 0;
    CT_EACH_BATCH (whole, x, y)
        for (int64_t i = 0; i < ct_size(x, 0); i++)
            order[k++] = (int64_t)ct_get(x, &i, 1);
    for (int p = 0; p < 3; p++) {
        parts[p] = ct_batches_new(d, .size = 2, .shuffle = shuffled, .seed = 4, .part = p, .parts = 3, .pad = padded);
        ck_assert(ct_batches_count(parts[p]) == rounds && ct_batches_samples(parts[p]) == 2 * rounds);
        int64_t batch = p;
        CT_EACH_BATCH (parts[p], x, y) {
            ck_assert_int_eq(ct_size(x, 0), 2);
            for (int64_t i = 0; i < 2; i++)
                ck_assert_int_eq((int64_t)ct_get(x, &i, 1), order[(2 * batch + i) % n]);
            batch += 3;
        }
        ck_assert_int_eq(batch, p + 3 * rounds);
        ct_batches_free(parts[p]);
    }
    ct_batches_free(whole);
}

START_TEST(batches_are_dealt_to_parts)
{
    for (int64_t n = 0; n <= 13; n++) {
        ct_dataset *d = numbered(n, 1);
        for (int i = 0; i < 4; i++)
            expect_parts(d, n, i & 1, i & 2);
        ct_dataset_free(d);
    }
    expect_no_error();
    ct_dataset *d = numbered(4, 1);
    ck_assert_ptr_null(ct_batches_new(d, .part = 3, .parts = 3));
    expect_failure(CT_ERROR_ARGUMENT, "batches: part 3 of 3, of batches of 64");
    ck_assert_ptr_null(ct_batches_new(d, .parts = 0));
    expect_failure(CT_ERROR_ARGUMENT, "batches: part 0 of 0");
    ct_dataset_free(d);
}
END_TEST

/* As often as the weights say, to four standard deviations; never with weight 0; the same for a seed and an epoch. */
START_TEST(samples_are_drawn_by_weight)
{
    enum { DRAWS = 40000 };
    ct_dataset *d = numbered(4, 2);
    const double w[] = {1, 0, 2, 5};
    ct_tensor *weights = ct_from_values(CT_FLOAT32, w, 4, CT_SHAPE(4));
    ct_batches *batches = ct_batches_new(d, .size = 64, .weights = weights, .draws = DRAWS, .seed = 9);
    int64_t often[4], again[4];
    count_epoch(batches, 64, often, 4);
    for (int i = 0; i < 4; i++) {
        double p = w[i] / 8, deviation = sqrt(DRAWS * p * (1 - p));
        ck_assert_msg(fabs((double)often[i] - DRAWS * p) <= 4 * deviation, "sample %d came %lld times", i,
                      (long long)often[i]);
    }
    count_epoch(batches, 64, again, 4);
    ck_assert(memcmp(often, again, sizeof often) != 0);
    ck_assert_int_eq(ct_batches_start(batches, 0), CT_OK);
    count_epoch(batches, 64, again, 4);
    ck_assert(memcmp(often, again, sizeof often) == 0);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* Two of four without putting back: how often each is there, from the probabilities of all orders. */
START_TEST(samples_are_drawn_without_replacement)
{
    enum { EPOCHS = 20000 };
    const double w[] = {1, 0, 2, 5};
    ct_dataset *d = numbered(4, 2);
    ct_batches *batches = ct_batches_new(d, .size = 2, .weights = ct_from_values(CT_FLOAT64, w, 4, CT_SHAPE(4)),
                                         .without_replacement = true, .draws = 2);
    int64_t often[4], sum[4] = {0};
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        count_epoch(batches, 2, often, 4);
        for (int i = 0; i < 4; i++) {
            ck_assert_int_le(often[i], 1);
            sum[i] += often[i];
        }
    }
    for (int i = 0; i < 4; i++) {
        double p = w[i] / 8;
        for (int first = 0; first < 4; first++)
            p += first == i ? 0 : w[first] / 8 * w[i] / (8 - w[first]);
        ck_assert_double_eq_tol((double)sum[i] / EPOCHS, p, 4 * sqrt(p * (1 - p) / EPOCHS) + 1e-12);
    }
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

START_TEST(batches_are_refused)
{
    ct_dataset *d = numbered(4, 2);
    ct_tensor *good = ct_ones(CT_FLOAT32, CT_SHAPE(4)),
              *one = ct_from_values(CT_FLOAT32, CT_VALUES(0, 0, 1, 0), CT_SHAPE(4));
    ck_assert_ptr_null(ct_batches_new(d, .weights = ct_ones(CT_FLOAT32, CT_SHAPE(3))));
    expect_failure(CT_ERROR_SHAPE, "weights of 4 samples are float [4]: float32 [3]");
    ck_assert_ptr_null(ct_batches_new(d, .weights = ct_ones(CT_INT64, CT_SHAPE(4))));
    expect_failure(CT_ERROR_SHAPE, "int64 [4]");
    ck_assert_ptr_null(ct_batches_new(d, .weights = ct_zeros(CT_FLOAT32, CT_SHAPE(4))));
    expect_failure(CT_ERROR_ARGUMENT, "4 samples to draw, and 0 have a weight");
    ck_assert_ptr_null(ct_batches_new(d, .weights = ct_full(CT_FLOAT32, -1, CT_SHAPE(4))));
    expect_failure(CT_ERROR_ARGUMENT, "weight 0 is -1");
    ck_assert_ptr_null(ct_batches_new(d, .weights = one, .without_replacement = true, .draws = 2));
    expect_failure(CT_ERROR_ARGUMENT, "2 samples to draw, and 1 have a weight");
    ck_assert_ptr_null(ct_batches_new(d, .weights = good, .shuffle = true));
    expect_failure(CT_ERROR_ARGUMENT, "not shuffled as well");
    ck_assert_ptr_null(ct_batches_new(d, .weights = good, .draws = -2));
    expect_failure(CT_ERROR_ARGUMENT, "-2 draws");
    ck_assert_ptr_null(ct_batches_new(d, .draws = 2));
    expect_failure(CT_ERROR_ARGUMENT, "there are none");
    ct_dataset_free(d);
}
END_TEST

static bool count_steps(const ct_progress *progress, void *user)
{
    int64_t *last = user;
    last[0] = progress->epoch_samples;
    last[1] = progress->steps;
    return true;
}

/* The training loop takes both options: 10 samples by fours, two epochs. */
START_TEST(fit_draws_and_drops)
{
    ct_module *m = ct_module_new(CT_FLOAT64), *layer = ct_linear_new(m, "fc", 1, 2);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1);
    int64_t last[2];
    ct_dataset *d = ct_dataset_new(ct_reshape(ct_arange(CT_FLOAT64, 0, 0.1, 10), CT_SHAPE(10, 1)),
                                   ct_zeros(CT_INT64, CT_SHAPE(10)), .dtype = CT_FLOAT64);
    ck_assert_int_eq(ct_fit(layer_forward, layer, sgd, d, .epochs = 2, .batch_size = 4, .drop_last = true,
                            .weights = ct_ones(CT_FLOAT64, CT_SHAPE(10)), .progress = count_steps, .user = last,
                            .output = NULL),
                     CT_OK);
    ck_assert_int_eq(last[0], 8);
    ck_assert_int_eq(last[1], 4);
    ct_optimizer_free(sgd);
    ct_module_free(m);
    ct_dataset_free(d);
}
END_TEST

/* ---- fitted to one set, applied to others ---- */

/* Samples first to last of a data set, which is given up. */
static ct_dataset *range_of(ct_dataset *d, int64_t first, int64_t n)
{
    int64_t indices[1000];
    for (int64_t i = 0; i < n; i++)
        indices[i] = first + i;
    ct_dataset *part = ct_dataset_subset(d, indices, n);
    ct_dataset_free(d);
    return part;
}

/* The layer's results on ten samples are scikit-learn's, also through ct_dataset_map() and after saving and loading. */
static void expect_reference(const char *name, ct_module *made, ct_dataset *test)
{
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/data_reference.safetensors");
    ct_tensor *want = ct_tensor_file_get(file, name), *x, *y, *z;
    const int64_t all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    ct_dataset *mapped = ct_dataset_map(test, ct_module_forward, made);
    ck_assert_int_eq(ct_dataset_batch(test, all, 10, &x, &y), CT_OK);
    ck_assert_int_eq(ct_dataset_batch(mapped, all, 10, &z, &y), CT_OK);
    ct_tensor *have = ct_forward(made, x);
    ck_assert_msg(have != NULL, "%s", ct_error_message());
    ck_assert(ct_requires_grad(have) == false && ct_numel(have) == ct_numel(want) && ct_numel(z) == ct_numel(want));
    for (int64_t i = 0; i < ct_numel(want); i++) {
        double w = ((const double *)ct_data(want))[i], h = ((const double *)ct_data(have))[i];
        ck_assert_msg(fabs(h - w) <= 1e-9 * fmax(fabs(w), 1), "%s: element %lld is %.17g, not %.17g", name,
                      (long long)i, h, w);
        ck_assert_double_eq(((const double *)ct_data(z))[i], h);
    }
    ct_tensor_file_free(file);
    ct_dataset_free(mapped);
}

START_TEST(scalers_are_scikit_learns)
{
    ct_dataset *train = range_of(ct_load_breast_cancer(.dtype = CT_FLOAT64), 0, 400);
    ct_dataset *test = range_of(ct_load_breast_cancer(.dtype = CT_FLOAT64), 400, 10);
    ct_module *m = ct_module_new(CT_FLOAT64), *copy = ct_module_new(CT_FLOAT64);
    expect_reference("standard", ct_standard_scaler_new(m, "scaler", train), test);
    ct_module *other = ct_standard_scaler_new(copy, "scaler", test);
    ck_assert_int_eq(ct_module_save(m, scratch("scaler.safetensors")), CT_OK);
    ck_assert_int_eq(ct_module_load(copy, scratch("scaler.safetensors")), CT_OK);
    expect_reference("standard", other, test);
    expect_reference("min_max", ct_min_max_scaler_new(m, NULL, train, .low = -1, .high = 2), test);
    ck_assert(ct_module_numel(m) == 0 && ct_module_count(m) == 4);
    ct_module_free(m);
    ct_module_free(copy);
    ct_dataset_free(train);
    ct_dataset_free(test);
}
END_TEST

START_TEST(components_are_scikit_learns)
{
    ct_dataset *train = range_of(ct_load_digits(.dtype = CT_FLOAT64, .scale = 1), 0, 1000);
    ct_dataset *test = range_of(ct_load_digits(.dtype = CT_FLOAT64, .scale = 1), 1000, 10);
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *plain = ct_pca_new(m, "plain", train, 5), *white = ct_pca_new(m, "white", train, 5, .whiten = true);
    expect_reference("pca", plain, test);
    expect_reference("pca_whitened", white, test);
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/data_reference.safetensors");
    expect_numbers(ct_module_get(m, "white.explained_variance"), ct_data(ct_tensor_file_get(file, "variance")), 5);
    ct_tensor_file_free(file);
    ct_module_free(m);
    ct_dataset_free(train);
    ct_dataset_free(test);
}
END_TEST

/* Images by channel, one of which does not vary; bytes; float32. */
START_TEST(channels_are_scaled)
{
    uint8_t bytes[] = {0, 10, 20, 30, 7, 7, 7, 7, 40, 50, 60, 70, 7, 7, 7, 7};
    ct_tensor *images = ct_from_array(CT_UINT8, bytes, CT_SHAPE(2, 2, 2, 2)), *x, *y;
    ct_dataset *d = ct_dataset_new(images, ct_zeros(CT_INT64, CT_SHAPE(2)));
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_dataset *standard = ct_dataset_map(d, ct_module_forward, ct_standard_scaler_new(m, "a", d, .channels = true));
    ct_dataset *unit = ct_dataset_map(d, ct_module_forward, ct_min_max_scaler_new(m, "b", d, .channels = true));
    ck_assert_int_eq(ct_dataset_batch(standard, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    ck_assert_double_eq_tol(ct_item(ct_mean(ct_square(ct_select(x, 1, 0)))), 1, 1e-6);
    ck_assert_double_eq_tol(ct_item(ct_mean(ct_select(x, 1, 0))), 0, 1e-6);
    ck_assert_double_eq(ct_item(ct_amax(ct_abs(ct_select(x, 1, 1)))), 0);
    ck_assert_int_eq(ct_dataset_batch(unit, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    ck_assert(ct_item(ct_amin(x)) == 0 && ct_item(ct_amax(x)) == 1 && ct_dtype_of(x) == CT_FLOAT32);
    ck_assert(ct_size(ct_module_get(m, "a.offset"), 0) == 2 && ct_numel(ct_module_get(m, "a.offset")) == 2);
    ct_module_free(m);
    ct_dataset_free(d);
    ct_dataset_free(standard);
    ct_dataset_free(unit);
}
END_TEST

static ct_tensor *first_row(void *model, ct_tensor *x)
{
    (void)model;
    return ct_slice(x, 0, 0, 1, 1);
}

static ct_tensor *as_it_is(void *model, ct_tensor *x)
{
    (void)model;
    return x;
}

/* Forgets nothing of what it makes; the most that is alive goes to the user's number. */
static ct_tensor *wasteful(void *most, ct_tensor *x)
{
    ck_assert(!ct_grad_enabled());
    for (int i = 0; i < 20; i++)
        x = ct_add_scalar(x, 1);
    int64_t live = ct_memory_stats().live_bytes;
    *(int64_t *)most = live > *(int64_t *)most ? live : *(int64_t *)most;
    return x;
}

/* A batch's own tensors are gone before the next one's. */
START_TEST(mapping_takes_little_memory)
{
    enum { SAMPLES = 4096, SIZE = 64, BYTES = SAMPLES * SIZE * 8 };
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(SAMPLES, SIZE)), *y;
    ct_dataset *d = ct_dataset_new(x, ct_zeros(CT_INT64, CT_SHAPE(SAMPLES)), .dtype = CT_FLOAT64);
    int64_t before = ct_memory_stats().live_bytes, most = 0;
    ct_dataset *mapped = ct_dataset_map(d, wasteful, &most);
    ck_assert_int_eq(ct_dataset_batch(mapped, (int64_t[]){SAMPLES - 1}, 1, &x, &y), CT_OK);
    ck_assert_double_eq(ct_get(x, (int64_t[]){0, SIZE - 1}, 2), 20);
    ck_assert_msg(most - before < 3 * BYTES, "%lld bytes for %d of results", (long long)(most - before), BYTES);
    ct_dataset_free(mapped);
    ct_dataset_free(d);
}
END_TEST

/* A dropout in front of a scaler changes nothing of what is mapped, and is in training afterwards. */
START_TEST(mapping_is_evaluation)
{
    ct_dataset *d = numbered(10, 2);
    ct_module *m = ct_module_new(CT_FLOAT64), *layer = ct_dropout_new(m, "drop", 0.5);
    ct_dataset *mapped = ct_dataset_map(d, ct_module_forward, layer);
    ck_assert(memcmp(numbers_of(mapped), numbers_of(d), 10 * sizeof(double)) == 0);
    ck_assert(ct_module_training(m));
    ct_module_free(m);
    ct_dataset_free(mapped);
    ct_dataset_free(d);
}
END_TEST

/* What is mapped, and what is picked, has the classes' names. */
START_TEST(names_go_along)
{
    FILE *file = fopen(scratch("named.csv"), "w");
    fputs("1,pear\n2,apple\n3,pear\n", file);
    fclose(file);
    ct_dataset *d = ct_dataset_from_csv(scratch("named.csv"));
    ct_dataset *mapped = ct_dataset_map(d, as_it_is, NULL), *part = ct_dataset_subset(mapped, (int64_t[]){1}, 1);
    ck_assert_msg(part != NULL, "%s", ct_error_message());
    ck_assert(ct_dataset_classes(part) == 2);
    ck_assert_str_eq(ct_dataset_class_name(mapped, 1), "pear");
    ck_assert_str_eq(ct_dataset_class_name(part, 0), "apple");
    ct_dataset_free(d);
    ct_dataset_free(mapped);
    ct_dataset_free(part);
}
END_TEST

/* Fitted to one tensor of three and applied to it: the others stay. */
START_TEST(any_tensor_is_fitted)
{
    ct_tensor *a = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3), CT_SHAPE(3)), *t[3];
    ct_tensor *b = ct_from_values(CT_FLOAT64, CT_VALUES(0, 10, 20, 0, 4, 8), CT_SHAPE(3, 2));
    ct_tensor *y = ct_from_values(CT_FLOAT64, CT_VALUES(5, 5, 9), CT_SHAPE(3));
    ct_dataset *d = ct_dataset_from_tensors(CT_TENSORS(a, b, y), .dtype = CT_FLOAT64);
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *inputs = ct_min_max_scaler_new(m, NULL, d, .tensor = 1);
    ct_module *targets = ct_standard_scaler_new(m, NULL, d, .tensor = 2);
    ck_assert_int_eq(ct_size(ct_module_get(ct_pca_new(m, "pca", d, 1, .tensor = 1), "components"), 1), 2);
    ct_dataset *once = ct_dataset_map(d, ct_module_forward, inputs, .tensor = 1);
    ct_dataset *twice = ct_dataset_map(once, ct_module_forward, targets, .tensor = 2);
    ck_assert_int_eq(ct_dataset_batch_tensors(twice, (int64_t[]){2, 1}, 2, t), CT_OK);
    expect_numbers(t[0], CT_VALUES(3, 2));
    expect_numbers(t[1], CT_VALUES(0.2, 0.8, 1, 0));
    expect_numbers(t[2], CT_VALUES(sqrt(2), -sqrt(0.5)));
    ck_assert_ptr_null(ct_dataset_map(d, ct_module_forward, inputs, .tensor = 3));
    expect_failure(CT_ERROR_ARGUMENT, "dataset_map: no tensor 3 in samples of 3");
    ck_assert_ptr_null(ct_standard_scaler_new(m, NULL, d, .tensor = -1));
    expect_failure(CT_ERROR_ARGUMENT, "standard_scaler: no tensor -1 in samples of 3");
    ct_module_free(m);
    ct_dataset_free(twice);
    ct_dataset_free(once);
    ct_dataset_free(d);
}
END_TEST

START_TEST(fitting_is_refused)
{
    ct_dataset *d = numbered(10, 2), *none = numbered(0, 2);
    ct_module *m = ct_module_new(CT_FLOAT64);
    ck_assert_ptr_null(ct_standard_scaler_new(m, "a", none));
    expect_failure(CT_ERROR_ARGUMENT, "standard_scaler: the data set is empty");
    ck_assert_ptr_null(ct_min_max_scaler_new(m, "a", d, .low = 1));
    expect_failure(CT_ERROR_ARGUMENT, "min_max_scaler: from 1 to 1");
    ck_assert_ptr_null(ct_standard_scaler_new(m, "a", d, .channels = true));
    expect_failure(CT_ERROR_SHAPE, "samples of no axes have no channels");
    ck_assert_ptr_null(ct_pca_new(m, "a", d, 2));
    expect_failure(CT_ERROR_ARGUMENT, "pca: 2 components of samples [10,1]");
    ck_assert_ptr_null(ct_standard_scaler_new(m, "a", NULL));
    expect_failure(CT_ERROR_NULL, "the data set is NULL");
    ck_assert_ptr_null(ct_standard_scaler_new(NULL, "a", d));
    expect_failure(CT_ERROR_NULL, "the module is NULL");
    ck_assert_ptr_null(ct_dataset_map(d, first_row, NULL));
    expect_failure(CT_ERROR_SHAPE, "dataset_map: the result has not a row for each sample");
    ck_assert_ptr_null(ct_dataset_map(d, NULL, NULL));
    expect_failure(CT_ERROR_NULL, "dataset_map: the model is NULL");
    ck_assert_int_eq(ct_module_count(m), 0);
    ct_module_free(m);
    ct_dataset_free(d);
    ct_dataset_free(none);
}
END_TEST

/* ---- sets that come with cotan ---- */

START_TEST(digits_come_with_cotan)
{
    ct_dataset *digits = ct_load_digits();
    ck_assert_msg(digits != NULL, "%s", ct_error_message());
    ck_assert(ct_dataset_count(digits) == 1797 && ct_dataset_classes(digits) == 10);
    ct_tensor *x, *y;
    ck_assert_int_eq(ct_dataset_batch(digits, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    ck_assert(ct_rank(x) == 4 && ct_size(x, 1) == 1 && ct_size(x, 2) == 8 && ct_size(x, 3) == 8);
    ck_assert_double_eq(ct_get(x, (int64_t[]){0, 0, 0, 3}, 4), 13. / 16);
    ck_assert(((const int64_t *)ct_data(y))[0] == 0 && ((const int64_t *)ct_data(y))[1] == 1);
    ct_dataset_free(digits);
    digits = ct_load_digits(.scale = 1, .offset = -8, .dtype = CT_FLOAT64, .shape = {64});
    ck_assert_int_eq(ct_dataset_batch(digits, (int64_t[]){0}, 1, &x, &y), CT_OK);
    ck_assert_double_eq(ct_get(x, (int64_t[]){0, 3}, 2), 5);
    ct_dataset_free(digits);
}
END_TEST

START_TEST(cells_come_with_cotan)
{
    ct_dataset *cells = ct_load_breast_cancer(.dtype = CT_FLOAT64);
    ck_assert_msg(cells != NULL, "%s", ct_error_message());
    ck_assert(ct_dataset_count(cells) == 569 && ct_dataset_classes(cells) == 2);
    ct_tensor *x, *y;
    ck_assert_int_eq(ct_dataset_batch(cells, (int64_t[]){0}, 1, &x, &y), CT_OK);
    ck_assert(ct_size(x, 1) == 30 && ct_get(x, (int64_t[]){0, 0}, 2) == 17.99 && ct_item(y) == 0);
    ct_dataset_free(cells);
}
END_TEST

START_TEST(sets_that_are_not_there)
{
    setenv("COTAN_DATA", "/nowhere", 1);
    ck_assert_ptr_null(ct_load_digits());
    expect_failure(CT_ERROR_IO,
                   "load_digits: no digits.csv.gz in /nowhere; COTAN_DATA in the environment names the folder");
    unsetenv("COTAN_DATA");
    ck_assert_ptr_null(ct_load_breast_cancer(.shape = {31}));
    expect_failure(CT_ERROR_SHAPE, "[569,30]");
    ck_assert_ptr_null(ct_load_digits(.skip_lines = 1));
    expect_failure(CT_ERROR_ARGUMENT, "load_digits takes no skip_lines");
}
END_TEST

Suite *ct_suite_data(void)
{
    Suite *suite = suite_create("data");
    TCase *t = case_without_error("targets");
    tcase_add_loop_test(t, targets_of_any_kind, 0, 2);
    tcase_add_test(t, targets_are_refused);
    tcase_add_test(t, all_samples_at_once);
    tcase_add_test(t, a_regression_is_fitted);
    suite_add_tcase(suite, t);
    t = case_without_error("parts");
    tcase_add_test(t, parts_have_pytorchs_sizes);
    tcase_add_test(t, parts_are_rounded_as_pytorchs);
    tcase_add_test(t, parts_follow_from_the_seed);
    tcase_add_test(t, parts_are_stratified);
    tcase_add_test(t, parts_are_refused);
    suite_add_tcase(suite, t);
    t = case_without_error("batches");
    tcase_add_test(t, the_last_batch_is_dropped);
    tcase_add_test(t, batches_are_dealt_to_parts);
    tcase_add_test(t, samples_are_drawn_by_weight);
    tcase_add_test(t, samples_are_drawn_without_replacement);
    tcase_add_test(t, batches_are_refused);
    tcase_add_test(t, fit_draws_and_drops);
    suite_add_tcase(suite, t);
    t = case_without_error("fitted");
    tcase_add_test(t, scalers_are_scikit_learns);
    if (reads_gzip("data: components_are_scikit_learns"))
        tcase_add_test(t, components_are_scikit_learns);
    tcase_add_test(t, channels_are_scaled);
    tcase_add_test(t, mapping_takes_little_memory);
    tcase_add_test(t, mapping_is_evaluation);
    tcase_add_test(t, names_go_along);
    tcase_add_test(t, any_tensor_is_fitted);
    tcase_add_test(t, fitting_is_refused);
    suite_add_tcase(suite, t);
    t = case_without_error("shipped");
    if (reads_gzip("data: digits_come_with_cotan"))
        tcase_add_test(t, digits_come_with_cotan);
    tcase_add_test(t, cells_come_with_cotan);
    tcase_add_test(t, sets_that_are_not_there);
    suite_add_tcase(suite, t);
    return suite;
}
