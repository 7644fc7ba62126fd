/* Samples of one's own, samples of several tensors, and batches that threads make ahead: the same as without. */
#include "suites.h"
#include "training_checks.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- sources ---- */

/* Sample i is two rows of i and i / 2, and its target i, plus what is drawn for it. */
typedef struct counted {
    int64_t n, bad; /* samples; the one that cannot be had, or -1 */
    double noise;
    _Atomic int64_t got, freed;
} counted;

static int64_t count_of(void *self)
{
    return ((counted *)self)->n;
}

static ct_status get_pair(void *self, int64_t index, ct_tensor **sample)
{
    counted *c = self;
    c->got++;
    if (index == c->bad)
        return ct_error_set(CT_ERROR_IO, "counted: nothing at %lld", (long long)index);
    sample[0] = ct_full(CT_FLOAT32, (double)index, CT_SHAPE(2, 3));
    if (c->noise > 0)
        sample[0] = ct_add(sample[0], ct_randn(CT_FLOAT32, 0, c->noise, CT_SHAPE(2, 3)));
    sample[1] = ct_cast(ct_full(CT_FLOAT32, (double)(index % 3), CT_SCALAR), CT_INT64);
    return CT_OK;
}

static ct_status get_three(void *self, int64_t index, ct_tensor **sample)
{
    (void)self;
    sample[0] = ct_full(CT_FLOAT64, (double)index, CT_SHAPE(2));
    sample[1] = ct_transpose(ct_reshape(ct_arange(CT_FLOAT64, (double)index, 1, 6), CT_SHAPE(2, 3)), 0, 1);
    sample[2] = ct_full(CT_FLOAT64, 3 * (double)index, CT_SHAPE(1));
    return CT_OK;
}

static void note_free(void *self)
{
    ((counted *)self)->freed++;
}

static const ct_source pairs = {.name = "counted", .tensors = 2, .count = count_of, .get = get_pair, .free = note_free};
static const ct_source threes = {
    .name = "threes", .tensors = 3, .count = count_of, .get = get_three, .free = note_free};

START_TEST(samples_of_ones_own)
{
    counted c = {.n = 7, .bad = -1};
    ct_dataset *d = ct_dataset_from_source(&pairs, &c), *parts[2];
    ck_assert(ct_dataset_count(d) == 7 && ct_dataset_tensors(d) == 2 && ct_dataset_classes(d) == 0);
    ct_tensor *x, *y;
    ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){5, 2, 5}, 3, &x, &y), CT_OK);
    ck_assert(ct_rank(x) == 3 && ct_size(x, 0) == 3 && ct_size(x, 1) == 2 && ct_size(x, 2) == 3);
    ck_assert(ct_get(x, (int64_t[]){0, 1, 2}, 3) == 5 && ct_get(x, (int64_t[]){1, 0, 0}, 3) == 2);
    ck_assert(ct_rank(y) == 1 && ct_get(y, (int64_t[]){2}, 1) == 2 && ct_dtype_of(y) == CT_INT64);
    ck_assert_int_eq(ct_random_split(d, CT_VALUES(5, 2), parts, .in_order = true), CT_OK);
    ct_dataset *part = ct_dataset_subset(parts[1], (int64_t[]){1}, 1); /* a part of a part */
    int64_t got = c.got;
    ct_dataset_free(d);
    ct_dataset_free(parts[0]);
    ct_dataset_free(parts[1]);
    ck_assert(got == 3 && c.freed == 0); /* parts look into it */
    ck_assert_int_eq(ct_dataset_batch(part, (int64_t[]){0}, 1, &x, &y), CT_OK);
    ck_assert_double_eq(ct_get(x, (int64_t[]){0, 0, 0}, 3), 6);
    ct_dataset_free(part);
    ck_assert_int_eq(c.freed, 1);
}
END_TEST

static ct_tensor *twice(void *unused, ct_tensor *x)
{
    (void)unused;
    return ct_mul_scalar(x, 2);
}

