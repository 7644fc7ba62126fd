/* Layers: against PyTorch's with its state dicts, in training and evaluation; layers of one's own; the tree.
 *
 * Invariant: numbers that are expected are PyTorch's (make_layer_reference.py), in float64, or were computed by hand. */
#include <cotan/cotan.h>
#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- against PyTorch ---- */

static ct_module *sequential(ct_module *m)
{
    ct_module *net = ct_sequential_new(m, NULL);
    ct_conv2d_new(net, NULL, 4, 6, 3);
    ct_batch_norm_new(net, NULL, 6);
    ct_relu_new(net, NULL);
    ct_flatten_new(net, NULL, 1, -1);
    ct_module *head = ct_sequential_new(net, NULL);
    ct_linear_new(head, NULL, 6 * 4 * 3, 5);
    ct_tanh_new(head, NULL);
    return net;
}

/* Each makes the layer of its name in m. */
#define CASE(name, call)                        \
    static ct_module *make_##name(ct_module *m) \
    {                                           \
        return call;                            \
    }
#define CASES(CASE)                                                                                                  \
    CASE(linear, ct_linear_new(m, NULL, 5, 3))                                                                       \
    CASE(linear_no_bias, ct_linear_new(m, NULL, 5, 3, .no_bias = true))                                              \
    CASE(conv1d, ct_conv1d_new(m, NULL, 4, 6, 3, .stride = 2, .padding = 1, .groups = 2))                            \
    CASE(conv2d, ct_conv2d_new(m, NULL, 4, 6, 3, .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, CT_ZERO},        \
                               .dilation = {1, 2}))                                                                  \
    CASE(conv2d_no_bias, ct_conv2d_new(m, NULL, 4, 4, 3, .padding = 1, .groups = 4, .no_bias = true))                \
    CASE(conv3d, ct_conv3d_new(m, NULL, 2, 3, 2, .stride = {1, 2, 1}, .padding = 1))                                 \
    CASE(conv_transpose1d, ct_conv_transpose1d_new(m, NULL, 4, 6, 3, .stride = 2, .output_padding = 1, .groups = 2)) \
    CASE(conv_transpose2d,                                                                                           \
         ct_conv_transpose2d_new(m, NULL, 4, 3, 0, .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, CT_ZERO}))     \
    CASE(conv_transpose3d, ct_conv_transpose3d_new(m, NULL, 2, 3, 2, .dilation = 2))                                 \
    CASE(max_pool1d, ct_max_pool1d_new(m, NULL, 3, .stride = 2, .padding = 1))                                       \
    CASE(max_pool2d, ct_max_pool2d_new(m, NULL, 3, .stride = 2, .ceil_mode = true))                                  \
    CASE(max_pool3d, ct_max_pool3d_new(m, NULL, 0, .kernel = {2}, .padding = 1))                                     \
    CASE(avg_pool1d, ct_avg_pool1d_new(m, NULL, 3))                                                                  \
    CASE(avg_pool2d, ct_avg_pool2d_new(m, NULL, 3, .stride = 2, .padding = 1, .exclude_pad = true))                  \
    CASE(avg_pool3d, ct_avg_pool3d_new(m, NULL, 2, .stride = {1, 2, 1}))                                             \
    CASE(adaptive_avg_pool1d, ct_adaptive_avg_pool1d_new(m, NULL, 4))                                                \
    CASE(adaptive_avg_pool3d, ct_adaptive_avg_pool3d_new(m, NULL, 2, 1, 3))                                          \
    CASE(adaptive_max_pool1d, ct_adaptive_max_pool1d_new(m, NULL, 4))                                                \
    CASE(adaptive_max_pool2d, ct_adaptive_max_pool2d_new(m, NULL, 4, 2))                                             \
    CASE(adaptive_max_pool3d, ct_adaptive_max_pool3d_new(m, NULL, 2, 1, 3))                                          \
    CASE(adaptive_avg_pool2d, ct_adaptive_avg_pool2d_new(m, NULL, 3, 4))                                             \
    CASE(unflatten, ct_unflatten_new(m, NULL, 1, CT_SHAPE(2, -1)))                                                   \
    CASE(pixel_shuffle, ct_pixel_shuffle_new(m, NULL, 2))                                                            \
    CASE(pixel_unshuffle, ct_pixel_unshuffle_new(m, NULL, 2))                                                        \
    CASE(upsample, ct_upsample_new(m, NULL, .scale = {2, 3}))                                                        \
    CASE(upsample_linear, ct_upsample_new(m, NULL, .size = {7, 4}, .mode = CT_LINEAR, .align_corners = true))        \
    CASE(zero_pad2d, ct_pad_new(m, NULL, CT_SHAPE(1, 2, 0, 3)))                                                      \
    CASE(constant_pad1d, ct_pad_new(m, NULL, CT_SHAPE(2, 1), .value = 0.5))                                          \
    CASE(reflection_pad2d, ct_pad_new(m, NULL, CT_SHAPE(1, 2, 3, 4), .mode = CT_PAD_REFLECT))                        \
    CASE(replication_pad3d, ct_pad_new(m, NULL, CT_SHAPE(1, 2, 3, 0, 0, 1), .mode = CT_PAD_REPLICATE))               \
    CASE(flatten, ct_flatten_new(m, NULL, 1, -1))                                                                    \
    CASE(batch_norm1d, ct_batch_norm_new(m, NULL, 4))                                                                \
    CASE(batch_norm2d, ct_batch_norm_new(m, NULL, 4, .eps = 1e-3, .momentum = 0.3))                                  \
    CASE(batch_norm_no_affine, ct_batch_norm_new(m, NULL, 4, .affine = false))                                       \
    CASE(batch_norm_batch_only, ct_batch_norm_new(m, NULL, 4, .track_running_stats = false))                         \
    CASE(layer_norm, ct_layer_norm_new(m, NULL, CT_SHAPE(5)))                                                        \
    CASE(layer_norm2, ct_layer_norm_new(m, NULL, CT_SHAPE(6, 5), .eps = 1e-3, .no_bias = true))                      \
    CASE(rms_norm, ct_rms_norm_new(m, NULL, CT_SHAPE(5)))                                                            \
    CASE(rms_norm_eps, ct_rms_norm_new(m, NULL, CT_SHAPE(6, 5), .eps = 1e-2))                                        \
    CASE(group_norm, ct_group_norm_new(m, NULL, 2, 4))                                                               \
    CASE(instance_norm, ct_instance_norm_new(m, NULL, 4))                                                            \
    CASE(instance_norm_affine, ct_instance_norm_new(m, NULL, 4, .affine = true, .eps = 1e-2))                        \
    CASE(local_response_norm, ct_local_response_norm_new(m, NULL, 3, .alpha = 0.1, .beta = 0.6, .k = 2))             \
    CASE(dropout, ct_dropout_new(m, NULL, 0.5))                                                                      \
    CASE(dropout1d, ct_dropout1d_new(m, NULL, 0.5))                                                                  \
    CASE(dropout2d, ct_dropout2d_new(m, NULL, 0.5))                                                                  \
    CASE(dropout3d, ct_dropout3d_new(m, NULL, 0.5))                                                                  \
    CASE(embedding, ct_embedding_new(m, NULL, 7, 3))                                                                 \
    CASE(embedding_padding, ct_embedding_new(m, NULL, 7, 3, .padding_idx = -5))                                      \
    CASE(relu, ct_relu_new(m, NULL))                                                                                 \
    CASE(gelu, ct_gelu_new(m, NULL))                                                                                 \
    CASE(gelu_tanh, ct_gelu_tanh_new(m, NULL))                                                                       \
    CASE(silu, ct_silu_new(m, NULL))                                                                                 \
    CASE(mish, ct_mish_new(m, NULL))                                                                                 \
    CASE(selu, ct_selu_new(m, NULL))                                                                                 \
    CASE(tanh, ct_tanh_new(m, NULL))                                                                                 \
    CASE(sigmoid, ct_sigmoid_new(m, NULL))                                                                           \
    CASE(log_sigmoid, ct_log_sigmoid_new(m, NULL))                                                                   \
    CASE(softsign, ct_softsign_new(m, NULL))                                                                         \
    CASE(hardsigmoid, ct_hardsigmoid_new(m, NULL))                                                                   \
    CASE(hardswish, ct_hardswish_new(m, NULL))                                                                       \
    CASE(tanhshrink, ct_tanhshrink_new(m, NULL))                                                                     \
    CASE(relu6, ct_relu6_new(m, NULL))                                                                               \
    CASE(identity, ct_identity_new(m, NULL))                                                                         \
    CASE(celu, ct_celu_new(m, NULL, 0.5))                                                                            \
    CASE(hardshrink, ct_hardshrink_new(m, NULL, 0.4))                                                                \
    CASE(softshrink, ct_softshrink_new(m, NULL, 0.4))                                                                \
    CASE(threshold, ct_threshold_new(m, NULL, 0.1, -2))                                                              \
    CASE(softmin, ct_softmin_new(m, NULL, 2))                                                                        \
    CASE(glu, ct_glu_new(m, NULL, 1))                                                                                \
    CASE(elu, ct_elu_new(m, NULL, 0.7))                                                                              \
    CASE(leaky_relu, ct_leaky_relu_new(m, NULL, 0.2))                                                                \
    CASE(softplus, ct_softplus_new(m, NULL, 2))                                                                      \
    CASE(hardtanh, ct_hardtanh_new(m, NULL, -0.5, 0.25))                                                             \
    CASE(softmax, ct_softmax_new(m, NULL, 1))                                                                        \
    CASE(log_softmax, ct_log_softmax_new(m, NULL, -1))                                                               \
    CASE(prelu, ct_prelu_new(m, NULL, 4))                                                                            \
    CASE(rnn, ct_rnn_new(m, NULL, 4, 3, .layers = 2))                                                                \
    CASE(lstm, ct_lstm_new(m, NULL, 4, 3, .layers = 2, .bidirectional = true))                                       \
    CASE(lstm_batch_first, ct_lstm_new(m, NULL, 4, 3, .batch_first = true, .no_bias = true))                         \
    CASE(gru, ct_gru_new(m, NULL, 4, 3, .bidirectional = true))                                                      \
    CASE(lstm_packed, ct_lstm_new(m, NULL, 4, 3, .layers = 2, .bidirectional = true))                                \
    CASE(gru_packed, ct_gru_new(m, NULL, 4, 3, .layers = 2, .bidirectional = true))                                  \
    CASE(attention, ct_multihead_attention_new(m, NULL, 4, 2))                                                       \
    CASE(attention_causal,                                                                                           \
         ct_multihead_attention_new(m, NULL, 4, 2, .no_bias = true, .batch_first = true, .is_causal = true))         \
    CASE(attention_padding, ct_multihead_attention_new(m, NULL, 4, 2))                                               \
    CASE(attention_other, ct_multihead_attention_new(m, NULL, 4, 2, .kdim = 3, .vdim = 2))                           \
    CASE(encoder, ct_transformer_encoder_layer_new(m, NULL, 4, 2, .dim_feedforward = 6))                             \
    CASE(encoder_norm_first,                                                                                         \
         ct_transformer_encoder_layer_new(m, NULL, 4, 2, .dim_feedforward = 6, .activation = ct_gelu,                \
                                          .norm_first = true, .batch_first = true, .layer_norm_eps = 1e-3))          \
    CASE(decoder, ct_transformer_decoder_layer_new(m, NULL, 4, 2, .dim_feedforward = 6))                             \
    CASE(conv1d_same, ct_conv1d_new(m, NULL, 4, 6, 4, .dilation = {2}, .same = true))                                \
    CASE(conv2d_same_circular,                                                                                       \
         ct_conv2d_new(m, NULL, 4, 6, 0, .kernel = {2, 3}, .same = true, .padding_mode = CT_PAD_CIRCULAR))           \
    CASE(conv2d_reflect,                                                                                             \
         ct_conv2d_new(m, NULL, 4, 6, 3, .stride = {2}, .padding = {2, 1}, .padding_mode = CT_PAD_REFLECT))          \
    CASE(conv3d_replicate, ct_conv3d_new(m, NULL, 2, 3, 2, .padding = {1}, .padding_mode = CT_PAD_REPLICATE))        \
    CASE(conv2d_circular,                                                                                            \
         ct_conv2d_new(m, NULL, 4, 4, 3, .padding = {1}, .groups = 2, .padding_mode = CT_PAD_CIRCULAR))              \
    CASE(rnn_relu, ct_rnn_new(m, NULL, 4, 3, .layers = 2, .relu = true, .bidirectional = true))                      \
    CASE(rnn_relu_packed, ct_rnn_new(m, NULL, 4, 3, .relu = true))                                                   \
    CASE(lstm_alone, ct_lstm_new(m, NULL, 4, 3, .layers = 2, .bidirectional = true))                                 \
    CASE(gru_alone, ct_gru_new(m, NULL, 4, 3, .batch_first = true))                                                  \
    CASE(lstm_proj, ct_lstm_new(m, NULL, 4, 5, .layers = 2, .bidirectional = true, .proj_size = 3))                  \
    CASE(lstm_proj_packed, ct_lstm_new(m, NULL, 4, 5, .layers = 2, .bidirectional = true, .proj_size = 2))           \
    CASE(lstm_proj_no_bias, ct_lstm_new(m, NULL, 4, 5, .batch_first = true, .no_bias = true, .proj_size = 1))        \
    CASE(sequential, sequential(m))
