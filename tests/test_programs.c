/* The first steps of programs of docs/examples against the same in PyTorch (tests/make_example_reference.py): weights, data and
 * losses. A wrong gradient, second derivative or step shows from the second loss on. */
#include "suites.h"
#include "training_checks.h"
#include <math.h>

enum { STEPS = 5, MOST = 8 };
static const double pi = 3.14159265358979323846;

/* A program that is repeated: its tensors in the file, and its model with PyTorch's first weights. */
typedef struct program {
    const char *name;
    ct_tensor_file *file;
    ct_module *net;
} program;

static ct_tensor *given(const program *p, const char *name)
{
    char full[100];
    snprintf(full, sizeof full, "%s.%s", p->name, name);
    ct_tensor *t = ct_tensor_file_get(p->file, full);
    ck_assert_msg(t != NULL, "the file has no %s", full);
    return t;
}

static program begin(const char *name)
{
    program p = {name, ct_safetensors_load(TEST_DATA "/example_reference.safetensors"), ct_module_new(CT_FLOAT64)};
    return p;
}

static void take_weights(const program *p)
{
    for (int64_t i = 0; i < ct_module_count(p->net); i++)
        ck_assert_int_eq(ct_copy_(ct_module_tensor(p->net, i), given(p, ct_module_name(p->net, i))), CT_OK);
}

/* Trains by the optimiser, and ends the program. */
static void expect_losses(program *p, ct_optimizer *optimizer, ct_tensor *(*loss)(const program *))
{
    const double *want = ct_data(given(p, "losses"));
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(optimizer);
        ct_tensor *value = loss(p);
        ck_assert_msg(value && ct_backward(value) == CT_OK, "%s", ct_error_message());
        ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
        double have = ct_item(value);
        ck_assert_msg(fabs(have - want[step]) <= 1e-10 * want[step], "%s, step %d: the loss is %.15g, not %.15g",
                      p->name, step, have, want[step]);
        close_good_scope();
    }
    ct_optimizer_free(optimizer);
    ct_module_free(p->net);
    ct_tensor_file_free(p->file);
}

static ct_tensor *logistic_loss(const program *p)
{
    ct_tensor *y = ct_squeeze(ct_forward(p->net, given(p, "x")), 1);
    return ct_binary_cross_entropy_with_logits(y, ct_cast(given(p, "y"), CT_FLOAT64));
}

START_TEST(logistic_regression_is_pytorchs)
{
    program p = begin("logistic");
    ct_linear_new(p.net, NULL, 30, 1);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_sgd, .lr = 0.5, .weight_decay = 1e-3), logistic_loss);
}
END_TEST

static void make_tanh_net(ct_module *net)
{
    ct_linear_new(net, NULL, 1, 16);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 16, 16);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 16, 1);
}

static ct_tensor *slope(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *sum = ct_sum(y), *result = NULL;
    ct_grad(&sum, 1, &x, 1, &result, .create_graph = true);
    return result;
}

static ct_tensor *pinn_loss(const program *p)
{
    ct_tensor *x = ct_reshape(ct_div(ct_arange(CT_FLOAT64, 0, 1, 32), ct_scalar(CT_FLOAT64, 31)), CT_SHAPE(32, 1));
    x = ct_set_requires_grad(ct_detach(x), true);
    ct_tensor *u = ct_forward(p->net, x), *first = slope(u, x);
    ct_tensor *equation = ct_mean(ct_square(ct_add(slope(first, x), ct_mul_scalar(u, pi * pi))));
    ct_tensor *at_0 = ct_square(ct_slice(u, 0, 0, 1, 1)),
              *rise = ct_square(ct_add_scalar(ct_slice(first, 0, 0, 1, 1), -pi));
    return ct_add(equation, ct_mul_scalar(ct_sum(ct_add(at_0, rise)), 10));
}

START_TEST(pinn_is_pytorchs)
{
    program p = begin("pinn");
    make_tanh_net(p.net);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 1e-2), pinn_loss);
}
END_TEST

static ct_tensor *sine_loss(const program *p, const char *points, int64_t task)
{
    ct_tensor *x = ct_select(given(p, points), 0, task), *t = ct_select(given(p, "tasks"), 0, task);
    ct_tensor *y = ct_mul(ct_select(t, 0, 0), ct_sin(ct_sub(x, ct_select(t, 0, 1))));
    return ct_mse_loss(ct_forward(p->net, x), y);
}

