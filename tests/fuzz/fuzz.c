/* Hostile files for each reader: libFuzzer changes files, and what a reader does with them is looked at here. COTAN_FUZZ names the reader;
 * COTAN_FUZZ_SEEDS a folder into which good files of it are written first, where no file in tests/data is one.
 *
 * Invariant that is tested, beside what the sanitizers see: a reader gives all of a result, or an error and nothing: no tensor is left
 * behind, and what it should have read into is as it was. */
#include "../../docs/cli/cli.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int errors; /* the standard error, which libFuzzer closes for what cotan diff says */

/* Ends the run, which libFuzzer then reports with the input. */
static void require(bool holds, const char *what)
{
    if (holds)
        return;
    dprintf(errors, "%s: %s: %s\n", getenv("COTAN_FUZZ"), what, ct_error_message());
    abort();
}

/* A path in the folder of the seeds, or another; lasts until the fourth call after. */
static const char *in(const char *folder, const char *name)
{
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* The input, in memory, and a file that is written in between. */
static char input[64], scratch[64];
static int input_file;

static void remove_scratch(void)
{
    remove(scratch);
}

static void make_files(void)
{
    input_file = memfd_create("input", 0);
    snprintf(input, sizeof input, "/proc/self/fd/%d", input_file);
    snprintf(scratch, sizeof scratch, "/dev/shm/cotan-fuzz-%d", (int)getpid());
    atexit(remove_scratch);
}

/* No block of more than 64 MiB, so that no file takes long to be refused, and none is kept, so that the sanitizers see each. */
static void *allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    return size <= (size_t)1 << 26 ? aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment) : NULL;
}

static void release(void *user, void *block)
{
    (void)user;
    free(block);
}

/* ---- single tensors ---- */

static bool same_bits(ct_tensor *a, ct_tensor *b)
{
    a = ct_contiguous(a), b = ct_contiguous(b);
    size_t bytes = (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a));
    return ct_dtype_of(a) == ct_dtype_of(b) && ct_numel(a) == ct_numel(b) &&
           (bytes == 0 || memcmp(ct_data(a), ct_data(b), bytes) == 0);
}

/* All elements can be read: a copy of them is the same. */
static void look_at(ct_tensor *t)
{
    require((t != NULL) == (ct_error_code() == CT_OK), "a result and an error, or neither");
    require(!t || same_bits(t, ct_clone(t)), "the elements");
}

static void read_npy(void)
{
    ct_tensor *t = ct_npy_load(input);
    look_at(t);
    if (t)
        require(ct_npy_save(scratch, t) == CT_OK && same_bits(t, ct_npy_load(scratch)), "written and read again");
}

/* A data set and an error, or neither; all samples can be had, and each label has its name. */
static void look_at_table(ct_dataset *table)
{
    ct_tensor *x, *y;
    require((table != NULL) == (ct_error_code() == CT_OK), "a data set and an error, or neither");
    if (table && ct_dataset_count(table) > 0)
        require(ct_dataset_all(table, &x, &y) == CT_OK, "all samples");
    for (int64_t i = 0; i < ct_dataset_classes(table) && ct_dataset_class_name(table, 0); i++)
        require(ct_dataset_class_name(table, i) != NULL, "a class without a name");
    ct_dataset_free(table);
    ct_error_clear();
}

static void read_csv(void)
{
    look_at(ct_csv_load(input));
    ct_error_clear();
    look_at_table(ct_dataset_from_csv(input));
    look_at_table(
        ct_dataset_from_csv(input, .header = true, .label = "class", .named = true, .missing = CT_MISSING_MEAN));
    look_at_table(
        ct_dataset_from_csv(input, .separator = ";", .numbers = true, .label_column = 0, .missing = CT_MISSING_DROP));
}

static void seed_csv(const char *folder)
{
    static const char *const files[] = {"1,-2.5e3,0\n0x1p3, nan,1\n\"7\",inf,2\n",
                                        "a,class,b\n1,cat,2\n3,\"a \"\"dog\"\"\",\n5,cat,6\n",
                                        "1.5;2\r\n-3;\r\n?;4\r\n"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[] = "0.csv";
        name[0] += (char)i;
        FILE *f = fopen(in(folder, name), "w");
        fputs(files[i], f);
        fclose(f);
    }
}

static void read_idx(void)
{
    look_at(ct_idx_load(input));
}

/* The text that the windows add up to has the same tokens again. */
static void read_text(void)
{
    ct_dataset *text = ct_dataset_from_text_file(input, .length = 1);
    require((text != NULL) == (ct_error_code() == CT_OK), "a text and an error, or neither");
    for (int64_t i = 0; i < ct_dataset_count(text); i++) {
        ct_tensor *token, *next;
        ct_scope_open();
        require(ct_dataset_batch(text, &i, 1, &token, &next) == CT_OK, "a window");
        const char *character = ct_dataset_class_name(text, (int64_t)ct_item(token));
        require(character && same_bits(ct_text_tokens(text, character), ct_reshape(token, CT_SHAPE(1))), "a character");
        ct_scope_close();
    }
    ct_dataset_free(text);
}

