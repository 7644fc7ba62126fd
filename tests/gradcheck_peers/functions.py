"""Functions of tests/hard_functions.c and hard_algorithms.c once more, for PyTorch and JAX: name there, and the same on tensors. m is torch or jax.numpy, or
stands for it. Their inputs are read from the C sources, so that they are the same."""
import functools, math


def softmax(m, x):
    e = m.exp(x - m.amax(x, -1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(m, x):
    z = x - m.amax(x, -1, keepdims=True)
    return z - m.log(m.exp(z).sum(-1, keepdims=True))


def layer_norm(m, x, scale, shift):
    centred = x - x.mean(-1, keepdims=True)
    return centred / m.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * scale + shift


def sigmoid(m, x):
    return 1 / (1 + m.exp(-x))


def repeat(times, step, x):
    for _ in range(times):
        x = step(x)
    return x


def recurrent(m, x, w, u):
    h = 0 * (x[0] @ w)
    for t in range(12):
        h = m.tanh(x[t] @ w + h @ u)
    return h


def logsumexp(m, x):
    most = m.amax(x, -1, keepdims=True)
    return (m.log(m.exp(x - most).sum(-1, keepdims=True)) + most)[..., 0]


def logaddexp(m, x, y):
    most = m.maximum(x, y)
    return most + m.log(m.exp(x - most) + m.exp(y - most))


def softplus(m, x):
    return m.log(1 + m.exp(-m.abs(x))) + m.relu(x)


def horner(coefficients, x):
    y = 0 * x + coefficients[0]
    for c in coefficients[1:]:
        y = y * x + c
    return y


def kahan(m, x):
    total, carry = 0 * x[0], 0 * x[0]
    for i in range(x.shape[0]):
        term = x[i] * x[i] - carry
        new = total + term
        carry, total = (new - total) - term, new
    return total


def quadrature(m, x):
    weights = [1 if i in (0, 32) else 4 if i % 2 else 2 for i in range(33)]
    return sum(w / 96 * m.exp(-x * (i / 32) ** 2) for i, w in enumerate(weights))


def newton_step(m, x, y):
    return y - (y + m.exp(y) - x) / (m.exp(y) + 1)


def network(m, x):
    c = [x[:, i] for i in range(4)]
    for turn in range(4):
        for i in range(turn % 2, 3, 2):
            c[i], c[i + 1] = m.minimum(c[i], c[i + 1]), m.maximum(c[i], c[i + 1])
    return c[0] + c[1] ** 2 + m.exp(c[2]) + m.sin(c[3])


def pendulum(m, angle, speed):
    for _ in range(50):
        speed = speed - 0.05 * m.sin(angle)
        angle = angle + 0.05 * speed
    return angle


FUNCTIONS = {
    "logsumexp at 1e4": logsumexp,
    "logsumexp of far apart": logsumexp,
    "softplus at -700": softplus,
    "softplus at 700": softplus,
    "1e150 softplus": lambda m, x: 1e150 * softplus(m, x),
    "1e-150 sin": lambda m, x: 1e-150 * m.sin(x),
    "1e150 e^(-x^2)": lambda m, x: 1e150 * m.exp(-x * x),
    "norm at 1e-30": lambda m, x: m.sqrt((x * x).sum()),
    "atan2 near an axis": lambda m, x, y: m.arctan2(x, y),
    "atan2 near the cut": lambda m, x, y: m.arctan2(x, y),
    "hypot at 1e20": lambda m, x, y: m.hypot(x, y),
    "hypot of far apart": lambda m, x, y: m.hypot(x, y),
    "logaddexp at 1e5": logaddexp,
    "logaddexp at -800": logaddexp,
    "sigmoid at -40": sigmoid,
    "sigmoid at 30": sigmoid,
    "log sigmoid at -30": lambda m, x: m.log(sigmoid(m, x)),
    "cos at 1e7": lambda m, x: m.cos(x),
    "1/x^2 from 1e-3 to 10": lambda m, x: 1 / (x * x),
    "(x - 1)^5 near 1, expanded": lambda m, x: horner([1, -5, 10, -10, 5, -1], x),
    "(x - 1)^5 at 2, expanded": lambda m, x: horner([1, -5, 10, -10, 5, -1], x),
    "standardised at 1e6": lambda m, x: (x - x.mean()) / m.sqrt(((x - x.mean()) ** 2).sum() / 7),
    "distance of near points": lambda m, x, y: m.sqrt(((x - y) ** 2).sum()),
    "e^x / (e^x + e^y) at 300": lambda m, x, y: m.exp(x) / (m.exp(x) + m.exp(y)),
    "log(e^x - e^y)": lambda m, x, y: m.log(m.exp(x) - m.exp(y)),
    "Kahan's sum": kahan,
    "Simpson's rule": quadrature,
    "y + e^y = x by Newton": lambda m, x: repeat(12, lambda y: newton_step(m, x, y), 0 * x),
    "sorting network": network,
    "sorting network of ties": network,
    "200 factors": lambda m, x: functools.reduce(lambda y, i: y * (1 + 0.01 * math.cos(i) * x), range(200), 1 + 0 * x),
    "pendulum": pendulum,
    "steps and a slope": lambda m, x: m.round(3 * x) + 2 * m.tanh(x),
    "floor(x) e^y": lambda m, x, y: m.floor(x) * m.exp(y),
    "sawtooth squared": lambda m, x: (x - m.trunc(x)) ** 2,
    "float32 island": lambda m, x, y: m.sin(x) * m.wide(m.exp(m.narrow(y))),
    "sum in float32": lambda m, x: m.wide(m.narrow(m.exp(x)).sum()),
    "exp at 300": lambda m, x: m.exp(x),
    "sin at 1e9": lambda m, x: m.sin(x),
    "sin at 1e5": lambda m, x: m.sin(x),
    "sin(1/x) at 0.05": lambda m, x: m.sin(1 / x),
    "log at 1e-10": lambda m, x: m.log(x),
    "log at 1e30": lambda m, x: m.log(x),
    "square at 1e18": lambda m, x: x * x,
    "square at 1e-18": lambda m, x: x * x,
    "1/x at 1e-8": lambda m, x: 1 / x,
    "1/x from 1e-6 to 1": lambda m, x: 1 / x,
    "sqrt at 1e-12": lambda m, x: m.sqrt(x),
    "norm at 1e15": lambda m, x: m.sqrt((x * x).sum()),
    "norm at 1e-15": lambda m, x: m.sqrt((x * x).sum()),
    "1e-11 x^2": lambda m, x: 1e-11 * x * x,
    "1e-200 tanh x": lambda m, x: 1e-200 * m.tanh(x),
    "1e200 tanh x": lambda m, x: 1e200 * m.tanh(x),
    "1e-4 tanh x + 1e4 e^y": lambda m, x, y: 1e-4 * m.tanh(x) + 1e4 * m.exp(y),
    "e^x at 1e-8": lambda m, x: m.exp(x),
    "x^2 + 1e6": lambda m, x: x * x + 1e6,
    "e^x + 1e4": lambda m, x: m.exp(x) + 1e4,
    "x^2 + 1e10": lambda m, x: x * x + 1e10,
    "(e^x - 1 - x)/x^2 at 1e-3": lambda m, x: (m.exp(x) - 1 - x) / (x * x),
    "(e^x - 1 - x)/x^2 at 1e-2": lambda m, x: (m.exp(x) - 1 - x) / (x * x),
    "(1 - cos x)/x^2 at 0.01": lambda m, x: (1 - m.cos(x)) / (x * x),
    "x - tanh x at 0.01": lambda m, x: x - m.tanh(x),
    "sqrt(x^2 + 1) - x at 100": lambda m, x: m.sqrt(x * x + 1) - x,
    "log(1 + x) at 1e-6": lambda m, x: m.log(x + 1),
    "E x^2 - (E x)^2 at 1000": lambda m, x: (x * x).mean() - x.mean() ** 2,
    "sum of centred columns": lambda m, x: (x - x.mean(0, keepdims=True)).sum(),
    "sum of softmax": lambda m, x: softmax(m, x).sum(),
    "large minus large": lambda m, x: (m.tanh(x) + 1e5) - (m.sin(x) + 1e5),
    "softmax of 64 x": lambda m, x: softmax(m, 64 * x),
    "softmax of 8 x": lambda m, x: softmax(m, 8 * x),
    "log softmax of 64 x": lambda m, x: log_softmax(m, 64 * x),
    "x^20": lambda m, x: x**20,
    "1/(x - 1) near 1": lambda m, x: 1 / (x - 1),
    "tan near pi/2": lambda m, x: m.tan(x),
    "product of 12": lambda m, x: m.prod(x),
    "sigmoid of 200 x": lambda m, x: sigmoid(m, 200 * x),
    "x^y": lambda m, x, y: x**y,
    "deviation of near constants": lambda m, x: m.sqrt(((x - x.mean()) ** 2).sum() / 7),
    "sin 50 x": lambda m, x: m.sin(50 * x),
    "x + 1e-3 sin 1000 x": lambda m, x: x + 1e-3 * m.sin(1e3 * x),
    "e^(-1e4 x^2)": lambda m, x: m.exp(-1e4 * x * x),
    "layer norm at 1000": layer_norm,
    "relu at 0": lambda m, x: m.relu(x),
    "relu at 1e-8": lambda m, x: m.relu(x),
    "relu^2 at 0": lambda m, x: m.relu(x) ** 2,
    "leaky relu at 0": lambda m, x: m.where(x > 0, x, 0.01 * x),
    "|x| e^x at 0": lambda m, x: m.abs(x) * m.exp(x),
    "amax of ties": lambda m, x: m.amax(x, 1),
    "amax of a long tie": lambda m, x: m.amax(x, 1),
    "maximum of equals": lambda m, x, y: m.maximum(x, y),
    "overlapping ties": lambda m, x: m.maximum(x[:-1], x[1:]),
    "hinge at its margin": lambda m, x: m.relu(1 - x).mean(),
    "l1 loss of equals": lambda m, x, y: m.abs(x - y).mean(),
    "x^2 or 3 x^2 at 0": lambda m, x: m.where(x > 0, x * x, 3 * x * x),
    "tanh in float32": lambda m, x: m.wide(m.tanh(m.narrow(x))),
    "rounded on the way": lambda m, x: m.exp(m.wide(m.narrow(m.exp(x)))),
    "product in float32": lambda m, x, y: m.tanh(m.wide(m.narrow(x) @ m.narrow(y))),
    "softmax in float32": lambda m, x: m.wide(softmax(m, m.narrow(x))),
    "loss in float32": lambda m, x, y: m.wide(((m.narrow(m.sin(x)) - m.narrow(y)) ** 2).mean()),
    "layer norm in float32": lambda m, x, y, z: m.wide(layer_norm(m, m.narrow(x), m.narrow(y), m.narrow(z))),
    "60 layers of tanh": lambda m, x, w: repeat(60, lambda h: m.tanh(h @ w), x),
    "logistic map, 8 times": lambda m, x: repeat(8, lambda h: 3.7 * h * (1 - h), x),
    "20 residual layers": lambda m, x, w: repeat(20, lambda h: h + 0.1 * m.relu(h @ w), x),
    "12 recurrent steps": recurrent,
    "Newton's square root": lambda m, x: repeat(7, lambda r: (r + x / r) / 2, 0.5 * x + 0.5),
}
