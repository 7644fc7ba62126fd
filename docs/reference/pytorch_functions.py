#!/usr/bin/env python3
"""Writes docs/pytorch_functions.md: every function of PyTorch's namespaces, ours, composed, or not here, from their names in
pytorch_names.txt, ours in signatures.json, and what is said below. With --check compares, and ends with "N passed, N failed".

usage: pytorch_functions.py TOP [--check]

A name that nothing covers, and a call below that is no function of ours, is an error. The names are printed with PyTorch by
    for n in sorted(dir(module)): callable, no class, no module, no "_" in front
"""
import json, pathlib, re, sys

# Ours under another name.
ALIASES = dict(line.split() for line in """
absolute abs|arccos acos|arccosh acosh|arcsin asin|arcsinh asinh|arctan atan|arctan2 atan2|arctanh atanh|cat concat|concatenate concat
clip clamp|divide div|true_divide div|fix trunc|greater gt|greater_equal ge|less lt|less_equal le|multiply mul|negative neg|not_equal ne
subtract sub|swapaxes transpose|swapdims transpose|ger outer|pinverse pinv|inv inverse|bucketize searchsorted|nanquantile quantile
moveaxis permute|movedim permute|logsigmoid log_sigmoid|conv_tbc conv1d|native_layer_norm layer_norm
native_group_norm group_norm|native_batch_norm batch_norm|native_dropout dropout|frobenius_norm norm|native_norm norm|vector_norm norm
expit sigmoid|gammaln lgamma|gammainc igamma|gammaincc igammac|psi digamma|modified_bessel_i0 i0|modified_bessel_i1 i1|trapz trapezoid
manual_seed seed|set_num_threads set_num_threads|get_num_threads num_threads|upsample interpolate|upsample_bilinear interpolate
upsample_nearest interpolate|rnn_tanh rnn|rnn_tanh_cell rnn_cell|constant_pad_nd pad|split_with_sizes split|unsafe_split split
unsafe_split_with_sizes split|unsafe_chunk chunk|tile repeat|broadcast_to expand|cholesky_ex cholesky|inv_ex inverse|solve_ex solve
ravel flatten|unflatten reshape|scalar_tensor scalar|tensor from_values|as_tensor from_array|asarray from_array|frombuffer from_array
from_numpy from_array|range arange|convolution conv2d|argwhere nonzero|nonzero_static nonzero|index_select index_select|norm norm
save safetensors_save|load safetensors_load|get_rng_state random_get|set_rng_state random_set|is_grad_enabled grad_enabled
max_pool1d_with_indices max_pool1d|max_pool2d_with_indices max_pool2d|max_pool3d_with_indices max_pool3d|adaptive_max_pool1d_with_indices adaptive_max_pool1d|adaptive_max_pool2d_with_indices adaptive_max_pool2d|adaptive_max_pool3d_with_indices adaptive_max_pool3d|take_along_dim take_along_dim|einsum einsum
grid_sampler grid_sample|grid_sampler_2d grid_sample|grid_sampler_3d grid_sample|affine_grid_generator affine_grid
narrow slice|normal randn|multi_dot matmul
set_anomaly_enabled anomaly_begin|is_floating_point dtype_is_float
""".replace("\n", "|").strip("|").split("|"))

