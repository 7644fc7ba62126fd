/* How long a step takes by several processes, and how much of the sending is hidden behind backward.
 *
 * usage: mpirun -n N mpi_steps LAYERS WIDTH BATCH BUCKET_KIB PROGRESS STEPS
 *
 * A network of LAYERS times WIDTH x WIDTH parameters (float32), BATCH samples a rank; PROGRESS 0: by a thread, 1: by hooks, 2: after
 * backward. Prints a line: ranks, MiB of parameters, buckets, and in milliseconds the medians over the steps, of the slowest rank, of the whole
 * step, its forward and backward with the sending, and of that what was waited for sending alone. */
#include <cotan/cotan.h>
#include <cotan/ct_mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median, and of the ranks' the largest. */
static double slowest(double *times, int n)
{
    double mine, largest;
    qsort(times, (size_t)n, sizeof *times, compare);
    mine = times[n / 2];
    MPI_Allreduce(&mine, &largest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return largest;
}

static ct_module *network(int layers, int64_t width)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < layers; i++) {
        ct_linear_new(net, NULL, width, width, .no_bias = true);
        ct_relu_new(net, NULL);
    }
    return net;
}

static void measure(ct_module *net, ct_mpi_parallel *p, int64_t width, int64_t batch, int steps)
{
    static double step[MOST], gradient[MOST], waited[MOST];
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = 1e-4);
    for (int i = -2; i < steps && ct_error_code() == CT_OK; i++) {
        int k = i < 0 ? 0 : i;
        ct_scope_open();
        ct_tensor *x = ct_rand(CT_FLOAT32, -1, 1, CT_SHAPE(batch, width));
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = now(), before = ct_mpi_parallel_times(p).waited;
        ct_backward(ct_mean(ct_square(ct_forward(net, x))));
        gradient[k] = now() - begin;
        ct_optimizer_step(sgd);
        ct_optimizer_zero_grad(sgd);
        step[k] = now() - begin;
        waited[k] = 1e3 * (ct_mpi_parallel_times(p).waited - before);
        ct_scope_close();
    }
    ct_optimizer_free(sgd);
    double all = slowest(step, steps), backward = slowest(gradient, steps), left = slowest(waited, steps);
    if (ct_mpi_rank(MPI_COMM_WORLD) == 0)
        printf("%d ranks  %5.1f MiB  %3lld buckets  step %8.2f  gradients %8.2f  waited %8.2f\n",
               ct_mpi_size(MPI_COMM_WORLD), (double)ct_module_numel(net) / (1 << 18),
               (long long)ct_mpi_parallel_times(p).buckets, all, backward, left);
}

int main(int argc, char **argv)
{
    if (ct_mpi_begin(&argc, &argv) != CT_OK || argc != 7 || atoi(argv[6]) > MOST)
        return fprintf(stderr, "usage: mpi_steps LAYERS WIDTH BATCH BUCKET_KIB PROGRESS STEPS\n"), 2;
    ct_module *net = network(atoi(argv[1]), atoi(argv[2]));
    ct_mpi_parallel *p = ct_mpi_data_parallel(net, MPI_COMM_WORLD, .bucket_bytes = 1024L * atoi(argv[4]),
                                              .progress = (ct_mpi_progress)atoi(argv[5]));
    measure(net, p, atoi(argv[2]), atoi(argv[3]), atoi(argv[6]));
    ct_mpi_parallel_free(p);
    ct_module_free(net);
    int status = ct_mpi_end();
    if (status != 0)
        fprintf(stderr, "%s\n", ct_error_message());
    return status;
}
