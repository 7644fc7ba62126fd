/* The table of workloads. Invariant: the k-th parameter of a workload, counting constant ones, is fill(shape, 100 + k, bound),
 * x is seeded with 1 (layer_norm: 9) and y with 2, so that any program can repeat the numbers. */
#include "workloads.h"
#include <cotan/functional.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* float32 values in [-scale, scale): the hash of each element's flat index and a seed, in unsigned 32-bit arithmetic. */
static ct_tensor *fill(uint32_t seed, double scale, const int64_t *shape, int rank)
{
    ct_tensor *t = ct_empty(CT_FLOAT32, shape, rank);
    float *data = ct_data_mut(t);
    for (int64_t i = 0; data != NULL && i < ct_numel(t); i++) {
        uint32_t h = ((uint32_t)i + seed * 0x9E3779B9u) * 2654435761u;
        h ^= h >> 15;
        h *= 2246822519u;
        h ^= h >> 13;
        data[i] = (float)((h / 4294967296.0 * 2 - 1) * scale);
    }
    return t;
}

/* floor((fill + 1) / 2 * classes), clipped to classes - 1. */
static ct_tensor *labels(uint32_t seed, int64_t classes, int64_t n)
{
    ct_tensor *noise = fill(seed, 1, CT_SHAPE(n)), *t = ct_empty(CT_INT64, CT_SHAPE(n));
    const float *value = ct_data(noise);
    int64_t *label = ct_data_mut(t);
    for (int64_t i = 0; value != NULL && label != NULL && i < n; i++) {
        int64_t k = (int64_t)(((double)value[i] + 1) / 2 * (double)classes);
        label[i] = k < classes ? k : classes - 1;
    }
    ct_release(noise);
    return t;
}

/* sqrt(6 / (fan_in + fan_out)): Glorot & Bengio 2010, eq. 16. */
static double glorot(double fan_in, double fan_out)
{
    return sqrt(6 / (fan_in + fan_out));
}

/* What the model reads. */
static ct_tensor *input(const workload *w, uint32_t seed, const int64_t *shape, int rank)
{
    return ct_cast(fill(seed, 1, shape, rank), ct_module_dtype(w->module));
}

static void add_parameter(workload *w, ct_tensor *t)
{
    char name[16];
    snprintf(name, sizeof(name), "%d", w->n);
    w->p[w->n++] = ct_module_parameter(w->module, name, ct_cast(t, ct_module_dtype(w->module)));
}

static void add_filled(workload *w, double bound, const int64_t *shape, int rank)
{
    add_parameter(w, fill((uint32_t)(100 + w->n), bound, shape, rank));
}

static void add_constant(workload *w, double value, int64_t n)
{
    add_parameter(w, ct_full(CT_FLOAT32, value, CT_SHAPE(n)));
}

/* weight [out, in] and bias [out]. */
static void add_linear(workload *w, int64_t in, int64_t out)
{
    add_filled(w, glorot((double)in, (double)out), CT_SHAPE(out, in));
    add_constant(w, 0, out);
}

/* weight [out, in, k, k]. */
static void add_conv(workload *w, int64_t in, int64_t out, int64_t k)
{
    add_filled(w, glorot((double)(in * k * k), (double)(out * k * k)), CT_SHAPE(out, in, k, k));
}

/* Scale [n] and shift [n] of a normalisation. */
static void add_norm(workload *w, int64_t n)
{
    add_constant(w, 1, n);
    add_constant(w, 0, n);
}

/* ---- mlp ---- */

static void build_mlp(workload *w)
{
    add_linear(w, 784, 512);
    add_linear(w, 512, 512);
    add_linear(w, 512, 10);
    w->x = input(w, 1, CT_SHAPE(w->batch, 784));
    w->y = labels(2, 10, w->batch);
    w->optimizer = ct_optimizer_new(w->module, &ct_rule_sgd, .lr = 0.01, .momentum = 0.9);
}

