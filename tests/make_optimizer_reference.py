#!/usr/bin/env python3
"""Writes data/optimizer_reference.safetensors: where PyTorch's optimisers take some weights in 20 steps, in float64.

It was written with PyTorch 2.15.0 from PyPI. The file holds "start" [6], "gradients" [20,6] and, for each case of
test_optimizer.c, "<case>" [20,6]: the weights after each step.

usage: make_optimizer_reference.py OUTPUT
"""
import json
import math
import struct
import sys

import torch

WEIGHTS, STEPS = 6, 20
START = [0.5, -1.25, 2.0, 0.0, -0.03, 7.0]

# name, class, options
CASES = [
    ("sgd_dampening", torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.9)),
    ("sgd_maximize", torch.optim.SGD, dict(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.02, maximize=True)),
    ("sgd_plain_maximize", torch.optim.SGD, dict(lr=0.1, weight_decay=0.02, maximize=True)),
    ("adam_maximize", torch.optim.Adam, dict(lr=0.05, weight_decay=0.1, maximize=True)),
    ("adamw_maximize", torch.optim.AdamW, dict(lr=0.05, weight_decay=0.1, maximize=True)),
    ("rmsprop_centered", torch.optim.RMSprop, dict(lr=0.02, centered=True)),
    ("rmsprop_all", torch.optim.RMSprop,
     dict(lr=0.02, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1, maximize=True)),
    ("adagrad", torch.optim.Adagrad, dict()),
    ("adagrad_all", torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.05, weight_decay=0.1, eps=1e-3, maximize=True)),
    ("adadelta", torch.optim.Adadelta, dict()),
    ("adadelta_all", torch.optim.Adadelta, dict(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1, maximize=True)),
    ("adamax", torch.optim.Adamax, dict()),
    ("adamax_all", torch.optim.Adamax, dict(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, maximize=True)),
    ("nadam", torch.optim.NAdam, dict()),
    ("nadam_all", torch.optim.NAdam,
     dict(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, momentum_decay=0.3, maximize=True)),
    ("radam", torch.optim.RAdam, dict()),
    ("radam_all", torch.optim.RAdam, dict(lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, maximize=True)),
]


def gradient(step, i):
    """Any numbers with signs that change; weight 3 gets none for five steps."""
    return 0.0 if i == 3 and step < 5 else (0.1 + i * i / 10) * math.cos(1.7 * step + 0.9 * i)


def run(optimizer_class, options, gradients):
    p = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = optimizer_class([p], **options)
    after = []
    for g in gradients:
        p.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        after.append(p.tolist())
    return after


def save(path, tensors):
    """name -> (shape, numbers) as .safetensors."""
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        begin = len(data)
        data += struct.pack(f"<{len(numbers)}d", *numbers)
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def flat(rows):
    return [STEPS, WEIGHTS], [x for row in rows for x in row]


def main():
    torch.set_default_dtype(torch.float64)  # NAdam keeps a product of the steps' factors in it
    gradients = [[gradient(step, i) for i in range(WEIGHTS)] for step in range(STEPS)]
    tensors = {"start": ([WEIGHTS], START), "gradients": flat(gradients)}
    for name, optimizer_class, options in CASES:
        tensors[name] = flat(run(optimizer_class, options, gradients))
    save(sys.argv[1], tensors)


if __name__ == "__main__":
    main()
