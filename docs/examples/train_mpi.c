/* One network trained by several processes: mpirun -n 2 build/docs/examples/train_mpi. Each rank learns from its own share of the digits, and
 * keeps its own share of Adam's states; gradients are averaged while backward runs, and batch norms see all ranks' batches. If a rank is killed,
 * the run ends, and the same command goes on from the last checkpoint, run.safetensors. */
#include "example.h"
#include <cotan/ct_mpi.h>
#include <stdlib.h>

static ct_module *network(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_conv2d_new(net, NULL, 1, 8, 3, .padding = 1);
    ct_batch_norm_new(net, NULL, 8);
    ct_relu_new(net, NULL);
    ct_max_pool2d_new(net, NULL, 2);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 8 * 4 * 4, 64);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 64, 10);
    return net;
}

/* One pass over this rank's batches; the mean loss over all ranks'. */
static double learn(ct_module *net, ct_mpi_optimizer *adam, ct_batches *batches)
{
    double mean = 0;
    CT_EACH_BATCH (batches, x, y) {
        ct_tensor *loss = ct_cross_entropy(ct_forward(net, x), y);
        mean += ct_item(loss) / (double)ct_batches_count(batches);
        ct_backward(loss);
        ct_mpi_optimizer_step(adam);
        ct_mpi_optimizer_zero_grad(adam);
    }
    ct_mpi_mean(MPI_COMM_WORLD, &mean, 1);
    return mean;
}

static void train(ct_module *net, ct_mpi_parallel *parallel, const ct_dataset *digits, example *e, bool talks)
{
    const char *checkpoint = example_path(e, "train_mpi");
    ct_batches *batches =
        ct_mpi_batches(digits, MPI_COMM_WORLD, .size = 64, .shuffle = true, .seed = (uint64_t)e->seed);
    ct_mpi_optimizer *adam = ct_mpi_optimizer_new(parallel, &ct_rule_adamw, .lr = 5e-3);
    ct_optimizer_schedule(ct_mpi_optimizer_local(adam), CT_SCHEDULE_COSINE(0.01),
                          .steps = e->epochs * ct_batches_count(batches));
    int64_t epoch = 0;
    bool found = false;
    ct_mpi_load(adam, checkpoint, &epoch, 1, &found);
    if (found && talks)
        printf("goes on after epoch %lld\n", (long long)epoch);
    while (epoch < e->epochs && ct_error_code() == CT_OK) {
        ct_batches_start(batches, epoch++);
        double loss = learn(net, adam, batches);
        ct_mpi_save(adam, checkpoint, &epoch, 1);
        if (talks && ct_error_code() == CT_OK)
            example_progress(e, epoch, "loss", loss);
    }
    ct_mpi_optimizer_free(adam);
    ct_batches_free(batches);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 40, .quick_epochs = 6, .seed = 1};
    if (ct_mpi_begin(&argc, &argv) != CT_OK)
        return fprintf(stderr, "%s\n", ct_error_message()), EXIT_FAILURE;
    if (!example_begin(&e, argc, argv))
        return ct_mpi_end() ? EXIT_FAILURE : e.status;
    ct_dataset *part[2];
    example_digits(&e, part);
    ct_module *net = network();
    bool talks = ct_mpi_rank(MPI_COMM_WORLD) == 0;
    ct_mpi_parallel *parallel = ct_mpi_data_parallel(net, MPI_COMM_WORLD);
    ct_mpi_sync_batch_norm(net, MPI_COMM_WORLD);
    train(net, parallel, part[0], &e, talks);
    ct_evaluation test = {0};
    ct_evaluate(ct_module_forward, net, part[1], &test);
    if (talks)
        ct_module_save(net, example_path(&e, "final.safetensors"));
    ct_mpi_parallel_free(parallel);
    ct_module_free(net);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    int failed = ct_mpi_end();
    return talks || failed ? example_end(&e, "test accuracy: %.4f", test.accuracy) : EXIT_SUCCESS;
}