CASES(CASE)

static const struct layer_case {
    const char *name;
    ct_module *(*make)(ct_module *m);
} cases[] = {
#define ROW(name, call) {#name, make_##name},
    CASES(ROW)
#undef ROW
};

/* ---- cases that are called with more than x: the expressions of make_layer_reference.py ---- */

static ct_tensor *joined(ct_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        parts[i] = ct_flatten(parts[i], 0, -1);
    return ct_concat(parts, n, 0);
}

static ct_tensor *packed_lstm(ct_module *m, ct_tensor *x)
{
    ct_tensor *h, *c, *lengths = ct_from_values(CT_INT64, CT_VALUES(3, 5, 2), CT_SHAPE(3));
    ct_tensor *y = ct_recurrent_forward(m, x, .lengths = lengths, .h_last = &h, .c_last = &c);
    return y ? joined((ct_tensor *[]){y, h, c}, 3) : NULL;
}

static ct_tensor *packed_gru(ct_module *m, ct_tensor *x)
{
    ct_tensor *h, *lengths = ct_from_values(CT_INT64, CT_VALUES(3, 5, 2), CT_SHAPE(3));
    ct_tensor *y = ct_recurrent_forward(m, x, .lengths = lengths, .h_last = &h);
    return y ? joined((ct_tensor *[]){y, h}, 2) : NULL;
}

