#!/usr/bin/env python3
"""Writes state dicts of whole models as PyTorch has them, for test_layers.c: resnet18.safetensors and gpt2.safetensors in the folder given.

It was written with PyTorch 2.15.0 from PyPI. ResNet-18 is torchvision's, layer by layer and name by name, 4 to 8 channels wide; GPT-2 is
Hugging Face's (its weights transposed: Conv1D), 2 blocks of 8 with 2 heads, and it is written in bfloat16. Beside the state dict each file
has "input" and "logits", of a model in float32 that computes with the weights in the file.

usage: make_model_reference.py FOLDER
"""
import json
import pathlib
import struct
import sys

import torch
from torch import nn

CODES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}


class BasicBlock(nn.Module):
    def __init__(self, inside, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        if stride != 1 or inside != out:
            self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class ResNet18(nn.Module):
    def __init__(self, widths=(4, 4, 6, 8), classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inside = widths[0]
        for i, out in enumerate(widths):
            setattr(self, f"layer{i + 1}", nn.Sequential(BasicBlock(inside, out, 1 if i == 0 else 2), BasicBlock(out, out, 1)))
            inside = out
        self.fc = nn.Linear(inside, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Conv1D(nn.Module):
    """A linear layer with weight [in, out], as the published GPT-2 has it."""

    def __init__(self, out, inside):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inside, out))
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)

    def forward(self, x):
        n, steps, width = x.shape
        q, k, v = (t.view(n, steps, self.heads, -1).transpose(1, 2) for t in self.c_attn(x).split(width, 2))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(n, steps, width))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.c_proj = Conv1D(4 * width, width), Conv1D(width, 4 * width)

    def forward(self, x):
        return self.c_proj(nn.functional.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width), MLP(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, tokens=11, positions=7, width=8, heads=2, blocks=2):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(tokens, width), nn.Embedding(positions, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, index):
        x = self.wte(index) + self.wpe(torch.arange(index.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


def randomise(module, dtype):
    """All weights are random, and have a value in dtype."""
    for name, t in module.state_dict().items():
        if t.dtype == torch.float32:
            t.copy_(torch.rand_like(t) + 0.5 if name.endswith("running_var") else 0.5 * torch.randn_like(t))
            t.copy_(t.to(dtype))


def save(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        raw = t.contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.dim() else t.numpy().tobytes()
        header[name] = {"dtype": CODES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write(path, model, x, dtype, before=""):
    randomise(model, dtype)
    with torch.no_grad():
        logits = model.eval()(x)
    state = {before + k: v.to(dtype) if v.dtype == torch.float32 else v for k, v in model.state_dict().items()}
    save(path, {**state, "input": x, "logits": logits})


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    write(folder / "resnet18.safetensors", ResNet18(), torch.randn(2, 3, 40, 36), torch.float32)
    write(folder / "gpt2.safetensors", GPT2(), torch.randint(0, 11, (2, 6)), torch.bfloat16, "transformer.")


if __name__ == "__main__":
    main()
