/* The main job: gradient-checks a network, trains it, evaluates it, and saves the model, its graph and its loss curve.
 *
 * LeNet-5 on Fashion-MNIST; without that data set, a smaller network on the 8x8 digits that come with cotan. The same seed gives
 * the same files, whatever the number of threads. */
#include <cotan/cotan.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct settings {
    int64_t epochs; /* 0: the task's */
    int64_t batch;
    double lr;
    uint64_t seed;
    int threads; /* 0: as many as there are cores */
    bool profile;
    const char *data, *out;
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

/* ---- the options ---- */

static const char usage[] = "usage: train [options]\n"
                            "  --epochs N   passes over the training data (5; 30 on the digits)\n"
                            "  --batch N    samples in a batch (64)\n"
                            "  --lr X       learning rate of Adam at the start, falling linearly to 0 (0.002)\n"
                            "  --seed N     of initial weights and of the order of samples (0)\n"
                            "  --threads N  threads to use, 1 to 256 (all cores); results do not depend on it\n"
                            "  --data DIR   where Fashion-MNIST's four files are (/usr/share/datasets/fashion-mnist)\n"
                            "  --out DIR    where to write the model and the pictures (.)\n"
                            "  --profile    time the training: tables, and the time line in profile.json\n"
                            "  --help       this text\n";

static int bad_option(const char *name, const char *value, const char *range)
{
    fprintf(stderr, "train: --%s %s: must be %s\n", name, value, range);
    return 2;
}

/* A whole number in low..high that is all there is in text. */
static bool read_whole(const char *text, int64_t low, int64_t high, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return end != text && !*end && !errno && number >= low && number <= high;
}

static bool read_rate(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value > 0 && isfinite(*value);
}

