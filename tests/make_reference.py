#!/usr/bin/python3
"""Makes tests/data/reference.safetensors: what PyTorch answers in float64, to the second order.

    python tests/make_reference.py tests/data/reference.safetensors        (needs PyTorch 2.15 and numpy)

For a case NAME, whose expression in C is CASE(NAME, ...) of tests/reference_cases.def, the file holds
  NAME/in0, NAME/in1, ...    the inputs: float64; int64 for indices and labels; uint8 for masks
  NAME/out                   the result of the expression; int64 where it is an integer or a truth
  NAME/gout                  the gradient that is fed back into `out`, where it is a float
  NAME/gin0, NAME/gin1, ...  the gradient of each float input, from torch.autograd
  NAME/hin0, NAME/hin1, ...  the gradient of sum_i <gin_i, v_i> for each float input, where v_i is NAME/v<i>: a second-order
                             check (absent where it is zero everywhere)
Inputs are drawn from the case's number, so new cases go to the end."""
import json, re, struct, sys, warnings
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
warnings.filterwarnings("ignore")
CASES = []


def R(*shape, lo=-2.0, hi=2.0):
    return ("f", shape, lo, hi)


def POS(*shape):
    return R(*shape, lo=0.2, hi=3.0)


def I(n, *shape):
    return ("i", shape, 0, n)


def M(*shape):
    return ("m", shape, 0, 2)


def case(name, fn, *ins, order=2):
    """order 1: PyTorch's second derivative is too inexact to compare with, or noise where it is zero."""
    CASES.append((name, fn, ins, order))


def FIX(values):
    return ("v", values)


# --- elementwise, one input -------------------------------------------------------------------
case("neg", lambda x: -x, R(3, 4))
case("abs", lambda x: x.abs(), R(3, 4))
case("sign", lambda x: x.sign(), R(3, 4))
case("square", lambda x: x.square(), R(3, 4))
case("sqrt", lambda x: x.sqrt(), POS(3, 4))
case("rsqrt", lambda x: x.rsqrt(), POS(3, 4))
case("reciprocal", lambda x: x.reciprocal(), POS(3, 4))
case("exp", lambda x: x.exp(), R(3, 4))
case("expm1", lambda x: x.expm1(), R(3, 4))
case("log", lambda x: x.log(), POS(3, 4))
case("log1p", lambda x: x.log1p(), POS(3, 4))
case("log2", lambda x: x.log2(), POS(3, 4))
case("sin", lambda x: x.sin(), R(3, 4))
case("cos", lambda x: x.cos(), R(3, 4))
case("tan", lambda x: x.tan(), R(3, 4, lo=-1.2, hi=1.2))
case("asin", lambda x: x.asin(), R(3, 4, lo=-.9, hi=.9))
case("acos", lambda x: x.acos(), R(3, 4, lo=-.9, hi=.9))
case("atan", lambda x: x.atan(), R(3, 4))
case("sinh", lambda x: x.sinh(), R(3, 4))
case("cosh", lambda x: x.cosh(), R(3, 4))
case("tanh", lambda x: x.tanh(), R(3, 4))
case("erf", lambda x: x.erf(), R(3, 4))
case("floor", lambda x: x.floor(), R(3, 4))
case("clamp", lambda x: x.clamp(-0.5, 1.0), R(3, 4))
case("pow_scalar", lambda x: x.pow(2.5), POS(3, 4))
case("pow_scalar_negative_base", lambda x: x.pow(3.0), R(3, 4))
case("sigmoid", lambda x: x.sigmoid(), R(3, 4))
case("sigmoid_saturated", lambda x: x.sigmoid(), FIX([-800., -40., -1e-9, 0.5, 40., 800.]))
case("log_sigmoid", lambda x: F.logsigmoid(x), R(3, 4, lo=-50, hi=50))
case("softplus", lambda x: F.softplus(x), R(3, 4, lo=-15, hi=15))
case("relu", lambda x: F.relu(x), R(3, 4))
case("relu_at_zero", lambda x: F.relu(x), FIX([-1., 0., 2., 0.]))
case("leaky_relu", lambda x: F.leaky_relu(x, 0.1), R(3, 4))
case("elu", lambda x: F.elu(x, 1.3), R(3, 4))
case("selu", lambda x: F.selu(x), R(3, 4))
case("gelu", lambda x: F.gelu(x), R(3, 4))
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), R(3, 4))
case("silu", lambda x: F.silu(x), R(3, 4))
case("swish_beta", lambda x, beta: x * torch.sigmoid(beta * x), R(3, 4), FIX([1.7]))
case("hardtanh", lambda x: F.hardtanh(x), R(3, 4))
case("mish", lambda x: F.mish(x), R(3, 4))
case("softsign", lambda x: F.softsign(x), R(3, 4))
case("prelu", lambda x, a: F.prelu(x, a), R(2, 3, 4), R(3, lo=.1, hi=.4))

# --- elementwise, two or more inputs, broadcasting ----------------------------------------------
case("add", lambda a, b: a + b, R(3, 4), R(3, 4))
case("add_broadcast", lambda a, b: a + b, R(2, 1, 4), R(3, 1))
case("add_scalar_tensor", lambda a, b: a + b, R(2, 3), R())
case("sub_broadcast", lambda a, b: a - b, R(4), R(3, 4))
case("mul_broadcast", lambda a, b: a * b, R(2, 3, 4), R(3, 1))
case("mul_self", lambda a: a * a, R(3, 4))
case("div_broadcast", lambda a, b: a / b, R(2, 3), POS(3))
case("pow_tensor", lambda a, b: a ** b, POS(3, 4), R(4))
case("maximum", lambda a, b: torch.maximum(a, b), R(3, 4), R(3, 4))
case("minimum_broadcast", lambda a, b: torch.minimum(a, b), R(3, 4), R(4))
case("maximum_tie", lambda a, b: torch.maximum(a, b), FIX([1., 2., 3.]), FIX([1., 5., 3.]))
case("atan2", lambda a, b: torch.atan2(a, b), R(3, 4), R(3, 4))
case("where_broadcast", lambda a, b: torch.where(a > b, a * 2, b * b), R(3, 4), R(4))
case("lerp", lambda a, b, w: torch.lerp(a, b, w), R(3, 4), R(3, 4), R(3, 4, lo=0, hi=1))
case("masked_fill", lambda x: x.masked_fill(x > 0.5, -3.0), R(3, 4))
case("fork_and_join", lambda x, w: (x * w + x) * (x * w), R(3, 4), R(3, 4))

# --- reductions --------------------------------------------------------------------------------
case("sum_all", lambda x: x.sum(), R(2, 3, 4))
case("sum_axis", lambda x: x.sum(1), R(2, 3, 4))
case("sum_axes_keepdim", lambda x: x.sum((0, 2), keepdim=True), R(2, 3, 4))
case("sum_negative_axis", lambda x: x.sum(-1), R(2, 3, 4))
case("mean_all", lambda x: x.mean(), R(2, 3, 4))
case("mean_axes", lambda x: x.mean((0, 1)), R(2, 3, 4))
case("prod_axis", lambda x: x.prod(1), R(3, 4))
case("prod_with_zero", lambda x: x.prod(1), FIX([[1., 0., 3.], [2., 5., 4.], [0., 0., 2.]]))
case("amax_axis", lambda x: x.amax(1), R(3, 5))
case("amin_all", lambda x: x.amin(), R(3, 5))
case("max_index_axis", lambda x: x.max(1).values, R(3, 5))
case("var_unbiased", lambda x: x.var(1), R(3, 5))
case("var_biased", lambda x: x.var((0, 2), unbiased=False), R(2, 3, 4))
case("std", lambda x: x.std(1), R(3, 5))
case("logsumexp", lambda x: x.logsumexp(1), R(3, 5))
case("logsumexp_large", lambda x: x.logsumexp(0), FIX([1000., 1000.5, -1000.]))
case("norm_l1", lambda x: x.norm(1), R(3, 4))
case("norm_l2", lambda x: x.norm(2), R(3, 4))
case("norm_l2_axis", lambda x: x.norm(2, dim=1), R(3, 4))
case("cumsum", lambda x: x.cumsum(1), R(3, 5))
case("cumprod", lambda x: x.cumprod(1), POS(3, 4))

