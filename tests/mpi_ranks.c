/* What tests/test_mpi.py runs by mpirun: a training whose weights are compared, checks within one run, and ranks that fail.
 *
 * usage: mpi_ranks MODE [ARGUMENT]...     each mode is a function below; the last line of a run that checks is "N passed, N failed" */
#include <cotan/cotan.h>
#include <cotan/ct_mpi.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size, passed, failed;

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        bool holds = (condition);                                                             \
        passed += holds;                                                                      \
        failed += !holds;                                                                     \
        if (!holds)                                                                           \
            printf("rank %d of %d, line %d: not so: %s\n", rank, size, __LINE__, #condition); \
    } while (0)

/* An error of that code with these words, which is taken away. */
static void expect_error(int line, ct_status code, const char *words)
{
    bool holds = ct_error_code() == code && strstr(ct_error_message(), words);
    passed += holds;
    failed += !holds;
    if (!holds)
        printf("rank %d of %d, line %d: wanted \"%s\", got \"%s\"\n", rank, size, line, words, ct_error_message());
    ct_error_clear();
}
#define EXPECT_ERROR(code, words) expect_error(__LINE__, code, words)

static double distance(ct_tensor *a, ct_tensor *b)
{
    return ct_item(ct_amax(ct_abs(ct_sub(a, b))));
}

/* ---- a small network ---- */

enum { SAMPLES = 48, BATCH = 4 };

static ct_module *network(ct_dtype dtype, bool norm)
{
    ct_module *net = ct_module_new(dtype);
    ct_linear_new(net, "first", 5, 17);
    if (norm)
        ct_batch_norm_new(net, "norm", 17);
    ct_tanh_new(net, "tanh");
    ct_linear_new(net, "second", 17, 3);
    return net;
}

static ct_dataset *samples(ct_dtype dtype)
{
    ct_scope_open();
    ct_seed(7);
    ct_tensor *x = ct_randn(dtype, 0, 1, CT_SHAPE(SAMPLES, 5)), *y = ct_randn(dtype, 0, 1, CT_SHAPE(SAMPLES, 3));
    ct_dataset *d = ct_dataset_new(x, y, .dtype = dtype);
    ct_scope_close();
    return d;
}

static ct_tensor *loss_of(ct_module *net, ct_tensor *x, ct_tensor *y)
{
    return ct_mse_loss(ct_forward(net, x), y);
}

static ct_tensor *mean_square(ct_tensor *output, ct_tensor *target)
{
    return ct_mse_loss(output, target);
}

static ct_dtype dtype_named(const char *name)
{
    return strcmp(name, "float64") == 0 ? CT_FLOAT64 : CT_FLOAT32;
}

/* train DTYPE FILE BUCKET_BYTES PROGRESS SHARDED: writes the weights after two epochs by all ranks. */
static void train(char **argument)
{
    ct_dtype dtype = dtype_named(argument[0]);
    ct_dataset *d = samples(dtype);
    ct_seed(1 + (uint64_t)rank); /* rank 0's weights count */
    ct_module *net = network(dtype, false);
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD, .bucket_bytes = atoi(argument[2]),
                                              .progress = (ct_mpi_progress)atoi(argument[3]));
    bool sharded = atoi(argument[4]);
    ct_optimizer *adam = sharded ? NULL : ct_optimizer_new(net, &ct_rule_adam, .lr = 0.01);
    ct_mpi_optimizer *shares = sharded ? ct_mpi_optimizer_new(p, &ct_rule_adam, .lr = 0.01) : NULL;
    ct_batches *batches = ct_mpi_batches(d, MPI_COMM_WORLD, .size = BATCH, .shuffle = true, .seed = 3);
    for (int epoch = 0; epoch < 2; epoch++)
        CT_EACH_BATCH (batches, x, y) {
            ct_backward(loss_of(net, x, y));
            if (sharded)
                ct_mpi_optimizer_step(shares), ct_mpi_optimizer_zero_grad(shares);
            else
                ct_optimizer_step(adam), ct_optimizer_zero_grad(adam);
        }
    if (rank == 0)
        ct_module_save(net, argument[1]);
    ct_mpi_optimizer_free(shares);
    ct_optimizer_free(adam);
    ct_batches_free(batches);
    ct_mpi_parallel_free(p);
    ct_module_free(net);
    ct_dataset_free(d);
}

