#!/usr/bin/env python3
"""Times the reference workloads (torch_baseline.py) on JAX, CPU only; one JSON object a line.

One jitted function is a whole step: loss, gradients, and the optimiser's update where there is one. Everything a step
reads is an argument, nothing is a constant of the graph; every gradient is an output, so XLA cannot drop one. Buffers
that a step replaces are donated: weights and optimiser state or, where there is no optimiser, the last gradients.
Layouts are those that XLA ran faster: channels last inside the two networks, conv3x3 as it comes. A scan for the lstm
is faster than unrolling. The optimisers are written out so as to equal PyTorch's. compile_s is tracing and compiling,
and no part of `ms`.

usage: jax_baseline.py [--threads N] [--only NAME[,NAME]] [--seconds S]
needs: pip install jax numpy
"""
import argparse, json, math, os, resource, time

ap = argparse.ArgumentParser()
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--only", default="")
ap.add_argument("--seconds", type=float, default=2.0)
args = ap.parse_args()
# Before jax starts: XLA's pool takes its size from PJRT_NPROC, and the affinity holds the dispatching threads to as
# many cores (the first N that this process may use: choose others with taskset). The XLA_FLAGS often quoted for this
# (xla_cpu_multi_thread_eigen, intra_op_parallelism_threads) leave both workers busy in jax 0.10, so are not used.
os.environ["PJRT_NPROC"] = str(args.threads)
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])

import numpy as np
import jax, jax.numpy as jnp
from jax import lax, nn

jax.config.update("jax_cpu_enable_async_dispatch", False)   # each step is waited for: no hand-over to another thread


def fill(shape, seed, scale):
    """Values in [-scale, scale): the hash of each element's flat index and a seed."""
    m = np.uint64(0xFFFFFFFF)
    h = (np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)) & m
    h = (h * np.uint64(2654435761)) & m
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & m
    h ^= h >> np.uint64(13)
    u = h.astype(np.float64) / 4294967296.0 * 2.0 - 1.0
    return jnp.asarray((u * scale).astype(np.float32).reshape(shape))


def labels(n, classes, seed):
    u = np.asarray(fill((n,), seed, 1.0)).astype(np.float64)
    return jnp.asarray(np.clip(((u + 1) / 2 * classes).astype(np.int32), 0, classes - 1))


class Params:
    """Weights in order of creation; the k-th tensor is fill(shape, 100 + k, bound)."""

    def __init__(self):
        self.made = 0

    def __call__(self, shape, bound):
        self.made += 1
        return fill(shape, 99 + self.made, bound)

    def const(self, shape, value):
        self.made += 1
        return jnp.full(shape, value, jnp.float32)


def glorot(fan_in, fan_out):
    return (6.0 / (fan_in + fan_out)) ** 0.5


def linear(P, i, o):
    return P((o, i), glorot(i, o)), P.const((o,), 0)


def dense(h, wb):
    return h @ wb[0].T + wb[1]


def conv(h, w, stride=1, pad=0, layout="NHWC"):
    return lax.conv_general_dilated(h, w, (stride, stride), [(pad, pad)] * 2,
                                    dimension_numbers=(layout, "OIHW", layout))