# --- matrices ----------------------------------------------------------------------------------
case("matmul", lambda a, b: a @ b, R(3, 4), R(4, 5))
case("matmul_transposed", lambda a, b: a.t() @ b.t(), R(4, 3), R(5, 4))
case("matmul_vector", lambda a, b: a @ b, R(3, 4), R(4))
case("vector_matmul", lambda a, b: a @ b, R(3), R(3, 4))
case("dot", lambda a, b: a @ b, R(5), R(5))
case("outer", lambda a, b: torch.outer(a, b), R(3), R(4))
case("matmul_batched", lambda a, b: a @ b, R(2, 3, 4), R(2, 4, 5))
case("matmul_batched_broadcast", lambda a, b: a @ b, R(2, 1, 3, 4), R(5, 4, 2))
case("matmul_empty_inner", lambda a, b: a @ b, R(3, 0), R(0, 4))
case("linear", lambda x, w, b: F.linear(x, w, b), R(5, 4), R(3, 4), R(3))
case("linear_3d", lambda x, w, b: F.linear(x, w, b), R(2, 5, 4), R(3, 4), R(3))
case("bilinear", lambda x, y, w: torch.einsum("bi,oij,bj->bo", x, w, y), R(5, 3), R(5, 4), R(2, 3, 4))
case("einsum_attention", lambda q, k: torch.einsum("bhid,bhjd->bhij", q, k), R(2, 2, 3, 4), R(2, 2, 5, 4))
case("trace", lambda x: x.trace(), R(4, 4))
case("mahalanobis", lambda x, s: ((x @ s) * x).sum(1), R(5, 3), R(3, 3))

# --- shape and indexing ------------------------------------------------------------------------
case("reshape", lambda x: x.reshape(4, 6) * 2, R(2, 3, 4))
case("transpose", lambda x: x.transpose(0, 2).contiguous(), R(2, 3, 4))
case("permute", lambda x: x.permute(2, 0, 1) * 1.5, R(2, 3, 4))
case("reshape_of_transpose", lambda x: x.transpose(0, 1).reshape(-1), R(3, 4))
case("expand", lambda x: x.expand(5, 3, 4) * 1.0, R(3, 1))
case("squeeze_unsqueeze", lambda x: x.squeeze(1).unsqueeze(0) * 1.0, R(3, 1, 4))
case("slice", lambda x: x[1:3, 0:4:2], R(4, 5))
case("slice_negative", lambda x: x[-2:, :-1], R(4, 5))
case("flip", lambda x: x.flip(0, 1), R(3, 4))
case("roll", lambda x: x.roll(2, 1), R(3, 4))
case("concat", lambda a, b: torch.cat([a, b], 1), R(3, 2), R(3, 4))
case("concat_same_twice", lambda a: torch.cat([a, a * 2, a], 0), R(3, 2))
case("stack", lambda a, b: torch.stack([a, b], 1), R(3, 4), R(3, 4))
case("split_middle", lambda x: x.split([1, 3, 2], 1)[1], R(2, 6))
case("repeat", lambda x: x.repeat(2, 3), R(2, 3))
case("pad_constant", lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), R(3, 4))
case("pad_reflect", lambda x: F.pad(x, (2, 1, 1, 1), mode="reflect"), R(1, 2, 4, 5))
case("diagonal", lambda x: x.diagonal(), R(4, 4))
case("tril", lambda x: x.tril(-1), R(4, 4))
case("triu", lambda x: x.triu(1), R(3, 5))
case("gather", lambda x, i: x.gather(1, i), R(3, 5), I(5, 3, 4))
case("index_select", lambda x, i: x.index_select(0, i), R(5, 3), I(5, 7))
case("index_select_axis1", lambda x, i: x.index_select(1, i), R(2, 5, 3), I(5, 4))
case("scatter_add", lambda x, i, s: x.scatter_add(1, i, s), R(3, 5), I(5, 3, 4), R(3, 4))
case("embedding", lambda w, i: F.embedding(i, w), R(7, 3), I(7, 2, 4))
case("one_hot_matmul", lambda w, i: F.one_hot(i, 7).double() @ w, R(7, 3), I(7, 4))
case("sort_values", lambda x: x.sort(1).values, R(3, 5))
case("topk_values", lambda x: x.topk(2, 1).values, R(3, 5))

# --- convolution and pooling -------------------------------------------------------------------
case("conv2d", lambda x, w, b: F.conv2d(x, w, b), R(2, 3, 7, 6), R(4, 3, 3, 3), R(4))
case("conv2d_no_bias_1x1", lambda x, w: F.conv2d(x, w), R(2, 3, 5, 4), R(4, 3, 1, 1))
case("conv2d_pad_stride", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), R(2, 3, 7, 6), R(4, 3, 3, 3), R(4))
case("conv2d_asymmetric", lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(0, 2), dilation=(1, 2)), R(2, 2, 8, 7), R(3, 2, 3, 2), R(3))
case("conv2d_groups", lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=2), R(2, 4, 5, 5), R(6, 2, 3, 3), R(6))
case("conv2d_depthwise", lambda x, w: F.conv2d(x, w, padding=1, groups=4), R(2, 4, 5, 5), R(4, 1, 3, 3))
case("conv1d", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), R(2, 3, 9), R(4, 3, 3), R(4))
case("conv_transpose2d", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1), R(2, 3, 4, 5), R(3, 4, 3, 3), R(4))
case("max_pool2d", lambda x: F.max_pool2d(x, 2), R(2, 3, 6, 7))
case("max_pool2d_overlap_pad", lambda x: F.max_pool2d(x, 3, stride=2, padding=1), R(2, 3, 7, 7))
case("avg_pool2d", lambda x: F.avg_pool2d(x, 2), R(2, 3, 6, 6))
case("avg_pool2d_pad_counted", lambda x: F.avg_pool2d(x, 3, stride=2, padding=1), R(2, 3, 7, 7))
case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 2)), R(2, 3, 7, 5))
case("global_avg_pool", lambda x: x.mean((2, 3)), R(2, 3, 5, 4))
case("unfold", lambda x: F.unfold(x, 3, padding=1, stride=2), R(2, 3, 5, 6))
case("upsample_nearest", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), R(2, 3, 3, 4))
case("upsample_bilinear", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), R(2, 3, 3, 4))

# --- normalisation -----------------------------------------------------------------------------
case("softmax", lambda x: F.softmax(x, 1), R(3, 5))
case("softmax_axis0", lambda x: F.softmax(x, 0), R(3, 5))
case("softmax_large", lambda x: F.softmax(x, 0), FIX([1000., 1000.5, -1000.]))
case("log_softmax", lambda x: F.log_softmax(x, 1), R(3, 5))
case("batch_norm_2d_input", lambda x, g, b: F.batch_norm(x, None, None, g, b, True, 0.1, 1e-5), R(6, 3), R(3), R(3))
case("batch_norm_train", lambda x, g, b: F.batch_norm(x, None, None, g, b, True, 0.1, 1e-5), R(4, 3, 5, 4), R(3), R(3))
case("batch_norm_eval", lambda x, g, b, m, v: F.batch_norm(x, m.detach(), v.detach(), g, b, False, 0.1, 1e-5), R(4, 3, 5, 4), R(3), R(3), R(3), POS(3))
case("layer_norm", lambda x, g, b: F.layer_norm(x, (5,), g, b), R(2, 3, 5), R(5), R(5))
case("group_norm", lambda x, g, b: F.group_norm(x, 2, g, b), R(2, 4, 3, 3), R(4), R(4))
case("instance_norm", lambda x: F.instance_norm(x), R(2, 3, 4, 4))
case("rms_norm", lambda x, g: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * g, R(2, 3, 5), R(5))
case("local_response_norm", lambda x: F.local_response_norm(x, 5, alpha=0.3, beta=0.75, k=2.0), R(2, 7, 3, 3))
case("l2_normalize", lambda x: F.normalize(x, dim=1), R(3, 5))

