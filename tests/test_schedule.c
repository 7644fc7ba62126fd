/* Schedules and averages, against PyTorch's numbers (make_optimizer_reference.py) and by hand. */
#include "training_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

enum { TIMES = 40 };

static ct_tensor_file *reference(void)
{
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/optimizer_reference.safetensors");
    ck_assert_msg(file != NULL, "%s", ct_error_message());
    return file;
}

static const double *numbers_of(const ct_tensor_file *file, const char *name)
{
    ct_tensor *t = ct_tensor_file_get(file, name);
    ck_assert_msg(t != NULL, "no %s", name);
    return ct_data(t);
}

/* An optimiser of one parameter, which steps as if the gradient were 0. */
static ct_optimizer *optimizer_of_one(ct_module **module, ct_tensor **parameter)
{
    *module = ct_module_new(CT_FLOAT64);
    ct_scope_open();
    *parameter = ct_module_parameter(*module, "p", ct_zeros(CT_FLOAT64, CT_SHAPE(1)));
    ct_set_grad(*parameter, ct_ones(CT_FLOAT64, CT_SHAPE(1)));
    close_good_scope();
    return ct_optimizer_new(*module, &ct_rule_sgd, .lr = 1);
}

/* Steps and epochs are one here; what a step took off the parameter is its rate. */
static void expect_rates(const ct_schedule *schedule, const double *want, const double *measures, const char *name)
{
    ct_module *m;
    ct_tensor *p;
    ct_optimizer *sgd = optimizer_of_one(&m, &p);
    ck_assert_int_eq(ct_optimizer_schedule(sgd, schedule, .steps = TIMES, .epochs = TIMES), CT_OK);
    for (int i = 0; i < TIMES; i++) {
        double before = ct_item(p), factor = ct_optimizer_factor(sgd);
        ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
        double rate = before - ct_item(p);
        ck_assert_msg(fabs(rate - want[i]) < 1e-13 && fabs(factor - rate) < 1e-14, "%s at %d: %.17g, not %.17g", name,
                      i, rate, want[i]);
        ck_assert_int_eq(ct_optimizer_epoch(sgd, measures ? measures[i] : NAN), CT_OK);
    }
    ck_assert_double_eq(ct_optimizer_lr(sgd), 1);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}

START_TEST(schedules_agree_with_pytorch)
{
    ct_tensor_file *file = reference();
    const struct {
        const char *name;
        const ct_schedule *schedule;
    } rows[] = {
        {"schedule.step", CT_SCHEDULE_STEP(7, 0.5)},
        {"schedule.milestones", CT_SCHEDULE_CONSTANT(0.3, .begin = 5, .times = CT_SCHEDULE_CONSTANT(0.3, .begin = 20))},
        {"schedule.constant", CT_SCHEDULE_CONSTANT(0.25, .length = 6)},
        {"schedule.linear", CT_SCHEDULE_LINEAR(0.2, 0.9, .length = 25)},
        {"schedule.polynomial", CT_SCHEDULE_POLYNOMIAL(1.5, .length = 30)},
        {"schedule.exponential", CT_SCHEDULE_EXPONENTIAL(0.95)},
        {"schedule.cosine", CT_SCHEDULE_COSINE(0.01)},
        {"schedule.restarts", CT_SCHEDULE_COSINE_RESTARTS(5, 2, 0.1)},
        {"schedule.restarts_equal", CT_SCHEDULE_COSINE_RESTARTS(9, 1, 0)},
        {"schedule.one_cycle", &ct_schedule_one_cycle},
        {"schedule.one_cycle_all", CT_SCHEDULE_ONE_CYCLE(0.45, 10, 100)},
        {"schedule.chained", CT_SCHEDULE_LINEAR(0.1, 1, .length = 5, .times = CT_SCHEDULE_EXPONENTIAL(0.9))},
        {"schedule.sequential", CT_SCHEDULE_LINEAR(0.1, 1, .length = 5, .times = CT_SCHEDULE_COSINE(0, .begin = 5))},
        {"schedule.plateau", CT_SCHEDULE_PLATEAU(0.5, 2, 0.01)},
    };
    for (int i = 0; i < LENGTH(rows); i++)
        expect_rates(rows[i].schedule, numbers_of(file, rows[i].name), numbers_of(file, "measures"), rows[i].name);
    ct_tensor_file_free(file);
}
END_TEST

