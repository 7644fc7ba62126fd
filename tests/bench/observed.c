/* What it costs to look on: training steps with nothing, and with a trace, a profile or the watch for NaN around each. */
#include "floors.h"
#include "workloads.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 15 };

static size_t heap_bytes(void)
{
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

static void plain(workload *w)
{
    workload_step(w, NULL);
}

/* Sets *held to what a trace that is over still has. */
static size_t held;
static void traced(workload *w)
{
    ct_memory_trim();
    size_t before = heap_bytes();
    ct_trace_begin();
    workload_step(w, NULL);
    ct_trace_log *trace = ct_trace_end();
    ct_memory_trim();
    held = heap_bytes() - before;
    ct_trace_free(trace);
}

static void profiled(workload *w)
{
    ct_profile_begin();
    workload_step(w, NULL);
    ct_profile_free(ct_profile_end());
}

static void watched(workload *w)
{
    ct_anomaly_begin();
    workload_step(w, NULL);
    ct_anomaly_end();
}

static const struct {
    const char *name;
    void (*step)(workload *w);
} rows[] = {{"nothing", plain}, {"trace", traced}, {"profile", profiled}, {"anomaly", watched}};

/* The best of some steps in milliseconds, and the tensors' highest bytes. */
static void time_row(size_t row, workload *w)
{
    double best = 0;
    held = 0;
    rows[row].step(w);
    ct_memory_reset_peak();
    for (int i = 0; i < STEPS; i++) {
        double start = now_ms();
        rows[row].step(w);
        double ms = now_ms() - start;
        best = i == 0 || ms < best ? ms : best;
    }
    printf("{\"observed\": \"%s\", \"by\": \"%s\", \"ms\": %.3f, \"peak_tensors_mb\": %.2f, \"held_mb\": %.3f}\n",
           w->spec->name, rows[row].name, best, (double)ct_memory_stats().peak_bytes * 1e-6, (double)held * 1e-6);
    fflush(stdout);
}

int print_observed(const workload_spec *spec)
{
    workload w;
    if (workload_open(&w, spec, CT_FLOAT32, 0) == CT_OK)
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
            time_row(row, &w);
    if (ct_error_code() != CT_OK)
        fprintf(stderr, "bench: %s\n", ct_error_message());
    workload_close(&w);
    return ct_error_code() == CT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
