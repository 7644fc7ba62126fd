/* What this machine can do at all: the rate of a large matrix product, and of a triad over memory. */
#include "floors.h"
#include <cotan/cotan.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCT = 1024, ROUNDS = 12, MOST_THREADS = 256, TRIAD = 4 << 20 }; /* TRIAD: floats of an array, 16 MiB */

/* GFLOP/s; 0 with an error. */
static double product_rate(void)
{
    double best = 0;
    ct_scope_open();
    ct_tensor *a = ct_ones(CT_FLOAT32, CT_SHAPE(PRODUCT, PRODUCT));
    for (int i = 0; i < ROUNDS && ct_error_code() == CT_OK; i++) {
        ct_scope_open();
        double start = now_ms();
        ct_matmul(a, a);
        double rate = 2e-6 * PRODUCT * PRODUCT * PRODUCT / (now_ms() - start);
        best = rate > best ? rate : best;
        ct_scope_close();
    }
    ct_scope_close();
    return ct_error_code() == CT_OK ? best : 0;
}

/* A thread's arrays, and what a = b + 3 c took it in each round; all begin a round together. */
typedef struct triad {
    float *a, *b, *c;
    double ms[ROUNDS];
    pthread_barrier_t *begin;
} triad;

static void *run_triad(void *context)
{
    triad *t = context;
    memset(t->a, 0, TRIAD * sizeof *t->a); /* its pages are the thread's */
    memset(t->b, 0, TRIAD * sizeof *t->b);
    memset(t->c, 0, TRIAD * sizeof *t->c);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(t->begin);
        double start = now_ms();
        for (int64_t i = 0; i < TRIAD; i++)
            t->a[i] = t->b[i] + 3 * t->c[i];
        t->ms[round] = now_ms() - start;
    }
    return NULL;
}

/* The shortest round, each as long as its slowest thread. */
static double shortest_round(const triad *work, int threads)
{
    double shortest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double slowest = 0;
        for (int i = 0; i < threads; i++)
            slowest = work[i].ms[round] > slowest ? work[i].ms[round] : slowest;
        shortest = round == 0 || slowest < shortest ? slowest : shortest;
    }
    return shortest;
}

/* GB/s of so many threads, counting what is read and written; 0 without memory. */
static double triad_rate(int threads)
{
    triad work[MOST_THREADS];
    pthread_t ids[MOST_THREADS];
    pthread_barrier_t begin;
    float *arrays = aligned_alloc(64, 3 * (size_t)threads * TRIAD * sizeof *arrays);
    if (arrays == NULL || pthread_barrier_init(&begin, NULL, (unsigned)threads) != 0)
        return 0;
    for (int i = 0; i < threads; i++) {
        float *mine = arrays + 3 * (int64_t)i * TRIAD;
        work[i] = (triad){.a = mine, .b = mine + TRIAD, .c = mine + 2 * TRIAD, .begin = &begin};
        if (pthread_create(&ids[i], NULL, run_triad, &work[i]) != 0)
            exit(EXIT_FAILURE); /* the others would wait for it */
    }
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    pthread_barrier_destroy(&begin);
    free(arrays);
    return 3e-6 * (double)sizeof *arrays * TRIAD * threads / shortest_round(work, threads);
}

int print_floors(int threads)
{
    double product = product_rate(), memory = threads <= MOST_THREADS ? triad_rate(threads) : 0;
    printf("{\"product_gflops\": %.1f, \"triad_gbs\": %.1f, \"threads\": %d}\n", product, memory, threads);
    return product > 0 && memory > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