# --- losses ------------------------------------------------------------------------------------
case("mse_loss", lambda x, t: F.mse_loss(x, t), R(3, 4), R(3, 4))
case("l1_loss", lambda x, t: F.l1_loss(x, t), R(3, 4), R(3, 4))
case("huber_loss", lambda x, t: F.huber_loss(x, t, delta=0.7), R(3, 4), R(3, 4))
case("bce_loss", lambda p, t: F.binary_cross_entropy(p, t), R(3, 4, lo=.05, hi=.95), R(3, 4, lo=0, hi=1))
case("bce_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t), R(3, 4, lo=-30, hi=30), R(3, 4, lo=0, hi=1))
case("cross_entropy", lambda x, t: F.cross_entropy(x, t), R(6, 5), I(5, 6))
case("cross_entropy_sum", lambda x, t: F.cross_entropy(x, t, reduction="sum"), R(6, 5), I(5, 6))
case("cross_entropy_smooth", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), R(6, 5), I(5, 6))
case("cross_entropy_soft_targets", lambda x, t: F.cross_entropy(x, F.softmax(t, 1)), R(6, 5), R(6, 5))
case("cross_entropy_weighted", lambda x, t: F.cross_entropy(x, t, weight=torch.tensor([1., 2., .5, 1., 3.])), R(6, 5), I(5, 6))
case("cross_entropy_ignore", lambda x, t: F.cross_entropy(x, t, ignore_index=1), R(6, 3), I(3, 6))
case("nll_loss", lambda x, t: F.nll_loss(F.log_softmax(x, 1), t), R(6, 5), I(5, 6))
case("kl_div", lambda x, t: F.kl_div(F.log_softmax(x, 1), F.softmax(t, 1), reduction="batchmean"), R(6, 5), R(6, 5))
case("multi_margin_weston_watkins", lambda x, t: F.multi_margin_loss(x, t) * x.shape[1], R(6, 5), I(5, 6))
case("hinge_binary", lambda x, t: F.relu(1 - x * t.sign()).mean(), R(6), R(6))
case("perceptron_loss", lambda x, t: F.relu(-x * t.sign()).sum(), R(6), R(6))
case("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, dim=1), R(3, 5), R(3, 5))
case("l2_regularised", lambda x, w, t: F.mse_loss(x @ w, t) + 0.5 * 0.01 * w.square().sum(), R(6, 3), R(3), R(6))
case("l1_regularised", lambda x, w, t: F.mse_loss(x @ w, t) + 0.01 * w.abs().sum(), R(6, 3), R(3), R(6))

# --- recurrent cells, attention, capsules --------------------------------------------------------
case("rnn_cell_tanh", lambda x, h, wi, wh, bi, bh: torch.tanh(F.linear(x, wi, bi) + F.linear(h, wh, bh)), R(2, 3), R(2, 4), R(4, 3), R(4, 4), R(4), R(4))
case("lstm_cell_hidden", lambda x, h, c, wi, wh, bi, bh: torch._VF.lstm_cell(x, (h, c), wi, wh, bi, bh)[0], R(2, 3), R(2, 4), R(2, 4), R(16, 3), R(16, 4), R(16), R(16))
case("lstm_cell_state", lambda x, h, c, wi, wh, bi, bh: torch._VF.lstm_cell(x, (h, c), wi, wh, bi, bh)[1], R(2, 3), R(2, 4), R(2, 4), R(16, 3), R(16, 4), R(16), R(16))
case("gru_cell", lambda x, h, wi, wh, bi, bh: torch._VF.gru_cell(x, h, wi, wh, bi, bh), R(2, 3), R(2, 4), R(12, 3), R(12, 4), R(12), R(12))
case("attention", lambda q, k, v: F.softmax(q @ k.transpose(-1, -2) / 2.0, -1) @ v, R(2, 2, 5, 4), R(2, 2, 6, 4), R(2, 2, 6, 4))
case("attention_causal", lambda q, k, v: F.softmax((q @ k.transpose(-1, -2) / 2.0).masked_fill(torch.ones(5, 5).triu(1).bool(), float("-inf")), -1) @ v, R(2, 2, 5, 4), R(2, 2, 5, 4), R(2, 2, 5, 4))
case("capsule_squash", lambda s: s * (s.square().sum(-1, keepdim=True) / (1 + s.square().sum(-1, keepdim=True))) / s.norm(2, dim=-1, keepdim=True), R(2, 3, 4))

# --- the worked numbers of the lecture notes -----------------------------------------------------
case("circuit_sigmoid_of_linear", lambda w, x: 1 / (1 + torch.exp(-(w[0] * x[0] + w[1] * x[1] + w[2]))), FIX([2., -3., -3.]), FIX([-1., -2.]))
case("softmax_5_2_m1_3", lambda z: F.softmax(z, 0), FIX([5., 2., -1., 3.]))


# --- more functions -----------------------------------------------------------------------------
case("ceil", lambda x: torch.ceil(x), R(3, 4))
case("round", lambda x: torch.round(x), R(3, 4))
case("trunc", lambda x: torch.trunc(x), R(3, 4))
case("frac", lambda x: torch.frac(x), R(3, 4))
case("exp2", lambda x: torch.exp2(x), R(3, 4))
case("log10", lambda x: torch.log10(x), POS(3, 4))
case("asinh", lambda x: torch.asinh(x), R(3, 4, lo=-9, hi=9))
case("acosh", lambda x: torch.acosh(x), R(3, 4, lo=1.1, hi=9))
case("atanh", lambda x: torch.atanh(x), R(3, 4, lo=-.9, hi=.9))
case("deg2rad", lambda x: torch.deg2rad(x), R(3, 4, lo=-360, hi=360))
case("rad2deg", lambda x: torch.rad2deg(x), R(3, 4))
case("erfc", lambda x: torch.erfc(x), R(3, 4))
case("erfinv", lambda x: torch.erfinv(x), R(3, 4, lo=-.95, hi=.95))
case("sinc", lambda x: torch.sinc(x), R(3, 4, lo=.3, hi=3))
case("lgamma", lambda x: torch.lgamma(x), POS(3, 4), order=1)
case("lgamma_negative", lambda x: torch.lgamma(x), R(5, lo=-3.9, hi=-3.1), order=1)
case("digamma", lambda x: torch.digamma(x), POS(3, 4))
case("polygamma", lambda x: torch.polygamma(2, x), POS(3, 4))
case("i0", lambda x: torch.i0(x), R(3, 4, lo=-9, hi=9))
case("i1", lambda x: torch.special.i1(x), R(3, 4, lo=.1, hi=5))
case("i0e", lambda x: torch.special.i0e(x), R(3, 4, lo=.1, hi=15))
case("i1e", lambda x: torch.special.i1e(x), R(3, 4, lo=.1, hi=15))
case("remainder", lambda a, b: torch.remainder(a, b), R(3, 4), R(4))
case("fmod", lambda a, b: torch.fmod(a, b), R(3, 4), R(4))
case("floor_divide", lambda a, b: torch.floor_divide(a.detach(), b.detach()), R(3, 4), R(4))
case("copysign", lambda a, b: torch.copysign(a, b), R(3, 4), R(3, 1), order=1)
case("heaviside", lambda a, b: torch.heaviside(a.detach(), b.detach()), FIX([-1., 0., 2., 0.]), FIX([5., 6., 7., 8.]))
case("hypot", lambda a, b: torch.hypot(a, b), R(3, 4), R(4))
case("logaddexp", lambda a, b: torch.logaddexp(a, b), R(3, 4), R(4))
case("xlogy", lambda a, b: torch.xlogy(a, b), R(3, 4), POS(4))
case("xlog1py", lambda a, b: torch.special.xlog1py(a, b), R(3, 4), POS(4))
case("igamma", lambda a, x: torch.igamma(a.detach(), x), POS(3, 4), POS(4))
case("igammac", lambda a, x: torch.igammac(a.detach(), x), POS(3, 4), POS(4))
case("beta", lambda a, b: torch.exp(torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)), POS(3, 4), POS(4), order=1)
case("clamp_tensor", lambda x, a, b: torch.clamp(x, a, b), R(3, 4), R(4, lo=-1, hi=1), R(3, 1, lo=-1, hi=2))
case("clamp_low", lambda x, a: torch.clamp(x, min=a), R(3, 4), R(4))
case("nan_to_num", lambda x: torch.nan_to_num(x, 2.0, None, -3.0), FIX([1., float('nan'), float('-inf'), -5.]))
case("isnan", lambda x: torch.isnan(x), FIX([1., float('nan'), float('-inf'), 0.]))
case("isinf", lambda x: torch.isinf(x), FIX([1., float('nan'), float('-inf'), float('inf')]))
case("isposinf", lambda x: torch.isposinf(x), FIX([1., float('nan'), float('-inf'), float('inf')]))
case("isneginf", lambda x: torch.isneginf(x), FIX([1., float('nan'), float('-inf'), float('inf')]))
case("isfinite", lambda x: torch.isfinite(x), FIX([1., float('nan'), float('-inf'), float('inf')]))
case("signbit", lambda x: torch.signbit(x), FIX([1., -0., 0., float('-inf'), -3.]))

