/* No memory, for the whole process: this program's own malloc serves the library, zlib, jansson and the C library itself,
 * and makes each allocation of a few whole jobs fail, alone and with all after it. Each time there is an error that says
 * so, nothing leaks, nothing is printed, and no parameter and no running statistics have changed; or, where the C library can do without, all is
 * done. Likewise where no thread can be made. Ends with "N passed, N failed".
 *
 * usage: starved [JOB]     every allocation of that job; without it, of each job about as many as its row says */
#include <cotan/cotan.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* ---- the allocator ---- */

/* The build hides what is not marked; these must be seen by the shared libraries too. */
#pragma GCC visibility push(default)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static _Atomic int64_t calls, blocks; /* allocations since the job began; blocks that somebody holds */
static _Atomic int64_t fail_at;       /* this call fails; 0: none */
static _Atomic bool fail_after;       /* and all after it */
static bool no_threads;

static bool fails(void)
{
    int64_t call = atomic_fetch_add(&calls, 1) + 1, at = atomic_load(&fail_at);
    bool failing = at > 0 && (call == at || (call > at && atomic_load(&fail_after)));
    if (failing)
        errno = ENOMEM;
    return failing;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    void *moved = __libc_realloc(block, size);
    return block ? moved : counted(moved);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}

void free(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    __libc_free(block);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (no_threads)
        return EAGAIN;
    if (!next)
        next =
            (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, start, argument);
}

#pragma GCC visibility pop

/* ---- jobs ---- */

/* A stream into memory, which grows while it is written. NULL with an error, this program's own. */
typedef struct buffer {
    FILE *stream;
    char *text;
    size_t size;
} buffer;

static FILE *buffer_open(buffer *b)
{
    *b = (buffer){.stream = open_memstream(&b->text, &b->size)};
    if (!b->stream)
        ct_error_set(CT_ERROR_MEMORY, "open_memstream: no memory");
    return b->stream;
}

static void buffer_close(buffer *b)
{
    if (b->stream)
        fclose(b->stream);
    free(b->text);
}

/* A model that lives through all attempts; step() is one step of training it. */
typedef struct trained {
    ct_module *module;
    ct_optimizer *optimizer;
    ct_tensor *(*loss)(const struct trained *t);
    ct_tensor *p[16]; /* parameters */
    ct_tensor *x;
} trained;

static ct_tensor *parameter(trained *t, int i, const char *name, const int64_t *shape, int rank)
{
    return t->p[i] = ct_module_parameter(t->module, name, ct_randn(CT_FLOAT32, 0, 0.3, shape, rank));
}

static ct_tensor *lstm_loss(const trained *t)
{
    return ct_mean(ct_square(ct_lstm(t->x, NULL, NULL, CT_TENSORS(t->p[0], t->p[1], t->p[2], t->p[3]))));
}

static void build_lstm(trained *t)
{
    parameter(t, 0, "wx", CT_SHAPE(64, 12));
    parameter(t, 1, "wh", CT_SHAPE(64, 16));
    parameter(t, 2, "bx", CT_SHAPE(64));
    parameter(t, 3, "bh", CT_SHAPE(64));
    t->x = ct_keep(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(3, 4, 12)));
    t->loss = lstm_loss;
}

static ct_tensor *transformer_loss(const trained *t)
{
    ct_tensor *h = ct_layer_norm(t->x, t->p[0], t->p[1]);
    ct_tensor *q = ct_linear(h, t->p[2], NULL), *k = ct_linear(h, t->p[3], NULL), *v = ct_linear(h, t->p[4], NULL);
    h = ct_add(t->x, ct_dropout(ct_scaled_dot_product_attention(q, k, v, .is_causal = true), 0.1, true));
    return ct_mean(ct_square(ct_add(h, ct_linear(ct_gelu(ct_linear(h, t->p[5], t->p[6])), t->p[7], NULL))));
}

/* Wide enough for products that pack their operands. */
static void build_transformer(trained *t)
{
    enum { D = 64, WIDE = 300 };
    parameter(t, 0, "norm.weight", CT_SHAPE(D));
    parameter(t, 1, "norm.bias", CT_SHAPE(D));
    parameter(t, 2, "q", CT_SHAPE(D, D));
    parameter(t, 3, "k", CT_SHAPE(D, D));
    parameter(t, 4, "v", CT_SHAPE(D, D));
    parameter(t, 5, "up.weight", CT_SHAPE(WIDE, D));
    parameter(t, 6, "up.bias", CT_SHAPE(WIDE));
    parameter(t, 7, "down", CT_SHAPE(D, WIDE));
    t->x = ct_keep(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 9, D)));
    t->loss = transformer_loss;
}

