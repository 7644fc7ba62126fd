/* The table of workloads. Invariant: the k-th parameter of a workload, counting constant ones, is fill(shape, 100 + k, bound),
 * x is seeded with 1 and y with 2, so that any program can repeat the numbers. */
#include "workloads.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values in [-scale, scale): the hash of each element's flat index and a seed, in unsigned 32-bit arithmetic. */
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

static void add_parameter(workload *w, ct_tensor *t)
{
    char name[] = {(char)('a' + w->n), '\0'};
    w->p[w->n++] = ct_module_parameter(w->module, name, t);
}

static void add_filled(workload *w, double bound, const int64_t *shape, int rank)
{
    add_parameter(w, fill((uint32_t)(100 + w->n), bound, shape, rank));
}

/* weight [out, in] and bias [out]. */
static void add_linear(workload *w, int64_t in, int64_t out)
{
    add_filled(w, glorot((double)in, (double)out), CT_SHAPE(out, in));
    add_parameter(w, ct_zeros(CT_FLOAT32, CT_SHAPE(out)));
}

/* weight [out, in, k, k] and bias [out]. */
static void add_conv(workload *w, int64_t in, int64_t out, int64_t k)
{
    add_filled(w, glorot((double)(in * k * k), (double)(out * k * k)), CT_SHAPE(out, in, k, k));
    add_parameter(w, ct_zeros(CT_FLOAT32, CT_SHAPE(out)));
}

/* ---- mlp ---- */

static void build_mlp(workload *w)
{
    add_linear(w, 784, 512);
    add_linear(w, 512, 512);
    add_linear(w, 512, 10);
    w->x = fill(1, 1, CT_SHAPE(w->batch, 784));
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
    add_conv(w, 6, 16, 5);
    add_linear(w, 400, 120);
    add_linear(w, 120, 84);
    add_linear(w, 84, 10);
    w->x = fill(1, 1, CT_SHAPE(w->batch, 1, 28, 28));
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

const workload_spec workload_specs[] = {
    {"mlp", build_mlp, loss_mlp, 128, 2.373361825942993, 2.0769224166870117},
    {"lenet5", build_lenet5, loss_lenet5, 64, 2.3196613788604736, 2.115297555923462},
    {"scalar_chain", build_scalar_chain, loss_scalar_chain, 1, -0.852887749671936, -0.852887749671936},
    {"elementwise", build_elementwise, loss_elementwise, 1, -3.4103268262697384e-05, -3.4103268262697384e-05},
    {"softmax_ce", build_softmax_ce, loss_softmax_ce, 1024, 10.912969589233398, 10.912969589233398},
    {"conv3x3", build_conv3x3, loss_conv3x3, 16, -9.08635338419117e-05, -9.08635338419117e-05},
    {"broadcast_reduce", build_broadcast_reduce, loss_broadcast_reduce, 64, 0.45779502391815186, 0.45779502391815186},
    {"matmul_1024", build_matmul_1024, loss_matmul_1024, 1, -0.007914496585726738, -0.007914496585726738},
};

const int workload_count = sizeof(workload_specs) / sizeof(workload_specs[0]);

const workload_spec *workload_find(const char *name)
{
    for (int i = 0; i < workload_count; i++)
        if (strcmp(workload_specs[i].name, name) == 0)
            return &workload_specs[i];
    return NULL;
}

ct_status workload_open(workload *w, const workload_spec *spec, int64_t batch)
{
    *w = (workload){.spec = spec, .batch = batch == 0 ? spec->batch : batch, .module = ct_module_new(CT_FLOAT32)};
    ct_scope_open();
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
    ct_scope_open();
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
    ct_scope_open();
    *loss = ct_item(w->spec->loss(w));
    ct_scope_close();
    return ct_error_code();
}
