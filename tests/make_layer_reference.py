#!/usr/bin/env python3
"""Writes data/layer_reference.safetensors: what PyTorch's layers make of an input, in float64, with their state dicts.

It was written with PyTorch 2.15.0 from PyPI. For each case of test_layers.c the file holds "<case>/x", "<case>/state/<name>" for each
name of the state dict, all of them random, "<case>/y" in evaluation and "<case>/g", the gradient for x of the sum of
y * cos(0, 1, 2, ...). Cases of batch normalisation have "<case>/training", the result in training, too, and "<case>/after/<name>", the
buffers after that.

usage: make_layer_reference.py OUTPUT
"""
import json
import struct
import sys

import torch
from torch import nn

D = torch.float64
CODES = {torch.float64: "F64", torch.int64: "I64"}


def normal(*shape):
    return torch.randn(*shape, dtype=D)


def image():
    return normal(2, 4, 6, 5)


def sequence():
    return normal(5, 3, 4)


class Around(nn.Module):
    """A layer that is called with more than x; its state dict is the layer's."""

    def __init__(self, layer, **options):
        super().__init__()
        self.__dict__.update(layer=layer, **options)

    def double(self):
        self.layer.double()
        return self

    def eval(self):
        self.layer.eval()
        return self

    def state_dict(self):
        return self.layer.state_dict()


class Packed(Around):
    """The result, and below it h (and c): sequences of lengths 3, 5 and 2."""

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 5, 2]), enforce_sorted=False)
        y, last = self.layer(packed)
        y = nn.utils.rnn.pad_packed_sequence(y)[0]
        states = last if isinstance(last, tuple) else (last,)
        return torch.cat([y.flatten()] + [s.flatten() for s in states])


class Alone(Around):
    """The result of a single sequence, and below it h and c; the states before it are its numbers."""

    def forward(self, x):
        h0, c0 = x[:4, :3], x[1:5, 1:]
        y, last = self.layer(x, (h0, c0))
        return torch.cat([y.flatten()] + [s.flatten() for s in last])


class SelfAttention(Around):
    """With causal, or with the last two keys of sequence 1 as padding and one query that may not see one key."""

    def forward(self, x):
        options = {}
        if self.__dict__.get("causal"):
            n = x.shape[1]
            options["attn_mask"] = torch.ones(n, n, dtype=torch.bool).triu(1)
        if self.__dict__.get("padding"):
            options["key_padding_mask"] = torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 5])
            options["attn_mask"] = torch.zeros(5, 5, dtype=torch.bool)
            options["attn_mask"][2, 0] = True
        y, weights = self.layer(x, x, x, **options)
        return torch.cat([y.flatten(), weights.flatten()])


class OtherAttention(Around):
    """Keys are the first three numbers of x, values the first two, and there is one of them less."""

    def forward(self, x):
        return self.layer(x, x[:-1, :, :3], x[:-1, :, :2])[0]


class Hard(Around):
    """Hardsigmoid and Hardswish, by their definition: the gradients of PyTorch's have 1/6 in float32."""

    def forward(self, x):
        y = (x / 6 + 0.5).clamp(0, 1)
        return x * y if self.__dict__.get("times_x") else y


class Decoder(Around):
    """Memory is x backwards; causal; the last key of the memory of sequence 0 is padding."""

    def forward(self, x):
        mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
        padding = torch.tensor([[False] * 4 + [True], [False] * 5, [False] * 5])
        return self.layer(x, x.flip(0), tgt_mask=mask, memory_key_padding_mask=padding)


