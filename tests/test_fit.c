/* The training loop: what it computes, what it watches, how it goes on after a stop; and the loop over batches. */
#include "training_checks.h"
#include "core_internal.h"
#include "suites.h"
#include <cotan/events.h>
#include <math.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- a model and data that are quick to train ---- */

/* n points in the plane, of class 0 and 1 on either side of a line, and some noise. */
static ct_dataset *points(int64_t n)
{
    ct_scope_open();
    ct_random_state random = ct_random_get();
    ct_seed(17);
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(n, 2)), *noise = ct_randn(CT_FLOAT64, 0, 0.3, CT_SHAPE(n));
    ct_random_set(random);
    int64_t *labels = calloc((size_t)n + 1, sizeof *labels);
    const double *at = ct_data(x), *off = ct_data(noise);
    for (int64_t i = 0; i < n; i++)
        labels[i] = at[2 * i] - 0.5 * at[2 * i + 1] + off[i] > 0;
    ct_dataset *d = ct_dataset_new(x, ct_from_array(CT_INT64, labels, CT_SHAPE(n)), .dtype = CT_FLOAT64);
    free(labels);
    close_good_scope();
    return d;
}

typedef struct net {
    ct_module *module;
    ct_module *layer;
    ct_optimizer *optimizer;
} net;

static net new_net(double lr)
{
    net n = {.module = ct_module_new(CT_FLOAT64)};
    ct_seed(3);
    n.layer = ct_linear_new(n.module, "fc", 2, 2);
    n.optimizer = ct_optimizer_new(n.module, &ct_rule_sgd, .lr = lr, .momentum = 0.5);
    return n;
}

static void free_net(net n)
{
    ct_optimizer_free(n.optimizer);
    ct_module_free(n.module);
}

static ct_tensor *forward(void *model, ct_tensor *x)
{
    return ct_forward(((const net *)model)->layer, x);
}

/* Draws from the thread's generator in every batch, as dropout does. */
static ct_tensor *noisy_forward(void *model, ct_tensor *x)
{
    return forward(model, ct_dropout(x, 0.3, true));
}

/* ---- a step of several batches, clipped ---- */

/* Batches of 10, 10, 10, 10 and 5 by twos and threes: the last step of an epoch has what is left. */
START_TEST(accumulated_batches_are_one)
{
    ct_dataset *d = points(45);
    net one = new_net(0.5), many = new_net(0.5);
    int64_t k = _i;
    ck_assert_int_eq(
        ct_fit(forward, &one, one.optimizer, d, .epochs = 3, .batch_size = 10 * k, .seed = 4, .output = NULL), CT_OK);
    ck_assert_int_eq(ct_fit(forward, &many, many.optimizer, d, .epochs = 3, .batch_size = 10, .accumulate = k,
                            .seed = 4, .output = NULL),
                     CT_OK);
    for (int64_t i = 0; i < ct_module_count(one.module); i++) {
        const double *a = ct_data(ct_module_tensor(one.module, i)), *b = ct_data(ct_module_tensor(many.module, i));
        for (int64_t j = 0; j < ct_numel(ct_module_tensor(one.module, i)); j++)
            ck_assert_double_eq_tol(a[j], b[j], 1e-13);
    }
    free_net(one);
    free_net(many);
    ct_dataset_free(d);
}
END_TEST

/* What callbacks saw. */
typedef struct seen {
    ct_progress last;
    int64_t batches, epochs, stop_batch, stop_epoch;
    double norms[8], best, rates[64];
    ct_module *module, *copy; /* copy gets the parameters of the best epoch */
} seen;

static bool see_batch(const ct_progress *p, void *user)
{
    seen *s = user;
    if (s->batches < 8)
        s->norms[s->batches] = p->grad_norm;
    if (s->batches < 64)
        s->rates[s->batches] = p->lr;
    ck_assert(isnan(p->validation_loss));
    s->last = *p;
    return ++s->batches != s->stop_batch;
}

static void copy_parameters(const ct_module *from, ct_module *to)
{
    for (int64_t i = 0; i < ct_module_count(from); i++)
        ct_copy_(ct_module_tensor(to, i), ct_module_tensor(from, i));
}

static bool see_epoch(const ct_progress *p, void *user)
{
    seen *s = user;
    s->last = *p;
    s->epochs++;
    if (s->copy && (s->epochs == 1 || p->validation_loss < s->best)) {
        s->best = p->validation_loss;
        copy_parameters(s->module, s->copy);
    }
    return s->epochs != s->stop_epoch;
}

START_TEST(gradients_are_clipped_and_their_norm_told)
{
    ct_dataset *d = points(40);
    net n = new_net(1), before = new_net(1);
    ct_optimizer *plain = ct_optimizer_new(n.module, &ct_rule_sgd, .lr = 1);
    seen s = {0};
    ck_assert_int_eq(ct_fit(forward, &n, plain, d, .batch_size = 40, .clip_norm = 0.01, .progress = see_batch,
                            .user = &s, .output = NULL),
                     CT_OK);
    ck_assert(s.norms[0] > 0.1 && s.batches == 1);
    double moved = 0;
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < ct_numel(ct_module_tensor(n.module, i)); j++)
            moved += pow(((const double *)ct_data(ct_module_tensor(n.module, i)))[j] -
                             ((const double *)ct_data(ct_module_tensor(before.module, i)))[j],
                         2);
    ck_assert_double_eq_tol(sqrt(moved), 0.01, 1e-6);
    ct_optimizer_free(plain);
    free_net(n);
    free_net(before);
    ct_dataset_free(d);
}
END_TEST

/* ---- losses, metrics, validation ---- */

static ct_tensor *one_hot(ct_tensor *target)
{
    return ct_one_hot(target, 2, CT_FLOAT64);
}