/* The same by one process, which takes the ranks' batches one after the other. */
static void take_in_turn(ct_dtype dtype, const char *file, int ranks)
{
    int batch = 0;
    ct_dataset *d = samples(dtype);
    ct_seed(1);
    ct_module *net = network(dtype, false);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 0.01);
    ct_batches *batches = ct_batches_new(d, .size = BATCH, .shuffle = true, .seed = 3);
    for (int epoch = 0; epoch < 2; epoch++)
        CT_EACH_BATCH (batches, x, y) {
            ct_backward(loss_of(net, x, y));
            if (++batch % ranks > 0)
                continue;
            for (int64_t i = 0; i < ct_module_count(net); i++) {
                ct_tensor *t = ct_module_tensor(net, i);
                ct_set_grad(t, ct_div(ct_grad_of(t), ct_scalar(dtype, ranks)));
            }
            ct_optimizer_step(adam);
            ct_optimizer_zero_grad(adam);
        }
    ct_module_save(net, file);
    ct_optimizer_free(adam);
    ct_batches_free(batches);
    ct_module_free(net);
    ct_dataset_free(d);
}

/* accumulate NAME: for 1 to 4 ranks and both dtypes, into NAME-float32-1 and so on. */
static void accumulate(char **argument)
{
    for (int ranks = 1; ranks <= 4; ranks++)
        for (ct_dtype dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            char file[500];
            snprintf(file, sizeof file, "%s-%s-%d", argument[0], ct_dtype_name(dtype), ranks);
            take_in_turn(dtype, file, ranks);
        }
}

/* ---- checks within one run ---- */

static void check_means(void)
{
    double values[] = {rank + 1, 10};
    CHECK(ct_mpi_mean(MPI_COMM_WORLD, values, 2) == CT_OK);
    CHECK(values[0] == (size + 1) / 2. && values[1] == 10);
    double weighted = rank;
    ct_mpi_mean(MPI_COMM_WORLD, &weighted, 1, .weight = rank == size - 1);
    CHECK(weighted == size - 1);
    double nothing = 3;
    ct_mpi_mean(MPI_COMM_WORLD, &nothing, 1, .weight = 0);
    CHECK(isnan(nothing));
    ct_mpi_mean(MPI_COMM_WORLD, &nothing, 0);
    EXPECT_ERROR(CT_ERROR_ARGUMENT, "mpi_mean: 0 numbers");
    ct_mpi_mean(MPI_COMM_WORLD, NULL, 1);
    EXPECT_ERROR(CT_ERROR_NULL, "the numbers are NULL");
}

static void check_agreement(void)
{
    CHECK(ct_mpi_agree(MPI_COMM_WORLD) == CT_OK);
    if (rank == size - 1)
        ct_error_set(CT_ERROR_IO, "no such file");
    CHECK(ct_mpi_agree(MPI_COMM_WORLD) == CT_ERROR_IO);
    char words[40];
    snprintf(words, sizeof words, rank == size - 1 ? "no such file" : "rank %d: no such file", size - 1);
    EXPECT_ERROR(CT_ERROR_IO, words);
    CHECK(ct_mpi_agree(MPI_COMM_WORLD) == CT_OK);
}

/* y = sum over all ranks' losses of w_r . gather(x)^2 has the gradient sum_r w_r[s] 2 x_s at rank s. */
static void check_gather(ct_dtype dtype)
{
    char words[60];
    ct_tensor *x = ct_parameter(ct_full(dtype, 1 + rank, CT_SHAPE(2, 1)));
    ct_tensor *all = ct_mpi_all_gather(x, MPI_COMM_WORLD), *first, *second;
    CHECK(ct_rank(all) == 3 && ct_size(all, 0) == size && ct_size(all, 1) == 2);
    for (int64_t r = 0; r < size; r++)
        CHECK(ct_get(all, CT_SHAPE(r, 1, 0)) == 1 + (double)r);
    ct_tensor *y = ct_sum(ct_mul_scalar(ct_mul(all, ct_square(all)), rank + 1));
    double weights = size * (size + 1) / 2.;
    CHECK(ct_grad(&y, 1, &x, 1, &first, .create_graph = true) == CT_OK);
    CHECK(ct_get(first, CT_SHAPE(1, 0)) == weights * 3 * (1 + rank) * (1 + rank));
    first = ct_sum(first);
    CHECK(ct_grad(&first, 1, &x, 1, &second) == CT_OK); /* of a sum over ranks of sums over ranks */
    CHECK(ct_get(second, CT_SHAPE(0, 0)) == weights * 6 * (1 + rank));
    if (size > 1) {
        CHECK(!ct_mpi_all_gather(ct_ones(dtype, CT_SHAPE(rank == 0 ? 3 : 2)), MPI_COMM_WORLD));
        snprintf(words, sizeof words, "mpi_all_gather: rank %d has [%d], ", rank, rank == 0 ? 3 : 2);
        EXPECT_ERROR(CT_ERROR_SHAPE, words);
    }
    CHECK(!ct_mpi_sum_scatter(ct_ones(dtype, CT_SHAPE(size + 1)), MPI_COMM_WORLD));
    EXPECT_ERROR(CT_ERROR_SHAPE, "not a row for each of");
    ct_release(x);
}