static ct_tensor *loss_mlp(const workload *w)
{
    ct_tensor *h = ct_relu(ct_linear(w->x, w->p[0], w->p[1]));
    h = ct_relu(ct_linear(h, w->p[2], w->p[3]));
    return ct_cross_entropy(ct_linear(h, w->p[4], w->p[5]), w->y);
}

/* ---- lenet5 ---- */

static void build_lenet5(workload *w)
{
    add_conv(w, 1, 6, 5);
    add_constant(w, 0, 6);
    add_conv(w, 6, 16, 5);
    add_constant(w, 0, 16);
    add_linear(w, 400, 120);
    add_linear(w, 120, 84);
    add_linear(w, 84, 10);
    w->x = input(w, 1, CT_SHAPE(w->batch, 1, 28, 28));
    w->y = labels(2, 10, w->batch);
    w->optimizer = ct_optimizer_new(w->module, &ct_rule_adam, .lr = 1e-3);
}

static ct_tensor *loss_lenet5(const workload *w)
{
    ct_tensor *const *p = w->p;
    ct_tensor *h = ct_max_pool2d(ct_relu(ct_conv2d(w->x, p[0], p[1], .padding = CT_EACH(2))), 2);
    h = ct_flatten(ct_max_pool2d(ct_relu(ct_conv2d(h, p[2], p[3])), 2), 1, -1);
    h = ct_relu(ct_linear(h, p[4], p[5]));
    h = ct_relu(ct_linear(h, p[6], p[7]));
    return ct_cross_entropy(ct_linear(h, p[8], p[9]), w->y);
}

/* ---- resnet20: three stages of three blocks; the first block of a wider stage has stride 2 and a projection ---- */

enum { RESNET_STAGES = 3, RESNET_BLOCKS = 3 };

static void build_resnet20(workload *w)
{
    int64_t in = 16;
    add_conv(w, 3, in, 3);
    add_norm(w, in);
    for (int stage = 0; stage < RESNET_STAGES; stage++)
        for (int block = 0; block < RESNET_BLOCKS; block++) {
            int64_t width = 16 << stage;
            add_conv(w, in, width, 3);
            add_norm(w, width);
            add_conv(w, width, width, 3);
            add_norm(w, width);
            if (in != width)
                add_conv(w, in, width, 1);
            in = width;
        }
    add_linear(w, in, 10);
    w->x = input(w, 1, CT_SHAPE(w->batch, 3, 32, 32));
    w->y = labels(2, 10, w->batch);
    w->optimizer = ct_optimizer_new(w->module, &ct_rule_sgd, .lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4);
}

/* p: the convolution's weight, the normalisation's scale and shift. */
static ct_tensor *conv_norm(ct_tensor *x, ct_tensor *const *p, int64_t stride)
{
    return ct_batch_norm(ct_conv2d(x, p[0], NULL, .stride = CT_EACH(stride), .padding = CT_EACH(1)), p[1], p[2]);
}

static ct_tensor *loss_resnet20(const workload *w)
{
    ct_tensor *const *p = w->p;
    ct_tensor *h = ct_relu(conv_norm(w->x, p, 1));
    p += 3;
    for (int stage = 0; stage < RESNET_STAGES; stage++)
        for (int block = 0; block < RESNET_BLOCKS; block++) {
            bool widens = stage > 0 && block == 0;
            int64_t stride = widens ? 2 : 1;
            ct_tensor *shortcut = widens ? ct_conv2d(h, p[6], NULL, .stride = CT_EACH(stride)) : h;
            ct_tensor *inner = ct_relu(conv_norm(h, p, stride));
            h = ct_relu(ct_add(conv_norm(inner, p + 3, 1), shortcut));
            p += widens ? 7 : 6;
        }
    return ct_cross_entropy(ct_linear(ct_mean(h, CT_AXES(2, 3)), p[0], p[1]), w->y);
}

/* ---- lstm: 64 steps, the last one classified ---- */

enum { LSTM_STEPS = 64, LSTM_INPUTS = 64, LSTM_HIDDEN = 128 };

