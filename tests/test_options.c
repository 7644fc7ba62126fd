/* Options: the defaults of every struct, structs of another size, and a function of one's own that takes options. */
#include <cotan/cotan.h>
#include "tensor_checks.h"
#include "suites.h"
#include <math.h>
#include <string.h>

/* Every option struct of the library. */
#define STRUCTS(ROW)                   \
    ROW(ct_attention_options)          \
    ROW(ct_average_options)            \
    ROW(ct_backward_options)           \
    ROW(ct_batches_options)            \
    ROW(ct_conv_options)               \
    ROW(ct_cov_options)                \
    ROW(ct_criterion_options)          \
    ROW(ct_cross_entropy_options)      \
    ROW(ct_ctc_options)                \
    ROW(ct_dataset_options)            \
    ROW(ct_evaluate_options)           \
    ROW(ct_fit_options)                \
    ROW(ct_grad_options)               \
    ROW(ct_gradcheck_options)          \
    ROW(ct_grid_options)               \
    ROW(ct_interpolate_options)        \
    ROW(ct_linear_options)             \
    ROW(ct_local_response_options)     \
    ROW(ct_loss_options)               \
    ROW(ct_multi_margin_options)       \
    ROW(ct_norm_options)               \
    ROW(ct_normalize_options)          \
    ROW(ct_optimizer_options)          \
    ROW(ct_optimizer_schedule_options) \
    ROW(ct_pad_options)                \
    ROW(ct_plot_options)               \
    ROW(ct_pool_options)               \
    ROW(ct_quantile_options)           \
    ROW(ct_recurrent_options)          \
    ROW(ct_reduce_options)             \
    ROW(ct_add_options)                \
    ROW(ct_attention_forward_options)  \
    ROW(ct_attention_layer_options)    \
    ROW(ct_decoder_options)            \
    ROW(ct_recurrent_layer_options)    \
    ROW(ct_sequence_options)           \
    ROW(ct_summary_options)            \
    ROW(ct_transformer_options)        \
    ROW(ct_conv_layer_options)         \
    ROW(ct_embedding_options)          \
    ROW(ct_instance_norm_options)      \
    ROW(ct_load_options)               \
    ROW(ct_norm_layer_options)         \
    ROW(ct_var_options)

/* What a program of another language gets is what the macros begin with, as far as its struct goes. */
#define SAME_DEFAULTS(type)                                                                       \
    {                                                                                             \
        static const type expected = {CT_DEFAULTS(type)};                                         \
        type filled, half;                                                                        \
        memset(&filled, 0xaa, sizeof filled);                                                     \
        memset(&half, 0xaa, sizeof half);                                                         \
        type##_init(&filled, sizeof filled);                                                      \
        ck_assert_msg(memcmp(&filled, &expected, sizeof filled) == 0, "%s differs", #type);       \
        type##_init(&half, sizeof(size_t));                                                       \
        ck_assert_msg(half.struct_size == sizeof(size_t), "%s: a short one's size", #type);       \
        ck_assert_msg(((unsigned char *)&half)[sizeof half - 1] == 0xaa, "%s: beyond it", #type); \
        type##_init(NULL, sizeof filled);                                                         \
    }

START_TEST(init_gives_the_defaults){STRUCTS(SAME_DEFAULTS)} END_TEST

    START_TEST(defaults_are_what_the_headers_say)
{
    CT_OPTIONS(ct_conv_options, conv, );
    ck_assert_int_eq(conv.stride[0], 1);
    ck_assert_int_eq(conv.groups, 1);
    CT_OPTIONS(ct_cross_entropy_options, entropy, .label_smoothing = 0.5);
    ck_assert_int_eq(entropy.ignore_index, -100);
    ck_assert_double_eq(entropy.label_smoothing, 0.5);
    CT_OPTIONS(ct_optimizer_options, optimizer, .momentum = 0);
    ck_assert(ct_is_unset(optimizer.lr) && !ct_is_unset(optimizer.momentum));
    ck_assert(!ct_is_unset(NAN) && !ct_is_unset(-NAN) && !ct_is_unset(0));
}
END_TEST

/* A NaN that the user computed is not "not given". */
START_TEST(a_nan_is_refused)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ck_assert_ptr_null(ct_optimizer_new(m, &ct_rule_adam, .beta1 = NAN));
    expect_error(NULL, CT_ERROR_ARGUMENT, "optimizer adam: beta1 out of range: nan");
    ct_module_free(m);
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(2, 2)), *labels = ct_zeros(CT_INT64, CT_SHAPE(2));
    expect_error(ct_scaled_dot_product_attention(x, x, x, .scale = NAN), CT_ERROR_ARGUMENT,
                 "scaled_dot_product_attention: scale nan");
    ck_assert_ptr_null(ct_dataset_new(x, labels, .scale = NAN));
    expect_error(NULL, CT_ERROR_ARGUMENT, "dataset: scale nan");
    expect_error(ct_layer_norm(x, NULL, NULL, .eps = NAN), CT_ERROR_ARGUMENT, "layer_norm: eps nan");
    expect_error(ct_interpolate(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 2)), .scale = {NAN}), CT_ERROR_ARGUMENT,
                 "interpolate: scale[0] is nan");
}
END_TEST

