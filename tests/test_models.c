/* Whole models: state dicts that PyTorch wrote, summaries, freezing, training and evaluation in ct_fit() and ct_evaluate(), and the
 * gradient check.
 *
 * Invariant: logits that are expected are PyTorch's (make_model_reference.py). */
#include <cotan/cotan.h>
#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ResNet-18 ---- */

typedef struct basic_block {
    int64_t in, out, stride;
    ct_module *conv1, *bn1, *conv2, *bn2, *downsample;
} basic_block;

static void build_basic_block(ct_module *m)
{
    basic_block *b = ct_module_self(m);
    b->conv1 = ct_conv2d_new(m, "conv1", b->in, b->out, 3, .stride = b->stride, .padding = 1, .no_bias = true);
    b->bn1 = ct_batch_norm_new(m, "bn1", b->out);
    b->conv2 = ct_conv2d_new(m, "conv2", b->out, b->out, 3, .padding = 1, .no_bias = true);
    b->bn2 = ct_batch_norm_new(m, "bn2", b->out);
    if (b->stride == 1 && b->in == b->out)
        return;
    b->downsample = ct_sequential_new(m, "downsample");
    ct_conv2d_new(b->downsample, NULL, b->in, b->out, 1, .stride = b->stride, .no_bias = true);
    ct_batch_norm_new(b->downsample, NULL, b->out);
}

static ct_tensor *basic_block_forward(ct_module *m, ct_tensor *x)
{
    basic_block *b = ct_module_self(m);
    ct_tensor *y = ct_relu(ct_forward(b->bn1, ct_forward(b->conv1, x)));
    y = ct_forward(b->bn2, ct_forward(b->conv2, y));
    return ct_relu(ct_add(y, b->downsample ? ct_forward(b->downsample, x) : x));
}

static const ct_layer basic_block_layer = {"basic_block", sizeof(basic_block), build_basic_block, basic_block_forward};

static ct_module *resnet18(void)
{
    static const int64_t widths[] = {4, 4, 6, 8};
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_conv2d_new(net, "conv1", 3, 4, 7, .stride = 2, .padding = 3, .no_bias = true);
    ct_batch_norm_new(net, "bn1", 4);
    ct_relu_new(net, "relu");
    ct_max_pool2d_new(net, "maxpool", 3, .stride = 2, .padding = 1);
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "layer%d", i + 1);
        ct_module *stage = ct_sequential_new(net, name);
        basic_block first = {.in = widths[i > 0 ? i - 1 : 0], .out = widths[i], .stride = i > 0 ? 2 : 1};
        ct_layer_new(stage, NULL, &basic_block_layer, &first);
        ct_layer_new(stage, NULL, &basic_block_layer, &(basic_block){.in = widths[i], .out = widths[i], .stride = 1});
    }
    ct_adaptive_avg_pool2d_new(net, "avgpool", 1, 1);
    ct_flatten_new(net, "flatten", 1, -1);
    ct_linear_new(net, "fc", 8, 5);
    expect_no_error();
    return net;
}

/* The file's tensor of that name, kept. */
static ct_tensor *from_file(const char *path, const char *name)
{
    ct_tensor_file *file = ct_safetensors_load(path);
    ct_tensor *t = ct_clone(ct_tensor_file_get(file, name));
    ct_tensor_file_free(file);
    expect_no_error();
    return t;
}

START_TEST(resnet18_of_pytorch_gives_the_same_logits)
{
    static const char path[] = TEST_DATA "/resnet18.safetensors";
    ct_module *net = resnet18();
    ct_module_load(net, path);
    expect_failure(CT_ERROR_FORMAT, "has a tensor \"input\" that the module has not");
    ck_assert_int_eq(ct_module_load(net, path, .partial = true), CT_OK);
    ck_assert_str_eq(ct_module_load_report(net), "unexpected input\nunexpected logits\n");
    ct_module_train(net, false);
    expect_close(ct_forward(net, from_file(path, "input")), from_file(path, "logits"), 1e-5);
    ck_assert_int_eq(ct_module_parameters(net), 62); /* as len(list(resnet18().parameters())) */
    ct_module_free(net);
}
END_TEST

