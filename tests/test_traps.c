/* Traps: calls that once compiled and meant something else than they say. Each is a test by name here, written as a user would
 * write it, on the public headers alone; the details of each are tested beside its module.
 *
 * To add one: a test, and its line in ct_suite_traps(). */
#include <cotan/cotan.h>
#include "tensor_checks.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- zero means zero ---- */

/* What one step of the optimiser makes of a parameter 2 with the gradient 3. */
static double stepped(ct_optimizer *(*make)(ct_module *module))
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *p = ct_module_parameter(m, "p", ct_full(CT_FLOAT64, 2, CT_SCALAR));
    ct_optimizer *optimizer = make(m);
    ck_assert_msg(optimizer != NULL, "%s", ct_error_message());
    ck_assert_int_eq(ct_backward(ct_mul_scalar(p, 3)), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
    double value = ct_item(p);
    ct_optimizer_free(optimizer);
    ct_module_free(m);
    return value;
}

static ct_optimizer *adamw_without_decay(ct_module *m)
{
    return ct_optimizer_new(m, &ct_rule_adamw, .lr = 0.5, .weight_decay = 0, .eps = 0);
}

static ct_optimizer *adam_without_means(ct_module *m)
{
    return ct_optimizer_new(m, &ct_rule_adam, .lr = 0.5, .beta1 = 0, .beta2 = 0, .eps = 0);
}

static ct_optimizer *sgd_at_rest(ct_module *m)
{
    return ct_optimizer_new(m, &ct_rule_sgd, .lr = 0);
}

static ct_optimizer *adamw_by_default(ct_module *m)
{
    return ct_optimizer_new(m, &ct_rule_adamw);
}

START_TEST(zero_for_an_optimiser_is_zero)
{
    ck_assert_double_eq(stepped(adamw_without_decay), 2 - 0.5);
    ck_assert_double_eq(stepped(adam_without_means), 2 - 0.5);
    ck_assert_double_eq(stepped(sgd_at_rest), 2);
    ck_assert_double_eq_tol(stepped(adamw_by_default), 2 * (1 - 1e-3 * 0.01) - 1e-3, 1e-10);
}
END_TEST

START_TEST(zero_for_an_operation_is_zero)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 5), CT_SHAPE(2, 2));
    ct_tensor *labels = ct_from_values(CT_INT64, CT_VALUES(0, 1), CT_SHAPE(2));
    /* Every query sees all keys alike. */
    expect_tensor(ct_scaled_dot_product_attention(x, x, x, .scale = 0), CT_FLOAT64, CT_SHAPE(2, 2),
                  CT_VALUES(2, 3.5, 2, 3.5));
    /* max(0, 0 - x[t] + x[c]) / 2: 1/2 for the first row, 0 for the second. */
    ck_assert_double_eq(ct_item(ct_multi_margin_loss(x, labels, .margin = 0)), 0.25);
    /* Two elements, normalised exactly. */
    expect_tensor(ct_layer_norm(x, NULL, NULL, .eps = 0), CT_FLOAT64, CT_SHAPE(2, 2), CT_VALUES(-1, 1, -1, 1));
    /* alpha 0: x / k^beta; beta 0: x. */
    expect_tensor(ct_local_response_norm(x, 3, .alpha = 0, .k = 4, .beta = 0.5), CT_FLOAT64, CT_SHAPE(2, 2),
                  CT_VALUES(0.5, 1, 1.5, 2.5));
    expect_tensor(ct_local_response_norm(x, 3, .beta = 0), CT_FLOAT64, CT_SHAPE(2, 2), CT_VALUES(1, 2, 3, 5));
    /* p 0 counts. */
    expect_tensor(ct_normalize(x, 1, .p = 0), CT_FLOAT64, CT_SHAPE(2, 2), CT_VALUES(0.5, 1, 1.5, 2.5));
    /* Label 0 counts for nothing: the second row alone. */
    ck_assert_double_eq(ct_item(ct_nll_loss(x, labels, .ignore_index = 0)), -5);
}
END_TEST

START_TEST(zero_for_running_statistics_is_zero)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 5), CT_SHAPE(4, 1));
    ct_tensor *mean = ct_zeros(CT_FLOAT64, CT_SHAPE(1)), *var = ct_ones(CT_FLOAT64, CT_SHAPE(1));
    ck_assert_ptr_nonnull(ct_batch_norm(x, NULL, NULL, .running_mean = mean, .running_var = var, .momentum = 0));
    ck_assert_double_eq(ct_item(mean), 0);
    ck_assert_double_eq(ct_item(var), 1);
}
END_TEST

