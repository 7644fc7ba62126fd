/* The operations that take more than tensors, as an expression calls them: CALL(name, parameters, call). Every other operation
 * of the library is called by its record, its options by the names that the record gives its attributes, and needs no row.
 *
 * A parameter is "name", a tensor, or "name:kind": number, integer, flag, integers (one or a list), index (a tensor of whole
 * numbers), mask (a tensor of 0 and 1), labels (an index, or probabilities of the first argument's shape), tensors (a list),
 * text, reduction. "=" gives what it is when it is left out; none stands for a tensor left out, all for no integers, kernel for
 * the size of the kernel.
 *
 * T(i) N(i) I(i) F(i) TEXT(i) are argument i; LIST(i) and TENSORS(i) two arguments each, its elements and their number. */
// clang-format off
CALL(add_scalar,    "x, s:number",                                  ct_add_scalar(T(0), N(1)))
CALL(mul_scalar,    "x, s:number",                                  ct_mul_scalar(T(0), N(1)))
CALL(pow_scalar,    "x, p:number",                                  ct_pow_scalar(T(0), N(1)))
CALL(clamp,         "x, low:number=-inf, high:number=inf",          ct_clamp(T(0), N(1), N(2)))
CALL(hardtanh,      "x, low:number=-1, high:number=1",              ct_hardtanh(T(0), N(1), N(2)))
CALL(leaky_relu,    "x, slope:number=0.01",                         ct_leaky_relu(T(0), N(1)))
CALL(elu,           "x, alpha:number=1",                            ct_elu(T(0), N(1)))
CALL(softplus,      "x, beta:number=1",                             ct_softplus(T(0), N(1)))
CALL(masked_fill,   "x, mask:mask, value:number",                   ct_masked_fill(T(0), T(1), N(2)))
CALL(where,         "condition:mask, a, b",                         ct_where(T(0), T(1), T(2)))
CALL(dropout,       "x, p:number=0.5, training:flag=true",          ct_dropout(T(0), N(1), F(2)))

CALL(sum,           "x, axis:integers=all, keepdim:flag=false",     ct_sum(T(0), REDUCE(1, 2)))
CALL(mean,          "x, axis:integers=all, keepdim:flag=false",     ct_mean(T(0), REDUCE(1, 2)))
CALL(prod,          "x, axis:integers=all, keepdim:flag=false",     ct_prod(T(0), REDUCE(1, 2)))
CALL(amax,          "x, axis:integers=all, keepdim:flag=false",     ct_amax(T(0), REDUCE(1, 2)))
CALL(amin,          "x, axis:integers=all, keepdim:flag=false",     ct_amin(T(0), REDUCE(1, 2)))
CALL(any,           "x, axis:integers=all, keepdim:flag=false",     ct_any(T(0), REDUCE(1, 2)))
CALL(all,           "x, axis:integers=all, keepdim:flag=false",     ct_all(T(0), REDUCE(1, 2)))
CALL(logsumexp,     "x, axis:integers=all, keepdim:flag=false",     ct_logsumexp(T(0), REDUCE(1, 2)))
CALL(norm,          "x, p:number=2, axis:integers=all, keepdim:flag=false", ct_norm(T(0), N(1), REDUCE(2, 3)))
CALL(var,           "x, axis:integers=all, keepdim:flag=false, biased:flag=false", ct_var(T(0), VARIANCE))
CALL(std,           "x, axis:integers=all, keepdim:flag=false, biased:flag=false", ct_std(T(0), VARIANCE))
CALL(max,           "x, axis:integer=-1, keepdim:flag=false",       ct_max(T(0), I(1), F(2), NULL))
CALL(min,           "x, axis:integer=-1, keepdim:flag=false",       ct_min(T(0), I(1), F(2), NULL))
CALL(argmax,        "x, axis:integer=-1",                           ct_argmax(T(0), I(1)))
CALL(argmin,        "x, axis:integer=-1",                           ct_argmin(T(0), I(1)))
CALL(cumsum,        "x, axis:integer=-1",                           ct_cumsum(T(0), I(1)))
CALL(cumprod,       "x, axis:integer=-1",                           ct_cumprod(T(0), I(1)))
CALL(sort,          "x, axis:integer=-1, descending:flag=false",    ct_sort(T(0), I(1), F(2), NULL))
CALL(argsort,       "x, axis:integer=-1, descending:flag=false",    ct_argsort(T(0), I(1), F(2)))
CALL(topk,          "x, k:integer, axis:integer=-1, largest:flag=true", ct_topk(T(0), N(1), I(2), F(3), NULL))
CALL(softmax,       "x, axis:integer=-1",                           ct_softmax(T(0), I(1)))
CALL(log_softmax,   "x, axis:integer=-1",                           ct_log_softmax(T(0), I(1)))
CALL(normalize,     "x, axis:integer=-1",                           ct_normalize(T(0), I(1)))
CALL(cosine_similarity, "a, b, axis:integer=-1, eps:number=1e-8",   ct_cosine_similarity(T(0), T(1), I(2), N(3)))
CALL(einsum,        "equation:text, operands:tensors",              ct_einsum(TEXT(0), TENSORS(1)))