static void build_lstm(workload *w)
{
    double bound = 1 / sqrt(LSTM_HIDDEN);
    add_filled(w, bound, CT_SHAPE(4 * LSTM_HIDDEN, LSTM_INPUTS));
    add_filled(w, bound, CT_SHAPE(4 * LSTM_HIDDEN, LSTM_HIDDEN));
    add_constant(w, 0, 4 * LSTM_HIDDEN);
    add_constant(w, 0, 4 * LSTM_HIDDEN);
    add_linear(w, LSTM_HIDDEN, 10);
    w->x = input(w, 1, CT_SHAPE(LSTM_STEPS, w->batch, LSTM_INPUTS));
    w->y = labels(2, 10, w->batch);
    w->optimizer = ct_optimizer_new(w->module, &ct_rule_adam, .lr = 1e-3);
}

static ct_tensor *loss_lstm(const workload *w)
{
    ct_tensor *h = ct_lstm(w->x, NULL, NULL, w->p, 4);
    return ct_cross_entropy(ct_linear(ct_select(h, 0, LSTM_STEPS - 1), w->p[4], w->p[5]), w->y);
}

/* ---- gpt: a small transformer; batch B, T tokens, V words, width D, HEADS heads ---- */

enum { GPT_BLOCKS = 4, GPT_TOKENS = 128, GPT_WORDS = 96, GPT_WIDTH = 128, GPT_HEADS = 4, GPT_BLOCK_PARAMETERS = 12 };

static void build_gpt(workload *w)
{
    int64_t width = GPT_WIDTH, positions = w->batch * GPT_TOKENS;
    add_filled(w, 0.05, CT_SHAPE(GPT_WORDS, width));
    add_filled(w, 0.05, CT_SHAPE(GPT_TOKENS, width));
    for (int block = 0; block < GPT_BLOCKS; block++) {
        add_norm(w, width);
        add_linear(w, width, 3 * width);
        add_linear(w, width, width);
        add_norm(w, width);
        add_linear(w, width, 4 * width);
        add_linear(w, 4 * width, width);
    }
    add_norm(w, width);
    add_filled(w, glorot((double)width, GPT_WORDS), CT_SHAPE(GPT_WORDS, width));
    w->x = ct_reshape(labels(1, GPT_WORDS, positions), CT_SHAPE(w->batch, GPT_TOKENS));
    w->y = labels(2, GPT_WORDS, positions);
    w->optimizer = ct_optimizer_new(w->module, &ct_rule_adamw, .lr = 3e-4, .weight_decay = 0.01);
}

/* h [B,T,D]; p: weight and bias of the queries, keys and values together, weight and bias of the output. */
static ct_tensor *attention(ct_tensor *h, ct_tensor *const *p, int64_t batch)
{
    ct_tensor *qkv =
        ct_reshape(ct_linear(h, p[0], p[1]), CT_SHAPE(batch, GPT_TOKENS, 3, GPT_HEADS, GPT_WIDTH / GPT_HEADS));
    qkv = ct_permute(qkv, CT_SHAPE(2, 0, 3, 1, 4)); /* [3,B,HEADS,T,D/HEADS] */
    ct_tensor *a = ct_scaled_dot_product_attention(ct_select(qkv, 0, 0), ct_select(qkv, 0, 1), ct_select(qkv, 0, 2),
                                                   .is_causal = true);
    a = ct_reshape(ct_transpose(a, 1, 2), CT_SHAPE(batch, GPT_TOKENS, GPT_WIDTH));
    return ct_linear(a, p[2], p[3]);
}

/* A block; user: its first parameter. */
static ct_tensor *gpt_block(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    ct_tensor *const *p = user, *h = in[0];
    h = ct_add(h, attention(ct_layer_norm(h, p[0], p[1]), p + 2, ct_size(h, 0)));
    ct_tensor *up = ct_gelu(ct_linear(ct_layer_norm(h, p[6], p[7]), p[8], p[9]));
    return ct_add(h, ct_linear(up, p[10], p[11]));
}