/* What is measured in a data set, and made of it, is so of a source. */
START_TEST(sources_are_scaled_and_mapped)
{
    counted c = {.n = 5, .bad = -1};
    ct_dataset *d = ct_dataset_from_source(&pairs, &c), *mapped = ct_dataset_map(d, twice, NULL);
    ct_tensor *x, *y;
    ck_assert_int_eq(ct_dataset_batch(mapped, (int64_t[]){4}, 1, &x, &y), CT_OK);
    ck_assert(ct_get(x, (int64_t[]){0, 0, 0}, 3) == 8 && ct_item(y) == 1);
    ck_assert_int_eq(ct_dataset_classes(mapped), 3); /* it has tensors now */
    ct_module *m = ct_module_new(CT_FLOAT64), *scaler = ct_standard_scaler_new(m, "scaler", d);
    ck_assert_double_eq_tol(ct_get(ct_module_get(scaler, "offset"), (int64_t[]){1, 1}, 2), 2, 1e-12);
    ct_module_free(m);
    ct_dataset_free(mapped);
    ct_dataset_free(d);
    c.n = 0;
    d = ct_dataset_from_source(&pairs, &c);
    ct_dataset *half = ct_dataset_from_source(&(ct_source){.name = "half", .tensors = 2}, &c);
    ck_assert_ptr_null(half);
    ct_error_clear();
    ck_assert_ptr_null(ct_dataset_map(d, twice, NULL));
    expect_failure(CT_ERROR_ARGUMENT, "dataset_map: no samples of counted");
    ct_batches *none = ct_batches_new(d);
    ck_assert(!ct_batches_next(none, &x, &y));
    expect_no_error();
    ct_batches_free(none);
    ct_dataset_free(d);
}
END_TEST

/* Of another shape at 1, another dtype at 2, missing at 3; no error said at 4. */
static ct_status get_odd(void *self, int64_t index, ct_tensor **sample)
{
    (void)self;
    sample[0] = ct_zeros(index == 2 ? CT_FLOAT64 : CT_FLOAT32, CT_SHAPE(2, index == 1 ? 4 : 3));
    sample[1] = index == 3 ? NULL : ct_zeros(CT_FLOAT32, CT_SCALAR);
    return index == 4 ? CT_ERROR_IO : CT_OK;
}

START_TEST(sources_are_refused)
{
    counted c = {.n = 5, .bad = 3};
    ct_source odd = {.name = "odd", .tensors = 2, .count = count_of, .get = get_odd};
    ct_tensor *x, *y, *tensors[3];
    const struct {
        int64_t index;
        ct_status code;
        const char *words;
    } cases[] = {
        {1, CT_ERROR_SHAPE, "dataset: sample 1 of odd is float32 [2,4], which does not go into float32 [2,2,3]"},
        {2, CT_ERROR_SHAPE, "sample 2 of odd is float64 [2,3], which does not go into float32"},
        {3, CT_ERROR_NULL, "tensor 1 of sample 3 of odd is NULL"},
        {4, CT_ERROR_IO, "odd has no sample 4"}};
    ct_dataset *d = ct_dataset_from_source(&odd, &c);
    for (int i = 0; i < LENGTH(cases); i++) {
        ck_assert_int_ne(ct_dataset_batch(d, (int64_t[]){0, cases[i].index}, 2, &x, &y), CT_OK);
        ck_assert(!x && !y);
        expect_failure(cases[i].code, cases[i].words);
    }
    ct_dataset *parts[2];
    ck_assert_int_ne(ct_random_split(d, CT_VALUES(0.5, 0.5), parts, .stratify = true), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "stratify takes targets that are labels");
    ck_assert_int_ne(ct_dataset_batch(d, NULL, 0, &x, &y), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "no samples of odd");
    ct_dataset_free(d);
    d = ct_dataset_from_source(&threes, &c);
    ck_assert_int_ne(ct_dataset_batch(d, (int64_t[]){0}, 1, &x, &y), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "a sample has 3 tensors, not an input and a target");
    ct_batches *batches = ct_batches_new(d);
    ck_assert(!ct_batches_next(batches, &x, &y));
    expect_failure(CT_ERROR_ARGUMENT, "3 tensors");
    ck_assert(!ct_batches_next_tensors(batches, NULL));
    expect_failure(CT_ERROR_NULL, "nowhere to put a batch");
    ck_assert(ct_batches_next_tensors(batches, tensors));
    ct_batches_free(batches);
    ct_dataset_free(d);
    c.n = -1;
    ck_assert_ptr_null(ct_dataset_from_source(&odd, &c));
    expect_failure(CT_ERROR_ARGUMENT, "odd has -1 samples");
    odd.tensors = CT_SAMPLE_TENSORS + 1;
    ck_assert_ptr_null(ct_dataset_from_source(&odd, &c));
    expect_failure(CT_ERROR_ARGUMENT, "a sample of odd has 1 to 8 tensors: 9");
    odd.get = NULL;
    ck_assert_ptr_null(ct_dataset_from_source(&odd, &c));
    expect_failure(CT_ERROR_NULL, "the source's get is NULL");
}
END_TEST