START_TEST(zero_for_data_is_zero)
{
    ct_tensor *samples = ct_from_values(CT_FLOAT32, CT_VALUES(1, 2), CT_SHAPE(2, 1)), *x, *y;
    ct_tensor *labels = ct_from_values(CT_INT64, CT_VALUES(0, 1), CT_SHAPE(2));
    ct_dataset *data = ct_dataset_new(samples, labels, .scale = 0, .offset = 7);
    ck_assert_int_eq(ct_dataset_batch(data, (const int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    expect_tensor(x, CT_FLOAT32, CT_SHAPE(2, 1), CT_VALUES(7, 7));
    ct_dataset_free(data);
}
END_TEST

static ct_tensor *forward_once(void *model, ct_tensor *x)
{
    ++*(int *)model;
    return ct_mul_scalar(x, 1);
}

START_TEST(no_epochs_are_no_epochs)
{
    int calls = 0;
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd);
    ct_dataset *data = ct_dataset_new(ct_ones(CT_FLOAT32, CT_SHAPE(2, 3)), ct_zeros(CT_INT64, CT_SHAPE(2)));
    ck_assert_int_eq(ct_fit(forward_once, &calls, sgd, data, .epochs = 0, .output = NULL), CT_OK);
    ck_assert_int_eq(calls, 0);
    ck_assert_ptr_null(ct_batches_new(data, .size = 0));
    expect_error(NULL, CT_ERROR_ARGUMENT, "batches: size must be at least 1, not 0");
    ct_dataset_free(data);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

START_TEST(zero_where_there_is_no_zero_is_refused)
{
    int operations;
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 4, 4)), *w = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 2, 2));
    expect_error(ct_conv2d(x, w, NULL, .stride = {0}), CT_ERROR_ARGUMENT,
                 "conv2d: stride[0] is 0, but must be at least 1");
    expect_error(ct_conv2d(x, w, NULL, .dilation = {1, CT_ZERO}), CT_ERROR_ARGUMENT, "conv2d: dilation[1] is 0");
    expect_error(ct_conv2d(x, w, NULL, .groups = 0), CT_ERROR_ARGUMENT, "conv2d: 0 groups");
    expect_error(ct_max_pool2d(x, 2, .stride = {0}), CT_ERROR_ARGUMENT, "max_pool2d: stride[0] is 0");
    expect_error(ct_max_pool2d(x, 2, .kernel = {0}), CT_ERROR_ARGUMENT, "max_pool2d: kernel[0] is 0");
    expect_error(ct_avg_pool2d(x, 2, .divisor = 0), CT_ERROR_ARGUMENT, "avg_pool2d: divisor is 0");
    expect_error(ct_interpolate(x, .scale = {0}), CT_ERROR_ARGUMENT, "interpolate: scale[0] is 0");
    expect_error(ct_interpolate(x, .size = {0}), CT_ERROR_ARGUMENT, "interpolate: size[0] is 0");
    expect_error(ct_huber_loss(x, x, .delta = 0), CT_ERROR_ARGUMENT, "huber_loss: delta 0 is not positive");
    expect_error(ct_layer_norm(x, NULL, NULL, .axes = 0), CT_ERROR_ARGUMENT, "layer_norm: 0 axes");
    ck_assert_int_eq(ct_gradcheck_op(ct_ops(&operations)[0], NULL, .probes = 0), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck: probes out of range: 0");
}
END_TEST

/* ---- a lone first entry means all axes ---- */

