#!/usr/bin/env python3
"""Times the reference workloads on PyTorch, one JSON object a line.

Every workload is fully determined by this file: shapes, batch,
optimiser, and inputs and weights drawn from fill(), which is a few integer operations
that any language can repeat. `loss` is the loss of the step after `warm` + `timed`
optimiser steps, so that two programs can show that they did the same work.

usage: torch_baseline.py [--threads N] [--only NAME[,NAME]] [--seconds S] [--compile]
"""
import argparse, json, resource, time
import numpy as np
import torch
import torch.nn.functional as F


def fill(shape, seed, scale):
    """Values in [-scale, scale): the hash of each element's flat index and a seed."""
    n = int(np.prod(shape)) if len(shape) else 1
    m = np.uint64(0xFFFFFFFF)
    h = (np.arange(n, dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)) & m
    h = (h * np.uint64(2654435761)) & m
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & m
    h ^= h >> np.uint64(13)
    u = h.astype(np.float64) / 4294967296.0 * 2.0 - 1.0
    return torch.from_numpy((u * scale).astype(np.float32).reshape(shape))


def labels(n, classes, seed):
    return ((fill((n,), seed, 1.0).double() + 1) / 2 * classes).long().clamp_(0, classes - 1)


class Params:
    """Weights in order of creation; the k-th tensor is fill(shape, 100 + k, bound)."""

    def __init__(self):
        self.all = []

    def __call__(self, shape, bound):
        t = fill(shape, 100 + len(self.all), bound).requires_grad_()
        self.all.append(t)
        return t

    def const(self, shape, value):
        t = torch.full(shape, float(value)).requires_grad_()
        self.all.append(t)
        return t


def glorot(fan_in, fan_out):
    return (6.0 / (fan_in + fan_out)) ** 0.5


def linear(P, i, o):
    return P((o, i), glorot(i, o)), P.const((o,), 0)


def mlp():
    P = Params()
    L = [linear(P, 784, 512), linear(P, 512, 512), linear(P, 512, 10)]
    x, y = fill((128, 784), 1, 1.0), labels(128, 10, 2)
    opt = torch.optim.SGD(P.all, lr=0.01, momentum=0.9)

    def loss():
        h = x
        for k, (w, b) in enumerate(L):
            h = F.linear(h, w, b)
            if k < 2:
                h = F.relu(h)
        return F.cross_entropy(h, y)
    return loss, opt


def lenet5():
    P = Params()
    c1 = P((6, 1, 5, 5), glorot(25, 150)), P.const((6,), 0)
    c2 = P((16, 6, 5, 5), glorot(150, 400)), P.const((16,), 0)
    L = [linear(P, 400, 120), linear(P, 120, 84), linear(P, 84, 10)]
    x, y = fill((64, 1, 28, 28), 1, 1.0), labels(64, 10, 2)
    opt = torch.optim.Adam(P.all, lr=1e-3)

    def loss():
        h = F.max_pool2d(F.relu(F.conv2d(x, *c1, padding=2)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, *c2)), 2).flatten(1)
        h = F.relu(F.linear(h, *L[0]))
        h = F.relu(F.linear(h, *L[1]))
        return F.cross_entropy(F.linear(h, *L[2]), y)
    return loss, opt


def resnet20():
    P = Params()

    def conv(i, o, k):
        return P((o, i, k, k), glorot(i * k * k, o * k * k))

    def bn(c):
        return P.const((c,), 1), P.const((c,), 0)
    stem, stem_bn = conv(3, 16, 3), bn(16)
    blocks, cin = [], 16
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        for k in range(3):
            s = stride if k == 0 else 1
            blocks.append((conv(cin, width, 3), bn(width), conv(width, width, 3), bn(width),
                           conv(cin, width, 1) if (s != 1 or cin != width) else None, s))
            cin = width
    fc = linear(P, 64, 10)
    x, y = fill((32, 3, 32, 32), 1, 1.0), labels(32, 10, 2)
    opt = torch.optim.SGD(P.all, lr=0.1, momentum=0.9, weight_decay=1e-4)

    def norm(h, g):
        return F.batch_norm(h, None, None, g[0], g[1], training=True, eps=1e-5)

    def loss():
        h = F.relu(norm(F.conv2d(x, stem, padding=1), stem_bn))
        for c1, n1, c2, n2, proj, s in blocks:
            r = h if proj is None else F.conv2d(h, proj, stride=s)
            h = F.relu(norm(F.conv2d(h, c1, stride=s, padding=1), n1))
            h = F.relu(norm(F.conv2d(h, c2, padding=1), n2) + r)
        return F.cross_entropy(F.linear(h.mean((2, 3)), *fc), y)
    return loss, opt


def lstm():
    P = Params()
    T, B, I, H = 64, 32, 64, 128
    wih, whh = P((4 * H, I), 1 / H ** 0.5), P((4 * H, H), 1 / H ** 0.5)
    bih, bhh = P.const((4 * H,), 0), P.const((4 * H,), 0)
    fc = linear(P, H, 10)
    x, y = fill((T, B, I), 1, 1.0), labels(B, 10, 2)
    z = torch.zeros(1, B, H)
    opt = torch.optim.Adam(P.all, lr=1e-3)

    def loss():
        out, _, _ = torch._VF.lstm(x, (z, z), [wih, whh, bih, bhh], True, 1, 0.0, True, False, False)
        return F.cross_entropy(F.linear(out[-1], *fc), y)
    return loss, opt