static ct_tensor *squared(ct_tensor *output, ct_tensor *target)
{
    return ct_mean(ct_square(ct_sub(output, one_hot(target))));
}

static double brier(ct_tensor *output, ct_tensor *target)
{
    return ct_item(squared(output, target));
}

START_TEST(any_loss_any_metrics_and_a_validation)
{
    static const ct_metric brier_score = {.name = "brier", .value = brier};
    ct_dataset *d = points(100), *held_out = points(33);
    net n = new_net(0.1);
    seen s = {0};
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 30, .batch_size = 20, .loss = squared,
                            .metrics = {&brier_score, &ct_metric_accuracy}, .validation = held_out,
                            .epoch_end = see_epoch, .user = &s, .output = NULL),
                     CT_OK);
    ck_assert_int_eq(s.epochs, 30);
    ck_assert_int_eq(s.last.n_metrics, 2);
    ck_assert_str_eq(s.last.metrics[1]->name, "accuracy");
    ck_assert_double_eq_tol(s.last.epoch_metrics[0], s.last.epoch_loss, 1e-12);
    ck_assert(s.last.epoch_metrics[1] > 0.85);
    ct_evaluation e;
    ck_assert_int_eq(ct_evaluate(forward, &n, held_out, &e, .loss = squared,
                                 .metrics = {&ct_metric_accuracy, &brier_score}, .batch_size = 7),
                     CT_OK);
    ck_assert_double_eq_tol(e.loss, s.last.validation_loss, 1e-12);
    ck_assert_double_eq_tol(e.metrics[1], s.last.validation_metrics[0], 1e-12);
    ck_assert_double_eq_tol(e.accuracy, s.last.validation_metrics[1], 1e-12);
    ck_assert_int_eq(e.correct, llround(33 * e.accuracy));
    ck_assert_int_eq(e.count, 33);
    free_net(n);
    ct_dataset_free(d);
    ct_dataset_free(held_out);
}
END_TEST

START_TEST(losses_are_what_they_say)
{
    ct_scope_open();
    ct_tensor *a = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4), CT_SHAPE(2, 2));
    ct_tensor *b = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, 3, 7), CT_SHAPE(2, 2));
    ck_assert_double_eq(ct_item(ct_loss_mse(a, b)), 13. / 4);
    ck_assert_double_eq(ct_item(ct_loss_l1(a, b)), 5. / 4);
    ck_assert_double_eq(ct_item(ct_loss_huber(a, b)), (1.5 + 2.5) / 4);
    ct_tensor *zeros = ct_zeros_like(a);
    ck_assert_double_eq_tol(ct_item(ct_loss_bce_with_logits(zeros, zeros)), log(2), 1e-15);
    ck_assert_double_eq(ct_item(ct_loss_nll(a, ct_from_values(CT_INT64, CT_VALUES(1, 0), CT_SHAPE(2)))), -(2 + 3) / 2.);
    ck_assert_ptr_null(ct_loss_mse(a, ct_select(b, 0, 0)));
    expect_failure(CT_ERROR_SHAPE, "mse_loss");
    close_good_scope();
}
END_TEST

START_TEST(metrics_are_what_they_say)
{
    ct_scope_open();
    ct_tensor *a = ct_from_values(CT_FLOAT32, CT_VALUES(1, 2, 3, 4), CT_SHAPE(2, 2));
    ct_tensor *b = ct_from_values(CT_FLOAT32, CT_VALUES(1, 0, 3, 7), CT_SHAPE(2, 2));
    ck_assert_double_eq_tol(ct_metric_mse.value(a, b), 13. / 4, 1e-6);
    ck_assert_double_eq_tol(ct_metric_mae.value(a, b), 5. / 4, 1e-6);
    ck_assert(isnan(ct_metric_mae.value(a, NULL)));
    ct_error_clear();
    close_good_scope();
}
END_TEST

/* The rate is so high that the validation soon gets worse: the weights of the best epoch come back. */
START_TEST(early_stopping_puts_the_best_weights_back)
{
    ct_dataset *d = points(60), *held_out = points(50);
    net n = new_net(60), best = new_net(1);
    seen s = {.module = n.module, .copy = best.module};
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 100, .batch_size = 8, .validation = held_out,
                            .early_stopping = 3, .epoch_end = see_epoch, .user = &s, .output = NULL),
                     CT_OK);
    ck_assert_msg(s.epochs >= 4 && s.epochs < 100, "%lld epochs", (long long)s.epochs);
    ck_assert(s.last.validation_loss > s.best);
    ck_assert(same_tensors(n.module, best.module));
    ct_evaluation e;
    ck_assert_int_eq(ct_evaluate(forward, &n, held_out, &e), CT_OK);
    ck_assert_double_eq_tol(e.loss, s.best, 1e-12);
    free_net(n);
    free_net(best);
    ct_dataset_free(d);
    ct_dataset_free(held_out);
}
END_TEST

/* The same training, whose last epoch is not its best: of a module, and of its tensors as loose ones. */
START_TEST(the_best_weights_go_into_a_file)
{
    ct_dataset *d = points(60), *held_out = points(50);
    net n = new_net(60), best = new_net(1), read = new_net(1);
    seen s = {.module = n.module, .copy = best.module};
    if (_i) {
        ct_tensor *loose[] = {ct_module_get(n.module, "fc.weight"), ct_module_get(n.module, "fc.bias")};
        ct_optimizer_free(n.optimizer);
        n.optimizer = ct_optimizer_of(loose, 2, &ct_rule_sgd, .lr = 60, .momentum = 0.5);
    }
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 8, .batch_size = 8, .validation = held_out,
                            .best = scratch("best"), .epoch_end = see_epoch, .user = &s, .output = NULL),
                     CT_OK);
    ck_assert_int_eq(s.epochs, 8);
    ck_assert(s.last.validation_loss > s.best);
    ck_assert_int_eq(ct_module_load(read.module, scratch("best")), CT_OK);
    ck_assert(same_tensors(read.module, best.module) && !same_tensors(n.module, best.module));
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .best = "/nowhere/best", .output = NULL), CT_OK);
    expect_failure(CT_ERROR_IO, "/nowhere/best");
    free_net(n);
    free_net(best);
    free_net(read);
    ct_dataset_free(d);
    ct_dataset_free(held_out);
}
END_TEST

