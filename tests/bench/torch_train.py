#!/usr/bin/env python3
"""The main job on PyTorch, to compare docs/examples/train with: LeNet-5 on Fashion-MNIST, Adam 2e-3, batch 64, linear decay.

Prints the seconds that training and the evaluation after each epoch took, and the test accuracy.
usage: torch_train.py [--epochs N] [--threads N] [--data DIR]
"""
import argparse, gzip, time
import numpy as np
import torch
import torch.nn.functional as F

ap = argparse.ArgumentParser()
ap.add_argument("--epochs", type=int, default=5)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
args = ap.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)


def idx(name):
    raw = gzip.open(f"{args.data}/{name}.gz").read()
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


def split(name):
    images, labels = idx(f"{name}-images-idx3-ubyte"), idx(f"{name}-labels-idx1-ubyte")
    return images.float().div_(255).sub_(0.2860).div_(0.3530).unsqueeze(1), labels.long()


x, y = split("train")
xt, yt = split("t10k")
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(6, 16, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
    torch.nn.Linear(400, 120), torch.nn.ReLU(), torch.nn.Linear(120, 84), torch.nn.ReLU(), torch.nn.Linear(84, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
batch, steps = 64, args.epochs * ((len(x) + 63) // 64)
schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: 1 - step / steps)


def accuracy():
    with torch.no_grad():
        return np.mean([(net(xt[k:k + 1000]).argmax(1) == yt[k:k + 1000]).float().mean().item() for k in range(0, len(xt), 1000)])


start = time.perf_counter()
for epoch in range(args.epochs):
    order = torch.randperm(len(x))
    for k in range(0, len(x), batch):
        pick = order[k:k + batch]
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x[pick]), y[pick]).backward()
        opt.step()
        schedule.step()
    print(f"epoch {epoch + 1}/{args.epochs}  {time.perf_counter() - start:.1f} s", flush=True)
print(f"trained in {time.perf_counter() - start:.1f} s")
print(f"test accuracy: {accuracy():.4f}")
