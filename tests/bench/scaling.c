/* What one of many costs when there are more of them: flat, if nothing is done for all of them each time. */
#include "floors.h"
#include <cotan/cotan.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 5, WIDTH = 64, PRODUCTS = 10000 };

/* Selects of a sequence, forward and backward. */
static void select_steps(int64_t n)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(n, WIDTH)), true), *sum = ct_select(x, 0, 0);
    for (int64_t i = 1; i < n; i++)
        sum = ct_add(sum, ct_select(x, 0, i));
    ct_backward(ct_sum(sum));
}

/* Names of a module, made, and then found. */
static void name_parameters(int64_t n)
{
    char name[32];
    ct_module *module = ct_module_new(CT_FLOAT32);
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "layer.%lld", (long long)i);
        ct_module_parameter(module, name, ct_zeros(CT_FLOAT32, CT_SHAPE(1)));
    }
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "layer.%lld", (long long)i);
        ct_module_get(module, name);
    }
    ct_module_free(module);
}

/* Layers of a module, saved, and loaded again with an optimiser that is saved and loaded too. */
static void save_layers(int64_t n)
{
    char path[] = "/tmp/cotan-bench-XXXXXX";
    int file = mkstemp(path);
    ct_module *module = ct_module_new(CT_FLOAT32);
    for (int64_t i = 0; i < n; i++)
        ct_linear_new(module, NULL, 1, 1);
    ct_optimizer *optimizer = ct_optimizer_new(module, &ct_rule_sgd, .momentum = 0.9);
    ct_module_save(module, path);
    ct_module_load(module, path);
    ct_optimizer_save(optimizer, path);
    ct_optimizer_load(optimizer, path);
    ct_optimizer_free(optimizer);
    ct_module_free(module);
    close(file);
    remove(path);
}

/* Nodes of a chain, forward and backward. */
static void chain_nodes(int64_t n)
{
    ct_tensor *a = ct_set_requires_grad(ct_scalar(CT_FLOAT32, 1), true), *x = a;
    for (int64_t i = 0; i < n; i++)
        x = ct_mul(x, a);
    ct_backward(x);
}

/* Products of 4 x 4. */
static void small_products(int64_t n)
{
    ct_tensor *a = ct_ones(CT_FLOAT32, CT_SHAPE(4, 4));
    for (int64_t i = 0; i < n; i++) {
        ct_scope_open();
        ct_matmul(a, a);
        ct_scope_close();
    }
}

static const struct {
    const char *name;
    void (*run)(int64_t n);
    int64_t sizes[4];
} rows[] = {
    {"select", select_steps, {64, 512, 4096}},  {"name", name_parameters, {100, 1000, 10000}},
    {"layer", save_layers, {100, 1000, 10000}}, {"node", chain_nodes, {100, 10000, 1000000}},
    {"product", small_products, {PRODUCTS}},
};

/* Microseconds for one of n: the first time, on fresh memory, and the best of some. */
static void time_row(size_t row, int64_t n)
{
    double first = 0, best = 0;
    ct_memory_trim();
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ms();
        ct_scope_open();
        rows[row].run(n);
        ct_scope_close();
        double us = (now_ms() - start) * 1e3 / (double)n;
        first = round == 0 ? us : first;
        best = round == 0 || us < best ? us : best;
    }
    printf("{\"one\": \"%s\", \"of\": %lld, \"us_first\": %.3f, \"us\": %.3f}\n", rows[row].name, (long long)n, first,
           best);
    fflush(stdout);
}

int print_scaling(void)
{
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (int i = 0; rows[row].sizes[i] > 0; i++)
            time_row(row, rows[row].sizes[i]);
    if (ct_error_code() != CT_OK)
        fprintf(stderr, "bench: %s\n", ct_error_message());
    return ct_error_code() == CT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
