/* The defaults of each option struct, for C++; made by docs/reference/make_cpp.py. Invariant: an init() for each. */
#ifndef COTAN_OPTIONS_HPP
#define COTAN_OPTIONS_HPP

#include <cotan/cotan.h>

namespace cotan
{

inline void init(ct_safetensors_options &o)
{
    ct_safetensors_options_init(&o, sizeof o);
}

inline void init(ct_gguf_options &o)
{
    ct_gguf_options_init(&o, sizeof o);
}

inline void init(ct_npy_options &o)
{
    ct_npy_options_init(&o, sizeof o);
}

inline void init(ct_npz_options &o)
{
    ct_npz_options_init(&o, sizeof o);
}

inline void init(ct_idx_options &o)
{
    ct_idx_options_init(&o, sizeof o);
}

inline void init(ct_csv_options &o)
{
    ct_csv_options_init(&o, sizeof o);
}

inline void init(ct_backward_options &o)
{
    ct_backward_options_init(&o, sizeof o);
}

inline void init(ct_grad_options &o)
{
    ct_grad_options_init(&o, sizeof o);
}

inline void init(ct_functional_options &o)
{
    ct_functional_options_init(&o, sizeof o);
}

inline void init(ct_gradcheck_options &o)
{
    ct_gradcheck_options_init(&o, sizeof o);
}

inline void init(ct_graph_options &o)
{
    ct_graph_options_init(&o, sizeof o);
}

inline void init(ct_explain_options &o)
{
    ct_explain_options_init(&o, sizeof o);
}

inline void init(ct_pad_options &o)
{
    ct_pad_options_init(&o, sizeof o);
}

inline void init(ct_interpolate_options &o)
{
    ct_interpolate_options_init(&o, sizeof o);
}

inline void init(ct_conv_options &o)
{
    ct_conv_options_init(&o, sizeof o);
}

inline void init(ct_pool_options &o)
{
    ct_pool_options_init(&o, sizeof o);
}

inline void init(ct_fractional_options &o)
{
    ct_fractional_options_init(&o, sizeof o);
}

inline void init(ct_grid_options &o)
{
    ct_grid_options_init(&o, sizeof o);
}

inline void init(ct_roi_options &o)
{
    ct_roi_options_init(&o, sizeof o);
}

inline void init(ct_cross_entropy_options &o)
{
    ct_cross_entropy_options_init(&o, sizeof o);
}

inline void init(ct_multi_margin_options &o)
{
    ct_multi_margin_options_init(&o, sizeof o);
}

inline void init(ct_loss_options &o)
{
    ct_loss_options_init(&o, sizeof o);
}

inline void init(ct_criterion_options &o)
{
    ct_criterion_options_init(&o, sizeof o);
}

inline void init(ct_ctc_options &o)
{
    ct_ctc_options_init(&o, sizeof o);
}

inline void init(ct_norm_options &o)
{
    ct_norm_options_init(&o, sizeof o);
}

inline void init(ct_local_response_options &o)
{
    ct_local_response_options_init(&o, sizeof o);
}

inline void init(ct_normalize_options &o)
{
    ct_normalize_options_init(&o, sizeof o);
}

inline void init(ct_var_options &o)
{
    ct_var_options_init(&o, sizeof o);
}

inline void init(ct_recurrent_options &o)
{
    ct_recurrent_options_init(&o, sizeof o);
}

inline void init(ct_attention_options &o)
{
    ct_attention_options_init(&o, sizeof o);
}

inline void init(ct_rotary_options &o)
{
    ct_rotary_options_init(&o, sizeof o);
}

inline void init(ct_reduce_options &o)
{
    ct_reduce_options_init(&o, sizeof o);
}

inline void init(ct_fft_options &o)
{
    ct_fft_options_init(&o, sizeof o);
}

inline void init(ct_stft_options &o)
{
    ct_stft_options_init(&o, sizeof o);
}

inline void init(ct_istft_options &o)
{
    ct_istft_options_init(&o, sizeof o);
}

inline void init(ct_quantile_options &o)
{
    ct_quantile_options_init(&o, sizeof o);
}

inline void init(ct_cov_options &o)
{
    ct_cov_options_init(&o, sizeof o);
}

inline void init(ct_histogram_options &o)
{
    ct_histogram_options_init(&o, sizeof o);
}

inline void init(ct_dataset_options &o)
{
    ct_dataset_options_init(&o, sizeof o);
}

inline void init(ct_text_options &o)
{
    ct_text_options_init(&o, sizeof o);
}

inline void init(ct_split_options &o)
{
    ct_split_options_init(&o, sizeof o);
}

inline void init(ct_dataset_map_options &o)
{
    ct_dataset_map_options_init(&o, sizeof o);
}

inline void init(ct_scaler_options &o)
{
    ct_scaler_options_init(&o, sizeof o);
}

inline void init(ct_pca_options &o)
{
    ct_pca_options_init(&o, sizeof o);
}

inline void init(ct_batches_options &o)
{
    ct_batches_options_init(&o, sizeof o);
}

inline void init(ct_events_options &o)
{
    ct_events_options_init(&o, sizeof o);
}

inline void init(ct_linear_options &o)
{
    ct_linear_options_init(&o, sizeof o);
}

inline void init(ct_conv_layer_options &o)
{
    ct_conv_layer_options_init(&o, sizeof o);
}

inline void init(ct_norm_layer_options &o)
{
    ct_norm_layer_options_init(&o, sizeof o);
}

inline void init(ct_instance_norm_options &o)
{
    ct_instance_norm_options_init(&o, sizeof o);
}

inline void init(ct_embedding_options &o)
{
    ct_embedding_options_init(&o, sizeof o);
}

inline void init(ct_recurrent_layer_options &o)
{
    ct_recurrent_layer_options_init(&o, sizeof o);
}

inline void init(ct_sequence_options &o)
{
    ct_sequence_options_init(&o, sizeof o);
}

inline void init(ct_attention_layer_options &o)
{
    ct_attention_layer_options_init(&o, sizeof o);
}

inline void init(ct_attention_forward_options &o)
{
    ct_attention_forward_options_init(&o, sizeof o);
}

inline void init(ct_transformer_options &o)
{
    ct_transformer_options_init(&o, sizeof o);
}

inline void init(ct_decoder_options &o)
{
    ct_decoder_options_init(&o, sizeof o);
}

inline void init(ct_vision_options &o)
{
    ct_vision_options_init(&o, sizeof o);
}

inline void init(ct_gpt2_options &o)
{
    ct_gpt2_options_init(&o, sizeof o);
}

inline void init(ct_add_options &o)
{
    ct_add_options_init(&o, sizeof o);
}

inline void init(ct_load_options &o)
{
    ct_load_options_init(&o, sizeof o);
}

inline void init(ct_summary_options &o)
{
    ct_summary_options_init(&o, sizeof o);
}

inline void init(ct_plot_options &o)
{
    ct_plot_options_init(&o, sizeof o);
}

inline void init(ct_onnx_options &o)
{
    ct_onnx_options_init(&o, sizeof o);
}

inline void init(ct_optimizer_options &o)
{
    ct_optimizer_options_init(&o, sizeof o);
}

inline void init(ct_clip_options &o)
{
    ct_clip_options_init(&o, sizeof o);
}

inline void init(ct_optimizer_schedule_options &o)
{
    ct_optimizer_schedule_options_init(&o, sizeof o);
}

inline void init(ct_average_options &o)
{
    ct_average_options_init(&o, sizeof o);
}

inline void init(ct_evaluate_options &o)
{
    ct_evaluate_options_init(&o, sizeof o);
}

inline void init(ct_fit_options &o)
{
    ct_fit_options_init(&o, sizeof o);
}

} // namespace cotan

#endif