static ct_tensor *conv_loss(const trained *t)
{
    ct_tensor *y = ct_conv2d(t->x, t->p[0], t->p[1], .padding = {1, 1});
    y = ct_relu(ct_batch_norm(y, t->p[2], t->p[3], .running_mean = t->p[5], .running_var = t->p[6]));
    return ct_mean(ct_square(ct_conv2d(y, t->p[4], NULL, .stride = {2, 2})));
}

static void build_conv(trained *t)
{
    parameter(t, 0, "conv1.weight", CT_SHAPE(8, 3, 3, 3));
    parameter(t, 1, "conv1.bias", CT_SHAPE(8));
    parameter(t, 2, "norm.weight", CT_SHAPE(8));
    parameter(t, 3, "norm.bias", CT_SHAPE(8));
    parameter(t, 4, "conv2.weight", CT_SHAPE(4, 8, 3, 3));
    t->p[5] = ct_module_buffer(t->module, "norm.running_mean", ct_zeros(CT_FLOAT32, CT_SHAPE(8)));
    t->p[6] = ct_module_buffer(t->module, "norm.running_var", ct_ones(CT_FLOAT32, CT_SHAPE(8)));
    t->x = ct_keep(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 3, 12, 11)));
    t->loss = conv_loss;
}

static bool train(void *job)
{
    trained *t = job;
    ct_optimizer_zero_grad(t->optimizer);
    ct_backward(t->loss(t));
    return ct_optimizer_step(t->optimizer) == CT_OK;
}

static const ct_op *operation(const char *name)
{
    int n;
    const ct_op *const *all = ct_ops(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

static bool check_an_operation(void *unused)
{
    (void)unused;
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_op(operation("linear"), &report, .order = 2, .mode = CT_FAST,
                                         .checks = CT_CHECK_ALL & ~(unsigned)CT_CHECK_VARIATIONS);
    buffer b;
    bool printed = buffer_open(&b) && ct_gradcheck_print(&report, b.stream) == CT_OK;
    buffer_close(&b);
    ct_gradcheck_report_free(&report);
    return ct_verdict_good(verdict) && printed;
}

static char folder[] = "/tmp/cotan-starved-XXXXXX";

static const char *path(const char *name)
{
    static char text[8][96];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(text[turn], sizeof text[turn], "%s/%s", folder, name);
    return text[turn];
}

static int64_t eleven(void *unused)
{
    (void)unused;
    return 11;
}

static ct_status make_sample(void *unused, int64_t index, ct_tensor **sample)
{
    (void)unused;
    sample[0] = ct_full(CT_FLOAT32, (double)index, CT_SHAPE(1, 5, 5));
    sample[1] = ct_full(CT_FLOAT32, (double)index, CT_SCALAR);
    return ct_error_code();
}

/* Whichever thread lacks the memory. */
static bool load_ahead(void *unused)
{
    (void)unused;
    const ct_source source = {.name = "eleven", .tensors = 2, .count = eleven, .get = make_sample};
    ct_dataset *d = ct_dataset_from_source(&source, NULL), *part[2] = {NULL, NULL};
    ct_random_split(d, CT_VALUES(9, 2), part);
    ct_batches *batches = ct_batches_new(part[0], .size = 2, .shuffle = true, .workers = 2,
                                         .transforms = {CT_RANDOM_CROP(5, 5, 1), CT_RANDOM_HORIZONTAL_FLIP(0.5)});
    ct_tensor *x, *y;
    int64_t seen = 0;
    while (ct_batches_next(batches, &x, &y))
        seen += ct_size(x, 0);
    ct_batches_free(batches);
    ct_dataset_free(d);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return seen == 9 && ct_error_code() == CT_OK;
}

static bool read_and_write_data(void *unused)
{
    (void)unused;
    ct_dataset *csv = ct_dataset_from_csv(path("t.csv.gz")), *idx = ct_dataset_from_idx(path("x.gz"), path("y.gz"));
    ct_batches *batches = ct_batches_new(csv, .size = 2);
    ct_tensor *x, *y;
    bool good = csv && idx && batches && ct_batches_start(batches, 0) == CT_OK;
    while (good && ct_batches_next(batches, &x, &y))
        continue;
    ct_tensor *two[] = {ct_ones(CT_FLOAT32, CT_SHAPE(3)), ct_ones(CT_INT64, CT_SHAPE(2, 2))};
    good = ct_safetensors_save(path("t.safetensors"), (const char *const[]){"a", "b"}, two, 2) == CT_OK && good;
    ct_tensor_file *file = ct_safetensors_load(path("t.safetensors"));
    good = file && ct_tensor_file_get(file, "b") && good;
    ct_tensor_file_free(file);
    ct_batches_free(batches);
    ct_dataset_free(csv);
    ct_dataset_free(idx);
    return good && ct_error_code() == CT_OK;
}

static ct_tensor *small_weight(void)
{
    return ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(2, 2)), true);
}