CALL(reshape,       "x, shape:integers",                            ct_reshape(T(0), LIST(1)))
CALL(flatten,       "x, start:integer=0, end:integer=-1",           ct_flatten(T(0), I(1), I(2)))
CALL(transpose,     "x, axis0:integer=-2, axis1:integer=-1",        ct_transpose(T(0), I(1), I(2)))
CALL(permute,       "x, axes:integers",                             ct_permute(T(0), LIST(1)))
CALL(expand,        "x, shape:integers",                            ct_expand(T(0), LIST(1)))
CALL(sum_to,        "x, shape:integers",                            ct_sum_to(T(0), LIST(1)))
CALL(unsqueeze,     "x, axis:integer",                              ct_unsqueeze(T(0), I(1)))
CALL(squeeze,       "x, axis:integer",                              ct_squeeze(T(0), I(1)))
CALL(slice,         "x, axis:integer, start:integer, end:number=inf, step:integer=1",
     ct_slice(T(0), I(1), N(2), isinf(N(3)) ? CT_END : (int64_t)N(3), N(4)))
CALL(select,        "x, axis:integer, index:integer",               ct_select(T(0), I(1), N(2)))
CALL(concat,        "tensors:tensors, axis:integer=0",              ct_concat(TENSORS(0), I(1)))
CALL(stack,         "tensors:tensors, axis:integer=0",              ct_stack(TENSORS(0), I(1)))
CALL(flip,          "x, axes:integers",                             ct_flip(T(0), LIST(1)))
CALL(roll,          "x, shift:integer, axis:integer=-1",            ct_roll(T(0), N(1), I(2)))
CALL(repeat,        "x, times:integers",                            ct_repeat(T(0), LIST(1)))
CALL(pad,           "x, amounts:integers, value:number=0",          ct_pad(T(0), LIST(1), .value = N(2)))
CALL(tril,          "x, k:integer=0",                               ct_tril(T(0), N(1)))
CALL(triu,          "x, k:integer=0",                               ct_triu(T(0), N(1)))
CALL(diagonal,      "x, offset:integer=0, axis0:integer=0, axis1:integer=1", ct_diagonal(T(0), N(1), I(2), I(3)))
CALL(gather,        "x, axis:integer, index:index",                 ct_gather(T(0), I(1), T(2)))
CALL(scatter_add,   "x, axis:integer, index:index, source",         ct_scatter_add(T(0), I(1), T(2), T(3)))
CALL(index_select,  "x, axis:integer, index:index",                 ct_index_select(T(0), I(1), T(2)))
CALL(embedding,     "weight, index:index",                          ct_embedding(T(0), T(1)))
CALL(one_hot,       "index:index, classes:integer",                 ct_one_hot(T(0), N(1), CT_FLOAT64))
CALL(masked_select, "x, mask:mask",                                 ct_masked_select(T(0), T(1)))

CALL(cross_entropy, "x, target:labels, weight=none, label_smoothing:number=0, reduction:reduction=mean",
     ct_cross_entropy(T(0), T(1), .weight = T(2), .label_smoothing = N(3), .reduction = R(4)))
CALL(nll_loss,      "x, target:index, weight=none, reduction:reduction=mean",
     ct_nll_loss(T(0), T(1), .weight = T(2), .reduction = R(3)))
CALL(multi_margin_loss, "x, target:index, margin:number=1, p:integer=1, reduction:reduction=mean",
     ct_multi_margin_loss(T(0), T(1), .margin = N(2), .p = I(3), .reduction = R(4)))
CALL(mse_loss,      "x, t, reduction:reduction=mean",               ct_mse_loss(T(0), T(1), LOSS(2)))
CALL(l1_loss,       "x, t, reduction:reduction=mean",               ct_l1_loss(T(0), T(1), LOSS(2)))
CALL(hinge_loss,    "x, t, reduction:reduction=mean",               ct_hinge_loss(T(0), T(1), LOSS(2)))
CALL(kl_div,        "x, t, reduction:reduction=mean",               ct_kl_div(T(0), T(1), LOSS(2)))
CALL(huber_loss,    "x, t, delta:number=1, reduction:reduction=mean",
     ct_huber_loss(T(0), T(1), .delta = N(2), .reduction = R(3)))
CALL(binary_cross_entropy, "x, t, weight=none, reduction:reduction=mean",
     ct_binary_cross_entropy(T(0), T(1), .weight = T(2), .reduction = R(3)))
CALL(binary_cross_entropy_with_logits, "x, t, weight=none, pos_weight=none, reduction:reduction=mean",
     ct_binary_cross_entropy_with_logits(T(0), T(1), .weight = T(2), .pos_weight = T(3), .reduction = R(4)))

