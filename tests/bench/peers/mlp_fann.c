/* A pass over 64 images of an MLP 784-128-10, timed: see ../peers.sh. FANN has a squared error, and no cross entropy. */
#include <fann.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void)
{
    double best = 1;
    struct fann *net = fann_create_standard(3, 784, 128, 10);
    struct fann_train_data *data = fann_create_train(64, 784, 10);
    fann_set_activation_function_hidden(net, FANN_LINEAR_PIECE);
    fann_set_activation_function_output(net, FANN_SIGMOID);
    fann_set_training_algorithm(net, FANN_TRAIN_BATCH);
    for (int i = 0; i < 64; i++) {
        for (int k = 0; k < 784; k++)
            data->input[i][k] = (fann_type)rand() / (fann_type)RAND_MAX;
        for (int k = 0; k < 10; k++)
            data->output[i][k] = i / 7 == k;
    }
    for (int step = 0; step < 100; step++) {
        double begin = seconds();
        fann_train_epoch(net, data);
        double took = seconds() - begin;
        best = took < best ? took : best;
    }
    printf("%.1f\n", 1e6 * best);
    fann_destroy_train(data);
    fann_destroy(net);
    return 0;
}
