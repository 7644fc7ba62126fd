#!/bin/sh
# Throws damaged files at the readers of safetensors, IDX and CSV, under address and undefined-behaviour sanitizers, until something
# breaks or the time is over. Not part of run.sh: needs clang with libFuzzer, and minutes.
# usage: fuzz_files.sh [SECONDS]      (default 60)
set -eu
cd "$(dirname "$0")/../.."
build=build-fuzz corpus=build-fuzz/corpus
mkdir -p $corpus
# The readers are core's, and core stands alone, but for what tells of the matrix product.
# shellcheck disable=SC2046 # one word a file
clang -g -O1 -std=c17 -D_GNU_SOURCE -DCT_VERSION='"fuzzed"' -DCT_LIFETIME_CHECKS=1 -Icore/include -Icore \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    tests/fuzz/fuzz_files.c $(ls core/*.c | grep -v config) -o $build/fuzz_files -ljansson -lz -lm -lpthread

# Files to begin with: one of each kind behind the byte that chooses its reader.
python3 - $corpus <<'PYTHON'
import gzip, json, pathlib, struct, sys
header = json.dumps({"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
                     "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}, "__metadata__": {"x": "y"}}).encode()
safetensors = struct.pack("<Q", len(header)) + header + bytes(range(11))
idx = bytes([0, 0, 11, 2]) + struct.pack(">II", 2, 3) + bytes(range(12))
csv = b'\xef\xbb\xbf1, 2.5\r\n"3" ,-4e1\n\n'
for i, data in enumerate((b"\0" + safetensors, b"\1" + idx, b"\1" + gzip.compress(idx), b"\2" + csv, b"\2" + gzip.compress(csv))):
    pathlib.Path(sys.argv[1], f"seed{i}").write_bytes(data)
PYTHON
$build/fuzz_files -max_total_time="${1:-60}" -max_len=4096 -rss_limit_mb=1024 $corpus
