"""Twins of the programs with classical methods; each returns the line that its program ends with. See networks.py."""
import gzip, re

import numpy as np, torch
from torch import nn
from torch.nn import functional as F

from twins import TOP, accuracy, cells, cosine, digits, fit, layers, parts


def mlp():
    x, y, xt, yt = digits()
    net = nn.Sequential(*layers(64, 64, 32, 10, activation=nn.ReLU))
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    fit(net, adam, x, y, 40, scheduler=cosine(adam, x, 40))
    return f"test accuracy: {accuracy(net, xt, yt):.4f}"


def softmax_regression():
    x, y, xt, yt = digits()
    result = []
    for lr, loss in (0.2, F.cross_entropy), (0.02, lambda a, b: 10 * F.multi_margin_loss(a, b)):
        net = nn.Linear(64, 10)
        nn.init.zeros_(net.weight), nn.init.zeros_(net.bias)
        sgd = torch.optim.SGD(net.parameters(), lr, weight_decay=1e-3)
        steps = 20 * ((len(x) + 31) // 32)
        fit(net, sgd, x, y, 20, loss, torch.optim.lr_scheduler.LinearLR(sgd, 1, 1e-9, steps))
        result.append(accuracy(net, xt, yt))
    return "test accuracy: cross entropy {:.4f}, Weston-Watkins {:.4f}".format(*result)


def decision_boundary():
    corner = torch.randn(200, 2).sign()
    x, y = corner + 0.3 * torch.randn(200, 2), (corner.prod(1) < 0).long()
    result = []
    for net in nn.Sequential(nn.Linear(2, 2)), nn.Sequential(*layers(2, 8, 2, activation=nn.Tanh)):
        fit(net, torch.optim.Adam(net.parameters(), 0.03), x, y, 60, batch=20)
        result.append(accuracy(net, x, y))
    return "right: a line {:.3f}, eight hidden units {:.3f}".format(*result)


def logistic_regression():
    x, y = cells()
    x, y, xt, yt = parts(x, y, 0.2)
    mean, deviation = x.mean(0), x.std(0, correction=0)
    net = nn.Linear(30, 1).double()
    fit(net, torch.optim.SGD(net.parameters(), 0.5, weight_decay=1e-3), (x - mean) / deviation, y, 40, binary)
    return f"test accuracy: {((net((xt - mean) / deviation).squeeze(1) > 0).long() == yt).double().mean():.4f}"


def binary(logits, labels):
    return F.binary_cross_entropy_with_logits(logits.squeeze(1), labels.double())


def normalisation():
    x, y = cells()
    x, y, xt, yt = parts(x, y, 0.2)
    mean, deviation = x.mean(0), x.std(0, correction=0)
    z, zt = (x - mean) / deviation, (xt - mean) / deviation
    _, s, v = torch.linalg.svd(z, full_matrices=False)
    whiten = v[:10].T / s[:10] * (len(z) - 1) ** 0.5
    result = []
    for a, b, lr in (x, xt, 1e-6), (z, zt, 0.1), (z @ whiten, zt @ whiten, 0.1):
        net = nn.Linear(a.shape[1], 1).double()
        nn.init.zeros_(net.weight), nn.init.zeros_(net.bias)
        fit(net, torch.optim.SGD(net.parameters(), lr), a, y, 30, binary)
        result.append(((net(b).squeeze(1) > 0).long() == yt).double().mean().item())
    return "test accuracy: {:.4f} as they are, {:.4f} standardised, {:.4f} whitened".format(*result)


def linear_regression():
    x, _ = cells()
    x = (x - x.mean(0)) / x.std(0, correction=0)
    x, y, furthest = x[:, [0, 1, 4, 8, 9]], x[:, 5:6], 0
    for l2 in 0, 0.1:
        formula = torch.linalg.solve(x.T @ x / len(x) + l2 * torch.eye(5).double(), x.T @ y / len(x))
        furthest = max(furthest, (descend(x, y, l2) - formula).abs().max().item())
    return f"formula and descent differ by {furthest:.1e} at most"


def descend(x, y, l2):
    w = torch.zeros(5, 1).double().requires_grad_()
    sgd = torch.optim.SGD([w], 0.4, weight_decay=l2)
    for _ in range(3000):
        sgd.zero_grad()
        (F.mse_loss(x @ w, y) / 2).backward()
        sgd.step()
    return w.detach()


def perceptron():
    rows = torch.tensor(np.loadtxt(gzip.open(TOP / "docs/data/digits.csv.gz"), delimiter=","))
    rows = rows[(rows[:, 64] == 3) | (rows[:, 64] == 8)]
    x, sign = torch.cat([rows[:, :64] / 16, torch.ones(len(rows), 1)], 1), (rows[:, 64] == 3).double() * 2 - 1
    w, mistakes, now = torch.zeros(65).double(), 0, 1
    while now:
        now = 0
        for a, b in zip(x, sign):
            if b * (w @ a) <= 0:
                w += b * a
                now += 1
        mistakes += now
    bound = (x.norm(dim=1).max() * w.norm() / (sign * (x @ w)).min()) ** 2
    return f"mistakes on 3 and 8: {mistakes}, at most {bound:.3g}"


def initialisation():
    x, y, _, _ = digits()
    result = []
    for activation, init in ((nn.Tanh, lambda w: nn.init.normal_(w, 0, 0.01)), (nn.Tanh, nn.init.xavier_normal_),
                             (nn.ReLU, lambda w: nn.init.normal_(w, 0, 0.01)), (nn.ReLU, nn.init.kaiming_normal_)):
        net = nn.Sequential(*layers(64, *[100] * 10, 10, activation=activation))
        for layer in net[:-1]:
            if isinstance(layer, nn.Linear):
                init(layer.weight), nn.init.zeros_(layer.bias)
        result.append(fit(net, torch.optim.SGD(net.parameters(), 0.01, momentum=0.9), x, y, 8))
    return ("loss: tanh from normal(0.01) {:.3f}, from Glorot {:.3f}; relu from normal(0.01) {:.3f}, from He {:.3f}"
            .format(*result))


def optimizers():
    x, y, xt, yt = digits()
    o = torch.optim
    rules = {"SGD": lambda p: o.SGD(p, 0.1), "momentum 0.9": lambda p: o.SGD(p, 0.03, momentum=0.9),
             "Nesterov 0.9": lambda p: o.SGD(p, 0.03, momentum=0.9, nesterov=True), "Adagrad": lambda p: o.Adagrad(p, 0.03),
             "Adadelta": lambda p: o.Adadelta(p, 1), "RMSprop": lambda p: o.RMSprop(p, 3e-3),
             "Adam": lambda p: o.Adam(p, 3e-3), "NAdam": lambda p: o.NAdam(p, 3e-3)}
    losses, worst = {}, 1
    for name, rule in rules.items():
        net = nn.Sequential(*layers(64, 32, 10, activation=nn.Tanh))
        losses[name] = fit(net, rule(net.parameters()), x, y, 20)
        worst = min(worst, accuracy(net, xt, yt))
    best = min(losses, key=losses.get)
    return f"least loss: {best}, {losses[best]:.4f}; least test accuracy of all: {worst:.4f}"


def regularisation():
    x, y, xt, yt = digits()
    few = torch.randperm(len(x))[:200]
    result = []
    for dropout in False, True:
        made = []
        for size in 64, 256:
            made += [nn.Linear(size, 256), nn.ReLU()] + [nn.Dropout(0.5)] * dropout
        net = nn.Sequential(*made, nn.Linear(256, 10))
        fit(net, torch.optim.Adam(net.parameters(), 1e-3), x[few], y[few], 100)
        result.append(F.cross_entropy(net(xt), yt).item())
    for norm in False, True:
        made = []
        for _ in range(5):
            made += [nn.Linear(64, 64)] + [nn.BatchNorm1d(64)] * norm + [nn.Sigmoid()]
        net = nn.Sequential(*made, nn.Linear(64, 10))
        fit(net, torch.optim.Adam(net.parameters(), 1e-3), x, y, 25)
        result.append(F.cross_entropy(net(xt), yt).item())
    return "loss {:.3f}, with dropout {:.3f}; loss {:.3f}, with batch norm {:.3f}".format(*result)


def autoencoder():
    x, _, xt, _ = digits()
    net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 8), nn.Linear(8, 32), nn.GELU(),
                        nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 64))
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    fit(net, adam, x, x, 100, F.mse_loss, cosine(adam, x, 100))
    mean = x.mean(0)
    v = torch.linalg.svd(x - mean, full_matrices=False)[2][:8]
    pca = F.mse_loss((xt - mean) @ v.T @ v + mean, xt)
    return f"squared error of a pixel, range 2: {F.mse_loss(net(xt), xt):.4f}, PCA {pca:.4f}"


