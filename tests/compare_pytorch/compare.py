#!/usr/bin/env python3
"""Random cases against PyTorch: shapes, layouts, dtypes and options drawn anew, values and gradients compared; what one refuses the
other must refuse. Prints each finding, and ends with "N passed, N failed". Not one of the tests: it wants PyTorch.

usage: compare_pytorch.py TOP LIBRARY [COUNT [SEED]]          (by a Python that has torch)

A family is a function that draws a case: inputs as (values, dtype), and two functions of them, PyTorch's and ours; it is called through
docs/reference/signatures.json, as every binding would.
"""
import ctypes as c, json, math, pathlib, random, sys, warnings
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from test_ctypes import Binding

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
FAMILIES, CODES = [], {torch.float32: 0, torch.float64: 1, torch.int64: 2, torch.int32: 3, torch.uint8: 4, torch.bool: 4,
                   torch.float16: 6, torch.bfloat16: 7}


def family(weight=1):
    def add(f):
        FAMILIES.extend([f] * weight)
        return f
    return add


class Room:
    """Random choices, and our side of a case."""

    def __init__(self, library, seed):
        self.lib, self.rng, self.np, self.kept = library, random.Random(seed), np.random.default_rng(seed), []

    # ---- drawing ----

    def shape(self, least=0, most=4):
        rank = self.rng.randint(least, most)
        return tuple(self.rng.choice((0, 1, 1, 2, 3, 4, 5) if self.rng.random() < .2 else (1, 2, 3, 4, 5)) for _ in range(rank))

    def broadcast(self, shape):
        """A shape that broadcasts with the one given."""
        cut = shape[self.rng.randint(0, len(shape)):] if self.rng.random() < .4 else shape
        return tuple(1 if self.rng.random() < .3 else n for n in cut)

    def floats(self, shape, low=-2.0, high=2.0, dtype=torch.float64):
        return torch.from_numpy(np.asarray(self.np.uniform(low, high, shape))).to(torch.float32).to(dtype)

    def integers(self, shape, low, high, dtype=torch.int64):
        return torch.from_numpy(np.asarray(self.np.integers(low, high, shape))).to(dtype)

    def dtype(self):
        return self.rng.choice((torch.float32, torch.float64))

    def axis(self, shape):
        n = max(len(shape), 1)
        return self.rng.randint(-n, n - 1)

    def axes(self, shape):
        return self.rng.sample(range(len(shape)), self.rng.randint(0, len(shape)))

    # ---- our tensors ----

    def ints(self, values):
        array = (c.c_int64 * max(len(values), 1))(*values)
        self.kept.append(array)
        return c.cast(array, c.c_void_p)

    def options(self, name, **given):
        made = self.lib.options(name, **given)
        self.kept.append(made)
        return c.byref(made)

    def ours(self, t):
        array = t.detach().contiguous().numpy()
        self.kept.append(array)
        return self.lib.ct_from_array(CODES[t.dtype], array.ctypes.data_as(c.c_void_p), self.ints(t.shape), t.dim())

    def values(self, t):
        n = self.lib.ct_numel(t)
        out = (c.c_double * max(n, 1))()
        assert self.lib.ct_to_values(t, c.cast(out, c.c_void_p), n) == 0
        shape = tuple(self.lib.ct_size(t, i) for i in range(self.lib.ct_rank(t)))
        return np.array(out[:n]).reshape(shape)

    def laid_out(self, mine, theirs):
        """The same in another layout: (ours, PyTorch's)."""
        kind, rank = self.rng.randint(0, 4), theirs.dim()
        if kind == 1 and rank > 1:
            order = self.rng.sample(range(rank), rank)
            return self.lib.ct_permute(mine, self.ints(order), rank), theirs.permute(order)
        if kind == 2 and rank > 0 and theirs.shape[0] > 1:
            return self.lib.ct_slice(mine, 0, 1, 2**63 - 1, 1), theirs[1:]
        if kind == 3 and rank > 0:
            return self.lib.ct_slice(mine, rank - 1, 0, 2**63 - 1, 2), theirs[..., ::2]
        if kind == 4 and rank > 0:
            return self.lib.ct_flip(mine, self.ints([rank - 1]), 1), theirs.flip(rank - 1)
        return mine, theirs


# ---- comparing ----

def close(a, b, dtype, scale):
    limit = (2e-4 if dtype == torch.float32 else 1e-8) * max(scale, 1e-3)
    with np.errstate(invalid="ignore"):
        return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= limit)))