# --- order and statistics -----------------------------------------------------------------------
case("kthvalue", lambda x: x.kthvalue(2, 1).values, R(3, 5))
case("kthvalue_place", lambda x: x.kthvalue(3, 0, keepdim=True).indices, R(4, 5))
case("median_odd", lambda x: x.median(1).values, R(3, 5))
case("median_even_keepdim", lambda x: x.median(0, keepdim=True).values, R(4, 5))
case("nanmedian", lambda x: x.nanmedian(1).values, FIX([[1., float('nan'), 3., 2.], [5., 4., float('nan'), float('nan')]]))
case("mode", lambda x: x.round().mode(1).values, R(5, 9))
case("mode_value", lambda x: x.mode(1).values, FIX([[1., 3., 2., 3., 1., 3.], [2., 2., 1., 1., 5., 4.]]))
case("quantile", lambda x, q: torch.quantile(x, q, 1), R(3, 6), FIX([.1, .5, .85]))
case("quantile_all", lambda x: torch.quantile(x, 0.3), R(3, 4))
case("quantile_keepdim", lambda x, q: torch.quantile(x, q.detach(), 0, keepdim=True), R(2, 3, 4), FIX([.3, .9]))
case("quantile_lower", lambda x, q: torch.quantile(x, q.detach(), -1, interpolation="lower"), R(3, 6), FIX([.15, .5]))
case("quantile_higher", lambda x, q: torch.quantile(x, q.detach(), -1, interpolation="higher"), R(3, 6), FIX([.15, .5]))
case("quantile_midpoint", lambda x, q: torch.quantile(x, q.detach(), 1, interpolation="midpoint"), R(3, 6, 2), FIX([.15, .5]))
case("quantile_nearest", lambda x, q: torch.quantile(x, q.detach(), 1, interpolation="nearest"), R(3, 6), FIX([.15, .5, .3]))
case("nanquantile", lambda x, q: torch.nanquantile(x, q.detach(), 1), FIX([[1., float('nan'), 3., 2.], [5., 4., 1., 7.]]), FIX([.15, .5]))
case("logcumsumexp", lambda x: x.logcumsumexp(1), R(3, 5), order=1)
case("logcumsumexp_large", lambda x: x.logcumsumexp(0), FIX([1000., 1000.5, -1000., 999.]), order=1)
case("cummax", lambda x: x.cummax(1).values, R(3, 6))
case("cummin", lambda x: x.cummin(0).values, R(6, 3))
case("cummax_places", lambda x: x.cummax(1).indices, FIX([[1., 1., 3., 2., 3.], [0., -1., 0., 5., 4.]]))
case("diff", lambda x: x.diff(dim=1), R(3, 5))
case("diff_twice", lambda x: x.diff(2, 0), R(5, 3))
case("trapezoid", lambda y: torch.trapezoid(y, dim=1), R(3, 5))
case("trapezoid_x", lambda y, x: torch.trapezoid(y, x[:, None].expand(-1, 3), dim=0), R(5, 3), R(5))
case("cumulative_trapezoid", lambda y, x: torch.cumulative_trapezoid(y, x, dim=1), R(3, 5), R(3, 5))
case("count_nonzero", lambda x: x.round().count_nonzero(1), R(3, 8))
case("var_correction", lambda x: x.var(1, correction=2.5), R(3, 5))
case("std_correction", lambda x: x.std((0, 2), correction=0, keepdim=True), R(2, 3, 4))
case("cov", lambda x: torch.cov(x), R(3, 6))
case("cov_of_one", lambda x: torch.cov(x, correction=0), R(6))
case("cov_weighted", lambda x, f, a: torch.cov(x, fweights=f, aweights=a), R(2, 5), I(4, 5), POS(5))
case("corrcoef", lambda x: torch.corrcoef(x), R(3, 6))
case("bincount", lambda i: torch.bincount(i, minlength=7), I(5, 12))
case("bincount_weighted", lambda i, w: torch.bincount(i, w.detach()), I(5, 12), R(12))
case("histc", lambda x: torch.histc(x.detach(), 5, -1, 1.5), R(40))
case("histc_all", lambda x: torch.histc(x.detach(), 4), R(3, 10))

# --- more activations and losses ----------------------------------------------------------------
case("hardsigmoid", lambda x: F.relu6(x + 3) / 6, R(4, 5, lo=-5, hi=5))
case("hardswish", lambda x: F.hardswish(x), R(4, 5, lo=-5, hi=5))
case("celu", lambda x: torch.where(x > 0, x, 0.7 * torch.expm1(x / 0.7)), R(3, 4))
case("threshold", lambda x: F.threshold(x, 0.5, -2.0), R(3, 4))
case("hardshrink", lambda x: F.hardshrink(x, 0.6), R(3, 4))
case("softshrink", lambda x: F.softshrink(x, 0.6), R(3, 4))
case("tanhshrink", lambda x: F.tanhshrink(x), R(3, 4))
case("glu", lambda x: F.glu(x, 1), R(2, 6, 3))
case("glu_last", lambda x: F.glu(x), R(3, 8))
case("smooth_l1_loss", lambda x, t: F.smooth_l1_loss(x, t, beta=0.5), R(3, 4), R(3, 4))
case("soft_margin_loss", lambda x, t: F.soft_margin_loss(x, t.detach()), R(3, 4), FIX([[1., -1., 1., 1.], [-1., -1., 1., 1.], [1., 1., -1., -1.]]))
case("hinge_embedding_loss", lambda x, t: F.hinge_embedding_loss(x, t.detach()), R(3, 4), FIX([[1., -1., 1., 1.], [-1., -1., 1., 1.], [1., 1., -1., -1.]]))
case("margin_ranking_loss", lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.3), R(6), R(6), FIX([1., -1., 1., 1., -1., -1.]))
case("cosine_embedding_loss", lambda a, b, t: F.cosine_embedding_loss(a, b, t.detach(), margin=0.1), R(5, 4), R(5, 4), FIX([1., -1., 1., -1., -1.]), order=1)
case("triplet_margin_loss", lambda a, p, n: F.triplet_margin_loss(a, p, n), R(5, 4), R(5, 4), R(5, 4))
case("triplet_margin_loss_swap", lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=2.0, p=3, swap=True, reduction="none"), R(5, 4), R(5, 4), R(5, 4))
case("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, keepdim=True), R(5, 4), R(5, 4))
case("gaussian_nll_loss", lambda x, t, v: F.gaussian_nll_loss(x, t, v), R(3, 4), R(3, 4), POS(3, 4))
case("gaussian_nll_loss_full", lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=True, reduction="none"), R(3, 4), R(3, 4), POS(3, 1))
case("poisson_nll_loss", lambda x, t: F.poisson_nll_loss(x, t.detach()), R(3, 4), POS(3, 4))
case("poisson_nll_loss_rate", lambda x, t: F.poisson_nll_loss(x, t.detach(), log_input=False, full=True, reduction="sum"), POS(3, 4), POS(3, 4))
case("sigmoid_focal_loss", lambda x, t: (lambda p, t: (F.binary_cross_entropy_with_logits(x, t, reduction="none") * (1 - (p * t + (1 - p) * (1 - t))) ** 1.5 * (0.25 * t + 0.75 * (1 - t))).mean())(x.sigmoid(), t.detach()), R(3, 4), FIX([[1., 0., 1., 1.], [0., 0., 1., 1.], [1., 1., 0., 0.]]))
case("multilabel_soft_margin_loss", lambda x, t: F.multilabel_soft_margin_loss(x, t.detach()), R(3, 4), FIX([[1., 0., 1., 1.], [0., 0., 1., 1.], [1., 1., 0., 0.]]))
case("ctc_loss", lambda x, t: F.ctc_loss(x.log_softmax(2), t + 1, torch.tensor([7, 5, 6]), torch.tensor([3, 2, 1])), R(7, 3, 4), I(3, 3, 3), order=1)
case("ctc_loss_sum", lambda x, t: F.ctc_loss(x.log_softmax(2), t, torch.tensor([6, 6]), torch.tensor([2, 0]), blank=3, reduction="sum"), R(6, 2, 4), FIX([[1, 1], [0, 2]]), order=1)

# --- indexing -----------------------------------------------------------------------------------
case("scatter", lambda x, i, s: x.scatter(1, i, s), R(3, 5), FIX([[0, 2, 4], [1, 0, 3], [4, 3, 2]]), R(3, 3))
case("scatter_reduce_sum", lambda x, i, s: x.scatter_reduce(1, i, s, "sum", include_self=False), R(3, 5), I(5, 3, 4), R(3, 4))
case("scatter_reduce_mean", lambda x, i, s: x.scatter_reduce(1, i, s, "mean"), R(3, 5), I(5, 3, 7), R(3, 7))
case("scatter_reduce_amax", lambda x, i, s: x.scatter_reduce(0, i, s, "amax"), R(3, 4), I(3, 6, 4), R(6, 4))
case("scatter_reduce_amin", lambda x, i, s: x.scatter_reduce(0, i, s, "amin", include_self=False), R(3, 4), I(3, 6, 4), R(6, 4))
case("index_add", lambda x, i, s: x.index_add(1, i, s), R(3, 5), I(5, 4), R(3, 4))
case("index_copy", lambda x, i, s: x.index_copy(0, i, s), R(5, 3), FIX([3, 0]), R(2, 3))
case("take_along_dim", lambda x, i: torch.take_along_dim(x, i, 1), R(3, 5), I(5, 1, 4))
case("index", lambda x, i, j: x[i, j], R(3, 4, 2), I(3, 5), I(4, 2, 1))
case("index_put", lambda x, s, i, j: x.index_put((i, j), s), R(3, 4, 2), R(2, 2), FIX([2, 0]), FIX([1, 3]))
case("index_put_accumulate", lambda x, s, i: x.index_put((i,), s, accumulate=True), R(3, 4), R(4), I(3, 5))
case("searchsorted", lambda x, v: torch.searchsorted(x.sort(1).values, v), R(3, 6), R(3, 4))
case("bucketize_right", lambda x, v: torch.bucketize(v, x, right=True), FIX([1., 2., 2., 5.]), FIX([[0., 2.], [5., 9.], [1., 3.]]))
case("nonzero", lambda x: torch.nonzero(x > 0), R(3, 4, 2))
case("unique", lambda x: torch.unique(x.round().detach()), R(4, 5))
case("unique_inverse", lambda x: torch.unique(x, return_inverse=True)[1], I(4, 3, 5))
case("unique_counts", lambda x: torch.unique(x, return_counts=True)[1], I(4, 3, 5))
case("repeat_interleave", lambda x, n: x.repeat_interleave(n, 1), R(3, 4), I(3, 4))
case("repeat_interleave_all", lambda x: x.repeat_interleave(3, 0), R(3, 4))