static ct_tensor *loss_of_blocks(const workload *w, bool checkpoints)
{
    ct_tensor *const *p = w->p;
    ct_tensor *h = ct_add(ct_embedding(p[0], w->x), p[1]);
    p += 2;
    for (int block = 0; block < GPT_BLOCKS; block++) {
        h = checkpoints ? ct_checkpoint(gpt_block, (void *)p, &h, 1) : gpt_block(&h, 1, (void *)p);
        p += GPT_BLOCK_PARAMETERS;
    }
    h = ct_linear(ct_layer_norm(h, p[0], p[1]), p[2], NULL);
    return ct_cross_entropy(ct_reshape(h, CT_SHAPE(-1, GPT_WORDS)), w->y);
}

static ct_tensor *loss_gpt(const workload *w)
{
    return loss_of_blocks(w, false);
}

static ct_tensor *loss_gpt_checkpoint(const workload *w)
{
    return loss_of_blocks(w, true);
}

/* ---- scalar_chain: 3,000 recorded scalar operations, the cost of the graph itself ---- */

static void build_scalar_chain(workload *w)
{
    add_parameter(w, fill(1, 1, CT_SCALAR));
    add_parameter(w, fill(2, 1, CT_SCALAR));
}

static ct_tensor *loss_scalar_chain(const workload *w)
{
    ct_tensor *a = w->p[0], *b = w->p[1], *x = a;
    for (int i = 0; i < 1000; i++)
        x = ct_tanh(ct_add(ct_mul(x, b), a));
    return x;
}

/* ---- elementwise ---- */

static void build_elementwise(workload *w)
{
    for (int i = 0; i < 4; i++)
        add_filled(w, 1, CT_SHAPE(4 * 1024 * 1024));
}

static ct_tensor *loss_elementwise(const workload *w)
{
    ct_tensor *const *p = w->p;
    return ct_mean(ct_mul(ct_tanh(ct_add(ct_mul(p[0], p[1]), p[2])), ct_sigmoid(p[3])));
}

/* ---- softmax_ce ---- */

static void build_softmax_ce(workload *w)
{
    add_filled(w, 4, CT_SHAPE(w->batch, 8192));
    w->y = labels(2, 8192, w->batch);
}

static ct_tensor *loss_softmax_ce(const workload *w)
{
    return ct_cross_entropy(w->p[0], w->y);
}

/* ---- layer_norm ---- */

static void build_layer_norm(workload *w)
{
    add_filled(w, 1, CT_SHAPE(w->batch, 768));
    add_norm(w, 768);
    w->x = input(w, 9, CT_SHAPE(w->batch, 768));
}

static ct_tensor *loss_layer_norm(const workload *w)
{
    return ct_mean(ct_mul(ct_layer_norm(w->p[0], w->p[1], w->p[2]), w->x));
}

/* ---- conv3x3 ---- */

static void build_conv3x3(workload *w)
{
    add_filled(w, 1, CT_SHAPE(w->batch, 64, 56, 56));
    add_filled(w, 0.05, CT_SHAPE(64, 64, 3, 3));
}

static ct_tensor *loss_conv3x3(const workload *w)
{
    return ct_mean(ct_conv2d(w->p[0], w->p[1], NULL, .padding = CT_EACH(1)));
}

/* ---- broadcast_reduce ---- */

static void build_broadcast_reduce(workload *w)
{
    add_filled(w, 1, CT_SHAPE(w->batch, 128, 1024));
    add_filled(w, 1, CT_SHAPE(128, 1));
    add_filled(w, 1, CT_SHAPE(1024));
}

static ct_tensor *loss_broadcast_reduce(const workload *w)
{
    return ct_mean(ct_square(ct_add(ct_mul(w->p[0], w->p[1]), w->p[2])));
}

/* ---- matmul_1024: one product and its two gradients ---- */

static void build_matmul_1024(workload *w)
{
    add_filled(w, 1, CT_SHAPE(1024, 1024));
    add_filled(w, 1, CT_SHAPE(1024, 1024));
}

static ct_tensor *loss_matmul_1024(const workload *w)
{
    return ct_mean(ct_matmul(w->p[0], w->p[1]));
}