# One line. x, a, b are tensors; n, k numbers; `like(v)` stands for ct_scalar(ct_dtype_of(x), v).
COMPOSED = {
    "addbmm": "ct_add(x, ct_sum(ct_matmul(a, b), CT_AXES(0)))", "addcdiv": "ct_add(x, ct_mul_scalar(ct_div(a, b), k))",
    "addcmul": "ct_add(x, ct_mul_scalar(ct_mul(a, b), k))", "addmm": "ct_add(ct_mul_scalar(x, beta), ct_mul_scalar(ct_matmul(a, b), alpha))",
    "addmv": "ct_add(x, ct_matmul(a, b))", "addr": "ct_add(x, ct_outer(a, b))", "baddbmm": "ct_add(x, ct_matmul(a, b))",
    "adjoint": "ct_transpose(x, -1, -2)", "allclose": "ct_item(ct_all(ct_le(ct_abs(ct_sub(a, b)), ct_add_scalar(ct_mul_scalar(ct_abs(b), rtol), atol))))",
    "isclose": "ct_le(ct_abs(ct_sub(a, b)), ct_add_scalar(ct_mul_scalar(ct_abs(b), rtol), atol))",
    "aminmax": "ct_amin(x), ct_amax(x)", "angle": "ct_atan2(like(0), x)", "atleast_1d": "ct_reshape(x, CT_SHAPE(1))",
    "atleast_2d": "ct_unsqueeze(x, 0)", "atleast_3d": "ct_unsqueeze(ct_unsqueeze(x, 0), -1)",
    "bmm": "ct_matmul(a, b)", "mm": "ct_matmul(a, b)",
    "mv": "ct_matmul(a, b)", "inner": "ct_matmul(a, ct_transpose(b, -1, -2))", "vdot": "ct_dot(a, b)", "vecdot": "ct_sum(ct_mul(a, b), CT_AXES(-1))",
    "chain_matmul": "ct_matmul(ct_matmul(a, b), c)", "multi_dot": "ct_matmul(ct_matmul(a, b), c)",
    "broadcast_tensors": "ct_expand(x, shape, rank) of each",
    "channel_shuffle": "ct_reshape, ct_transpose, ct_reshape", "native_channel_shuffle": "ct_reshape, ct_transpose, ct_reshape",
    "cholesky_inverse": "ct_inverse(ct_matmul(l, ct_transpose(l, -1, -2)))",
    "cholesky_solve": "ct_solve_triangular(ct_transpose(l, -1, -2), ct_solve_triangular(l, b, false, false), true, false)",
    "clamp_max": "ct_clamp(x, -INFINITY, high)", "clamp_min": "ct_clamp(x, low, INFINITY)",
    "column_stack": "ct_concat of ct_unsqueeze(x, 1), axis 1", "hstack": "ct_concat(tensors, n, 1)", "vstack": "ct_concat(tensors, n, 0)",
    "row_stack": "ct_concat(tensors, n, 0)", "dstack": "ct_concat(tensors, n, 2)", "hsplit": "ct_split(x, sizes, n, 1, out)",
    "vsplit": "ct_split(x, sizes, n, 0, out)", "dsplit": "ct_split(x, sizes, n, 2, out)", "tensor_split": "ct_split(x, sizes, n, axis, out)",
    "diag": "ct_diagonal(x, k, 0, 1), or ct_mul(ct_unsqueeze(x, 1), ct_eye(dtype, n))", "diag_embed": "ct_mul(ct_unsqueeze(x, -1), ct_eye(dtype, n))",
    "diagflat": "ct_mul(ct_reshape(x, CT_SHAPE(-1, 1)), ct_eye(dtype, n))", "dist": "ct_norm(ct_sub(a, b), p)",
    "embedding_bag": "ct_mean(ct_embedding(w, index), CT_AXES(1))", "empty_like": "ct_empty(ct_dtype_of(x), ct_shape(x), ct_rank(x))",
    "full_like": "ct_full(ct_dtype_of(x), v, ct_shape(x), ct_rank(x))", "rand_like": "ct_rand(ct_dtype_of(x), 0, 1, ct_shape(x), ct_rank(x))",
    "randn_like": "ct_randn(ct_dtype_of(x), 0, 1, ct_shape(x), ct_rank(x))", "randint_like": "ct_randint(low, high, ct_shape(x), ct_rank(x))",
    "equal": "ct_item(ct_all(ct_eq(a, b)))", "fill": "ct_full(ct_dtype_of(x), v, ct_shape(x), ct_rank(x))",
    "fliplr": "ct_flip(x, (const int64_t[]){1}, 1)", "flipud": "ct_flip(x, (const int64_t[]){0}, 1)",
    "float_power": "ct_pow(ct_cast(a, CT_FLOAT64), ct_cast(b, CT_FLOAT64))", "fmax": "ct_where(ct_isnan(a), b, ct_where(ct_isnan(b), a, ct_maximum(a, b)))",
    "fmin": "ct_where(ct_isnan(a), b, ct_where(ct_isnan(b), a, ct_minimum(a, b)))",
    "gradient": "ct_mul_scalar(ct_sub(ct_slice(x, axis, 2, CT_END, 1), ct_slice(x, axis, 0, -2, 1)), 0.5) inside, ct_diff at the ends",
    "hamming_window": "ct_add_scalar(ct_mul_scalar(ct_cos(ct_arange(dtype, 0, 2 * M_PI / n, n)), -0.46), 0.54)",
    "hann_window": "ct_add_scalar(ct_mul_scalar(ct_cos(ct_arange(dtype, 0, 2 * M_PI / n, n)), -0.5), 0.5)",
    "blackman_window": "two terms more than hann_window: ct_cos of twice the angle, times 0.08",
    "bartlett_window": "ct_add_scalar(ct_neg(ct_abs(ct_arange(dtype, -1, 2.0 / n, n))), 1)",
    "kaiser_window": "ct_i0(ct_mul_scalar(ct_sqrt(ct_sub(like(1), ct_square(t))), beta)) / i0(beta)",
    "histogram": "ct_bincount(ct_searchsorted(edges, x, true), weights, n)", "index_fill": "ct_index_copy(x, axis, index, ct_full(...))",
    "is_nonzero": "ct_item(x) != 0", "isin": "ct_any(ct_eq(ct_unsqueeze(x, -1), values), CT_AXES(-1))",
    "ldexp": "ct_mul(x, ct_exp2(n))", "linspace": "ct_arange(dtype, start, (end - start) / (n - 1), n)",
    "logspace": "ct_pow(like(base), ct_arange(dtype, start, (end - start) / (n - 1), n))",
    "logaddexp2": "ct_mul_scalar(ct_logaddexp(ct_mul_scalar(a, M_LN2), ct_mul_scalar(b, M_LN2)), 1 / M_LN2)", "logdet": "ct_log(ct_det(a))",
    "logit": "ct_log(ct_div(x, ct_add_scalar(ct_neg(x), 1)))", "masked_scatter": "ct_index_put at ct_nonzero(mask)'s columns",
    "matrix_rank": "ct_count_nonzero(ct_gt(ct_svd(a, NULL, NULL), like(tol)))", "cond": "the largest of ct_svd(a, NULL, NULL) over the smallest",
    "matrix_norm": "ct_norm(a, 2, CT_AXES(-2, -1)); nuclear: ct_sum(ct_svd(a, NULL, NULL)); 1: ct_amax(ct_sum(ct_abs(a), CT_AXES(-2)))",
    "nuclear_norm": "ct_sum(ct_svd(a, NULL, NULL))", "norm_except_dim": "ct_norm(x, 2, CT_AXES(...), .keepdim = true)",
    "meshgrid": "ct_expand(ct_reshape(x, shape, rank), shape, rank) of each", "msort": "ct_sort(x, 0, false, NULL)",
    "mvlgamma": "the sum over i of ct_lgamma(ct_add_scalar(x, -i / 2.0)), and a constant", "multigammaln": "the sum over i of ct_lgamma(ct_add_scalar(x, -i / 2.0)), and a constant",
    "nanmean": "ct_div(ct_sum(ct_where(ct_isnan(x), like(0), x)), ct_cast(ct_count_nonzero(ct_eq(x, x)), dtype))",
    "nansum": "ct_sum(ct_where(ct_isnan(x), like(0), x))", "narrow_copy": "ct_clone(ct_slice(x, axis, start, start + n, 1))",
    "permute_copy": "ct_clone(ct_permute(x, axes, n))", "alias_copy": "ct_clone(x)", "detach_copy": "ct_clone(ct_detach(x))",
    "diagonal_copy": "ct_clone(ct_diagonal(x, 0, 0, 1))", "expand_copy": "ct_clone(ct_expand(x, shape, rank))", "select_copy": "ct_clone(ct_select(x, axis, i))",
    "slice_copy": "ct_clone(ct_slice(x, axis, a, b, 1))", "squeeze_copy": "ct_clone(ct_squeeze(x, axis))", "unsqueeze_copy": "ct_clone(ct_unsqueeze(x, axis))",
    "t_copy": "ct_clone(ct_transpose(x, 0, 1))", "transpose_copy": "ct_clone(ct_transpose(x, a, b))", "view_copy": "ct_clone(ct_reshape(x, shape, rank))",
    "unfold_copy": "ct_clone of ct_slice's, stacked", "split_copy": "ct_split, then ct_clone of each", "split_with_sizes_copy": "ct_split, then ct_clone of each",
    "unbind_copy": "ct_clone(ct_select(x, axis, i)) for each i", "unbind": "ct_select(x, axis, i) for each i",
    "pdist": "ct_cdist(x, x, p) above the diagonal, by ct_masked_select",
    "positive": "x", "put": "ct_index_put of ct_flatten(x, 0, -1)",
    "real": "x", "conj": "x", "conj_physical": "x", "resolve_conj": "x", "resolve_neg": "x", "renorm": "ct_mul(x, ct_clamp(ct_div(like(most), ct_norm(x, p, CT_AXES(...), .keepdim = true)), 0, 1))",
    "rot90": "ct_flip(ct_transpose(x, 0, 1), (const int64_t[]){0}, 1)", "rrelu": "ct_where(ct_gt(x, like(0)), x, ct_mul(x, ct_rand(dtype, low, high, shape, rank)))",
    "rsub": "ct_sub(b, a)", "index_reduce": "ct_scatter_reduce with an index expanded by ct_expand",
    "select_scatter": "ct_index_copy(x, axis, index, ct_unsqueeze(source, axis))", "slice_scatter": "ct_index_copy(x, axis, ct_arange(CT_INT64, a, step, n), source)",
    "diagonal_scatter": "ct_where(ct_eye's mask, ct_unsqueeze(source, 1), x)", "sgn": "ct_sign(x)", "std_mean": "ct_std(x), ct_mean(x)", "var_mean": "ct_var(x), ct_mean(x)",
    "t": "ct_transpose(x, 0, 1)", "take": "ct_index_select(ct_flatten(x, 0, -1), 0, index)", "tensordot": 'ct_einsum("ij,jk->ik", operands, 2)',
    "tensorsolve": "ct_reshape, ct_solve, ct_reshape", "tensorinv": "ct_reshape, ct_inverse, ct_reshape", "triangular_solve": "ct_solve_triangular(a, b, upper, unit)",
    "tril_indices": "ct_nonzero(ct_tril(ct_ones(dtype, shape, 2), k))", "triu_indices": "ct_nonzero(ct_triu(ct_ones(dtype, shape, 2), k))",
    "unravel_index": "ct_remainder and ct_floor_divide by the sizes", "vander": "ct_pow(ct_unsqueeze(x, 1), ct_arange(dtype, n - 1, -1, n))",
    "block_diag": "ct_pad of each, then ct_concat", "combinations": "ct_index_select at ct_nonzero(ct_triu(ones, 1))'s columns", "unique_consecutive": "ct_masked_select(x, ct_ne of ct_slice's)",
    "fft2": "ct_fft(ct_fft(x, .axis = -2))", "ifft2": "ct_ifft(ct_ifft(x, .axis = -2))", "fftn": "ct_fft along each axis", "ifftn": "ct_ifft along each axis",
    "rfft2": "ct_fft(ct_rfft(x), .axis = -2)", "irfft2": "ct_irfft(ct_ifft(x, .axis = -2))", "rfftn": "ct_rfft, then ct_fft along the other axes",
    "irfftn": "ct_ifft along the other axes, then ct_irfft", "hfft": "ct_irfft of the conjugate, .norm = CT_FFT_FORWARD", "ihfft": "the conjugate of ct_rfft, .norm = CT_FFT_FORWARD",
    "hfft2": "ct_fft(x, .axis = -2), then hfft", "hfftn": "ct_fft along the other axes, then hfft", "ihfft2": "ihfft, then ct_ifft(x, .axis = -2)",
    "ihfftn": "ihfft, then ct_ifft along the other axes", "max_unpool1d": "ct_max_unpool(x, indices, size, 1)", "max_unpool2d": "ct_max_unpool(x, indices, size, 2)",
    "max_unpool3d": "ct_max_unpool(x, indices, size, 3)",
    "lp_pool3d": "ct_pow_scalar(ct_mul_scalar(ct_avg_pool3d(ct_pow_scalar(x, p), k), k * k * k), 1 / p)",
    "feature_dropout": "ct_mul(x, ct_dropout(ct_ones(dtype, CT_SHAPE(N, C, 1, 1)), p, true))",
    "dropout1d": "ct_mul(x, ct_dropout(ct_ones(dtype, CT_SHAPE(N, C, 1)), p, true))",
    "dropout2d": "ct_mul(x, ct_dropout(ct_ones(dtype, CT_SHAPE(N, C, 1, 1)), p, true))", "dropout3d": "ct_mul(x, ct_dropout(ct_ones(dtype, CT_SHAPE(N, C, 1, 1, 1)), p, true))",
    "linear_cross_entropy": "ct_cross_entropy(ct_linear(x, w, b), target)", "lp_pool1d": "ct_pow_scalar(ct_mul_scalar(ct_avg_pool1d(ct_pow_scalar(x, p), k), k), 1 / p)",
    "lp_pool2d": "ct_pow_scalar(ct_mul_scalar(ct_avg_pool2d(ct_pow_scalar(x, p), k), k * k), 1 / p)", "relu6": "ct_hardtanh(x, 0, 6)", "softmin": "ct_softmax(ct_neg(x), axis)",
    "multi_head_attention_forward": "ct_linear, ct_reshape, ct_transpose, ct_scaled_dot_product_attention, ct_linear",
    "triplet_margin_with_distance_loss": "ct_mean(ct_relu(ct_add_scalar(ct_sub(near, far), margin)))", "scaled_addmm": "ct_add(x, ct_matmul(a, b))",
    "eigvalsh": "ct_eigh(a, NULL)", "svdvals": "ct_svd(a, NULL, NULL)", "polar": "ct_matmul(u, ct_transpose(v, -1, -2)) of ct_svd",
    "matrix_sqrth": "ct_matmul(ct_mul(v, ct_sqrt(w)), ct_transpose(v, -1, -2)) of ct_eigh",
    "entr": "ct_neg(ct_xlogy(x, x))", "erfcx": "ct_mul(ct_exp(ct_square(x)), ct_erfc(x))", "log_ndtr": "ct_log(ct_mul_scalar(ct_erfc(ct_mul_scalar(x, -M_SQRT1_2)), 0.5))",
    "ndtr": "ct_mul_scalar(ct_erfc(ct_mul_scalar(x, -M_SQRT1_2)), 0.5)", "ndtri": "ct_mul_scalar(ct_erfinv(ct_add_scalar(ct_mul_scalar(p, 2), -1)), M_SQRT2)",
    "spherical_bessel_j0": "ct_sinc(ct_mul_scalar(x, 1 / M_PI))", "pca_lowrank": "ct_svd of ct_sub(x, ct_mean(x, CT_AXES(0)))",
    "svd_lowrank": "ct_svd, the first columns", "fftfreq": "ct_arange over n", "rfftfreq": "ct_arange over n", "fftshift": "ct_roll(x, n / 2, axis)", "ifftshift": "ct_roll(x, -(n / 2), axis)",
    "result_type": "ct_dtype_of(x)",
    "lu_unpack": "ct_tril(ct_lu_factor(a, &pivots), -1), ct_triu; ct_lu gives all three",
    "lu_factor_ex": "ct_lu_factor(a, &pivots)",
    "fractional_max_pool2d_with_indices": "ct_fractional_max_pool2d(x, k, h, w, .indices = &places)",
    "fractional_max_pool3d_with_indices": "ct_fractional_max_pool3d(x, k, d, h, w, .indices = &places)",
    "ormqr": "ct_matmul(ct_qr(a, NULL), b)",
    "zero_": "ct_fill_(x, 0)", "clamp_max_": "ct_clamp_(x, -INFINITY, high)", "clamp_min_": "ct_clamp_(x, low, INFINITY)",
    "addmv_": "ct_add_(x, ct_matmul(a, b), 1)", "ldexp_": "ct_mul_(x, ct_exp2(n))", "conj_physical_": "x",
    "logit_": "ct_copy_(x, ct_log(ct_div(x, ct_add_scalar(ct_neg(x), 1))))",
    "feature_dropout_": "ct_mul_(x, ct_dropout(ct_ones(dtype, CT_SHAPE(N, C, 1, 1)), p, true))",
    "alpha_dropout": "ct_where(ct_cast(ct_bernoulli(ct_full(...)), CT_BOOL), x, like(-1.758099)), then ct_mul_scalar and ct_add_scalar by the paper's a and b",
    "feature_alpha_dropout": "alpha_dropout with the mask of CT_SHAPE(N, C, 1, 1)",
    "cartesian_prod": "meshgrid, then ct_reshape of ct_stack", "segment_reduce": "ct_scatter_reduce at ct_repeat_interleave(ct_arange(CT_INT64, 0, 1, n), lengths, 0)",
    "embedding_renorm_": "ct_copy_(w, ct_index_copy(w, 0, index, renorm of ct_embedding(w, index)))",
}