/* The states before it are numbers of the sequence. */
static ct_tensor *lstm_alone(ct_module *m, ct_tensor *x)
{
    ct_tensor *h, *c, *h0 = ct_slice(ct_slice(x, 0, 0, 4, 1), 1, 0, 3, 1);
    ct_tensor *c0 = ct_slice(ct_slice(x, 0, 1, 5, 1), 1, 1, 4, 1);
    ct_tensor *y = ct_recurrent_forward(m, x, .h0 = h0, .c0 = c0, .h_last = &h, .c_last = &c);
    return y ? joined((ct_tensor *[]){y, h, c}, 3) : NULL;
}

static ct_tensor *self_attention(ct_module *m, ct_tensor *x)
{
    ct_tensor *weights, *y = ct_multihead_attention_forward(m, x, x, x, .weights = &weights);
    return y ? joined((ct_tensor *[]){y, weights}, 2) : NULL;
}

static ct_tensor *padded_attention(ct_module *m, ct_tensor *x)
{
    ct_tensor *weights, *padding = ct_zeros(CT_UINT8, CT_SHAPE(3, 5)), *mask = ct_zeros(CT_UINT8, CT_SHAPE(5, 5));
    ((uint8_t *)ct_data_mut(padding))[5 + 3] = ((uint8_t *)ct_data_mut(padding))[5 + 4] = 1;
    ((uint8_t *)ct_data_mut(mask))[2 * 5] = 1;
    ct_tensor *y =
        ct_multihead_attention_forward(m, x, x, x, .key_padding_mask = padding, .attn_mask = mask, .weights = &weights);
    return y ? joined((ct_tensor *[]){y, weights}, 2) : NULL;
}

static ct_tensor *other_attention(ct_module *m, ct_tensor *x)
{
    ct_tensor *shorter = ct_slice(x, 0, 0, -1, 1);
    return ct_multihead_attention_forward(m, x, ct_slice(shorter, 2, 0, 3, 1), ct_slice(shorter, 2, 0, 2, 1));
}

static ct_tensor *decoder(ct_module *m, ct_tensor *x)
{
    ct_tensor *padding = ct_zeros(CT_UINT8, CT_SHAPE(3, 5));
    ((uint8_t *)ct_data_mut(padding))[4] = 1;
    return ct_transformer_decoder_layer_forward(m, x, ct_flip(x, (const int64_t[]){0}, 1), .is_causal = true,
                                                .memory_key_padding_mask = padding);
}

static const struct call {
    const char *name;
    ct_tensor *(*forward)(ct_module *m, ct_tensor *x);
} calls[] = {
    {"lstm_packed", packed_lstm},         {"gru_packed", packed_gru},
    {"rnn_relu_packed", packed_gru},      {"lstm_proj_packed", packed_lstm},
    {"lstm_alone", lstm_alone},           {"attention", self_attention},
    {"attention_causal", self_attention}, {"attention_padding", padded_attention},
    {"attention_other", other_attention}, {"decoder", decoder},
};

static ct_tensor *forward_of(const struct layer_case *c, ct_module *m, ct_tensor *x)
{
    for (int i = 0; i < LENGTH(calls); i++)
        if (strcmp(calls[i].name, c->name) == 0)
            return calls[i].forward(m, x);
    return ct_forward(m, x);
}

static ct_tensor_file *reference;

static ct_tensor *in_file(const char *name, const char *what)
{
    char key[128];
    snprintf(key, sizeof key, "%s/%s", name, what);
    return ct_tensor_file_get(reference, key);
}

static ct_tensor *expected(const char *name, const char *what)
{
    ct_tensor *t = in_file(name, what);
    ck_assert_msg(t != NULL, "the file has no %s/%s", name, what);
    return t;
}

/* What loads of these cases leave over is the other cases' alone. */
static void load_state(ct_module *m, const char *name)
{
    char pattern[64], line[64];
    snprintf(pattern, sizeof pattern, "%s/state/*", name);
    snprintf(line, sizeof line, "unexpected %s/state", name);
    ct_module_load(m, TEST_DATA "/layer_reference.safetensors", .partial = true, CT_RENAME(pattern, "*"));
    ck_assert_str_eq(ct_error_message(), "");
    ck_assert_msg(!strstr(ct_module_load_report(m), "missing"), "%s: %s", name, ct_module_load_report(m));
    ck_assert_msg(!strstr(ct_module_load_report(m), line), "%s: %s", name, ct_module_load_report(m));
}

/* The gradient for x of the sum of y cos(0, 1, 2, ...). */
static ct_tensor *gradient(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *cotangent = ct_reshape(ct_cos(ct_arange(CT_FLOAT64, 0, 1, ct_numel(y))), ct_shape(y), ct_rank(y));
    ct_tensor *loss = ct_sum(ct_mul(y, cotangent)), *g = NULL;
    ck_assert_int_eq(ct_grad(&loss, 1, &x, 1, &g), CT_OK);
    return g;
}