START_TEST(events_refuse)
{
    ct_scope_open();
    ck_assert_ptr_null(ct_events_open(""));
    expect_failure(CT_ERROR_ARGUMENT, "events_open: the folder is \"\"");
    ck_assert_ptr_null(ct_events_open("/dev/null/runs"));
    expect_failure(CT_ERROR_IO, "events_open: /dev/null/runs: cannot make the folder: ");
    ct_events *events = ct_events_open(scratch("runs"));
    ck_assert_int_eq(ct_events_scalar(events, NULL, 1, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "events_scalar: the tag is NULL");
    ct_events_histogram(events, "weights", ct_full(CT_FLOAT32, NAN, CT_SHAPE(2)), 1);
    expect_failure(CT_ERROR_ARGUMENT, "events_histogram: \"weights\" has no finite element");
    ct_events_histogram(events, "weights", ct_zeros(CT_FLOAT32, CT_SHAPE(0)), 1);
    expect_failure(CT_ERROR_ARGUMENT, "events_histogram: \"weights\" has no finite element");
    ct_events_image(events, "digit", ct_zeros(CT_FLOAT32, CT_SHAPE(2, 5, 5)), 1);
    expect_failure(CT_ERROR_SHAPE, "events_image: takes [height,width] or [1, 3 or 4,height,width], not [2,5,5]");
    ct_events_image(events, "digit", ct_zeros(CT_FLOAT32, CT_SHAPE(3, 0, 5)), 1);
    expect_failure(CT_ERROR_SHAPE, "not [3,0,5]");
    ct_events_image(events, "digit", ct_zeros(CT_INT64, CT_SHAPE(5, 5)), 1);
    expect_failure(CT_ERROR_DTYPE, "events_image: takes uint8 or float, not int64");
    ck_assert_int_eq(ct_events_close(events), CT_OK);
    ck_assert_int_eq(ct_events_flush(events), CT_ERROR_STATE);
    ct_error_clear();
    net n = new_net(1);
    ct_dataset *d = points(20);
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .events = "/dev/null/runs", .output = NULL), CT_OK);
    expect_failure(CT_ERROR_IO, "/dev/null/runs");
    free_net(n);
    ct_dataset_free(d);
    ct_scope_close();
}
END_TEST

/* A disk that is full is told by whichever call meets it, and closing frees what is there. */
START_TEST(events_that_find_no_room)
{
    ct_scope_open();
    ct_events *events = ct_events_open(scratch("runs"));
    ct_events_flush(events);
    struct rlimit before, none;
    getrlimit(RLIMIT_FSIZE, &before);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    ct_status status = ct_events_image(events, "large", ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(100, 100)), 1);
    if (status == CT_OK)
        status = ct_events_flush(events);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_int_eq(status, CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "cannot write: File too large");
    ct_events_close(events);
    ct_error_clear();
    ct_scope_close();
}
END_TEST

/* Loose tensors, and a model that hands out its loss. */
static ct_tensor *loss_itself(ct_tensor *output, ct_tensor *target)
{
    (void)target;
    return output;
}

static ct_tensor *distance(void *model, ct_tensor *x)
{
    return ct_mean(ct_square(ct_sub(x, model)));
}

START_TEST(a_model_may_be_its_own_loss)
{
    ct_dataset *d = points(64);
    ct_scope_open();
    ct_tensor *centre = ct_set_requires_grad(ct_full(CT_FLOAT64, 5, CT_SHAPE(2)), true), *x, *y;
    ct_optimizer *sgd = ct_optimizer_of(&centre, 1, &ct_rule_sgd, .lr = 0.5);
    ck_assert_int_eq(
        ct_fit(distance, centre, sgd, d, .epochs = 40, .batch_size = 64, .loss = loss_itself, .output = NULL), CT_OK);
    int64_t all[64];
    for (int64_t i = 0; i < 64; i++)
        all[i] = i;
    ck_assert_int_eq(ct_dataset_batch(d, all, 64, &x, &y), CT_OK);
    ct_tensor *mean = ct_mean(x, CT_AXES(0));
    for (int64_t i = 0; i < 2; i++)
        ck_assert_double_eq_tol(ct_get(centre, &i, 1), ct_get(mean, &i, 1), 1e-6);
    ct_optimizer_free(sgd);
    close_good_scope();
    ct_dataset_free(d);
}
END_TEST

/* ---- what an epoch's measure decides ---- */

/* The loss of a training is sum(w), and that of validation number i is planned[i]. */
typedef struct planned {
    ct_module *module;
    ct_tensor *w;
    const double *losses;
    int64_t validations;
} planned;

static ct_tensor *planned_loss(void *model, ct_tensor *x)
{
    planned *p = model;
    (void)x;
    return ct_module_training(p->module) ? ct_sum(p->w) : ct_scalar(CT_FLOAT64, p->losses[p->validations++]);
}

