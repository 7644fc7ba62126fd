/* The main job: gradient-checks a network, trains it, evaluates it, and saves the model, its graph and its loss curve.
 *
 * LeNet-5 on Fashion-MNIST; without that data set, a smaller network on the 8x8 digits that come with cotan. The same seed gives
 * the same files, whatever the number of threads. */
#include "example.h"
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

typedef struct settings {
    int64_t batch;
    double lr;
    bool profile;
} settings;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The pending error to stderr; the exit status for a failure. */
static int failed(void)
{
    fprintf(stderr, "train: %s\n", ct_error_message());
    return EXIT_FAILURE;
}

/* ---- the networks: LeNet-5 is ct_lenet5; this is what a network of one's own looks like ---- */

typedef struct digits_net {
    ct_module *conv1, *conv2, *fc;
} digits_net;

static void *digits_net_new(ct_module *module)
{
    digits_net *m = ct_module_alloc(module, sizeof *m);
    if (!m)
        return NULL;
    m->conv1 = ct_conv2d_new(module, "conv1", 1, 16, 3, .padding = 1);
    m->conv2 = ct_conv2d_new(module, "conv2", 16, 32, 3, .padding = 1);
    m->fc = ct_linear_new(module, "fc", 32 * 2 * 2, 10);
    return m->conv1 && m->conv2 && m->fc ? m : NULL;
}

/* [n,1,8,8] -> [n,16,4,4] -> [n,32,2,2] -> [n,128] -> [n,10] */
static ct_tensor *digits_net_forward(void *model, ct_tensor *x)
{
    const digits_net *m = model;
    ct_tensor *h = ct_max_pool2d(ct_relu(ct_forward(m->conv1, x)), 2);
    h = ct_max_pool2d(ct_relu(ct_forward(m->conv2, h)), 2);
    return ct_forward(m->fc, ct_flatten(h, 1, -1));
}

static void *lenet5_new(ct_module *module)
{
    return ct_lenet5_new(module);
}

/* ---- the tasks ---- */

typedef struct task {
    const char *network, *data_name;
    const char *model_file, *dot_file, *graph_file, *loss_file;
    int64_t epochs;
    void (*load)(const example *e, ct_dataset *part[2]);
    void *(*make)(ct_module *module);
    ct_model forward;
} task;

static const task fashion = {
    .network = "LeNet-5",
    .data_name = "Fashion-MNIST",
    .model_file = "lenet5.safetensors",
    .dot_file = "lenet5-graph.dot",
    .graph_file = "lenet5-graph.svg",
    .loss_file = "lenet5-loss.svg",
    .epochs = 5,
    .load = example_fashion,
    .make = lenet5_new,
    .forward = ct_lenet5_forward,
};
static const task digits = {
    .network = "a small convolutional network",
    .data_name = "8x8 digits",
    .model_file = "digits.safetensors",
    .dot_file = "digits-graph.dot",
    .graph_file = "digits-graph.svg",
    .loss_file = "digits-loss.svg",
    .epochs = 30,
    .load = example_digits,
    .make = digits_net_new,
    .forward = digits_net_forward,
};

/* What a run works on. */
typedef struct run {
    const task *task;
    const settings *settings;
    example *example;
    ct_dataset *train, *test;
    ct_module *module;
    void *model;
} run;

/* ---- the gradient check ---- */