# --- linear algebra -----------------------------------------------------------------------------
case("solve", lambda a, b: torch.linalg.solve(a, b), R(3, 3), R(3, 2))
case("solve_vector", lambda a, b: torch.linalg.solve(a, b), R(4, 4), R(4))
case("solve_batched", lambda a, b: torch.linalg.solve(a, b), R(2, 1, 3, 3), R(4, 3, 2))
case("solve_triangular", lambda a, b: torch.linalg.solve_triangular(a, b, upper=False), POS(3, 3), R(3, 2))
case("solve_triangular_upper_unit", lambda a, b: torch.linalg.solve_triangular(a, b, upper=True, unitriangular=True), R(2, 3, 3), R(2, 3, 2))
case("lstsq", lambda a, b: torch.linalg.lstsq(a, b).solution, R(5, 3), R(5, 2))
case("inverse", lambda a: torch.linalg.inv(a), R(2, 3, 3))
case("pinv", lambda a: torch.linalg.pinv(a), R(4, 3), order=1)
case("det", lambda a: torch.linalg.det(a), R(2, 3, 3))
case("slogdet_sign", lambda a: torch.linalg.slogdet(a)[0].detach(), R(3, 4, 4))
case("slogdet", lambda a: torch.linalg.slogdet(a)[1], R(3, 4, 4))
case("cholesky", lambda a: torch.linalg.cholesky(a @ a.mT + torch.eye(3)), R(2, 3, 3))
case("cholesky_solve", lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a @ a.mT + torch.eye(3))), R(3, 3), R(3, 2))
case("eigvalsh", lambda a: torch.linalg.eigvalsh(a @ a.mT + torch.eye(3)), R(2, 3, 3))
case("eigh_vectors", lambda a: torch.linalg.eigh(a @ a.mT + torch.eye(4))[1].square(), R(4, 4))
case("qr_q", lambda a: torch.linalg.qr(a)[0], R(5, 3))
case("qr_r", lambda a: torch.linalg.qr(a)[1], R(2, 4, 4))
case("svdvals", lambda a: torch.linalg.svdvals(a), R(2, 3, 5))
case("svd_u", lambda a: torch.linalg.svd(a, full_matrices=False)[0].square(), R(4, 3))
case("svd_v", lambda a: torch.linalg.svd(a, full_matrices=False)[2].mT.square(), R(3, 4))
case("matrix_power", lambda a: torch.linalg.matrix_power(a, 5), R(2, 3, 3))
case("matrix_power_negative", lambda a: torch.linalg.matrix_power(a, -2), R(3, 3))
case("matrix_exp", lambda a: torch.linalg.matrix_exp(a), R(2, 4, 4))
case("cross", lambda a, b: torch.linalg.cross(a, b, dim=1), R(2, 3, 4), R(2, 3, 1))
case("kron", lambda a, b: torch.kron(a, b), R(2, 3), R(3, 2))
case("kron_ranks", lambda a, b: torch.kron(a, b), R(3), R(2, 2))
case("cdist", lambda a, b: torch.cdist(a, b), R(4, 3), R(5, 3))
case("cdist_p3", lambda a, b: torch.cdist(a, b, p=3.0), R(2, 4, 3), R(2, 5, 3), order=1)
case("nuclear_norm", lambda a: torch.linalg.matrix_norm(a, "nuc"), R(3, 4))

# --- images -------------------------------------------------------------------------------------
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), R(2, 8, 2, 3))
case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 3), R(2, 6, 3))
case("affine_grid", lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=False), R(2, 2, 3))
case("affine_grid_corners", lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=True), R(2, 2, 3))
case("grid_sample", lambda x, g: F.grid_sample(x, g, align_corners=False), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.3, hi=1.3), order=1)
case("grid_sample_corners", lambda x, g: F.grid_sample(x, g, align_corners=True), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.3, hi=1.3), order=1)
case("grid_sample_border", lambda x, g: F.grid_sample(x, g, padding_mode="border", align_corners=False), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.5, hi=1.5), order=1)
case("grid_sample_nearest", lambda x, g: F.grid_sample(x, g, mode="nearest", align_corners=False), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.3, hi=1.3))

# --- windows in one to three dimensions ------------------------------------------------------------
case("max_pool1d", lambda x: F.max_pool1d(x, 3, stride=2, padding=1, dilation=2), R(2, 3, 9))
case("max_pool3d", lambda x: F.max_pool3d(x, 2), R(2, 2, 4, 5, 4))
case("max_pool3d_options", lambda x: F.max_pool3d(x, (3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1), dilation=(1, 2, 1), ceil_mode=True), R(2, 5, 4, 6))
case("avg_pool1d", lambda x: F.avg_pool1d(x, 3, stride=2, padding=1, count_include_pad=False), R(2, 3, 8))
case("avg_pool2d_divisor", lambda x: F.avg_pool2d(x, (2, 3), ceil_mode=True, divisor_override=5), R(1, 2, 5, 4))
case("avg_pool2d_dilated", lambda x: F.unfold(x, 2, dilation=2, stride=(1, 2)).reshape(2, 3, 4, -1).mean(2).reshape(2, 3, 4, 3), R(2, 3, 6, 7))
case("avg_pool3d", lambda x: F.avg_pool3d(x, 2), R(2, 2, 4, 5, 4))
case("avg_pool3d_options", lambda x: F.avg_pool3d(x, (3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1), ceil_mode=True, count_include_pad=False), R(2, 5, 4, 6))
case("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x, 4), R(2, 3, 7))
case("adaptive_avg_pool3d", lambda x: F.adaptive_avg_pool3d(x, (3, 2, 4)), R(2, 2, 5, 4, 3))
case("adaptive_max_pool1d", lambda x: F.adaptive_max_pool1d(x, 4), R(2, 3, 7))
case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (3, 2)), R(2, 3, 7, 5))
case("adaptive_max_pool2d_places", lambda x: F.adaptive_max_pool2d(x, (3, 2), return_indices=True)[1], R(2, 3, 7, 5))
case("adaptive_max_pool3d", lambda x: F.adaptive_max_pool3d(x, (3, 2, 2)), R(2, 2, 5, 4, 3))
case("max_unpool1d", lambda x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2, output_size=(2, 3, 7)), R(2, 3, 7))
case("max_unpool2d", lambda x: F.max_unpool2d(*F.max_pool2d(x, (2, 3), return_indices=True), (2, 3), output_size=(2, 3, 5, 7)), R(2, 3, 5, 7))
case("max_unpool3d", lambda x: F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2), R(1, 2, 4, 2, 4))
case("fold", lambda x: F.fold(x, (5, 6), 3, padding=1, stride=2), R(2, 27, 9))
case("unfold_dilated", lambda x: F.unfold(x, (2, 3), dilation=(2, 1), padding=(0, 2)), R(2, 2, 5, 4))
case("conv3d", lambda x, w, b: F.conv3d(x, w, b, stride=(2, 1, 2), padding=(1, 0, 1), dilation=(1, 2, 1), groups=2), R(2, 2, 5, 4, 4), R(4, 1, 3, 2, 2), R(4))
case("conv_transpose1d", lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1), R(2, 3, 5), R(3, 4, 3), R(4))
case("conv_transpose2d_groups", lambda x, w: F.conv_transpose2d(x, w, stride=(1, 3), padding=(0, 1), dilation=(2, 1), groups=2), R(1, 4, 3, 2), R(4, 3, 2, 3))
case("conv_transpose3d", lambda x, w, b: F.conv_transpose3d(x, w, b, stride=(1, 2, 1), padding=(0, 1, 0), output_padding=(0, 1, 0)), R(1, 2, 2, 3, 2), R(2, 3, 2, 2, 3), R(3))
case("conv2d_same", lambda x, w, b: F.conv2d(x, w, b, padding="same", dilation=(1, 2)), R(2, 3, 5, 6), R(4, 3, 2, 4), R(4))
case("conv2d_circular", lambda x, w, b: F.conv2d(F.pad(x, (2, 2, 1, 1), mode="circular"), w, b), R(2, 3, 5, 6), R(4, 3, 3, 3), R(4))
case("conv1d_reflect_same", lambda x, w: F.conv1d(F.pad(x, (1, 2), mode="reflect"), w), R(2, 3, 7), R(2, 3, 4))
case("conv2d_replicate", lambda x, w: F.conv2d(F.pad(x, (1, 1, 2, 2), mode="replicate"), w, stride=2), R(1, 2, 5, 6), R(3, 2, 3, 3))