/* How many epochs of at most 12 were trained. */
static int64_t epochs_of_planned(const double *losses, const ct_schedule *schedule, int64_t patience, bool validate)
{
    ct_dataset *d = points(4);
    planned p = {.module = ct_module_new(CT_FLOAT64), .losses = losses};
    p.w = ct_module_parameter(p.module, "w", ct_ones(CT_FLOAT64, CT_SHAPE(1)));
    ct_optimizer *sgd = ct_optimizer_new(p.module, &ct_rule_sgd, .lr = 0.25);
    seen s = {0};
    ck_assert_int_eq(ct_fit(planned_loss, &p, sgd, d, .epochs = 12, .batch_size = 4, .loss = loss_itself,
                            .schedule = schedule, .early_stopping = patience, .validation = validate ? d : NULL,
                            .epoch_end = see_epoch, .user = &s, .output = NULL),
                     CT_OK);
    ct_optimizer_free(sgd);
    ct_module_free(p.module);
    ct_dataset_free(d);
    return s.epochs;
}

/* Bad epochs 2, 4, 5 and 7, 8, 9 of which each better one between lets it begin again; an equal one is no better. */
START_TEST(patience_begins_anew_at_a_better_epoch)
{
    ct_scope_open();
    ck_assert_int_eq(epochs_of_planned(((double[]){5, 6, 4, 6, 4, 3, 7, 3, 9, 1, 1, 1}), NULL, 3, true), 9);
    ck_assert_int_eq(epochs_of_planned(((double[]){5, 6, 4, 6, 4, 3, 7, 3, 9, 1, 1, 1}), NULL, 1, true), 2);
    close_good_scope();
}
END_TEST

typedef struct heard {
    int n;
    double measures[12];
} heard;

static void hear(const ct_schedule *schedule, double measure, double *memory)
{
    heard *h = schedule->user;
    (void)memory;
    h->measures[h->n++] = measure;
}

static double as_ever(const ct_schedule *schedule, const ct_schedule_time *time)
{
    (void)schedule;
    (void)time;
    return 1;
}

/* The loss of the validation, or without one that of the epoch: 1 - 0.25 for each step. */
START_TEST(schedules_hear_how_an_epoch_was)
{
    heard h = {0};
    ct_schedule listens = {.name = "listens", .factor = as_ever, .measured = hear, .user = &h};
    const double *losses = ((double[]){5, 6, 4, 7, 8, 3, 2, 9, 1, 2, 3, 4});
    ct_scope_open();
    epochs_of_planned(losses, &listens, 12, _i);
    close_good_scope();
    ck_assert_int_eq(h.n, 12);
    for (int i = 0; i < h.n; i++)
        ck_assert_double_eq(h.measures[i], _i ? losses[i] : 1 - 0.25 * i);
}
END_TEST

/* ---- schedules ---- */

START_TEST(schedules_count_steps_and_epochs)
{
    ct_dataset *d = points(40);
    net n = new_net(0.25);
    seen s = {0};
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 3, .batch_size = 10, .accumulate = 2,
                            .schedule = CT_SCHEDULE_STEP(1, 0.5, .times = &ct_schedule_linear), .progress = see_batch,
                            .user = &s, .output = NULL),
                     CT_OK);
    for (int i = 0; i < 12; i++)
        ck_assert_double_eq_tol(s.rates[i], 0.25 * pow(0.5, i / 4) * (1 - i / 2 / 6.), 1e-15);
    ck_assert_double_eq(ct_optimizer_factor(n.optimizer), 1);
    ck_assert_int_eq(ct_optimizer_schedule(n.optimizer, CT_SCHEDULE_CONSTANT(0.5)), CT_OK); /* one of the optimiser's */
    s = (seen){0};
    ck_assert_int_eq(
        ct_fit(forward, &n, n.optimizer, d, .batch_size = 40, .progress = see_batch, .user = &s, .output = NULL),
        CT_OK);
    ck_assert_double_eq(s.rates[0], 0.125);
    ck_assert_double_eq(ct_optimizer_factor(n.optimizer), 0.5);
    free_net(n);
    ct_dataset_free(d);
}
END_TEST

/* ---- checkpoints ---- */

static ct_status fit_with_checkpoint(net *n, const ct_dataset *d, ct_average *average, int64_t epochs, int64_t batch,
                                     seen *s)
{
    return ct_fit(noisy_forward, n, n->optimizer, d, .epochs = epochs, .batch_size = batch, .seed = 9,
                  .schedule = CT_SCHEDULE_EXPONENTIAL(0.9), .checkpoint = scratch("run"), .checkpoint_steps = 3,
                  .average = average, .early_stopping = 20, .validation = d, .log = scratch("run.csv"),
                  .progress = see_batch, .user = s, .output = NULL, .transforms = {CT_GAUSSIAN_NOISE(0, 0.1)});
}

