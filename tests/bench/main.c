/* Times the workloads, one JSON object a line: bench [--threads N] [--only NAME[,NAME]] [--seconds S] [--steps N]; bench --list names
 * them; bench --floors tells what the machine can do, bench --scaling what one of many small things costs, bench --observed what a trace,
 * a profile and the watch for NaN cost on the workloads of --only. */
#include "floors.h"
#include "workloads.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MAX_STEPS = 1000000 };

typedef struct options {
    int threads;
    int steps; /* that are timed, at least */
    const char *only;
    double seconds;
    bool floors, observed;
} options;

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Steps for that many seconds, and so many at least; their times, sorted, go to *times (to be freed). Returns their number, or
 * 0 with an error. */
static int64_t time_steps(workload *w, double seconds, int64_t least, double **times)
{
    int64_t steps = 0, room = 0;
    double end = now_ms() + seconds * 1e3;
    *times = NULL;
    while ((now_ms() < end || steps < least) && steps < MAX_STEPS) {
        if (steps == room) {
            room = room == 0 ? 1024 : 2 * room;
            double *longer = realloc(*times, (size_t)room * sizeof(double));
            if (longer == NULL)
                return 0;
            *times = longer;
        }
        double start = now_ms();
        if (workload_step(w, NULL) != CT_OK)
            return 0;
        (*times)[steps++] = now_ms() - start;
    }
    qsort(*times, (size_t)steps, sizeof(double), ascending);
    return steps;
}

static long peak_rss_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static int run_workload(const workload_spec *spec, const options *o)
{
    workload w;
    double first = NAN, after_5 = NAN, *times = NULL;
    int64_t steps = 0;
    ct_status status = workload_open(&w, spec, CT_FLOAT32, 0);
    if (status == CT_OK)
        status = workload_step(&w, &first);
    for (int i = 0; i < 4 && status == CT_OK; i++)
        status = workload_step(&w, NULL);
    if (status == CT_OK)
        status = workload_loss(&w, &after_5);
    if (status == CT_OK)
        steps = time_steps(&w, o->seconds, o->steps, &times);
    if (steps > 0) {
        printf("{\"workload\": \"%s\", \"ms\": %.5f, \"ms_min\": %.5f, \"steps\": %lld, \"loss_first\": %.8g, "
               "\"loss_after_5\": %.8g, \"gflop\": %g, \"gbyte\": %g, \"threads\": %d, \"by\": \"%s\", "
               "\"peak_rss_mib\": %ld}\n",
               spec->name, times[steps / 2], times[0], (long long)steps, first, after_5, spec->gflop, spec->gbyte,
               ct_num_threads(), ct_config(), peak_rss_mib());
        fflush(stdout);
    } else {
        fprintf(stderr, "bench: %s: %s\n", spec->name, ct_error_message());
    }
    free(times);
    workload_close(&w);
    return steps > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Whether name stands in the comma-separated list; an empty list has all. */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    if (*list == '\0')
        return true;
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* Every name in the list is that of a workload. */
static bool all_known(const char *list)
{
    char name[64];
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        if (workload_find(name) == NULL) {
            fprintf(stderr, "bench: there is no workload \"%s\"; there are", name);
            for (int i = 0; i < workload_count; i++)
                fprintf(stderr, " %s", workload_specs[i].name);
            fprintf(stderr, "\n");
            return false;
        }
        at += length;
    }
    return true;
}

static bool parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        o->floors = o->floors || strcmp(name, "--floors") == 0;
        o->observed = o->observed || strcmp(name, "--observed") == 0;
        if (strcmp(name, "--floors") == 0 || strcmp(name, "--observed") == 0)
            continue;
        if (value != NULL && strcmp(name, "--threads") == 0)
            o->threads = atoi(value);
        else if (value != NULL && strcmp(name, "--only") == 0)
            o->only = value;
        else if (value != NULL && strcmp(name, "--steps") == 0)
            o->steps = atoi(value);
        else if (value != NULL && strcmp(name, "--seconds") == 0)
            o->seconds = atof(value);
        else
            return false;
        i++;
    }
    return o->threads > 0 && o->steps > 0 && o->seconds >= 0;
}

int main(int argc, char **argv)
{
    options o = {.threads = 1, .steps = 5, .only = "", .seconds = 2};
    if (argc == 2 && strcmp(argv[1], "--scaling") == 0) {
        ct_set_num_threads(1);
        return print_scaling();
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < workload_count; i++)
            puts(workload_specs[i].name);
        return EXIT_SUCCESS;
    }
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: bench [--threads N] [--only NAME[,NAME]] [--seconds S] [--steps N] | bench --list\n"
                        "       bench --floors [--threads N] | bench --scaling | bench --observed [--threads N] "
                        "[--only NAME[,NAME]]\n");
        return 2;
    }
    if (!all_known(o.only))
        return 2;
    ct_set_num_threads(o.threads);
    if (o.floors)
        return print_floors(o.threads);
    int result = EXIT_SUCCESS;
    for (int i = 0; i < workload_count; i++)
        if (listed(o.only, workload_specs[i].name) &&
            (o.observed ? print_observed(&workload_specs[i]) : run_workload(&workload_specs[i], &o)) != EXIT_SUCCESS)
            result = EXIT_FAILURE;
    return result;
}