/* ---- the table ---- */

/* gbyte: what must be read and written at least, each tensor once: inputs and gradients. */
const workload_spec workload_specs[] = {
    {"mlp", build_mlp, loss_mlp, 128, 2.373361871493832, 2.0769223695353594, 0.41, 0, false},
    {"lenet5", build_lenet5, loss_lenet5, 64, 2.319661292738188, 2.1152976704719406, 0.16, 0, false},
    /* Its loss falls to a twelfth in five steps, and rounding errors grow as fast. */
    {"resnet20", build_resnet20, loss_resnet20, 32, 2.519183217430848, 0.19758771854790153, 7.9, 0, true},
    {"lstm", build_lstm, loss_lstm, 32, 2.3294609320350834, 2.119879327637898, 1.2, 0, false},
    {"gpt", build_gpt, loss_gpt, 8, 5.161695740806689, 4.4244286057676065, 5.7, 0, false},
    /* PyTorch's losses are gpt's: checkpoints change no number. */
    {"gpt_checkpoint", build_gpt, loss_gpt_checkpoint, 8, 5.161695740806689, 4.4244286057676065, 7.5, 0, false},
    {"scalar_chain", build_scalar_chain, loss_scalar_chain, 1, -0.852887792268097, -0.852887792268097, 0, 0, false},
    {"elementwise", build_elementwise, loss_elementwise, 1, -3.4103256803741726e-05, -3.4103256803741726e-05, 0, 0.134,
     false},
    {"softmax_ce", build_softmax_ce, loss_softmax_ce, 1024, 10.912970830123417, 10.912970830123417, 0, 0.067, false},
    {"layer_norm", build_layer_norm, loss_layer_norm, 4096, -0.00013164713906238136, -0.00013164713906238136, 0, 0.038,
     false},
    {"conv3x3", build_conv3x3, loss_conv3x3, 16, -9.086359268652428e-05, -9.086359268652428e-05, 11.1, 0, false},
    {"broadcast_reduce", build_broadcast_reduce, loss_broadcast_reduce, 64, 0.4577950473560704, 0.4577950473560704, 0,
     0.067, false},
    {"matmul_1024", build_matmul_1024, loss_matmul_1024, 1, -0.007914495402603389, -0.007914495402603389, 6.4, 0,
     false},
};

const int workload_count = sizeof(workload_specs) / sizeof(workload_specs[0]);

const workload_spec *workload_find(const char *name)
{
    for (int i = 0; i < workload_count; i++)
        if (strcmp(workload_specs[i].name, name) == 0)
            return &workload_specs[i];
    return NULL;
}

ct_status workload_open(workload *w, const workload_spec *spec, ct_dtype dtype, int64_t batch)
{
    *w = (workload){.spec = spec, .batch = batch == 0 ? spec->batch : batch};
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    w->module = ct_module_new(dtype);
    spec->build(w);
    if (w->x != NULL)
        ct_keep(w->x);
    if (w->y != NULL)
        ct_keep(w->y);
    ct_scope_close();
    return ct_error_code();
}

void workload_close(workload *w)
{
    ct_optimizer_free(w->optimizer);
    ct_module_free(w->module);
    ct_release(w->x);
    ct_release(w->y);
    *w = (workload){.spec = w->spec};
}

static void zero_grad(workload *w)
{
    for (int i = 0; i < w->n; i++)
        ct_zero_grad(w->p[i]);
}

ct_status workload_step(workload *w, double *loss)
{
    zero_grad(w);
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_tensor *l = w->spec->loss(w);
    if (loss != NULL)
        *loss = ct_item(l);
    ct_status status = ct_backward(l);
    if (status == CT_OK && w->optimizer != NULL)
        status = ct_optimizer_step(w->optimizer);
    ct_status closed = ct_scope_close();
    return status == CT_OK ? closed : status;
}

ct_status workload_loss(const workload *w, double *loss)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    *loss = ct_item(w->spec->loss(w));
    ct_scope_close();
    return ct_error_code();
}
