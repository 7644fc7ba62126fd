#!/usr/bin/env python3
"""Writes tests/data/example_reference.safetensors: the first steps of programs of docs/examples in PyTorch, in float64, for
tests/test_programs.c: for each program its first weights, its data, and its losses.

usage: python3 tests/make_example_reference.py      (needs PyTorch and safetensors; the file is checked in)"""
import math, pathlib
import torch
from torch import nn
from torch.nn import functional as F
from safetensors.torch import save_file

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
tensors, STEPS = {}, 5


def keep(program, net, **data):
    tensors.update({f"{program}.{name}": p.detach().clone() for name, p in net.state_dict().items()})
    tensors.update({f"{program}.{name}": t for name, t in data.items()})


def train(program, net, optimizer, loss):
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    tensors[f"{program}.losses"] = torch.tensor(losses)


def logistic():
    net, x, y = nn.Sequential(nn.Linear(30, 1)), torch.randn(32, 30), torch.randint(0, 2, (32,))
    keep("logistic", net, x=x, y=y)
    train("logistic", net, torch.optim.SGD(net.parameters(), 0.5, weight_decay=1e-3),
          lambda: F.binary_cross_entropy_with_logits(net(x).squeeze(1), y.double()))


def pinn():
    net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    x = (torch.arange(32) / 31.0).reshape(32, 1).requires_grad_()
    keep("pinn", net)

    def slope(y):
        return torch.autograd.grad(y.sum(), x, create_graph=True)[0]

    def loss():
        u = net(x)
        first = slope(u)
        equation = (slope(first) + math.pi**2 * u).square().mean()
        return equation + 10 * (u[:1].square() + (first[:1] - math.pi).square()).sum()

    train("pinn", net, torch.optim.Adam(net.parameters(), 1e-2), loss)


def maml():
    net = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    before, after = torch.rand(2, 10, 1) * 10 - 5, torch.rand(2, 10, 1) * 10 - 5
    tasks = torch.tensor([[1.5, 0.3], [4.0, 2.0]])
    keep("maml", net, before=before, after=after, tasks=tasks)

    def fit(weights, x, task):
        return F.mse_loss(torch.func.functional_call(net, weights, x), task[0] * torch.sin(x - task[1]))

    def adapted(i):
        own = dict(net.named_parameters())
        gradients = torch.autograd.grad(fit(own, before[i], tasks[i]), list(own.values()), create_graph=True)
        stepped = {name: p - 0.02 * g for (name, p), g in zip(own.items(), gradients)}
        return fit(stepped, after[i], tasks[i])

    train("maml", net, torch.optim.Adam(net.parameters(), 3e-3), lambda: (adapted(0) + adapted(1)) / 2)


class CharLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.out = nn.Embedding(11, 8), nn.LSTM(8, 12, batch_first=True), nn.Linear(12, 11)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0])


def char_lstm():
    net, text = CharLSTM(), torch.randint(0, 11, (4, 10))
    keep("char_lstm", net, text=text)
    train("char_lstm", net, torch.optim.Adam(net.parameters(), 1e-2),
          lambda: F.cross_entropy(net(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()))


def svm():
    net, x, y = nn.Sequential(nn.Linear(64, 10)), torch.randn(32, 64), torch.randint(0, 10, (32,))
    keep("svm", net, x=x, y=y)
    train("svm", net, torch.optim.SGD(net.parameters(), 0.02, weight_decay=1e-3),
          lambda: 10 * F.multi_margin_loss(net(x), y))


def gcn():
    net = nn.Sequential(nn.Linear(12, 8, bias=False), nn.Linear(8, 2, bias=False))
    graph, y = (torch.rand(12, 12) < 0.3).double(), torch.full((12,), -100)
    graph = ((graph + graph.T + torch.eye(12)) > 0).double()
    y[0], y[11] = 0, 1
    root = graph.sum(1).rsqrt()
    propagation = graph * root * root[:, None]
    keep("gcn", net, graph=graph, y=y)
    train("gcn", net, torch.optim.Adam(net.parameters(), 0.01, weight_decay=5e-4),
          lambda: F.cross_entropy(propagation @ net[1](torch.tanh(propagation @ net[0](torch.eye(12)))), y))


def autoencoder():
    net = nn.Sequential(nn.Linear(64, 16), nn.GELU(), nn.Linear(16, 8), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 64))
    x = torch.rand(32, 64) * 2 - 1
    keep("autoencoder", net, x=x)
    train("autoencoder", net, torch.optim.Adam(net.parameters(), 3e-3), lambda: F.mse_loss(net(x), x))


for program in (logistic, pinn, maml, char_lstm, svm, gcn, autoencoder):
    program()
save_file({name: t.detach().contiguous() for name, t in tensors.items()},
          pathlib.Path(__file__).parent / "data" / "example_reference.safetensors")