START_TEST(layers_agree_with_pytorch)
{
    const struct layer_case *c = &cases[_i];
    reference = ct_safetensors_load(TEST_DATA "/layer_reference.safetensors");
    ct_module *root = ct_module_new(CT_FLOAT64), *m = c->make(root);
    ck_assert_msg(m != NULL, "%s", ct_error_message());
    load_state(m, c->name);
    ct_tensor *x = expected(c->name, "x");
    bool has_gradient = in_file(c->name, "g") != NULL;
    if (has_gradient)
        x = ct_set_requires_grad(ct_detach(x), true);
    ct_module_train(root, false);
    ct_tensor *y = forward_of(c, m, x);
    ck_assert_msg(y != NULL, "%s: %s", c->name, ct_error_message());
    expect_close(y, expected(c->name, "y"), 1e-10);
    if (has_gradient)
        expect_close(gradient(y, x), expected(c->name, "g"), 1e-10);
    if (in_file(c->name, "training")) {
        ct_module_train(root, true);
        expect_close(ct_forward(m, x), expected(c->name, "training"), 1e-10);
        for (int64_t i = 0; i < ct_module_count(m); i++) {
            char after[64];
            snprintf(after, sizeof after, "after/%s", ct_module_name(m, i));
            if (!ct_module_is_parameter(m, i))
                expect_close(ct_module_tensor(m, i), expected(c->name, after), 1e-10);
        }
    }
    ct_module_free(root);
    ct_tensor_file_free(reference);
}
END_TEST

/* The file knows as many cases as are tried. */
START_TEST(no_case_is_left_out)
{
    reference = ct_safetensors_load(TEST_DATA "/layer_reference.safetensors");
    int found = 0;
    for (int64_t i = 0; i < ct_tensor_file_count(reference); i++) {
        const char *name = ct_tensor_file_name(reference, i);
        found += strcmp(name + strlen(name) - 2, "/x") == 0;
    }
    ck_assert_int_eq(found, LENGTH(cases));
    ct_tensor_file_free(reference);
}
END_TEST

/* ---- training and evaluation ---- */

START_TEST(dropouts_drop_in_training_only)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *block = ct_sequential_new(root, "block");
    ct_module *each = ct_dropout_new(block, NULL, 0.5), *channels = ct_dropout2d_new(block, NULL, 0.5);
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(8, 16, 5, 5));
    ck_assert(ct_module_training(root) && ct_module_training(each));
    double values[8 * 16 * 25];
    ct_to_values(ct_forward(each, x), values, LENGTH(values));
    int zeros = 0, twos = 0;
    for (int i = 0; i < LENGTH(values); i++)
        zeros += values[i] == 0, twos += values[i] == 2;
    ck_assert(zeros + twos == LENGTH(values) && zeros > LENGTH(values) / 3 && twos > LENGTH(values) / 3);
    ct_to_values(ct_forward(channels, x), values, LENGTH(values));
    zeros = 0;
    for (int i = 0; i < LENGTH(values); i++) {
        ck_assert(values[i] == values[i / 25 * 25] && (values[i] == 0 || values[i] == 2));
        zeros += values[i] == 0;
    }
    ck_assert(zeros > LENGTH(values) / 4 && zeros < LENGTH(values) * 3 / 4);
    ck_assert_int_eq(ct_module_train(block, false), CT_OK);
    ck_assert(ct_module_training(root) && !ct_module_training(each) && !ct_module_training(channels));
    ck_assert_ptr_eq(ct_forward(block, x), x);
    ct_module *late = ct_dropout_new(block, NULL, 0.5);
    ck_assert(!ct_module_training(late)); /* as what it is made in */
    ct_module_train(root, true);
    ck_assert(ct_module_training(late));
    ct_module_train(NULL, true);
    expect_failure(CT_ERROR_NULL, "module_train: the module is NULL");
    ck_assert(!ct_module_training(NULL));
    ck_assert_ptr_null(ct_forward(channels, ct_ones(CT_FLOAT32, CT_SHAPE(8, 16))));
    expect_failure(CT_ERROR_SHAPE, "block.1: dropout2d: needs [N,C] or [C] and 2 axes more: [8,16]");
    ct_module_free(root);
}
END_TEST

/* ---- embedding ---- */

START_TEST(the_padding_is_no_parameter)
{
    ct_module *root = ct_module_new(CT_FLOAT32);
    ct_module *e = ct_embedding_new(root, "e", 3, 2, .padding_idx = 1, .weight = &ct_init_ones);
    expect_tensor(ct_module_get(e, "weight"), CT_FLOAT32, CT_SHAPE(3, 2), CT_VALUES(1, 1, 0, 0, 1, 1));
    ct_tensor *index = ct_from_values(CT_INT64, CT_VALUES(1, 2, 1), CT_SHAPE(3));
    ct_backward(ct_sum(ct_forward(e, index)));
    expect_tensor(ct_grad_of(ct_module_get(e, "weight")), CT_FLOAT32, CT_SHAPE(3, 2), CT_VALUES(0, 0, 0, 0, 1, 1));
    ck_assert_ptr_null(ct_embedding_new(root, "f", 3, 2, .padding_idx = 3));
    expect_failure(CT_ERROR_ARGUMENT, "embedding_new: out of range: 3 rows of 2, padding_idx 3");
    ct_module_free(root);
}
END_TEST

/* ---- a layer of one's own ---- */

/* x weight + shift, the shift by a layer in it. */
typedef struct scale {
    int64_t n;
    ct_module *shift;
} scale;

static ct_tensor *plus(ct_module *m, ct_tensor *x)
{
    return ct_add(x, ct_module_get(m, "bias"));
}

static void build_plus(ct_module *m)
{
    ct_module_add(m, "bias", CT_INIT_CONSTANT(2), ct_module_self(m), 1);
}

static const ct_layer plus_layer = {.name = "plus", .self_size = sizeof(int64_t), .build = build_plus, .forward = plus};

static void build_scale(ct_module *m)
{
    scale *s = ct_module_self(m);
    ct_module_add(m, "weight", CT_INIT_CONSTANT(3), CT_SHAPE(s->n));
    s->shift = ct_layer_new(m, "shift", &plus_layer, &s->n);
}

static ct_tensor *forward_scale(ct_module *m, ct_tensor *x)
{
    scale *s = ct_module_self(m);
    return ct_forward(s->shift, ct_mul(x, ct_module_get(m, "weight")));
}

static const ct_layer scale_layer = {
    .name = "scale", .self_size = sizeof(scale), .build = build_scale, .forward = forward_scale};
#define scale_new(module, name, ...) ct_layer_new(module, name, &scale_layer, &(scale){__VA_ARGS__})

