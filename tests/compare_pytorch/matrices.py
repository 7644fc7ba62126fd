"""Products, equations and factors of matrices."""
import ctypes as c
import torch
import torch.nn.functional as F
from cases import UNSET, family


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


@family(4)
def products(r):
    dtype, lib, m, n, k = r.dtype(), r.lib, *(r.rng.choice((0, 1, 1, 2, 3, 7, 17)) for _ in range(3))
    batch = r.shape(0, 2)
    left, right = r.broadcast(batch) + r.rng.choice(((m, k), (m, k), (k,))), r.broadcast(batch) + r.rng.choice(((k, n), (k, n)))
    left, right = left if len(left) > 1 else (k,), r.rng.choice((right, right, (k,)))
    a, b, bias = r.floats(left, -2, 2, dtype), r.floats(right, -2, 2, dtype), r.floats((n,), -2, 2, dtype)
    u, v, w = r.floats((m,), -2, 2, dtype), r.floats((m,), -2, 2, dtype), r.floats((n, k), -2, 2, dtype)
    x, y, three = r.floats(batch + (k,), -2, 2, dtype), r.floats(batch + (m,), -2, 2, dtype), r.floats((n, k, m), -2, 2, dtype)
    letters = "".join(r.rng.sample("abcd", r.rng.randint(1, 4)))
    sizes = {c: r.rng.randint(1, 4) for c in "abcd"}
    terms = [r.rng.sample(letters, r.rng.randint(1, len(letters))) for _ in range(r.rng.randint(1, 3))]
    out = r.rng.sample(sorted(set(sum(terms, []))), r.rng.randint(0, len(set(sum(terms, [])))))
    equation = ",".join(map("".join, terms)) + "->" + "".join(out)
    operands = [r.floats([sizes[c] for c in t], -2, 2, dtype) for t in terms]
    return r.rng.choice((
        ("matmul", [a, b], torch.matmul, lambda t, s: lib.ct_matmul(t, s), ()),
        ("matmul", [a, b], torch.matmul, lambda t, s: lib.ct_matmul(t, s), ()),
        ("dot", [u, v], torch.dot, lambda t, s: lib.ct_dot(t, s), ()),
        ("outer", [u, bias], torch.outer, lambda t, s: lib.ct_outer(t, s), ()),
        ("linear", [x, w, bias], F.linear, lambda t, s, q: lib.ct_linear(t, s, q), ()),
        ("bilinear", [x, y, three, bias] if min(m, n, k, x.numel()) > 0 else [u.new_ones(2), u.new_ones(3), u.new_ones(4, 2, 3), u.new_ones(4)], F.bilinear, lambda t, s, q, p: lib.ct_bilinear(t, s, q, p), ()),
        ("einsum " + equation, operands, lambda *t: torch.einsum(equation, *t), lambda *t: lib.ct_einsum(equation.encode(), r.handles(t), len(t)), ())))


@family(2)
def factors(r):
    dtype, lib, batch = r.rng.choice((torch.float64, torch.float64, torch.float32)), r.lib, r.rng.choice(((), (2,), (2, 1), (0,)))
    n, k = r.rng.randint(0, 5), r.rng.randint(1, 3)
    base = r.floats(batch + (n, n), -1, 1, dtype)
    definite, wide = base @ base.mT + torch.eye(n, dtype=dtype), r.floats(batch + (n, n + k), -1, 1, dtype)
    symmetric, general = (base + base.mT) / 2 + torch.diag(torch.arange(n, dtype=dtype)), base + 2 * torch.eye(n, dtype=dtype)
    x = r.floats((r.rng.randint(2, 4), r.rng.randint(2, 6)), -2, 2, dtype) # of one variable PyTorch's is 0-d
    correction = r.rng.randint(0, 1)
    o = r.options("ct_cov_options", correction=correction)

    def slogdet(t):
        sign, size = (r.handles([None]) for _ in range(2))
        return [sign[0], size[0]] if lib.ct_slogdet(t, sign, size) == 0 else None

    def eigh(t):
        got = r.results(lambda p: lib.ct_eigh(t, p), 1)
        return got and [got[0], lib.ct_square(got[1])]

    def svd(t):
        got = r.results(lambda p, q: lib.ct_svd(t, p, q), 2)
        return got and [got[0], lib.ct_square(got[1]), lib.ct_square(got[2])]

    def their_svd(t):
        u, s, v = torch.linalg.svd(t, full_matrices=False)
        return [s, u.square(), v.mT.square()]

    return r.rng.choice((
        ("cholesky", [definite], lambda t: torch.linalg.cholesky((t + t.mT) / 2), lambda t: lib.ct_cholesky(t), (0,)),
        ("slogdet", [general], lambda t: list(torch.linalg.slogdet(t)), slogdet, (0,)),
        ("eigh", [symmetric], lambda t: (lambda e: [e[0], e[1].square()])(torch.linalg.eigh((t + t.mT) / 2)), eigh, (0,)),
        ("svd", [wide], their_svd, svd, (0,)),
        ("pinv", [wide], torch.linalg.pinv, lambda t: lib.ct_pinv(t, UNSET), (0,)),
        ("cov", [x], lambda t: torch.cov(t, correction=correction), lambda t: lib.ct_cov(t, o), ()),
        ("corrcoef", [x], torch.corrcoef, lambda t: lib.ct_corrcoef(t), (0,)),
        ("trace", [r.floats((n, n + k), -1, 1, dtype)], torch.trace, lambda t: lib.ct_trace(t), ())))


@family(2)
def elimination(r):
    dtype, lib, batch, k = torch.float64, r.lib, r.rng.choice(((), (2,), (2, 3), (0,))), r.rng.randint(1, 3)
    m, n = r.rng.randint(1, 5), r.rng.randint(1, 5)
    a, square, b = r.floats(batch + (m, n), -2, 2, dtype), r.floats(batch + (n, n), -1, 1, dtype) + torch.eye(n, dtype=dtype), r.floats(batch + (n, k), -2, 2, dtype)
    pivots = r.integers(batch + (n,), 0, n).maximum(torch.arange(n))
    wide, behind = r.floats(batch + (n, n + k), -2, 2, dtype), r.floats(batch + (n, 2), -2, 2, dtype)

    def lu(t):
        p, l, u = (r.handles([None]) for _ in range(3))
        return [p[0], l[0], u[0]] if lib.ct_lu(t, p, l, u) == 0 else None

    def lu_factor(t):
        got = r.results(lambda p: lib.ct_lu_factor(t, p), 1)
        return got and got

    return r.rng.choice((
        ("lu", [a], lambda t: list(torch.linalg.lu(t)), lu, (0,)),
        ("lu_factor", [a], lambda t: (lambda f: [f[0], f[1].long() - 1])(torch.linalg.lu_factor(t)), lu_factor, (0,)),
        ("lu_solve", [square, pivots, b], lambda t, p, s: torch.linalg.lu_solve(t, (p + 1).int(), s), lambda t, p, s: lib.ct_lu_solve(t, p, s), (0, 1)),
        ("lstsq of wide", [wide, behind], lambda t, s: torch.linalg.lstsq(t, s).solution, lambda t, s: lib.ct_lstsq(t, s), (0, 1))))
