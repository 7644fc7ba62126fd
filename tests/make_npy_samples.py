#!/usr/bin/env python3
"""Writes the arrays that tests/test_npy.c reads into tests/data/npy, as NumPy writes them.

usage: python3 tests/make_npy_samples.py      (needs NumPy; the files are checked in)

Element i of six is i - 2, for floats half of that, for unsigned types i, for bool i % 2 == 1."""
import pathlib
import zipfile
import numpy

there = pathlib.Path(__file__).parent / "data" / "npy"
there.mkdir(exist_ok=True)


def sample(code):
    i = numpy.arange(6)
    kind = numpy.dtype(code).kind
    return {"f": (i - 2) / 2, "i": i - 2, "u": i, "b": i % 2 == 1}[kind].astype(code).reshape(2, 3)


for code in "<f2 <f4 <f8 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8 |b1 >f2 >f4 >f8 >i2 >i4 >i8 >u4".split():
    name = ("big_" if code[0] == ">" else "") + code[1:]
    numpy.save(there / f"{name}.npy", sample(code))
numpy.save(there / "columns.npy", numpy.asfortranarray(sample("<f8")))
numpy.save(there / "columns_i2.npy", numpy.asfortranarray(sample("<i2").reshape(2, 3, 1)))
numpy.save(there / "scalar.npy", numpy.float64(-1))
numpy.save(there / "empty.npy", numpy.zeros((2, 0, 3), "<f4"))
for version in (2, 3):
    with open(there / f"version_{version}.npy", "wb") as stream:
        numpy.lib.format.write_array(stream, sample("<f8"), version=(version, 0))
numpy.save(there / "complex.npy", sample("<f8").astype("<c16"))
numpy.save(there / "structured.npy", numpy.zeros(2, [("a", "<f4"), ("b", "<i4")]))
numpy.save(there / "large_u8.npy", numpy.array([1, 2**63], "<u8"))
numpy.save(there / "halves.npy", numpy.array([0, -0.0, 2**-24, 2**-14 - 2**-24, 2**-14, 1 / 3, 65504, numpy.inf, -numpy.inf, numpy.nan], "<f2"))
arrays = {"x": sample("<f8"), "layer.weight": sample("<f4").T, "n": numpy.int64(3), "größe": sample("|u1")}
numpy.savez(there / "arrays.npz", **arrays)
numpy.savez_compressed(there / "compressed.npz", **arrays)
numpy.savez(there / "nothing.npz")
with zipfile.ZipFile(there / "twice.npz", "w") as archive:  # no archive of NumPy's has a name twice: this one warns
    archive.write(there / "f8.npy", "x.npy")
    archive.write(there / "f8.npy", "x.npy")