START_TEST(a_lone_first_entry_means_all_axes)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(1, 2, 5, 6), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(2, 2, 2, 2), 2);
    const int64_t kernel[] = {2, 2};
    expect_close(ct_conv2d(x, w, NULL, .padding = {1}, .stride = {2}, .dilation = {2}),
                 ct_conv2d(x, w, NULL, .padding = {1, 1}, .stride = {2, 2}, .dilation = {2, 2}), 0);
    expect_close(ct_conv2d(x, w, NULL, .padding = CT_EACH(1)), ct_conv2d(x, w, NULL, .padding = {1}), 0);
    expect_close(ct_conv_transpose2d(x, w, NULL, .stride = {2}, .output_padding = {1}),
                 ct_conv_transpose2d(x, w, NULL, .stride = {2, 2}, .output_padding = {1, 1}), 0);
    expect_close(ct_max_pool2d(x, 3, .padding = {1}, .stride = {2}),
                 ct_max_pool2d(x, 3, .padding = {1, 1}, .stride = {2, 2}), 0);
    expect_close(ct_avg_pool2d(x, 9, .kernel = {3}), ct_avg_pool2d(x, 3), 0);
    expect_close(ct_unfold(x, kernel, .padding = {1}), ct_unfold(x, kernel, .padding = {1, 1}), 0);
    expect_close(ct_interpolate(x, .scale = {2}), ct_interpolate(x, .scale = {2, 2}), 0);
    expect_close(ct_interpolate(x, .size = {3}), ct_interpolate(x, .size = {3, 3}), 0);
}
END_TEST

START_TEST(a_zero_behind_a_first_entry_has_a_name)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 4, 4)), *w = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1));
    ct_tensor *rows = ct_conv2d(x, w, NULL, .padding = {1, CT_ZERO}),
              *columns = ct_conv2d(x, w, NULL, .padding = {0, 1});
    ck_assert_int_eq(ct_size(rows, 2), 6);
    ck_assert_int_eq(ct_size(rows, 3), 4);
    ck_assert_int_eq(ct_size(columns, 2), 4);
    ck_assert_int_eq(ct_size(columns, 3), 6);
    expect_error(ct_conv2d(x, w, NULL, .padding = {1, 1, 2}), CT_ERROR_ARGUMENT,
                 "conv2d: padding[2] is 2, but there is no such axis");
}
END_TEST

/* ---- a value without a name, or of another type, does not compile ---- */

/* Calls of every macro that takes options. */
static const char *const unnamed[] = {
    "ct_sum(x, 0)",
    "ct_sum(x, -1)",
    "ct_sum(x, -1, true)",
    "ct_sum(x, NULL)",
    "ct_sum(x, {0})",
    "ct_mean(x, 0)",
    "ct_norm(x, 2, 0)",
    "ct_amax(x, 0)",
    "ct_amin(x, 0)",
    "ct_prod(x, 0)",
    "ct_any(x, 0)",
    "ct_all(x, 0)",
    "ct_var(x, 0)",
    "ct_std(x, 0)",
    "ct_logsumexp(x, 0)",
    "ct_backward(x, true)",
    "ct_backward(x, x)",
    "ct_grad(&x, 1, &w, 1, &b, true)",
    "ct_gradcheck(f, NULL, &x, 1, NULL, 2)",
    "ct_gradcheck_graph(f, NULL, &x, 1, NULL, 2)",
    "ct_gradcheck_op(op, NULL, 1)",
    "ct_gradcheck_model(model, NULL, module, x, b, NULL, NULL, 1)",
    "ct_conv1d(x, w, b, 1)",
    "ct_conv2d(x, w, b, 1)",
    "ct_conv3d(x, w, b, 1)",
    "ct_conv_transpose1d(x, w, b, 1)",
    "ct_conv_transpose2d(x, w, b, 1)",
    "ct_conv_transpose3d(x, w, b, 1)",
    "ct_max_pool1d(x, 2, 2)",
    "ct_max_pool2d(x, 2, 2)",
    "ct_avg_pool1d(x, 2, 2)",
    "ct_avg_pool2d(x, 2, 2)",
    "ct_unfold(x, sizes, 1)",
    "ct_fold(x, sizes, sizes, 1)",
    "ct_pad(x, sizes, 2, 1)",
    "ct_interpolate(x, 2)",
    "ct_cross_entropy(x, b, w)",
    "ct_nll_loss(x, b, w)",
    "ct_multi_margin_loss(x, b, 1)",
    "ct_mse_loss(x, b, CT_SUM)",
    "ct_l1_loss(x, b, CT_SUM)",
    "ct_huber_loss(x, b, 1.5)",
    "ct_binary_cross_entropy(x, b, w)",
    "ct_binary_cross_entropy_with_logits(x, b, w)",
    "ct_kl_div(x, b, CT_SUM)",
    "ct_hinge_loss(x, b, CT_SUM)",
    "ct_batch_norm(x, w, b, 1e-3)",
    "ct_layer_norm(x, w, b, 1e-3)",
    "ct_group_norm(x, 2, w, b, 1e-3)",
    "ct_instance_norm(x, w, b, 1e-3)",
    "ct_rms_norm(x, w, 1e-3)",
    "ct_local_response_norm(x, 5, 1e-4)",
    "ct_normalize(x, 1, 2)",
    "ct_rnn(x, w, &b, 1, true)",
    "ct_lstm(x, w, w, &b, 1, true)",
    "ct_gru(x, w, &b, 1, true)",
    "ct_scaled_dot_product_attention(x, x, x, NULL)",
    "ct_linear_new(module, \"a\", 1, 1, NULL)",
    "ct_conv2d_new(module, \"a\", 1, 1, 1, 2)",
    "ct_optimizer_new(module, &ct_rule_sgd, 0.1)",
    "ct_dataset_new(x, b, CT_FLOAT64)",
    "ct_dataset_from_idx(\"a\", \"b\", CT_FLOAT64)",
    "ct_dataset_from_csv(\"a\", CT_FLOAT64)",
    "ct_safetensors_load(\"a\", 1000)",
    "ct_batches_new(data, 32)",
    "ct_fit(model, NULL, optimizer, data, 5)",
    "ct_plot_svg(\"a\", NULL, 0, \"title\")",
    "ct_fit(model, NULL, optimizer, data, .loss = ct_mse_loss)", /* which takes options too */
    "ct_evaluate(model, NULL, data, NULL, .loss = ct_l1_loss)",
    "ct_batches_new(data, .weights = data)",
};