/* What is saved has PyTorch's names and values, so that its load_state_dict() takes it. */
START_TEST(what_is_saved_is_what_pytorch_had)
{
    ct_module *net = resnet18();
    ct_module_load(net, TEST_DATA "/resnet18.safetensors", .partial = true);
    ck_assert_int_eq(ct_module_save(net, "saved.safetensors"), CT_OK);
    ct_tensor_file *saved = ct_safetensors_load("saved.safetensors"),
                   *given = ct_safetensors_load(TEST_DATA "/resnet18.safetensors");
    ck_assert_int_eq(ct_tensor_file_count(saved), 62 + 2 * 20); /* and two running statistics of 20 batch norms */
    for (int64_t i = 0; i < ct_tensor_file_count(saved); i++) {
        ct_tensor *t = ct_tensor_file_get(given, ct_tensor_file_name(saved, i));
        ck_assert_msg(t != NULL, "%s", ct_tensor_file_name(saved, i));
        expect_close(ct_tensor_file_get(saved, ct_tensor_file_name(saved, i)), t, 0);
    }
    ct_tensor_file_free(saved);
    ct_tensor_file_free(given);
    ct_module_free(net);
    unlink("saved.safetensors");
}
END_TEST

/* ---- GPT-2 ---- */

static ct_module *small_gpt2(ct_module *root)
{
    return ct_gpt2_new(root, "gpt", 11, .context = 7, .width = 8, .heads = 2, .blocks = 2);
}

START_TEST(gpt2_of_pytorch_gives_the_same_logits)
{
    static const char path[] = TEST_DATA "/gpt2.safetensors"; /* bfloat16 */
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = small_gpt2(root);
    ct_module_train(root, false);
    expect_no_error();
    ck_assert_int_eq(ct_module_load(gpt, path, .partial = true, CT_RENAME("transformer.*", "*")), CT_OK);
    ck_assert_str_eq(ct_module_load_report(gpt), "unexpected input\nunexpected logits\n");
    expect_close(ct_forward(gpt, from_file(path, "input")), from_file(path, "logits"), 1e-5);
    ct_module_free(root);
}
END_TEST

/* As published; no element is drawn, so that the memory is never touched. */
START_TEST(gpt2_has_its_parameters)
{
    ct_module *root = ct_module_new(CT_FLOAT32);
    ct_gpt2_new(root, "gpt", 50257, .weight = &ct_init_empty);
    expect_no_error();
    ck_assert_int_eq(ct_module_numel(root), 124439808);
    ct_module_free(root);
}
END_TEST

static ct_tensor *next_loss(ct_tensor *logits, ct_tensor *next)
{
    return ct_cross_entropy(ct_flatten(logits, 0, 1), ct_flatten(next, 0, 1));
}

/* What follows a token has no part in what is said of it; dropout is there in training alone; gradients are right. */
/* 0.02, and of what is added to the rest 0.02 / sqrt(2 blocks), as the paper says; to 4 of its own deviations. */
START_TEST(gpt2_draws_its_weights)
{
    ct_module *root = ct_module_new(CT_FLOAT64);
    ct_gpt2_new(root, "gpt", 11, .context = 7, .width = 64, .heads = 2, .blocks = 8);
    static const char *const names[] = {"gpt.h.0.attn.c_attn.weight", "gpt.h.7.attn.c_proj.weight",
                                        "gpt.h.3.mlp.c_proj.weight"};
    for (int i = 0; i < 3; i++) {
        ct_tensor *weight = ct_module_get(root, names[i]);
        double wanted = i == 0 ? 0.02 : 0.005, got = sqrt(ct_item(ct_mean(ct_square(weight))));
        ck_assert_msg(fabs(got / wanted - 1) < 4 / sqrt(2 * (double)ct_numel(weight)), "%s: %g", names[i], got);
    }
    ct_module_free(root);
}
END_TEST

START_TEST(gpt2_sees_what_came_before)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = small_gpt2(root);
    ct_tensor *tokens = ct_randint(0, 10, CT_SHAPE(2, 7));
    ct_tensor *changed = ct_clone(tokens), *last = ct_slice(changed, 1, 5, CT_END, 1);
    ct_copy_(last, ct_add(last, ct_scalar(CT_INT64, 1)));
    ct_tensor *noisy = ct_forward(gpt, tokens);
    ct_module_train(root, false);
    ct_tensor *a = ct_forward(gpt, tokens), *b = ct_forward(gpt, changed), *difference = ct_abs(ct_sub(a, b));
    expect_no_error();
    ck_assert_double_eq(ct_item(ct_amax(ct_slice(difference, 1, 0, 5, 1))), 0);
    ck_assert(ct_item(ct_amin(ct_amax(ct_slice(difference, 1, 5, 7, 1), CT_AXES(2)))) > 0);
    ck_assert(ct_item(ct_amax(ct_abs(ct_sub(a, noisy)))) > 1e-4);
    ck_assert_int_eq(
        ct_gradcheck_model(ct_module_forward, gpt, root, tokens, changed, next_loss, NULL, .mode = CT_FAST), CT_PASS);
    ct_module_free(root);
}
END_TEST