static bool draw(void *unused)
{
    (void)unused;
    static const double x[] = {0, 1, 2}, y[] = {3, 1, 2};
    ct_series series = {.label = "loss", .x = x, .y = y, .n = 3};
    buffer b = {.stream = NULL};
    ct_tensor *w = small_weight();
    bool good =
        w && buffer_open(&b) &&
        ct_graph_write_dot(ct_sum(ct_matmul(w, ct_tanh(w))), &w, 1, (const char *const[]){"w"}, b.stream) == CT_OK;
    buffer_close(&b);
    good = ct_plot_svg(path("p.svg"), &series, 1, .title = "curve") == CT_OK && good;
    return good && ct_error_code() == CT_OK;
}

/* Every format, of a graph that has a region; the page reads this source file too. */
static bool draw_graphs(void *unused)
{
    (void)unused;
    ct_tensor *w = small_weight();
    bool good = ct_region_begin("part") == CT_OK;
    ct_tensor *loss = ct_sum(ct_exp(ct_mul(w, w)));
    if (good)
        ct_region_end();
    good = good && ct_graph_write(loss, path("g.svg")) == CT_OK && ct_graph_write(loss, path("g.dot")) == CT_OK;
    good = good && ct_graph_write(loss, path("g.html"), .unfold = CT_YES) == CT_OK;
    return good && ct_graph_write(loss, path("g.json")) == CT_OK;
}

/* All that is written about a computation, into one buffer. */
static bool tell_all(buffer *b, const ct_trace_log *trace, const ct_profile *profile, const ct_tensor *w)
{
    return buffer_open(b) && ct_trace_write_json(trace, b->stream) == CT_OK &&
           ct_trace_explain(trace, b->stream) == CT_OK && ct_profile_print(profile, b->stream) == CT_OK &&
           ct_profile_write_chrome(profile, b->stream) == CT_OK && ct_print(w, b->stream) == CT_OK;
}

static bool trace_and_profile(void *unused)
{
    (void)unused;
    ct_tensor *w = ct_name(small_weight(), "gew\xc3\xb6hnlich");
    bool tracing = ct_trace_begin() == CT_OK, profiling = tracing && ct_profile_begin() == CT_OK;
    bool good = profiling && ct_anomaly_begin() == CT_OK;
    if (good) {
        good = ct_backward(ct_mean(ct_square(ct_sub(w, ct_tanh(w))))) == CT_OK;
        ct_anomaly_end();
    }
    ct_profile *profile = profiling ? ct_profile_end() : NULL;
    good = ct_trace_measure_gradients() == CT_OK && good;
    ct_trace_log *trace = tracing ? ct_trace_end() : NULL;
    buffer b = {.stream = NULL};
    good = good && profile && trace && tell_all(&b, trace, profile, w) && strstr(b.text, "gew\xc3\xb6hnlich");
    buffer_close(&b);
    ct_profile_free(profile);
    ct_trace_free(trace);
    return good && ct_error_code() == CT_OK;
}

static ct_tensor *forward(ct_tensor *const *x, int n, void *module)
{
    return n == 1 ? ct_forward(module, x[0]) : NULL;
}

static bool write_and_read_onnx(void *unused)
{
    (void)unused;
    ct_module *module = ct_module_new(CT_FLOAT32);
    ct_linear_new(module, "fc", 3, 2);
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(4, 3));
    bool good = ct_onnx_write(forward, module, &x, 1, path("m.onnx")) == CT_OK;
    ct_module *read = ct_onnx_read(module, "read", path("m.onnx"));
    good = good && read && ct_forward(read, x);
    ct_module_free(module);
    return good && ct_error_code() == CT_OK;
}