/* Those that PyTorch does not have, at times 0, 1 and 9, by hand. */
START_TEST(schedules_by_hand)
{
    const struct {
        const ct_schedule *schedule;
        double at0, at1, at9;
    } rows[] = {
        {&ct_schedule_constant, 1, 1, 1},
        {&ct_schedule_linear, 1, 0.9, 0.1},
        {&ct_schedule_cosine, 1, 0.97552825814757682, 0.024471741852423234}, /* (1 + cos(0.1 pi)) / 2 */
        {CT_SCHEDULE_WARMUP(4), 0.25, 0.5, 1},
        {CT_SCHEDULE_INVERSE(0.5), 1, 2. / 3, 1 / 5.5},
        {CT_SCHEDULE_INVERSE_SQRT(2), 2, 1.4142135623730951, 0.63245553203367588}, /* 2 / sqrt(10) */
    };
    for (int i = 0; i < LENGTH(rows); i++) {
        ck_assert_double_eq_tol(ct_schedule_factor(rows[i].schedule, 0, 10, 0, 10), rows[i].at0, 1e-15);
        ck_assert_double_eq_tol(ct_schedule_factor(rows[i].schedule, 1, 10, 1, 10), rows[i].at1, 1e-15);
        ck_assert_double_eq_tol(ct_schedule_factor(rows[i].schedule, 9, 10, 9, 10), rows[i].at9, 1e-15);
    }
    /* In steps or in epochs: the fifth step is in the second epoch. */
    ck_assert_double_eq(ct_schedule_factor(CT_SCHEDULE_EXPONENTIAL(0.5), 4, 10, 1, 5), 0.5);
    ct_schedule by_step = ct_schedule_exponential;
    by_step.unit = CT_STEPS;
    by_step.p[0] = 0.5;
    ck_assert_double_eq(ct_schedule_factor(&by_step, 4, 10, 1, 5), 0.0625);
}
END_TEST

START_TEST(newbob_halves_when_the_error_rises)
{
    static const double measures[TIMES] = {3, 2, 2.5, 2.4, 2.4, 2.6, NAN, 2.7};
    double want[TIMES], level = 1;
    for (int i = 0; i < TIMES; i++) {
        level *= i == 3 || i == 6 || i == 8 ? 0.5 : 1;
        want[i] = level;
    }
    expect_rates(&ct_schedule_newbob, want, measures, "newbob");
}
END_TEST

/* ---- one's own ---- */

static double of_user(const ct_schedule *schedule, const ct_schedule_time *time)
{
    return *(const double *)schedule->user / (1 + time->t);
}

static double bad(const ct_schedule *schedule, const ct_schedule_time *time)
{
    return time->t < 2 ? 1 : schedule->p[0];
}

START_TEST(a_schedule_of_ones_own)
{
    double a = 3;
    ct_schedule own = {.name = "own", .factor = of_user, .user = &a};
    ck_assert_double_eq(ct_schedule_factor(&own, 2, 0, 0, 0), 1);
    a = 6;
    ck_assert_double_eq(ct_schedule_factor(&own, 2, 0, 0, 0), 2);
}
END_TEST

