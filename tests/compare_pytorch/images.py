"""Convolutions, pools and images."""
import ctypes as c
import math
import torch
import torch.nn.functional as F
from cases import family


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
    by = [r.rng.choice((.3, .5, .75, 1.25, 2., 2.6)) for _ in range(dims)]
    least = 2 if smooth else 1 # PyTorch 2.15 copies the first row where an antialiased result is one element wide
    corners = r.rng.random() < .4 if mode in (1, 2) else None
    x, to = r.floats((1, 2) + tuple(r.rng.randint(4 * least - 3, 8) for _ in range(dims)), -2, 2, dtype), [r.rng.randint(least, 9) for _ in range(dims)]
    given = dict(mode=mode, antialias=smooth, align_corners=bool(corners))
    results = [(math.floor(n * b), n) for n, b in zip(x.shape[2:], by)]
    copied = any(a == n for a, n in results) and mode in (0, 4) and dims != 2 # PyTorch's steps by the scale
    if mode != 3 and not copied and min(results)[0] >= least and r.rng.random() < .4:
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


@family(2)
def grids(r):
    axes, dtype, how = r.rng.randint(2, 3), r.dtype(), r.rng.randint(0, 1)
    if axes == 2 and r.rng.random() < .4:
        how = 2
    x = r.floats((2, 2) + tuple(r.rng.randint(1, 4) for _ in range(axes)), -2, 2, dtype)
    grid = r.floats((2,) + tuple(r.rng.randint(1, 3) for _ in range(axes)) + (axes,), -1.5, 1.5, dtype)
    padding, corners = r.rng.choice(("zeros", "border", "reflection")), r.rng.random() < .5
    o = r.options("ct_grid_options", nearest=how == 1, bicubic=how == 2, border=padding == "border", reflection=padding == "reflection", align_corners=corners)
    return ("grid_sample", [x, grid], lambda t, g: F.grid_sample(t, g, ("bilinear", "nearest", "bicubic")[how], padding, corners),
            lambda t, g: r.lib.ct_grid_sample(t, g, o), ())


@family(2)
def windows_as_columns(r):
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


@family(4)
def convolutions(r):
    dtype, lib, dims, n = r.dtype(), r.lib, r.rng.randint(1, 3), r.rng.choice((0, 1, 2, 2))
    groups, ins, outs = r.rng.choice((1, 1, 2, 3)), r.rng.randint(1, 2), r.rng.randint(1, 2)
    draw = lambda low, high: [r.rng.randint(low, high) for _ in range(dims)]
    kernel, stride, padding, dilation, size = draw(1, 3), draw(1, 3), draw(0, 2), draw(1, 2), draw(1, 6 if dims < 3 else 4)
    padding = padding if all((i - 1) * s - 2 * p + (k - 1) * d + 1 > 0 for i, s, p, k, d in zip(size, stride, padding, kernel, dilation)) else [0] * dims
    extra = [r.rng.randint(0, s - 1) for s in stride]
    lead = (n,) if r.chance(.8) else ()
    x, w, b = r.floats(lead + (groups * ins, *size), -2, 2, dtype), r.floats((groups * outs, ins, *kernel), -2, 2, dtype), r.floats((groups * outs,), -2, 2, dtype)
    back, c_back = r.floats((groups * ins, outs, *kernel), -2, 2, dtype), r.floats((groups * outs,), -2, 2, dtype)
    given = dict(stride=r.spread(stride), padding=r.spread(padding), dilation=r.spread(dilation), groups=groups)
    o, p = r.options("ct_conv_options", **given), r.options("ct_conv_options", output_padding=r.spread(extra), **given)
    return r.rng.choice((
        (f"conv{dims}d", [x, w, b], lambda t, k, a: getattr(F, f"conv{dims}d")(t, k, a, stride, padding, dilation, groups), lambda t, k, a: getattr(lib, f"ct_conv{dims}d")(t, k, a, o), ()),
        (f"conv_transpose{dims}d", [x, back, c_back], lambda t, k, a: getattr(F, f"conv_transpose{dims}d")(t, k, a, stride, padding, extra, groups, dilation),
         lambda t, k, a: getattr(lib, f"ct_conv_transpose{dims}d")(t, k, a, p), ())))