/* ---- structs of another size ---- */

/* As of a program that was compiled before scale and align_corners were there. */
START_TEST(what_an_older_struct_lacks_has_its_default)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 7), CT_SHAPE(1, 1, 4));
    ct_interpolate_options old;
    memset(&old, 0xaa, sizeof old);
    ct_interpolate_options_init(&old, offsetof(ct_interpolate_options, scale));
    old.mode = CT_NEAREST;
    old.size[0] = 2;
    expect_tensor((ct_interpolate)(x, &old), CT_FLOAT64, CT_SHAPE(1, 1, 2), CT_VALUES(1, 3));
}
END_TEST

START_TEST(a_struct_without_a_size_or_of_a_newer_header_is_refused)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    struct {
        ct_reduce_options now;
        int64_t added;
    } newer;
    ct_reduce_options_init(&newer.now, sizeof newer);
    expect_error((ct_sum)(x, &newer.now), CT_ERROR_ARGUMENT,
                 "sum: options of 32 bytes, this library knows 24: they are of a newer header");
    memset(&newer, 0, sizeof newer);
    expect_error((ct_sum)(x, &newer.now), CT_ERROR_ARGUMENT,
                 "sum: options of 0 bytes, not 24: make them with CT_OPTIONS() or their _init()");
}
END_TEST