START_TEST(gpt2_refuses)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *gpt = small_gpt2(root);
    ck_assert_ptr_null(ct_forward(gpt, ct_zeros(CT_INT64, CT_SHAPE(1, 8))));
    expect_failure(CT_ERROR_SHAPE, "gpt2: takes tokens [n,t], t up to 7, not [1,8]");
    ck_assert_ptr_null(ct_forward(gpt, ct_zeros(CT_INT64, CT_SHAPE(8))));
    expect_failure(CT_ERROR_SHAPE, "not [8]");
    ck_assert_ptr_null(ct_forward(gpt, NULL));
    ct_error_clear();
    ck_assert_ptr_null(ct_gpt2_new(root, "odd", 11, .width = 9, .heads = 2));
    expect_failure(CT_ERROR_ARGUMENT, "2 heads for a width of 9");
    ck_assert_ptr_null(ct_gpt2_new(root, "none", 0));
    expect_failure(CT_ERROR_ARGUMENT, "gpt2_new: 0 tokens, a context of 1024, 12 blocks");
    ck_assert_ptr_null(ct_gpt2_new(root, "high", 11, .blocks = INT64_MAX));
    expect_failure(CT_ERROR_ARGUMENT, "9223372036854775807 blocks");
    ck_assert_ptr_null(ct_gpt2_new(NULL, "nowhere", 11));
    expect_failure(CT_ERROR_NULL, "");
    ck_assert_int_eq(ct_size(ct_forward(gpt, ct_zeros(CT_INT64, CT_SHAPE(0, 3))), 0), 0);
    expect_no_error();
    ct_module_free(root);
}
END_TEST

/* ---- loading ---- */

START_TEST(loads_say_what_did_not_fit)
{
    ct_module *a = ct_module_new(CT_FLOAT32), *b = ct_module_new(CT_FLOAT64);
    ct_linear_new(a, "one", 2, 3);
    ct_linear_new(a, "two", 3, 2);
    ct_linear_new(b, "uno", 2, 3);
    ck_assert_int_eq(ct_module_save(a, "loads.safetensors"), CT_OK);
    ct_module_load(b, "loads.safetensors", .partial = true, CT_RENAME("one.*", "uno.*"));
    expect_failure(CT_ERROR_DTYPE, "\"uno.weight\" is float32 in loads.safetensors, but float64 in the module");
    ck_assert_int_eq(ct_module_load(b, "loads.safetensors", .partial = true, .cast = true, CT_RENAME("one.*", "uno.*")),
                     CT_OK);
    ck_assert_str_eq(ct_module_load_report(b), "unexpected two.weight\nunexpected two.bias\n");
    expect_close(ct_cast(ct_module_get(b, "uno.weight"), CT_FLOAT32), ct_module_get(a, "one.weight"), 0);
    ct_module_load(b, "loads.safetensors", .cast = true, CT_RENAME("one.*", "uno.*", "two.bias", "uno.bias"));
    expect_failure(CT_ERROR_FORMAT, "two tensors for \"uno.bias\", the second is \"two.bias\"");
    ct_linear_new(b, "two", 3, 3);
    ct_module_load(b, "loads.safetensors", .partial = true, .cast = true);
    expect_failure(CT_ERROR_SHAPE, "\"two.weight\" is [2,3] in loads.safetensors, but [3,3] in the module");
    ct_module_free(a);
    ct_module_free(b);
    unlink("loads.safetensors");
}
END_TEST

START_TEST(what_is_frozen_stays)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_linear_new(m, "body", 2, 2);
    ct_linear_new(m, "head", 2, 1);
    ck_assert_int_eq(ct_module_requires_grad_(m, "body.*", false), CT_OK);
    ct_tensor *body = ct_module_get(m, "body.weight"), *head = ct_module_get(m, "head.weight");
    ct_tensor *body_before = ct_clone(body), *head_before = ct_clone(head);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.1, .weight_decay = 0.1);
    ct_backward(ct_sum(ct_forward(m, ct_ones(CT_FLOAT32, CT_SHAPE(1, 2)))));
    ct_optimizer_step(sgd);
    expect_no_error();
    expect_close(body, body_before, 0);
    ck_assert(ct_item(ct_sum(ct_abs(ct_sub(head, ct_detach(head_before))))) > 1e-3);
    ct_module_requires_grad_(m, "*.weight", true);
    ck_assert(ct_requires_grad(body) && !ct_requires_grad(ct_module_get(m, "body.bias")));
    ct_module_requires_grad_(m, "tail.*", true);
    expect_failure(CT_ERROR_ARGUMENT, "no parameter is called \"tail.*\"");
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* ---- the summary ---- */