# --- resizing, padding, boxes ------------------------------------------------------------------------
def resized(**options):
    return lambda x: F.interpolate(x, **options)


def shown_in_boxes(x, boxes, size, points, scale, aligned):
    """torchvision's roi_align from its definition, a box at a time, between pixels by grid_sample; points lie inside the image."""
    parts = []
    for box in boxes:
        x1, y1, x2, y2 = (box[1:] * scale - (0.5 if aligned else 0)).unbind()
        w, h = (x2 - x1, y2 - y1) if aligned else ((x2 - x1).clamp(min=1), (y2 - y1).clamp(min=1))
        at_x = x1 + w * (torch.arange(size[1] * points) + 0.5) / (size[1] * points)
        at_y = y1 + h * (torch.arange(size[0] * points) + 0.5) / (size[0] * points)
        grid = torch.stack([(2 * at_x / (x.shape[3] - 1) - 1).expand(len(at_y), -1), (2 * at_y / (x.shape[2] - 1) - 1)[:, None].expand(-1, len(at_x))], -1)
        image = x[int(box[0])][None]
        parts.append(F.avg_pool2d(F.grid_sample(image, grid[None], align_corners=True), points))
    return torch.cat(parts)


BOXES = [[0., 0.7, 1.1, 3.4, 2.9], [1., 1.2, 0.6, 2.3, 2.2], [1., 0.6, 0.8, 4.1, 3.3]]


def kept_boxes(boxes, scores, threshold):
    order, kept = scores.argsort(descending=True).tolist(), []
    for i in order:
        a, inside = boxes[i], True
        for j in kept:
            b = boxes[j]
            w, h = (min(a[2 + k], b[2 + k]) - max(a[k], b[k]) for k in range(2))
            both = max(w, 0) * max(h, 0)
            inside &= bool(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both) <= threshold)
        kept += [i] * inside
    return torch.tensor(kept)


case("interpolate_linear_corners", resized(size=7, mode="linear", align_corners=True), R(2, 3, 4))
case("interpolate_trilinear", resized(size=(3, 5, 2), mode="trilinear"), R(1, 2, 4, 3, 3))
case("interpolate_bicubic", resized(size=(7, 6), mode="bicubic"), R(2, 2, 4, 5))
case("interpolate_bicubic_corners", resized(size=(7, 3), mode="bicubic", align_corners=True), R(1, 2, 4, 5))
case("interpolate_bicubic_scale", resized(scale_factor=0.6, mode="bicubic"), R(1, 2, 6, 8))
case("interpolate_bilinear_antialias", resized(size=(3, 4), mode="bilinear", antialias=True), R(1, 2, 8, 7))
case("interpolate_bicubic_antialias", resized(size=(3, 9), mode="bicubic", antialias=True), R(1, 2, 8, 7))
case("interpolate_bilinear_antialias_corners", resized(size=(3, 4), mode="bilinear", antialias=True, align_corners=True), R(1, 2, 8, 7))
case("interpolate_area", resized(size=(3, 2), mode="area"), R(1, 2, 7, 5))
case("interpolate_nearest_exact", resized(size=(5, 3), mode="nearest-exact"), R(1, 2, 4, 7))
case("pad_circular", lambda x: F.pad(x, (3, 2, 1, 4), mode="circular"), R(2, 3, 4, 5))
case("pad_replicate", lambda x: F.pad(x, (3, 0, 1, 4), mode="replicate"), R(2, 3, 4, 5))
case("pad_negative", lambda x: F.pad(x, (-1, 2, 1, -2), value=0.5), R(4, 5))
case("roi_align", lambda x, b: shown_in_boxes(x, b, (2, 3), 2, 1.0, False), R(2, 2, 5, 6), FIX(BOXES))
case("roi_align_aligned", lambda x, b: shown_in_boxes(x, b, (1, 2), 3, 1.25, True), R(2, 2, 5, 7), FIX(BOXES))
case("nms", lambda b, s: kept_boxes(torch.cat([b[:, :2], b[:, :2] + b[:, 2:].abs() + 0.5], 1), s, 0.2), R(12, 4), R(12))

# --- spectra: PyTorch's complex numbers as pairs -----------------------------------------------------
def pairs(f, **options):
    return lambda x: torch.view_as_real(f(torch.view_as_complex(x), **options))


case("fft", pairs(torch.fft.fft), R(3, 8, 2))
case("fft_axis_longer_ortho", pairs(torch.fft.fft, n=7, dim=0, norm="ortho"), R(5, 3, 2))
case("fft_prime", pairs(torch.fft.fft), R(2, 37, 2))
case("fft_mixed", pairs(torch.fft.fft), R(60, 2))
case("ifft", pairs(torch.fft.ifft), R(3, 6, 2))
case("ifft_shorter_forward", pairs(torch.fft.ifft, n=4, norm="forward"), R(3, 6, 2))
case("rfft", lambda x: torch.view_as_real(torch.fft.rfft(x)), R(3, 8))
case("rfft_odd_axis", lambda x: torch.view_as_real(torch.fft.rfft(x, dim=0, norm="ortho")), R(7, 2))
case("irfft", lambda x: torch.fft.irfft(torch.view_as_complex(x)), R(3, 5, 2))
case("irfft_odd", lambda x: torch.fft.irfft(torch.view_as_complex(x), n=7, dim=0, norm="forward"), R(5, 3, 2))
case("stft", lambda x: torch.view_as_real(torch.stft(x, 6, hop_length=2, return_complex=True)), R(2, 13))
case("stft_window", lambda x, w: torch.view_as_real(torch.stft(x, 8, hop_length=3, win_length=5, window=w, center=False, normalized=True, onesided=False, return_complex=True)), R(17), POS(5))

# --- attention, sequences ----------------------------------------------------------------------------
def heads_by_distance(q, k, v):
    slope = torch.exp2(-8.0 * torch.arange(1, q.shape[-3] + 1) / q.shape[-3])
    apart = torch.arange(q.shape[-2])[:, None] - torch.arange(k.shape[-2])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=-slope[:, None, None] * apart.abs())


def turned(x, base, offset, interleaved):
    n = x.shape[-1] // 2
    angle = (torch.arange(x.shape[-2]) + offset)[:, None] * base ** (-torch.arange(n) / n)
    u, v = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :n], x[..., n:])
    a, b = u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()
    return torch.stack([a, b], -1).flatten(-2) if interleaved else torch.cat([a, b], -1)


def sequence(kind):
    return lambda x, h, *w: getattr(torch, kind)(x, h, list(w), True, 1, 0.0, False, False, False)[0]


case("attention_grouped", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), R(2, 4, 3, 2), R(2, 2, 5, 2), R(2, 2, 5, 3))
case("attention_window", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=(torch.arange(5)[:, None] - torch.arange(6)).abs() < 2), R(2, 5, 4), R(2, 6, 4), R(2, 6, 3))
case("attention_window_causal", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=torch.ones(6, 6).tril().triu(-2) > 0), R(2, 6, 4), R(2, 6, 4), R(2, 6, 3))
case("attention_alibi", heads_by_distance, R(2, 3, 5, 4), R(2, 3, 6, 4), R(2, 3, 6, 2))
case("attention_bias", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m), R(2, 3, 4), R(2, 5, 4), R(2, 5, 2), R(3, 5))
case("rotary", lambda x: turned(x, 10000.0, 0, False), R(2, 5, 6))
case("rotary_interleaved", lambda x: turned(x, 100.0, 7, True), R(2, 5, 6))
case("rnn_sequence", sequence("rnn_tanh"), R(5, 2, 3), R(1, 2, 4), R(4, 3), R(4, 4), R(4), R(4))
case("gru_sequence", sequence("gru"), R(5, 2, 3), R(1, 2, 4), R(12, 3), R(12, 4), R(12), R(12))
case("lstm_sequence", lambda x, h, c, *w: torch.lstm(x, (h, c), list(w), True, 1, 0.0, False, False, False)[0], R(5, 2, 3), R(1, 2, 4), R(1, 2, 4), R(16, 3), R(16, 4), R(16), R(16))