/* Over the ranks as over one large batch: outputs, gradients of the mean loss, running statistics. */
static void check_batch_norm(ct_dtype dtype, double tolerance)
{
    ct_seed(5);
    ct_module *net = network(dtype, true), *whole = network(dtype, true);
    for (int64_t i = 0; i < ct_module_count(net); i++)
        ct_copy_(ct_module_tensor(whole, i), ct_module_tensor(net, i));
    ct_tensor *x = ct_randn(dtype, 1, 2, CT_SHAPE(3 * size, 5)), *y = ct_randn(dtype, 0, 1, CT_SHAPE(3 * size, 3));
    ct_tensor *mine = ct_slice(x, 0, 3 * rank, 3 * rank + 3, 1), *wanted = ct_slice(y, 0, 3 * rank, 3 * rank + 3, 1);
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD);
    CHECK(ct_mpi_sync_batch_norm(net, MPI_COMM_WORLD) == CT_OK);
    CHECK(ct_backward(loss_of(net, mine, wanted)) == CT_OK);
    CHECK(ct_backward(loss_of(whole, x, y)) == CT_OK);
    for (int64_t i = 0; i < ct_module_count(net); i++) {
        ct_tensor *a = ct_module_tensor(net, i), *b = ct_module_tensor(whole, i);
        CHECK(distance(a, b) <= tolerance);
        CHECK(!ct_module_is_parameter(net, i) || distance(ct_grad_of(a), ct_grad_of(b)) <= tolerance);
    }
    ct_mpi_parallel_free(p);
    ct_module_free(net);
    ct_module_free(whole);
}

/* Rank r's gradient of w [2] is r + 1; the mean (size + 1) / 2. odd, of the other dtype, has one on some ranks. */
static void check_gradients(ct_dtype dtype)
{
    ct_module *net = ct_module_new(dtype);
    ct_tensor *w = ct_module_parameter(net, "w", ct_ones(dtype, CT_SHAPE(2)));
    ct_tensor *odd =
        ct_module_parameter(net, "odd", ct_ones(dtype == CT_FLOAT32 ? CT_FLOAT64 : CT_FLOAT32, CT_SHAPE()));
    ct_tensor *nothing = ct_module_parameter(net, "nothing", ct_ones(dtype, CT_SHAPE(0, 3)));
    ct_tensor *unused = ct_module_parameter(net, "unused", ct_ones(dtype, CT_SHAPE(3)));
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD, .bucket_bytes = 8);
    double mean = (size + 1) / 2.;
    ct_tensor *loss = ct_add(ct_mul_scalar(ct_sum(w), rank + 1), ct_sum(nothing));
    CHECK(ct_backward(rank % 2 ? ct_add(loss, ct_cast(odd, dtype)) : loss) == CT_OK);
    CHECK(ct_numel(ct_grad_of(nothing)) == 0);
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(1)) == mean);
    CHECK(size == 1 || fabs(ct_item(ct_grad_of(odd)) - (double)(size / 2) / size) < 1e-7);
    CHECK(!ct_grad_of(unused));
    CHECK(ct_backward(ct_mul_scalar(ct_sum(w), rank + 1)) == CT_OK); /* accumulates */
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(0)) == 2 * mean);
    ct_zero_grad(w);
    ct_zero_grad(odd);
    ct_mpi_synchronize(p, false);
    ct_backward(ct_add(ct_mul_scalar(ct_sum(w), rank + 1), ct_cast(odd, dtype)));
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(0)) == rank + 1);
    ct_mpi_synchronize(p, true);
    ct_backward(ct_mul_scalar(ct_sum(w), 10));
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(0)) == mean + 10);
    CHECK(ct_item(ct_grad_of(odd)) == 1); /* accumulated before, without a gradient now */
    ct_backward(ct_sum(w));
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(0)) == mean + 11);
    if (size > 1) {
        ct_backward(ct_sum(ct_square(w)), .create_graph = true);
        EXPECT_ERROR(CT_ERROR_STATE, "create_graph");
    }
    CHECK(ct_mpi_parallel_times(p).backwards == (size > 1 ? 4 : 0));
    ct_mpi_parallel_free(p);
    ct_zero_grad(w);
    ct_backward(ct_mul_scalar(ct_sum(w), rank + 1));
    CHECK(ct_get(ct_grad_of(w), CT_SHAPE(0)) == rank + 1);
    ct_module_free(net);
}