/* ---- several tensors ---- */

/* Bytes that are scaled, numbers, tokens; and targets. */
START_TEST(samples_of_several_tensors)
{
    ct_tensor *bytes = ct_cast(ct_reshape(ct_arange(CT_FLOAT32, 0, 1, 8), CT_SHAPE(4, 2)), CT_UINT8);
    ct_tensor *numbers = ct_arange(CT_FLOAT64, 0, 1, 4), *labels = ct_cast(numbers, CT_INT64), *batch[3];
    ct_dataset *d = ct_dataset_from_tensors(CT_TENSORS(bytes, numbers, labels), .scale = 0.5, .offset = 1);
    ck_assert(ct_dataset_tensors(d) == 3 && ct_dataset_classes(d) == 4);
    ct_dataset *part = ct_dataset_subset(d, (int64_t[]){1, 3}, 2);
    ck_assert_int_eq(ct_dataset_batch_tensors(part, (int64_t[]){1}, 1, batch), CT_OK);
    ck_assert(ct_get(batch[0], (int64_t[]){0, 1}, 2) == 4.5 && ct_item(batch[1]) == 2.5 && ct_item(batch[2]) == 3);
    ck_assert(ct_dtype_of(batch[0]) == CT_FLOAT32 && ct_dtype_of(batch[1]) == CT_FLOAT32);
    ct_dataset_free(part);
    ct_dataset_free(d);
    ck_assert_ptr_null(ct_dataset_from_tensors(CT_TENSORS(bytes, ct_zeros(CT_FLOAT32, CT_SHAPE(3)), labels)));
    expect_failure(CT_ERROR_SHAPE, "[3], [4]");
    ck_assert_ptr_null(ct_dataset_from_tensors(CT_TENSORS(bytes)));
    expect_failure(CT_ERROR_ARGUMENT, "a sample has 2 to 8 tensors, the last its target: 1");
}
END_TEST

/* y = a x0 + b (sum of x1): of two inputs. */
static ct_tensor *of_two(void *model, ct_tensor *const *inputs, int n)
{
    ck_assert_int_eq(n, 2);
    ct_tensor *sums = ct_sum(inputs[1], .axes = (int64_t[]){1, 2}, .n_axes = 2, .keepdim = false);
    return ct_forward(model, ct_stack((ct_tensor *[]){ct_select(inputs[0], 1, 0), sums}, 2, 1));
}

