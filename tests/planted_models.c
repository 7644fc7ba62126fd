/* Does ct_gradcheck_graph find one wrong operation in a whole model? Ten mistakes, each planted into one operation of a LeNet-5, a
 * residual block with batch norm, an LSTM and a transformer block.
 *
 * Prints a line for each model and mistake, and last "NN of 40 blamed right, F false alarms in 4 models". Exit status 0 only if at
 * least 39 are, operation and source line, and every model without a mistake passes. */
#include <cotan/cotan.h>

#include "autograd_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the ten operations: right, or with a mistake in the backward ---- */

typedef struct attributes {
    int64_t wrong;
} attributes;

static bool is_wrong(const ct_call *call)
{
    return ((const attributes *)ct_call_attributes(call))->wrong;
}

/* Fills output 0 with the elements of y, made by an expression. */
static ct_status fill(ct_call *call, const ct_tensor *y)
{
    ct_tensor *out = ct_call_output(call, 0);
    if (!y)
        return ct_error_code();
    ct__copy_strided(ct_dtype_of(out), ct__ptr(out), ct_strides(out), ct_dtype_of(y), ct__ptr(y), ct_strides(y),
                     ct_shape(y), ct_rank(y));
    return CT_OK;
}

static ct_status like_input(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status scalar(ct_call *call)
{
    return ct_call_output_shape(call, 0, ct_dtype_of(ct_call_input(call, 0)), CT_SCALAR);
}

/* An operation from a formula of its value in inputs x and z; what it leaves unrecorded is what forward wants. */
#define FORWARD(NAME, VALUE)                                                    \
    static ct_status NAME##_forward(ct_call *call)                              \
    {                                                                           \
        ct_tensor *x = ct_call_input(call, 0), *z = ct_call_input(call, 1), *y; \
        (void)z;                                                                \
        ct_no_grad_begin();                                                     \
        y = VALUE;                                                              \
        ct_no_grad_end();                                                       \
        return fill(call, y);                                                   \
    }

/* 1: [n,k] @ [k,m]; wrong: the weight's gradient is g^T x, read as if it were x^T g. */
static ct_status matmul_infer(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *w = ct_call_input(call, 1);
    if (ct_rank(x) != 2 || ct_rank(w) != 2 || ct_size(x, 1) != ct_size(w, 0))
        return ct_call_error(call, CT_ERROR_SHAPE, "inner sizes differ: %s", ct_call_shapes(call));
    return ct_call_output_shape(call, 0, ct_dtype_of(x), CT_SHAPE(ct_size(x, 0), ct_size(w, 1)));
}

FORWARD(matmul, ct_matmul(x, z))

static ct_status matmul_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *w = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_matmul(g, ct_transpose(w, 0, 1)));
    if (status != CT_OK || !ct_call_needs_grad(call, 1))
        return status;
    ct_tensor *gw = is_wrong(call) ? ct_reshape(ct_matmul(ct_transpose(g, 0, 1), x), ct_shape(w), 2)
                                   : ct_matmul(ct_transpose(x, 0, 1), g);
    return ct_call_set_grad(call, 1, gw);
}

/* 2, 3: x [n,c] + b [c]; wrong: row 0, or the mean. */
FORWARD(bias, ct_add(x, z))

static ct_status bias_row_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, g);
    return status != CT_OK ? status
                           : ct_call_set_grad(call, 1, is_wrong(call) ? ct_select(g, 0, 0) : ct_sum(g, CT_AXES(0)));
}

static ct_status bias_mean_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, g);
    return status != CT_OK ? status
                           : ct_call_set_grad(call, 1, is_wrong(call) ? ct_mean(g, CT_AXES(0)) : ct_sum(g, CT_AXES(0)));
}

/* 4: x - z, z broadcast to x; wrong: the sign of z's gradient. */
FORWARD(sub, ct_sub(x, z))

static ct_status sub_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, g);
    return status != CT_OK ? status : ct_call_set_grad(call, 1, is_wrong(call) ? g : ct_neg(g));
}

/* 5: x^2; wrong: the 2. */
FORWARD(square, ct_square(x))

static ct_status square_backward(ct_call *call)
{
    ct_tensor *gx = ct_mul(ct_call_grad_output(call, 0), ct_call_input(call, 0));
    return ct_call_set_grad(call, 0, is_wrong(call) ? gx : ct_mul_scalar(gx, 2));
}

/* 6: the mean of all; wrong: 1/N. */
FORWARD(mean, ct_mean(x))