CASES = {
    "linear": (lambda: nn.Linear(5, 3), lambda: normal(2, 4, 5)),
    "linear_no_bias": (lambda: nn.Linear(5, 3, bias=False), lambda: normal(4, 5)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), lambda: normal(2, 4, 9)),
    "conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), image),
    "conv2d_no_bias": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), image),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1), lambda: normal(2, 2, 4, 3, 4)),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1, groups=2), lambda: normal(2, 4, 5)),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(4, 3, (3, 2), stride=(2, 1), padding=(1, 0)), image),
    "conv_transpose3d": (lambda: nn.ConvTranspose3d(2, 3, 2, dilation=2), lambda: normal(1, 2, 3, 2, 3)),
    "max_pool1d": (lambda: nn.MaxPool1d(3, stride=2, padding=1), lambda: normal(2, 4, 9)),
    "max_pool2d": (lambda: nn.MaxPool2d(3, stride=2, ceil_mode=True), image),
    "avg_pool1d": (lambda: nn.AvgPool1d(3), lambda: normal(2, 4, 9)),
    "avg_pool2d": (lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), image),
    "adaptive_avg_pool2d": (lambda: nn.AdaptiveAvgPool2d((3, 4)), image),
    "flatten": (lambda: nn.Flatten(), image),
    "batch_norm1d": (lambda: nn.BatchNorm1d(4), lambda: normal(6, 4)),
    "batch_norm2d": (lambda: nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), image),
    "batch_norm_no_affine": (lambda: nn.BatchNorm2d(4, affine=False), image),
    "batch_norm_batch_only": (lambda: nn.BatchNorm2d(4, track_running_stats=False), image),
    "layer_norm": (lambda: nn.LayerNorm(5), image),
    "layer_norm2": (lambda: nn.LayerNorm((6, 5), eps=1e-3, bias=False), image),
    "rms_norm": (lambda: nn.RMSNorm(5), image),
    "rms_norm_eps": (lambda: nn.RMSNorm((6, 5), eps=1e-2), image),
    "group_norm": (lambda: nn.GroupNorm(2, 4), image),
    "instance_norm": (lambda: nn.InstanceNorm2d(4), image),
    "instance_norm_affine": (lambda: nn.InstanceNorm2d(4, affine=True, eps=1e-2), image),
    "local_response_norm": (lambda: nn.LocalResponseNorm(3, alpha=0.1, beta=0.6, k=2.), image),
    "dropout": (lambda: nn.Dropout(0.5), image),
    "dropout1d": (lambda: nn.Dropout1d(0.5), lambda: normal(2, 4, 9)),
    "dropout2d": (lambda: nn.Dropout2d(0.5), image),
    "dropout3d": (lambda: nn.Dropout3d(0.5), lambda: normal(2, 4, 2, 3, 2)),
    "embedding": (lambda: nn.Embedding(7, 3), lambda: torch.randint(0, 7, (4, 5))),
    "embedding_padding": (lambda: nn.Embedding(7, 3, padding_idx=-5), lambda: torch.randint(0, 7, (4, 5))),
    "relu": (lambda: nn.ReLU(), image),
    "gelu": (lambda: nn.GELU(), image),
    "gelu_tanh": (lambda: nn.GELU(approximate="tanh"), image),
    "silu": (lambda: nn.SiLU(), image),
    "mish": (lambda: nn.Mish(), image),
    "selu": (lambda: nn.SELU(), image),
    "tanh": (lambda: nn.Tanh(), image),
    "sigmoid": (lambda: nn.Sigmoid(), image),
    "log_sigmoid": (lambda: nn.LogSigmoid(), image),
    "softsign": (lambda: nn.Softsign(), image),
    "elu": (lambda: nn.ELU(0.7), image),
    "leaky_relu": (lambda: nn.LeakyReLU(0.2), image),
    "softplus": (lambda: nn.Softplus(2), image),
    "hardtanh": (lambda: nn.Hardtanh(-0.5, 0.25), image),
    "softmax": (lambda: nn.Softmax(1), image),
    "log_softmax": (lambda: nn.LogSoftmax(-1), image),
    "prelu": (lambda: nn.PReLU(4), image),
    "rnn": (lambda: nn.RNN(4, 3, num_layers=2), sequence),
    "lstm": (lambda: nn.LSTM(4, 3, num_layers=2, bidirectional=True), sequence),
    "lstm_batch_first": (lambda: nn.LSTM(4, 3, batch_first=True, bias=False), sequence),
    "gru": (lambda: nn.GRU(4, 3, bidirectional=True), sequence),
    "lstm_packed": (lambda: Packed(nn.LSTM(4, 3, num_layers=2, bidirectional=True)), sequence),
    "gru_packed": (lambda: Packed(nn.GRU(4, 3, num_layers=2, bidirectional=True)), sequence),
    "attention": (lambda: SelfAttention(nn.MultiheadAttention(4, 2)), sequence),
    "attention_causal": (lambda: SelfAttention(nn.MultiheadAttention(4, 2, bias=False, batch_first=True), causal=True), sequence),
    "attention_padding": (lambda: SelfAttention(nn.MultiheadAttention(4, 2), padding=True), sequence),
    "attention_other": (lambda: OtherAttention(nn.MultiheadAttention(4, 2, kdim=3, vdim=2)), sequence),
    "encoder": (lambda: nn.TransformerEncoderLayer(4, 2, dim_feedforward=6), sequence),
    "encoder_norm_first": (lambda: nn.TransformerEncoderLayer(4, 2, 6, activation="gelu", norm_first=True, batch_first=True,
                                                             layer_norm_eps=1e-3), sequence),
    "decoder": (lambda: Decoder(nn.TransformerDecoderLayer(4, 2, dim_feedforward=6)), sequence),
    "unflatten": (lambda: nn.Unflatten(1, (2, -1)), image),
    "pixel_shuffle": (lambda: nn.PixelShuffle(2), image),
    "pixel_unshuffle": (lambda: nn.PixelUnshuffle(2), lambda: normal(2, 3, 4, 6)),
    "upsample": (lambda: nn.Upsample(scale_factor=(2, 3)), image),
    "upsample_linear": (lambda: nn.Upsample(size=(7, 4), mode="bilinear", align_corners=True), image),
    "zero_pad2d": (lambda: nn.ZeroPad2d((1, 2, 0, 3)), image),
    "constant_pad1d": (lambda: nn.ConstantPad1d((2, 1), 0.5), lambda: normal(2, 4, 9)),
    "reflection_pad2d": (lambda: nn.ReflectionPad2d((1, 2, 3, 4)), image),
    "replication_pad3d": (lambda: nn.ReplicationPad3d((1, 2, 3, 0, 0, 1)), lambda: normal(2, 2, 3, 4, 3)),
    "hardsigmoid": (lambda: Hard(nn.Identity()), lambda: 3 * image()),
    "hardswish": (lambda: Hard(nn.Identity(), times_x=True), lambda: 3 * image()),
    "tanhshrink": (lambda: nn.Tanhshrink(), image),
    "relu6": (lambda: nn.ReLU6(), lambda: 6 * image()),
    "identity": (lambda: nn.Identity(), image),
    "celu": (lambda: nn.CELU(0.5), image),
    "hardshrink": (lambda: nn.Hardshrink(0.4), image),
    "softshrink": (lambda: nn.Softshrink(0.4), image),
    "threshold": (lambda: nn.Threshold(0.1, -2), image),
    "softmin": (lambda: nn.Softmin(2), image),
    "glu": (lambda: nn.GLU(1), image),
    "sequential": (lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
                                         nn.Sequential(nn.Linear(6 * 4 * 3, 5), nn.Tanh())), image),
    "max_pool3d": (lambda: nn.MaxPool3d(2, padding=1), lambda: normal(2, 2, 3, 4, 3)),
    "avg_pool3d": (lambda: nn.AvgPool3d(2, stride=(1, 2, 1)), lambda: normal(2, 2, 3, 4, 3)),
    "adaptive_avg_pool1d": (lambda: nn.AdaptiveAvgPool1d(4), lambda: normal(2, 4, 9)),
    "adaptive_avg_pool3d": (lambda: nn.AdaptiveAvgPool3d((2, 1, 3)), lambda: normal(2, 2, 3, 4, 3)),
    "adaptive_max_pool1d": (lambda: nn.AdaptiveMaxPool1d(4), lambda: normal(2, 4, 9)),
    "adaptive_max_pool2d": (lambda: nn.AdaptiveMaxPool2d((4, 2)), image),
    "adaptive_max_pool3d": (lambda: nn.AdaptiveMaxPool3d((2, 1, 3)), lambda: normal(2, 2, 3, 4, 3)),
    "conv1d_same": (lambda: nn.Conv1d(4, 6, 4, dilation=2, padding="same"), lambda: normal(2, 4, 9)),
    "conv2d_same_circular": (lambda: nn.Conv2d(4, 6, (2, 3), padding="same", padding_mode="circular"), image),
    "conv2d_reflect": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=(2, 1), padding_mode="reflect"), image),
    "conv3d_replicate": (lambda: nn.Conv3d(2, 3, 2, padding=1, padding_mode="replicate"), lambda: normal(2, 2, 4, 3, 4)),
    "conv2d_circular": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2, padding_mode="circular"), image),
    "rnn_relu": (lambda: nn.RNN(4, 3, num_layers=2, nonlinearity="relu", bidirectional=True), sequence),
    "rnn_relu_packed": (lambda: Packed(nn.RNN(4, 3, nonlinearity="relu")), sequence),
    "lstm_alone": (lambda: Alone(nn.LSTM(4, 3, num_layers=2, bidirectional=True)), lambda: normal(5, 4)),
    "gru_alone": (lambda: nn.GRU(4, 3, batch_first=True), lambda: normal(5, 4)),
    "lstm_proj": (lambda: nn.LSTM(4, 5, num_layers=2, bidirectional=True, proj_size=3), sequence),
    "lstm_proj_packed": (lambda: Packed(nn.LSTM(4, 5, num_layers=2, bidirectional=True, proj_size=2)), sequence),
    "lstm_proj_no_bias": (lambda: nn.LSTM(4, 5, batch_first=True, bias=False, proj_size=1), sequence),
}


def randomise(module):
    for name, t in module.state_dict().items():
        if t.dtype == D:
            t.copy_(torch.rand_like(t) + 0.5 if name.endswith("running_var") else torch.randn_like(t))


def run(name, make, make_x):
    module, x, found = make().double(), make_x(), {}
    randomise(module)
    found.update({f"state/{k}": v.clone() for k, v in module.state_dict().items()})
    x.requires_grad_(x.dtype == D)
    y = module.eval()(x)
    y = y[0] if isinstance(y, tuple) else y
    found.update(x=x.detach(), y=y.detach())
    if x.dtype == D:
        cotangent = torch.arange(y.numel(), dtype=D).cos().view(y.shape)
        found["g"] = torch.autograd.grad((y * cotangent).sum(), x)[0]
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        found["training"] = module.train()(x).detach()
        found.update({f"after/{k}": v.clone() for k, v in module.named_buffers()})
    return {f"{name}/{k}": v for k, v in found.items()}


def save(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": CODES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.manual_seed(1)
    tensors = {}
    for name, (make, make_x) in CASES.items():
        tensors.update(run(name, make, make_x))
    save(sys.argv[1], tensors)


main()