START_TEST(a_model_of_two_inputs_is_trained)
{
    counted c = {.n = 6, .bad = -1};
    ct_dataset *d = ct_dataset_from_source(&threes, &c);
    ct_module *m = ct_module_new(CT_FLOAT64), *fc = ct_linear_new(m, "fc", 2, 1, .no_bias = true);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_adam, .lr = 0.1);
    ct_evaluation before, after;
    ck_assert_int_eq(ct_evaluate(NULL, fc, d, &before, .forward_many = of_two, .loss = ct_loss_mse), CT_OK);
    ck_assert_int_eq(ct_fit(NULL, fc, sgd, d, .epochs = 60, .batch_size = 4, .forward_many = of_two,
                            .loss = ct_loss_mse, .validation = d, .metrics = {&ct_metric_mae}, .output = NULL),
                     CT_OK);
    ck_assert_int_eq(ct_evaluate(NULL, fc, d, &after, .forward_many = of_two, .loss = ct_loss_mse), CT_OK);
    ck_assert(after.loss < 0.2 * before.loss && after.count == 6);
    ck_assert_int_ne(ct_fit(twice, fc, sgd, d, .output = NULL), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "fit: samples of 3 tensors have several inputs: forward_many takes them");
    ck_assert_int_ne(ct_fit(twice, fc, sgd, d, .forward_many = of_two, .output = NULL), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "fit: with forward_many, which is the model, the other must be NULL");
    ck_assert_int_ne(ct_evaluate(twice, fc, d, &after), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "evaluate: samples of 3 tensors");
    ct_source one = threes;
    one.tensors = 1;
    ct_dataset *single = ct_dataset_from_source(&one, &c);
    ck_assert_int_ne(ct_fit(NULL, fc, sgd, single, .forward_many = of_two, .output = NULL), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "fit: samples of 1 tensor have no target");
    ck_assert_int_ne(ct_fit(NULL, fc, sgd, d, .forward_many = of_two, .validation = single, .output = NULL), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "fit: validation: samples of 1 tensor");
    ct_dataset_free(single);
    ct_optimizer_free(sgd);
    ct_module_free(m);
    ct_dataset_free(d);
}
END_TEST

/* ---- ahead ---- */

enum { MESSAGE = 1000 };

/* Samples that were drawn for, transformed and shuffled: as a run of bytes, batch after batch; epochs 0 and 2, of the second all but the
 * first, after epoch 1 was left in the middle. */
static void take_epochs(ct_batches *batches, float *bytes, int64_t *sizes)
{
    ct_tensor *x, *y;
    for (int epoch = 0; epoch < 3; epoch++) {
        ck_assert_int_eq(ct_batches_start(batches, epoch), CT_OK);
        for (int i = 0; ct_batches_next(batches, &x, &y); i++) {
            ck_assert_int_eq(ct_to_array(x, bytes, ct_numel(x)), CT_OK);
            bytes += ct_numel(x);
            for (int64_t k = 0; k < ct_size(y, 0); k++)
                *bytes++ = (float)ct_get(y, &k, 1);
            *sizes++ = ct_size(x, 0);
            if (epoch == 1 && i == 1)
                break;
        }
        expect_no_error();
    }
}

/* _i: how many workers. */
START_TEST(workers_give_the_same_batches)
{
    static float alone[40 * 7 * 3], ahead[40 * 7 * 3];
    int64_t sizes[40] = {0}, again[40] = {0};
    counted c = {.n = 23, .bad = -1, .noise = 0.5};
    ct_dataset *d = ct_dataset_from_source(&pairs, &c);
    ct_batches *batches =
        ct_batches_new(d, .size = 4, .shuffle = true, .seed = 3, .transforms = {CT_GAUSSIAN_NOISE(0, 1)});
    take_epochs(batches, alone, sizes);
    ct_batches_free(batches);
    ct_random_state before = ct_random_get();
    int64_t live = ct_memory_stats().live_bytes;
    batches = ct_batches_new(d, .size = 4, .shuffle = true, .seed = 3, .transforms = {CT_GAUSSIAN_NOISE(0, 1)},
                             .workers = _i);
    ct_scope_open();
    take_epochs(batches, ahead, again);
    close_good_scope();
    ck_assert(memcmp(alone, ahead, sizeof alone) == 0 && memcmp(sizes, again, sizeof sizes) == 0);
    ck_assert(ct_random_get().seed == before.seed && ct_random_get().counter == before.counter);
    ck_assert_int_eq(ct_memory_stats().live_bytes, live);
    ct_batches_free(batches);
    ct_dataset_free(d);
    ck_assert_int_eq(c.freed, 1);
}
END_TEST