START_TEST(summaries_are_tables)
{
    ct_module *net = ct_module_new(CT_FLOAT32), *features = ct_sequential_new(net, "features");
    ct_conv2d_new(features, NULL, 1, 8, 3, .padding = 1);
    ct_batch_norm_new(features, NULL, 8);
    ct_flatten_new(net, "flatten", 1, -1);
    ct_linear_new(net, "fc", 8 * 4 * 4, 100);
    ct_module_requires_grad_(net, "features.0.*", false);
    char text[2048], again[2048];
    size_t length = ct_module_summary_text(net, text, sizeof text, .input = ct_ones(CT_FLOAT32, CT_SHAPE(2, 1, 4, 4)));
    expect_no_error();
    ck_assert_str_eq(text, "layer (kind)             result                   parameters\n"
                           "------------------------------------------------------------\n"
                           "features.0 (conv2d)      [2,8,4,4]                        80\n"
                           "features.1 (batch_norm)  [2,8,4,4]                        16\n"
                           "flatten (flatten)        [2,128]                           0\n"
                           "fc (linear)              [2,100]                      12,900\n"
                           "------------------------------------------------------------\n"
                           "parameters                                            12,996\n"
                           "trained                                               12,916\n"
                           "frozen                                                    80\n"
                           "in buffers                                                16\n");
    ck_assert_int_eq(length, strlen(text));
    ck_assert(ct_item(ct_sum(ct_module_get(net, "features.1.running_mean"))) == 0); /* in evaluation */
    FILE *stream = tmpfile();
    ck_assert_int_eq(ct_module_summary(features, stream), CT_OK); /* of a part, without an input */
    rewind(stream);
    again[fread(again, 1, sizeof again - 1, stream)] = 0;
    fclose(stream);
    ck_assert_msg(strstr(again, "\n0 (conv2d)                                       80\n") != NULL, "%s", again);
    ck_assert_int_eq(ct_module_summary_text(net, text, 5, .input = ct_ones(CT_FLOAT32, CT_SHAPE(2, 2, 4, 4))), 0);
    expect_failure(CT_ERROR_SHAPE, "features.0: conv2d");
    ck_assert_int_eq(ct_module_summary(net, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "the stream is NULL");
    ct_module_free(net);
}
END_TEST

/* ---- training and evaluation ---- */

/* What its calls were told. */
typedef struct spy {
    ct_module *net;
    int training, evaluation;
} spy;

static ct_tensor *watched(void *model, ct_tensor *x)
{
    spy *s = model;
    (*(ct_module_training(s->net) ? &s->training : &s->evaluation))++;
    return ct_forward(s->net, x);
}

START_TEST(fit_trains_and_evaluate_evaluates)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, "fc", 2, 2);
    ct_module *frozen = ct_dropout_new(net, "drop", 0.5);
    spy s = {.net = net};
    ct_dataset *data = ct_dataset_new(ct_ones(CT_FLOAT32, CT_SHAPE(4, 2)), ct_zeros(CT_INT64, CT_SHAPE(4)));
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd);
    ct_evaluation result;
    ck_assert_int_eq(ct_evaluate(watched, &s, data, &result), CT_OK);
    ck_assert(s.training == 0 && s.evaluation == 1 && ct_module_training(net));
    ct_module_train(net, false);
    ck_assert_int_eq(ct_fit(watched, &s, sgd, data, .batch_size = 2), CT_OK);
    ck_assert(s.training == 2 && s.evaluation == 1 && !ct_module_training(net));
    ct_module_train(net, true);
    ct_module_train(frozen, false);
    ck_assert_int_eq(ct_fit(watched, &s, sgd, data), CT_OK);
    ck_assert(s.training == 3 && !ct_module_training(frozen) && ct_module_training(net));
    ct_optimizer_free(sgd);
    ct_dataset_free(data);
    ct_module_free(net);
}
END_TEST

/* ---- the gradient check ---- */