static ct_status mean_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_expand(ct_call_grad_output(call, 0), ct_shape(x), ct_rank(x));
    return ct_call_set_grad(call, 0, is_wrong(call) ? g : ct_mul_scalar(g, 1 / (double)ct_numel(x)));
}

/* 7: x tanh(x), a fork; wrong: the second path overwrites the first. */
FORWARD(fork, ct_mul(x, ct_tanh(x)))

static ct_status fork_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0), *t = ct_tanh(x);
    ct_tensor *second = ct_mul(ct_mul(g, x), ct_add_scalar(ct_neg(ct_square(t)), 1));
    return ct_call_set_grad(call, 0, is_wrong(call) ? second : ct_add(ct_mul(g, t), second));
}

/* 17: log softmax over the last axis of [n,c]; wrong: the sum. */
static ct_tensor *log_softmax(ct_tensor *x)
{
    return ct_sub(x, ct_log(ct_sum(ct_exp(x), CT_AXES(-1), .keepdim = true)));
}

FORWARD(log_softmax, log_softmax(x))

static ct_status log_softmax_backward(ct_call *call)
{
    ct_tensor *s = ct_exp(log_softmax(ct_call_input(call, 0))), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0,
                            is_wrong(call) ? g : ct_sub(g, ct_mul(s, ct_sum(g, CT_AXES(-1), .keepdim = true))));
}

/* 18: sigmoid; wrong: x (1 - x). */
FORWARD(sigmoid, ct_sigmoid(x))

static ct_status sigmoid_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *s = is_wrong(call) ? x : ct_sigmoid(x);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_mul(s, ct_add_scalar(ct_neg(s), 1))));
}

/* 22: dropout, p = 1/2, x times the mask z times 2; wrong: the 2. */
FORWARD(dropout, ct_mul_scalar(ct_mul(x, z), 2))

static ct_status dropout_backward(ct_call *call)
{
    ct_tensor *gx = ct_mul(ct_call_grad_output(call, 0), ct_call_input(call, 1));
    return ct_call_set_grad(call, 0, is_wrong(call) ? gx : ct_mul_scalar(gx, 2));
}

enum { MATMUL, BIAS_ROW, BIAS_MEAN, SUB, SQUARE, MEAN, FORK, LOG_SOFTMAX, SIGMOID, DROPOUT, MISTAKES, NONE };

#define RECORD(NAME, INPUTS, INFER, FORWARD, BACKWARD)                                                            \
    {                                                                                                             \
        .name = NAME, .gradient = "planted", .min_inputs = INPUTS, .max_inputs = INPUTS, .saves = CT_SAVE_INPUTS, \
        .attributes_size = sizeof(attributes), .infer = INFER, .forward = FORWARD, .backward = BACKWARD,          \
    }

static const ct_op records[MISTAKES] = {
    [MATMUL] = RECORD("planted_matmul", 2, matmul_infer, matmul_forward, matmul_backward),
    [BIAS_ROW] = RECORD("planted_bias", 2, like_input, bias_forward, bias_row_backward),
    [BIAS_MEAN] = RECORD("planted_bias", 2, like_input, bias_forward, bias_mean_backward),
    [SUB] = RECORD("planted_sub", 2, like_input, sub_forward, sub_backward),
    [SQUARE] = RECORD("planted_square", 1, like_input, square_forward, square_backward),
    [MEAN] = RECORD("planted_mean", 1, scalar, mean_forward, mean_backward),
    [FORK] = RECORD("planted_fork", 1, like_input, fork_forward, fork_backward),
    [LOG_SOFTMAX] = RECORD("planted_log_softmax", 1, like_input, log_softmax_forward, log_softmax_backward),
    [SIGMOID] = RECORD("planted_sigmoid", 1, like_input, sigmoid_forward, sigmoid_backward),
    [DROPOUT] = RECORD("planted_dropout", 2, like_input, dropout_forward, dropout_backward),
};

static const char *const mistakes[MISTAKES] = {
    [MATMUL] = "matmul without the transpose",
    [BIAS_ROW] = "bias gradient takes row 0",
    [BIAS_MEAN] = "bias gradient is the mean",
    [SUB] = "sub has the wrong sign",
    [SQUARE] = "square drops the 2",
    [MEAN] = "mean forgets 1/N",
    [FORK] = "a fork overwrites",
    [LOG_SOFTMAX] = "log softmax misses the sum",
    [SIGMOID] = "sigmoid as x (1 - x)",
    [DROPOUT] = "dropout misses 1/(1-p)",
};

/* ---- planting ---- */

static int planted;      /* the mistake of this run, or NONE */
static int planted_left; /* calls still to be wrong: one */
static int planted_line; /* where it was called */