/* Layers, their files, and a whole fit. */
static bool fit_a_layer(void *unused)
{
    (void)unused;
    ct_module *module = ct_module_new(CT_FLOAT32);
    ct_lenet5 *net = ct_lenet5_new(module);
    ct_optimizer *sgd = ct_optimizer_new(module, &ct_rule_sgd, .lr = 0.01);
    ct_dataset *data = ct_dataset_new(ct_ones(CT_FLOAT32, CT_SHAPE(4, 1, 28, 28)), ct_zeros(CT_INT64, CT_SHAPE(4)));
    bool good = ct_fit(ct_lenet5_forward, net, sgd, data, .epochs = 1, .output = NULL) == CT_OK;
    good = good && ct_module_save(module, path("m.safetensors")) == CT_OK &&
           ct_module_load(module, path("m.safetensors")) == CT_OK;
    ct_dataset_free(data);
    ct_optimizer_free(sgd);
    ct_module_free(module);
    return good && ct_error_code() == CT_OK;
}

static void write_gzip(const char *name, const void *bytes, unsigned size)
{
    gzFile f = gzopen(path(name), "wb");
    if (!f || gzwrite(f, bytes, size) != (int)size || gzclose(f) != Z_OK)
        exit(EXIT_FAILURE);
}

static void write_files(void)
{
    static const unsigned char x[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4};
    static const unsigned char y[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    write_gzip("x.gz", x, sizeof x);
    write_gzip("y.gz", y, sizeof y);
    write_gzip("t.csv.gz", "1,2,0\n3,4,1\n5,6,0\n", 18);
}

static void remove_files(void)
{
    static const char *const names[] = {"x.gz",  "y.gz",   "t.csv.gz", "t.safetensors", "m.safetensors", "g.dot",
                                        "g.svg", "g.html", "g.json",   "p.svg",         "m.onnx",        "output"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path(names[i]));
    rmdir(folder);
}

/* ---- attempts ---- */

typedef struct job {
    const char *name;
    void (*build)(trained *t); /* NULL: keeps nothing */
    bool (*run)(void *state);
    int attempts; /* at most, of each kind */
} job;

static const job jobs[] = {
    {"lstm", build_lstm, train, 400},
    {"transformer", build_transformer, train, 400},
    {"conv_batch_norm", build_conv, train, 400},
    {"checker", NULL, check_an_operation, 25},
    {"data", NULL, read_and_write_data, 400},
    {"loader", NULL, load_ahead, 400},
    {"drawing", NULL, draw, 400},
    {"pictures", NULL, draw_graphs, 400},
    {"trace", NULL, trace_and_profile, 400},
    {"onnx", NULL, write_and_read_onnx, 400},
    {"fit", NULL, fit_a_layer, 400},
};

static int passed, failed;
static FILE *result; /* where this program prints; 1 and 2 are a file that must stay empty */
static int output;   /* that file */

/* What must be as it was after an attempt that failed. */
typedef struct state {
    int64_t blocks, live_bytes, live_tensors;
    unsigned long bits; /* of parameters and buffers */
} state;

static unsigned long model_bits(const trained *t)
{
    unsigned long bits = 5381;
    for (int64_t i = 0; i < ct_module_count(t->module); i++) {
        const unsigned char *bytes = ct_data(ct_module_tensor(t->module, i));
        for (int64_t b = 0; b < ct_numel(ct_module_tensor(t->module, i)) * 4; b++)
            bits = bits * 33 + bytes[b];
    }
    return bits;
}

static state state_now(const trained *t)
{
    if (t->optimizer)
        ct_optimizer_zero_grad(t->optimizer);
    ct_memory_trim();
    ct_memory memory = ct_memory_stats();
    return (state){atomic_load(&blocks), memory.live_bytes, memory.live_tensors, t->module ? model_bits(t) : 0};
}

/* One attempt, in which allocation number at (0: none) fails. */
static bool attempt(const job *j, trained *t, int64_t at, bool all_after)
{
    ct_error_clear();
    ct_seed(1);
    atomic_store(&fail_after, all_after);
    atomic_store(&calls, 0);
    atomic_store(&fail_at, at);
    bool good = ct_scope_open() == CT_OK;
    if (good) {
        good = j->run(t);
        ct_scope_close();
    }
    atomic_store(&fail_at, 0);
    return good;
}

static void report(bool good, const char *name, const char *what, int64_t at)
{
    passed += good;
    failed += !good;
    if (!good)
        fprintf(result, "%s: %s, allocation %lld: %s\n", name, what, (long long)at, ct_error_message());
}

/* Nothing was printed since the last call, and none of it is there at the next. */
static void report_silence(const char *name)
{
    char text[200] = "";
    fflush(NULL);
    ssize_t size = pread(output, text, sizeof text - 1, 0);
    report(size == 0, name, "something was printed", 0);
    if (size > 0)
        fprintf(result, "%s printed: %s\n", name, text);
    if (ftruncate(output, 0) != 0 || lseek(output, 0, SEEK_SET) != 0)
        report(false, name, "the file for what is printed cannot be emptied", 0);
}

/* A failure is named as what it is and leaves nothing behind. */
static void try_failure(const job *j, trained *t, int64_t at, bool all_after)
{
    state before = state_now(t);
    bool good = attempt(j, t, at, all_after);
    ct_status code = ct_error_code();
    state after = state_now(t);
    bool clean = after.blocks == before.blocks && after.live_bytes == before.live_bytes &&
                 after.live_tensors == before.live_tensors;
    report(good == (code == CT_OK) && (good || code == CT_ERROR_MEMORY), j->name, "the wrong error", at);
    report(clean, j->name, "it leaves something behind", at);
    report(good || after.bits == before.bits, j->name, "a parameter or a buffer has changed", at);
}

static void try_job(const job *j, bool every_one)
{
    trained t = {0};
    ct_seed(7);
    ct_scope_open();
    if (j->build) {
        t.module = ct_module_new(CT_FLOAT32);
        j->build(&t);
        t.optimizer = ct_optimizer_new(t.module, &ct_rule_adam);
    }
    ct_scope_close();
    attempt(j, &t, 1, false); /* from now on all that is made once is there, the place for a message too */
    bool good = attempt(j, &t, 0, false);
    report(good, j->name, "it does not run at all", 0);
    int64_t n = atomic_load(&calls), step = every_one ? 1 : (n + j->attempts - 1) / j->attempts;
    for (int64_t at = 1; good && at <= n; at += step) {
        try_failure(j, &t, at, false);
        try_failure(j, &t, at, true);
    }
    report_silence(j->name);
    fprintf(result, "%s: %lld allocations, every %lld\n", j->name, (long long)n, (long long)step);
    ct_optimizer_free(t.optimizer);
    ct_module_free(t.module);
    ct_release(t.x);
}

/* The same bits without threads as with one, though four are asked for. */
static void try_without_threads(void)
{
    trained one = {.module = ct_module_new(CT_FLOAT32)}, four = {.module = ct_module_new(CT_FLOAT32)};
    trained *both[] = {&one, &four};
    no_threads = true;
    for (int i = 0; i < 2; i++) {
        ct_set_num_threads(i == 0 ? 1 : 4);
        ct_seed(3);
        ct_scope_open();
        build_conv(both[i]);
        both[i]->optimizer = ct_optimizer_new(both[i]->module, &ct_rule_sgd);
        report(train(both[i]), "threads", "it fails without them", 0);
        ct_scope_close();
    }
    no_threads = false;
    report(model_bits(&one) == model_bits(&four), "threads", "it gives other bits without them", 0);
    for (int i = 0; i < 2; i++) {
        ct_optimizer_free(both[i]->optimizer);
        ct_module_free(both[i]->module);
        ct_release(both[i]->x);
    }
    ct_set_num_threads(1);
}

int main(int argc, char **argv)
{
    output = mkdtemp(folder) ? open(path("output"), O_CREAT | O_RDWR, 0600) : -1;
    result = fdopen(dup(1), "w");
    if (output < 0 || !result || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        return EXIT_FAILURE;
    setenv("COTAN_CACHE", "0", 1); /* every allocation of the library comes to malloc */
    write_files();
    try_without_threads();
    report_silence("threads");
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        if (argc < 2 || strcmp(argv[1], jobs[i].name) == 0)
            try_job(&jobs[i], argc > 1);
    remove_files();
    fprintf(result, "%d passed, %d failed\n", passed, failed);
    return fclose(result) == 0 && failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