/* Every function that takes options refuses such a struct, and none reads past it. */
#define REFUSED(type, call)                                                                                         \
    {                                                                                                               \
        static const type options;                                                                                  \
        (void)!(call);                                                                                              \
        ck_assert_msg(strstr(ct_error_message(), ": options of 0 bytes"), "%s: \"%s\"", #call, ct_error_message()); \
        ct_error_clear();                                                                                           \
    }

START_TEST(every_function_reads_its_options_so)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 2, 2)), *labels = ct_zeros(CT_INT64, CT_SHAPE(1)), *grad;
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_dataset *data = ct_dataset_new(ct_ones(CT_FLOAT32, CT_SHAPE(1, 2)), labels);
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd);
    const int64_t two[] = {1, 1};
    REFUSED(ct_attention_options, (ct_scaled_dot_product_attention)(x, x, x, &options))
    REFUSED(ct_backward_options, (ct_backward)(x, &options))
    REFUSED(ct_grad_options, (ct_grad)(&x, 1, &x, 1, &grad, &options))
    REFUSED(ct_batches_options, (ct_batches_new)(data, &options))
    REFUSED(ct_conv_layer_options, (ct_conv1d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_conv_layer_options, (ct_conv2d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_conv_layer_options, (ct_conv3d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_conv_layer_options, (ct_conv_transpose1d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_conv_layer_options, (ct_conv_transpose2d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_conv_layer_options, (ct_conv_transpose3d_new)(m, "a", 1, 1, 1, &options))
    REFUSED(ct_pool_options, (ct_max_pool1d_new)(m, "a", 1, &options))
    REFUSED(ct_pool_options, (ct_max_pool2d_new)(m, "a", 1, &options))
    REFUSED(ct_pool_options, (ct_avg_pool1d_new)(m, "a", 1, &options))
    REFUSED(ct_pool_options, (ct_avg_pool2d_new)(m, "a", 1, &options))
    REFUSED(ct_norm_layer_options, (ct_batch_norm_new)(m, "a", 1, &options))
    REFUSED(ct_norm_layer_options, (ct_layer_norm_new)(m, "a", two, 2, &options))
    REFUSED(ct_norm_layer_options, (ct_rms_norm_new)(m, "a", two, 2, &options))
    REFUSED(ct_norm_layer_options, (ct_group_norm_new)(m, "a", 1, 1, &options))
    REFUSED(ct_instance_norm_options, (ct_instance_norm_new)(m, "a", 1, &options))
    REFUSED(ct_local_response_options, (ct_local_response_norm_new)(m, "a", 1, &options))
    REFUSED(ct_embedding_options, (ct_embedding_new)(m, "a", 1, 1, &options))
    REFUSED(ct_add_options, (ct_module_add)(m, "a", NULL, two, 2, &options))
    REFUSED(ct_load_options, (ct_module_load)(m, "a", &options))
    REFUSED(ct_summary_options, (ct_module_summary)(m, stdout, &options))
    REFUSED(ct_recurrent_layer_options, (ct_rnn_new)(m, "a", 1, 1, &options))
    REFUSED(ct_recurrent_layer_options, (ct_lstm_new)(m, "a", 1, 1, &options))
    REFUSED(ct_recurrent_layer_options, (ct_gru_new)(m, "a", 1, 1, &options))
    REFUSED(ct_sequence_options, (ct_recurrent_forward)(m, x, &options))
    REFUSED(ct_attention_layer_options, (ct_multihead_attention_new)(m, "a", 2, 1, &options))
    REFUSED(ct_attention_forward_options, (ct_multihead_attention_forward)(m, x, x, x, &options))
    REFUSED(ct_transformer_options, (ct_transformer_encoder_layer_new)(m, "a", 2, 1, &options))
    REFUSED(ct_transformer_options, (ct_transformer_decoder_layer_new)(m, "a", 2, 1, &options))
    REFUSED(ct_attention_forward_options, (ct_transformer_encoder_layer_forward)(m, x, &options))
    REFUSED(ct_decoder_options, (ct_transformer_decoder_layer_forward)(m, x, x, &options))
    REFUSED(ct_linear_options, (ct_linear_new)(m, "a", 1, 1, &options))
    REFUSED(ct_optimizer_options, (ct_optimizer_new)(m, &ct_rule_sgd, &options))
    REFUSED(ct_optimizer_options, (ct_optimizer_of)(&x, 1, &ct_rule_sgd, &options))
    REFUSED(ct_optimizer_options, (ct_optimizer_group)(sgd, "*", &options))
    REFUSED(ct_optimizer_schedule_options, (ct_optimizer_schedule)(sgd, &ct_schedule_constant, &options))
    REFUSED(ct_average_options, (ct_average_new)(m, &options))
    REFUSED(ct_conv_options, (ct_conv1d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_conv2d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_conv3d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_conv_transpose1d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_conv_transpose2d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_conv_transpose3d)(x, x, NULL, &options))
    REFUSED(ct_conv_options, (ct_unfold)(x, two, &options))
    REFUSED(ct_conv_options, (ct_fold)(x, two, two, &options))
    REFUSED(ct_pool_options, (ct_max_pool1d)(x, 1, &options))
    REFUSED(ct_pool_options, (ct_max_pool2d)(x, 1, &options))
    REFUSED(ct_pool_options, (ct_avg_pool1d)(x, 1, &options))
    REFUSED(ct_pool_options, (ct_avg_pool2d)(x, 1, &options))
    REFUSED(ct_cross_entropy_options, (ct_cross_entropy)(x, labels, &options))
    REFUSED(ct_cross_entropy_options, (ct_nll_loss)(x, labels, &options))
    REFUSED(ct_multi_margin_options, (ct_multi_margin_loss)(x, labels, &options))
    REFUSED(ct_loss_options, (ct_mse_loss)(x, x, &options))
    REFUSED(ct_loss_options, (ct_l1_loss)(x, x, &options))
    REFUSED(ct_loss_options, (ct_huber_loss)(x, x, &options))
    REFUSED(ct_loss_options, (ct_binary_cross_entropy)(x, x, &options))
    REFUSED(ct_loss_options, (ct_binary_cross_entropy_with_logits)(x, x, &options))
    REFUSED(ct_loss_options, (ct_kl_div)(x, x, &options))
    REFUSED(ct_loss_options, (ct_hinge_loss)(x, x, &options))
    REFUSED(ct_dataset_options, (ct_dataset_new)(x, labels, &options))
    REFUSED(ct_dataset_options, (ct_dataset_from_idx)("a", "b", &options))
    REFUSED(ct_dataset_options, (ct_dataset_from_csv)("a", &options))
    REFUSED(ct_fit_options, (ct_fit)(ct_lenet5_forward, NULL, sgd, data, &options))
    REFUSED(ct_evaluate_options, (ct_evaluate)(ct_lenet5_forward, NULL, data, &(ct_evaluation){0}, &options))
    REFUSED(ct_gradcheck_options, (ct_gradcheck_op)(ct_ops(&(int){0})[0], NULL, &options))
    REFUSED(ct_interpolate_options, (ct_interpolate)(x, &options))
    REFUSED(ct_local_response_options, (ct_local_response_norm)(x, 1, &options))
    REFUSED(ct_normalize_options, (ct_normalize)(x, 0, &options))
    REFUSED(ct_norm_options, (ct_batch_norm)(x, NULL, NULL, &options))
    REFUSED(ct_norm_options, (ct_layer_norm)(x, NULL, NULL, &options))
    REFUSED(ct_norm_options, (ct_group_norm)(x, 1, NULL, NULL, &options))
    REFUSED(ct_norm_options, (ct_instance_norm)(x, NULL, NULL, &options))
    REFUSED(ct_norm_options, (ct_rms_norm)(x, NULL, &options))
    REFUSED(ct_pad_options, (ct_pad)(x, two, 2, &options))
    REFUSED(ct_plot_options, (ct_plot_svg)("/dev/null", &(ct_series){.n = 0}, 1, &options))
    REFUSED(ct_recurrent_options, (ct_rnn)(x, NULL, &x, 1, &options))
    REFUSED(ct_recurrent_options, (ct_lstm)(x, NULL, NULL, &x, 1, &options))
    REFUSED(ct_recurrent_options, (ct_gru)(x, NULL, &x, 1, &options))
    REFUSED(ct_reduce_options, (ct_sum)(x, &options))
    REFUSED(ct_reduce_options, (ct_mean)(x, &options))
    REFUSED(ct_reduce_options, (ct_prod)(x, &options))
    REFUSED(ct_reduce_options, (ct_amax)(x, &options))
    REFUSED(ct_reduce_options, (ct_amin)(x, &options))
    REFUSED(ct_reduce_options, (ct_any)(x, &options))
    REFUSED(ct_reduce_options, (ct_all)(x, &options))
    REFUSED(ct_reduce_options, (ct_norm)(x, 2, &options))
    REFUSED(ct_reduce_options, (ct_logsumexp)(x, &options))
    REFUSED(ct_var_options, (ct_var)(x, &options))
    REFUSED(ct_var_options, (ct_std)(x, &options))
    REFUSED(ct_reduce_options, (ct_count_nonzero)(x, &options))
    REFUSED(ct_quantile_options, (ct_quantile)(x, x, &options))
    REFUSED(ct_cov_options, (ct_cov)(x, &options))
    REFUSED(ct_grid_options, (ct_grid_sample)(x, x, &options))
    REFUSED(ct_criterion_options, (ct_soft_margin_loss)(x, x, &options))
    REFUSED(ct_loss_options, (ct_smooth_l1_loss)(x, x, &options))
    REFUSED(ct_ctc_options, (ct_ctc_loss)(x, x, x, x, &options))
    ct_dataset_free(data);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* ---- a function of one's own ---- */

typedef struct CT_BY_NAME scale_options {
    CT_OPTIONS_HEAD;
    double by;
} scale_options;
#define CT_DEFAULTS_scale_options .by = 3,

static ct_tensor *scaled_with(ct_tensor *x, const scale_options *options)
{
    CT_READ_OPTIONS(scale_options, o, options, "scaled");
    return o ? ct_mul_scalar(x, o->by) : NULL;
}
#define scaled(...) ct_at(CT_HERE, CT_WITH1(scaled_with, scale_options, __VA_ARGS__, ))

START_TEST(a_function_of_ones_own)
{
    ct_tensor *x = ct_scalar(CT_FLOAT64, 2);
    ck_assert_double_eq(ct_item(scaled(x)), 6);
    ck_assert_double_eq(ct_item(scaled(x, .by = 0)), 0);
    ck_assert_double_eq(ct_item(scaled(scaled(x, .by = 5), .by = 7)), 70);
    ck_assert_double_eq(ct_item(scaled_with(x, NULL)), 6);
}
END_TEST

Suite *ct_suite_options(void)
{
    Suite *suite = suite_create("options");
    TCase *structs = tcase_create("structs");
    tcase_add_checked_fixture(structs, open_test, close_test);
    tcase_add_test(structs, init_gives_the_defaults);
    tcase_add_test(structs, defaults_are_what_the_headers_say);
    tcase_add_test(structs, a_nan_is_refused);
    tcase_add_test(structs, what_an_older_struct_lacks_has_its_default);
    tcase_add_test(structs, a_struct_without_a_size_or_of_a_newer_header_is_refused);
    tcase_add_test(structs, every_function_reads_its_options_so);
    tcase_add_test(structs, a_function_of_ones_own);
    suite_add_tcase(suite, structs);
    return suite;
}