/* A loop that ends early, batches that were never asked for, a data set that goes first. */
START_TEST(workers_end_when_they_are_told)
{
    for (int often = 0; often < 20; often++) {
        counted c = {.n = 30, .bad = -1, .noise = 1};
        ct_dataset *d = ct_dataset_from_source(&pairs, &c);
        ct_batches *batches = ct_batches_new(d, .size = 3, .workers = 1 + often % 3);
        ct_tensor *x, *y;
        CT_EACH_BATCH (batches, a, b) {
            (void)a;
            if (ct_item(ct_amax(b)) >= 0 && often % 2)
                break;
        }
        if (often % 4 == 3)
            ck_assert(ct_batches_next(batches, &x, &y));
        if (often % 5 == 4) { /* the worker reads what it holds on to */
            ct_dataset_free(d);
            d = NULL;
#if CT_LIFETIME_CHECKS
            ck_assert(!ct_batches_next(batches, &x, &y));
            expect_failure(CT_ERROR_STATE, "data set is used after it was freed");
#endif
        }
        ct_batches_free(batches);
        ct_dataset_free(d);
        ck_assert_int_eq(c.freed, 1);
        ct_batches_free(ct_batches_new(NULL, .workers = 2));
        expect_failure(CT_ERROR_NULL, "data set is NULL");
    }
    counted c = {.n = 4, .bad = -1};
    ct_dataset *d = ct_dataset_from_source(&pairs, &c);
    ct_batches_free(ct_batches_new(d, .workers = CT_WORKERS));
    ck_assert_ptr_null(ct_batches_new(d, .workers = -1));
    expect_failure(CT_ERROR_ARGUMENT, "workers must be from 0 to 64: -1");
    ck_assert_ptr_null(ct_batches_new(d, .workers = CT_WORKERS + 1));
    expect_failure(CT_ERROR_ARGUMENT, "workers must be from 0 to 64: 65");
    ct_dataset_free(d);
}
END_TEST

static ct_tensor *fails_at_seven(ct_tensor *x, const ct_transform *self)
{
    (void)self;
    return ct_item(ct_amax(x)) < 7 ? x : ct_matmul(x, ct_zeros(CT_FLOAT32, CT_SHAPE(9, 9)));
}

/* The error of the first batch that has one; batches before it are good, and asking again says the same. */
static void first_error(const ct_dataset *d, const ct_transform *t, int64_t workers, int64_t want, char *message)
{
    ct_batches *batches = ct_batches_new(d, .size = 2, .transforms = {t}, .workers = workers);
    ct_tensor *x, *y;
    int64_t good = 0;
    for (int again = 0; again < 2; again++) {
        while (ct_batches_next(batches, &x, &y))
            good++;
        ck_assert_int_eq(good, want);
        ck_assert(!x && !y && ct_error_code() != CT_OK);
        ck_assert(!again || strcmp(message, ct_error_message()) == 0);
        snprintf(message, MESSAGE, "%s", ct_error_message());
        ct_error_clear();
    }
    ck_assert_int_eq(ct_batches_start(batches, 0), CT_OK);
    ck_assert(ct_batches_next(batches, &x, &y));
    ct_batches_free(batches);
}

/* With its line: of the transform's own where it failed there, else of the call. */
START_TEST(errors_reach_the_caller)
{
    counted c = {.n = 11, .bad = -1};
    ct_dataset *d = ct_dataset_from_source(&pairs, &c);
    const ct_transform seven = {.name = "fails_at_seven", .apply = fails_at_seven};
    for (int i = 0; i < 2; i++) {
        char alone[MESSAGE], ahead[MESSAGE];
        c.bad = i ? 4 : -1;
        for (int64_t workers = 0; workers < 4; workers++) {
            first_error(d, &seven, workers, i ? 2 : 3, ahead);
            if (workers == 0)
                strcpy(alone, ahead);
            ck_assert_str_eq(alone, ahead);
        }
        const char *line = strstr(alone, "test_loader.c:");
        ck_assert_msg(line && !strstr(line + strlen("test_loader.c:"), ".c:"), "%s", alone);
        ck_assert_msg(strstr(alone, i ? "counted: nothing at 4" : "matmul: inner sizes differ"), "%s", alone);
    }
    ct_dataset_free(d);
}
END_TEST