START_TEST(a_layer_of_ones_own)
{
    ct_module *root = ct_module_new(CT_FLOAT64), *net = ct_sequential_new(root, "net");
    ct_module *a = scale_new(net, NULL, .n = 2), *b = scale_new(net, "b", .n = 2);
    ck_assert_str_eq(ct_error_message(), "");
    static const char *const names[] = {"net.0.weight", "net.0.shift.bias", "net.b.weight", "net.b.shift.bias"};
    ck_assert_int_eq(ct_module_count(root), LENGTH(names));
    for (int i = 0; i < LENGTH(names); i++) {
        ck_assert_str_eq(ct_module_name(root, i), names[i]);
        ck_assert_str_eq(ct_module_name(net, i), names[i] + 4);
        ck_assert_ptr_eq(ct_module_tensor(net, i), ct_module_get(root, names[i]));
    }
    ck_assert_str_eq(ct_module_name(a, 1), "shift.bias");
    ck_assert_ptr_eq(ct_module_get(b, "shift.bias"), ct_module_get(root, "net.b.shift.bias"));
    ck_assert_ptr_eq(ct_module_find(root, "net.b.shift"), ct_module_child(b, 0));
    ck_assert_ptr_null(ct_module_find(root, "net.c"));
    ck_assert_str_eq(ct_module_path(ct_module_child(b, 0)), "net.b.shift");
    ck_assert_ptr_eq(ct_module_layer(b), &scale_layer);
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(1, 2));
    ct_tensor *y = ct_module_forward(root, x);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(1, 2), CT_VALUES(17, 17));
    ck_assert_str_eq(ct_node_region(ct_node_of(y)), "net.b.shift");
    ck_assert_ptr_null(ct_forward(b, ct_ones(CT_FLOAT64, CT_SHAPE(1, 3))));
    expect_failure(CT_ERROR_SHAPE, "net.b: mul: ");
    ck_assert_str_eq(ct_region(), "");
    ct_module_free(root);
}
END_TEST

/* A build that fails after it has added tensors and layers. */
static void build_badly(ct_module *m)
{
    ct_module_add(m, "weight", NULL, CT_SHAPE(2, 2));
    ct_linear_new(m, "inside", 2, 2);
    ct_linear_new(m, "inside", 2, 2);
}

static const ct_layer bad_layer = {.name = "bad", .build = build_badly};

START_TEST(a_build_that_fails_is_undone)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *net = ct_sequential_new(root, "net");
    ct_linear_new(net, "first", 2, 2);
    int64_t tensors = ct_memory_stats().live_tensors;
    ck_assert_ptr_null(ct_layer_new(net, "bad", &bad_layer, NULL));
    expect_failure(CT_ERROR_ARGUMENT, "layer_new: the name \"inside\" is taken in \"net.bad\"");
    ck_assert_int_eq(ct_module_count(root), 2);
    ck_assert_int_eq(ct_module_count(net), 2);
    ck_assert_int_eq(ct_module_children(net), 1);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    ck_assert_ptr_null(ct_layer_new(net, "bad", NULL, NULL));
    expect_failure(CT_ERROR_NULL, "layer_new: the record is NULL");
    static const ct_layer silent = {.name = "silent"};
    ct_module *mute = ct_layer_new(net, "mute", &silent, NULL);
    ck_assert_ptr_null(ct_forward(mute, ct_ones(CT_FLOAT32, CT_SHAPE(1))));
    expect_failure(CT_ERROR_STATE, "forward: a layer silent has a forward function of its own");
    ck_assert_int_eq(ct_forward_begin(mute, &bad_layer, "bad_forward"), CT_ERROR_STATE);
    expect_failure(CT_ERROR_STATE, "bad_forward: the module \"net.mute\" is a layer silent");
    ct_module_free(net);
    expect_failure(CT_ERROR_STATE, "module_free: \"net\" goes with the module in which it was made");
    ct_module_free(root);
}
END_TEST

/* ---- the tree ---- */

START_TEST(a_part_sees_its_tensors_alone)
{
    ct_module *root = ct_module_new(CT_FLOAT32);
    ct_module *a = ct_sequential_new(root, "a"), *b = ct_sequential_new(root, "b");
    ct_linear_new(a, NULL, 3, 2);
    ct_linear_new(b, NULL, 3, 2, .no_bias = true);
    ct_linear_new(a, NULL, 2, 2); /* after b's */
    ct_module_tie(root, "b.0.weight", "a.0.weight");
    ck_assert_str_eq(ct_error_message(), "");
    ck_assert_int_eq(ct_module_numel(a), 6 + 2 + 4 + 2);
    ck_assert_int_eq(ct_module_numel(b), 6);
    ck_assert_int_eq(ct_module_numel(root), 6 + 2 + 4 + 2);
    ck_assert_int_eq(ct_module_tied(root, 2), 0);
    ck_assert_int_eq(ct_module_tied(b, 0), -1);
    ck_assert_str_eq(ct_module_name(a, 2), "1.weight");
    ck_assert_ptr_eq(ct_module_get(b, "0.weight"), ct_module_get(a, "0.weight"));
    ct_tensor *other = ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3)), *own = ct_module_get(root, "a.0.weight");
    ck_assert_int_eq(ct_module_exchange(b, &other, 1), CT_OK);
    ck_assert_ptr_eq(other, own);
    ck_assert_int_eq(ct_module_exchange(b, &other, 1), CT_OK);
    ck_assert_ptr_eq(ct_module_get(root, "a.0.weight"), own);
    ct_module_free(root);
}
END_TEST

/* A name is one in the whole tree, whatever part of it is a path; but a module has only what is in it. */
START_TEST(names_are_whole)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *a = ct_sequential_new(root, "a"), *ab = ct_sequential_new(a, "b");
    ct_module_parameter(root, "a.b.w", ct_zeros(CT_FLOAT32, CT_SHAPE(1)));
    ck_assert_ptr_nonnull(ct_module_get(root, "a.b.w"));
    ck_assert(!ct_module_get(a, "b.w") && !ct_module_get(ab, "w") && !ct_module_get(root, "a.b.") &&
              !ct_module_get(root, ""));
    ck_assert_ptr_null(ct_module_parameter(ab, "w", ct_zeros(CT_FLOAT32, CT_SHAPE(1))));
    expect_failure(CT_ERROR_ARGUMENT, "module: the name \"a.b.w\" is taken");
    ck_assert_ptr_null(ct_sequential_new(root, "a.b"));
    expect_failure(CT_ERROR_ARGUMENT, "layer_new: the name \"a.b\" is taken in \"\"");
    ck_assert_int_eq(ct_module_push(root, "a.b"), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "module: the name \"a.b\" is taken in \"\"");
    ck_assert(ct_module_find(root, "a.b") == ab && ct_module_find(a, "b") == ab && !ct_module_find(ab, "b"));
    ct_module_free(root);
}
END_TEST