def gcn():
    source = (TOP / "docs/examples/gcn.c").read_text()
    table = re.findall(r"\{([\d, ]+)\}", source[source.index("friends["):source.index("/* Who went")])
    assert len(table) == 33
    a = torch.eye(34).double()
    for i, row in enumerate(table):
        for k in [int(k) for k in row.split(",")]:
            if k:
                a[i, k] = a[k, i] = 1
    root = a.sum(1).rsqrt()
    a = a * root * root[:, None]
    first, second = (torch.nn.init.xavier_uniform_(torch.empty(s).double()).requires_grad_() for s in ((34, 8), (8, 2)))
    adam = torch.optim.Adam([first, second], 0.01, weight_decay=5e-4)
    for _ in range(100):
        adam.zero_grad()
        z = a @ torch.tanh(a @ first) @ second
        F.cross_entropy(z[[0, 33]], torch.tensor([0, 1])).backward()
        adam.step()
    teacher = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21}
    return f"{sum((int(z[i].argmax()) == 0) == (i in teacher) for i in range(34))} of 34 members on their side"


class NewBob:
    """Half the rate after each epoch whose validation was worse than the one before."""

    def __init__(self, optimizer):
        self.group, self.last = optimizer.param_groups[0], float("inf")

    def step(self, measure):
        self.group["lr"] *= 0.5 if measure > self.last else 1
        self.last = measure