static ct_tensor *adapted_loss(const program *p, int64_t task)
{
    ct_tensor *own[MOST], *gradients[MOST], *adapted[MOST], *before = sine_loss(p, "before", task);
    int n = (int)ct_module_count(p->net);
    for (int i = 0; i < n; i++)
        own[i] = ct_module_tensor(p->net, i);
    ck_assert_int_eq(ct_grad(&before, 1, own, n, gradients, .create_graph = true), CT_OK);
    for (int i = 0; i < n; i++)
        adapted[i] = ct_sub(own[i], ct_mul_scalar(gradients[i], 0.02));
    ck_assert_int_eq(ct_module_exchange(p->net, adapted, n), CT_OK);
    ct_tensor *after = sine_loss(p, "after", task);
    ck_assert_int_eq(ct_module_exchange(p->net, adapted, n), CT_OK);
    return after;
}

static ct_tensor *maml_loss(const program *p)
{
    return ct_mul_scalar(ct_add(adapted_loss(p, 0), adapted_loss(p, 1)), 0.5);
}

START_TEST(maml_is_pytorchs)
{
    program p = begin("maml");
    ct_linear_new(p.net, NULL, 1, 40);
    ct_relu_new(p.net, NULL);
    ct_linear_new(p.net, NULL, 40, 40);
    ct_relu_new(p.net, NULL);
    ct_linear_new(p.net, NULL, 40, 1);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 3e-3), maml_loss);
}
END_TEST

static ct_tensor *char_lstm_loss(const program *p)
{
    ct_tensor *text = given(p, "text"), *before = ct_contiguous(ct_slice(text, 1, 0, -1, 1));
    return ct_cross_entropy(ct_flatten(ct_forward(p->net, before), 0, 1),
                            ct_flatten(ct_slice(text, 1, 1, 10, 1), 0, 1));
}

START_TEST(char_lstm_is_pytorchs)
{
    program p = begin("char_lstm");
    ct_embedding_new(p.net, "embedding", 11, 8);
    ct_lstm_new(p.net, "lstm", 8, 12, .batch_first = true);
    ct_linear_new(p.net, "out", 12, 11);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 1e-2), char_lstm_loss);
}
END_TEST

static ct_tensor *svm_loss(const program *p)
{
    return ct_mul_scalar(ct_multi_margin_loss(ct_forward(p->net, given(p, "x")), given(p, "y")), 10);
}

START_TEST(svm_is_pytorchs)
{
    program p = begin("svm");
    ct_linear_new(p.net, NULL, 64, 10);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_sgd, .lr = 0.02, .weight_decay = 1e-3), svm_loss);
}
END_TEST

static ct_tensor *gcn_loss(const program *p)
{
    ct_tensor *graph = given(p, "graph"), *root = ct_rsqrt(ct_sum(graph, CT_AXES(1)));
    ct_tensor *propagation = ct_mul(ct_mul(graph, root), ct_unsqueeze(root, 1));
    ct_tensor *h = ct_forward(ct_module_find(p->net, "0"), ct_eye(CT_FLOAT64, ct_size(graph, 0)));
    h = ct_forward(ct_module_find(p->net, "1"), ct_tanh(ct_matmul(propagation, h)));
    return ct_cross_entropy(ct_matmul(propagation, h), given(p, "y"));
}

START_TEST(gcn_is_pytorchs)
{
    program p = begin("gcn");
    ct_linear_new(p.net, NULL, 12, 8, .no_bias = true);
    ct_linear_new(p.net, NULL, 8, 2, .no_bias = true);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 0.01, .weight_decay = 5e-4), gcn_loss);
}
END_TEST

static ct_tensor *autoencoder_loss(const program *p)
{
    return ct_mse_loss(ct_forward(p->net, given(p, "x")), given(p, "x"));
}

START_TEST(autoencoder_is_pytorchs)
{
    program p = begin("autoencoder");
    ct_linear_new(p.net, NULL, 64, 16);
    ct_gelu_new(p.net, NULL);
    ct_linear_new(p.net, NULL, 16, 8);
    ct_linear_new(p.net, NULL, 8, 16);
    ct_gelu_new(p.net, NULL);
    ct_linear_new(p.net, NULL, 16, 64);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 3e-3), autoencoder_loss);
}
END_TEST

static ct_tensor *class_loss(const program *p)
{
    return ct_cross_entropy(ct_forward(p->net, given(p, "x")), given(p, "y"));
}

static void make_small_cnn(ct_module *net)
{
    static const int64_t channels[] = {1, 4, 4, 6, 6};
    for (int i = 0; i < 4; i++) {
        ct_conv2d_new(net, NULL, channels[i], channels[i + 1], 3, .padding = 1, .no_bias = true);
        ct_batch_norm_new(net, NULL, channels[i + 1]);
        ct_relu_new(net, NULL);
        if (i % 2 == 1)
            ct_max_pool2d_new(net, NULL, 2);
    }
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 6 * 2 * 2, 16);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 16, 10);
}

START_TEST(small_cnn_is_pytorchs)
{
    program p = begin("small_cnn");
    make_small_cnn(p.net);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adamw, .lr = 2e-3, .weight_decay = 0.01), class_loss);
}
END_TEST