# --- more of the older families ----------------------------------------------------------------------
case("subscript", lambda x: x[1:, None, ::2, -1], R(3, 5, 4))
case("subscript_dots", lambda x: x.flip(0)[..., 1:3], R(3, 2, 5))
case("concat_many", lambda x: torch.cat([x * (i + 1) for i in range(70)], 1), R(2, 3))
case("stack_many", lambda x: torch.stack([x * (i + 1) for i in range(70)], -1), R(2, 3))
case("diagonal_offset", lambda x: x.diagonal(1, 0, 2), R(3, 2, 5))
case("sort_descending", lambda x: x.sort(0, descending=True).values, R(5, 3))
case("argsort", lambda x: x.argsort(1), R(3, 5))
case("topk_smallest", lambda x: x.topk(3, 0, largest=False).values, R(5, 3))
case("min_axis", lambda x: x.min(0).values, R(4, 3))
case("argmax", lambda x: x.argmax(1), R(3, 5))
case("argmin", lambda x: x.argmin(0), R(3, 5))
case("any_axis", lambda x: (x > 1).any(1), R(4, 3))
case("all_axis", lambda x: (x > -1).all(0), R(4, 3))
case("prod_all", lambda x: x.prod(), R(3, 4))
case("cumprod_axis0", lambda x: x.cumprod(0), R(5, 3))
case("norm_inf", lambda x: x.norm(float("inf"), dim=1), R(3, 4))
case("norm_p3", lambda x: x.norm(3, dim=(0, 2)), R(3, 4, 2))
case("logsumexp_axes", lambda x: x.logsumexp((0, 2), keepdim=True), R(3, 4, 2))
case("softplus_beta", lambda x: F.softplus(x, 2.5), R(3, 4, lo=-5, hi=5))
case("layer_norm_no_affine", lambda x: F.layer_norm(x, (5,)), R(2, 3, 5))
case("instance_norm_affine", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), R(2, 3, 4, 4), R(3), R(3))
case("batch_norm_1d", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-5), R(4, 3, 5), R(3), R(3))
case("bilinear_bias", lambda x, y, w, b: F.bilinear(x, y, w, b), R(5, 3), R(5, 4), R(2, 3, 4), R(2))
case("einsum_three", lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c), R(2, 3), R(3, 4), R(4, 2))
case("cross_entropy_images", lambda x, t: F.cross_entropy(x, t), R(2, 4, 3, 3), I(4, 2, 3, 3))
case("bce_weighted", lambda p, t, w: F.binary_cross_entropy(p, t, w.detach()), R(3, 4, lo=.05, hi=.95), R(3, 4, lo=0, hi=1), POS(4))
case("bce_logits_pos_weight", lambda x, t, w: F.binary_cross_entropy_with_logits(x, t, pos_weight=w.detach()), R(3, 4), R(3, 4, lo=0, hi=1), POS(4))
case("kl_div_log_target", lambda x, t: F.kl_div(F.log_softmax(x, 1), F.log_softmax(t, 1), reduction="sum", log_target=True), R(6, 5), R(6, 5))
case("mse_loss_none", lambda x, t: F.mse_loss(x, t, reduction="none"), R(3, 4), R(3, 4))
case("huber_loss_sum", lambda x, t: F.huber_loss(x, t, reduction="sum", delta=1.3), R(3, 4), R(3, 4))


# --- convolutions with moved taps ----------------------------------------------------------------------
def deformed(x, offset, w, mask, stride, padding, dilation, groups):
    """torchvision's deform_conv2d from its definition, tap by tap; each reads between pixels by grid_sample."""
    n, _, h, width = x.shape
    kernel, out = w.shape[2:], offset.shape[2:]
    taps = kernel[0] * kernel[1]
    parts = offset.shape[1] // (2 * taps)
    moved, columns = offset.reshape(n, parts, taps, 2, *out), []
    for part, channels in enumerate(x.chunk(parts, 1)):
        for tap in range(taps):
            i, j = divmod(tap, kernel[1])
            y = moved[:, part, tap, 0] + (torch.arange(out[0]) * stride - padding + i * dilation)[:, None]
            at = moved[:, part, tap, 1] + (torch.arange(out[1]) * stride - padding + j * dilation)
            read = F.grid_sample(channels, torch.stack([2 * at / (width - 1) - 1, 2 * y / (h - 1) - 1], -1), align_corners=True)
            columns.append(read if mask is None else read * mask[:, part * taps + tap, None])
    each = x.shape[1] // parts
    columns = torch.stack(columns, 1).reshape(n, parts, taps, each, *out).transpose(2, 3).reshape(n, groups, -1, *out)
    return torch.einsum("gkt,ngthw->ngkhw", w.reshape(groups, w.shape[0] // groups, -1), columns).flatten(1, 2)


case("deform_conv2d", lambda x, o, w, b: deformed(x, o, w, None, 1, 1, 1, 1) + b[:, None, None], R(2, 3, 4, 5), R(2, 18, 4, 5, lo=-1.4, hi=1.4), R(4, 3, 3, 3), R(4))
case("deform_conv2d_parts", lambda x, o, w, m: deformed(x, o, w, m, 2, 1, 2, 2), R(1, 4, 7, 6), R(1, 16, 4, 3), R(2, 2, 2, 2), R(1, 8, 4, 3))

case("scatter_reduce_prod", lambda x, i, s: x.scatter_reduce(1, i, s, "prod"), R(3, 5), I(5, 3, 4), R(3, 4))
case("scatter_reduce_prod_others", lambda x, i, s: x.scatter_reduce(0, i, s, "prod", include_self=False), R(3, 4), I(3, 6, 4), R(6, 4), order=1)
case("scatter_reduce_prod_zeros", lambda x, i, s: (x * i[:, :3]).scatter_reduce(1, i, s.round(), "prod"), R(4, 3), I(3, 4, 3), R(4, 3), order=1)
case("integer_scatter_add", lambda x, i, s: x.scatter_add(1, i, s), I(9, 3, 5), I(5, 3, 4), I(9, 3, 4))
case("integer_scatter_mean", lambda x, i, s: (-x).scatter_reduce(1, i, s, "mean"), I(9, 3, 5), I(5, 3, 7), I(9, 3, 7))
case("integer_scatter_prod", lambda x, i, s: x.scatter_reduce(1, i, s, "prod"), I(9, 3, 5), I(5, 3, 7), I(9, 3, 7))
case("integer_scatter_amin", lambda x, i, s: x.scatter_reduce(0, i, -s, "amin", include_self=False), I(9, 3, 4), I(3, 6, 4), I(9, 6, 4))
case("integer_scatter_amax", lambda x, i, s: x.to(torch.uint8).scatter_reduce(0, i, s.to(torch.uint8), "amax"), I(9, 3, 4), I(3, 6, 4), I(9, 6, 4))
case("integer_index_add", lambda x, i, s: x.to(torch.int32).index_add(1, i, s.to(torch.int32)), I(9, 3, 5), I(5, 4), I(9, 3, 4))
case("integer_index_put", lambda x, i, s: x.to(torch.uint8).index_put((i,), (s * 60).to(torch.uint8), accumulate=True), I(9, 3), I(3, 9), I(9, 9))
case("integer_einsum", lambda a, b: torch.einsum("bij,bjk->ik", a, b), I(9, 2, 3, 4), I(9, 2, 4, 2))
case("integer_einsum_outer", lambda a, b: torch.einsum("i,j->ji", a.to(torch.int32), b.to(torch.int32)), I(9, 3), I(9, 4))
case("istft", lambda x: torch.istft(torch.view_as_complex(x), 6, hop_length=2), R(2, 4, 5, 2))
case("istft_window", lambda x, w: torch.istft(torch.view_as_complex(x), 8, hop_length=2, win_length=6, window=w, normalized=True, onesided=False, length=12), R(8, 6, 2), POS(6))
case("istft_no_centre", lambda x, w: torch.istft(torch.view_as_complex(x), 5, hop_length=2, window=w, center=False), R(3, 4, 2), POS(5))
case("grid_sample_3d", lambda x, g: F.grid_sample(x, g, align_corners=False), R(2, 2, 3, 4, 3), R(2, 1, 2, 2, 3, lo=-1.3, hi=1.3), order=1)
case("grid_sample_3d_border", lambda x, g: F.grid_sample(x, g, padding_mode="border", align_corners=True), R(1, 2, 3, 4, 3), R(1, 2, 2, 2, 3, lo=-1.5, hi=1.5), order=1)
case("grid_sample_3d_nearest", lambda x, g: F.grid_sample(x, g, mode="nearest", align_corners=False), R(2, 2, 3, 4, 3), R(2, 1, 2, 2, 3, lo=-1.3, hi=1.3))
case("unfold1d", lambda x: F.unfold(x[:, :, None], (1, 3), dilation=(1, 2), padding=(0, 1), stride=(1, 2)), R(2, 3, 9))
case("fold1d", lambda x: F.fold(x, (1, 7), (1, 3), stride=(1, 2))[:, :, 0], R(2, 6, 3))


def cubes(x, kernel, stride):
    """unfold of three axes, by Tensor.unfold."""
    for axis in range(3):
        x = x.unfold(2 + axis, kernel[axis], stride[axis])
    return x.permute(0, 1, 5, 6, 7, 2, 3, 4).flatten(1, 4).flatten(2)


case("unfold3d", lambda x: cubes(F.pad(x, (0, 0, 1, 1)), (2, 3, 2), (1, 2, 1)), R(2, 2, 3, 4, 3))
case("fold3d", lambda x: torch.autograd.grad(cubes(z := torch.zeros(1, 2, 3, 4, 3, requires_grad=True), (2, 2, 2), (1, 2, 1)), z, x, create_graph=True)[0], R(1, 16, 8))
case("grid_sample_reflection", lambda x, g: F.grid_sample(x, g, padding_mode="reflection", align_corners=False), R(2, 3, 4, 5), R(2, 3, 4, 2, lo=-3.7, hi=3.7), order=1)
case("grid_sample_reflection_corners", lambda x, g: F.grid_sample(x, g, padding_mode="reflection", align_corners=True), R(2, 3, 4, 5), R(2, 3, 4, 2, lo=-3.7, hi=3.7), order=1)
case("grid_sample_reflection_nearest", lambda x, g: F.grid_sample(x, g, mode="nearest", padding_mode="reflection", align_corners=False), R(2, 3, 4, 5), R(2, 3, 4, 2, lo=-3.7, hi=3.7))
case("grid_sample_3d_reflection", lambda x, g: F.grid_sample(x, g, padding_mode="reflection", align_corners=False), R(1, 2, 3, 4, 3), R(1, 2, 2, 2, 3, lo=-2.5, hi=2.5), order=1)
case("grid_sample_bicubic", lambda x, g: F.grid_sample(x, g, mode="bicubic", align_corners=False), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.3, hi=1.3), order=1)
case("grid_sample_bicubic_border", lambda x, g: F.grid_sample(x, g, mode="bicubic", padding_mode="border", align_corners=True), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-1.3, hi=1.3), order=1)
case("grid_sample_bicubic_reflection", lambda x, g: F.grid_sample(x, g, mode="bicubic", padding_mode="reflection", align_corners=False), R(2, 3, 4, 5), R(2, 3, 2, 2, lo=-2.3, hi=2.3), order=1)


