#!/usr/bin/env python3
"""The programs of docs/examples that train classical models, beside twins in PyTorch: same data, sizes, rules and epochs; each draws its own
first weights, order and parts. A row for each as docs/networks.md has it: both figures, and the seconds of processor time of both, one
thread each, from start to end less the loading of torch.

usage: networks.py [NAME]...        with PyTorch's python; the programs are those in build/
"""
import gzip, pathlib, re, resource, subprocess, sys, tempfile, time

TOP = pathlib.Path(__file__).parents[2]


def main(names):
    names = names or list(TWINS)
    twins = output([sys.executable, pathlib.Path(__file__).resolve(), "--twin", *names])
    print("| program | figure | PyTorch's | seconds | PyTorch's |\n|---|---|---|---|---|")
    for name, figure, torch_seconds in zip(names, twins[::2], twins[1::2]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = output([TOP / "build/docs/examples" / name, "--threads", "1"])[-1]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {name} | {ours} | {figure} | {seconds:.2f} | {float(torch_seconds):.2f} |", flush=True)


def output(command):
    """The lines that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([str(c) for c in command], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout.strip().split("\n")


# ---- the twins; torch is imported when one runs ----

def parts(x, y, share):
    """Training and test, each with each class in its share."""
    test = torch.zeros(len(y), dtype=torch.bool)
    for c in y.unique():
        of_c = (y == c).nonzero().squeeze(1)
        test[of_c[torch.randperm(len(of_c))[:round(share * len(of_c))]]] = True
    return x[~test], y[~test], x[test], y[test]


def digits(share=0.2):
    rows = torch.tensor(np.loadtxt(gzip.open(TOP / "docs/data/digits.csv.gz"), delimiter=","))
    return parts(rows[:, :64].float() / 8 - 1, rows[:, 64].long(), share)


def cells():
    rows = torch.tensor(np.loadtxt(TOP / "docs/data/breast_cancer.csv", delimiter=",", skiprows=1))
    return rows[:, :30], rows[:, 30].long()


def fit(net, optimizer, x, y, epochs, loss=None, scheduler=None, batch=32, note=None):
    loss = loss or F.cross_entropy
    for epoch in range(epochs):
        net.train()
        total = 0
        for i in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            value = loss(net(x[i]), y[i])
            value.backward()
            optimizer.step()
            total += value.item() * len(i)
            if scheduler:
                scheduler.step()
        if note:
            note(epoch, total / len(x))
    net.eval()
    return total / len(x)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).double().mean().item()


def layers(*sizes, activation):
    made = []
    for a, b in zip(sizes, sizes[1:]):
        made += [nn.Linear(a, b), activation()]
    return made[:-1]


def cosine(optimizer, x, epochs):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * ((len(x) + 31) // 32))


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


def fashion():
    """Training images and labels, with mean 0 and deviation 1."""
    def read(name):
        data = gzip.open(pathlib.Path("/usr/share/datasets/fashion-mnist") / name).read()
        axes = np.frombuffer(data, ">i4", data[3], 4)
        return torch.tensor(np.frombuffer(data, np.uint8, offset=4 + 4 * len(axes)).reshape(axes).copy())

    return (read("train-images-idx3-ubyte.gz").float().unsqueeze(1) / 255 - 0.2860) / 0.3530, read("train-labels-idx1-ubyte.gz").long()


def lengths(v):
    return ((v * v).sum(-1) + 1e-8).sqrt()


def squash(s):
    return s * lengths(s).unsqueeze(-1) / ((s * s).sum(-1, keepdim=True) + 1)


def capsule(epochs=20):
    x, y, xt, yt = digits()
    x, xt = (images.view(-1, 1, 8, 8) for images in (x, xt))
    conv, primary = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 4, 2)
    weight = nn.Parameter(0.1 * torch.randn(72, 8, 160))
    decoder = nn.Sequential(nn.Linear(160, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())

    def capsules(x):
        h = primary(conv(x).relu()).reshape(-1, 8, 8, 9).permute(1, 3, 0, 2).reshape(72, -1, 8)
        u = (squash(h) @ weight).view(72, -1, 10, 16).permute(1, 2, 0, 3)
        logits = torch.zeros(u.shape[:3]).unsqueeze(-1)
        for _ in range(3):
            v = squash((logits.softmax(1) * u).sum(2, keepdim=True))
            logits = logits + (u * v).sum(-1, keepdim=True)
        return v.view(-1, 10, 16)

    adam = torch.optim.Adam([weight, *conv.parameters(), *primary.parameters(), *decoder.parameters()], 3e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(32):
            v, there = capsules(x[i]), F.one_hot(y[i], 10).float()
            margin = there * (0.9 - lengths(v)).relu() ** 2 + 0.5 * (1 - there) * (lengths(v) - 0.1).relu() ** 2
            error = F.mse_loss(decoder((v * there.unsqueeze(-1)).flatten(1)), x[i].flatten(1))
            adam.zero_grad()
            (10 * margin.mean() + 0.0005 * 784 / 4 * error).backward()
            adam.step()
    with torch.no_grad():
        return f"test accuracy: {(lengths(capsules(xt)).argmax(1) == yt).double().mean():.4f}"


def transfer(epochs=20):
    def block(a, b):
        return nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)

    def build():
        return nn.Sequential(nn.Sequential(*block(1, 16), *block(16, 32), *block(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                             nn.Linear(64, 10))

    def resized(x):
        return F.interpolate(x, (16, 16), mode="bilinear")

    def learn(state, frozen, lr):
        net = build()
        if state:
            net[0].load_state_dict(state)
        if frozen:
            net[0].requires_grad_(False)
            net[0].eval()
            net[0].train = lambda mode=True: net[0]
        fit(net, torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr), x, y, epochs, batch=50)
        return accuracy(net, xt, yt)

    xt, yt, x, y = digits(500 / 1797)
    x, xt = (resized(images.view(-1, 1, 8, 8)) for images in (x, xt))
    clothes, labels = fashion()
    first = build()
    fit(first, torch.optim.Adam(first.parameters(), 2e-3), resized(clothes), labels, 2, batch=50)
    state = first[0].state_dict()
    return "test accuracy: frozen {:.4f}, fine-tuned {:.4f}, from scratch {:.4f}".format(
        learn(state, True, 1e-2), learn(state, False, 2e-3), learn(None, False, 2e-3))


TWINS = {f.__name__: f for f in (perceptron, linear_regression, logistic_regression, softmax_regression, decision_boundary, mlp,
                                 normalisation, initialisation, optimizers, regularisation, autoencoder, gcn, capsule, transfer)}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--twin"]:
        import numpy as np, torch
        from torch import nn
        from torch.nn import functional as F
        torch.set_num_threads(1)
        for name in sys.argv[2:]:
            torch.manual_seed(1)
            begin = time.process_time()
            print(TWINS[name](), time.process_time() - begin, sep="\n", flush=True)
    else:
        main(sys.argv[1:])
