#!/usr/bin/env python3
"""The programs of docs/examples that look at images, in PyTorch: same data, sizes, rules and epochs; each draws its own first weights, order
and parts. Prints the figure and the seconds of the processor that it took, one thread.

usage: vision_networks.py NAME [EPOCHS]     (capsule very_deep transfer degradation small_cnn)
"""
import gzip
import pathlib
import struct
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

TOP = pathlib.Path(__file__).parents[2]
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def split(x, y, share):
    """Training and test, each with each class in its share."""
    test = torch.zeros(len(y), dtype=torch.bool)
    for c in y.unique():
        of_c = (y == c).nonzero().squeeze(1)
        test[of_c[torch.randperm(len(of_c))[:round(share * len(of_c))]]] = True
    return (x[~test], y[~test]), (x[test], y[test])


def digits(share=0.2):
    rows = torch.tensor(np.loadtxt(gzip.open(TOP / "docs/data/digits.csv.gz"), delimiter=","))
    return split(rows[:, :64].float().view(-1, 1, 8, 8) / 8 - 1, rows[:, 64].long(), share)


def fashion():
    def read(name):
        data = gzip.open(FASHION / name).read()
        axes = struct.unpack(f">{data[3]}I", data[4:4 + 4 * data[3]])
        return torch.tensor(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(axes).copy())

    return [(((read(f"{part}-images-idx3-ubyte.gz").float() / 255 - 0.2860) / 0.3530).unsqueeze(1),
             read(f"{part}-labels-idx1-ubyte.gz").long()) for part in ("train", "t10k")]


def fit(net, optimizer, x, y, epochs, batch, loss=F.cross_entropy, clip=None, scheduler=None, transform=None):
    net.train()
    for epoch in range(epochs):
        total = 0
        for i in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            value = loss(net(transform(x[i]) if transform else x[i]), y[i])
            value.backward()
            if clip:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            total += value.item() * len(i)
            if scheduler:
                scheduler.step()
    return total / len(x)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return sum((net(a).argmax(1) == b).sum().item() for a, b in zip(x.split(250), y.split(250))) / len(y)


# ---- the twins ----

def squash(s):
    square = (s * s).sum(-1, keepdim=True)
    return s * (square + 1e-8).sqrt() / (square + 1)


class Capsules(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.primary = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 4, 2)
        self.weight = nn.Parameter(0.1 * torch.randn(72, 8, 160))
        self.decoder = nn.Sequential(nn.Linear(160, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())

    def capsules(self, x):
        h = self.primary(self.conv(x).relu()).reshape(-1, 8, 8, 9).permute(1, 3, 0, 2).reshape(72, -1, 8)
        u = (squash(h) @ self.weight).view(72, -1, 10, 16).permute(1, 2, 0, 3)
        logits = torch.zeros(u.shape[:3]).unsqueeze(-1)
        for _ in range(3):
            v = squash((logits.softmax(1) * u).sum(2, keepdim=True))
            logits = logits + (u * v).sum(-1, keepdim=True)
        return v.view(-1, 10, 16)

    def forward(self, x):
        v = self.capsules(x)
        return ((v * v).sum(-1) + 1e-8).sqrt()


def capsule(epochs=20):
    (x, y), test = digits()
    net = Capsules()
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for i in torch.randperm(len(x)).split(32):
            v = net.capsules(x[i])
            length, there = ((v * v).sum(-1) + 1e-8).sqrt(), F.one_hot(y[i], 10).float()
            margin = there * (0.9 - length).relu() ** 2 + 0.5 * (1 - there) * (length - 0.1).relu() ** 2
            error = F.mse_loss(net.decoder((v * there.unsqueeze(-1)).flatten(1)), x[i].flatten(1))
            adam.zero_grad()
            (10 * margin.mean() + 0.0005 * 784 / 4 * error).backward()
            adam.step()
    return f"test accuracy: {accuracy(net, *test):.4f}"


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
        net[0].requires_grad_(not frozen)
        if frozen:
            net[0].train = lambda mode=True: net[0]
            net[0].eval()
        fit(net, torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr), *train, epochs, 50)
        return accuracy(net, *test)

    clothes, (test, train) = fashion()[0], digits(500 / 1797)
    train, test = [(resized(x), y) for x, y in (train, test)]
    first = build()
    fit(first, torch.optim.Adam(first.parameters(), 2e-3), resized(clothes[0]), clothes[1], 2, 50)
    state = first[0].state_dict()
    return "test accuracy: frozen %.4f, fine-tuned %.4f, from scratch %.4f" % (
        learn(state, True, 1e-2), learn(state, False, 2e-3), learn(None, False, 2e-3))


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    begun = time.process_time()
    figure = globals()[sys.argv[1]](*map(int, sys.argv[2:3]))
    print(f"{sys.argv[1]}: {figure}, {time.process_time() - begun:.1f} s")


if __name__ == "__main__":
    main()