START_TEST(schedules_refuse)
{
    ct_module *m;
    ct_tensor *p;
    ct_optimizer *sgd = optimizer_of_one(&m, &p);
    ck_assert(isnan(ct_schedule_factor(NULL, 0, 1, 0, 1)));
    expect_failure(CT_ERROR_NULL, "schedule is NULL (");
    ck_assert_int_ne(ct_optimizer_schedule(sgd, &ct_schedule_cosine), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "schedule cosine: it needs a length");
    ck_assert_int_ne(ct_optimizer_schedule(sgd, &(ct_schedule){.name = "empty"}), CT_OK);
    expect_failure(CT_ERROR_NULL, "schedule empty: it has no function");
    ck_assert_int_ne(ct_optimizer_schedule(sgd, CT_SCHEDULE_WARMUP(3, .begin = -1)), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "begin -1");
    ck_assert_int_ne(ct_optimizer_schedule(sgd, NULL, .steps = -1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "-1 steps");
    ct_schedule ring = ct_schedule_constant;
    ring.times = &ring;
    ck_assert_int_ne(ct_optimizer_schedule(sgd, &ring), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "more than 16");
    ck_assert_int_ne(ct_optimizer_schedule(NULL, NULL), CT_OK);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    ck_assert_int_ne(ct_optimizer_epoch(NULL, 1), CT_OK);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    static const double factors[] = {NAN, -1, INFINITY};
    for (int i = 0; i < LENGTH(factors); i++) {
        ct_schedule row = {.name = "bad", .factor = bad, .p = {factors[i]}};
        ck_assert_int_eq(ct_optimizer_schedule(sgd, &row), CT_OK);
        ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
        ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
        double before = ct_item(p);
        ck_assert_int_ne(ct_optimizer_step(sgd), CT_OK);
        expect_failure(CT_ERROR_ARGUMENT, "schedule bad: the factor is");
        ck_assert_double_eq(ct_item(p), before);
    }
    ck_assert_int_eq(ct_optimizer_schedule(sgd, NULL), CT_OK);
    ck_assert_double_eq(ct_optimizer_factor(sgd), 1);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* ---- averages ---- */

START_TEST(running_averages)
{
    ct_running_average a = {.beta = 0.9};
    ck_assert_double_eq_tol(ct_running_average_add(&a, 5), 5, 1e-15);
    ck_assert_double_eq_tol(ct_running_average_add(&a, 5), 5, 1e-15);
    ck_assert_double_eq_tol(ct_running_average_add(&a, 1), (0.81 * 5 + 0.9 * 5 + 1) / 2.71, 1e-15);
    ck_assert_double_eq(ct_running_average_add(&(ct_running_average){0}, 7), 7);
    ck_assert(isnan(ct_running_average_add(NULL, 1)));
    expect_failure(CT_ERROR_NULL, "NULL (");
    ck_assert(isnan(ct_running_average_add(&(ct_running_average){.beta = 1}, 1)));
    expect_failure(CT_ERROR_ARGUMENT, "beta must be in [0, 1)");
}
END_TEST

/* AveragedModel, with and without a decay: after each row of weights the average is that row of the reference. */
static void follow(ct_dtype dtype, const ct_tensor_file *file, const char *name, double decay, double tolerance)
{
    const double *weights = numbers_of(file, "sgd_dampening"), *want = numbers_of(file, name);
    ct_module *m = ct_module_new(dtype);
    ct_tensor *p = ct_module_parameter(m, "p", ct_zeros(dtype, CT_SHAPE(6)));
    ct_module_buffer(m, "buffer", ct_zeros(dtype, CT_SHAPE(1)));
    ct_average *average = ct_average_new(m, .decay = decay);
    for (int row = 0; row < 20; row++, weights += 6, want += 6) {
        ct_scope_open();
        ct_copy_(p, ct_from_values(dtype, weights, 6, CT_SHAPE(6)));
        ck_assert_int_eq(ct_average_update(average), CT_OK);
        ck_assert_int_eq(ct_average_exchange(average), CT_OK);
        for (int64_t i = 0; i < 6; i++)
            ck_assert_double_eq_tol(ct_get(p, &i, 1), want[i], tolerance * fmax(1, fabs(want[i])));
        ck_assert_int_eq(ct_average_exchange(average), CT_OK);
        for (int64_t i = 0; i < 6; i++)
            ck_assert_double_eq_tol(ct_get(p, &i, 1), weights[i], (dtype == CT_FLOAT32 ? 1e-6 : 1e-300));
        close_good_scope();
    }
    ck_assert_int_eq(ct_average_count(average), 20);
    ct_average_free(average);
    ct_module_free(m);
}

START_TEST(averages_agree_with_pytorch)
{
    ct_tensor_file *file = reference();
    follow(CT_FLOAT64, file, "average.0", CT_UNSET, 1e-13);
    follow(CT_FLOAT64, file, "average.0.9", 0.9, 1e-13);
    follow(CT_FLOAT32, file, "average.0", CT_UNSET, 1e-5);
    follow(CT_FLOAT32, file, "average.0.9", 0.9, 1e-5);
    ct_tensor_file_free(file);
}
END_TEST

/* In training the norm has another momentum, and statistics that are no numbers; one that is in evaluation keeps its own. */
START_TEST(statistics_of_batch_norms)
{
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/optimizer_reference.safetensors");
    ct_tensor *samples = ct_tensor_file_get(file, "bn.samples");
    ct_module *m = ct_module_new(CT_FLOAT64), *inner = ct_sequential_new(m, "inner");
    ct_module *norm = ct_batch_norm_new(inner, "bn", 3, .momentum = 0.3),
              *frozen = ct_batch_norm_new(inner, "frozen", 3);
    ct_module_train(frozen, false);
    ct_fill_(ct_module_get(norm, "running_mean"), NAN);
    ct_dataset *d = ct_dataset_new(samples, ct_zeros(CT_INT64, CT_SHAPE(10)), .dtype = CT_FLOAT64);
    ct_batches *batches = ct_batches_new(d, .size = 4);
    for (int twice = 0; twice < 2; twice++) {
        ct_module_train(m, false);
        ct_module_train(frozen, false);
        ck_assert_int_eq(ct_update_bn(batches, ct_module_forward, m, m), CT_OK);
        ck_assert(!ct_module_training(m) && !ct_module_training(norm));
        expect_close(ct_module_get(norm, "running_mean"), ct_tensor_file_get(file, "bn.mean"), 1e-14);
        expect_close(ct_module_get(norm, "running_var"), ct_tensor_file_get(file, "bn.var"), 1e-14);
    }
    ct_module_train(m, true);
    ct_tensor *before = ct_clone(ct_module_get(norm, "running_mean"));
    ct_forward(norm, ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)));
    expect_close(ct_module_get(norm, "running_mean"), ct_add_scalar(ct_mul_scalar(before, 0.7), 0.3), 1e-15);
    ck_assert_int_eq(ct_update_bn(batches, NULL, m, m), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "update_bn: the model is NULL");
    ck_assert_int_eq(ct_update_bn(NULL, ct_module_forward, m, m), CT_ERROR_NULL);
    ct_error_clear();
    ct_batches_free(batches);
    ct_dataset_free(d);
    ct_module_free(m);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(averages_refuse)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module_parameter(m, "p", ct_ones(CT_FLOAT32, CT_SHAPE(2)));
    ct_module_parameter(m, "none", ct_ones(CT_FLOAT32, CT_SHAPE(0, 3)));
    ck_assert_ptr_null(ct_average_new(NULL));
    expect_failure(CT_ERROR_NULL, "module is NULL");
    ck_assert_ptr_null(ct_average_new(m, .decay = 1));
    expect_failure(CT_ERROR_ARGUMENT, "decay must be in [0, 1): 1");
    ct_average *average = ct_average_new(m, .decay = 0.5);
    ck_assert_int_ne(ct_average_exchange(average), CT_OK);
    expect_failure(CT_ERROR_STATE, "nothing has been averaged");
    ct_error_set(CT_ERROR_IO, "a disc: full");
    ck_assert_int_eq(ct_average_update(average), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "disc");
    ck_assert_int_eq(ct_average_count(average), 0);
    ck_assert_int_eq(ct_average_update(average), CT_OK);
    ck_assert_int_eq(ct_average_exchange(average), CT_OK);
    ck_assert_int_ne(ct_average_update(NULL), CT_OK);
    expect_failure(CT_ERROR_NULL, "average is NULL");
    ct_average_free(average);
    ct_average_free(NULL);
    ct_module_free(m);
}
END_TEST