# Not here, because.
REASONS = [
    (r"autocast|get_float32_matmul|set_float32_matmul|scaled_|grouped_mm|fp16", "one precision a tensor: float32 or float64, no autocast"),
    (r"quant|fbgemm|q_per|q_scale|q_zero|int_repr", "no quantised tensors"),
    (r"sparse|spmm|sspaddmm|smm|hspmm|hsmm|dsmm|saddmm|indices_copy|crow_|values_copy|ccol", "no sparse tensors"),
    (r"complex|imag|polar$|view_as_|is_conj|is_neg|isreal|eig$|eigvals$|symeig", "no complex tensors"),
    (r"cudnn|miopen|mkldnn|vulkan|cudagraph|device|thread_safe|get_device", "other hardware and its libraries"),
    (r"^sym_|compile|cond$|while_loop|fork|vmap|import_ir|parse_|unify_type|merge_type|boolean_dispatch|torch_function|assert_int|Optional|classproperty|autograd|slice_inverse|script|batch_norm_|hash_tensor|is_storage|is_inference|is_distributed|get_file_path|multiprocessing|use_deterministic|deterministic|warn|is_signed|promote|can_cast|flush|interop|init_num|storage|default_tensor|dlpack|from_file|default_device|seed|typename", "Python's or the compiler's own affairs"),
    (r"empty_|as_strided|resize|set_", "memory is laid out by operations, not by hand"),
    (r"bessel_k|airy|polynomial", "special functions without a derivative in PyTorch either"),
    (r"ldl|lobpcg|eig|geqrf|orgqr|householder", "factors that no gradient needs"),
    (r"nextafter|frexp|default_dtype|is_tensor|printoptions|anomaly|broadcast_shapes|same_size", "C has it, or the dtype is an argument"),
    (r"^wait|choose_qparams", "Python's or the compiler's own affairs"),
    (r"alpha_dropout_", "no request yet"),
    (r".*_$", "in place: ct_copy_(t, ...) of the operation, for buffers"),
]