/* Both threads find their blocks again: from the second epoch on neither asks for more. */
START_TEST(workers_take_no_more_and_more_memory)
{
    ct_dataset *d = ct_dataset_new(ct_zeros(CT_FLOAT32, CT_SHAPE(64, 1, 32, 32)), ct_zeros(CT_INT64, CT_SHAPE(64)));
    ct_batches *batches = ct_batches_new(d, .size = 16, .workers = 2, .transforms = {CT_RANDOM_CROP(32, 32, 2)});
    int64_t cached = 0;
    for (int epoch = 0; epoch < 30; epoch++) {
        CT_EACH_BATCH (batches, x, y)
            ck_assert(ct_size(x, 0) == 16 && ct_size(y, 0) == 16);
        if (epoch == 1)
            cached = ct_memory_stats().cached_bytes;
    }
    if (!CT_LIFETIME_CHECKS) /* which set closed tensors aside */
        ck_assert_int_eq(ct_memory_stats().cached_bytes, cached);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

/* A child of fork() has none of the workers, and makes its batches itself. */
START_TEST(a_child_makes_its_own)
{
    ct_dataset *d = ct_dataset_new(ct_arange(CT_FLOAT32, 0, 1, 6), ct_zeros(CT_INT64, CT_SHAPE(6)));
    ct_batches *batches = ct_batches_new(d, .size = 2, .workers = 1);
    ct_tensor *x, *y;
    ck_assert(ct_batches_next(batches, &x, &y));
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        bool good = ct_batches_next(batches, &x, &y) && ct_get(x, (int64_t[]){1}, 1) == 3;
        ct_batches_free(batches);
        _exit(good ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert(ct_batches_next(batches, &x, &y) && ct_get(x, (int64_t[]){1}, 1) == 3);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

static ct_tensor *flat(void *layer, ct_tensor *x)
{
    return ct_forward(layer, ct_flatten(x, 1, -1));
}

START_TEST(a_training_with_workers_is_the_same)
{
    ct_module *trained[3];
    for (int i = 0; i < 3; i++) {
        counted c = {.n = 30, .bad = -1, .noise = 0.2};
        ct_dataset *d = ct_dataset_from_source(&pairs, &c);
        trained[i] = ct_module_new(CT_FLOAT32);
        ct_seed(4);
        ct_module *fc = ct_linear_new(trained[i], "fc", 6, 3);
        ct_optimizer *sgd = ct_optimizer_new(trained[i], &ct_rule_sgd, .lr = 0.01);
        ck_assert_int_eq(ct_fit(flat, fc, sgd, d, .epochs = 3, .batch_size = 7, .workers = i, .validation = d,
                                .transforms = {CT_GAUSSIAN_NOISE(0, 0.1)}, .output = NULL),
                         CT_OK);
        ct_optimizer_free(sgd);
        ct_dataset_free(d);
    }
    ck_assert(same_tensors(trained[0], trained[1]) && same_tensors(trained[0], trained[2]));
    for (int i = 0; i < 3; i++)
        ct_module_free(trained[i]);
}
END_TEST

Suite *ct_suite_loader(void)
{
    Suite *suite = suite_create("loader");
    TCase *t = case_without_error("samples");
    tcase_add_test(t, samples_of_ones_own);
    tcase_add_test(t, sources_are_scaled_and_mapped);
    tcase_add_test(t, sources_are_refused);
    tcase_add_test(t, samples_of_several_tensors);
    tcase_add_test(t, a_model_of_two_inputs_is_trained);
    suite_add_tcase(suite, t);
    t = case_without_error("ahead");
    tcase_add_loop_test(t, workers_give_the_same_batches, 1, 5);
    tcase_add_test(t, workers_end_when_they_are_told);
    tcase_add_test(t, errors_reach_the_caller);
    tcase_add_test(t, workers_take_no_more_and_more_memory);
    tcase_add_test(t, a_child_makes_its_own);
    tcase_add_test(t, a_training_with_workers_is_the_same);
    suite_add_tcase(suite, t);
    return suite;
}