def gpt():
    P = Params()
    B, T, V, D, HN, N = 8, 128, 96, 128, 4, 4
    tok, pos = P((V, D), 0.05), P((T, D), 0.05)
    blocks = []
    for _ in range(N):
        blocks.append((P.const((D,), 1), P.const((D,), 0), linear(P, D, 3 * D), linear(P, D, D),
                       P.const((D,), 1), P.const((D,), 0), linear(P, D, 4 * D), linear(P, 4 * D, D)))
    g, b, head = P.const((D,), 1), P.const((D,), 0), P((V, D), glorot(D, V))
    ids, y = labels(B * T, V, 1).view(B, T), labels(B * T, V, 2)
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    opt = torch.optim.AdamW(P.all, lr=3e-4, weight_decay=0.01)

    def attention(h, qkv, out):
        q, k, v = F.linear(h, *qkv).view(B, T, 3, HN, D // HN).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            s = (q @ k.transpose(-1, -2)) / (D // HN) ** 0.5
            a = F.softmax(s.masked_fill(mask, float("-inf")), -1) @ v
        return F.linear(a.transpose(1, 2).reshape(B, T, D), *out)

    def loss():
        h = F.embedding(ids, tok) + pos
        for g1, b1, qkv, out, g2, b2, up, down in blocks:
            h = h + attention(F.layer_norm(h, (D,), g1, b1), qkv, out)
            h = h + F.linear(F.gelu(F.linear(F.layer_norm(h, (D,), g2, b2), *up)), *down)
        h = F.layer_norm(h, (D,), g, b)
        return F.cross_entropy((h @ head.t()).view(B * T, V), y)
    return loss, opt


def scalar_chain():
    """3,000 recorded scalar operations: the cost of the graph itself."""
    a, b = fill((), 1, 1.0).requires_grad_(), fill((), 2, 1.0).requires_grad_()

    def loss():
        x = a
        for _ in range(1000):
            x = torch.tanh(x * b + a)
        return x
    return loss, None


def elementwise():
    P = Params()
    a, b, c, d = (P((4 * 1024 * 1024,), 1.0) for _ in range(4))
    return (lambda: (torch.tanh(a * b + c) * torch.sigmoid(d)).mean()), None


def softmax_ce():
    P = Params()
    x, y = P((1024, 8192), 4.0), labels(1024, 8192, 2)
    return (lambda: F.cross_entropy(x, y)), None


def layer_norm():
    P = Params()
    x, g, b, r = P((4096, 768), 1.0), P.const((768,), 1), P.const((768,), 0), fill((4096, 768), 9, 1.0)
    return (lambda: (F.layer_norm(x, (768,), g, b) * r).mean()), None


def conv3x3():
    P = Params()
    x, w = P((16, 64, 56, 56), 1.0), P((64, 64, 3, 3), 0.05)
    return (lambda: F.conv2d(x, w, padding=1).mean()), None


def broadcast_reduce():
    P = Params()
    x, s, t = P((64, 128, 1024), 1.0), P((128, 1), 1.0), P((1024,), 1.0)
    return (lambda: ((x * s + t) ** 2).mean()), None


def matmul_1024():
    P = Params()
    a, b = P((1024, 1024), 1.0), P((1024, 1024), 1.0)
    return (lambda: (a @ b).mean()), None


WORKLOADS = [mlp, lenet5, resnet20, lstm, gpt, scalar_chain, elementwise, softmax_ce,
             layer_norm, conv3x3, broadcast_reduce, matmul_1024]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--seconds", type=float, default=2.0)
    ap.add_argument("--compile", action="store_true", help="wrap the loss in torch.compile")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    for build in WORKLOADS:
        if args.only and build.__name__ not in args.only.split(","):
            continue
        loss_fn, opt = build()
        leaves = None if opt else [v.cell_contents for v in loss_fn.__closure__
                                   if isinstance(v.cell_contents, torch.Tensor) and v.cell_contents.requires_grad]
        if args.compile:
            loss_fn = torch.compile(loss_fn)

        def step():
            if opt:
                opt.zero_grad(set_to_none=True)
            else:
                for t in leaves:
                    t.grad = None
            l = loss_fn()
            l.backward()
            if opt:
                opt.step()
            return l
        first = step().item()
        for _ in range(4):
            step()
        loss5 = loss_fn().item()          # the loss after 5 steps: shows that the work is the same
        times, end = [], time.perf_counter() + args.seconds
        while time.perf_counter() < end or len(times) < 5:
            t0 = time.perf_counter()
            step()
            times.append(time.perf_counter() - t0)
        times.sort()
        print(json.dumps({"workload": build.__name__, "ms": round(times[len(times) // 2] * 1e3, 5),
                          "ms_min": round(times[0] * 1e3, 5), "steps": len(times),
                          "loss_first": round(first, 6), "loss_after_5": round(loss5, 6),
                          "threads": args.threads, "by": "torch " + torch.__version__,
                          "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}), flush=True)


if __name__ == "__main__":
    main()