static int check_gradient(const run *r)
{
    ct_tensor *x, *y;
    ct_gradcheck_report report = {0};
    ct_scope_open();
    ct_dataset_batch(r->train, (const int64_t[]){0, 1, 2, 3}, 4, &x, &y);
    ct_verdict verdict =
        ct_gradcheck_model(r->task->forward, r->model, r->module, x, y, NULL, &report, .mode = CT_FAST);
    ct_scope_close();
    double worst = 0;
    for (int i = 0; i < report.n_tensors; i++)
        worst = fmax(worst, report.tensors[i].relative);
    if (ct_error_code() == CT_OK) {
        printf("gradient check of the loss of %s, float64: %s, %d tensors, largest relative difference %.1e, %.1f s\n",
               r->task->network, ct_verdict_name(verdict), report.n_tensors, worst, report.seconds);
        if (!ct_verdict_good(verdict))
            ct_gradcheck_print(&report, stdout);
    }
    ct_gradcheck_report_free(&report);
    if (ct_error_code() != CT_OK)
        return failed();
    return ct_verdict_good(verdict) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- training ---- */

typedef struct curve {
    double *losses; /* of every step */
    double *epochs; /* when that was, in epochs */
    int64_t steps;
} curve;

static bool note_loss(const ct_progress *p, void *user)
{
    curve *c = user;
    c->losses[c->steps] = p->loss;
    c->epochs[c->steps++] = (double)p->step / (double)p->epoch_steps;
    return true;
}

/* Means over up to 25 values on either side; as many on both, so that the curve does not lag. */
static void smooth(const double *values, double *smoothed, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t side = i < n - 1 - i ? i : n - 1 - i;
        side = side < 25 ? side : 25;
        double sum = 0;
        for (int64_t k = i - side; k <= i + side; k++)
            sum += values[k];
        smoothed[i] = sum / (double)(2 * side + 1);
    }
}

static int draw_loss(const run *r, const curve *c)
{
    double *smoothed = malloc((size_t)c->steps * sizeof *smoothed);
    if (!smoothed)
        return fputs("train: no memory\n", stderr), EXIT_FAILURE;
    smooth(c->losses, smoothed, c->steps);
    const ct_series series[] = {{.label = "each batch", .x = c->epochs, .y = c->losses, .n = c->steps, .faint = true},
                                {.label = "smoothed", .x = c->epochs, .y = smoothed, .n = c->steps}};
    ct_status status = ct_plot_svg(example_path(r->example, r->task->loss_file), series, 2, .title = r->task->data_name,
                                   .x_label = "epoch", .y_label = "cross entropy");
    free(smoothed);
    return status == CT_OK ? EXIT_SUCCESS : failed();
}

static int train_with(const run *r, ct_optimizer *optimizer, curve *c)
{
    const settings *s = r->settings;
    double start = seconds_now();
    if (ct_fit(r->task->forward, r->model, optimizer, r->train, .epochs = r->example->epochs, .batch_size = s->batch,
               .seed = (uint64_t)r->example->seed, .schedule = &ct_schedule_linear, .progress = note_loss,
               .user = c) != CT_OK)
        return failed();
    printf("trained in %.1f s\n", seconds_now() - start);
    return draw_loss(r, c);
}

static int train(const run *r)
{
    const settings *s = r->settings;
    int64_t samples = ct_dataset_count(r->train), epochs = r->example->epochs;
    int64_t steps = epochs * ((samples + s->batch - 1) / s->batch);
    printf("%s: %lld parameters; Adam, learning rate %g falling to 0, batch %lld, %lld epochs, seed %lld\n",
           r->task->network, (long long)ct_module_numel(r->module), s->lr, (long long)s->batch, (long long)epochs,
           (long long)r->example->seed);
    curve c = {0};
    c.losses = malloc((size_t)steps * sizeof *c.losses);
    c.epochs = malloc((size_t)steps * sizeof *c.epochs);
    ct_optimizer *optimizer = ct_optimizer_new(r->module, &ct_rule_adam, .lr = s->lr);
    int status = EXIT_FAILURE;
    if (!optimizer)
        status = failed();
    else if (!c.losses || !c.epochs)
        fputs("train: no memory\n", stderr);
    else
        status = train_with(r, optimizer, &c);
    ct_optimizer_free(optimizer);
    free(c.losses);
    free(c.epochs);
    return status;
}

/* ---- where its time goes ---- */

static int write_profile(const run *r, const ct_profile *profile)
{
    const char *path = example_path(r->example, "profile.json");
    FILE *f = fopen(path, "w");
    if (!f)
        return fprintf(stderr, "train: %s: %s\n", path, strerror(errno)), EXIT_FAILURE;
    ct_status status = ct_profile_write_chrome(profile, f);
    if (fclose(f) != 0)
        return fprintf(stderr, "train: %s: %s\n", path, strerror(errno)), EXIT_FAILURE;
    if (status != CT_OK || ct_profile_print(profile, stdout) != CT_OK)
        return failed();
    printf("time line:  %s (for chrome://tracing or ui.perfetto.dev)\n", path);
    return EXIT_SUCCESS;
}

