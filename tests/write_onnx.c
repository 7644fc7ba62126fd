/* Writes networks, and every operation on its first sample, as ONNX files, for test_onnx.py: FOLDER/<name>.onnx, and in
 * FOLDER/numbers.safetensors their inputs and results, <name>.x0, ... and <name>.y. What ONNX cannot say is printed, a line
 * each: its name and the message. usage: write_onnx FOLDER */
#include <cotan/cotan.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;
static int failures;

/* Kept until all are saved at once, since each file has to reach the disk. */
enum { MOST = 4096, NAME = 64 };
static ct_tensor *kept[MOST];
static char names[MOST][NAME];
static int n_kept;

static void keep(ct_tensor *t, const char *name, const char *what)
{
    if (n_kept == MOST)
        abort();
    snprintf(names[n_kept], NAME, "%s.%s", name, what);
    kept[n_kept++] = ct_keep(ct_detach(t));
}

static void keep_all(const char *name, ct_tensor *const *inputs, int n, ct_tensor *result)
{
    char what[16];
    for (int i = 0; i < n; i++) {
        snprintf(what, sizeof what, "x%d", i);
        keep(inputs[i], name, what);
    }
    keep(result, name, "y");
}

static void save_all(void)
{
    char path[600];
    const char *texts[MOST];
    for (int i = 0; i < n_kept; i++)
        texts[i] = names[i];
    snprintf(path, sizeof path, "%s/numbers.safetensors", folder);
    if (ct_safetensors_save(path, texts, kept, n_kept) != CT_OK)
        printf("numbers failed: %s\n", ct_error_message()), failures++;
    for (int i = 0; i < n_kept; i++)
        ct_release(kept[i]);
}

static void write_one(const char *name, ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    if (ct_onnx_write(fn, user, inputs, n, path) == CT_OK) {
        keep_all(name, inputs, n, fn(inputs, n, user));
    } else if (ct_error_code() == CT_ERROR_ARGUMENT || ct_error_code() == CT_ERROR_STATE) {
        printf("%s: %s\n", name, ct_error_message());
        ct_error_clear();
    }
    if (ct_error_code() != CT_OK) {
        printf("%s failed: %s\n", name, ct_error_message());
        ct_error_clear();
        failures++;
    }
}

/* ---- networks ---- */

static ct_tensor *lenet5(ct_tensor *const *x, int n, void *model)
{
    (void)n;
    return ct_lenet5_forward(model, x[0]);
}

static ct_tensor *forward(ct_tensor *const *x, int n, void *module)
{
    (void)n;
    return ct_forward(module, x[0]);
}

/* Embedding of tokens and places, transformer blocks, a last layer: a GPT. */
static ct_tensor *gpt(ct_tensor *const *tokens, int n, void *module)
{
    (void)n;
    ct_tensor *places = ct_arange(CT_INT64, 0, 1, ct_size(tokens[0], 1));
    ct_tensor *x =
        ct_add(ct_forward(ct_module_find(module, "wte"), tokens[0]), ct_forward(ct_module_find(module, "wpe"), places));
    return ct_forward(ct_module_find(module, "head"),
                      ct_forward(ct_module_find(module, "ln_f"), ct_forward(ct_module_find(module, "h"), x)));
}

static void make_gpt(ct_module *module)
{
    enum { TOKENS = 50, STEPS = 12, WIDTH = 32, HEADS = 4, BLOCKS = 2 };
    ct_embedding_new(module, "wte", TOKENS, WIDTH);
    ct_embedding_new(module, "wpe", STEPS, WIDTH);
    ct_module *blocks = ct_sequential_new(module, "h");
    for (int i = 0; i < BLOCKS; i++)
        ct_transformer_encoder_layer_new(blocks, NULL, WIDTH, HEADS, .dim_feedforward = 4 * WIDTH, .dropout = 0.1,
                                         .activation = ct_gelu, .norm_first = true, .batch_first = true,
                                         .is_causal = true);
    ct_layer_norm_new(module, "ln_f", CT_SHAPE(WIDTH));
    ct_linear_new(module, "head", WIDTH, TOKENS, .no_bias = true);
    ct_module_tie(module, "head.weight", "wte.weight");
}

static void write_networks(void)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *net = ct_sequential_new(root, "net");
    ct_lenet5 *lenet = ct_lenet5_new(root);
    ct_module *resnet = ct_resnet18_new(net, "resnet", .classes = 10);
    ct_module *lstm = ct_lstm_new(net, "lstm", 5, 7, .layers = 2, .bidirectional = true);
    ct_module *gru = ct_gru_new(net, "gru", 5, 7);
    ct_module *words = ct_sequential_new(root, "gpt");
    make_gpt(words);
    ct_tensor *images = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(2, 3, 64, 64));
    ct_tensor *digits = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(3, 1, 28, 28));
    ct_tensor *steps = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(6, 2, 5)), *tokens = ct_randint(0, 50, CT_SHAPE(2, 12));
    ct_forward(resnet, images); /* its running statistics are no longer 0 and 1 */
    ct_module_train(root, false);
    write_one("network_lenet5", lenet5, lenet, &digits, 1);
    write_one("network_resnet18", forward, resnet, &images, 1);
    write_one("network_lstm", forward, lstm, &steps, 1);
    write_one("network_gru", forward, gru, &steps, 1);
    write_one("network_gpt", gpt, words, &tokens, 1);
    ct_module_free(root);
}

/* ---- operations ---- */

/* A call of an operation: which, with which attributes, and which of its inputs are there. */
typedef struct call {
    const ct_op *op;
    const void *attributes;
    int n;
    bool given[CT_MAX_INPUTS];
} call;

static ct_tensor *apply(ct_tensor *const *given, int n, void *user)
{
    const call *c = user;
    ct_tensor *inputs[CT_MAX_INPUTS] = {NULL}, *outputs[CT_MAX_OUTPUTS];
    int next = 0;
    for (int i = 0; i < c->n; i++)
        inputs[i] = c->given[i] && next < n ? given[next++] : NULL;
    return ct_apply_multi(c->op, inputs, c->n, c->attributes, outputs) == CT_OK ? outputs[0] : NULL;
}

static void write_operation(const ct_op *op, const ct_sample *sample)
{
    call c = {.op = op, .attributes = sample->attributes};
    ct_tensor *inputs[CT_MAX_INPUTS], *given[CT_MAX_INPUTS];
    int n = 0;
    ct_sample_inputs(sample, CT_FLOAT32, inputs, &c.n);
    for (int i = 0; i < c.n; i++) {
        c.given[i] = inputs[i] != NULL;
        if (inputs[i])
            given[n++] = inputs[i];
    }
    write_one(op->name, apply, &c, given, n);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: write_onnx FOLDER\n"), 2;
    folder = argv[1];
    ct_seed(1);
    ct_scope_open();
    write_networks();
    ct_scope_close();
    int n;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n; i++) {
        ct_scope_open();
        if (ops[i]->samples && ops[i]->samples[0].inputs)
            write_operation(ops[i], &ops[i]->samples[0]);
        ct_scope_close();
    }
    save_all();
    return failures > 0;
}