/* 10,000 elements, more than are exchanged at once. */
START_TEST(large_parameters_are_exchanged_whole)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *p = ct_module_parameter(m, "p", ct_arange(CT_FLOAT64, 0, 1, 10000));
    ct_average *average = ct_average_new(m);
    ck_assert_int_eq(ct_average_update(average), CT_OK);
    ct_fill_(p, -1);
    ck_assert_int_eq(ct_average_exchange(average), CT_OK);
    for (int64_t i = 0; i < 10000; i++)
        ck_assert_double_eq(((const double *)ct_data(p))[i], (double)i);
    ct_average_free(average);
    ct_module_free(m);
}
END_TEST

Suite *ct_suite_schedule(void)
{
    Suite *suite = suite_create("schedule");
    TCase *t = case_without_error("schedules");
    tcase_add_test(t, schedules_agree_with_pytorch);
    tcase_add_test(t, schedules_by_hand);
    tcase_add_test(t, newbob_halves_when_the_error_rises);
    tcase_add_test(t, a_schedule_of_ones_own);
    tcase_add_test(t, schedules_refuse);
    suite_add_tcase(suite, t);

    t = case_without_error("averages");
    tcase_add_test(t, running_averages);
    tcase_add_test(t, averages_agree_with_pytorch);
    tcase_add_test(t, statistics_of_batch_norms);
    tcase_add_test(t, averages_refuse);
    tcase_add_test(t, large_parameters_are_exchanged_whole);
    suite_add_tcase(suite, t);
    return suite;
}