static attributes plant(int which, int line)
{
    bool wrong = planted == which && planted_left > 0;
    if (wrong) {
        planted_left--;
        planted_line = line;
    }
    return (attributes){wrong};
}

/* Operation `which`, at this line; its first call is wrong if the run's mistake is that one. */
#define PLANT(which, ...)                                                       \
    ct_apply(&records[which], ((ct_tensor *[]){__VA_ARGS__}),                   \
             (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *)), \
             (&(const attributes){plant(which, __LINE__).wrong}))
/* A bias may have either of two mistakes. */
#define PLANT_BIAS(x, b) PLANT(planted == BIAS_MEAN ? BIAS_MEAN : BIAS_ROW, x, b)

/* ---- what the models share ---- */

enum { MAX_PARAMETERS = 24, CLASSES = 6, BATCH = 3 };

typedef struct model {
    const char *name;
    ct_tensor *(*loss)(ct_tensor *const *p, const struct model *m);
    void (*make)(struct model *m);
    ct_tensor *p[MAX_PARAMETERS];
    int n;
    ct_tensor *x, *labels, *mask; /* data; labels [rows,1]; mask of zeros and ones for dropout */
} model;

static void add_parameter(model *m, const int64_t *shape, int rank, double deviation)
{
    m->p[m->n++] = ct_randn(CT_FLOAT64, 0, deviation, shape, rank);
}

static ct_tensor *mask_like(const int64_t *shape, int rank)
{
    return ct_cast(ct_randint(0, 2, shape, rank), CT_FLOAT64);
}

/* From features h [n,d]: a hidden layer with dropout, class scores, cross entropy, and a penalty on w1. */
static ct_tensor *head(const model *m, ct_tensor *h, ct_tensor *w1, ct_tensor *b1, ct_tensor *w2)
{
    h = PLANT(MATMUL, h, w1);
    h = PLANT_BIAS(h, b1);
    h = PLANT(FORK, h);
    h = PLANT(DROPOUT, h, m->mask);
    ct_tensor *scores = ct_matmul(h, w2);
    scores = PLANT(SUB, scores, ct_mean(scores, CT_AXES(1), .keepdim = true));
    ct_tensor *log_p = PLANT(LOG_SOFTMAX, scores);
    ct_tensor *loss = PLANT(MEAN, ct_neg(ct_gather(log_p, 1, m->labels)));
    return ct_add(loss, ct_mul_scalar(ct_sum(ct_square(w1)), 1e-4));
}

/* Over all axes but 1, of [n,c] or [n,c,h,w]; weight and bias have the shape that broadcasts. */
static ct_tensor *batch_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias)
{
    ct_tensor *centred = ct_sub(x, ct_mean(x, CT_AXES(0, 2, 3), .keepdim = true));
    ct_tensor *variance = ct_mean(PLANT(SQUARE, centred), CT_AXES(0, 2, 3), .keepdim = true);
    return ct_add(ct_mul(ct_div(centred, ct_sqrt(ct_add_scalar(variance, 1e-5))), weight), bias);
}

static ct_tensor *layer_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias)
{
    ct_tensor *centred = ct_sub(x, ct_mean(x, CT_AXES(-1), .keepdim = true));
    ct_tensor *variance = ct_mean(PLANT(SQUARE, centred), CT_AXES(-1), .keepdim = true);
    return ct_add(ct_mul(ct_div(centred, ct_sqrt(ct_add_scalar(variance, 1e-5))), weight), bias);
}

/* ---- LeNet-5, on 28 x 28 ---- */

static void lenet_make(model *m)
{
    add_parameter(m, CT_SHAPE(6, 1, 5, 5), 0.2);
    add_parameter(m, CT_SHAPE(6), 0.1);
    add_parameter(m, CT_SHAPE(16, 6, 5, 5), 0.1);
    add_parameter(m, CT_SHAPE(16), 0.1);
    add_parameter(m, CT_SHAPE(400, 120), 0.05);
    add_parameter(m, CT_SHAPE(120), 0.1);
    add_parameter(m, CT_SHAPE(120, 84), 0.1);
    add_parameter(m, CT_SHAPE(84), 0.1);
    add_parameter(m, CT_SHAPE(84, CLASSES), 0.1);
    m->x = ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, 1, 28, 28));
    m->mask = mask_like(CT_SHAPE(BATCH, 84));
}