def largest(a):
    finite = a[np.isfinite(a)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def run(room, case):
    """None, or what differs. A case: (name, inputs, theirs, ours, keep): those in keep stay in their layout."""
    lib, (name, inputs, theirs, ours, keep) = room.lib, case
    leaves, mine, other = [], [], []
    for i, t in enumerate(inputs):
        handle = room.ours(t)
        if t.is_floating_point():
            t = t.clone().requires_grad_()
            lib.ct_set_requires_grad(handle, True)
            leaves.append((handle, t))
        a, b = (handle, t) if i in keep else room.laid_out(handle, t)
        mine.append(a)
        other.append(b)
    try:
        want, refused = theirs(*other), None
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        want, refused = None, str(error).splitlines()[0]
    got = ours(*mine)
    error = lib.ct_error_message().decode() if not got else ""
    lib.ct_error_clear()
    shapes = " ".join(f"{tuple(t.shape)}{'' if t.is_contiguous() else '*'}" for t in other)
    if not got or want is None:
        if bool(got) == (want is not None):
            return None
        return f"{name} of {shapes}: ours {error or 'gives a result'}; PyTorch {refused or 'gives a result'}"
    a, b = room.values(got), want.detach().numpy().astype(float)
    if a.shape != b.shape:
        return f"{name} of {shapes}: shape {a.shape}, PyTorch {b.shape}"
    dtype = inputs[0].dtype if inputs[0].is_floating_point() else torch.float64
    if not close(a, b, dtype, largest(b)):
        return f"{name} of {shapes}, {dtype}: values\n{a}\n{b}"
    if not want.requires_grad or not lib.ct_requires_grad(got):
        return None
    g = room.floats(tuple(want.shape), dtype=want.dtype)
    status = lib.ct_backward(got, room.options("ct_backward_options", gradient=room.ours(g)))
    if status:
        message = lib.ct_error_message().decode()
        lib.ct_error_clear()
        return f"{name} of {shapes}: backward: {message}"
    want.backward(g)
    for handle, t in leaves:
        grad = lib.ct_grad_of(handle)
        a = room.values(grad) if grad else np.zeros(t.shape)
        b = t.grad.numpy().astype(float) if t.grad is not None else np.zeros(t.shape)
        if not close(a, b, dtype, max(largest(b), largest(g.numpy()))):
            return f"{name} of {shapes}, {dtype}: gradient\n{a}\n{b}"
    return None


# ---- families ----

ONE = [("neg", torch.neg, -2, 2), ("exp", torch.exp, -2, 2), ("exp2", torch.exp2, -2, 2), ("expm1", torch.expm1, -2, 2),
       ("log", torch.log, .2, 3), ("log1p", torch.log1p, -.8, 3), ("log2", torch.log2, .2, 3), ("log10", torch.log10, .2, 3),
       ("sqrt", torch.sqrt, .2, 3), ("rsqrt", torch.rsqrt, .2, 3), ("square", torch.square, -2, 2), ("abs", torch.abs, -2, 2),
       ("sign", torch.sign, -2, 2), ("sin", torch.sin, -9, 9), ("cos", torch.cos, -9, 9), ("tan", torch.tan, -1.2, 1.2),
       ("asin", torch.asin, -.9, .9), ("acos", torch.acos, -.9, .9), ("atan", torch.atan, -3, 3), ("sinh", torch.sinh, -3, 3),
       ("cosh", torch.cosh, -3, 3), ("tanh", torch.tanh, -3, 3), ("asinh", torch.asinh, -9, 9), ("acosh", torch.acosh, 1.2, 9),
       ("atanh", torch.atanh, -.9, .9), ("erf", torch.erf, -3, 3), ("erfc", torch.erfc, -3, 3), ("erfinv", torch.erfinv, -.9, .9),
       ("sigmoid", torch.sigmoid, -9, 9), ("relu", F.relu, -2, 2), ("selu", F.selu, -2, 2), ("gelu", F.gelu, -4, 4),
       ("silu", F.silu, -4, 4), ("mish", F.mish, -4, 4), ("softsign", F.softsign, -4, 4), ("log_sigmoid", F.logsigmoid, -9, 9),
       ("hardswish", F.hardswish, -5, 5), ("tanhshrink", F.tanhshrink, -3, 3), ("ceil", torch.ceil, -3, 3), ("floor", torch.floor, -3, 3),
       ("round", torch.round, -3, 3), ("trunc", torch.trunc, -3, 3), ("frac", torch.frac, -3, 3), ("sinc", torch.sinc, .2, 3),
       ("lgamma", torch.lgamma, .2, 5), ("digamma", torch.digamma, .3, 5), ("i0", torch.i0, -5, 5), ("i1", torch.special.i1, .2, 5),
       ("i0e", torch.special.i0e, .2, 9), ("i1e", torch.special.i1e, .2, 9), ("deg2rad", torch.deg2rad, -99, 99),
       ("rad2deg", torch.rad2deg, -3, 3), ("isnan", torch.isnan, -1, 1), ("isfinite", torch.isfinite, -1, 1), ("signbit", torch.signbit, -1, 1),
       ("reciprocal", torch.reciprocal, .3, 3)]
TWO = [("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div), ("maximum", torch.maximum), ("minimum", torch.minimum),
       ("atan2", torch.atan2), ("hypot", torch.hypot), ("logaddexp", torch.logaddexp), ("remainder", torch.remainder), ("fmod", torch.fmod),
       ("copysign", torch.copysign), ("xlogy", torch.xlogy), ("eq", torch.eq), ("lt", torch.lt), ("ge", torch.ge), ("pow", torch.pow)]


@family(6)
def one_input(r):
    name, f, low, high = r.rng.choice(ONE)
    return name, [r.floats(r.shape(), low, high, r.dtype())], f, getattr(r.lib, "ct_" + name), ()


@family(6)
def two_inputs(r):
    name, f = r.rng.choice(TWO)
    shape, dtype = r.shape(), r.dtype()
    other = r.broadcast(shape) if r.rng.random() < .9 else r.shape()
    low = .2 if name in ("xlogy", "pow", "div", "remainder", "fmod", "hypot", "atan2") else -2
    return name, [r.floats(shape, low, 2, dtype), r.floats(other, low, 2, dtype)], f, getattr(r.lib, "ct_" + name), (0, 1)


@family(6)
def reductions(r):
    name = r.rng.choice(("sum", "mean", "amax", "amin", "logsumexp", "prod", "count_nonzero", "var", "std", "norm"))
    shape, keep = r.shape(1), r.rng.random() < .5
    axes, p = r.axes(shape) or [0], r.rng.choice((1, 2, 3, .5, math.inf, -math.inf, 0))
    given = dict(axes=r.ints(axes), n_axes=len(axes), keepdim=keep)
    x, f = r.floats(shape, -2, 2, r.dtype()), getattr(torch, name)
    if name in ("var", "std"):
        correction = r.rng.choice((0, 1, 2, .5))
        o = r.options("ct_var_options", correction=correction, **given)
        return name, [x], lambda t: f(t, axes, correction=correction, keepdim=keep), lambda t: getattr(r.lib, "ct_" + name)(t, o), (0,)
    o = r.options("ct_reduce_options", **given)
    if name == "norm":
        return name, [x], lambda t: torch.linalg.vector_norm(t, p, axes, keepdim=keep), lambda t: r.lib.ct_norm(t, p, o), ()
    if name == "prod":
        one = axes[0]
        o = r.options("ct_reduce_options", axes=r.ints([one]), n_axes=1, keepdim=keep)
        return name, [x], lambda t: t.prod(one, keepdim=keep), lambda t: r.lib.ct_prod(t, o), ()
    if name == "count_nonzero":
        o = r.options("ct_reduce_options", axes=r.ints(axes), n_axes=len(axes))
        return name, [x.round()], lambda t: t.count_nonzero(axes), lambda t: r.lib.ct_count_nonzero(t, o), ()
    return name, [x], lambda t: f(t, axes, keepdim=keep), lambda t: getattr(r.lib, "ct_" + name)(t, o), ()


@family(4)
def along_an_axis(r):
    shape = r.shape(0, 3)
    axis, x, keep = r.axis(shape), r.floats(shape, -2, 2, r.dtype()), r.rng.random() < .5
    k = r.rng.randint(1, 5)
    return r.rng.choice((
        ("cumsum", [x], lambda t: t.cumsum(axis), lambda t: r.lib.ct_cumsum(t, axis), ()),
        ("cumprod", [x], lambda t: t.cumprod(axis), lambda t: r.lib.ct_cumprod(t, axis), ()),
        ("logcumsumexp", [x], lambda t: t.logcumsumexp(axis), lambda t: r.lib.ct_logcumsumexp(t, axis), ()),
        ("cummax", [x], lambda t: t.cummax(axis)[0], lambda t: r.lib.ct_cummax(t, axis, None), ()),
        ("cummin", [x], lambda t: t.cummin(axis)[0], lambda t: r.lib.ct_cummin(t, axis, None), ()),
        ("softmax", [x], lambda t: t.softmax(axis), lambda t: r.lib.ct_softmax(t, axis), ()),
        ("log_softmax", [x], lambda t: t.log_softmax(axis), lambda t: r.lib.ct_log_softmax(t, axis), ()),
        ("sort", [x], lambda t: t.sort(axis, descending=keep)[0], lambda t: r.lib.ct_sort(t, axis, keep, None), ()),
        ("median", [x], lambda t: t.median(axis, keepdim=keep)[0], lambda t: r.lib.ct_median(t, axis, keep, None), ()),
        ("kthvalue", [x], lambda t: t.kthvalue(k, axis, keepdim=keep)[0], lambda t: r.lib.ct_kthvalue(t, k, axis, keep, None), ()),
        ("mode", [x.round()], lambda t: t.mode(axis, keepdim=keep)[0].detach(), lambda t: r.lib.ct_mode(t, axis, keep, None), ()),
        ("topk", [x], lambda t: t.topk(k, axis, largest=keep)[0], lambda t: r.lib.ct_topk(t, k, axis, keep, None), ()),
        ("max", [x], lambda t: t.max(axis, keepdim=keep)[0], lambda t: r.lib.ct_max(t, axis, keep, None), ()),
        ("argmin", [x], lambda t: t.argmin(axis), lambda t: r.lib.ct_argmin(t, axis), ()),
        ("glu", [x], lambda t: F.glu(t, axis), lambda t: r.lib.ct_glu(t, axis), ()),
        ("diff", [x], lambda t: t.diff(k - 1, axis), lambda t: r.lib.ct_diff(t, k - 1, axis), ()),
        ("trapezoid", [x], lambda t: torch.trapezoid(t, dim=axis), lambda t: r.lib.ct_trapezoid(t, None, axis), ())))


@family(2)
def quantiles(r):
    shape, dtype = tuple(max(n, 1) for n in r.shape(1, 3)), r.dtype() # of no lines PyTorch refuses quantiles, and only these
    axis, keep, how = r.rng.choice((r.axis(shape), None)), r.rng.random() < .5, r.rng.randint(0, 4)
    q = r.floats((r.rng.randint(1, 3),) if r.rng.random() < .6 else (), 0, 1, dtype)
    words = ("linear", "lower", "higher", "midpoint", "nearest")[how]
    given = {} if axis is None else {"axis": axis}
    o = r.options("ct_quantile_options", keepdim=keep, interpolation=how, **given)
    return ("quantile " + words, [r.floats(shape, -2, 2, dtype)], lambda t: torch.quantile(t, q, axis, keep, interpolation=words),
            lambda t: r.lib.ct_quantile(t, r.ours(q), o), ())


@family(3)
def indexing(r):
    shape, dtype = r.shape(1, 3), r.dtype()
    axis = r.axis(shape)
    n = shape[axis]
    x = r.floats(shape, -2, 2, dtype)
    along = tuple(r.rng.randint(0, 4) if i == axis % len(shape) else s for i, s in enumerate(shape))
    index = r.integers(along, 0, max(n, 1))
    source = r.floats(along, -2, 2, dtype)
    row = r.integers((r.rng.randint(0, 5) if n > 0 else 0,), 0, max(n, 1)) # no index of nothing
    rows = r.floats(tuple(len(row) if i == axis % len(shape) else s for i, s in enumerate(shape)), -2, 2, dtype)
    word, how, own = *r.rng.choice((("sum", 0), ("mean", 1), ("amax", 2), ("amin", 3), ("prod", 4))), r.rng.random() < .5
    times = r.integers((n,), 0, 4)
    return r.rng.choice((
        ("gather", [x, index], lambda t, i: t.gather(axis, i), lambda t, i: r.lib.ct_gather(t, axis, i), (0, 1)),
        ("scatter_add", [x, index, source], lambda t, i, s: t.scatter_add(axis, i, s), lambda t, i, s: r.lib.ct_scatter_add(t, axis, i, s), (0, 1, 2)),
        ("scatter_reduce " + word, [x, index, source], lambda t, i, s: t.scatter_reduce(axis, i, s, word, include_self=own),
         lambda t, i, s: r.lib.ct_scatter_reduce(t, axis, i, s, how, own), (0, 1, 2)),
        ("index_select", [x, row], lambda t, i: t.index_select(axis, i), lambda t, i: r.lib.ct_index_select(t, axis, i), (0, 1)),
        ("index_add", [x, row, rows], lambda t, i, s: t.index_add(axis, i, s), lambda t, i, s: r.lib.ct_index_add(t, axis, i, s), (0, 1, 2)),
        ("repeat_interleave", [x, times], lambda t, k: t.repeat_interleave(k, axis), lambda t, k: r.lib.ct_repeat_interleave(t, k, axis), (0, 1)),
        ("nonzero", [x.round()], lambda t: t.nonzero(), lambda t: r.lib.ct_nonzero(t), ()),
        ("searchsorted", [x.sort(-1)[0], x], lambda t, v: torch.searchsorted(t.detach(), v.detach(), right=own),
         lambda t, v: r.lib.ct_searchsorted(t, v, own), (0, 1))))


@family(3)
def matrices(r):
    dtype, batch = torch.float64, r.rng.choice(((), (2,), (3, 1)))
    n, k = r.rng.randint(1, 5), r.rng.randint(1, 4)
    a = r.floats(batch + (n, n), -1, 1, dtype) + 2 * torch.eye(n, dtype=dtype)
    b, tall = r.floats(batch + (n, k), -2, 2, dtype), r.floats(batch + (n + k, n), -2, 2, dtype)
    power, upper = r.rng.randint(-3, 5), r.rng.random() < .5
    x, y, p = r.floats(batch + (k, 3), -2, 2, dtype), r.floats((n, 3), -2, 2, dtype), r.rng.choice((1., 2., 3.))
    return r.rng.choice((
        ("matmul", [a, b], torch.matmul, lambda t, u: r.lib.ct_matmul(t, u), (0, 1)),
        ("solve", [a, b], torch.linalg.solve, lambda t, u: r.lib.ct_solve(t, u), (0, 1)),
        ("solve_triangular", [a, b], lambda t, u: torch.linalg.solve_triangular(t, u, upper=upper), lambda t, u: r.lib.ct_solve_triangular(t, u, upper, False), (0, 1)),
        ("inverse", [a], torch.linalg.inv, lambda t: r.lib.ct_inverse(t), (0,)),
        ("det", [a], torch.linalg.det, lambda t: r.lib.ct_det(t), (0,)),
        ("qr", [tall], lambda t: torch.linalg.qr(t)[1], lambda t: qr_r(r, t), (0,)),
        ("svdvals", [tall], torch.linalg.svdvals, lambda t: r.lib.ct_svd(t, None, None), (0,)),
        ("lstsq", [tall, r.floats(batch + (n + k, 2), -2, 2, dtype)], lambda t, u: torch.linalg.lstsq(t, u).solution, lambda t, u: r.lib.ct_lstsq(t, u), (0, 1)),
        ("eigvalsh", [a], lambda t: torch.linalg.eigvalsh((t + t.mT) / 2), lambda t: r.lib.ct_eigh(t, None), (0,)),
        ("matrix_power", [a], lambda t: torch.linalg.matrix_power(t, power), lambda t: r.lib.ct_matrix_power(t, power), (0,)),
        ("matrix_exp", [a], torch.linalg.matrix_exp, lambda t: r.lib.ct_matrix_exp(t), (0,)),
        ("cross", [x, x.flip(-1)], lambda t, u: torch.linalg.cross(t, u), lambda t, u: r.lib.ct_cross(t, u, -1), ()),
        ("kron", [b, a], torch.kron, lambda t, u: r.lib.ct_kron(t, u), (0, 1)),
        ("cdist", [x, y], lambda t, u: torch.cdist(t, u, p), lambda t, u: r.lib.ct_cdist(t, u, p), (0, 1))))


def qr_r(room, t):
    out = c.c_void_p()
    return out.value if room.lib.ct_qr(t, c.byref(out)) else None


@family(3)
def losses(r):
    dtype, shape, how = r.dtype(), r.shape(1, 3), r.rng.randint(0, 2)
    word = ("mean", "sum", "none")[how]
    x, t, third = r.floats(shape, -2, 2, dtype), r.floats(shape, -2, 2, dtype), r.floats(shape, .3, 2, dtype)
    delta, margin = r.rng.choice((.5, 1., 2.)), r.rng.choice((.25, .5, 1.))
    o, m = r.options("ct_loss_options", reduction=how, delta=delta), r.options("ct_criterion_options", reduction=how, margin=margin)
    plain, bare = r.options("ct_loss_options", reduction=how), r.options("ct_criterion_options", reduction=how)
    sign = torch.where(t.detach() > 0, 1., -1.).to(dtype)
    return r.rng.choice((
        ("mse_loss", [x, t], lambda a, b: F.mse_loss(a, b, reduction=word), lambda a, b: r.lib.ct_mse_loss(a, b, plain), (0, 1)),
        ("huber_loss", [x, t], lambda a, b: F.huber_loss(a, b, reduction=word, delta=delta), lambda a, b: r.lib.ct_huber_loss(a, b, o), (0, 1)),
        ("smooth_l1_loss", [x, t], lambda a, b: F.smooth_l1_loss(a, b, reduction=word, beta=delta), lambda a, b: r.lib.ct_smooth_l1_loss(a, b, o), (0, 1)),
        ("soft_margin_loss", [x], lambda a: F.soft_margin_loss(a, sign, reduction=word), lambda a: r.lib.ct_soft_margin_loss(a, r.ours(sign), bare), (0,)),
        ("hinge_embedding_loss", [x], lambda a: F.hinge_embedding_loss(a, sign, margin, reduction=word),
         lambda a: r.lib.ct_hinge_embedding_loss(a, r.ours(sign), m), (0,)),
        ("margin_ranking_loss", [x, t], lambda a, b: F.margin_ranking_loss(a, b, sign, margin, reduction=word),
         lambda a, b: r.lib.ct_margin_ranking_loss(a, b, r.ours(sign), m), (0, 1)),
        ("gaussian_nll_loss", [x, t, third], lambda a, b, v: F.gaussian_nll_loss(a, b, v, reduction=word),
         lambda a, b, v: r.lib.ct_gaussian_nll_loss(a, b, v, bare), (0, 1, 2)),
        ("poisson_nll_loss", [x], lambda a: F.poisson_nll_loss(a, third, reduction=word), lambda a: r.lib.ct_poisson_nll_loss(a, r.ours(third), bare), (0,)),
        ("triplet_margin_loss", [x, t, third], lambda a, b, n: F.triplet_margin_loss(a, b, n, margin, reduction=word),
         lambda a, b, n: r.lib.ct_triplet_margin_loss(a, b, n, m), (0, 1, 2)),
        ("pairwise_distance", [x, t], lambda a, b: F.pairwise_distance(a, b, 2., 1e-6), lambda a, b: r.lib.ct_pairwise_distance(a, b, 2., 1e-6, False), (0, 1))))


@family(3)
def windows(r):
    dtype, dims = r.dtype(), r.rng.randint(1, 2)
    groups, kernel = r.rng.choice((1, 1, 2)), [r.rng.randint(1, 3) for _ in range(dims)]
    stride, padding, dilation = ([r.rng.randint(low, 2) for _ in range(dims)] for low in (1, 0, 1))
    size = tuple(r.rng.randint(3, 7) for _ in range(dims))
    x, w = r.floats((2, 2 * groups) + size, -2, 2, dtype), r.floats((2 * groups, 2) + tuple(kernel), -2, 2, dtype)
    given = dict(stride=(c.c_int64 * 3)(*stride), padding=(c.c_int64 * 3)(*[p or -2**63 for p in padding]), dilation=(c.c_int64 * 3)(*dilation))
    o = r.options("ct_conv_options", groups=groups, **given)
    conv, pool = getattr(F, f"conv{dims}d"), getattr(F, f"max_pool{dims}d")
    q = r.options("ct_pool_options", kernel=(c.c_int64 * 3)(*kernel), **given)
    return r.rng.choice((
        ("conv", [x, w], lambda t, k: conv(t, k, None, stride, padding, dilation, groups), lambda t, k: getattr(r.lib, f"ct_conv{dims}d")(t, k, None, o), (0, 1)),
        ("max_pool", [x], lambda t: pool(t, kernel, stride, padding, dilation), lambda t: getattr(r.lib, f"ct_max_pool{dims}d")(t, 0, q), ())))


@family(3)
def pools(r):
    dtype, dims = r.dtype(), r.rng.randint(1, 3)
    size = tuple(r.rng.randint(1, 7) for _ in range(dims))
    kernel, stride = [r.rng.randint(1, 3 if dims < 3 else min(3, n)) for n in size], [r.rng.randint(1, 3) for _ in range(dims)]
    padding, to = [r.rng.randint(0, k // 2) for k in kernel], [r.rng.randint(1, 5) for _ in range(dims)]
    x, up, counted = r.floats((2,) * r.rng.randint(1, 2) + size, -2, 2, dtype), r.rng.random() < .5, r.rng.random() < .5
    three = {name: (c.c_int64 * 3)(*[v or -2**63 for v in values]) for name, values in dict(kernel=kernel, stride=stride, padding=padding).items()}
    largest, mean = r.options("ct_pool_options", ceil_mode=up, **three), r.options("ct_pool_options", ceil_mode=up, exclude_pad=not counted, **three)
    f, lib = lambda name: getattr(F, f"{name}{dims}d"), lambda name: getattr(r.lib, f"ct_{name}{dims}d")
    return r.rng.choice((
        ("max_pool", [x], lambda t: f("max_pool")(t, kernel, stride, padding, ceil_mode=up), lambda t: lib("max_pool")(t, 0, largest), ()),
        ("avg_pool", [x], lambda t: f("avg_pool")(t, kernel, stride, padding, up, counted), lambda t: lib("avg_pool")(t, 0, mean), ()),
        ("adaptive_avg_pool", [x], lambda t: f("adaptive_avg_pool")(t, to), lambda t: lib("adaptive_avg_pool")(t, *to), ()),
        ("adaptive_max_pool", [x], lambda t: f("adaptive_max_pool")(t, to), lambda t: lib("adaptive_max_pool")(t, *to, None), ())))


@family(3)
def resizing(r):
    dtype, mode = r.dtype(), r.rng.randint(0, 4)
    dims = 2 if mode == 2 else r.rng.randint(1, 3)
    word = ("nearest", ("linear", "bilinear", "trilinear")[dims - 1], "bicubic", "area", "nearest-exact")[mode]
    smooth = r.rng.random() < .4 and dims == 2 and mode in (1, 2)
    least = 2 if smooth else 1 # PyTorch 2.15 copies the first row where an antialiased result is one element wide
    corners = r.rng.random() < .4 if mode in (1, 2) else None
    x, to = r.floats((1, 2) + tuple(r.rng.randint(4 * least - 3, 8) for _ in range(dims)), -2, 2, dtype), [r.rng.randint(least, 9) for _ in range(dims)]
    given = dict(mode=mode, antialias=smooth, align_corners=bool(corners))
    if mode != 3 and r.rng.random() < .4:
        by = [r.rng.choice((.3, .5, .75, 1.25, 2., 2.6)) for _ in range(dims)]
        o = r.options("ct_interpolate_options", scale=(c.c_double * 3)(*by), **given)
        return "interpolate " + word, [x], lambda t: F.interpolate(t, scale_factor=by, mode=word, align_corners=corners, antialias=smooth), lambda t: r.lib.ct_interpolate(t, o), ()
    o = r.options("ct_interpolate_options", size=(c.c_int64 * 3)(*to), **given)
    return "interpolate " + word, [x], lambda t: F.interpolate(t, to, mode=word, align_corners=corners, antialias=smooth), lambda t: r.lib.ct_interpolate(t, o), ()


@family(3)
def padding(r):
    dtype, mode = r.dtype(), r.rng.randint(0, 3)
    word, axes = ("constant", "reflect", "replicate", "circular")[mode], r.rng.randint(1, 2)
    x = r.floats((2, 2) + tuple(r.rng.randint(1, 5) for _ in range(axes)), -2, 2, dtype)
    amounts = [r.rng.randint(-1 if mode == 0 else 0, 4) for _ in range(2 * axes)]
    w, dilation = r.floats((3, 2) + tuple(r.rng.randint(1, 3) for _ in range(axes)), -2, 2, dtype), r.rng.randint(1, 2)
    o, same = r.options("ct_pad_options", mode=mode), r.options("ct_conv_options", same=True, dilation=(c.c_int64 * 3)(dilation))
    return r.rng.choice((
        ("pad " + word, [x], lambda t: F.pad(t, amounts, word), lambda t: r.lib.ct_pad(t, r.ints(amounts), len(amounts), o), ()),
        ("conv same", [x, w], lambda t, k: getattr(F, f"conv{axes}d")(t, k, padding="same", dilation=dilation),
         lambda t, k: getattr(r.lib, f"ct_conv{axes}d")(t, k, None, same), (0, 1))))


@family(3)
def spectra(r):
    dtype, norm = r.dtype(), r.rng.randint(0, 2)
    word, shape = ("backward", "ortho", "forward")[norm], tuple(r.rng.randint(1, 5) for _ in range(r.rng.randint(0, 2))) + (r.rng.choice((1, 2, 3, 5, 8, 12, 17, 37, 60)),)
    axis, n = r.rng.randrange(-len(shape), len(shape)), r.rng.choice((None, None, 1, 4, 7, 16, 35))
    o = r.options("ct_fft_options", axis=axis, norm=norm, **({} if n is None else {"n": n}))
    real, pairs, fft = r.floats(shape, -2, 2, dtype), r.floats(shape + (2,), -2, 2, dtype), torch.fft
    complex_ = lambda t: torch.view_as_complex(t.contiguous())
    frame, hop = r.rng.randint(1, 8), r.rng.randint(1, 4)
    s = r.options("ct_stft_options", hop=hop)
    return r.rng.choice((
        ("fft", [pairs], lambda t: torch.view_as_real(fft.fft(complex_(t), n, axis, word)), lambda t: r.lib.ct_fft(t, o), (0,)),
        ("ifft", [pairs], lambda t: torch.view_as_real(fft.ifft(complex_(t), n, axis, word)), lambda t: r.lib.ct_ifft(t, o), (0,)),
        ("rfft", [real], lambda t: torch.view_as_real(fft.rfft(t, n, axis, word)), lambda t: r.lib.ct_rfft(t, o), ()),
        ("irfft", [pairs], lambda t: fft.irfft(complex_(t), n, axis, word), lambda t: r.lib.ct_irfft(t, o), (0,)),
        ("stft", [r.floats((2, r.rng.randint(5, 20)), -2, 2, dtype)], lambda t: torch.view_as_real(torch.stft(t, frame, hop, return_complex=True)),
         lambda t: r.lib.ct_stft(t, frame, s), ())))


@family(2)
def attention(r):
    dtype, (heads, shared) = r.dtype(), r.rng.choice(((4, 2), (3, 3), (6, 1)))
    queries, keys, e, window = r.rng.randint(1, 6), r.rng.randint(1, 6), r.rng.randint(1, 4), r.rng.randint(0, 3)
    q, k, v = r.floats((2, heads, queries, e), -2, 2, dtype), r.floats((2, shared, keys, e), -2, 2, dtype), r.floats((2, shared, keys, 3), -2, 2, dtype)
    apart, causal = torch.arange(queries)[:, None] - torch.arange(keys), r.rng.random() < .5
    seen = ((apart >= 0) | (not causal)) & ((apart.abs() < window) | (window == 0))
    if not seen.any(1).all():
        window, seen = 0, (apart >= 0) | (not causal)
    o = r.options("ct_attention_options", enable_gqa=True, is_causal=causal, window=window)
    return ("attention", [q, k, v], lambda a, b, d: F.scaled_dot_product_attention(a, b, d, attn_mask=seen, enable_gqa=True),
            lambda a, b, d: r.lib.ct_scaled_dot_product_attention(a, b, d, o), (0, 1, 2))


@family(2)
def subscripts(r):
    shape, parts, words = r.shape(1, 4), [], []
    for n in shape[:r.rng.randint(0, len(shape))]:
        start, end, step = r.rng.randint(-n - 1, n + 1), r.rng.randint(-n - 1, n + 1), r.rng.randint(1, 3)
        kind = r.rng.randint(0, 5)
        part, word = ((slice(None), ":"), (slice(start, None), f"{start}:"), (slice(None, end), f":{end}"), (slice(start, end, step), f"{start}:{end}:{step}"),
                      (start, str(start)), (slice(None, None, step), f"::{step}"))[kind]
        parts, words = parts + [part], words + [word]
        if r.rng.random() < .2:
            parts, words = parts + [None], words + ["None"]
    if r.rng.random() < .4:
        at = r.rng.randint(0, len(parts))
        parts, words = parts[:at] + [Ellipsis] + parts[at:], words[:at] + ["..."] + words[at:]
    text = r.rng.choice((", ", ",")).join(words).encode()
    return "subscript " + text.decode(), [r.floats(shape, -2, 2, r.dtype())], lambda t: t[tuple(parts)], lambda t: r.lib.ct_subscript(t, text), ()


@family(2)
def integers(r):
    shape, dtype = r.shape(1, 3), r.rng.choice((torch.int64, torch.int32, torch.uint8))
    axis, low = r.axis(shape), 0 if dtype == torch.uint8 else -9
    n = shape[axis]
    along = tuple(r.rng.randint(0, 4) if i == axis % len(shape) else s for i, s in enumerate(shape))
    along = along if n > 0 else tuple(0 if i == axis % len(shape) else s for i, s in enumerate(along)) # no index of nothing
    x, source, index = r.integers(shape, low, 99, dtype), r.integers(along, low, 99, dtype), r.integers(along, 0, max(n, 1))
    row, (word, how), own = r.integers((along[axis],), 0, max(n, 1)), r.rng.choice((("sum", 0), ("mean", 1), ("amax", 2), ("amin", 3), ("prod", 4))), r.rng.random() < .5
    return r.rng.choice((
        (f"scatter_reduce {word} of integers", [x, index, source], lambda t, i, s: t.scatter_reduce(axis, i, s, word, include_self=own),
         lambda t, i, s: r.lib.ct_scatter_reduce(t, axis, i, s, how, own), (0, 1, 2)),
        ("scatter_add of integers", [x, index, source], lambda t, i, s: t.scatter_add(axis, i, s), lambda t, i, s: r.lib.ct_scatter_add(t, axis, i, s), (0, 1, 2)),
        ("index_add of integers", [x, row, source], lambda t, i, s: t.index_add(axis, i, s), lambda t, i, s: r.lib.ct_index_add(t, axis, i, s), (0, 1, 2))))


@family(1)
def halves(r):
    half, x = r.rng.choice((torch.float16, torch.bfloat16)), r.floats(r.shape(), -1, 1, torch.float64) * 10. ** r.rng.randint(-9, 9)
    return f"cast to {half}", [x], lambda t: t.detach().to(half).to(torch.float64), lambda t: r.lib.ct_cast(r.lib.ct_cast(t, CODES[half]), 1), ()


@family(2)
def frames_back(r):
    frame, dtype = r.rng.randint(2, 9), r.dtype() # of frames of 1 in the middle PyTorch gives nothing, and refuses that
    hop, centre, norm, whole = r.rng.randint(1, frame), r.rng.random() < .6, r.rng.random() < .5, r.rng.random() < .3
    window = r.floats((r.rng.randint(max(frame - 2, 1), frame),), .3, 2, dtype) if r.rng.random() < .6 else None
    hop = hop if window is None else min(hop, len(window)) # more PyTorch refuses, whether or not the windows reach all
    length = r.rng.choice((None, None, r.rng.randint(1, 30)))
    x = r.floats((r.rng.randint(1, 2), frame if whole else frame // 2 + 1, r.rng.randint(1, 6), 2), -2, 2, dtype)
    centre = centre and frame + hop * (x.shape[-2] - 1) > frame // 2 * 2 # of nothing PyTorch refuses the least
    given = {"hop": hop, "no_centre": not centre, "normalized": norm, "two_sided": whole} | ({} if length is None else {"length": length})
    inputs = [x] if window is None else [x, window]
    return ("istft", inputs, lambda t, w=None: torch.istft(torch.view_as_complex(t.contiguous()), frame, hop, len(w) if w is not None else None, w, centre, norm, not whole, length),
            lambda t, w=None: r.lib.ct_istft(t, frame, r.options("ct_istft_options", window=w, **given)), (0, 1))


@family(2)
def places(r):
    axes, dtype, how = r.rng.randint(2, 3), r.dtype(), r.rng.randint(0, 1)
    x = r.floats((2, 2) + tuple(r.rng.randint(1, 4) for _ in range(axes)), -2, 2, dtype)
    grid = r.floats((2,) + tuple(r.rng.randint(1, 3) for _ in range(axes)) + (axes,), -1.5, 1.5, dtype)
    border, corners = r.rng.random() < .5, r.rng.random() < .5
    o = r.options("ct_grid_options", nearest=how == 1, border=border, align_corners=corners)
    return ("grid_sample", [x, grid], lambda t, g: F.grid_sample(t, g, ("bilinear", "nearest")[how], ("zeros", "border")[border], corners),
            lambda t, g: r.lib.ct_grid_sample(t, g, o), ())


@family(2)
def windows(r):
    """Of one axis as of two with a row; of two PyTorch's own."""
    axes, dtype, draw = r.rng.randint(1, 2), r.dtype(), lambda low, high: [r.rng.randint(low, high) for _ in range(axes)]
    size, kernel, stride, padding, dilation = draw(1, 8), draw(1, 3), draw(1, 3), draw(0, 2), draw(1, 2)
    two = lambda values, one: values if axes == 2 else [one] + values
    given = dict(kernel_size=two(kernel, 1), stride=two(stride, 1), padding=two(padding, 0), dilation=two(dilation, 1))
    spread = lambda values: (c.c_int64 * 3)(*(v if v else -2**63 for v in values))
    o = r.options("ct_conv_options", stride=spread(stride), padding=spread(padding), dilation=spread(dilation))
    unfold, fold = (r.lib.ct_unfold, r.lib.ct_fold) if axes == 2 else (r.lib.ct_unfold1d, r.lib.ct_fold1d)
    if r.rng.random() < .5:
        return ("unfold", [r.floats((2, 3, *size), -2, 2, dtype)], lambda t: F.unfold(t if axes == 2 else t[:, :, None], **given), lambda t: unfold(t, r.ints(kernel), o), ())
    counts = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(size, padding, dilation, kernel, stride)]
    columns = r.floats((2, 3 * math.prod(kernel), max(math.prod(counts), 1)), -2, 2, dtype)
    return ("fold", [columns], lambda t: F.fold(t, two(size, 1), **given) if axes == 2 else F.fold(t, two(size, 1), **given)[..., 0, :], lambda t: fold(t, r.ints(size), r.ints(kernel), o), ())


def main():
    top, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    count, first = int(sys.argv[3]) if len(sys.argv) > 3 else 20000, int(sys.argv[4]) if len(sys.argv) > 4 else 1
    lib, failed = Binding(json.loads((top / "docs/reference/signatures.json").read_text()), library), {}
    for seed in range(first, first + count):
        room = Room(lib, seed)
        lib.ct_scope_open()
        case = room.rng.choice(FAMILIES)(room)
        finding = run(room, case)
        lib.ct_scope_close()
        lib.ct_error_clear()
        if finding:
            failed.setdefault(case[0], []).append(f"seed {seed}: {finding}")
    for name, findings in failed.items():
        print(f"---- {name}: {len(findings)}\n" + "\n".join(findings[:2]))
    print(f"{count - sum(map(len, failed.values()))} passed, {sum(map(len, failed.values()))} failed")


main()
