#!/usr/bin/env python3
"""Writes tests/data/types.gguf, which tests/test_gguf.c reads, with PyPI's package gguf: a tensor of each type that is read, and beside
what is quantised what that package makes of it, as float32.

usage: python3 tests/make_gguf_sample.py      (needs gguf and NumPy; the file is checked in)"""
import pathlib
import gguf
import numpy

file = gguf.GGUFWriter(pathlib.Path(__file__).parent / "data" / "types.gguf", "sample")
file.add_custom_alignment(64)
file.add_string("general.name", "each type once")
file.add_float32("a.number", 0.5)
file.add_uint64("a.count", 1 << 40)
file.add_bool("a.truth", True)
file.add_array("a.list", [1, 2, 3])
file.add_array("a.tokens", ["<s>", "", "\u00e9\u00e8"])

numbers = (numpy.arange(6) - 2).reshape(2, 3)
file.add_tensor("f32", (numbers / 2).astype(numpy.float32))
file.add_tensor("f16", (numbers / 2).astype(numpy.float16))
file.add_tensor("f64", (numbers / 2).astype(numpy.float64))
file.add_tensor("i32", numbers.astype(numpy.int32))
file.add_tensor("i64", numbers.astype(numpy.int64))
brain = gguf.quants.quantize((numbers / 2).astype(numpy.float32), gguf.GGMLQuantizationType.BF16)
file.add_tensor("bf16", brain, raw_dtype=gguf.GGMLQuantizationType.BF16)
weights = numpy.random.default_rng(1).standard_normal((3, 64)).astype(numpy.float32)
blocks = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
file.add_tensor("q8_0", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
file.add_tensor("q8_0.as_f32", gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0))
file.write_header_to_file()
file.write_kv_data_to_file()
file.write_tensors_to_file()
file.close()