/* Stopped in the middle of an epoch; then into objects made anew, of other bits. */
START_TEST(a_stopped_training_goes_on_with_the_same_bits)
{
    ct_dataset *d = points(50);
    net whole = new_net(0.3), first = new_net(0.3), second = new_net(0.7);
    ct_average *averages[] = {ct_average_new(whole.module, .decay = 0.5), ct_average_new(first.module, .decay = 0.5),
                              ct_average_new(second.module, .decay = 0.5)};
    seen s = {0};
    size_t size, again;
    ct_seed(100);
    ck_assert_int_eq(fit_with_checkpoint(&whole, d, averages[0], 6, 7, &s), CT_OK);
    ct_random_state at_end = ct_random_get();
    char *log = read_scratch("run.csv", &size);
    remove_scratch();
    s = (seen){.stop_batch = 8 * 3 + 5};
    ct_seed(100);
    ck_assert_int_eq(fit_with_checkpoint(&first, d, averages[1], 6, 7, &s), CT_OK);
    ck_assert_int_eq(s.batches, 29);
    ct_fill_(ct_module_tensor(second.module, 0), 9);
    ct_seed(55);
    s = (seen){0};
    ck_assert_int_eq(fit_with_checkpoint(&second, d, averages[2], 6, 7, &s), CT_OK);
    ck_assert_int_eq(s.batches, 6 * 8 - 27); /* the checkpoint is that of batch 27 */
    ck_assert(same_tensors(whole.module, second.module));
    ck_assert(at_end.seed == ct_random_get().seed && at_end.counter == ct_random_get().counter);
    ck_assert_double_eq(ct_optimizer_lr(second.optimizer), 0.3); /* the checkpoint's */
    ct_average_exchange(averages[0]);
    ct_average_exchange(averages[2]);
    ck_assert(same_tensors(whole.module, second.module));
    char *log_again = read_scratch("run.csv", &again);
    ck_assert(size == again && memcmp(log, log_again, size) == 0);
    s = (seen){0};
    ck_assert_int_eq(fit_with_checkpoint(&first, d, averages[1], 6, 7, &s), CT_OK); /* it is done already */
    ck_assert_int_eq(s.batches, 0);
    ct_average_exchange(averages[1]);
    ck_assert(same_tensors(whole.module, first.module));
    for (int i = 0; i < 3; i++)
        ct_average_free(averages[i]);
    free(log);
    free(log_again);
    free_net(whole);
    free_net(first);
    free_net(second);
    ct_dataset_free(d);
}
END_TEST

START_TEST(a_checkpoint_that_does_not_fit_changes_nothing)
{
    ct_dataset *d = points(50);
    net n = new_net(0.3), other = new_net(0.3), same = new_net(0.3);
    ct_average *average = ct_average_new(n.module), *its = ct_average_new(other.module);
    seen s = {0};
    ck_assert_int_eq(fit_with_checkpoint(&n, d, average, 1, 7, &s), CT_OK);
    ck_assert_int_eq(fit_with_checkpoint(&other, d, its, 1, 8, &s), CT_ERROR_FORMAT);
    expect_failure(CT_ERROR_FORMAT, "was made with batch_size 7, not 8 (");
    ck_assert_int_eq(fit_with_checkpoint(&other, d, NULL, 1, 7, &s), CT_ERROR_FORMAT);
    expect_failure(CT_ERROR_FORMAT, "has \"average.updates\", which there is no place for");
    ct_optimizer_free(other.optimizer);
    other.optimizer = ct_optimizer_new(other.module, &ct_rule_adam);
    ck_assert_int_eq(fit_with_checkpoint(&other, d, its, 1, 7, &s), CT_ERROR_FORMAT);
    expect_failure(CT_ERROR_FORMAT, "has the rule \"sgd\", not \"adam\"");
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .batch_size = 7, .seed = 9, .early_stopping = 3,
                            .validation = d, .checkpoint = scratch("run"), .weights = ct_ones(CT_FLOAT64, CT_SHAPE(50)),
                            .output = NULL),
                     CT_ERROR_FORMAT);
    expect_failure(CT_ERROR_FORMAT, "was made with weights 0, not 1");
    size_t size;
    char *bytes = read_scratch("run.safetensors", &size);
    FILE *f = fopen(scratch("run.safetensors"), "wb");
    fwrite(bytes, 1, size / 2, f);
    fclose(f);
    ck_assert_int_eq(fit_with_checkpoint(&other, d, its, 1, 7, &s), CT_ERROR_FORMAT);
    expect_failure(CT_ERROR_FORMAT, "run.safetensors");
    ck_assert(same_tensors(other.module, same.module));
    ck_assert_int_eq(ct_average_count(its), 0);
    free(bytes);
    ct_average_free(average);
    ct_average_free(its);
    free_net(n);
    free_net(other);
    free_net(same);
    ct_dataset_free(d);
}
END_TEST

/* ---- what it leaves to look at ---- */

START_TEST(logs_and_curves)
{
    ct_dataset *d = points(20);
    net n = new_net(0.1);
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 2, .batch_size = 20, .validation = d,
                            .log = scratch("t.csv"), .curves = scratch("t"), .output = NULL),
                     CT_OK);
    size_t size;
    char *text = read_scratch("t.csv", &size);
    ck_assert_msg(strncmp(text, "epoch,loss,accuracy,val_loss,val_accuracy,lr\n1,", 47) == 0, "%s", text);
    ck_assert(strstr(text, "\n2,") && strstr(text, ",0.1\n") && text[size - 1] == '\n');
    free(text);
    text = read_scratch("t.loss.svg", &size);
    ck_assert(text && strstr(text, ">training<") && strstr(text, ">validation<") && strstr(text, ">loss<"));
    free(text);
    text = read_scratch("t.accuracy.svg", &size);
    ck_assert(text && strstr(text, ">accuracy<"));
    free(text);
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .log = "/nowhere/t.csv", .output = NULL), CT_OK);
    expect_failure(CT_ERROR_IO, "/nowhere/t.csv");
    free_net(n);
    ct_dataset_free(d);
}
END_TEST

START_TEST(a_line_for_each_epoch_where_there_is_no_terminal)
{
    ct_dataset *d = points(20);
    net n = new_net(0.1);
    FILE *f = fopen(scratch("printed"), "w");
    ck_assert_int_eq(ct_fit(forward, &n, n.optimizer, d, .epochs = 2, .batch_size = 6, .validation = d, .output = f),
                     CT_OK);
    fclose(f);
    size_t size;
    char *text = read_scratch("printed", &size);
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    ck_assert_int_eq(lines, 2);
    ck_assert(strncmp(text, "epoch 1/2  loss 0.", 18) == 0 && strstr(text, "\nepoch 2/2  loss 0.") &&
              strstr(text, "  accuracy 0.") && strstr(text, "  val_loss 0.") && strstr(text, "  val_accuracy 0.") &&
              strstr(text, " samples/s") && !strchr(text, '\r'));
    free(text);
    free_net(n);
    ct_dataset_free(d);
}
END_TEST

