#!/bin/sh
# The same step of an MLP by other libraries for C and C++: lines of the program, seconds to compile it, its size with the libraries that it needs
# beside the C library, and the fastest step in microseconds, one thread, all in turn three times. docs/compared.md has the table.
# usage: peers.sh [BUILD]      PYTHON names a Python with PyTorch, for libtorch; FANN is Debian's libfann-dev. What is missing is left out.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build} top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COTAN_NUM_THREADS=1 OMP_NUM_THREADS=1
peers=''

# compile NAME LINKED-LIBRARY COMMAND...
compile()
{
    name=$1 library=$2
    shift 2
    begin=$(date +%s.%N)
    "$@" -o "$work/$name" || return 0
    took=$(echo "$(date +%s.%N) $begin" | awk '{ printf "%.1f", $1 - $2 }')
    lines=$(grep -vcE '^ *(/\*|\*|//|$)' tests/bench/peers/mlp_"$name".*)
    bytes=$(ldd "$work/$name" | awk '$3 ~ /^\// && $3 !~ /\/(libc|libm|libpthread|libdl|librt|libstdc\+\+|libgcc_s)\.so/ { print $3 }' | xargs -r -n 1 readlink -f | xargs -r stat -c %s | awk '{ s += $1 } END { printf "%.1f", s / 1e6 }')
    printf '%s: %s lines, compiled in %s s, %s MB of libraries (%s)\n' "$name" "$lines" "$took" "$bytes" "$library"
    peers="$peers $name"
}

include=''
for folder in core autograd ops nn; do include="$include -I$top/$folder/include"; done
# shellcheck disable=SC2086 # one word an option
compile cotan "$build/libcotan.so" cc -O2 $include tests/bench/peers/mlp_cotan.c -L"$build" -lcotan -Wl,-rpath,"$top/$build" -lm
if [ -f /usr/include/fann.h ]; then
    compile fann libfann.so cc -O2 tests/bench/peers/mlp_fann.c -lfann -lm
fi
torch=$(${PYTHON:-python3} -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null || true)
if [ -n "$torch" ]; then
    compile torch libtorch.so c++ -O2 -std=c++20 -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" \
        tests/bench/peers/mlp_torch.cpp -L"$torch/lib" -ltorch -ltorch_cpu -lc10 -Wl,-rpath,"$torch/lib" -Wl,--no-as-needed
fi
for round in 1 2 3; do
    for name in $peers; do printf '%s: %s us (round %s)\n' "$name" "$("$work/$name")" "$round"; done
done