def schedules(epochs=20):
    x, y, xt, yt = digits()
    steps = epochs * ((len(x) + 31) // 32)
    s = torch.optim.lr_scheduler
    by_epoch = {"constant": lambda o: s.ConstantLR(o, 1), "halved every 4 epochs": lambda o: s.StepLR(o, 4, 0.5),
                "0.95^epoch": lambda o: s.ExponentialLR(o, 0.95), "1 / (1 + epoch)": lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)),
                "1 / sqrt(epoch)": lambda o: s.LambdaLR(o, lambda t: (t + 1) ** -0.5)}
    by_step = {"linear": lambda o: s.LinearLR(o, 1, 0, steps), "cosine": lambda o: s.CosineAnnealingLR(o, steps),
               "one cycle": lambda o: s.OneCycleLR(o, 0.3, steps, cycle_momentum=False)}
    losses = {}
    for name in [*by_epoch, *by_step, "newbob"]:
        net = nn.Sequential(*layers(64, 32, 10, activation=nn.Tanh))
        sgd = torch.optim.SGD(net.parameters(), 0.3, momentum=0.9)
        told, often = by_epoch.get(name, lambda o: None)(sgd), by_step.get(name, lambda o: None)(sgd)
        bob = NewBob(sgd)
        for _ in range(epochs):
            losses[name] = fit(net, sgd, x, y, 1, scheduler=often)
            with torch.no_grad():
                measure = F.cross_entropy(net(xt), yt).item()
            if told:
                told.step()
            if name == "newbob":
                bob.step(measure)
    best = min(losses, key=losses.get)
    return f"loss at a constant rate: {losses['constant']:.4f}, by the best schedule ({best}): {losses[best]:.5f}"


def reinforce(epochs=200, side=5, walks=64, most=40):
    source = (TOP / "docs/examples/reinforce.c").read_text()
    world = "".join(re.findall(r'"([S#.G]{5})"', source))
    assert len(world) == side * side

    def go(place, move):
        row, column = place // side + (move == 2) - (move == 0), place % side + (move == 1) - (move == 3)
        inside = 0 <= row < side and 0 <= column < side and world[row * side + column] != "#"
        return row * side + column if inside else place

    logits = torch.zeros(side * side, 4).double().requires_grad_()
    adam = torch.optim.Adam([logits], 0.1)
    for _ in range(epochs):
        chosen = torch.multinomial(logits.detach().softmax(1), walks * most, True).tolist()
        places, moves, costs = [], [], []
        for i in range(walks):
            place, steps = 0, 0
            while steps < most and world[place] != "G":
                places.append(place), moves.append(chosen[place][i * most + steps])
                place, steps = go(place, moves[-1]), steps + 1
            costs.append(torch.arange(-steps, 0).double())
        padded = nn.utils.rnn.pad_sequence(costs, padding_value=1).t()
        mean = (padded * (padded < 0)).sum(0) / (padded < 0).sum(0)
        advantage = torch.cat([c - mean[:len(c)] for c in costs])
        adam.zero_grad()
        minus_log = F.cross_entropy(logits[places], torch.tensor(moves), reduction="none")
        ((minus_log * advantage).sum() / walks).backward()
        adam.step()
    place = steps = 0
    while world[place] != "G" and steps < most:
        place, steps = go(place, int(logits[place].argmax())), steps + 1
    return f"steps from S to G: {steps}, and 8 are the least"