/* ct_fit() on a part of the data for each rank: all end with the same weights. */
static void check_fit(void)
{
    ct_dataset *d = samples(CT_FLOAT64), *parts[4] = {NULL};
    CHECK(ct_random_split(d, CT_VALUES(12, 12, 12, 12), parts) == CT_OK);
    ct_module *net = network(CT_FLOAT64, false);
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 0.01);
    CHECK(ct_fit(ct_module_forward, net, adam, parts[rank], .loss = mean_square, .epochs = 2, .batch_size = 4,
                 .accumulate = 2, .output = NULL) == CT_OK);
    for (int64_t i = 0; i < ct_module_count(net); i++) {
        ct_tensor *sum = ct_sum(ct_mpi_all_gather(ct_module_tensor(net, i), MPI_COMM_WORLD), CT_AXES(0));
        CHECK(distance(ct_mul_scalar(ct_module_tensor(net, i), size), sum) < 1e-14);
    }
    ct_optimizer_free(adam);
    ct_mpi_parallel_free(p);
    ct_module_free(net);
    for (int i = 0; i < 4; i++)
        ct_dataset_free(parts[i]);
    ct_dataset_free(d);
}

static void check_refusals(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, "layer", 2, rank == size - 1 ? 3 : 4);
    CHECK(size == 1 || !ct_mpi_data_parallel(net, MPI_COMM_WORLD));
    char words[200];
    snprintf(
        words, sizeof words,
        "rank %d has \"layer.weight float32 [3,2] trained\" where rank 0 has \"layer.weight float32 [4,2] trained\"",
        size - 1);
    if (size > 1)
        EXPECT_ERROR(CT_ERROR_STATE, words);
    CHECK(!ct_mpi_data_parallel(net, MPI_COMM_WORLD, .bucket_bytes = 0));
    EXPECT_ERROR(CT_ERROR_ARGUMENT, "buckets of 0 bytes");
    CHECK(!ct_mpi_data_parallel(NULL, MPI_COMM_WORLD));
    EXPECT_ERROR(CT_ERROR_NULL, "the module is NULL");
    CHECK(ct_mpi_begin(NULL, NULL) == CT_ERROR_STATE);
    EXPECT_ERROR(CT_ERROR_STATE, "MPI has begun already");
    ct_module_free(net);
}

/* checks: what is right within one run; the counts of all ranks together. */
static void checks(char **argument)
{
    (void)argument;
    check_means();
    check_agreement();
    check_gather(CT_FLOAT64);
    check_gather(CT_FLOAT32);
    check_batch_norm(CT_FLOAT64, 1e-12);
    check_batch_norm(CT_FLOAT32, 1e-4);
    check_gradients(CT_FLOAT64);
    check_gradients(CT_FLOAT32);
    check_fit();
    check_refusals();
    CHECK(ct_error_code() == CT_OK);
}

/* ---- checkpoints ---- */

static void step(ct_module *net, ct_mpi_optimizer *o)
{
    ct_tensor *x = ct_full(ct_module_dtype(net), 0.3, CT_SHAPE(2, 5)),
              *y = ct_zeros(ct_module_dtype(net), CT_SHAPE(2, 3));
    ct_backward(loss_of(net, x, y));
    ct_mpi_optimizer_step(o);
    ct_mpi_optimizer_zero_grad(o);
}