/* Calls that must compile, in the same file: so it is the value that is refused above. */
static const char *const named[] = {
    "ct_sum(x)",
    "ct_sum(x, CT_AXES(0, -1), .keepdim = true)",
    "ct_conv2d(x, w, b, .stride = {2}, .padding = {0}, .groups = 0)",
    "ct_add(ct_sum(x, .keepdim = true), ct_mean(ct_sum(x, CT_AXES(0))))",
    "ct_optimizer_new(module, &ct_rule_adamw, .weight_decay = 0)",
    "ct_fit(model, NULL, optimizer, data, .loss = ct_loss_mse)",
    "ct_cross_entropy(ct_mul(x, ct_sum(w, .keepdim = false)), b, .ignore_index = 0)",
};

enum { UNNAMED = sizeof unnamed / sizeof *unnamed, NAMED = sizeof named / sizeof *named };

#ifdef __clang__
#define ALL_ERRORS " -ferror-limit=0"
#else
#define ALL_ERRORS ""
#endif

/* One call a line. */
static void write_calls(const char *path)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "#include <cotan/cotan.h>\n"
               "extern ct_tensor *x, *w, *b; extern ct_module *module; extern ct_dataset *data;\n"
               "extern ct_optimizer *optimizer; extern ct_model model; extern ct_function f; extern const ct_op *op;\n"
               "extern const int64_t sizes[2]; void calls(void); void calls(void) {\n");
    fprintf(f, "#line 1\n");
    for (int i = 0; i < UNNAMED; i++)
        fprintf(f, "%s;\n", unnamed[i]);
    for (int i = 0; i < NAMED; i++)
        fprintf(f, "if (%s) return;\n", named[i]);
    fprintf(f, "}\n");
    fclose(f);
}

START_TEST(a_value_without_a_name_does_not_compile)
{
    char path[] = "/tmp/cotan-traps-XXXXXX", command[1024], line[1024];
    bool refused[UNNAMED + NAMED + 1] = {false};
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    write_calls(path);
    snprintf(command, sizeof command,
             TEST_COMPILER ALL_ERRORS " -x c -std=c17 -Wall -Wextra -Wpedantic -fsyntax-only -I" TEST_TOP
                                      "/core/include -I" TEST_TOP "/autograd/include -I" TEST_TOP
                                      "/ops/include -I" TEST_TOP "/nn/include %s 2>&1",
             path);
    FILE *compiler = popen(command, "r");
    ck_assert_ptr_nonnull(compiler);
    while (fgets(line, sizeof line, compiler)) {
        int at;
        char kind[16];
        if (strncmp(line, path, strlen(path)) == 0 &&
            sscanf(line + strlen(path), ":%d:%*d: %15[a-z]", &at, kind) == 2 && at >= 1 && at <= UNNAMED + NAMED &&
            (strcmp(kind, "error") == 0 || at > UNNAMED))
            refused[at] = true;
    }
    ck_assert_int_ne(pclose(compiler), 0);
    remove(path);
    for (int i = 0; i < UNNAMED; i++)
        ck_assert_msg(refused[1 + i], "%s compiles", unnamed[i]);
    for (int i = 0; i < NAMED; i++)
        ck_assert_msg(!refused[1 + UNNAMED + i], "%s: an error or a warning", named[i]);
}
END_TEST

