"""What the twins of networks.py share: the data, a training loop, an evaluation."""
import gzip, pathlib

import numpy as np, torch
from torch import nn
from torch.nn import functional as F

TOP = pathlib.Path(__file__).parents[2]


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


def cosine(optimizer, x, epochs, batch=32):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * ((len(x) + batch - 1) // batch))


def fashion(part="train"):
    """Images and labels; the training images have mean 0 and deviation 1."""
    def read(name):
        data = gzip.open(pathlib.Path("/usr/share/datasets/fashion-mnist") / name).read()
        axes = np.frombuffer(data, ">i4", data[3], 4)
        return torch.tensor(np.frombuffer(data, np.uint8, offset=4 + 4 * len(axes)).reshape(axes).copy())

    return ((read(f"{part}-images-idx3-ubyte.gz").float().unsqueeze(1) / 255 - 0.2860) / 0.3530,
            read(f"{part}-labels-idx1-ubyte.gz").long())