def read_names(here):
    lines = [line for line in (here / "pytorch_names.txt").read_text().splitlines() if not line.startswith("#")]
    return {line.split(":")[0]: line.split(":")[1].split() for line in lines}


def answer(name, ours):
    """(kind, words)"""
    for n in (name, ALIASES.get(name)):
        if n and n in ours:
            return "ours", f"`ct_{n}`"
    if name in COMPOSED:
        return "composed", f"`{COMPOSED[name]}`"
    if name.endswith("_") and answer(name[:-1], ours)[0] == "ours":
        return "composed", f"`ct_copy_(x, {answer(name[:-1], ours)[1].strip('`')}(x))`, of a buffer"
    for pattern, reason in REASONS:
        if re.search(pattern, name):
            return "not", reason
    return "unknown", name


def page(top):
    here = top / "docs/reference"
    ours = {n[3:] for n in json.loads((here / "signatures.json").read_text())["functions"]}
    known = set(re.findall(r"ct_\w+", " ".join(COMPOSED.values()))) - {"ct_meshgrid", "ct_gumbel"}
    wrong = sorted(n for n in known if n[3:] not in ours) + sorted(f"{a} = ct_{b}" for a, b in ALIASES.items() if b not in ours)
    text, totals = [], {"ours": 0, "composed": 0, "not": 0, "unknown": 0}
    for space, names in read_names(here).items():
        answers = {n: answer(n, ours) for n in names}
        for kind, _ in answers.values():
            totals[kind] += 1
        wrong += [f"nothing is said of {space}.{n}" for n, (kind, _) in answers.items() if kind == "unknown"]
        text += [f"\n## {space}\n", "| PyTorch | here |", "|---|---|"]
        text += [f"| `{n}` | {words.replace('|', chr(92) + '|')} |" for n, (kind, words) in answers.items() if kind in ("ours", "composed")]
        reasons = dict.fromkeys(words for kind, words in answers.values() if kind == "not")
        if reasons:
            text += ["\nNot here:\n"]
        text += [f"- {r}: " + ", ".join(f"`{n}`" for n, (kind, words) in answers.items() if kind == "not" and words == r) for r in reasons]
    head = ["# PyTorch's functions", "",
            f"Every function of PyTorch 2.15's namespaces: {totals['ours']} are here under their name or another, {totals['composed']} are one line of "
            f"others, {totals['not']} are not here. `docs/reference/pytorch_functions.py` writes this page from the names. In the lines x, a, b are tensors, and "
            "`like(v)` is `ct_scalar(ct_dtype_of(x), v)`. How programs are translated is in [from_pytorch.md](from_pytorch.md)."]
    return "\n".join(head + text) + "\n", wrong


def main():
    top = pathlib.Path(sys.argv[1])
    text, wrong = page(top)
    for line in wrong:
        print(line)
    file = top / "docs/pytorch_functions.md"
    if "--check" not in sys.argv:
        file.write_text(text)
        sys.exit(1 if wrong else 0)
    same = file.read_text() == text
    if not same:
        print("docs/pytorch_functions.md is out of date: docs/reference/pytorch_functions.py TOP")
    failed = len(wrong) + (not same)
    print(f"{2 - (not same) - bool(wrong)} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