/* ---- CT_TENSORS, CT_SHAPE, CT_VALUES, CT_SCALAR stand for their arguments in every macro ---- */

static ct_tensor *product(ct_tensor *const *inputs, int n, void *user)
{
    (void)n, (void)user;
    return ct_mul(inputs[0], inputs[1]);
}

/* a and b come back: two outputs for ct_apply_multi(). */
static ct_tensor *both(ct_call *call)
{
    ct_call_set_output(call, 1, ct_mul_scalar(ct_call_input(call, 1), 1));
    return ct_mul_scalar(ct_call_input(call, 0), 1);
}

static const ct_op ct_op_of_traps = {.name = "both",
                                     .gradient = "g of each",
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .outputs = 2,
                                     .expression = both,
                                     .samples = (const ct_sample[]){{"2 2", NULL}, {0}}};

START_TEST(tensors_go_into_every_macro)
{
    ct_tensor *a = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2), CT_SHAPE(2)), true);
    ct_tensor *b = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(3, 5), CT_SHAPE(2)), true);
    ct_tensor *grads[2], *pair[2], *y = ct_mul(a, b);
    ck_assert_int_eq(ct_grad(CT_TENSORS(y), CT_TENSORS(a, b), grads, .gradients = (ct_tensor *[]){ct_ones_like(y)}),
                     CT_OK);
    expect_tensor(grads[0], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(3, 5));
    expect_tensor(grads[1], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(1, 2));
    expect_tensor(ct_apply(&ct_op_of_traps, CT_TENSORS(a, b), NULL), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(1, 2));
    ck_assert_int_eq(ct_apply_multi(&ct_op_of_traps, CT_TENSORS(a, b), NULL, pair), CT_OK);
    expect_tensor(pair[1], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(3, 5));
    ck_assert_int_eq(ct_gradcheck(product, NULL, CT_TENSORS(a, b), NULL), CT_PASS);
    ck_assert_int_eq(ct_gradcheck_graph(product, NULL, CT_TENSORS(a, b), NULL, .order = 2), CT_PASS);
    expect_tensor(ct_concat(CT_TENSORS(a, b), 0), CT_FLOAT64, CT_SHAPE(4), CT_VALUES(1, 2, 3, 5));
    ck_assert_int_eq(ct_size(ct_stack(CT_TENSORS(a, b, a), 0), 0), 3);
    ck_assert_double_eq(ct_item(ct_einsum("i,i->", CT_TENSORS(a, b))), 13);
    FILE *nowhere = fopen("/dev/null", "w");
    ck_assert_int_eq(ct_graph_write_dot(y, CT_TENSORS(a, b), (const char *[]){"a", "b"}, nowhere), CT_OK);
    fclose(nowhere);
    ck_assert_double_eq(ct_item(ct_sum(ct_full(CT_FLOAT64, 2, CT_SCALAR))), 2);
    ck_assert_double_eq(ct_get(ct_reshape(a, CT_SHAPE(2, 1)), CT_SHAPE(1, 0)), 2);
    ck_assert_int_eq(ct_size(ct_pad(a, CT_SHAPE(1, 1), .mode = CT_PAD_REFLECT), 0), 4);
}
END_TEST

START_TEST(weights_go_into_the_recurrent_macros)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 1, 2), 1), *h = NULL;
    ct_tensor *w = numbers(CT_FLOAT64, CT_SHAPE(2, 2), 2), *w3 = numbers(CT_FLOAT64, CT_SHAPE(6, 2), 3);
    ct_tensor *w4 = numbers(CT_FLOAT64, CT_SHAPE(8, 2), 4);
    ct_tensor *all[] = {w, w, NULL, NULL};
    expect_close(ct_rnn(x, NULL, CT_TENSORS(w, w, NULL, NULL)), ct_rnn(x, NULL, all, 4), 0);
    ck_assert_int_eq(ct_size(ct_lstm(x, NULL, NULL, CT_TENSORS(w4, w4, NULL, NULL), .h_last = &h), 0), 3);
    ck_assert_int_eq(ct_size(h, 0), 1);
    ck_assert_int_eq(ct_size(ct_gru(x, NULL, CT_TENSORS(w3, w3, NULL, NULL), .batch_first = true), 0), 3);
}
END_TEST