/* Whose a tensor is, after ties, and once its module has gone. */
START_TEST(tensors_are_known_by_their_elements)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *other = ct_module_new(CT_FLOAT32);
    ct_tensor *t = ct_zeros(CT_FLOAT32, CT_SHAPE(2));
    ct_module_parameter(root, "first", ct_zeros(CT_FLOAT32, CT_SHAPE(2)));
    ct_module_parameter(root, "second", t);
    ct_module_tie(root, "first", "second"); /* whose tensor is the first's from now on */
    ck_assert_ptr_null(ct_module_parameter(other, "w", ct_reshape(ct_detach(t), CT_SHAPE(2, 1))));
    expect_failure(CT_ERROR_ARGUMENT,
                   "module: the tensor for \"w\" is \"first\" of another module, which would free it too");
    ct_module_free(root);
    for (int i = 0; i < 4; i++) /* some lie where those were */
        ck_assert_ptr_nonnull(
            ct_module_buffer(other, (const char[]){(char)('a' + i), 0}, ct_zeros(CT_FLOAT32, CT_SHAPE(2))));
    ct_module_free(other);
}
END_TEST

START_TEST(residuals_add)
{
    ct_module *root = ct_module_new(CT_FLOAT64), *block = ct_residual_new(root, "block");
    ct_linear_new(block, NULL, 2, 2, .weight = &ct_init_ones, .bias = &ct_init_zeros);
    ct_function_new(block, NULL, ct_square);
    expect_tensor(ct_forward(root, ct_ones(CT_FLOAT64, CT_SHAPE(1, 2))), CT_FLOAT64, CT_SHAPE(1, 2), CT_VALUES(5, 5));
    ct_module_free(root);
}
END_TEST

/* ---- attention and recurrence beyond PyTorch's cases ---- */

/* Two query heads that share one head of keys and values are two that have the same ones. */
START_TEST(grouped_queries_share_keys)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *grouped = ct_multihead_attention_new(m, "grouped", 4, 2, .kv_heads = 1);
    ct_module *full = ct_multihead_attention_new(m, "full", 4, 2);
    ct_tensor *w = ct_detach(ct_module_get(grouped, "in_proj_weight")); /* 4 rows of queries, 2 of keys, 2 of values */
    ck_assert(ct_size(w, 0) == 8 && ct_size(w, 1) == 4);
    ct_tensor *k = ct_slice(w, 0, 4, 6, 1), *v = ct_slice(w, 0, 6, 8, 1);
    ct_copy_(ct_detach(ct_module_get(full, "in_proj_weight")),
             ct_concat((ct_tensor *[]){ct_slice(w, 0, 0, 4, 1), k, k, v, v}, 5, 0));
    ct_copy_(ct_detach(ct_module_get(full, "out_proj.weight")), ct_module_get(grouped, "out_proj.weight"));
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(5, 3, 4)), *alone = ct_select(x, 1, 1);
    ct_tensor *y = ct_forward(grouped, x);
    expect_close(y, ct_forward(full, x), 1e-14);
    expect_close(ct_forward(grouped, alone), ct_select(y, 1, 1), 1e-14); /* without a batch */
    ct_tensor *weights, *of_one;
    ct_multihead_attention_forward(full, x, x, x, .weights = &weights);
    ct_multihead_attention_forward(full, alone, alone, alone, .weights = &of_one);
    expect_close(of_one, ct_select(weights, 0, 1), 1e-14);
    ct_module_free(m);
}
END_TEST

/* What stands behind a sequence's end changes nothing, be it NaN, and no gradient flows there. */
START_TEST(padding_of_sequences_counts_for_nothing)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_module *gru =
        ct_gru_new(m, "gru", 2, 3, .layers = 2, .bidirectional = true, .batch_first = true, .dropout = 0.5);
    ct_tensor *lengths = ct_from_values(CT_INT64, CT_VALUES(2, 4), CT_SHAPE(2)), *h, *h_alone;
    ct_tensor *x = ct_set_requires_grad(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(2, 4, 2)), true);
    ct_tensor *dirty = ct_clone(ct_detach(x));
    ((double *)ct_data_mut(dirty))[2 * 2] = ((double *)ct_data_mut(dirty))[3 * 2 + 1] = NAN;
    ct_module_train(m, false);
    ct_tensor *y = ct_recurrent_forward(gru, x, .lengths = lengths, .h_last = &h);
    expect_close(ct_recurrent_forward(gru, dirty, .lengths = lengths), y, 0);
    ct_tensor *first = ct_slice(ct_slice(x, 0, 0, 1, 1), 1, 0, 2, 1);
    ct_tensor *alone = ct_recurrent_forward(gru, first, .h_last = &h_alone);
    expect_close(ct_slice(ct_slice(y, 0, 0, 1, 1), 1, 0, 2, 1), alone, 1e-14);
    expect_close(ct_slice(h, 1, 0, 1, 1), h_alone, 1e-14);
    ck_assert(ct_item(ct_sum(ct_abs(ct_slice(ct_slice(y, 0, 0, 1, 1), 1, 2, 4, 1)))) == 0);
    ct_backward(ct_sum(ct_square(y)));
    ck_assert(ct_item(ct_sum(ct_abs(ct_slice(ct_select(ct_grad_of(x), 0, 0), 0, 2, 4, 1)))) == 0);
    ct_module_train(m, true);
    ct_tensor *once = ct_recurrent_forward(gru, x, .lengths = lengths);
    ck_assert(ct_item(ct_sum(ct_abs(ct_sub(once, ct_detach(y))))) > 1e-3); /* the dropout between layers */
    ct_module_free(m);
}
END_TEST

START_TEST(attention_and_recurrence_refuse)
{
    ct_module *m = ct_module_new(CT_FLOAT64), *lstm = ct_lstm_new(m, "lstm", 2, 3), *gru = ct_gru_new(m, "gru", 2, 3);
    ct_module *attention = ct_multihead_attention_new(m, "attention", 4, 2), *fc = ct_linear_new(m, "fc", 2, 2);
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(4, 2, 2)), *c, *wide = ct_ones(CT_FLOAT64, CT_SHAPE(4, 2, 4));
    ct_tensor *long_one = ct_from_values(CT_INT64, CT_VALUES(4, 5), CT_SHAPE(2)), *one = ct_ones(CT_INT64, CT_SHAPE(1));