static ct_tensor *lenet_loss(ct_tensor *const *p, const model *m)
{
    ct_tensor *h = ct_conv2d(m->x, p[0], p[1], .padding = CT_EACH(2));
    h = ct_avg_pool2d(PLANT(SIGMOID, h), 2);
    h = ct_max_pool2d(ct_relu(ct_conv2d(h, p[2], p[3])), 2);
    h = ct_relu(ct_add(ct_matmul(ct_flatten(h, 1, -1), p[4]), p[5]));
    return ct_add(head(m, h, p[6], p[7], p[8]), ct_mul_scalar(ct_sum(PLANT(SQUARE, p[4])), 1e-4));
}

/* ---- a residual block with batch norm and a gate on its channels ---- */

static void resnet_make(model *m)
{
    for (int i = 0; i < 2; i++) {
        add_parameter(m, CT_SHAPE(4, 4, 3, 3), 0.2);
        add_parameter(m, CT_SHAPE(4, 1, 1), 1);
        add_parameter(m, CT_SHAPE(4, 1, 1), 0.5);
    }
    add_parameter(m, CT_SHAPE(4, 4), 0.5);
    add_parameter(m, CT_SHAPE(4, 7), 0.5);
    add_parameter(m, CT_SHAPE(7), 0.1);
    add_parameter(m, CT_SHAPE(7, CLASSES), 0.5);
    m->x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, 4, 6, 6));
    m->mask = mask_like(CT_SHAPE(BATCH, 7));
}

static ct_tensor *resnet_loss(ct_tensor *const *p, const model *m)
{
    ct_tensor *h = ct_relu(batch_norm(ct_conv2d(m->x, p[0], NULL, .padding = CT_EACH(1)), p[1], p[2]));
    h = batch_norm(ct_conv2d(h, p[3], NULL, .padding = CT_EACH(1)), p[4], p[5]);
    ct_tensor *gate = PLANT(SIGMOID, ct_matmul(ct_mean(h, CT_AXES(2, 3)), p[6]));
    h = ct_mul(h, ct_reshape(gate, CT_SHAPE(BATCH, 4, 1, 1)));
    h = ct_relu(ct_add(h, m->x));
    return head(m, ct_mean(h, CT_AXES(2, 3)), p[7], p[8], p[9]);
}

/* ---- LSTM, five steps ---- */

enum { STEPS = 5, HIDDEN = 6 };

static void lstm_make(model *m)
{
    add_parameter(m, CT_SHAPE(3, 4 * HIDDEN), 0.5);
    add_parameter(m, CT_SHAPE(HIDDEN, 4 * HIDDEN), 0.5);
    add_parameter(m, CT_SHAPE(4 * HIDDEN), 0.1);
    add_parameter(m, CT_SHAPE(HIDDEN, 5), 0.5);
    add_parameter(m, CT_SHAPE(5), 0.1);
    add_parameter(m, CT_SHAPE(5, CLASSES), 0.5);
    m->x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(STEPS, BATCH, 3));
    m->mask = mask_like(CT_SHAPE(BATCH, 5));
}

static ct_tensor *gate(ct_tensor *gates, int i)
{
    return ct_slice(gates, 1, i * HIDDEN, (i + 1) * HIDDEN, 1);
}

static ct_tensor *lstm_loss(ct_tensor *const *p, const model *m)
{
    ct_tensor *h = ct_zeros(CT_FLOAT64, CT_SHAPE(BATCH, HIDDEN)), *c = h;
    for (int t = 0; t < STEPS; t++) {
        ct_tensor *gates = ct_add(ct_add(ct_matmul(ct_select(m->x, 0, t), p[0]), ct_matmul(h, p[1])), p[2]);
        ct_tensor *forget = t == 2 ? PLANT(SIGMOID, gate(gates, 1)) : ct_sigmoid(gate(gates, 1));
        c = ct_add(ct_mul(forget, c), ct_mul(ct_sigmoid(gate(gates, 0)), ct_tanh(gate(gates, 3))));
        h = ct_mul(ct_sigmoid(gate(gates, 2)), ct_tanh(c));
    }
    return ct_add(head(m, h, p[3], p[4], p[5]), ct_mul_scalar(ct_sum(PLANT(SQUARE, p[1])), 1e-4));
}

/* ---- a transformer block: attention over five tokens of eight features, and a gated layer ---- */

enum { TOKENS = 5, WIDTH = 8 };