START_TEST(tensors_go_into_the_macros_of_modules_and_files)
{
    char path[] = "/tmp/cotan-traps-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *own = ct_module_parameter(m, "own", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    ct_tensor *other = ct_zeros(CT_FLOAT64, CT_SHAPE(2)), *exchanged[] = {other};
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a", "b"}, CT_TENSORS(own, other)), CT_OK);
    ck_assert_int_eq(ct_module_exchange(m, exchanged, 1), CT_OK);
    ck_assert_int_eq(ct_module_exchange(m, exchanged, 1), CT_OK);
    ck_assert_int_ne(ct_module_exchange(m, CT_TENSORS(own, other)), CT_OK);
    expect_error(NULL, CT_ERROR_ARGUMENT, "");
    remove(path);
    ct_module_free(m);
}
END_TEST

/* ---- shapes and numbers that do not mean what they say ---- */

/* [n,1] with [n] would be n x n losses. */
START_TEST(losses_do_not_broadcast)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(3, 1)), *t = ct_zeros(CT_FLOAT64, CT_SHAPE(3));
    expect_error(ct_mse_loss(x, t), CT_ERROR_SHAPE,
                 "mse_loss: x and the target differ in shape, and neither is broadcast: [3,1], [3]");
    expect_error(ct_kl_div(x, t), CT_ERROR_SHAPE, "kl_div: x and the target differ in shape");
    ck_assert_double_eq(ct_item(ct_mse_loss(ct_squeeze(x, 1), t)), 1);
}
END_TEST

START_TEST(binary_cross_entropy_wants_probabilities)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(0.5, 1.5), CT_SHAPE(2)), *t = ct_ones(CT_FLOAT32, CT_SHAPE(2));
    expect_error(ct_binary_cross_entropy(x, t), CT_ERROR_ARGUMENT,
                 "binary_cross_entropy: x has elements from 0.5 to 1.5, and takes probabilities, 0 to 1: [2], [2]");
}
END_TEST

/* An option that the operation would not look at. */
START_TEST(options_of_other_operations_are_refused)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 4, 4)), *indices = NULL;
    expect_error(ct_avg_pool2d(x, 2, .indices = &indices), CT_ERROR_ARGUMENT, "avg_pool2d: takes no indices");
    expect_error(ct_conv_transpose2d(x, x, NULL, .same = true), CT_ERROR_ARGUMENT, "conv_transpose2d: takes no same");
    expect_error(ct_max_pool2d(x, 2, .divisor = 3), CT_ERROR_ARGUMENT, "max_pool2d: takes no divisor");
    expect_error(ct_max_pool2d(x, 2, .exclude_pad = true), CT_ERROR_ARGUMENT, "max_pool2d: takes no exclude_pad");
    expect_error(ct_mse_loss(x, x, .weight = x), CT_ERROR_ARGUMENT, "mse_loss: takes no weight");
    expect_error(ct_mse_loss(x, x, .delta = 2), CT_ERROR_ARGUMENT, "mse_loss: takes no delta");
    expect_error(ct_kl_div(x, x, .pos_weight = x), CT_ERROR_ARGUMENT, "kl_div: takes no pos_weight");
    expect_error(ct_huber_loss(x, x, .log_target = true), CT_ERROR_ARGUMENT, "huber_loss: takes no log_target");
    expect_error(ct_layer_norm(x, NULL, NULL, .running_mean = x), CT_ERROR_ARGUMENT,
                 "layer_norm: takes no running_mean");
    expect_error(ct_rms_norm(x, NULL, .momentum = 0), CT_ERROR_ARGUMENT, "rms_norm: takes no momentum");
    expect_error(ct_instance_norm(x, NULL, NULL, .evaluation = true), CT_ERROR_ARGUMENT,
                 "instance_norm: takes no evaluation");
    expect_error(ct_batch_norm(x, NULL, NULL, .axes = 1), CT_ERROR_ARGUMENT, "batch_norm: takes no axes");
    expect_error(ct_group_norm(x, 1, NULL, NULL, .axes = 1), CT_ERROR_ARGUMENT, "group_norm: takes no axes");
    expect_error(ct_cross_entropy(x, x, .ignore_index = 1), CT_ERROR_ARGUMENT,
                 "cross_entropy: takes no ignore_index where the target holds probabilities");
    expect_error(ct_normalize(x, 1, .eps = -1), CT_ERROR_ARGUMENT, "normalize: eps -1 is not 0 or more");
    expect_error(ct_cosine_similarity(x, x, 1, NAN), CT_ERROR_ARGUMENT, "cosine_similarity: eps is not 0 or more");
}
END_TEST