/* tanh, with a gradient that is a tenth too large. */
static ct_status like_input(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status bad_forward(ct_call *call)
{
    return ct_copy_(ct_call_output(call, 0), ct_tanh(ct_call_input(call, 0)));
}

static ct_status bad_backward(ct_call *call)
{
    ct_tensor *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *slope = ct_mul_scalar(ct_add_scalar(ct_neg(ct_square(y)), 1), 1.1);
    return ct_call_set_grad(call, 0, ct_mul(g, slope));
}

static const ct_op bad_tanh_op = {
    .name = "bad_tanh",
    .gradient = "1.1 g (1 - y^2)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_OUTPUT(0),
    .infer = like_input,
    .forward = bad_forward,
    .backward = bad_backward,
};

static ct_tensor *bad_tanh(ct_module *m, ct_tensor *x)
{
    return ct_apply(&bad_tanh_op, CT_TENSORS(ct_mul(x, ct_module_get(m, "weight"))), NULL);
}

static void build_bad_tanh(ct_module *m)
{
    ct_module_add(m, "weight", &ct_init_ones, CT_SHAPE(3));
}

static const ct_layer bad_tanh_layer = {.name = "bad_tanh", .build = build_bad_tanh, .forward = bad_tanh};

START_TEST(the_culprit_has_a_parameter_a_layer_an_operation_and_a_line)
{
    ct_module *net = ct_module_new(CT_FLOAT32), *block = ct_sequential_new(net, "block");
    ct_linear_new(block, "fc", 2, 3);
    ct_layer_new(block, "act", &bad_tanh_layer, NULL);
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(4, 2)),
              *y = ct_from_values(CT_INT64, CT_VALUES(0, 1, 2, 0), CT_SHAPE(4));
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_model(ct_module_forward, net, net, x, y, NULL, &report);
    expect_no_error();
    ck_assert_msg(verdict == CT_FAIL, "%s", ct_verdict_name(verdict));
    ck_assert_str_eq(report.op, "bad_tanh");
    ck_assert_str_eq(report.region, "block.act");
    ck_assert(strstr(report.file, "test_models.c") && report.line > 0);
    ck_assert_msg(report.parameter && strncmp(report.parameter, "block.", 6) == 0, "%s", report.parameter);
    char text[8192] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    ct_gradcheck_print(&report, stream);
    fclose(stream);
    ck_assert_msg(strstr(text, "culprit: operation 'bad_tanh', ") && strstr(text, ", parameter block."), "%s", text);
    ct_gradcheck_report_free(&report);
    ct_module_free(net);
}
END_TEST

/* Batch norm's running statistics, float32 in the module, and dropout; all stays as it was. */
START_TEST(checks_put_everything_back)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, "fc", 3, 4);
    ct_batch_norm_new(net, "bn", 4);
    ct_dropout_new(net, "drop", 0.25);
    ct_tanh_new(net, "tanh");
    ct_linear_new(net, "out", 4, 2);
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(5, 3)),
              *y = ct_from_values(CT_INT64, CT_VALUES(0, 1, 1, 0, 1), CT_SHAPE(5));
    ct_tensor *before[16];
    for (int64_t i = 0; i < ct_module_count(net); i++)
        before[i] = ct_clone(ct_module_tensor(net, i));
    ct_random_state random = ct_random_get();
    for (int training = 0; training < 2; training++) {
        ct_module_train(net, training);
        ct_verdict verdict = ct_gradcheck_model(ct_module_forward, net, net, x, y, NULL, NULL, .order = 2);
        expect_no_error();
        ck_assert_msg(verdict == CT_PASS, "%s", ct_verdict_name(verdict));
        ck_assert(ct_module_training(net) == training);
        for (int64_t i = 0; i < ct_module_count(net); i++) {
            expect_close(ct_module_tensor(net, i), before[i], 0);
            ck_assert_int_eq(ct_dtype_of(ct_module_tensor(net, i)), CT_FLOAT32);
        }
        ck_assert(ct_random_get().counter == random.counter && ct_random_get().seed == random.seed);
    }
    ct_module_free(net);
}
END_TEST

/* ---- models that differentiate ---- */

typedef struct differing {
    ct_module *net;
    bool graph; /* false is the mistake of those who forget create_graph */
} differing;

/* |dy/dx|^2 of the sum of the net's outputs, as penalties and physics have it. */
static ct_tensor *penalty(void *model, ct_tensor *x)
{
    const differing *d = model;
    ct_tensor *leaf = ct_set_requires_grad(ct_detach(x), true), *y = ct_sum(ct_forward(d->net, leaf)), *slope;
    return ct_grad(&y, 1, &leaf, 1, &slope, .create_graph = d->graph) == CT_OK ? ct_mean(ct_square(slope)) : NULL;
}

