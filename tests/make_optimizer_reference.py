#!/usr/bin/env python3
"""Writes data/optimizer_reference.safetensors: where PyTorch's optimisers take some weights in 20 steps, in float64, what its
schedules make of a learning rate of 1, and what its averages make of the weights.

It was written with PyTorch 2.15.0 from PyPI. The file holds "start" [6], "gradients" [20,6]; for each case of
test_optimizer.c, "<case>" [20,6]: the weights after each step; for each of test_schedule.c, "schedule.<case>" [40]: the rate
before each step of the schedule; "measures" [40]: what those that listen are told; "average.<decay>" [20,6] of the weights of
sgd_dampening; "bn.samples" [10,3] with "bn.mean" and "bn.var" [3], as update_bn() has them.

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
    ("adam_amsgrad", torch.optim.Adam, dict(lr=0.05, amsgrad=True)),
    ("adamw_amsgrad", torch.optim.AdamW,
     dict(lr=0.05, betas=(0.8, 0.6), eps=1e-3, weight_decay=0.1, maximize=True, amsgrad=True)),
    ("rmsprop_centered", torch.optim.RMSprop, dict(lr=0.02, centered=True)),
    ("rmsprop_all", torch.optim.RMSprop,
     dict(lr=0.02, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1, maximize=True)),
    ("adagrad", torch.optim.Adagrad, dict()),
    ("adagrad_all", torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.05, weight_decay=0.1, eps=1e-3, maximize=True)),
    ("adagrad_initial", torch.optim.Adagrad, dict(lr=0.1, initial_accumulator_value=0.7)),
    ("sgd_l1", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.02, l1=0.3)),
    ("adam_l1", torch.optim.Adam, dict(lr=0.05, l1=0.2)),
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
    options = dict(options)
    l1 = options.pop("l1", 0)
    p = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = optimizer_class([p], **options)
    after = []
    for g in gradients:
        p.grad = torch.tensor(g, dtype=torch.float64) + l1 * torch.sign(p.detach())
        optimizer.step()
        after.append(p.tolist())
    return after


def run_groups(gradients):
    """Weights 0..2 and 3..5 as two groups of options."""
    a, b = (torch.nn.Parameter(torch.tensor(part, dtype=torch.float64)) for part in (START[:3], START[3:]))
    optimizer = torch.optim.AdamW([{"params": [a]}, {"params": [b], "weight_decay": 0, "lr": 0.2, "betas": (0.8, 0.95)}],
                                  lr=0.05, weight_decay=0.1)
    after = []
    for g in gradients:
        a.grad, b.grad = torch.tensor(g[:3]), torch.tensor(g[3:])
        optimizer.step()
        after.append(a.tolist() + b.tolist())
    return after


# ---- schedules: name, the scheduler of an optimiser, whether it is told the measures ----

TIMES = 40
S = torch.optim.lr_scheduler
SCHEDULES = [
    ("step", lambda o: S.StepLR(o, 7, 0.5), False),
    ("milestones", lambda o: S.MultiStepLR(o, [5, 20], 0.3), False),
    ("constant", lambda o: S.ConstantLR(o, 0.25, 6), False),
    ("linear", lambda o: S.LinearLR(o, 0.2, 0.9, 25), False),
    ("polynomial", lambda o: S.PolynomialLR(o, 30, 1.5), False),
    ("exponential", lambda o: S.ExponentialLR(o, 0.95), False),
    ("cosine", lambda o: S.CosineAnnealingLR(o, TIMES, 0.01), False),
    ("restarts", lambda o: S.CosineAnnealingWarmRestarts(o, 5, 2, 0.1), False),
    ("restarts_equal", lambda o: S.CosineAnnealingWarmRestarts(o, 9, 1, 0), False),
    ("one_cycle", lambda o: S.OneCycleLR(o, 1, TIMES, cycle_momentum=False), False),
    ("one_cycle_all", lambda o: S.OneCycleLR(o, 1, TIMES, pct_start=0.45, div_factor=10, final_div_factor=100,
                                             cycle_momentum=False), False),
    ("chained", lambda o: S.ChainedScheduler([S.LinearLR(o, 0.1, 1, 5), S.ExponentialLR(o, 0.9)]), False),
    ("sequential", lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1, 5), S.CosineAnnealingLR(o, TIMES - 5)], [5]), False),
    ("plateau", lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=0.01), True),
]
MEASURES = [1 / (1 + 0.2 * min(i, 12)) + (0.05 if i % 7 == 3 else 0) - (0.2 if i == 30 else 0) for i in range(TIMES)]


def rates(make, told):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    scheduler, found = make(optimizer), []
    for i in range(TIMES):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([MEASURES[i]] if told else []))
    return found


def averages(rows, decay):
    """Of a parameter that takes the rows one after another."""
    swa = torch.optim.swa_utils
    model = torch.nn.Module()
    model.p = torch.nn.Parameter(torch.zeros(WEIGHTS))
    average = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(decay) if decay else None)
    found = []
    for row in rows:
        model.p.data = torch.tensor(row)
        average.update_parameters(model)
        found.append(average.module.p.tolist())
    return found


def batch_norm_statistics():
    """Ten samples of three features, and the mean and variance that update_bn() makes of them in batches of four."""
    samples = [[gradient(i, k) + k for k in range(3)] for i in range(10)]
    norm = torch.nn.BatchNorm1d(3)
    norm(torch.ones(2, 3))
    torch.optim.swa_utils.update_bn([torch.tensor(samples[i:i + 4]) for i in (0, 4, 8)], norm)
    return {"bn.samples": ([10, 3], [x for row in samples for x in row]), "bn.mean": ([3], norm.running_mean.tolist()),
            "bn.var": ([3], norm.running_var.tolist())}


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
    tensors["groups"] = flat(run_groups(gradients))
    for name, make, told in SCHEDULES:
        tensors["schedule." + name] = [TIMES], rates(make, told)
    tensors["measures"] = [TIMES], MEASURES
    shape, numbers = tensors["sgd_dampening"]
    rows = [numbers[i:i + WEIGHTS] for i in range(0, len(numbers), WEIGHTS)]
    for decay in (0, 0.9):
        tensors[f"average.{decay}"] = flat(averages(rows, decay))
    tensors.update(batch_norm_statistics())
    save(sys.argv[1], tensors)


if __name__ == "__main__":
    main()