#define REFUSED(call, code, words)   \
    {                                \
        ck_assert_ptr_null(call);    \
        expect_failure(code, words); \
    }
    REFUSED(ct_lstm_new(m, "a", 0, 3), CT_ERROR_ARGUMENT, "lstm_new: out of range: 0 in, hidden 3, 1 layers")
    REFUSED(ct_lstm_new(m, "a", 1, 3, .layers = 8, .bidirectional = true), CT_ERROR_ARGUMENT, "8 layers")
    REFUSED(ct_gru_new(m, "a", 1, 3, .relu = true), CT_ERROR_ARGUMENT, "gru_new: relu is an option of rnn")
    REFUSED(ct_rnn_new(m, "a", 1, 3, .proj_size = 2), CT_ERROR_ARGUMENT, "rnn_new: proj_size is an option of lstm")
    REFUSED(ct_lstm_new(m, "a", 1, 3, .proj_size = 3), CT_ERROR_ARGUMENT, "proj_size 3 is not below hidden 3")
    REFUSED(ct_lstm_new(m, "a", 1, 3, .proj_size = 2, .layers = 12), CT_ERROR_ARGUMENT, "12 layers")
    REFUSED(ct_recurrent_forward(gru, ct_select(x, 1, 0), .lengths = one), CT_ERROR_SHAPE,
            "gru: lengths are of sequences [T,N,...], not of a single one")
    REFUSED(ct_recurrent_forward(gru, x, .c_last = &c), CT_ERROR_ARGUMENT, "gru: only an lstm has cells")
    REFUSED(ct_recurrent_forward(lstm, x, .lengths = long_one), CT_ERROR_ARGUMENT, "lstm: sequence 1 has length 5 of 4")
    REFUSED(ct_recurrent_forward(lstm, x, .lengths = one), CT_ERROR_SHAPE, "one for each sequence: [1] for [4,2,2]")
    REFUSED(ct_recurrent_forward(fc, x), CT_ERROR_STATE, "recurrent_forward: a layer linear")
    REFUSED(ct_multihead_attention_new(m, "a", 5, 2), CT_ERROR_ARGUMENT, "5 wide, 2 heads")
    REFUSED(ct_multihead_attention_new(m, "a", 8, 4, .kv_heads = 3), CT_ERROR_ARGUMENT, "4 heads, 3 of keys")
    REFUSED(ct_multihead_attention_forward(attention, wide, ct_select(wide, 0, 0), wide), CT_ERROR_SHAPE,
            "needs three of [N,L,E] or of [L,E]: [4,2,4], [2,4], [4,2,4]")
    REFUSED(ct_multihead_attention_forward(fc, wide, wide, wide), CT_ERROR_STATE, "the module \"fc\" is a layer linear")
    REFUSED(ct_transformer_encoder_layer_new(m, "a", 4, 3), CT_ERROR_ARGUMENT, "4 wide, 3 heads")
    REFUSED(ct_transformer_encoder_layer_forward(attention, wide), CT_ERROR_STATE, "is a layer multihead_attention")
    REFUSED(ct_forward(ct_transformer_decoder_layer_new(m, "d", 4, 2), wide), CT_ERROR_STATE,
            "a forward function of its own")
    ck_assert_int_eq(ct_module_children(m), 5);
#undef REFUSED
    ct_module_free(m);
}
END_TEST

START_TEST(layers_refuse)
{
    const int64_t two = 2;
    ct_module *m = ct_module_new(CT_FLOAT32);
#define REFUSED(call, code, words)   \
    {                                \
        ck_assert_ptr_null(call);    \
        expect_failure(code, words); \
    }
    REFUSED(ct_batch_norm_new(m, "a", 0), CT_ERROR_ARGUMENT, "batch_norm: sizes must be at least 1: 0")
    REFUSED(ct_layer_norm_new(m, "a", CT_SHAPE(3, 0)), CT_ERROR_ARGUMENT, "layer_norm: sizes must be at least 1: 0")
    REFUSED(ct_layer_norm_new(m, "a", CT_SCALAR), CT_ERROR_NULL, "layer_norm: the shape is NULL")
    REFUSED(ct_group_norm_new(m, "a", 3, 4), CT_ERROR_ARGUMENT, "3 groups do not divide 4 channels")
    REFUSED(ct_local_response_norm_new(m, "a", 0), CT_ERROR_ARGUMENT, "a size of 0")
    REFUSED(ct_dropout_new(m, "a", 1.5), CT_ERROR_ARGUMENT, "dropout_new: a probability is in 0..1: 1.5")
    REFUSED(ct_dropout_new(m, "a", NAN), CT_ERROR_ARGUMENT, "0..1")
    REFUSED(ct_conv2d_new(m, "a", 1, 1, 3, .same = true, .stride = {1, 2}), CT_ERROR_ARGUMENT,
            "conv2d_new: same is in place of padding, and strides are 1")
    REFUSED(ct_conv1d_new(m, "a", 1, 1, 3, .same = true, .padding = {1}), CT_ERROR_ARGUMENT, "conv1d_new: same is in")
    REFUSED(ct_conv1d_new(m, "a", 1, 1, 3, .padding_mode = (ct_pad_mode)7), CT_ERROR_ARGUMENT,
            "conv1d_new: there is no padding mode 7")
    REFUSED(ct_conv_transpose2d_new(m, "a", 1, 1, 3, .padding_mode = CT_PAD_REFLECT), CT_ERROR_ARGUMENT,
            "conv_transpose2d_new: there is no padding mode 1 and no same of a transposed convolution")
    REFUSED(ct_max_pool2d_new(m, "a", 0), CT_ERROR_ARGUMENT, "max_pool2d_new: a kernel of 0")
    REFUSED(ct_max_pool2d_new(m, "a", 2, .indices = &(ct_tensor *){NULL}), CT_ERROR_ARGUMENT, "no place for indices")
    REFUSED(ct_adaptive_avg_pool2d_new(m, "a", 1, 0), CT_ERROR_ARGUMENT,
            "adaptive_avg_pool2d_new: sizes must be at least 1: 0")
    REFUSED(ct_adaptive_max_pool3d_new(m, "a", -2, 1, 1), CT_ERROR_ARGUMENT,
            "adaptive_max_pool3d_new: sizes must be at least 1: -2")
    REFUSED(ct_pixel_shuffle_new(m, "a", 0), CT_ERROR_ARGUMENT, "pixel_shuffle_new: a factor of 0")
    REFUSED(ct_unflatten_new(m, "a", 1, NULL, 1), CT_ERROR_NULL, "unflatten_new: the shape is NULL")
    REFUSED(ct_unflatten_new(m, "a", 1, &two, 99), CT_ERROR_ARGUMENT, "or of too many")
    REFUSED(ct_pad_new(m, "a", &two, -2), CT_ERROR_ARGUMENT, "pad_new: -2 amounts")
    ct_module *unflatten = ct_unflatten_new(m, "unflatten", 2, CT_SHAPE(2, 2));
    REFUSED(ct_forward(unflatten, ct_ones(CT_FLOAT32, CT_SHAPE(2, 4))), CT_ERROR_ARGUMENT,
            "unflatten: there is no axis 2 in a tensor of rank 2")
    REFUSED(ct_forward(unflatten, ct_ones(CT_FLOAT32, CT_SHAPE(1, 2, 5))), CT_ERROR_SHAPE, "reshape: ")
    REFUSED(ct_prelu_new(m, "a", 0), CT_ERROR_ARGUMENT, "prelu_new: 0 weights")
    REFUSED(ct_function_new(m, "a", NULL), CT_ERROR_NULL, "the function is NULL")
    REFUSED(ct_embedding_new(m, "a", 0, 2), CT_ERROR_ARGUMENT, "0 rows of 2")
    REFUSED(ct_conv3d_new(m, "a", 1, 1, 1, .kernel = {1, 2, -1}), CT_ERROR_ARGUMENT, "kernel -1")
    REFUSED(ct_sequential_new(m, ""), CT_ERROR_ARGUMENT, "must not be empty")
    REFUSED(ct_sequential_new(NULL, "a"), CT_ERROR_NULL, "the module is NULL")
    ck_assert_int_eq(ct_module_children(m), 1);
    ct_module_free(m);
}
END_TEST