/* A NULL in the middle of a list, and sizes whose product is none. */
START_TEST(a_list_has_no_holes)
{
    ct_tensor *x = ct_ones(CT_UINT8, CT_SHAPE(2, 1));
    expect_error(ct_stack(CT_TENSORS(x, NULL), 0), CT_ERROR_NULL, "stack: input 1 is NULL");
    expect_error(ct_repeat(x, CT_SHAPE(INT64_C(1) << 62, 1)), CT_ERROR_ARGUMENT, "repeat: cannot repeat axis 0");
}
END_TEST

/* ---- memory that grows ---- */

/* A training loop in which the scope around a step was forgotten: the one around the loop is named, and it grows. */
START_TEST(a_forgotten_scope_is_named)
{
    ct_tensor *w = ct_keep(ct_parameter(ct_ones(CT_FLOAT64, CT_SHAPE(1000))));
    int64_t held[3];
    ct_scope_open();
    int line = __LINE__ - 1;
    for (int step = 0; step < 3; step++) {
        ct_zero_grad(w);
        ct_backward(ct_mean(ct_square(w)));
        ct_memory stats = ct_memory_stats();
        ck_assert(stats.largest_line == line && strcmp(stats.largest_file, __FILE__) == 0);
        held[step] = stats.largest_bytes;
    }
    ck_assert(held[1] >= held[0] + 8000 && held[2] - held[1] == held[1] - held[0]);
    ct_scope_close();
    ct_release(w);
}
END_TEST

/* ---- errors without a line ---- */

static void has_line(int line)
{
    char place[256];
    snprintf(place, sizeof place, "(%s:%d)", __FILE__, line);
    ck_assert_msg(strstr(ct_error_message(), place) != NULL, "\"%s\" does not end with %s", ct_error_message(), place);
    ct_error_clear();
}

START_TEST(every_call_has_its_line)
{
    ct_tensor *released = ct_keep(ct_ones(CT_FLOAT32, CT_SHAPE(2))), *x, *y;
    char text[8];
    ct_print(NULL, stdout), has_line(__LINE__);
    ct_format(NULL, text, sizeof text), has_line(__LINE__);
    ct_safetensors_load("/nowhere/file"), has_line(__LINE__);
    ct_idx_load("/nowhere/file"), has_line(__LINE__);
    ct_csv_load("/nowhere/file"), has_line(__LINE__);
    ct_plot_svg(NULL, NULL, 0), has_line(__LINE__);
    ct_lenet5_forward(NULL, NULL), has_line(__LINE__);
    ct_batches_next(NULL, &x, &y), has_line(__LINE__);
    ct_accuracy(released, released), has_line(__LINE__);
    ct_gradcheck_op(NULL, NULL), has_line(__LINE__);
    ct_gradcheck_print(NULL, stdout), has_line(__LINE__);
    ct_add_hook(released, NULL, NULL), has_line(__LINE__);
    ct_graph_nodes(NULL, NULL, 0), has_line(__LINE__);
    ct_chunk(NULL, 2, 0, &x), has_line(__LINE__);
    ct_release(released);
}
END_TEST

/* ---- operations, hooks, modules ---- */

static ct_status cube_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status cube_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t i = 0; x && y && i < ct_numel(ct_call_output(call, 0)); i++)
        y[i] = x[i] * x[i] * x[i];
    return x && y ? CT_OK : ct_error_code();
}

/* x^3 + x^2 at 2: a second derivative of 2, not 14, when the first term's path ended in silence. */
START_TEST(a_record_without_a_backward_is_refused_in_a_graph)
{
    const ct_op cube = {.name = "cube", .min_inputs = 1, .max_inputs = 1, .infer = cube_infer, .forward = cube_forward};
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 2), true);
    ct_tensor *y = ct_add(ct_apply(&cube, CT_TENSORS(x), NULL), ct_square(x));
    expect_error(y, CT_ERROR_STATE, "cube: an input asks for a gradient, and the record has no backward");
}
END_TEST