/* What a training of two epochs shows on a terminal of that many columns. */
static void show_on_terminal(int columns, char *text, size_t size)
{
    struct winsize window = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int master, slave;
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &window), 0);
    FILE *terminal = fdopen(slave, "w");
    ct_dataset *d = points(20);
    net n = new_net(0.1);
    ct_fit(forward, &n, n.optimizer, d, .epochs = 2, .batch_size = 6, .validation = d, .output = terminal,
           .schedule = &ct_schedule_cosine);
    fclose(terminal);
    size_t length = 0;
    for (ssize_t more;
         (more = read(master, text + length, size - 1 - length)) > 0;) /* some hundred bytes, and the end */
        length += (size_t)more;
    text[length] = 0;
    close(master);
    free_net(n);
    ct_dataset_free(d);
}

/* A line that moves keeps to the columns, with a bar in any case; the one that stays says everything. */
START_TEST(a_bar_on_a_terminal)
{
    static const int widths[] = {60, 80, 140};
    char text[4096];
    show_on_terminal(widths[_i], text, sizeof text);
    int moving = 0, staying = 0;
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        bool stays = strstr(line, "val_accuracy") != NULL;
        const char *end = strstr(line, "\033[K");
        ck_assert_msg(end && strncmp(line, "epoch ", 6) == 0, "\"%s\"", line);
        ck_assert_msg(stays || end - line < widths[_i], "\"%s\" in %d columns", line, widths[_i]);
        ck_assert_msg(stays || strstr(line, " [=="), "\"%s\" has no bar", line);
        ck_assert_msg(stays ? strstr(line, " samples/s  ") != NULL : _i < 2 || strstr(line, " left  ") != NULL,
                      "\"%s\"", line);
        moving += !stays;
        staying += stays;
    }
    ck_assert_int_eq(staying, 2);
    ck_assert_int_ge(moving, 2);
}
END_TEST

START_TEST(fit_refuses)
{
    ct_dataset *d = points(20);
    net n = new_net(0.1);
    ck_assert_int_ne(ct_fit(NULL, &n, n.optimizer, d), CT_OK);
    expect_failure(CT_ERROR_NULL, "fit: the model is NULL (");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, NULL), CT_OK);
    expect_failure(CT_ERROR_NULL, "data set is NULL");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .batch_size = 0), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "batch_size must be at least 1: 0");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .accumulate = 0), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "accumulate must be at least 1: 0");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .early_stopping = 0), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "early_stopping must be at least 1: 0");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .checkpoint_steps = -1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "checkpoint_steps must be at least 0: -1");
    ck_assert_int_ne(ct_fit(forward, &n, n.optimizer, d, .clip_norm = -1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "clip_norm must not be negative: -1");
    ck_assert_int_ne(ct_evaluate(forward, &n, d, NULL), CT_OK);
    expect_failure(CT_ERROR_NULL, "result is NULL");
    ct_evaluation e;
    ck_assert_int_ne(ct_evaluate(forward, &n, d, &e, .batch_size = 0), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "size must be at least 1");
    free_net(n);
    ct_dataset_free(d);
}
END_TEST

/* A batch norm before the layer, so that buffers change as well as parameters. */
static net new_normed_net(void)
{
    net n = {.module = ct_module_new(CT_FLOAT64)};
    ct_seed(3);
    n.layer = ct_sequential_new(n.module, "net");
    ct_batch_norm_new(n.layer, NULL, 2);
    ct_linear_new(n.layer, NULL, 2, 2);
    n.optimizer = ct_optimizer_new(n.module, &ct_rule_sgd, .lr = 0.5, .momentum = 0.5);
    return n;
}

/* How many of the tensors of two modules differ. */
static int different(const ct_module *a, const ct_module *b)
{
    int count = 0;
    for (int64_t i = 0; i < ct_module_count(a); i++) {
        const ct_tensor *x = ct_module_tensor(a, i), *y = ct_module_tensor(b, i);
        count += memcmp(ct_data(x), ct_data(y), (size_t)ct_numel(x) * ct_dtype_size(ct_dtype_of(x))) != 0;
    }
    return count;
}

/* Whatever allocation fails, in either batch, in the clipping or in the optimiser: a step is made as a whole or not at all. */
START_TEST(a_step_without_memory_leaves_the_statistics)
{
    ct_dataset *d = points(40);
    net untouched = new_normed_net();
    int failures = 0, n = 0;
    for (ct_status status = CT_ERROR_MEMORY; status != CT_OK; ct_error_clear()) {
        net tried = new_normed_net();
        ct__fail_allocation(++n, false);
        status = ct_fit(forward, &tried, tried.optimizer, d, .batch_size = 20, .accumulate = 2, .clip_norm = 0.1,
                        .epochs = 1, .output = NULL);
        ct__fail_allocation(0, false);
        int changed = different(tried.module, untouched.module);
        if (status != CT_OK)
            ck_assert_msg(changed == 0 || changed == 6, "allocation %d: %d tensors changed: %s", n, changed,
                          ct_error_message());
        failures += status != CT_OK && changed == 0;
        free_net(tried);
    }
    ck_assert_int_gt(failures, 50);
    free_net(untouched);
    ct_dataset_free(d);
}
END_TEST

/* ---- how the gradients are ---- */

