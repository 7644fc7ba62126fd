#!/usr/bin/env python3
"""Writes tests/data/example_reference.safetensors: the first steps of programs of docs/examples in PyTorch, in float64, for
tests/test_programs.c: for each program its first weights, its data, and its losses.

usage: python3 tests/make_example_reference.py      (needs PyTorch and safetensors; the file is checked in)"""
import math, pathlib, sys
import torch
from torch import nn
from torch.nn import functional as F
from safetensors.torch import save_file

sys.path += [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent / "bench")]
from make_model_reference import GPT2
from twins_sequences import Translator, next_loss

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
tensors, STEPS = {}, 5


def keep(program, net, **data):
    tensors.update({f"{program}.{name}": p.detach().clone() for name, p in net.state_dict().items()})
    tensors.update({f"{program}.{name}": t for name, t in data.items()})


def train(program, net, optimizer, loss, schedule=None):
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        if schedule:
            schedule.step()
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


def small_cnn():
    made = []
    for a, b in (1, 4), (4, 4), (4, 6), (6, 6):
        made += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()] + [nn.MaxPool2d(2)] * (a == b)
    net = nn.Sequential(*made, nn.Flatten(), nn.Linear(6 * 2 * 2, 16), nn.ReLU(), nn.Linear(16, 10))
    x, y = torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
    keep("small_cnn", net, x=x, y=y)
    train("small_cnn", net, torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01), lambda: F.cross_entropy(net(x), y))


def schedules():
    net, x, y = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 10)), torch.randn(32, 16), torch.randint(0, 10, (32,))
    keep("schedules", net, x=x, y=y)
    sgd = torch.optim.SGD(net.parameters(), 0.3, momentum=0.9)
    train("schedules", net, sgd, lambda: F.cross_entropy(net(x), y), torch.optim.lr_scheduler.CosineAnnealingLR(sgd, STEPS))


def reinforce():
    net = nn.ParameterDict({"logits": torch.randn(25, 4)})
    place, move, advantage = torch.randint(0, 25, (60,)), torch.randint(0, 4, (60,)), torch.rand(60)
    keep("reinforce", net, place=place, move=move, advantage=advantage)
    train("reinforce", net, torch.optim.Adam(net.parameters(), 0.1),
          lambda: (F.cross_entropy(net["logits"][place], move, reduction="none") * advantage).sum() / 64)


def seq2seq():
    net, text, written = Translator(11, 8), torch.randint(0, 11, (4, 9)), torch.randint(0, 11, (4, 7))
    keep("seq2seq", net, text=text, written=written)
    train("seq2seq", net, torch.optim.Adam(net.parameters(), 5e-3), lambda: next_loss(net(text, written[:, :-1]), written[:, 1:]))


def gpt():
    net, text = nn.ModuleDict({"net": GPT2(tokens=11, positions=9)}), torch.randint(0, 11, (4, 10))
    for p in net.parameters():
        nn.init.normal_(p, 0, 0.5)
    keep("gpt", net, text=text)
    train("gpt", net, torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.01), lambda: next_loss(net["net"](text[:, :-1]), text[:, 1:]))


for program in (logistic, pinn, maml, char_lstm, svm, gcn, autoencoder, small_cnn, schedules, reinforce, seq2seq, gpt):
    program()
save_file({name: t.detach().contiguous() for name, t in tensors.items()},
          pathlib.Path(__file__).parent / "data" / "example_reference.safetensors")