@family(1)
def wide_convolutions(r):
    """Of so many channels that they are computed by Winograd's transforms, or cut into tiles."""
    dtype, lib, ins, outs = r.dtype(), r.lib, r.rng.choice((16, 19, 32)), r.rng.choice((5, 16, 33))
    n, h, w, padding, k = r.rng.randint(1, 2), r.rng.randint(3, 12), r.rng.randint(3, 12), r.rng.randint(0, 1), r.rng.choice((1, 3, 3))
    x, a, b = r.floats((n, ins, h, w), -2, 2, dtype), r.floats((outs, ins, k, k), -2, 2, dtype), r.floats((outs,), -2, 2, dtype)
    o = r.options("ct_conv_options", padding=r.spread([padding] * 2))
    return "conv2d of many channels", [x, a, b], lambda t, u, v: F.conv2d(t, u, v, padding=padding), lambda t, u, v: lib.ct_conv2d(t, u, v, o), ()


@family(3)
def pictures(r):
    dtype, lib, dims, f = r.dtype(), r.lib, r.rng.randint(1, 3), r.rng.randint(1, 3)
    lead, (h, w) = tuple(r.rng.randint(1, 3) for _ in range(r.rng.randint(0, 2))), (r.rng.randint(1, 4) for _ in range(2))
    size, kernel = [r.rng.randint(2, 6) for _ in range(dims)], r.rng.randint(1, 2)
    x, theta = r.floats((2, 2, *size), -2, 2, dtype), r.floats((2, 2, 3), -1, 1, dtype)
    corners = r.chance()
    pool = getattr(F, f"max_pool{dims}d")
    y, i = pool(x, kernel, return_indices=True)
    q = lambda p: r.options("ct_pool_options", indices=c.cast(p, c.c_void_p))

    def pooled(t):
        return r.results(lambda p: getattr(lib, f"ct_max_pool{dims}d")(t, kernel, q(p)), 1)

    return r.rng.choice((
        ("pixel_shuffle", [r.floats(lead + (2 * f * f, h, w), -2, 2, dtype)], lambda t: F.pixel_shuffle(t, f), lambda t: lib.ct_pixel_shuffle(t, f), ()),
        ("pixel_unshuffle", [r.floats(lead + (2, h * f, w * f), -2, 2, dtype)], lambda t: F.pixel_unshuffle(t, f), lambda t: lib.ct_pixel_unshuffle(t, f), ()),
        ("affine_grid", [theta], lambda t: F.affine_grid(t, (2, 1, h, w), corners), lambda t: lib.ct_affine_grid(t, h, w, corners), ()),
        ("max_pool with indices", [x], lambda t: list(pool(t, kernel, return_indices=True)), pooled, (0,)),
        ("max_unpool", [y], lambda t: getattr(F, f"max_unpool{dims}d")(t, i, kernel, output_size=size), lambda t: lib.ct_max_unpool(t, r.ours(i), r.ints(size), dims), ())))


@family(2)
def fractions(r):
    """Fractional pools with given samples, and grids with depth."""
    dtype, lib, dims, batch = r.dtype(), r.lib, r.rng.choice((2, 2, 3)), (r.rng.randint(1, 2), r.rng.randint(1, 3))
    kernel = [r.rng.randint(1, 3) for _ in range(dims)]
    out = [r.rng.randint(1, 4) for _ in range(dims)]
    x = r.floats(batch + tuple(k + o - 1 + r.rng.randint(dims - 2, 4) for k, o in zip(kernel, out)), -2, 2, dtype) # in 3-D PyTorch refuses the least
    samples = r.floats(batch + (dims,), 0, .999, dtype)
    pool, ours = getattr(F, f"fractional_max_pool{dims}d"), getattr(lib, f"ct_fractional_max_pool{dims}d")

    def pooled(t):
        def call(p):
            return ours(t, 0, *out, r.options("ct_fractional_options", kernel=(c.c_int64 * 3)(*kernel), samples=r.ours(samples), indices=p))
        return r.results(lambda p: call(c.cast(p, c.c_void_p)), 1)

    size, corners = [r.rng.randint(1, 4) for _ in range(3)], r.chance()
    theta = r.floats((batch[0], 3, 4), -2, 2, dtype)
    return r.rng.choice((
        (f"fractional_max_pool{dims}d", [x], lambda t: list(pool(t, kernel, out, return_indices=True, _random_samples=samples)), pooled, ()),
        ("affine_grid3d", [theta], lambda t: F.affine_grid(t, (batch[0], 1, *size), align_corners=corners), lambda t: lib.ct_affine_grid3d(t, *size, corners), ())))
