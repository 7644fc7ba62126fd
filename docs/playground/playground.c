/* What the page asks of the library: main() is the command cotan explain, and a small network is trained step by step.
 *
 * Invariant: what fails leaves its message for playground_error(), and the network as it was. */
#include "../cli/cli.h"
#include <emscripten.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    arguments given;
    return read_arguments(&explain_command, argc, argv, &given) ? explain_command.run(&given) : WRONG_USE;
}

/* ---- what there is to choose from: the page makes its lists of these ---- */

enum { MOST_POINTS = 200 };
#define PI 3.14159265358979323846

/* Point i of n: its place in the square from -1 to 1, and its class. */
typedef double make_point(int i, int n, double *at);

static double xor_point(int i, int n, double *at)
{
    (void)n;
    at[0] = i & 1 ? 0.5 : -0.5;
    at[1] = i & 2 ? 0.5 : -0.5;
    return (i & 1) != (i >> 1 & 1);
}

static double ring_point(int i, int n, double *at)
{
    double angle = 4 * PI * i / n, radius = i % 2 ? 0.8 : 0.3;
    at[0] = radius * cos(angle);
    at[1] = radius * sin(angle);
    return i % 2;
}

static double spiral_point(int i, int n, double *at)
{
    double radius = 0.1 + 0.8 * (i / 2) / (n / 2), angle = 5 * radius + (i % 2 ? PI : 0);
    at[0] = radius * cos(angle);
    at[1] = radius * sin(angle);
    return i % 2;
}

static const struct {
    const char *name;
    int n;
    make_point *make;
} sets[] = {{"XOR", 4, xor_point}, {"two rings", 80, ring_point}, {"two spirals", 120, spiral_point}};

static const struct {
    const char *name;
    ct_module *(*make)(ct_module *parent, const char *name);
} activations[] = {{"tanh", ct_tanh_new}, {"relu", ct_relu_new}, {"sigmoid", ct_sigmoid_new}, {"gelu", ct_gelu_new}};

static const struct {
    const char *name;
    const ct_optimizer_rule *rule;
    double momentum;
} rules[] = {{"adam", &ct_rule_adam, 0}, {"sgd with momentum", &ct_rule_sgd, 0.9}, {"sgd", &ct_rule_sgd, 0}};

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

/* Name i of list 0 (sets), 1 (activations) or 2 (rules); NULL behind the last. */
EMSCRIPTEN_KEEPALIVE const char *playground_choice(int list, int i)
{
    switch (list) {
    case 0:
        return i < COUNT(sets) ? sets[i].name : NULL;
    case 1:
        return i < COUNT(activations) ? activations[i].name : NULL;
    default:
        return i < COUNT(rules) ? rules[i].name : NULL;
    }
}

/* ---- the network that is trained ---- */

static struct {
    ct_module *net;
    ct_optimizer *optimizer;
    ct_tensor *x, *y;
    double points[3 * MOST_POINTS]; /* x, y and class of each */
    int n;
} now;
static char message[1024];

/* Whether all went well since; keeps what went wrong. */
static bool well(void)
{
    bool fine = ct_error_code() == CT_OK;
    snprintf(message, sizeof message, "%s", fine ? "" : ct_error_message());
    ct_error_clear();
    return fine;
}

EMSCRIPTEN_KEEPALIVE const char *playground_error(void)
{
    return message;
}

static void make_points(int set)
{
    double at[2 * MOST_POINTS], classes[MOST_POINTS];
    now.n = sets[set].n;
    for (int i = 0; i < now.n; i++) {
        classes[i] = sets[set].make(i, now.n, &at[2 * i]);
        memcpy(&now.points[3 * i], &at[2 * i], 2 * sizeof *at);
        now.points[3 * i + 2] = classes[i];
    }
    ct_release(now.x);
    ct_release(now.y);
    now.x = ct_keep(ct_from_values(CT_FLOAT64, at, 2 * now.n, CT_SHAPE(now.n, 2)));
    now.y = ct_keep(ct_from_values(CT_FLOAT64, classes, now.n, CT_SHAPE(now.n, 1)));
    ct_name(now.x, "points");
    ct_name(now.y, "classes");
}

