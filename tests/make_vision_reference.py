#!/usr/bin/env python3
"""Writes what test_vision.c holds the models for images against: torchvision.gz and vision.safetensors in the folder given.

It was written with PyTorch 2.15.0 and torchvision 0.29.2 from PyPI. torchvision.gz has the names and shapes of torchvision's state dicts
and the numbers of parameters. vision.safetensors has narrow models with random weights, in bfloat16, under the name of each, and their
"input" and "logits": torchvision's models with a share of their channels; those for small images, which torchvision does not have, are
written down here.

usage: make_vision_reference.py FOLDER
"""
import gzip
import pathlib
import sys

import torch
import torchvision
from torch import nn

from make_model_reference import save

PUBLISHED = ["alexnet", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
CLASSES = 5


def names(model):
    lines = [f"{name} {','.join(map(str, t.shape))}" for name, t in model.state_dict().items() if t.dim()]
    return f"{len(lines)} {sum(p.numel() for p in model.parameters())}\n" + "\n".join(lines) + "\n"


def narrowed(model, share):
    """The model with a share of its channels: all but those of the images and the classes."""
    def part(n):
        return n if n in (3, CLASSES) else n // share

    for module in list(model.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, nn.Conv2d):
                new = nn.Conv2d(part(layer.in_channels), part(layer.out_channels), layer.kernel_size, layer.stride, layer.padding,
                                bias=layer.bias is not None)
            elif isinstance(layer, nn.Linear):
                new = nn.Linear(part(layer.in_features), part(layer.out_features))
            elif isinstance(layer, nn.BatchNorm2d):
                new = nn.BatchNorm2d(part(layer.num_features))
            else:
                continue
            setattr(module, name, new)
    return model


def normalised(alexnet):
    """With what the paper has behind the first two relus; the names stay."""
    for i in 1, 4:
        alexnet.features[i] = nn.Sequential(nn.ReLU(), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2))
    return alexnet


class Block(nn.Module):
    def __init__(self, inside, out, stride, plain):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.stride, self.more, self.plain = stride, out - inside, plain

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.plain:
            return y.relu()
        x = x[:, :, ::self.stride, ::self.stride]
        return (y + nn.functional.pad(x, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))).relu()


class Small(nn.Module):
    """ResNet-20 and 56, section 4.2 of He et al. with shortcuts of option A, and the plain ones."""

    def __init__(self, blocks, width=16, classes=10, plain=False):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inside = width
        for i in range(3):
            out = width << i
            setattr(self, f"layer{i + 1}", nn.Sequential(*[Block(inside if k == 0 else out, out, 2 if k == 0 and i > 0 else 1, plain)
                                                           for k in range(blocks)]))
            inside = out
        self.fc = nn.Linear(inside, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


SMALL = {"resnet20": (3, False), "resnet56": (9, False), "plain20": (3, True), "plain56": (9, True)}


def randomise(model):
    """Weights that keep the size of what goes through, in bfloat16's numbers."""
    for name, t in model.state_dict().items():
        if t.dim() > 1:
            new = torch.randn_like(t) * (2 / t[0].numel()) ** 0.5
        elif t.dim() == 1:
            new = 0.1 * torch.randn_like(t) + (1 if name.endswith(("weight", "running_var")) else 0)
        else:
            continue
        t.copy_(new.abs() if name.endswith("running_var") else new).copy_(t.bfloat16())


def case(tensors, name, model, x):
    randomise(model)
    with torch.no_grad():
        logits = model.eval()(x)
    tensors |= {f"{name}.{k}": v.bfloat16() for k, v in model.state_dict().items() if v.dim()}
    tensors |= {f"{name}.input": x, f"{name}.logits": logits}


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    models = {name: getattr(torchvision.models, name) for name in PUBLISHED}
    with torch.device("meta"):
        text = "".join(f"{name} {names(models[name]())}" for name in PUBLISHED)
        text += "".join(f"{name} {names(Small(blocks, plain=plain))}" for name, (blocks, plain) in SMALL.items())
    (folder / "torchvision.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    tensors = {}
    case(tensors, "alexnet", normalised(narrowed(models["alexnet"](num_classes=CLASSES), 64)), torch.randn(2, 3, 71, 67))
    case(tensors, "vgg16", narrowed(models["vgg16"](num_classes=CLASSES), 64), torch.randn(2, 3, 37, 41))
    case(tensors, "resnet50", narrowed(models["resnet50"](num_classes=CLASSES), 32), torch.randn(2, 3, 39, 35))
    for name in "resnet20", "plain20":
        case(tensors, name, Small(SMALL[name][0], 4, CLASSES, SMALL[name][1]), torch.randn(2, 3, 17, 14))
    save(folder / "vision.safetensors", tensors)


main()