# --- masks on the left, paddings, factors by elimination, fractional pools ---------------------------------
def lu_of(a, *parts):
    """The parts of torch.linalg.lu, by a's rows and columns."""
    return torch.cat([torch.linalg.lu(a)[part].flatten() for part in parts])


case("index_mask", lambda x, m: x[m > 0], R(3, 4, 2), M(3, 4))
case("index_mask_and_index", lambda x, i, m: x[i, m > 0], R(3, 4, 2), I(3, 1), M(4, 2))
case("index_put_mask", lambda x, m, v: x.index_put((m > 0,), v), R(3, 4, 2), M(3, 4), R(2))
case("index_put_mask_accumulate", lambda x, i, m, v: x.index_put((i, m > 0), v, accumulate=True), R(3, 4, 2), I(3, 1), M(4, 2), R(1))
case("index_add_scalar", lambda x, i, s: x[0].index_add(0, i, s[0]), R(1), I(1, 1), R(1))
case("index_copy_single", lambda x, i, s: x.index_copy(0, i[0], s), R(4, 2), I(4, 1), R(1, 2))
case("embedding_padding", lambda w, i: F.embedding(i, w, padding_idx=-3), R(5, 3), I(5, 2, 6))
case("affine_grid_3d", lambda t: F.affine_grid(t, (2, 1, 2, 3, 4), align_corners=False), R(2, 3, 4))
case("affine_grid_3d_corners", lambda t: F.affine_grid(t, (1, 1, 3, 1, 2), align_corners=True), R(1, 3, 4))
case("fractional_max_pool2d", lambda x, s: F.fractional_max_pool2d(x, (2, 3), (3, 2), _random_samples=s.detach()), R(2, 3, 7, 6), R(2, 3, 2, lo=0, hi=1))
case("fractional_max_pool2d_places", lambda x, s: F.fractional_max_pool2d(x, 2, (4, 3), return_indices=True, _random_samples=s.detach())[1], R(2, 3, 8, 7), R(2, 3, 2, lo=0, hi=1))
case("fractional_max_pool3d", lambda x, s: F.fractional_max_pool3d(x, (2, 1, 2), (3, 2, 4), _random_samples=s.detach()), R(2, 2, 5, 4, 7), R(2, 2, 3, lo=0, hi=1))
case("multilabel_margin_loss", lambda x, t: F.multilabel_margin_loss(x, t - 1), R(4, 5), I(6, 4, 5))
case("multilabel_margin_loss_none", lambda x, t: F.multilabel_margin_loss(x, t - 1, reduction="none"), R(6, 3), I(4, 6, 3))
case("lstsq_wide", lambda a, b: torch.linalg.lstsq(a, b).solution, R(2, 3, 5), R(2, 3, 2))
case("zeta", lambda s, q: torch.special.zeta(s.detach(), q), R(3, 4, lo=1.1, hi=9), R(4, lo=0.1, hi=30))
case("zeta_below", lambda s, q: torch.special.zeta(s.detach().round(), q), R(4, lo=1.6, hi=6), R(4, lo=-5.9, hi=-0.1))
case("lu", lambda a: lu_of(a, 0, 1, 2), R(2, 4, 4))
case("lu_tall", lambda a: lu_of(a, 0, 1, 2), R(5, 3))
case("lu_wide", lambda a: lu_of(a, 0, 1, 2), R(3, 5))
case("lu_factor", lambda a: torch.linalg.lu_factor(a)[0], R(2, 3, 3))
case("lu_pivots", lambda a: torch.linalg.lu_factor(a)[1] - 1, R(3, 5, 4))
case("lu_solve", lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b), R(3, 3), R(2, 3, 2))
case("histogramdd", lambda x: torch.histogramdd(x.detach(), bins=[3, 4]).hist, R(40, 2))
case("histogramdd_weighted", lambda x, w: torch.histogramdd(x.detach(), bins=[2, 3], range=[-1.0, 1.0, -1.5, 0.5], weight=w.detach(), density=True).hist, R(40, 2), POS(40))


def draw(spec, rng):
    if spec[0] == "v":
        return torch.tensor(spec[1])
    _, shape, lo, hi = spec
    if spec[0] == "m":
        return torch.from_numpy(rng.integers(lo, hi, shape, dtype=np.uint8))
    if spec[0] == "i":
        return torch.from_numpy(rng.integers(lo, hi, shape, dtype=np.int64))
    return torch.from_numpy(rng.uniform(lo, hi, shape))


def second_order(rec, leaves, gins, rng):
    """Adds v<i> and hin<i>, where PyTorch has a second derivative that is not zero."""
    directions = [(i, t, g, torch.from_numpy(rng.uniform(-1, 1, tuple(t.shape)))) for (i, t), g in zip(leaves, gins)
                  if g is not None and g.requires_grad]
    if not directions:
        return
    total = sum((g * v).sum() for _, _, g, v in directions)
    try:
        hins = torch.autograd.grad(total, [t for _, t in leaves], allow_unused=True)
    except RuntimeError as error:
        return print(rec["name"], "has no second order in PyTorch:", str(error).splitlines()[0])
    found = {f"hin{i}": h for (i, _), h in zip(leaves, hins) if h is not None and bool((h != 0).any())}
    if found:
        rec.update({f"v{i}": v for i, _, _, v in directions}, **found)


def answers(k, name, fn, specs, order):
    rng = np.random.default_rng(1000 + k)
    ins = [draw(s, rng) for s in specs]
    for t in ins:
        if t.is_floating_point():
            t.requires_grad_()
    torch.manual_seed(k)
    out = fn(*ins)
    rec = {"name": name, **{f"in{i}": t for i, t in enumerate(ins)}}
    if not out.is_floating_point():
        return dict(rec, out=out.to(torch.int64))
    rec.update(out=out, gout=torch.from_numpy(rng.uniform(-1, 1, tuple(out.shape))))
    leaves = [(i, t) for i, t in enumerate(ins) if t.requires_grad]
    if out.requires_grad:
        gins = torch.autograd.grad(out, [t for _, t in leaves], rec["gout"], create_graph=True, allow_unused=True)
        rec.update({f"gin{i}": g for (i, _), g in zip(leaves, gins) if g is not None})
        if order == 2:
            second_order(rec, leaves, gins, rng)
    return rec


def main():
    header, blobs, at = {}, [], 0
    assert len({case[0] for case in CASES}) == len(CASES)
    for k, case in enumerate(CASES):
        rec = answers(k, *case)
        for key, t in rec.items():
            if key == "name":
                continue
            a = t.detach().contiguous().numpy()
            b = a.tobytes()
            kind = {"float64": "F64", "int64": "I64", "uint8": "U8"}[str(a.dtype)]
            header[f"{rec['name']}/{key}"] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [at, at + len(b)]}
            blobs.append(b)
            at += len(b)
    h = json.dumps(header, separators=(",", ":")).encode()
    h += b" " * (-len(h) % 8)
    with open(sys.argv[1], "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + b"".join(blobs))
    print(len(CASES), "cases,", len(header), "tensors,", at, "bytes")


main()