/* The outputs after a step of the net's own on x, as in MAML. */
static ct_tensor *adapted(void *model, ct_tensor *x)
{
    const differing *d = model;
    ct_tensor *own[] = {ct_module_get(d->net, "a.weight"), ct_module_get(d->net, "a.bias"),
                        ct_module_get(d->net, "b.weight")};
    ct_tensor *loss = ct_mean(ct_square(ct_forward(d->net, x))), *grads[3];
    if (ct_grad(&loss, 1, own, 3, grads, .create_graph = d->graph) != CT_OK)
        return NULL;
    for (int i = 0; i < 3; i++)
        own[i] = ct_sub(own[i], ct_mul_scalar(grads[i], 0.3));
    return ct_add(ct_linear(ct_tanh(ct_linear(x, own[0], own[1])), own[2], NULL), ct_square(grads[1]));
}

static ct_tensor *output_itself(ct_tensor *output, ct_tensor *target)
{
    (void)target;
    return ct_mean(output);
}

START_TEST(models_that_differentiate_are_measured)
{
    static const ct_model models[] = {penalty, adapted};
    ct_module *net = ct_module_new(_i < 2 ? CT_FLOAT32 : CT_FLOAT64);
    ct_linear_new(net, "a", 3, 2);
    ct_tanh_new(net, "tanh");
    ct_linear_new(net, "b", 2, 2, .no_bias = true);
    ct_tensor *x = ct_randn(ct_module_dtype(net), 0, 1, CT_SHAPE(4, 3));
    for (int graph = 0; graph < 2; graph++) {
        differing d = {net, graph};
        ct_verdict verdict = ct_gradcheck_model(models[_i % 2], &d, net, x, x, output_itself, NULL);
        expect_no_error();
        ck_assert_msg(graph ? verdict == CT_PASS : verdict == CT_FAIL || verdict == CT_VACUOUS, "%s",
                      ct_verdict_name(verdict));
    }
    ct_module_free(net);
}
END_TEST

/* The row of the padding is a constant there, too. */
START_TEST(an_embedding_with_padding_passes)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_module *e = ct_embedding_new(net, "e", 4, 3, .padding_idx = 2);
    ct_flatten_new(net, "flatten", 1, -1);
    ct_linear_new(net, "out", 6, 2);
    ct_tensor *row = ct_detach(ct_module_get(e, "weight"));
    ct_fill_(row, 0.5); /* a padding that is not 0, as a file may have it */
    ct_tensor *x = ct_from_values(CT_INT64, CT_VALUES(0, 2, 2, 3), CT_SHAPE(2, 2)),
              *y = ct_from_values(CT_INT64, CT_VALUES(0, 1), CT_SHAPE(2));
    ct_verdict verdict = ct_gradcheck_model(ct_module_forward, net, net, x, y, NULL, NULL);
    expect_no_error();
    ck_assert_msg(ct_verdict_good(verdict), "%s", ct_verdict_name(verdict));
    ct_module_free(net);
}
END_TEST

Suite *ct_suite_models(void)
{
    TCase *tcase = tcase_create("models");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_test(tcase, resnet18_of_pytorch_gives_the_same_logits);
    tcase_add_test(tcase, what_is_saved_is_what_pytorch_had);
    tcase_add_test(tcase, gpt2_of_pytorch_gives_the_same_logits);
    tcase_add_test(tcase, gpt2_has_its_parameters);
    tcase_add_test(tcase, gpt2_draws_its_weights);
    tcase_add_test(tcase, gpt2_sees_what_came_before);
    tcase_add_test(tcase, gpt2_refuses);
    tcase_add_test(tcase, loads_say_what_did_not_fit);
    tcase_add_test(tcase, what_is_frozen_stays);
    tcase_add_test(tcase, summaries_are_tables);
    tcase_add_test(tcase, fit_trains_and_evaluate_evaluates);
    tcase_add_test(tcase, the_culprit_has_a_parameter_a_layer_an_operation_and_a_line);
    tcase_add_test(tcase, checks_put_everything_back);
    tcase_add_loop_test(tcase, models_that_differentiate_are_measured, 0, 4);
    tcase_add_test(tcase, an_embedding_with_padding_passes);
    Suite *suite = suite_create("models");
    suite_add_tcase(suite, tcase);
    return suite;
}