static void seed_text(const char *folder)
{
    FILE *f = fopen(in(folder, "text"), "w");
    fputs("Na\xc3\xafve \xe2\x82\xac 5, \xf0\x9f\x90\x9f\n", f);
    fclose(f);
}

static void seed_idx(const char *folder)
{
    static const unsigned char bytes[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6},
                               floats[] = {0, 0, 13, 1, 0, 0, 0, 1, 63, 128, 0, 0};
    FILE *f = fopen(in(folder, "bytes.idx"), "w"), *g = fopen(in(folder, "floats.idx"), "w");
    fwrite(bytes, 1, sizeof bytes, f);
    fwrite(floats, 1, sizeof floats, g);
    fclose(f);
    fclose(g);
}

/* ---- files of tensors ---- */

static void look_into(ct_tensor_file *file)
{
    require((file != NULL) == (ct_error_code() == CT_OK), "a file and an error, or neither");
    for (int64_t i = 0; i < ct_tensor_file_count(file); i++)
        look_at(ct_tensor_file_get(file, ct_tensor_file_name(file, i)));
    ct_tensor_file_free(file);
}

static void read_npz(void)
{
    look_into(ct_npz_load(input));
}

static void read_safetensors(void)
{
    look_into(ct_safetensors_load(input));
}

static void read_gguf(void)
{
    look_into(ct_gguf_load(input));
}

/* ---- what is trained ---- */

typedef struct training {
    ct_module *module;
    ct_optimizer *optimizer;
    ct_average *average;
    ct_dataset *data;
} training;

static training begin_training(void)
{
    training t = {.module = ct_module_new(CT_FLOAT32)};
    ct_seed(1);
    ct_linear_new(t.module, "fc", 3, 4);
    ct_batch_norm_new(t.module, "bn", 4);
    ct_linear_new(t.module, "out", 4, 2);
    t.optimizer = ct_optimizer_new(t.module, &ct_rule_nadam, .lr = 0.01);
    ct_optimizer_schedule(t.optimizer, CT_SCHEDULE_PLATEAU(0.5, 2, 1e-4), .epochs = 3);
    t.average = ct_average_new(t.module, .decay = 0.9);
    t.data = ct_dataset_new(ct_ones(CT_FLOAT32, CT_SHAPE(4, 3)), ct_zeros(CT_INT64, CT_SHAPE(4)));
    return t;
}

static void end_training(training t)
{
    ct_dataset_free(t.data);
    ct_average_free(t.average);
    ct_optimizer_free(t.optimizer);
    ct_module_free(t.module);
}

static ct_status fit(training t, const char *checkpoint, int64_t epochs)
{
    return ct_fit(ct_module_forward, t.module, t.optimizer, t.data, .epochs = epochs, .batch_size = 2,
                  .average = t.average, .early_stopping = 5, .checkpoint = checkpoint, .output = NULL);
}

static void load_weights(training t)
{
    ct_module_load(t.module, input);
}

static void load_part(training t)
{
    ct_error_clear();
    ct_module_load(t.module, input, .partial = true, .cast = true, CT_RENAME("model.*", "*"));
}

static void load_optimizer(training t)
{
    ct_optimizer_load(t.optimizer, input);
}

/* No epoch: reads the checkpoint alone. */
static void load_checkpoint(training t)
{
    char link[96];
    snprintf(link, sizeof link, "%s.safetensors", scratch);
    remove(link);
    require(symlink(input, link) == 0, "the checkpoint's name");
    fit(t, scratch, 0);
    remove(link);
}

/* The weights that a fresh training has, and after load has been called on it; they may differ only if that has succeeded. */
static void look_at_training(void (*load)(training t))
{
    training t = begin_training();
    ct_tensor *before[16];
    int64_t n = ct_module_count(t.module);
    for (int64_t i = 0; i < n; i++)
        before[i] = ct_clone(ct_detach(ct_module_tensor(t.module, i)));
    load(t);
    bool failed = ct_error_code() != CT_OK;
    ct_error_clear();
    for (int64_t i = 0; i < n && failed; i++)
        require(same_bits(before[i], ct_detach(ct_module_tensor(t.module, i))),
                "weights changed by a file that was refused");
    end_training(t);
}

static void read_weights(void)
{
    look_at_training(load_weights);
    look_at_training(load_part);
}

static void read_optimizer(void)
{
    look_at_training(load_optimizer);
}

