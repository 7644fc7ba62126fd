#!/usr/bin/env python3
"""Writes tests/data/data_reference.safetensors: what scikit-learn makes of the cells and the digits, for tests/test_data.c.

usage: python3 tests/make_data_reference.py      (needs scikit-learn; the file is checked in)"""
import gzip, json, pathlib, struct
import numpy
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

top = pathlib.Path(__file__).resolve().parent.parent
cells = numpy.loadtxt(top / "docs/data/breast_cancer.csv", delimiter=",", skiprows=1)[:, :-1]
with gzip.open(top / "docs/data/digits.csv.gz") as stream:
    digits = numpy.loadtxt(stream, delimiter=",")[:, :-1]

tensors = {}
for name, scaler in (("standard", StandardScaler()), ("min_max", MinMaxScaler((-1, 2)))):
    tensors[name] = scaler.fit(cells[:400]).transform(cells[400:410])
for name, whiten in (("pca", False), ("pca_whitened", True)):
    pca = PCA(5, whiten=whiten, svd_solver="full").fit(digits[:1000])
    signs = numpy.sign(pca.components_[range(5), abs(pca.components_).argmax(1)])
    tensors[name] = pca.transform(digits[1000:1010]) * signs
    tensors["variance"] = pca.explained_variance_

header, data = {}, b""
for name, array in tensors.items():
    bytes_of = numpy.ascontiguousarray(array, "<f8").tobytes()
    header[name] = {"dtype": "F64", "shape": array.shape, "data_offsets": [len(data), len(data) + len(bytes_of)]}
    data += bytes_of
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(top / "tests/data/data_reference.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
