#!/usr/bin/env python3
"""Networks with random weights that torch.onnx.export() writes, by either of its exporters, are read by ct_onnx_read() and give what PyTorch
gives. A campaign, not among the tests: needs PyTorch, onnx and onnxscript.

usage: COTAN_LIBRARY=build/libcotan.so python3 tests/onnx_from_torch.py      Ends with "N passed, N failed"."""
import pathlib
import sys
import tempfile
import warnings

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "docs/python"))
import cotan
from test_onnx import run_model

warnings.filterwarnings("ignore")
torch.manual_seed(1)


class Block(nn.Module):
    """ResNet's basic block (He et al. 2016)."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
                                   nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
        self.way = nn.Sequential() if stride == 1 and channels == out else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu(self.first(x) + self.way(x))


def resnet18():
    stages = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *(Block(*s) for s in stages),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells, self.head = kind(8, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1])


class Attention(nn.Module):
    """A block as GPT has it, written out."""

    def __init__(self, width=32, heads=4):
        super().__init__()
        self.heads, self.norms = heads, nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (p.view(b, t, self.heads, c // self.heads).transpose(1, 2) for p in self.qkv(self.norms[0](x)).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.norms[1](x))


def lenet5():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
                         nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10), nn.Softmax(1))


NETWORKS = {
    "lenet5": (lenet5, (2, 1, 28, 28)),
    "resnet18": (resnet18, (2, 3, 64, 64)),
    "lstm": (lambda: Recurrent(nn.LSTM), (2, 5, 8)),
    "gru": (lambda: Recurrent(nn.GRU), (2, 5, 8)),
    "transformer block": (Attention, (2, 6, 32)),
    "transformer encoder layer": (lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (2, 6, 32), (True,)),  # TorchScript's exporter fails
    "vgg": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Dropout(), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(5)), (2, 3, 8, 8)),
}


def difference(make, shape, new, path):
    """The largest, relative to 1 + |y|."""
    net, x = make().eval(), torch.randn(shape)
    net(x)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.1), nn.init.uniform_(layer.running_var, 0.5, 1.5), nn.init.uniform_(layer.weight, 0.5, 1.5)
    with torch.no_grad():
        y = net(x)
    torch.onnx.export(net, (x,), str(path), dynamo=new, **({"external_data": False, "verbose": False} if new else {}))
    results = run_model(cotan, path, [x.numpy()], 1)
    if isinstance(results, str):
        raise RuntimeError(results)
    return ((torch.from_numpy(results[0]) - y).abs() / (1 + y.abs())).max().item()


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, shape, *exporters) in NETWORKS.items():
            for new in exporters[0] if exporters else (True, False):
                try:
                    words = difference(make, shape, new, pathlib.Path(folder, "model.onnx"))
                except Exception as error:  # of either side
                    words = f"{type(error).__name__}: {str(error)[:300]}"
                good = isinstance(words, float) and words < 1e-5
                passed, failed = passed + good, failed + (not good)
                print(f"{name}, {'torch.export' if new else 'TorchScript'}: {words}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