START_TEST(schedules_is_pytorchs)
{
    program p = begin("schedules");
    ct_linear_new(p.net, NULL, 16, 8);
    ct_tanh_new(p.net, NULL);
    ct_linear_new(p.net, NULL, 8, 10);
    take_weights(&p);
    ct_optimizer *sgd = ct_optimizer_new(p.net, &ct_rule_sgd, .lr = 0.3, .momentum = 0.9);
    ck_assert_int_eq(ct_optimizer_schedule(sgd, CT_SCHEDULE_COSINE(0), .steps = STEPS), CT_OK);
    expect_losses(&p, sgd, class_loss);
}
END_TEST

static ct_tensor *reinforce_loss(const program *p)
{
    ct_tensor *here = ct_index_select(ct_module_get(p->net, "logits"), 0, given(p, "place"));
    ct_tensor *minus_log = ct_cross_entropy(here, given(p, "move"), .reduction = CT_NONE);
    return ct_mul_scalar(ct_sum(ct_mul(minus_log, given(p, "advantage"))), 1. / 64);
}

START_TEST(reinforce_is_pytorchs)
{
    program p = begin("reinforce");
    ct_module_add(p.net, "logits", &ct_init_zeros, CT_SHAPE(25, 4));
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 0.1), reinforce_loss);
}
END_TEST

/* What comes next in tokens [n,t] by logits [n,t-1,classes]. */
static ct_tensor *next_loss(ct_tensor *logits, ct_tensor *tokens)
{
    return ct_cross_entropy(ct_flatten(logits, 0, 1), ct_flatten(ct_slice(tokens, 1, 1, CT_END, 1), 0, 1));
}

static void make_translator(ct_module *net)
{
    ct_embedding_new(net, "embedding", 11, 4);
    ct_gru_new(net, "encoder", 4, 4, .batch_first = true, .bidirectional = true);
    ct_gru_new(net, "decoder", 4, 8, .batch_first = true);
    ct_multihead_attention_new(net, "attention", 8, 1, .batch_first = true);
    ct_module *out = ct_sequential_new(net, "out");
    ct_linear_new(out, NULL, 16, 8);
    ct_tanh_new(out, NULL);
    ct_linear_new(out, NULL, 8, 11);
}

static ct_tensor *part_of(const program *p, const char *name, ct_tensor *x)
{
    return ct_forward(ct_module_find(p->net, name), x);
}

static ct_tensor *seq2seq_loss(const program *p)
{
    ct_tensor *written = given(p, "written"), *before = ct_contiguous(ct_slice(written, 1, 0, -1, 1));
    ct_tensor *read = part_of(p, "encoder", part_of(p, "embedding", given(p, "text")));
    ct_tensor *state = part_of(p, "decoder", part_of(p, "embedding", before));
    ct_tensor *seen = ct_multihead_attention_forward(ct_module_find(p->net, "attention"), state, read, read);
    ct_tensor *both[] = {state, seen};
    return next_loss(part_of(p, "out", ct_concat(both, 2, 2)), written);
}

START_TEST(seq2seq_is_pytorchs)
{
    program p = begin("seq2seq");
    make_translator(p.net);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adam, .lr = 5e-3), seq2seq_loss);
}
END_TEST

static ct_tensor *gpt_loss(const program *p)
{
    ct_tensor *text = given(p, "text");
    return next_loss(part_of(p, "net", ct_contiguous(ct_slice(text, 1, 0, -1, 1))), text);
}

START_TEST(gpt_is_pytorchs)
{
    program p = begin("gpt");
    ct_gpt2_new(p.net, "net", 11, .context = 9, .width = 8, .heads = 2, .blocks = 2, .dropout = 0);
    take_weights(&p);
    expect_losses(&p, ct_optimizer_new(p.net, &ct_rule_adamw, .lr = 3e-3, .weight_decay = 0.01), gpt_loss);
}
END_TEST

Suite *ct_suite_programs(void)
{
    Suite *suite = suite_create("programs");
    TCase *t = case_without_error("PyTorch");
    tcase_add_test(t, logistic_regression_is_pytorchs);
    tcase_add_test(t, pinn_is_pytorchs);
    tcase_add_test(t, maml_is_pytorchs);
    tcase_add_test(t, char_lstm_is_pytorchs);
    tcase_add_test(t, svm_is_pytorchs);
    tcase_add_test(t, gcn_is_pytorchs);
    tcase_add_test(t, autoencoder_is_pytorchs);
    tcase_add_test(t, small_cnn_is_pytorchs);
    tcase_add_test(t, schedules_is_pytorchs);
    tcase_add_test(t, reinforce_is_pytorchs);
    tcase_add_test(t, seq2seq_is_pytorchs);
    tcase_add_test(t, gpt_is_pytorchs);
    suite_add_tcase(suite, t);
    return suite;
}