static void make_net(int layers, int width, int activation)
{
    int64_t in = 2;
    ct_module_free(now.net);
    now.net = ct_module_new(CT_FLOAT64);
    for (int i = 0; i < layers; i++, in = width) {
        ct_linear_new(now.net, NULL, in, width);
        activations[activation].make(now.net, NULL);
    }
    ct_linear_new(now.net, NULL, in, 1);
}

/* A new network with so many hidden layers, of so many neurons each, that tells the two classes of a set of points apart. */
EMSCRIPTEN_KEEPALIVE bool playground_begin(int set, int layers, int width, int activation, int rule, double lr,
                                           int seed)
{
    ct_optimizer_free(now.optimizer);
    now.optimizer = NULL;
    ct_seed((uint64_t)seed);
    ct_scope_open();
    make_points(set);
    make_net(layers, width, activation);
    now.optimizer = rules[rule].momentum
                        ? ct_optimizer_new(now.net, rules[rule].rule, .lr = lr, .momentum = rules[rule].momentum)
                        : ct_optimizer_new(now.net, rules[rule].rule, .lr = lr);
    ct_scope_close();
    return well();
}

static ct_tensor *entropy(ct_tensor *output, ct_tensor *classes)
{
    return ct_binary_cross_entropy_with_logits(output, classes);
}

static ct_tensor *loss_of_net(void)
{
    return ct_name(entropy(ct_forward(now.net, now.x), now.y), "loss");
}

/* Takes so many steps; the loss before the last, NaN after an error. */
EMSCRIPTEN_KEEPALIVE double playground_train(int steps)
{
    double loss = NAN;
    for (int i = 0; i < steps && ct_error_code() == CT_OK; i++) {
        ct_scope_open();
        ct_optimizer_zero_grad(now.optimizer);
        ct_tensor *error = loss_of_net();
        ct_backward(error);
        ct_optimizer_step(now.optimizer);
        loss = ct_item(error);
        ct_scope_close();
    }
    return well() ? loss : NAN;
}

/* How probable class 1 is at side x side points of the square from -1 to 1, the top row first; NULL after an error. */
EMSCRIPTEN_KEEPALIVE const double *playground_plane(int side)
{
    static double *values;
    double *room = realloc(values, sizeof *values * (size_t)side * (size_t)side);
    if (!room)
        return NULL;
    values = room;
    ct_scope_open();
    ct_no_grad_begin();
    ct_tensor *line = ct_arange(CT_FLOAT64, -1, 2. / (side - 1), side);
    ct_tensor *x = ct_expand(line, CT_SHAPE(side, side));
    ct_tensor *y = ct_expand(ct_unsqueeze(ct_neg(line), 1), CT_SHAPE(side, side));
    ct_tensor *at = ct_reshape(ct_stack(CT_TENSORS(x, y), 2), CT_SHAPE(-1, 2));
    ct_to_values(ct_sigmoid(ct_forward(now.net, at)), values, (int64_t)side * side);
    ct_no_grad_end();
    ct_scope_close();
    return well() ? values : NULL;
}

EMSCRIPTEN_KEEPALIVE const double *playground_points(void)
{
    return now.points;
}

EMSCRIPTEN_KEEPALIVE int playground_count(void)
{
    return now.n;
}

/* Writes the page of one training step, the update with it, which is taken. */
EMSCRIPTEN_KEEPALIVE bool playground_page(const char *path)
{
    ct_scope_open();
    if (ct_trace_begin() == CT_OK) {
        ct_optimizer_zero_grad(now.optimizer);
        ct_backward(loss_of_net());
        ct_optimizer_step(now.optimizer);
        ct_trace_log *trace = ct_trace_end();
        ct_trace_write(trace, path, .title = "One training step", .source = false);
        ct_trace_free(trace);
    }
    ct_scope_close();
    return well();
}

/* ---- its gradients, measured ---- */

/* What the gradient checker says of every parameter; NULL after an error. */
EMSCRIPTEN_KEEPALIVE const char *playground_check(void)
{
    static char *words;
    size_t size;
    free(words);
    FILE *stream = open_memstream(&words, &size);
    if (!stream)
        return NULL;
    ct_gradcheck_report report = {0};
    ct_gradcheck_model(ct_module_forward, now.net, now.net, now.x, now.y, entropy, &report);
    ct_gradcheck_print(&report, stream);
    ct_gradcheck_report_free(&report);
    fclose(stream);
    return well() ? words : NULL;
}