/* Four bytes an element, read as eight. */
START_TEST(a_record_of_doubles_is_not_given_floats)
{
    const ct_op cube = {.name = "cube",
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .takes = {CT_ONLY(CT_FLOAT64)},
                        .infer = cube_infer,
                        .forward = cube_forward};
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(5));
    expect_error(ct_apply(&cube, CT_TENSORS(x), NULL), CT_ERROR_DTYPE, "cube: input 0 is float32, not float64");
}
END_TEST

static ct_tensor *clip_in_place(ct_tensor *grad, void *user)
{
    (void)user;
    ct_mul_scalar_(grad, 10);
    return NULL;
}

START_TEST(a_hook_does_not_change_the_gradients_of_others)
{
    ct_tensor *a = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true);
    ct_tensor *b = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true);
    ct_tensor *g = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ct_add_hook(a, clip_in_place, NULL);
    ck_assert_int_eq(ct_backward(ct_add(a, b), .gradient = g), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "mul_scalar_: 'a hook' may not change an input");
    ck_assert_double_eq(ct_get(g, CT_SHAPE(0)), 1);
    ck_assert_ptr_null(ct_grad_of(b));
}
END_TEST

/* Stepped twice, and freed twice. */
START_TEST(one_tensor_has_one_name)
{
    ct_module *m = ct_module_new(CT_FLOAT64), *other = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(m, "wte.weight", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    expect_error(ct_module_parameter(m, "head.weight", w), CT_ERROR_ARGUMENT,
                 "module: the tensor for \"head.weight\" is \"wte.weight\" of this module already");
    expect_error(ct_module_parameter(other, "w", w), CT_ERROR_ARGUMENT,
                 "module: the tensor for \"w\" is \"wte.weight\" of another module");
    ck_assert_int_eq(ct_module_tie(m, "head.weight", "wte.weight"), CT_OK);
    ck_assert(ct_module_parameters(m) == 1 && ct_module_count(m) == 2 && ct_module_get(m, "head.weight") == w);
    ct_module_free(m);
    ct_module_free(other);
}
END_TEST

#if CT_LIFETIME_CHECKS
START_TEST(a_layer_outlived_its_module)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *layer = ct_linear_new(m, "fc", 2, 2);
    ct_module_free(m);
    expect_error(ct_forward(layer, ct_ones(CT_FLOAT64, CT_SHAPE(1, 2))), CT_ERROR_STATE,
                 "forward: the module is used after it was freed");
}
END_TEST
#endif

Suite *ct_suite_traps(void)
{
    Suite *suite = suite_create("traps");
    TCase *traps = tcase_create("traps");
    tcase_add_checked_fixture(traps, open_test, close_test);
    tcase_add_test(traps, zero_for_an_optimiser_is_zero);
    tcase_add_test(traps, zero_for_an_operation_is_zero);
    tcase_add_test(traps, zero_for_running_statistics_is_zero);
    tcase_add_test(traps, zero_for_data_is_zero);
    tcase_add_test(traps, no_epochs_are_no_epochs);
    tcase_add_test(traps, zero_where_there_is_no_zero_is_refused);
    tcase_add_test(traps, a_lone_first_entry_means_all_axes);
    tcase_add_test(traps, a_zero_behind_a_first_entry_has_a_name);
    tcase_add_test(traps, a_value_without_a_name_does_not_compile);
    tcase_add_test(traps, tensors_go_into_every_macro);
    tcase_add_test(traps, weights_go_into_the_recurrent_macros);
    tcase_add_test(traps, tensors_go_into_the_macros_of_modules_and_files);
    tcase_add_test(traps, losses_do_not_broadcast);
    tcase_add_test(traps, binary_cross_entropy_wants_probabilities);
    tcase_add_test(traps, options_of_other_operations_are_refused);
    tcase_add_test(traps, a_list_has_no_holes);
    tcase_add_test(traps, a_forgotten_scope_is_named);
    tcase_add_test(traps, every_call_has_its_line);

    tcase_add_test(traps, a_record_without_a_backward_is_refused_in_a_graph);
    tcase_add_test(traps, a_record_of_doubles_is_not_given_floats);
    tcase_add_test(traps, a_hook_does_not_change_the_gradients_of_others);
    tcase_add_test(traps, one_tensor_has_one_name);
#if CT_LIFETIME_CHECKS
    tcase_add_test(traps, a_layer_outlived_its_module);
#endif
    suite_add_tcase(suite, traps);
    return suite;
}