/* Two layers: a relu of which one unit can never live, a tanh far out, and a step whose size is known. */
START_TEST(health_of_a_training)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(m, "w", ct_from_values(CT_FLOAT64, CT_VALUES(3, -4, 0), CT_SHAPE(1, 3)));
    ct_tensor *far = ct_module_parameter(m, "far", ct_full(CT_FLOAT64, 50, CT_SHAPE(1)));
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.5);
    ct_health *health = ct_health_begin(m);
    for (int step = 0; step < 2; step++) {
        ct_scope_open();
        ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2), CT_SHAPE(2, 1));
        ct_tensor *first = ct_sum(ct_relu(ct_matmul(x, w)));
        ct_tensor *loss = ct_add(first, ct_sum(ct_tanh(far)));
        ct_optimizer_zero_grad(sgd);
        ck_assert_int_eq(ct_backward(loss), CT_OK);
        if (step == 0)
            ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
        close_good_scope();
    }
    ck_assert_int_eq(ct_health_end(health), CT_OK);
    int64_t n;
    const ct_health_row *rows = ct_health_rows(health, &n);
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(rows[0].name, "w");
    ck_assert_double_eq_tol(rows[0].weight_norm, sqrt(1.5 * 1.5 + 16), 1e-12);
    ck_assert_double_eq_tol(rows[0].grad_norm, 3, 1e-12); /* of {3, 0, 0}, twice */
    ck_assert_double_eq_tol(rows[0].update_ratio, 1.5 / 5, 1e-12);
    ck_assert(isnan(rows[0].dead) && isnan(rows[2].weight_norm));
    ck_assert_str_eq(rows[2].name, "relu 1");
    ck_assert_double_eq_tol(rows[2].dead, 2. / 3, 1e-12);
    ck_assert_str_eq(rows[3].name, "tanh 2");
    ck_assert_double_eq(rows[3].saturated, 1);
    FILE *f = fopen(scratch("table"), "w");
    ck_assert_int_eq(ct_health_print(health, f), CT_OK);
    fclose(f);
    size_t size;
    char *text = read_scratch("table", &size);
    ck_assert(text && strstr(text, "\nw ") && strstr(text, "3.00e-01") && strstr(text, "0.667") &&
              !strstr(text, "nan"));
    free(text);
    ck_assert_int_eq(ct_health_plot(health, scratch("h.svg")), CT_OK);
    text = read_scratch("h.svg", &size);
    ck_assert(text && strstr(text, "norm of gradient"));
    free(text);
    ck_assert_int_ne(ct_health_end(health), CT_OK);
    expect_failure(CT_ERROR_STATE, "ended already");
    ct_health_free(health);
    ct_health_free(NULL);
    ck_assert_ptr_null(ct_health_begin(NULL));
    expect_failure(CT_ERROR_NULL, "module is NULL");
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* Names of layers, convolutions by channel; and freeing it ends it. */
START_TEST(health_of_layers)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_module *fc = ct_linear_new(m, "fc", 4, 3);
    int64_t live = ct_memory_stats().live_bytes;
    ct_health *health = ct_health_begin(m);
    ct_scope_open();
    ct_region_begin("head");
    ct_sigmoid(ct_forward(fc, ct_zeros(CT_FLOAT32, CT_SHAPE(5, 4))));
    ct_region_end();
    ct_sigmoid(ct_from_values(CT_FLOAT32, CT_VALUES(-5, -3, 3, 5), CT_SHAPE(4))); /* ends begin at 0.015 and 0.985 */
    double channels[] = {-1, -1, 1, -1, 0, -1, -1, -1};
    ct_relu(ct_from_values(CT_FLOAT32, channels, 8, CT_SHAPE(1, 2, 2, 2)));
    int64_t n;
    const ct_health_row *rows = ct_health_rows(health, &n);
    ck_assert_int_eq(n, 5);
    ck_assert(isnan(rows[0].grad_norm) && isnan(rows[0].update_ratio));
    ck_assert_str_eq(rows[2].name, "head.sigmoid");
    ck_assert_double_eq(rows[2].saturated, 0);
    ck_assert_double_eq(rows[3].saturated, 0.5);
    ck_assert_double_eq(rows[4].dead, 0.5);
    close_good_scope();
    ct_health_free(health);
    ck_assert_int_eq(ct_memory_stats().live_bytes, live);
    ct_scope_open();
    ck_assert_ptr_nonnull(ct_relu(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 2))));
    close_good_scope();
    ct_module_free(m);
}
END_TEST

static ct_tensor *with_relu(void *model, ct_tensor *x)
{
    return forward(model, ct_relu(x));
}

/* What a validation runs through is another pass, and not watched: one activation stays one row. */
START_TEST(health_of_a_training_that_is_validated)
{
    ct_dataset *d = points(20), *held_out = points(600);
    net n = new_net(0.1);
    ct_health *health = ct_health_begin(n.module);
    ck_assert_int_eq(
        ct_fit(with_relu, &n, n.optimizer, d, .epochs = 3, .batch_size = 8, .validation = held_out, .output = NULL),
        CT_OK);
    ct_health_end(health);
    int64_t rows;
    ck_assert_str_eq(ct_health_rows(health, &rows)[2].name, "relu 1");
    ck_assert_int_eq(rows, 3);
    ct_health_free(health);
    free_net(n);
    ct_dataset_free(d);
    ct_dataset_free(held_out);
}
END_TEST

/* A parameter that is zero at first: its first step has no ratio, and the second the usual one. */
START_TEST(health_of_what_begins_at_zero)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *b = ct_module_parameter(m, "b", ct_zeros(CT_FLOAT64, CT_SHAPE(1)));
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.5);
    ct_health *health = ct_health_begin(m);
    for (int step = 0; step < 2; step++) {
        ck_assert_int_eq(ct_set_grad(b, ct_full(CT_FLOAT64, -1 - step, CT_SHAPE(1))), CT_OK);
        ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK); /* to 0.5, then to 1.5 */
        int64_t n;
        double ratio = ct_health_rows(health, &n)[0].update_ratio;
        ck_assert(step ? ratio == 2 : isnan(ratio));
    }
    ct_health_free(health);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* ---- the loop over batches ---- */

