#!/usr/bin/python3
"""Makes tests/data/accuracy.gz: what elementwise functions and their first two derivatives are, by mpmath.

    /usr/bin/python3 tests/accuracy_data.py tests/data/accuracy.gz        (a few minutes; needs python3-mpmath)

The formulas below are written down a second time on purpose, not the library's, and each is compared with mpmath's numerical
derivative of the value before anything is written. Points: every exponent of float32 and every ninth beyond it, of both
signs, more between 1/8 and 256, and the edges. The file is gzip: for each number of inputs n a line "n points functions", a
line for each function with its name, and then for each point, as doubles, the inputs and each function's value, first and
second derivatives (for two inputs: f, fa, fb, faa, fab, fbb), rounded once.

    /usr/bin/python3 tests/accuracy_data.py --normal        prints the coefficients of normal_tail_ in ops/elementwise/functions.h
    /usr/bin/python3 tests/accuracy_data.py --exp           and those of exp_parts_ in ops/simd.h"""
import gzip, math, random, struct, sys
from fractions import Fraction
from mpmath import mp, mpf, mpc

mp.prec = 300
INF, NAN = math.inf, math.nan
HALF_PI = mp.pi / 2


# ---- functions of one input: value, first and second derivative ----

def sech2(x):
    e = mp.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def sigmoid1(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def normal(x):
    """Distribution function and density; past 1e4 they are 0 and 1 in any format."""
    x = max(min(x, mpf(10) ** 4), -mpf(10) ** 4)
    return mp.erfc(-x / mp.sqrt(2)) / 2, mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def gelu(x):
    P, p = normal(x)
    return x * P, P + x * p, p * (2 - x * x)


def gelu_tanh(x):
    c, a = 2 * mp.sqrt(2 / mp.pi), mpf(float.fromhex("0x1.6e4e26d4801f7p-5"))
    if abs(x) > 1e4:
        return (x, mpf(1), mpf(0)) if x > 0 else (mpf(0),) * 3
    v, v1, v2 = c * (x + a * x ** 3), c * (1 + 3 * a * x * x), 6 * c * a * x
    s, s1 = sigmoid(v), sigmoid1(v)
    return x * s, s + x * s1 * v1, s1 * (2 * v1 + x * v2 - x * v1 ** 2 * mp.tanh(v / 2))


def silu(x):
    s, s1 = sigmoid(x), sigmoid1(x)
    return x * s, s + x * s1, s1 * (2 - x * mp.tanh(x / 2))


def mish(x):
    if x > 1e4:
        return x, mpf(1), mpf(0)
    e = mp.exp(x)
    n, n1, n2 = e * (e + 2), 2 * e * (e + 1), 2 * e * (2 * e + 1)
    t, t1 = n / (n + 2), 2 * n1 / (n + 2) ** 2
    t2 = (2 * n2 * (n + 2) - 4 * n1 ** 2) / (n + 2) ** 3
    return x * t, t + x * t1, 2 * t1 + x * t2


def softplus(beta):
    def f(x):
        z = beta * x
        value = z + mp.log1p(mp.exp(-z)) if z > 0 else mp.log1p(mp.exp(z))
        return value / beta, sigmoid(z), beta * sigmoid1(z)
    return f


def elu(alpha, scale=mpf(1)):
    def f(x):
        if x > 0:
            return scale * x, scale, mpf(0)
        return scale * alpha * mp.expm1(x), scale * alpha * mp.exp(x), scale * alpha * mp.exp(x)
    return f


def power(p):
    def f(x):
        def term(c, q):
            if c == 0:
                return mpf(0)
            if x == 0:
                return mpf(0) if q > 0 else c if q == 0 else INF * (1 if c > 0 else -1)
            return c * x ** q if x > 0 or q == int(q) else NAN
        return term(mpf(1), p), term(mpf(p), p - 1), term(mpf(p) * (p - 1), p - 2)
    return f


def piecewise(low, high, inside, below, above):
    """Straight lines, each (slope, offset)."""
    def f(x):
        slope, offset = below if x < low else above if x > high else inside
        return slope * x + offset, mpf(slope), mpf(0)
    return f


def domain(inside, f):
    """NaN outside of the domain."""
    return lambda x: f(x) if inside(x) else (NAN,) * 3


def asin(x):
    r = 1 - x * x
    return mp.asin(x), 1 / mp.sqrt(r) if r else INF, x * r ** mpf(-1.5) if r else INF * mp.sign(x)


def negated(f):
    return tuple(-v for v in f)


def sign(x):
    return mpf((x > 0) - (x < 0))


def step(f):
    """Whole numbers: slope 0."""
    return lambda x: (f(x), mpf(0), mpf(0)), {INF: (INF, 0, 0), -INF: (-INF, 0, 0), NAN: (NAN, 0, 0)}


def linear(c):
    return lambda x: (x * c, mpf(c), mpf(0)), {INF: (INF, c, 0), -INF: (-INF, c, 0), NAN: (NAN, c, 0)}


def asinh(x):
    r = 1 + x * x
    return mp.asinh(x), 1 / mp.sqrt(r), -x * r ** mpf(-1.5)


def acosh(x):
    r = x * x - 1
    return mp.acosh(x), 1 / mp.sqrt(r) if r else INF, -x * r ** mpf(-1.5) if r else -INF


def erfc(x):
    if abs(x) > 1e4:
        return mpf(1) - mp.sign(x), mpf(0), mpf(0)
    p = 2 / mp.sqrt(mp.pi) * E(-x * x)
    return mp.erfc(x), -p, 2 * x * p


def erfinv(x):
    if abs(x) == 1:
        return INF * mp.sign(x), INF, INF * mp.sign(x)
    y = mp.erfinv(x)
    y1 = mp.sqrt(mp.pi) / 2 * E(y * y)
    return y, y1, 2 * y * y1 ** 2


def sinc(x):
    if abs(x) < mpf(2) ** -60:
        return 1 - (mp.pi * x) ** 2 / 6, -mp.pi ** 2 * x / 3, -mp.pi ** 2 / 3 + mp.pi ** 4 * x * x / 10
    s = mp.sinpi(x) / (mp.pi * x)
    s1 = (mp.cospi(x) - s) / x
    return s, s1, -mp.pi * mp.sinpi(x) / x - 2 * s1 / x


def digammas(x):
    """digamma and its first three derivatives."""
    if x < 0:
        if x == mp.floor(x):
            return (NAN,) * 4
        s, c = mp.sinpi(x), mp.cospi(x)
        p, t = digammas(1 - x), mp.pi / s
        return (p[0] - t * c, -p[1] + t ** 2, p[2] - 2 * t ** 3 * c, -p[3] + 2 * t ** 4 * (1 + 2 * c * c))
    if x < 100:
        up = digammas(x + 100)
        return tuple(up[m] - (-1) ** m * mp.factorial(m) * mp.fsum((x + k) ** (-m - 1) for k in range(100)) for m in range(4))
    tail = lambda m: mp.fsum(mp.bernoulli(2 * k) * mp.rf(2 * k + 1, m - 1) * x ** (-2 * k - m) for k in range(1, 30))
    first = mp.log(x) - 1 / (2 * x) - mp.fsum(mp.bernoulli(2 * k) / (2 * k) * x ** (-2 * k) for k in range(1, 30))
    return (first,) + tuple((-1) ** (m + 1) * (mp.factorial(m - 1) / x ** m + mp.factorial(m) / (2 * x ** (m + 1)) + tail(m))
                            for m in (1, 2, 3))


def lgamma(x):
    p = digammas(x)
    if x < 0:
        if x == mp.floor(x):
            return INF, NAN, INF
        return mp.log(mp.pi / abs(mp.sinpi(x))) - mp.re(mp.loggamma(1 - x)), p[0], p[1]
    return mp.re(mp.loggamma(x)), p[0], p[1]


def polygamma_1(x):
    return (INF, -INF, INF) if x < 0 and x == mp.floor(x) else digammas(x)[1:]


def bessel_e(x):
    """exp(-|x|) I_v(x) for v of 0 to 3."""
    if abs(x) < 2000:
        return [mp.besseli(v, x) * E(-abs(x)) for v in range(4)]
    terms = lambda v: mp.fsum((-1) ** k * mp.fprod(4 * v * v - (2 * i - 1) ** 2 for i in range(1, k + 1)) / mp.factorial(k)
                              / (8 * abs(x)) ** k for k in range(40))
    return [terms(v) / mp.sqrt(2 * mp.pi * abs(x)) * (mp.sign(x) if v % 2 else 1) for v in range(4)]


def bessel(v):
    """I_v, v 0 or 1, from those beside it."""
    def f(x):
        if abs(x) > 2000:
            return tuple(INF * (mp.sign(x) if (v + k) % 2 else 1) for k in range(3))
        i = [b * E(abs(x)) for b in bessel_e(x)]
        return (i[0], i[1], (i[0] + i[2]) / 2) if v == 0 else (i[1], (i[0] + i[2]) / 2, (3 * i[1] + i[3]) / 4)
    return f, {INF: (INF,) * 3, -INF: tuple(INF * (-1) ** (v + k) for k in range(3))}


def scaled_bessel(v):
    def f(x):
        s, i = mp.sign(x), bessel_e(x) # 0 at 0, where that is the mean of both sides
        if abs(x) > 2000: # by the expansion's derivatives
            c = [(-1) ** k * mp.fprod(4 * v * v - (2 * j - 1) ** 2 for j in range(1, k + 1)) / mp.factorial(k) / 8 ** k for k in range(40)]
            t = abs(x)
            d = [mp.fsum(ck * mp.fprod(-(k + mpf(1) / 2 + j) for j in range(n)) * t ** (-k - n) for k, ck in enumerate(c))
                 / mp.sqrt(2 * mp.pi * t) for n in range(3)]
            return tuple(d[n] * (s if (v + n) % 2 else 1) for n in range(3))
        if v == 0:
            return i[0], i[1] - s * i[0], (3 * i[0] + i[2]) / 2 - 2 * s * i[1]
        return i[1], (i[0] + i[2]) / 2 - s * i[1], (7 * i[1] + i[3]) / 4 - s * (i[0] + i[2])
    return f, {INF: (0, 0, 0), -INF: (0, 0, 0)}


SELU = mpf(float.fromhex("0x1.ac5afad782cf1p+0")), mpf(float.fromhex("0x1.0cfabd6a91132p+0"))
E = mp.exp

# name: (f, {special input: (f, f', f'')}). Infinity gives the limits; NaN gives NaN but where noted; at a kink PyTorch's choice.
ONE = {
    "neg": (lambda x: (-x, mpf(-1), mpf(0)), {INF: (-INF, -1, 0), -INF: (INF, -1, 0), NAN: (NAN, -1, 0)}),
    "exp": (lambda x: (E(x), E(x), E(x)), {INF: (INF,) * 3, -INF: (0, 0, 0)}),
    "log": (domain(lambda x: x > 0, lambda x: (mp.log(x), 1 / x, -1 / x ** 2)),
            {"-0": (-INF,) * 3, 0: (-INF, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "sqrt": (domain(lambda x: x > 0, lambda x: (mp.sqrt(x), mp.sqrt(x) / x / 2, -mp.sqrt(x) / x ** 2 / 4)),
             {"-0": (0, -INF, INF), 0: (0, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "square": (lambda x: (x * x, 2 * x, mpf(2)), {INF: (INF, INF, 2), -INF: (INF, -INF, 2), NAN: (NAN, NAN, 2)}),
    "abs": (lambda x: (abs(x), sign(x), mpf(0)), {INF: (INF, 1, 0), -INF: (INF, -1, 0), NAN: (NAN, 0, 0)}),
    "sign": (lambda x: (sign(x), mpf(0), mpf(0)), {INF: (1, 0, 0), -INF: (-1, 0, 0), NAN: (0, 0, 0)}),
    "tanh": (lambda x: (mp.tanh(x), sech2(x), -2 * mp.tanh(x) * sech2(x)), {INF: (1, 0, 0), -INF: (-1, 0, 0)}),
    "sigmoid": (lambda x: (sigmoid(x), sigmoid1(x), -sigmoid1(x) * mp.tanh(x / 2)), {INF: (1, 0, 0), -INF: (0, 0, 0)}),
    "relu": (piecewise(0, 0, (0, 0), (0, 0), (1, 0)), {INF: (INF, 1, 0), -INF: (0, 0, 0), NAN: (NAN, 1, 0)}),
    "add_scalar": (lambda x: (x + mpf(0.75), mpf(1), mpf(0)), {INF: (INF, 1, 0), -INF: (-INF, 1, 0), NAN: (NAN, 1, 0)}),
    "mul_scalar": (lambda x: (x * mpf(0.75), mpf(0.75), mpf(0)),
                   {INF: (INF, 0.75, 0), -INF: (-INF, 0.75, 0), NAN: (NAN, 0.75, 0)}),
    "pow_scalar 0": (power(0), {INF: (1, 0, 0), -INF: (1, 0, 0), NAN: (1, 0, 0)}),
    "pow_scalar 1": (power(1), {INF: (INF, 1, 0), -INF: (-INF, 1, 0), NAN: (NAN, 1, 0)}),
    "pow_scalar 2": (power(2), {INF: (INF, INF, 2), -INF: (INF, -INF, 2), NAN: (NAN, NAN, 2)}),
    "pow_scalar 3": (power(3), {INF: (INF, INF, INF), -INF: (-INF, INF, -INF)}),
    "pow_scalar 0.5": (power(mpf(0.5)), {INF: (INF, 0, 0), -INF: (INF, 0, 0)}),
    "pow_scalar -1": (power(-1), {"-0": (-INF,) * 3, 0: (INF, -INF, INF), INF: (0, 0, 0), -INF: (0, 0, 0)}),
    "pow_scalar -1.5": (power(mpf(-1.5)), {INF: (0, 0, 0), -INF: (0, 0, 0)}),
    "rsqrt": (domain(lambda x: x > 0, lambda x: tuple(c * x ** mpf(p) for c, p in ((1, -.5), (-.5, -1.5), (.75, -2.5)))),
              {"-0": (-INF, INF, -INF), 0: (INF, -INF, INF), INF: (0, 0, 0), -INF: (NAN,) * 3}),
    "reciprocal": (lambda x: (1 / x, -1 / x ** 2, 2 / x ** 3), {"-0": (-INF,) * 3, 0: (INF, -INF, INF), INF: (0, 0, 0), -INF: (0, 0, 0)}),
    "expm1": (lambda x: (mp.expm1(x), E(x), E(x)), {INF: (INF,) * 3, -INF: (-1, 0, 0)}),
    "log1p": (domain(lambda x: x > -1, lambda x: (mp.log1p(x), 1 / (1 + x), -1 / (1 + x) ** 2)),
              {-1: (-INF, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "log2": (domain(lambda x: x > 0, lambda x: (mp.log(x) / mp.ln2, 1 / x / mp.ln2, -1 / x ** 2 / mp.ln2)),
             {"-0": (-INF,) * 3, 0: (-INF, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "sin": (lambda x: (mp.sin(x), mp.cos(x), -mp.sin(x)), {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "cos": (lambda x: (mp.cos(x), -mp.sin(x), -mp.cos(x)), {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "tan": (lambda x: (mp.tan(x), 1 + mp.tan(x) ** 2, 2 * mp.tan(x) * (1 + mp.tan(x) ** 2)),
            {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "asin": (domain(lambda x: abs(x) <= 1, asin), {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "acos": (domain(lambda x: abs(x) <= 1, lambda x: (mp.acos(x),) + negated(asin(x)[1:])),
             {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "atan": (lambda x: (mp.atan(x), 1 / (1 + x * x), -2 * x / (1 + x * x) ** 2),
             {INF: (HALF_PI, 0, 0), -INF: (-HALF_PI, 0, 0)}),
    "sinh": (lambda x: (mp.sinh(x), mp.cosh(x), mp.sinh(x)), {INF: (INF,) * 3, -INF: (-INF, INF, -INF)}),
    "cosh": (lambda x: (mp.cosh(x), mp.sinh(x), mp.cosh(x)), {INF: (INF,) * 3, -INF: (INF, -INF, INF)}),
    "erf": (lambda x: (mp.erf(x), 2 / mp.sqrt(mp.pi) * E(-x * x), -4 / mp.sqrt(mp.pi) * x * E(-x * x)),
            {INF: (1, 0, 0), -INF: (-1, 0, 0)}),
    "log_sigmoid": (lambda x: (-softplus(1)(-x)[0], sigmoid(-x), -sigmoid1(x)), {INF: (0, 0, 0), -INF: (-INF, 1, 0)}),
    "softplus 2": (softplus(mpf(2)), {INF: (INF, 1, 0), -INF: (0, 0, 0)}),
    "softplus -0.5": (softplus(mpf(-0.5)), {INF: (0, 0, 0), -INF: (-INF, 1, 0)}),
    "leaky_relu": (piecewise(0, 0, (.125, 0), (.125, 0), (1, 0)),
                   {INF: (INF, 1, 0), -INF: (-INF, .125, 0), NAN: (NAN, .125, 0)}),
    "elu": (elu(mpf(0.75)), {INF: (INF, 1, 0), -INF: (-.75, 0, 0)}),
    "selu": (elu(*SELU), {INF: (INF, SELU[1], 0), -INF: (-SELU[0] * SELU[1], 0, 0)}),
    "gelu": (gelu, {INF: (INF, 1, 0), -INF: (0, 0, 0)}),
    "gelu_tanh": (gelu_tanh, {INF: (INF, 1, 0), -INF: (0, 0, 0)}),
    "silu": (silu, {INF: (INF, 1, 0), -INF: (0, 0, 0)}),
    "mish": (mish, {INF: (INF, 1, 0), -INF: (0, 0, 0)}),
    "softsign": (lambda x: (x / (1 + abs(x)), (1 + abs(x)) ** -2, -2 * sign(x) / (1 + abs(x)) ** 3),
                 {INF: (1, 0, 0), -INF: (-1, 0, 0)}),
    "floor": (lambda x: (mp.floor(x), mpf(0), mpf(0)), {INF: (INF, 0, 0), -INF: (-INF, 0, 0), NAN: (NAN, 0, 0)}),
    "clamp": (piecewise(-1, 2, (1, 0), (0, -1), (0, 2)), {INF: (2, 0, 0), -INF: (-1, 0, 0), NAN: (NAN, 0, 0)}),
    "hardtanh": (piecewise(-1, 2, (1, 0), (0, -1), (0, 2)),
                 {-1: (-1, 0, 0), 2: (2, 0, 0), INF: (2, 0, 0), -INF: (-1, 0, 0), NAN: (NAN, 0, 0)}),
    "ceil": step(mp.ceil),
    "round": step(mp.nint),
    "trunc": step(lambda x: mp.sign(x) * mp.floor(abs(x))),
    "frac": (lambda x: (mp.sign(x) * mp.frac(abs(x)), mpf(1), mpf(0)), {INF: (NAN, 1, 0), -INF: (NAN, 1, 0), NAN: (NAN, 1, 0)}),
    "exp2": (lambda x: tuple(mpf(2) ** x * mp.ln2 ** k for k in range(3)), {INF: (INF,) * 3, -INF: (0, 0, 0)}),
    "log10": (domain(lambda x: x > 0, lambda x: (mp.log(x) / mp.ln10, 1 / x / mp.ln10, -1 / x ** 2 / mp.ln10)),
              {"-0": (-INF,) * 3, 0: (-INF, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "asinh": (asinh, {INF: (INF, 0, 0), -INF: (-INF, 0, 0)}),
    "acosh": (domain(lambda x: x >= 1, acosh), {INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "atanh": (domain(lambda x: abs(x) < 1, lambda x: (mp.atanh(x), 1 / (1 - x * x), 2 * x / (1 - x * x) ** 2)),
              {1: (INF, INF, INF), -1: (-INF, INF, -INF), INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "deg2rad": linear(mp.pi / 180),
    "rad2deg": linear(180 / mp.pi),
    "erfc": (erfc, {INF: (0, 0, 0), -INF: (2, 0, 0)}),
    "erfinv": (domain(lambda x: abs(x) <= 1, erfinv), {INF: (NAN,) * 3, -INF: (NAN,) * 3}),
    "sinc": (sinc, {INF: (0, 0, 0), -INF: (0, 0, 0)}),
    "lgamma": (lgamma, {"-0": (INF, INF, INF), 0: (INF, -INF, INF), INF: (INF, INF, 0), -INF: (INF, NAN, NAN)}),
    "digamma": (lambda x: digammas(x)[:3], {"-0": (INF, INF, -INF), 0: (-INF, INF, -INF), INF: (INF, 0, 0), -INF: (NAN,) * 3}),
    "polygamma 1": (polygamma_1, {"-0": (INF, -INF, INF), 0: (INF, -INF, INF), INF: (0, 0, 0), -INF: (NAN,) * 3}),
    "i0": bessel(0),
    "i1": bessel(1),
    "i0e": scaled_bessel(0),
    "i1e": scaled_bessel(1),
}
KINKS = {"abs": 0, "sign": 0, "relu": 0, "leaky_relu": 0, "elu": 0, "selu": 0, "softsign": 0, "clamp": 2}


# ---- functions of two inputs: f, fa, fb, faa, fab, fbb ----

def pow2(a, b):
    whole = b == mp.floor(b)
    if a < 0 and not whole:
        return (NAN,) * 6
    y = (abs(a) ** b) * (-1 if a < 0 and mp.fmod(abs(b), 2) == 1 else 1)
    log = mp.log(a) if a > 0 else NAN
    if a < 0:
        return y, b * y / a, NAN, b * (b - 1) * y / a ** 2, NAN, NAN
    return y, b * y / a, y * log, b * (b - 1) * y / a ** 2, y / a * (1 + b * log), y * log * log


def atan2(a, b):
    r = a * a + b * b
    return mp.atan2(a, b), b / r, -a / r, -2 * a * b / r ** 2, (a * a - b * b) / r ** 2, 2 * a * b / r ** 2


def swish(a, b):
    z = a * b
    s, s1 = sigmoid(z), sigmoid1(z)
    s2 = -s1 * mp.tanh(z / 2)
    return (a * s, s + z * s1, a * a * s1, b * (2 * s1 + z * s2), a * (2 * s1 + z * s2), a ** 3 * s2)


def larger(a, b):
    if a == b:
        return a, mpf(.5), mpf(.5), mpf(0), mpf(0), mpf(0)
    return max(a, b), mpf(a > b), mpf(a < b), mpf(0), mpf(0), mpf(0)


def lerp(w):
    return lambda a, b: ((1 - mpf(w)) * a + w * b, 1 - mpf(w), mpf(w), mpf(0), mpf(0), mpf(0))


def hypot(a, b):
    r = mp.sqrt(a * a + b * b)
    return r, a / r, b / r, b * b / r ** 3, -a * b / r ** 3, a * a / r ** 3


def logaddexp(a, b):
    far = min(abs(a - b), mpf(10) ** 5)
    d, s1 = far if a > b else -far, sigmoid1(far)
    return max(a, b) + mp.log1p(E(-far)), sigmoid(d), sigmoid(-d), s1, -s1, s1


def xlogy(a, b):
    return (a * mp.log(b), mp.log(b), a / b, mpf(0), 1 / b, -a / b ** 2) if b > 0 else (NAN,) * 6


def exact(f):
    """Of quotients too large for the precision."""
    def g(a, b):
        a, b = (Fraction(mpf(v).man * (-1) ** (v < 0)) * Fraction(2) ** mpf(v).exp for v in (a, b))
        value, slope = f(a, b)
        ratio = lambda r: mpf(r.numerator) / mpf(r.denominator)
        return ratio(value), mpf(1), ratio(slope), mpf(0), mpf(0), mpf(0)
    return g


def copysign(a, b):
    s = mp.sign(a) * mp.sign(b)
    return s * a, s, mpf(0), mpf(0), mpf(0), mpf(0)


TWO = {
    "mul": lambda a, b: (a * b, b, a, mpf(0), mpf(1), mpf(0)),
    "div": lambda a, b: (a / b, 1 / b, -a / b ** 2, mpf(0), -1 / b ** 2, 2 * a / b ** 3),
    "pow": pow2,
    "atan2": atan2,
    "swish": swish,
    "maximum": larger,
    "minimum": lambda a, b: negated(larger(-a, -b))[:1] + larger(-a, -b)[1:],
    "lerp 0.25": lerp(0.25),
    "lerp 0.75": lerp(0.75),
    "lerp 1": lerp(1),
    "hypot": hypot,
    "logaddexp": logaddexp,
    "xlogy": xlogy,
    "remainder": exact(lambda a, b: (a - b * math.floor(a / b), Fraction(-math.floor(a / b)))),
    "fmod": exact(lambda a, b: (a - b * math.trunc(a / b), Fraction(-math.trunc(a / b)))),
    "copysign": copysign,
}


# ---- points ----

def mantissa(bits):
    return 1 + random.getrandbits(bits) / 2 ** bits


def with_exponent(e, bits, lowest):
    """A number of about 2^e with that many bits, of fewer where it is denormal."""
    return math.ldexp(mantissa(max(0, min(bits, e - lowest))), e)


def points_of_one():
    random.seed(1)
    magnitudes = [with_exponent(e, 23, -149) for e in range(-149, 128)]
    magnitudes += [with_exponent(e, 23, -149) for e in range(-3, 8) for _ in range(6)]
    magnitudes += [with_exponent(e, 52, -1074) for e in [*range(-1074, -149, 9), *range(128, 1024, 9)]]
    magnitudes += [1 - 2**-24, 1 + 2**-23, 1 - 2**-53, 1 + 2**-52, 2 - 2**-23, 2 + 2**-22, 1, 2, 3, 4, 0.5,
                   (2 - 2**-23) * 2.0**127, 2.0**-126, sys.float_info.max, sys.float_info.min,
                   # where float32 and float64 overflow, vanish or become 1: exp, sinh, tails of the activations
                   88.5, 88.7, 88.75, 89, 89.25, 89.5, 97, 103, 103.5, 104, 9, 10, 13, 13.5, 14, 17, 17.5, 18, 20, 37, 38,
                   38.5, 39, 26, 27, 5.5, 6, 8, 9.25, 21, 22, 708, 709.5, 709.75, 710, 710.25, 710.5, 740, 745, 746]
    return sorted({s * m for m in magnitudes for s in (1, -1)}, key=lambda x: (abs(x), x)) + [0.0, -0.0, INF, -INF, NAN]


def points_of_two():
    random.seed(2)
    small = [-149, -140, -126, -125, -100, -75, -64, -63, -40, -20, -10, -5, *range(-3, 9), 10, 20, 40, 63, 64, 75, 100, 126, 127]
    large = [-1074, -1050, -1022, -700, -512, -300, -200, -130, 128, 200, 300, 512, 700, 1022, 1023]

    def number(exponents, bits, lowest):
        return random.choice((1, 1, -1)) * with_exponent(random.choice(exponents), bits, lowest)
    points = [(number(small, 23, -149), number(small, 23, -149)) for _ in range(500)]
    points += [(number(small + large, 52, -1074), number(large, 52, -1074)) for _ in range(70)]
    points += [(number(large, 52, -1074), number(small, 52, -1074)) for _ in range(70)]
    points += [(abs(number([*range(-3, 9)], 23, -149)), number([*range(-3, 6)], 23, -149)) for _ in range(70)]
    points += [(x, y) for x in (1, -1, 2, -2, 3e-38, 2.0**100) for y in (1, 2, 3, -1, -2, 0.5)]
    e = float.fromhex("0x1.44a28p-100") # 1e-30
    return points + [(e, e), (-e, e), (e, -e), (-e, -e)]


# ---- the file ----

def rounded(v):
    if isinstance(v, mpf) and v != 0 and mp.isfinite(v):
        exponent = mp.frexp(v)[1]
        if exponent > 1024:
            return math.copysign(INF, v)
        if exponent < -1080:
            return math.copysign(0.0, v)
        # to a multiple of the spacing of doubles there, ties to even, as one rounding
        spacing = mpf(2) ** max(exponent - 53, -1074)
        m = int(mp.nint(v / spacing))
        return math.ldexp(m, max(exponent - 53, -1074)) if abs(m) < 2**53 or exponent < 1024 else math.copysign(INF, v)
    return float(v)


def at_one(name, x):
    f, special = ONE[name]
    for where, values in special.items():
        if where == "-0":
            if x == 0 and math.copysign(1, x) < 0:
                return values
        elif x == where or (x != x and where != where):
            return values
    return (NAN,) * 3 if x != x else f(mpf(x))


def same(a, b):
    return abs(a - b) <= mpf(10) ** -30 * (abs(a) + abs(b) + mpf(10) ** -30)


def verify():
    """The derivatives above against differences of the values above."""
    for name, (f, _) in ONE.items():
        for x in (mpf(0.3), mpf(0.8), mpf(-0.4), mpf(2.625), mpf(-7.3)):
            values = f(x)
            if any(v != v for v in values):
                continue
            for n in (1, 2):
                assert same(values[n], mp.diff(lambda t: f(t)[0], x, n)), (name, x, n)
    for name, f in TWO.items():
        for a, b in ((0.3, 0.7), (2.5, -1.375), (1.5, 3)):
            a, b = mpf(a), mpf(b)
            values = f(a, b)
            if any(v != v for v in values):
                continue
            for k, n in enumerate(((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))):
                assert same(values[k + 1], mp.diff(lambda s, t: f(s, t)[0], (a, b), n)), (name, a, b, n)


# ---- the coefficients of ops/elementwise/functions.h and ops/simd.h ----

def chebyshev_points(low, high, n):
    return [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * j + 1) / (2 * n)) for j in range(n)]


def through(points, values):
    """The polynomial through them, the coefficient of the highest power first."""
    matrix = mp.matrix([[u ** (len(points) - 1 - i) for i in range(len(points))] for u in points])
    return list(mp.lu_solve(matrix, mp.matrix(values)))


def normal_tail(t):
    return mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t * t / 2)


def normal_coefficients(degree, last, shift=4):
    """Of (t + shift) normal_tail(t), 0 <= t <= last, in powers of u = (t - shift) / (t + shift), the highest first: by
    interpolation at Chebyshev's points. Returns them and the largest relative error."""
    low, high = mpf(-1), mpf(last - shift) / (last + shift)
    nodes = chebyshev_points(low, high, degree + 1)
    t_of = [shift * (1 + u) / (1 - u) for u in nodes]
    found = through(nodes, [(t + shift) * normal_tail(t) for t in t_of])
    points = [mpf(last) * j / 1000 for j in range(1001)]
    return found, max(abs(mp.polyval(found, (t - shift) / (t + shift)) / (t + shift) / normal_tail(t) - 1) for t in points)


def exp_coefficients(degree):
    """Of (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2 and a little: the polynomial and the largest relative error of exp."""
    end = mp.log(2) / 2 * mpf("1.001")
    nodes = chebyshev_points(-end, end, degree + 1)
    found = through(nodes, [(mp.exp(r) - 1 - r) / r ** 2 if abs(r) > 1e-30 else mpf(1) / 2 for r in nodes])
    points = [end * j / 500 for j in range(-500, 501)]
    return found, max(abs((1 + r + r * r * mp.polyval(found, r)) / mp.exp(r) - 1) for r in points)


def print_exp():
    for degree, digits in ((5, 9), (10, 17)):
        found, error = exp_coefficients(degree)
        print(f"degree {degree}, relative error {mp.nstr(error, 2)}:", ", ".join(f"%.{digits}g" % float(c) for c in found))


def print_normal():
    for degree, last, digits in ((10, 15, 9), (23, 40, 17)):
        found, error = normal_coefficients(degree, last)
        print(f"degree {degree}, relative error {mp.nstr(error, 2)}:", ", ".join(f"%.{digits}g" % float(c) for c in found))


def main():
    if sys.argv[1] == "--normal":
        return print_normal()
    if sys.argv[1] == "--exp":
        return print_exp()
    verify()
    with gzip.GzipFile(sys.argv[1], "wb", 9, mtime=0) as out:
        points = points_of_one()
        out.write(f"1 {len(points)} {len(ONE)}\n".encode() + "".join(name + "\n" for name in ONE).encode())
        for x in points:
            row = [x] + [rounded(v) for name in ONE for v in at_one(name, x)]
            out.write(struct.pack(f"<{len(row)}d", *row))
        points = points_of_two()
        out.write(f"2 {len(points)} {len(TWO)}\n".encode() + "".join(name + "\n" for name in TWO).encode())
        for a, b in points:
            row = [a, b] + [rounded(v) for f in TWO.values() for v in f(mpf(a), mpf(b))]
            out.write(struct.pack(f"<{len(row)}d", *row))


main()