static void transformer_make(model *m)
{
    for (int i = 0; i < 4; i++) /* queries, keys, values, output */
        add_parameter(m, CT_SHAPE(WIDTH, WIDTH), 0.3);
    for (int i = 0; i < 2; i++) {
        add_parameter(m, CT_SHAPE(WIDTH), 1);
        add_parameter(m, CT_SHAPE(WIDTH), 0.5);
    }
    add_parameter(m, CT_SHAPE(WIDTH, 2 * WIDTH), 0.3);
    add_parameter(m, CT_SHAPE(WIDTH, 2 * WIDTH), 0.3);
    add_parameter(m, CT_SHAPE(2 * WIDTH, WIDTH), 0.3);
    add_parameter(m, CT_SHAPE(WIDTH, 7), 0.3);
    add_parameter(m, CT_SHAPE(7), 0.1);
    add_parameter(m, CT_SHAPE(7, CLASSES), 0.3);
    add_parameter(m, CT_SHAPE(TOKENS, WIDTH), 0.3); /* positions */
    m->x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(BATCH, TOKENS, WIDTH));
    m->mask = mask_like(CT_SHAPE(BATCH, 7));
}

static ct_tensor *transformer_loss(ct_tensor *const *p, const model *m)
{
    ct_tensor *x = ct_add(m->x, p[14]), *h = layer_norm(x, p[4], p[5]);
    ct_tensor *q = ct_matmul(h, p[0]), *k = ct_matmul(h, p[1]), *v = ct_matmul(h, p[2]);
    ct_tensor *scores = ct_mul_scalar(ct_matmul(q, ct_transpose(k, 1, 2)), 1 / sqrt(WIDTH));
    ct_tensor *e = ct_exp(scores);
    ct_tensor *attention = ct_div(e, ct_sum(e, CT_AXES(-1), .keepdim = true));
    x = ct_add(x, ct_matmul(ct_matmul(attention, v), p[3]));
    h = layer_norm(x, p[6], p[7]);
    h = ct_mul(ct_matmul(h, p[8]), PLANT(SIGMOID, ct_matmul(h, p[9])));
    x = ct_add(x, ct_matmul(h, p[10]));
    return head(m, ct_mean(x, CT_AXES(1)), p[11], p[12], p[13]);
}

/* ---- the check ---- */

static ct_tensor *loss_of(ct_tensor *const *p, int n, void *user)
{
    const model *m = user;
    (void)n;
    planted_left = 1;
    return m->loss(p, m);
}

static ct_verdict check(model *m, int mistake, ct_gradcheck_report *report)
{
    planted = mistake;
    planted_line = -1;
    ct_scope_open();
    ct_seed(5);
    m->n = 0;
    m->make(m);
    m->labels = ct_randint(0, CLASSES, CT_SHAPE(BATCH, 1));
    ct_verdict verdict = ct_gradcheck_graph(loss_of, m, m->p, m->n, report, .mode = CT_FAST);
    if (ct_error_code() != CT_OK)
        printf("  %s\n", ct_error_message());
    ct_error_clear();
    ct_scope_close();
    return verdict;
}

static bool check_mistake(model *m, int mistake, ct_gradcheck_report *report)
{
    bool caught = check(m, mistake, report) == CT_FAIL;
    bool right = caught && strcmp(report->op, records[mistake].name) == 0 && report->file &&
                 strstr(report->file, "planted_models.c") && report->line == planted_line;
    printf("%-12s %-30s %-6s blamed '%s' at line %d, %s: %s\n", m->name, mistakes[mistake],
           caught ? "caught" : "missed", report->op, report->line, right ? "right" : "WRONG", report->cause);
    return right;
}

int main(void)
{
    model models[] = {
        {.name = "lenet5", .make = lenet_make, .loss = lenet_loss},
        {.name = "resnet", .make = resnet_make, .loss = resnet_loss},
        {.name = "lstm", .make = lstm_make, .loss = lstm_loss},
        {.name = "transformer", .make = transformer_make, .loss = transformer_loss},
    };
    int right = 0, total = 0, false_alarms = 0;
    ct_gradcheck_report report = {0};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        ct_verdict verdict = check(&models[i], NONE, &report);
        printf("%-12s %-30s %s, %lld nodes, %.2f s\n", models[i].name, "without a mistake", ct_verdict_name(verdict),
               (long long)report.nodes, report.seconds);
        if (!ct_verdict_good(verdict)) {
            false_alarms++;
            ct_gradcheck_print(&report, stdout);
        }
        for (int mistake = 0; mistake < MISTAKES; mistake++, total++)
            right += check_mistake(&models[i], mistake, &report);
    }
    ct_gradcheck_report_free(&report);
    printf("%d passed, %d failed\n", right, total - right + false_alarms);
    printf("%d of %d blamed right, %d false alarms in 4 models\n", right, total, false_alarms);
    return right >= total - 1 && false_alarms == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