static int64_t first_of_epoch(ct_batches *batches)
{
    CT_EACH_BATCH (batches, x, y)
        return ct_size(x, 0) == 4 && y ? llround(1e6 * ct_get(x, (int64_t[]){0, 0}, 2)) : -1;
    return -2;
}

START_TEST(each_batch_of_one_epoch_after_another)
{
    ct_dataset *d = points(10);
    ct_batches *batches = ct_batches_new(d, .size = 4, .shuffle = true, .seed = 2);
    ct_batches *by_hand = ct_batches_new(d, .size = 4, .shuffle = true, .seed = 2);
    int depth = ct_memory_stats().scope_depth;
    int64_t live = ct_memory_stats().live_bytes;
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        ck_assert_int_eq(ct_batches_start(by_hand, epoch), CT_OK);
        int n = 0;
        CT_EACH_BATCH (batches, x, y) {
            ct_tensor *x2, *y2;
            ck_assert_int_eq(ct_memory_stats().scope_depth, depth + 1);
            ck_assert(ct_batches_next(by_hand, &x2, &y2));
            ck_assert_double_eq(ct_item(ct_sum(ct_abs(ct_sub(x, x2)))), 0);
            ck_assert_int_eq(ct_size(y, 0), ++n < 3 ? 4 : 2);
        }
        ck_assert_int_eq(n, 3);
        ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, live);
    ct_batches_free(batches);
    ct_batches_free(by_hand);
    ct_dataset_free(d);
}
END_TEST

START_TEST(break_continue_and_return_leave_no_scope)
{
    ct_dataset *d = points(10);
    ct_batches *batches = ct_batches_new(d, .size = 4, .shuffle = true, .seed = 2);
    int depth = ct_memory_stats().scope_depth, n = 0;
    CT_EACH_BATCH (batches, x, y) {
        (void)y;
        ct_scope_open(); /* one of its own, left open */
        if (++n < 2)
            continue;
        ck_assert_int_eq(ct_memory_stats().scope_depth, depth + 2);
        if (x)
            break;
    }
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    int64_t second = first_of_epoch(batches), third = first_of_epoch(batches);
    ck_assert_int_ne(second, third);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    ck_assert_int_eq(ct_batches_start(batches, 1), CT_OK);
    ck_assert_int_eq(first_of_epoch(batches), second);
    CT_EACH_BATCH (batches, x, y) {
        CT_EACH_BATCH (batches, inner, labels)
            ck_assert(inner && labels && inner != x && y);
        goto out;
    }
out:
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

START_TEST(an_error_ends_the_loop)
{
    ct_dataset *d = points(10);
    ct_batches *batches = ct_batches_new(d, .size = 4);
    int depth = ct_memory_stats().scope_depth, n = 0;
    CT_EACH_BATCH (batches, x, y) {
        ck_assert_ptr_null(ct_matmul(x, x));
        n += y != NULL;
    }
    ck_assert_int_eq(n, 1);
    expect_failure(CT_ERROR_SHAPE, "matmul");
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    CT_EACH_BATCH (NULL, x, y)
        n += x == y;
    ck_assert_int_eq(n, 1);
    expect_failure(CT_ERROR_NULL, "batches is NULL");
    ct_batches_free(batches);
    ct_dataset_free(d);
}
END_TEST

Suite *ct_suite_fit(void)
{
    Suite *suite = suite_create("fit");
    TCase *t = case_without_error("loop");
    tcase_add_loop_test(t, accumulated_batches_are_one, 1, 4);
    tcase_add_test(t, gradients_are_clipped_and_their_norm_told);
    tcase_add_test(t, any_loss_any_metrics_and_a_validation);
    tcase_add_test(t, losses_are_what_they_say);
    tcase_add_test(t, metrics_are_what_they_say);
    tcase_add_test(t, early_stopping_puts_the_best_weights_back);
    tcase_add_test(t, a_model_may_be_its_own_loss);
    tcase_add_test(t, patience_begins_anew_at_a_better_epoch);
    tcase_add_loop_test(t, schedules_hear_how_an_epoch_was, 0, 2);
    tcase_add_test(t, schedules_count_steps_and_epochs);
    tcase_add_test(t, fit_refuses);
    tcase_add_test(t, a_step_without_memory_leaves_the_statistics);
    suite_add_tcase(suite, t);

    t = case_without_error("files");
    tcase_add_test(t, a_stopped_training_goes_on_with_the_same_bits);
    tcase_add_test(t, a_checkpoint_that_does_not_fit_changes_nothing);
    tcase_add_test(t, logs_and_curves);
    tcase_add_loop_test(t, a_bar_on_a_terminal, 0, 3);
    tcase_add_loop_test(t, the_best_weights_go_into_a_file, 0, 2);
    tcase_add_test(t, events_refuse);
    tcase_add_test(t, events_that_find_no_room);
    tcase_add_test(t, a_line_for_each_epoch_where_there_is_no_terminal);
    suite_add_tcase(suite, t);

    t = case_without_error("health");
    tcase_add_test(t, health_of_a_training);
    tcase_add_test(t, health_of_layers);
    tcase_add_test(t, health_of_a_training_that_is_validated);
    tcase_add_test(t, health_of_what_begins_at_zero);
    suite_add_tcase(suite, t);

    t = case_without_error("each batch");
    tcase_add_test(t, each_batch_of_one_epoch_after_another);
    tcase_add_test(t, break_continue_and_return_leave_no_scope);
    tcase_add_test(t, an_error_ends_the_loop);
    suite_add_tcase(suite, t);
    return suite;
}