/* ---- batch norms over several batches ---- */

/* The rows of the batch that it is called for and of x, the other one. */
static ct_tensor *gather_with(ct_tensor *row, void *x)
{
    ct_tensor *count = ct_full(ct_dtype_of(row), 4, CT_SHAPE(1));
    ct_tensor *other =
        ct_concat(CT_TENSORS(count, ct_mean(x, CT_AXES(0, 2)), ct_var(x, CT_AXES(0, 2), .biased = true)), 0);
    return ct_stack(CT_TENSORS(row, other), 0);
}

static ct_tensor *gather_nothing(ct_tensor *row, void *user)
{
    return user ? row : NULL;
}

/* Of five samples the first three, with the statistics of all, as a batch norm of all gives them: result, gradient, running statistics. */
static void expect_gathered(ct_dtype dtype, double tolerance)
{
    ct_seed(3);
    ct_module *net = ct_module_new(dtype), *norm = ct_batch_norm_new(net, "norm", 2);
    ct_module *twin = ct_module_new(dtype), *whole = ct_batch_norm_new(twin, "norm", 2);
    ct_tensor *x = ct_parameter(ct_randn(dtype, 1, 2, CT_SHAPE(5, 2, 2))),
              *w = ct_randn(dtype, 0, 1, CT_SHAPE(3, 2, 2));
    ct_tensor *first = ct_slice(x, 0, 0, 3, 1), *rest = ct_slice(x, 0, 3, 5, 1), *of_parts, *of_whole;
    ck_assert_int_eq(ct_batch_norm_gather(net, gather_with, rest), CT_OK);
    ct_tensor *y = ct_sum(ct_mul(ct_forward(norm, first), w));
    ct_tensor *z = ct_sum(ct_mul(ct_slice(ct_forward(whole, x), 0, 0, 3, 1), w));
    expect_close(y, z, tolerance);
    ct_grad(&y, 1, &x, 1, &of_parts);
    ct_grad(&z, 1, &x, 1, &of_whole);
    expect_close(of_parts, of_whole, tolerance);
    expect_close(ct_module_get(norm, "running_mean"), ct_module_get(whole, "running_mean"), tolerance);
    expect_close(ct_module_get(norm, "running_var"), ct_module_get(whole, "running_var"), tolerance);
    ct_batch_norm_gather(net, NULL, NULL);
    expect_close(ct_forward(norm, x), ct_forward(whole, x), 0);
    ct_release(x);
    ct_module_free(net);
    ct_module_free(twin);
}

START_TEST(batch_norms_over_several_batches)
{
    expect_gathered(CT_FLOAT64, 1e-13);
    expect_gathered(CT_FLOAT32, 1e-5);
    expect_no_error();
    ct_module *net = ct_module_new(CT_FLOAT64), *norm = ct_batch_norm_new(net, "norm", 2);
    ct_batch_norm_gather(norm, gather_nothing, NULL);
    ck_assert_ptr_null(ct_forward(norm, ct_ones(CT_FLOAT64, CT_SHAPE(3, 2))));
    expect_failure(CT_ERROR_NULL, "norm: batch_norm: gather has returned NULL, and no error");
    ct_batch_norm_gather(norm, gather_nothing, net);
    ck_assert_ptr_null(ct_forward(norm, ct_ones(CT_FLOAT64, CT_SHAPE(3, 2))));
    expect_failure(CT_ERROR_SHAPE, "norm: batch_norm: rows of 5 statistics were gathered as [5]");
    ck_assert_ptr_null(ct_forward(norm, ct_ones(CT_FLOAT64, CT_SHAPE(0, 2))));
    expect_failure(CT_ERROR_ARGUMENT, "norm: batch_norm: no batch of channels to gather statistics of: [0,2]");
    ck_assert_int_eq(ct_batch_norm_gather(NULL, gather_nothing, NULL), CT_ERROR_NULL);
    ct_error_clear();
    ct_module_free(net);
}
END_TEST

Suite *ct_suite_layers(void)
{
    TCase *tcase = tcase_create("layers");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, layers_agree_with_pytorch, 0, LENGTH(cases));
    tcase_add_test(tcase, no_case_is_left_out);
    tcase_add_test(tcase, dropouts_drop_in_training_only);
    tcase_add_test(tcase, the_padding_is_no_parameter);
    tcase_add_test(tcase, a_layer_of_ones_own);
    tcase_add_test(tcase, a_build_that_fails_is_undone);
    tcase_add_test(tcase, a_part_sees_its_tensors_alone);
    tcase_add_test(tcase, names_are_whole);
    tcase_add_test(tcase, tensors_are_known_by_their_elements);
    tcase_add_test(tcase, residuals_add);
    tcase_add_test(tcase, grouped_queries_share_keys);
    tcase_add_test(tcase, padding_of_sequences_counts_for_nothing);
    tcase_add_test(tcase, attention_and_recurrence_refuse);
    tcase_add_test(tcase, batch_norms_over_several_batches);
    tcase_add_test(tcase, layers_refuse);
    Suite *suite = suite_create("layers");
    suite_add_tcase(suite, tcase);
    return suite;
}