/* Goes on from the checkpoint for so many steps, all of the same sample, and writes one, and the weights. */
static void go_on(ct_dtype dtype, const char *path, int64_t steps, const char *weights)
{
    int64_t position[2] = {0, 0};
    bool found = false;
    ct_seed(1);
    ct_module *net = network(dtype, true);
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD);
    ct_mpi_optimizer *o = ct_mpi_optimizer_new(p, &ct_rule_nadam, .lr = 0.01);
    ct_mpi_optimizer_group(o, "*.bias", .lr = 0.02);
    ct_optimizer_schedule(ct_mpi_optimizer_local(o), CT_SCHEDULE_COSINE(0.1), .steps = 20);
    ct_mpi_load(o, path, position, 2, &found);
    CHECK(found == (position[0] > 0) && position[1] == 7 * position[0]);
    for (int i = 0; i < steps; i++)
        step(net, o);
    position[0] += steps;
    position[1] = 7 * position[0];
    ct_mpi_save(o, path, position, 2);
    if (rank == 0)
        ct_module_save(net, weights);
    ct_mpi_optimizer_free(o);
    ct_mpi_parallel_free(p);
    ct_module_free(net);
}

/* checkpoint FOLDER STEPS NAME: in both dtypes; weights go into NAME-float32 and NAME-float64. */
static void checkpoint(char **argument)
{
    for (ct_dtype dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        char path[500], weights[500];
        snprintf(path, sizeof path, "%s/%s", argument[0], ct_dtype_name(dtype));
        snprintf(weights, sizeof weights, "%s-%s", argument[2], ct_dtype_name(dtype));
        go_on(dtype, path, atoi(argument[1]), weights);
    }
}

/* ---- ranks that fail ---- */

/* fail HOW: the last rank has an error in its third step, or ends without one, or stays away. */
static void fail(char **argument)
{
    ct_module *net = network(CT_FLOAT32, false);
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD);
    for (int i = 0; i < 5 && ct_error_code() == CT_OK; i++) {
        bool here = rank == size - 1 && i == 2;
        bool away = i == 2 && strcmp(argument[0], "away") == 0;
        if (away && here)
            sleep(2);
        else if (away)
            ct_mpi_set_timeout(0.5);
        ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(2, here && strcmp(argument[0], "error") == 0 ? 6 : 5));
        ct_backward(loss_of(net, x, ct_ones(CT_FLOAT32, CT_SHAPE(2, 3))));
    }
    ct_mpi_parallel_free(p);
    ct_module_free(net);
}

/* ---- which one ---- */

static const struct mode {
    const char *name;
    int arguments;
    void (*run)(char **argument);
    bool counts;
} modes[] = {
    {"train", 5, train, false},  {"accumulate", 1, accumulate, false},
    {"checks", 0, checks, true}, {"checkpoint", 3, checkpoint, false},
    {"fail", 1, fail, false},
};

/* All ranks' counts, as one line of rank 0. */
static void tell_counts(void)
{
    double counts[] = {passed, failed};
    ct_mpi_mean(MPI_COMM_WORLD, counts, 2);
    if (rank == 0)
        printf("%.0f passed, %.0f failed\n", counts[0] * size, counts[1] * size);
}

int main(int argc, char **argv)
{
    const struct mode *mode = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, argv[1]) == 0 && argc == 2 + modes[i].arguments)
            mode = &modes[i];
    if (!mode)
        return fprintf(stderr, "usage: mpi_ranks MODE [ARGUMENT]...\n"), 2;
    if (ct_mpi_begin(&argc, &argv) == CT_OK) {
        rank = ct_mpi_rank(MPI_COMM_WORLD);
        size = ct_mpi_size(MPI_COMM_WORLD);
        ct_scope_open();
        mode->run(argv + 2);
        ct_scope_close();
        if (mode->counts)
            tell_counts();
    }
    bool told = ct_error_code() != CT_OK;
    if (told) /* while all ranks are there still: the launcher ends them once one has ended */
        fprintf(stderr, "on rank %d: %s\n", rank, ct_error_message());
    int status = ct_mpi_end();
    if (status != 0 && !told)
        fprintf(stderr, "on rank %d: %s\n", rank, ct_error_message());
    return status != 0 || failed > 0;
}