static int train_profiled(const run *r)
{
    if (ct_profile_begin() != CT_OK)
        return failed();
    int status = train(r);
    ct_profile *profile = ct_profile_end();
    if (status == EXIT_SUCCESS)
        status = profile ? write_profile(r, profile) : failed();
    ct_profile_free(profile);
    return status;
}

/* ---- the graph ---- */

/* Writes the graph of one sample's loss in Graphviz's language. */
static ct_status write_graph(FILE *stream, void *context)
{
    const run *r = context;
    ct_tensor *x, *y, *leaves[32];
    const char *names[32];
    int64_t n = ct_module_count(r->module) < 32 ? ct_module_count(r->module) : 32;
    for (int64_t i = 0; i < n; i++) {
        leaves[i] = ct_module_tensor(r->module, i);
        names[i] = ct_module_name(r->module, i);
    }
    ct_scope_open();
    ct_dataset_batch(r->test, (const int64_t[]){0}, 1, &x, &y);
    ct_tensor *loss = ct_cross_entropy(r->task->forward(r->model, x), y);
    ct_status status = ct_graph_write_dot(loss, leaves, n, names, stream);
    ct_scope_close();
    return status;
}

extern char **environ;

/* Runs Graphviz's dot; false if it is not installed or fails. */
static bool run_dot(const char *dot_file, const char *svg_file)
{
    pid_t child;
    int status;
    char *const arguments[] = {(char[]){"dot"},  (char[]){"-Tsvg"}, (char[]){"-o"},
                               (char *)svg_file, (char *)dot_file,  NULL};
    return posix_spawnp(&child, "dot", NULL, NULL, arguments, environ) == 0 && waitpid(child, &status, 0) == child &&
           WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- all of it ---- */

static int write_results(run *r)
{
    const char *model = example_path(r->example, r->task->model_file),
               *dot = example_path(r->example, r->task->dot_file),
               *graph = example_path(r->example, r->task->graph_file);
    if (ct_module_save(r->module, model) != CT_OK || ct_file_write("train", dot, write_graph, r) != CT_OK)
        return failed();
    if (!run_dot(dot, graph))
        printf("%s is not there: for it install Graphviz and run dot -Tsvg -o %s %s\n", graph, graph, dot);
    return EXIT_SUCCESS;
}

static int check_train_and_test(run *r, double *accuracy)
{
    ct_evaluation test = {0};
    printf("%s: %lld samples to train on, %lld to test\n", r->task->data_name, (long long)ct_dataset_count(r->train),
           (long long)ct_dataset_count(r->test));
    int status = check_gradient(r);
    if (status == EXIT_SUCCESS)
        status = r->settings->profile ? train_profiled(r) : train(r);
    if (status == EXIT_SUCCESS && ct_evaluate(r->task->forward, r->model, r->test, &test) != CT_OK)
        status = failed();
    *accuracy = test.accuracy;
    return status == EXIT_SUCCESS ? write_results(r) : status;
}

int main(int argc, char **argv)
{
    settings s = {.batch = 64, .lr = 2e-3};
    const example_option own[] = {
        {.name = "batch", .what = "samples in a batch", .whole = &s.batch, .low = 1, .high = 1000000},
        {.name = "lr", .what = "learning rate of Adam at the start, falling linearly to 0", .positive = &s.lr},
        {.name = "profile", .what = "time the training: tables, and the time line in profile.json", .flag = &s.profile},
        {0}};
    example e = {.quick_epochs = 1, .data = EXAMPLE_FASHION, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    printf("%s\n", ct_config());
    run r = {.task = example_has_fashion(&e) ? &fashion : &digits, .settings = &s, .example = &e};
    e.epochs = e.epochs ? e.epochs : r.task->epochs;
    ct_dataset *part[2];
    r.task->load(&e, part);
    r.train = part[0], r.test = part[1];
    r.module = ct_module_new(CT_FLOAT32);
    r.model = r.module ? r.task->make(r.module) : NULL;
    double accuracy = 0;
    int status = r.train && r.test && r.model ? check_train_and_test(&r, &accuracy) : failed();
    ct_module_free(r.module);
    ct_dataset_free(r.train);
    ct_dataset_free(r.test);
    return status == EXIT_SUCCESS ? example_end(&e, "test accuracy: %.4f", accuracy) : status;
}