CALL(layer_norm,    "x, weight=none, bias=none, eps:number=1e-5",   ct_layer_norm(T(0), T(1), T(2), .eps = N(3)))
CALL(rms_norm,      "x, weight=none, eps:number=1e-6",              ct_rms_norm(T(0), T(1), .eps = N(2)))
CALL(batch_norm,    "x, weight=none, bias=none, eps:number=1e-5",   ct_batch_norm(T(0), T(1), T(2), .eps = N(3)))
CALL(instance_norm, "x, weight=none, bias=none, eps:number=1e-5",   ct_instance_norm(T(0), T(1), T(2), .eps = N(3)))
CALL(group_norm,    "x, groups:integer, weight=none, bias=none, eps:number=1e-5",
     ct_group_norm(T(0), N(1), T(2), T(3), .eps = N(4)))

CALL(conv1d,        "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1", ct_conv1d(T(0), T(1), T(2), CONV))
CALL(conv2d,        "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1", ct_conv2d(T(0), T(1), T(2), CONV))
CALL(conv3d,        "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1", ct_conv3d(T(0), T(1), T(2), CONV))
CALL(conv_transpose1d, "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1, output_padding:integer=0",
     ct_conv_transpose1d(T(0), T(1), T(2), CONV, .output_padding = {N(6)}))
CALL(conv_transpose2d, "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1, output_padding:integer=0",
     ct_conv_transpose2d(T(0), T(1), T(2), CONV, .output_padding = {N(6)}))
CALL(conv_transpose3d, "x, w, b=none, stride:integer=1, padding:integer=0, dilation:integer=1, output_padding:integer=0",
     ct_conv_transpose3d(T(0), T(1), T(2), CONV, .output_padding = {N(6)}))
CALL(unfold,        "x, kernel:integers, stride:integer=1, padding:integer=0, dilation:integer=1",
     ct_unfold(T(0), PAIR(1), CONV_AT(2)))
CALL(fold,          "columns, size:integers, kernel:integers, stride:integer=1, padding:integer=0, dilation:integer=1",
     ct_fold(T(0), PAIR(1), PAIR(2), CONV))
CALL(interpolate,   "x, scale:number=0, size:integers=all, linear:flag=false, align_corners:flag=false",
     ct_interpolate(T(0), .scale = {N(1) != 0 ? N(1) : CT_UNSET}, .size = {EACH_AXIS(2)}, .mode = F(3) ? CT_LINEAR : CT_NEAREST,
                    .align_corners = F(4)))
CALL(max_pool1d,    "x, kernel:integer, stride:integer=kernel, padding:integer=0", ct_max_pool1d(T(0), N(1), POOL))
CALL(max_pool2d,    "x, kernel:integer, stride:integer=kernel, padding:integer=0", ct_max_pool2d(T(0), N(1), POOL))
CALL(avg_pool1d,    "x, kernel:integer, stride:integer=kernel, padding:integer=0", ct_avg_pool1d(T(0), N(1), POOL))
CALL(avg_pool2d,    "x, kernel:integer, stride:integer=kernel, padding:integer=0", ct_avg_pool2d(T(0), N(1), POOL))
CALL(adaptive_avg_pool2d, "x, height:integer, width:integer",       ct_adaptive_avg_pool2d(T(0), N(1), N(2)))
CALL(local_response_norm, "x, size:integer, alpha:number=1e-4, beta:number=0.75, k:number=1",
     ct_local_response_norm(T(0), N(1), .alpha = N(2), .beta = N(3), .k = N(4)))
CALL(lstm_cell,     "x, h, c, weight_x, weight_h, bias_x=none, bias_h=none",
     ct_lstm_cell(T(0), T(1), T(2), T(3), T(4), T(5), T(6), NULL))
CALL(rnn,           "x, weights:tensors, h0=none, bidirectional:flag=false, batch_first:flag=false",
     ct_rnn(T(0), T(2), TENSORS(1), .bidirectional = F(3), .batch_first = F(4)))
CALL(lstm,          "x, weights:tensors, h0=none, c0=none, bidirectional:flag=false, batch_first:flag=false",
     ct_lstm(T(0), T(2), T(3), TENSORS(1), .bidirectional = F(4), .batch_first = F(5)))
CALL(gru,           "x, weights:tensors, h0=none, bidirectional:flag=false, batch_first:flag=false",
     ct_gru(T(0), T(2), TENSORS(1), .bidirectional = F(3), .batch_first = F(4)))
CALL(scaled_dot_product_attention, "q, k, v, is_causal:flag=false",
     ct_scaled_dot_product_attention(T(0), T(1), T(2), .is_causal = F(3)))

CALL(zeros,         "shape:integers",                               ct_zeros(CT_FLOAT64, LIST(0)))
CALL(ones,          "shape:integers",                               ct_ones(CT_FLOAT64, LIST(0)))
CALL(full,          "shape:integers, value:number",                 ct_full(CT_FLOAT64, N(1), LIST(0)))
CALL(eye,           "n:integer",                                    ct_eye(CT_FLOAT64, N(0)))
CALL(arange,        "n:integer",                                    ct_arange(CT_FLOAT64, 0, 1, N(0)))
CALL(rand,          "shape:integers, low:number=0, high:number=1",  ct_rand(CT_FLOAT64, N(1), N(2), LIST(0)))
CALL(randn,         "shape:integers, mean:number=0, deviation:number=1", ct_randn(CT_FLOAT64, N(1), N(2), LIST(0)))
// clang-format on