static void read_checkpoint(void)
{
    look_at_training(load_checkpoint);
}

static void seed_training(const char *folder)
{
    training t = begin_training();
    require(fit(t, in(folder, "checkpoint"), 2) == CT_OK, "a training");
    ct_optimizer_schedule(t.optimizer, CT_SCHEDULE_PLATEAU(0.5, 2, 1e-4), .epochs = 3);
    require(ct_module_save(t.module, in(folder, "weights")) == CT_OK &&
                ct_optimizer_save(t.optimizer, in(folder, "optimizer")) == CT_OK,
            "seeds");
    end_training(t);
}

/* ---- models ---- */

enum { MOST_ELEMENTS = 1 << 16 };

/* A model may say that a tensor is as large as it likes; a view, which takes no memory, would take time. */
static ct_status refuse_large(const ct_event *event, void *user)
{
    (void)user;
    for (int i = 0; event->moment == CT_FORWARD_BEGINS && i < event->n_inputs; i++)
        if (ct_numel(event->inputs[i]) > MOST_ELEMENTS)
            return ct_error_set(CT_ERROR_ARGUMENT, "an input too large to wait for");
    return CT_OK;
}

/* Once with inputs of each shape that a seed has; what does not fit is refused. */
static void run_model(ct_module *model)
{
    static const int64_t shapes[][4] = {{1, 1, 8, 8}, {2, 3}, {3, 4}, {3}, {4, 4}, {2, 3, 4}, {1, 2, 4, 4}};
    static const int ranks[] = {4, 2, 2, 1, 2, 3, 4};
    int inputs = 0;
    while (inputs < CT_MAX_INPUTS && ct_onnx_input(model, inputs))
        inputs++;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        ct_tensor *x[CT_MAX_INPUTS], *y = NULL;
        ct_scope_open();
        for (int k = 0; k < inputs; k++)
            x[k] = ct_ones(CT_FLOAT32, shapes[i], ranks[i]);
        if (ct_onnx_run(model, x, inputs, &y, 1) == CT_OK && ct_numel(y) <= MOST_ELEMENTS)
            look_at(y);
        ct_error_clear();
        ct_scope_close();
    }
}

static void read_onnx(void)
{
    ct_module *module = ct_module_new(CT_FLOAT32), *read = ct_onnx_read(module, "onnx", input);
    require(read || ct_error_code() != CT_OK, "refused without an error");
    require(read || ct_module_count(module) == 0, "something of a file that was refused");
    require(!read || ct_observe_begin(refuse_large, NULL) == CT_OK, "an observer");
    if (read)
        run_model(read);
    require(!read || ct_observe_end(refuse_large, NULL) == CT_OK, "an observer's end");
    ct_module_free(module);
}

static ct_tensor *small_network(ct_tensor *const *x, int n, void *module)
{
    return ct_softmax(ct_slice(ct_pad(ct_forward(module, x[0]), CT_SHAPE(1, 2)), 1, n, CT_END, 2), 1);
}

/* An operation as a model: user says which, and how. */
typedef struct operation {
    const ct_op *op;
    const void *attributes;
} operation;

static ct_tensor *one_operation(ct_tensor *const *x, int n, void *user)
{
    const operation *o = user;
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    return ct_apply_multi(o->op, x, n, o->attributes, outputs) == CT_OK ? outputs[0] : NULL;
}

/* Every operation on its first sample, of those that ONNX can say. */
static void seed_operations(const char *folder)
{
    int n, n_inputs;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n; i++) {
        ct_tensor *x[CT_MAX_INPUTS];
        operation o = {.op = ops[i], .attributes = ops[i]->samples[0].attributes};
        ct_scope_open();
        if (ct_sample_inputs(&ops[i]->samples[0], CT_FLOAT32, x, &n_inputs) == CT_OK)
            ct_onnx_write(one_operation, &o, x, n_inputs, in(folder, ops[i]->name));
        ct_error_clear();
        ct_scope_close();
    }
}

static void seed_onnx(const char *folder)
{
    ct_module *module = ct_module_new(CT_FLOAT32), *net = ct_sequential_new(module, "net");
    ct_conv2d_new(net, "conv", 1, 2, 3, .padding = {1});
    ct_batch_norm_new(net, "bn", 2);
    ct_max_pool2d_new(net, "pool", 2);
    ct_flatten_new(net, "flat", 1, -1);
    ct_linear_new(net, "fc", 2 * 4 * 4, 3);
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(1, 1, 8, 8));
    require(ct_onnx_write(small_network, net, &x, 1, in(folder, "onnx")) == CT_OK, "a model");
    ct_module_free(module);
    seed_operations(folder);
}

/* ---- traces, as cotan diff reads them, and as the story and the pictures are made from them ---- */

