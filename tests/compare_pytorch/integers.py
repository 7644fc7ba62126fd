"""Integers, and types of two bytes."""
import torch
from cases import CODES, family


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


PAIRS = [("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("maximum", torch.maximum), ("minimum", torch.minimum), ("eq", torch.eq), ("lt", torch.lt),
         ("ge", torch.ge), ("bitwise_and", torch.bitwise_and), ("bitwise_or", torch.bitwise_or), ("bitwise_xor", torch.bitwise_xor),
         ("floor_divide", torch.floor_divide), ("remainder", torch.remainder), ("fmod", torch.fmod), ("logical_and", torch.logical_and), ("logical_xor", torch.logical_xor), ("gcd", torch.gcd)]
SHIFTS = [("bitwise_left_shift", torch.bitwise_left_shift), ("bitwise_right_shift", torch.bitwise_right_shift)]
ONE = [("neg", torch.neg), ("abs", torch.abs), ("sign", torch.sign), ("square", torch.square), ("bitwise_not", torch.bitwise_not), ("logical_not", torch.logical_not),
       ("isnan", torch.isnan), ("isfinite", torch.isfinite), ("signbit", torch.signbit)]
TYPES = [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool, torch.float16, torch.bfloat16]


@family(4)
def integer_functions(r):
    shape, dtype, lib = r.shape(), r.rng.choice((torch.int64, torch.int32, torch.uint8)), r.lib
    low, high = (0, 255) if dtype == torch.uint8 else r.rng.choice(((-9, 9), (-2**31, 2**31 - 1)))
    a, b = r.integers(shape, low, high, dtype), r.integers(r.broadcast(shape), low, high, dtype)
    (pair, f), (shift, g), (one, h) = r.rng.choice(PAIRS), r.rng.choice(SHIFTS), r.rng.choice(ONE)
    b = torch.where(b == 0, torch.ones((), dtype=dtype), b) if pair in ("floor_divide", "remainder", "fmod") else b
    by, bits, p, q = r.integers(r.broadcast(shape), 0, 8, dtype), r.integers(shape, 0, 2, torch.bool), r.rng.randint(0, 9), r.rng.randint(0, 20)
    return r.rng.choice((
        (pair + " of integers", [a, b], f, lambda t, u: getattr(lib, "ct_" + pair)(t, u), ()),
        (pair + " of integers", [a, b], f, lambda t, u: getattr(lib, "ct_" + pair)(t, u), ()),
        (shift, [a, by], g, lambda t, u: getattr(lib, "ct_" + shift)(t, u), ()),
        (one + " of integers", [a], h, lambda t: getattr(lib, "ct_" + one)(t), ()),
        ("bitwise_and of bools", [bits, bits.flip(0) if shape else bits], torch.bitwise_and, lambda t, u: lib.ct_bitwise_and(t, u), ()),
        ("clamp of integers", [a], lambda t: t.clamp(p, q), lambda t: lib.ct_clamp(t, p, q), ()),
        ("add_scalar of integers", [a], lambda t: t + p, lambda t: lib.ct_add_scalar(t, p), ()),
        ("mul_scalar of integers", [a], lambda t: t * q, lambda t: lib.ct_mul_scalar(t, q), ())))


@family(3)
def integer_reductions(r):
    shape, dtype, lib, keep = r.shape(1, 3), r.rng.choice((torch.int64, torch.int32, torch.uint8, torch.bool)), r.lib, r.chance()
    x, axis, axes = r.integers(shape, 0, 2 if dtype == torch.bool else 60, dtype), r.axis(shape), r.axes(shape) or [0]
    o, one = r.options("ct_reduce_options", axes=r.ints(axes), n_axes=len(axes), keepdim=keep), r.options("ct_reduce_options", axes=r.ints([axis]), n_axes=1, keepdim=keep)
    k, n, m = r.rng.randint(0, 4), r.rng.randint(0, 5), r.rng.randint(1, 3)
    whole = dtype if dtype != torch.bool else torch.int64
    a, b = r.integers((2, m, n), 0, 12, whole), r.integers((n, 3), 0, 12, whole)
    return r.rng.choice((
        ("sum of integers", [x], lambda t: t.sum(axes, keepdim=keep), lambda t: lib.ct_sum(t, o), ()),
        ("prod of integers", [x], lambda t: t.prod(axis, keepdim=keep), lambda t: lib.ct_prod(t, one), ()),
        ("amax of integers", [x], lambda t: t.amax(axes, keepdim=keep), lambda t: lib.ct_amax(t, o), ()),
        ("amin of integers", [x], lambda t: t.amin(axes, keepdim=keep), lambda t: lib.ct_amin(t, o), ()),
        ("any of integers", [x], lambda t: t.bool().any(axes, keepdim=keep), lambda t: lib.ct_any(t, o), ()),
        ("all of integers", [x], lambda t: t.bool().all(axes, keepdim=keep), lambda t: lib.ct_all(t, o), ()),
        ("cumsum of integers", [x], lambda t: t.cumsum(axis), lambda t: lib.ct_cumsum(t, axis), ()),
        ("cumprod of integers", [x], lambda t: t.cumprod(axis), lambda t: lib.ct_cumprod(t, axis), ()),
        ("sort of integers", [x], lambda t: list(torch.sort(t, dim=axis, stable=True)), lambda t: r.results(lambda i: lib.ct_sort(t, axis, False, i), 1), ()),
        ("argmax of integers", [x.int() if dtype == torch.bool else x], lambda t: t.argmax(axis), lambda t: lib.ct_argmax(t, axis), ()),
        ("cummax of integers", [x.int() if dtype == torch.bool else x], lambda t: list(t.cummax(axis)), lambda t: r.results(lambda i: lib.ct_cummax(t, axis, i), 1), ()),
        ("median of integers", [x.int() if dtype == torch.bool else x], lambda t: t.contiguous().median(axis, keep)[0], lambda t: lib.ct_median(t, axis, keep, None), ()),
        ("topk of integers", [x.int() if dtype == torch.bool else x], lambda t: t.topk(k, axis)[0], lambda t: lib.ct_topk(t, k, axis, True, None), ()),
        ("unique", [x], lambda t: list(t.unique(return_inverse=True, return_counts=True)), lambda t: r.results(lambda i, j: lib.ct_unique(t, i, j), 2), ()),
        ("nonzero of integers", [x], lambda t: t.nonzero(), lambda t: lib.ct_nonzero(t), ()),
        ("diff of integers", [x.int()], lambda t: t.diff(1, axis), lambda t: lib.ct_diff(t, 1, axis), ()),
        ("matmul of integers", [a, b], torch.matmul, lambda t, u: lib.ct_matmul(t, u), ())))


@family(2)
def casts(r):
    a, b = r.rng.choice(TYPES), r.rng.choice(TYPES)
    x = r.floats(r.shape(), 0, 100 if torch.uint8 in (a, b) else 1000, torch.float64).round(decimals=1).to(a)
    return f"cast {a} to {b}", [x], lambda t: t.to(b), lambda t: r.lib.ct_cast(t, CODES[b]), ()