def max_pool2(h):
    b, y, x, c = h.shape
    return h.reshape(b, y // 2, 2, x // 2, 2, c).max((2, 4))


def cross_entropy(logits, y):
    picked = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
    return (nn.logsumexp(logits, 1) - picked).mean()


def layer_norm_(h, g, b):
    d = h - h.mean(-1, keepdims=True)
    return d * lax.rsqrt(jnp.square(d).mean(-1, keepdims=True) + 1e-5) * g + b


# Optimisers: (new weights, new state) from weights, gradients and state, on lists of arrays.

def sgd(lr, momentum, decay=0.0):
    def update(ps, gs, state):
        gs = [g + decay * p for p, g in zip(ps, gs)] if decay else gs
        ms = [momentum * m + g for m, g in zip(state, gs)]
        return [p - lr * m for p, m in zip(ps, ms)], ms
    return lambda ps: [jnp.zeros_like(p) for p in ps], update


def adam(lr, decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
    """Adam, or AdamW where decay is given."""
    def update(ps, gs, state):
        t, ms, vs = state
        t = t + 1
        c1, c2 = -jnp.expm1(t * math.log(b1)), jnp.sqrt(-jnp.expm1(t * math.log(b2)))      # 1 - b1^t, sqrt(1 - b2^t)
        ms = [b1 * m + (1 - b1) * g for m, g in zip(ms, gs)]
        vs = [b2 * v + (1 - b2) * g * g for v, g in zip(vs, gs)]
        ps = [p * (1 - lr * decay) - lr / c1 * m / (jnp.sqrt(v) / c2 + eps) for p, m, v in zip(ps, ms, vs)]
        return ps, (t, ms, vs)
    return lambda ps: (jnp.float32(0), [jnp.zeros_like(p) for p in ps], [jnp.zeros_like(p) for p in ps]), update


# Workloads: loss(weights, data), weights, data, optimiser or None.

def mlp():
    P = Params()
    W = [linear(P, 784, 512), linear(P, 512, 512), linear(P, 512, 10)]

    def loss(L, data):
        x, y = data
        h = nn.relu(dense(x, L[0]))
        h = nn.relu(dense(h, L[1]))
        return cross_entropy(dense(h, L[2]), y)
    return loss, W, (fill((128, 784), 1, 1.0), labels(128, 10, 2)), sgd(0.01, 0.9)


def lenet5():
    P = Params()
    W = [(P((6, 1, 5, 5), glorot(25, 150)), P.const((6,), 0)), (P((16, 6, 5, 5), glorot(150, 400)), P.const((16,), 0)),
         linear(P, 400, 120), linear(P, 120, 84), linear(P, 84, 10)]

    def loss(W, data):
        x, y = data
        (w1, b1), (w2, b2), *L = W
        h = max_pool2(nn.relu(conv(x.transpose(0, 2, 3, 1), w1, pad=2) + b1))
        h = max_pool2(nn.relu(conv(h, w2) + b2)).transpose(0, 3, 1, 2).reshape(len(x), -1)
        return cross_entropy(dense(nn.relu(dense(nn.relu(dense(h, L[0])), L[1])), L[2]), y)
    return loss, W, (fill((64, 1, 28, 28), 1, 1.0), labels(64, 10, 2)), adam(1e-3)


def resnet20():
    P = Params()

    def make_conv(i, o, k):
        return P((o, i, k, k), glorot(i * k * k, o * k * k))

    def bn(c):
        return P.const((c,), 1), P.const((c,), 0)
    stem, strides, blocks, cin = (make_conv(3, 16, 3), bn(16)), [], [], 16
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        for k in range(3):
            s = stride if k == 0 else 1
            blocks.append((make_conv(cin, width, 3), bn(width), make_conv(width, width, 3), bn(width),
                           make_conv(cin, width, 1) if (s != 1 or cin != width) else None))
            strides.append(s)
            cin = width
    fc = linear(P, 64, 10)

    def norm(h, gb):
        g, b = gb
        d = h - h.mean((0, 1, 2), keepdims=True)
        return d * lax.rsqrt(jnp.square(d).mean((0, 1, 2), keepdims=True) + 1e-5) * g + b

    def loss(W, data):
        x, y = data
        (stem, stem_bn), blocks, fc = W
        h = nn.relu(norm(conv(x.transpose(0, 2, 3, 1), stem, pad=1), stem_bn))
        for (c1, n1, c2, n2, proj), s in zip(blocks, strides):
            r = h if proj is None else conv(h, proj, s)
            h = nn.relu(norm(conv(h, c1, s, 1), n1))
            h = nn.relu(norm(conv(h, c2, 1, 1), n2) + r)
        return cross_entropy(dense(h.mean((1, 2)), fc), y)
    return loss, (stem, blocks, fc), (fill((32, 3, 32, 32), 1, 1.0), labels(32, 10, 2)), sgd(0.1, 0.9, 1e-4)


def lstm():
    P = Params()
    T, B, I, H = 64, 32, 64, 128
    wih, whh = P((4 * H, I), 1 / H ** 0.5), P((4 * H, H), 1 / H ** 0.5)
    bih, bhh = P.const((4 * H,), 0), P.const((4 * H,), 0)
    fc = linear(P, H, 10)

    def loss(W, data):
        x, y = data
        wih, whh, bih, bhh, fc = W

        def cell(hc, gx):
            h, c = hc
            i, f, g, o = jnp.split(gx + h @ whh.T, 4, 1)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            return (nn.sigmoid(o) * jnp.tanh(c), c), None
        z = jnp.zeros((B, H))
        (h, _), _ = lax.scan(cell, (z, z), x @ wih.T + (bih + bhh))      # the inputs' product at once
        return cross_entropy(dense(h, fc), y)
    return loss, (wih, whh, bih, bhh, fc), (fill((T, B, I), 1, 1.0), labels(B, 10, 2)), adam(1e-3)


def gpt():
    P = Params()
    B, T, V, D, HN, N = 8, 128, 96, 128, 4, 4
    tok, pos = P((V, D), 0.05), P((T, D), 0.05)
    blocks = []
    for _ in range(N):
        blocks.append((P.const((D,), 1), P.const((D,), 0), linear(P, D, 3 * D), linear(P, D, D),
                       P.const((D,), 1), P.const((D,), 0), linear(P, D, 4 * D), linear(P, 4 * D, D)))
    g, b, head = P.const((D,), 1), P.const((D,), 0), P((V, D), glorot(D, V))

    def attention(h, qkv, out):
        q, k, v = dense(h, qkv).reshape(B, T, 3, HN, D // HN).transpose(2, 0, 3, 1, 4)
        s = q @ k.swapaxes(-1, -2) / (D // HN) ** 0.5
        a = nn.softmax(jnp.where(jnp.tri(T, dtype=bool), s, -jnp.inf), -1) @ v
        return dense(a.swapaxes(1, 2).reshape(B, T, D), out)

    def loss(W, data):
        ids, y = data
        tok, pos, blocks, g, b, head = W
        h = tok[ids] + pos
        for g1, b1, qkv, out, g2, b2, up, down in blocks:
            h = h + attention(layer_norm_(h, g1, b1), qkv, out)
            h = h + dense(nn.gelu(dense(layer_norm_(h, g2, b2), up), approximate=False), down)
        return cross_entropy((layer_norm_(h, g, b) @ head.T).reshape(B * T, V), y)
    data = labels(B * T, V, 1).reshape(B, T), labels(B * T, V, 2)
    return loss, (tok, pos, blocks, g, b, head), data, adam(3e-4, 0.01)


def scalar_chain(links=1000):
    """3,000 scalar operations, compiled once into one straight-line program: no longer a graph recorded each step."""
    def loss(W, _):
        a, b = W
        x = a
        for _ in range(links):
            x = jnp.tanh(x * b + a)
        return x
    return loss, (fill((), 1, 1.0), fill((), 2, 1.0)), (), None


def scalar_chain_eager():
    """Traced, differentiated and run operation by operation in each step, a dynamic graph: a tenth of the chain (which
    has reached its fixed point by then, so that the loss is the same), the times multiplied by ten."""
    return scalar_chain(100)


def elementwise():
    P = Params()
    W = tuple(P((4 * 1024 * 1024,), 1.0) for _ in range(4))
    return (lambda W, _: (jnp.tanh(W[0] * W[1] + W[2]) * nn.sigmoid(W[3])).mean()), W, (), None


def softmax_ce():
    return cross_entropy, Params()((1024, 8192), 4.0), labels(1024, 8192, 2), None


def layer_norm():
    P = Params()
    W = P((4096, 768), 1.0), P.const((768,), 1), P.const((768,), 0)
    return (lambda W, r: (layer_norm_(*W) * r).mean()), W, fill((4096, 768), 9, 1.0), None


def conv3x3():
    P = Params()
    W = P((16, 64, 56, 56), 1.0), P((64, 64, 3, 3), 0.05)
    return (lambda W, _: conv(*W, pad=1, layout="NCHW").mean()), W, (), None


def broadcast_reduce():
    P = Params()
    W = P((64, 128, 1024), 1.0), P((128, 1), 1.0), P((1024,), 1.0)
    return (lambda W, _: ((W[0] * W[1] + W[2]) ** 2).mean()), W, (), None


def matmul_1024():
    P = Params()
    return (lambda W, _: (W[0] @ W[1]).mean()), (P((1024, 1024), 1.0), P((1024, 1024), 1.0)), (), None


WORKLOADS = [mlp, lenet5, resnet20, lstm, gpt, scalar_chain, scalar_chain_eager, elementwise, softmax_ce,
             layer_norm, conv3x3, broadcast_reduce, matmul_1024]


def make_step(loss, weights, data, opt):
    """step(moving, fixed, data) -> loss, moving; the first `moving`; `fixed`. With an optimiser all weights move."""
    if opt:
        init, update = opt
        flat, tree = jax.tree.flatten(weights)

        def step(moving, fixed, data):
            ps, s = moving
            l, gs = jax.value_and_grad(loss)(tree.unflatten(ps), data)
            return l, update(ps, jax.tree.leaves(gs), s)
        return step, (flat, init(flat)), None

    def step(moving, fixed, data):      # `moving` is only memory to write the gradients to
        return jax.value_and_grad(loss)(fixed, data)
    return step, jax.tree.map(jnp.zeros_like, weights), weights


def main():
    for build in WORKLOADS:
        if args.only and build.__name__ not in args.only.split(","):
            continue
        loss, weights, data, opt = build()
        step, moving, fixed = make_step(loss, weights, data, opt)
        compile_s = None
        if build is not scalar_chain_eager:
            t0 = time.perf_counter()
            step = jax.jit(step, donate_argnums=0, keep_unused=True).lower(moving, fixed, data).compile()
            compile_s = round(time.perf_counter() - t0, 3)
        losses, times, end = [], [], None
        while len(losses) < 6 or len(times) < 5 or time.perf_counter() < end:
            t0 = time.perf_counter()
            l, moving = step(moving, fixed, data)
            jax.block_until_ready((l, moving))
            t1 = time.perf_counter()
            if len(losses) < 6:         # the warm steps; step k gives the loss after k - 1 steps
                losses.append(float(l))
                end = t1 + args.seconds
            else:
                times.append(t1 - t0)
        scaled = 10 if build is scalar_chain_eager else 1
        times = sorted(t * scaled for t in times)
        first, after_1, after_5 = (float("%.7g" % losses[k]) for k in (0, 1, 5))
        print(json.dumps({"workload": build.__name__, "ms": round(times[len(times) // 2] * 1e3, 5),
                          "ms_min": round(times[0] * 1e3, 5), "steps": len(times), "loss_first": first,
                          "loss_after_1": after_1, "loss_after_5": after_5, "compile_s": compile_s, "scaled": scaled,
                          "threads": args.threads, "by": "jax " + jax.__version__,
                          "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}), flush=True)


if __name__ == "__main__":
    main()