static void read_trace(void)
{
    char *words[] = {input, scratch};
    arguments given = {.command = "diff", .words = words, .n_words = 2};
    diff_command.run(&given);
    words[1] = words[0];
    diff_command.run(&given);
    fflush(stdout);
}

/* With a large tensor, one without elements, and a step of an optimiser. */
static void write_trace(const char *path)
{
    ct_tensor *a = ct_name(ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(9, 10)), true), "a");
    ct_tensor *none = ct_set_requires_grad(ct_zeros(CT_FLOAT32, CT_SHAPE(0)), true);
    ct_optimizer *sgd = ct_optimizer_of(&a, 1, &ct_rule_sgd);
    ct_trace_begin();
    ct_backward(ct_add(ct_sum(ct_tanh(ct_mul(a, a))), ct_sum(none)));
    require(ct_optimizer_step(sgd) == CT_OK, "a step");
    ct_trace_log *trace = ct_trace_end();
    ct_optimizer_free(sgd);
    FILE *f = fopen(path, "w");
    require(ct_trace_write_json(trace, f) == CT_OK, "a trace");
    fclose(f);
    ct_trace_free(trace);
}

static void seed_trace(const char *folder)
{
    write_trace(in(folder, "trace.json"));
    write_trace(scratch);
}

static ct_trace_log *read_story(const char *path)
{
    FILE *f = fopen(path, "r");
    ct_trace_log *trace = ct_trace_read_json(f);
    fclose(f);
    require((trace != NULL) == (ct_error_code() == CT_OK), "a trace and an error, or neither");
    return trace;
}

/* The trace as it is written, for free(). */
static char *story_json(const ct_trace_log *trace)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    require(ct_trace_write_json(trace, f) == CT_OK && fclose(f) == 0, "a trace written again");
    return text;
}

/* What may be said to be wrong with a trace that was read: that there is nothing to draw, or that it cannot be told. */
static void look_at_story(const ct_trace_log *trace)
{
    static const char *const pictures[] = {"svg", "dot", "html"};
    FILE *nowhere = fopen("/dev/null", "w");
    ct_trace_explain(trace, nowhere);
    fclose(nowhere);
    for (int64_t id = 0; id < ct_trace_nodes(trace); id++)
        require(ct_trace_why(trace, id) != NULL, "why");
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s.%s", scratch, pictures[i]);
        ct_error_clear();
        ct_trace_write(trace, path, .source = false);
        remove(path);
    }
    ct_error_clear();
}

static void read_told(void)
{
    ct_trace_log *trace = read_story(input);
    if (!trace)
        return;
    look_at_story(trace);
    char *once = story_json(trace);
    FILE *f = fopen(scratch, "w");
    fputs(once, f);
    fclose(f);
    ct_trace_free(trace);
    trace = read_story(scratch);
    require(trace, "what was written is read");
    char *twice = story_json(trace);
    require(strcmp(once, twice) == 0, "written, read and written again");
    ct_trace_free(trace);
    free(once);
    free(twice);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    void (*read)(void);
    void (*seed)(const char *folder); /* NULL: tests/data has files */
} readers[] = {
    {"npy", read_npy, NULL},
    {"npz", read_npz, NULL},
    {"csv", read_csv, seed_csv},
    {"idx", read_idx, seed_idx},
    {"text", read_text, seed_text},
    {"safetensors", read_safetensors, seed_training},
    {"gguf", read_gguf, NULL},
    {"weights", read_weights, seed_training},
    {"optimizer", read_optimizer, seed_training},
    {"checkpoint", read_checkpoint, seed_training},
    {"onnx", read_onnx, seed_onnx},
    {"trace", read_trace, seed_trace},
    {"story", read_told, seed_trace},
};
static size_t reader;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    const char *name = getenv("COTAN_FUZZ"), *seeds = getenv("COTAN_FUZZ_SEEDS");
    errors = dup(STDERR_FILENO);
    require(ct_allocator_set(&(ct_allocator){.allocate = allocate, .release = release}) == CT_OK, "an allocator");
    make_files();
    while (reader < sizeof readers / sizeof *readers && strcmp(readers[reader].name, name ? name : "") != 0)
        reader++;
    require(reader < sizeof readers / sizeof *readers, "COTAN_FUZZ names no reader");
    ct_scope_open();
    if (readers[reader].seed)
        readers[reader].seed(seeds ? seeds : "/tmp");
    ct_scope_close();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    require(ftruncate(input_file, 0) == 0 && pwrite(input_file, data, size, 0) == (ssize_t)size, "the input");
    ct_scope_open();
    int64_t before = ct_memory_stats().live_tensors;
    readers[reader].read();
    ct_error_clear();
    ct_scope_close();
    require(ct_error_code() == CT_OK && ct_memory_stats().live_tensors == before, "tensors are left");
    return 0;
}