/* Returns -1 to go on, or the exit status. */
static int read_options(int argc, char **argv, settings *s)
{
    static const struct option options[] = {
        {"epochs", required_argument, NULL, 'e'},  {"batch", required_argument, NULL, 'b'},
        {"lr", required_argument, NULL, 'l'},      {"seed", required_argument, NULL, 's'},
        {"threads", required_argument, NULL, 't'}, {"data", required_argument, NULL, 'd'},
        {"out", required_argument, NULL, 'o'},     {"profile", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int64_t number = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'e' && !read_whole(optarg, 1, 10000, &s->epochs))
            return bad_option("epochs", optarg, "a whole number from 1 to 10000");
        if (c == 'b' && !read_whole(optarg, 1, 1000000, &s->batch))
            return bad_option("batch", optarg, "a whole number from 1 to 1000000");
        if (c == 'l' && !read_rate(optarg, &s->lr))
            return bad_option("lr", optarg, "a number above 0");
        if ((c == 's' || c == 't') && !read_whole(optarg, c == 't', c == 't' ? 256 : INT64_MAX, &number))
            return bad_option(c == 't' ? "threads" : "seed", optarg,
                              c == 't' ? "a whole number from 1 to 256" : "a whole number from 0 to 2^63-1");
        if (c == 's')
            s->seed = (uint64_t)number;
        if (c == 't')
            s->threads = (int)number;
        if (c == 'd')
            s->data = optarg;
        if (c == 'o')
            s->out = optarg;
        if (c == 'p')
            s->profile = true;
        if (c == 'h')
            return fputs(usage, stdout), EXIT_SUCCESS;
        if (c == '?')
            return fputs(usage, stderr), 2;
    }
    if (optind < argc)
        return fprintf(stderr, "train: unexpected argument %s\n%s", argv[optind], usage), 2;
    if ((mkdir(s->out, 0777) != 0 && errno != EEXIST) || access(s->out, W_OK | X_OK) != 0)
        return fprintf(stderr, "train: --out %s: %s\n", s->out, strerror(errno)), 2;
    return -1;
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

/* ---- the data ---- */

typedef struct data {
    ct_dataset *train, *test;
} data;

/* directory/name in a buffer that lasts until the eighth call after. */
static const char *path_in(const char *directory, const char *name)
{
    static char paths[8][4096];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static const char *const fashion_files[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                            "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};

static bool has_fashion(const char *directory)
{
    for (int i = 0; i < 4; i++) {
        if (access(path_in(directory, fashion_files[i]), R_OK) != 0) {
            printf("Fashion-MNIST is not in %s (%s: %s).\n"
                   "Debian's package dataset-fashion-mnist has it; training on the 8x8 digits instead.\n",
                   directory, fashion_files[i], strerror(errno));
            return false;
        }
    }
    return true;
}

/* Pixels, 0..255, with mean 0 and deviation 1 over the training images. */
static data load_fashion(const settings *s)
{
    const double mean = 0.2860 * 255, deviation = 0.3530 * 255;
    ct_dataset *sets[2];
    for (int i = 0; i < 2; i++)
        sets[i] =
            ct_dataset_from_idx(path_in(s->data, fashion_files[2 * i]), path_in(s->data, fashion_files[2 * i + 1]),
                                .scale = 1 / deviation, .offset = -mean / deviation);
    return (data){sets[0], sets[1]};
}

/* Pixels, 0..16, from -1 to 1. A fifth, drawn by seed, is held out. */
static data load_digits(const settings *s)
{
    data d = {NULL, NULL};
    ct_dataset *all = ct_load_digits(.scale = 1. / 8, .offset = -1);
    ct_seed(s->seed);
    ct_tensor *permutation = all ? ct_randperm(ct_dataset_count(all)) : NULL;
    const int64_t *order = ct_data(permutation);
    if (order) {
        int64_t n = ct_dataset_count(all), held_out = n / 5;
        d = (data){ct_dataset_subset(all, order + held_out, n - held_out), ct_dataset_subset(all, order, held_out)};
    }
    ct_release(permutation);
    ct_dataset_free(all);
    return d;
}

/* ---- the tasks ---- */

typedef struct task {
    const char *network, *data_name;
    const char *model_file, *dot_file, *graph_file, *loss_file;
    int64_t epochs;
    data (*load)(const settings *s);
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
    .load = load_fashion,
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
    .load = load_digits,
    .make = digits_net_new,
    .forward = digits_net_forward,
};

/* What a run works on. */
typedef struct run {
    const task *task;
    const settings *settings;
    data data;
    ct_module *module;
    void *model;
} run;

/* ---- the gradient check ---- */

static int check_gradient(const run *r)
{
    ct_tensor *x, *y;
    ct_gradcheck_report report = {0};
    ct_scope_open();
    ct_dataset_batch(r->data.train, (const int64_t[]){0, 1, 2, 3}, 4, &x, &y);
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
    ct_status status = ct_plot_svg(path_in(r->settings->out, r->task->loss_file), series, 2,
                                   .title = r->task->data_name, .x_label = "epoch", .y_label = "cross entropy");
    free(smoothed);
    return status == CT_OK ? EXIT_SUCCESS : failed();
}

static int train_with(const run *r, ct_optimizer *optimizer, curve *c)
{
    const settings *s = r->settings;
    double start = seconds_now();
    if (ct_fit(r->task->forward, r->model, optimizer, r->data.train, .epochs = s->epochs, .batch_size = s->batch,
               .seed = s->seed, .schedule = &ct_schedule_linear, .progress = note_loss, .user = c) != CT_OK)
        return failed();
    printf("trained in %.1f s\n", seconds_now() - start);
    return draw_loss(r, c);
}

static int train(const run *r)
{
    const settings *s = r->settings;
    int64_t samples = ct_dataset_count(r->data.train), steps = s->epochs * ((samples + s->batch - 1) / s->batch);
    printf("%s: %lld parameters; Adam, learning rate %g falling to 0, batch %lld, %lld epochs, seed %llu\n",
           r->task->network, (long long)ct_module_numel(r->module), s->lr, (long long)s->batch, (long long)s->epochs,
           (unsigned long long)s->seed);
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
    const char *path = path_in(r->settings->out, "profile.json");
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
    ct_dataset_batch(r->data.test, (const int64_t[]){0}, 1, &x, &y);
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
    const char *out = r->settings->out, *model = path_in(out, r->task->model_file),
               *dot = path_in(out, r->task->dot_file), *graph = path_in(out, r->task->graph_file);
    if (ct_module_save(r->module, model) != CT_OK || ct_file_write("train", dot, write_graph, r) != CT_OK)
        return failed();
    bool drawn = run_dot(dot, graph);
    printf("model:      %s\n", model);
    printf("loss curve: %s\n", path_in(out, r->task->loss_file));
    if (drawn)
        printf("graph:      %s\n", graph);
    else
        printf("graph:      %s (for the picture install Graphviz and run dot -Tsvg -o %s %s)\n", dot, graph, dot);
    return EXIT_SUCCESS;
}

static int check_train_and_test(run *r)
{
    ct_evaluation test;
    printf("%s: %lld samples to train on, %lld to test\n", r->task->data_name,
           (long long)ct_dataset_count(r->data.train), (long long)ct_dataset_count(r->data.test));
    int status = check_gradient(r);
    if (status == EXIT_SUCCESS)
        status = r->settings->profile ? train_profiled(r) : train(r);
    if (status == EXIT_SUCCESS && ct_evaluate(r->task->forward, r->model, r->data.test, &test) != CT_OK)
        status = failed();
    if (status == EXIT_SUCCESS)
        status = write_results(r);
    if (status == EXIT_SUCCESS)
        printf("test accuracy: %.4f\n", test.accuracy);
    return status;
}

int main(int argc, char **argv)
{
    settings s = {.batch = 64, .lr = 2e-3, .data = "/usr/share/datasets/fashion-mnist", .out = "."};
    int status = read_options(argc, argv, &s);
    if (status >= 0)
        return status;
    if (s.threads)
        ct_set_num_threads(s.threads);
    printf("%s\n", ct_config());
    run r = {.task = has_fashion(s.data) ? &fashion : &digits, .settings = &s};
    s.epochs = s.epochs ? s.epochs : r.task->epochs;
    r.data = r.task->load(&s);
    ct_seed(s.seed);
    r.module = ct_module_new(CT_FLOAT32);
    r.model = r.module ? r.task->make(r.module) : NULL;
    status = r.data.train && r.data.test && r.model ? check_train_and_test(&r) : failed();
    ct_module_free(r.module);
    ct_dataset_free(r.data.train);
    ct_dataset_free(r.data.test);
    return status;
}
