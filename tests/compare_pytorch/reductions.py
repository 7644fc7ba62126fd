"""Reductions, scans, sorting, order statistics."""
import math
import ctypes as c
import torch
import torch.nn.functional as F
from cases import family


@family(6)
def reductions(r):
    name = r.rng.choice(("sum", "mean", "amax", "amin", "logsumexp", "prod", "count_nonzero", "var", "std", "norm"))
    shape, keep = r.shape(1), r.rng.random() < .5
    axes, p = r.axes(shape) or [0], r.rng.choice((1, 2, 3, .5, math.inf, -math.inf, 0))
    given = dict(axes=r.ints(axes), n_axes=len(axes), keepdim=keep)
    x, f = r.floats(shape, -2, 2, r.dtype()), getattr(torch, name)
    if name in ("var", "std"):
        n = math.prod(shape[i] for i in axes)
        correction = r.rng.choice([v for v in (0, 1, 2, .5) if v < n or n < 2 and v == 0]) # of more PyTorch's gradient is that of no less
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
        ("median", [x], lambda t: t.contiguous().median(axis, keepdim=keep)[0], lambda t: r.lib.ct_median(t, axis, keep, None), ()),
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


@family()
def boxes(r):
    """Points in boxes, more than one: a single one is on the edge in the middle. PyTorch's weights have no gradient."""
    axes, dtype = r.rng.randint(1, 3), r.dtype()
    n, bins, ranged, weighted, density = r.rng.randint(2, 30), [r.rng.randint(1, 4) for _ in range(axes)], r.chance(), r.chance(), r.chance(.3)
    x, w = r.floats((n, axes), -2, 2, dtype), r.floats((n,), .2, 2, dtype)
    ranges = sum(([a, a + r.rng.uniform(.5, 3)] for a in (r.rng.uniform(-2, 1) for _ in range(axes))), [])
    given = {"density": density} | ({"weights": r.ours(w)} if weighted else {})
    if ranged:
        array = (c.c_double * len(ranges))(*ranges)
        r.kept.append(array)
        given["ranges"] = c.cast(array, c.c_void_p)
    o = r.options("ct_histogram_options", **given)
    return ("histogramdd", [x], lambda t: torch.histogramdd(t.detach(), bins, range=ranges if ranged else None, weight=w if weighted else None, density=density).hist,
            lambda t: r.lib.ct_histogramdd(t, r.ints(bins), axes, o), (0,))
