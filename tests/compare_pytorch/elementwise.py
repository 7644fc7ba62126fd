"""Elementwise functions."""
import math
import torch
import torch.nn.functional as F
from cases import family


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
       ("reciprocal", torch.reciprocal, .3, 3), ("gelu_tanh", lambda t: F.gelu(t, approximate="tanh"), -4, 4), ("hardsigmoid", F.hardsigmoid, -5, 5),
       ("bessel_j0", torch.special.bessel_j0, -9, 9), # of the others PyTorch has 6 digits
       ("isinf", torch.isinf, -1, 1), ("isposinf", torch.isposinf, -1, 1), ("isneginf", torch.isneginf, -1, 1), ("logical_not", torch.logical_not, -1, 1)]
TWO = [("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div), ("maximum", torch.maximum), ("minimum", torch.minimum),
       ("atan2", torch.atan2), ("hypot", torch.hypot), ("logaddexp", torch.logaddexp), ("remainder", torch.remainder), ("fmod", torch.fmod),
       ("copysign", torch.copysign), ("xlogy", torch.xlogy), ("eq", torch.eq), ("ne", torch.ne),
       ("lt", torch.lt), ("le", torch.le), ("gt", torch.gt), ("ge", torch.ge), ("pow", torch.pow), ("floor_divide", torch.floor_divide),
       ("xlog1py", torch.special.xlog1py), ("logical_and", torch.logical_and), ("logical_or", torch.logical_or), ("logical_xor", torch.logical_xor),
       ("heaviside", torch.heaviside)]
POSITIVE = ("xlogy", "pow", "div", "remainder", "fmod", "hypot", "atan2", "floor_divide", "xlog1py")


@family(6)
def one_input(r):
    name, f, low, high = r.rng.choice(ONE)
    return name, [r.floats(r.shape(), low, high, r.dtype())], f, getattr(r.lib, "ct_" + name), ()


@family(6)
def two_inputs(r):
    name, f = r.rng.choice(TWO)
    shape, dtype = r.shape(), r.dtype()
    other = r.broadcast(shape) if r.rng.random() < .9 else r.shape()
    low = .2 if name in POSITIVE else -2
    return name, [r.floats(shape, low, 2, dtype), r.floats(other, low, 2, dtype)], f, getattr(r.lib, "ct_" + name), (0, 1)


@family(4)
def numbers(r):
    """One input, and numbers behind it."""
    p, q, x = round(r.rng.uniform(-2, 2), 2), round(r.rng.uniform(-2, 2), 2), r.floats(r.shape(), -3, 3, r.dtype())
    half, above, up, n, lib = r.rng.choice((.5, 1., 2.)), abs(p) + .1, r.floats(x.shape, .2, 3, x.dtype), r.rng.randint(0, 4), r.lib
    return r.rng.choice((
        ("add_scalar", [x], lambda t: t + p, lambda t: lib.ct_add_scalar(t, p), ()),
        ("mul_scalar", [x], lambda t: t * p, lambda t: lib.ct_mul_scalar(t, p), ()),
        ("pow_scalar", [up], lambda t: t ** p, lambda t: lib.ct_pow_scalar(t, p), ()),
        ("pow_scalar whole", [x], lambda t: t ** n, lambda t: lib.ct_pow_scalar(t, n), ()),
        ("clamp", [x], lambda t: t.clamp(p, q), lambda t: lib.ct_clamp(t, p, q), ()),
        ("hardtanh", [x], lambda t: F.hardtanh(t, min(p, q), max(p, q)), lambda t: lib.ct_hardtanh(t, min(p, q), max(p, q)), ()),
        ("leaky_relu", [x], lambda t: F.leaky_relu(t, p), lambda t: lib.ct_leaky_relu(t, p), ()),
        ("elu", [x], lambda t: F.elu(t, p), lambda t: lib.ct_elu(t, p), ()),
        ("celu", [x], lambda t: F.celu(t, half), lambda t: lib.ct_celu(t, half), ()), # others are float32 in PyTorch's gradient, of float64 too
        ("softplus", [x], lambda t: F.softplus(t, above), lambda t: lib.ct_softplus(t, above), ()),
        ("threshold", [x], lambda t: F.threshold(t, p, q), lambda t: lib.ct_threshold(t, p, q), ()),
        ("hardshrink", [x], lambda t: F.hardshrink(t, above), lambda t: lib.ct_hardshrink(t, above), ()),
        ("softshrink", [x], lambda t: F.softshrink(t, above), lambda t: lib.ct_softshrink(t, above), ()),
        ("nan_to_num", [x], lambda t: t.nan_to_num(p, q, p), lambda t: lib.ct_nan_to_num(t, p, q, p), ()),
        ("polygamma", [up], lambda t: torch.polygamma(n, t), lambda t: lib.ct_polygamma(t, n), ()),
        ("relu6", [x], F.relu6, lambda t: lib.ct_hardtanh(t, 0, 6), ())))


@family(4)
def three_inputs(r):
    shape, dtype, lib = r.shape(), r.dtype(), r.lib
    a, b, w = (r.floats(r.broadcast(shape), -2, 2, dtype) for _ in range(3))
    mask, value = r.integers(r.broadcast(shape), 0, 2, torch.bool), round(r.rng.uniform(-2, 2), 2)
    low, high, alpha = r.floats(shape, -3, -2.1, dtype), r.floats(r.broadcast(shape), 2.1, 3, dtype), r.floats((r.rng.choice((1, shape[1] if len(shape) > 1 else 1)),), -1, 1, dtype)
    p, q = r.floats(shape, .2, 3, dtype), r.floats(r.broadcast(shape), .2, 3, dtype)
    return r.rng.choice((
        ("where", [mask, a, b], torch.where, lambda m, t, u: lib.ct_where(m, t, u), ()),
        ("masked_fill", [r.floats(shape, -2, 2, dtype), mask], lambda t, m: t.masked_fill(m, value), lambda t, m: lib.ct_masked_fill(t, m, value), ()),
        ("masked_select", [r.floats(shape, -2, 2, dtype), mask], lambda t, m: t.masked_select(m), lambda t, m: lib.ct_masked_select(t, m), ()),
        ("lerp", [r.floats(shape, -2, 2, dtype), b, w], torch.lerp, lambda t, u, v: lib.ct_lerp(t, u, v), ()),
        ("clamp_tensor", [r.floats(shape, -4, 4, dtype), low, high], torch.clamp, lambda t, u, v: lib.ct_clamp_tensor(t, u, v), ()),
        ("clamp_tensor low", [r.floats(shape, -4, 4, dtype), low], lambda t, u: t.clamp(min=u), lambda t, u: lib.ct_clamp_tensor(t, u, None), ()),
        ("prelu", [r.floats(shape, -2, 2, dtype), alpha], F.prelu, lambda t, u: lib.ct_prelu(t, u), ()),
        ("beta", [p, q], lambda t, u: (t.lgamma() + u.lgamma() - (t + u).lgamma()).exp(), lambda t, u: lib.ct_beta(t, u), ()),
        ("swish", [a, b], lambda t, u: t * torch.sigmoid(u * t), lambda t, u: lib.ct_swish(t, u), ()),
        ("igamma", [p, q], lambda t, u: torch.igamma(t.detach(), u), lambda t, u: lib.ct_igamma(lib.ct_detach(t), u), ()),
        ("igammac", [p, q], lambda t, u: torch.igammac(t.detach(), u), lambda t, u: lib.ct_igammac(lib.ct_detach(t), u), ())))


# What docs/differences.md has of these: limits where PyTorch has NaN; gradients there, where squares overflow, beside a domain, at an edge.
LIMITS = ("gelu", "gelu_tanh", "silu", "mish", "softsign", "hardswish", "sinc", "i0", "i1")
EDGES = ("acosh", "digamma", "copysign", "hypot", "hardswish", "selu")


def has_slope(name, at):
    least, largest = 1e-7 if name == "atan2" else 1e-30, 100 if name == "pow" else 50 if name in LIMITS else 1e20
    return name not in EDGES and all(x != x or x == 0 or least <= abs(x) <= largest for x in at)


@family(6)
def extremes(r):
    """Numbers at the ends of what there is: each tensor has one of them all over, so that the comparison is relative."""
    dtype, shape, one = r.dtype(), r.rng.choice(((), (1,), (9,))), r.chance()
    name, f = r.rng.choice(ONE if one else TWO)[:2]
    info = torch.finfo(dtype)
    numbers = [0., -0., math.nan, info.smallest_normal, -info.smallest_normal, info.smallest_normal / 4, info.eps, 1e-30, -1e-30, .5, -.5, 1., -1., 2., -2., 3., 20., -20., 100.,
               -100., 1e5, -1e5, 1e20, -1e20, 1e30, -1e30] + ([] if name in LIMITS else [info.max, -info.max, math.inf, -math.inf])
    at = [r.rng.choice(numbers) for _ in range(1 if one else 2)]
    at = at if name not in ("remainder", "fmod", "floor_divide") or abs(at[1]) >= 1 else [at[0], 3.] # of quotients that overflow PyTorch's are NaN in rows
    theirs = f if has_slope(name, at) else lambda *t: f(*t).detach()
    inputs = [torch.full(shape, at[0], dtype=dtype)] + [torch.full((), x, dtype=dtype) for x in at[1:]]
    return f"extreme {name}({', '.join(map(str, at))})", inputs, theirs, getattr(r.lib, "ct_" + name), ()


@family()
def zeta(r):
    shape, dtype = r.shape(0, 3), r.dtype()
    s, q = r.floats(shape, 1.1, 9, dtype), r.floats(r.broadcast(shape), .2, 30, dtype)
    return ("zeta", [q], lambda t: torch.special.zeta(s, t), lambda t: r.lib.ct_zeta(r.ours(s), t), ())
