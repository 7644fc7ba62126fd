#!/bin/sh
# The same planted bugs and the same hard functions before cotan's gradient checker, PyTorch's and JAX's; prints the tables of
# docs/gradcheck.md:
#     sh tests/gradcheck_peers/compare.sh TORCH_PYTHON JAX_PYTHON [SEEDS] [BUILD]     3 seeds and build/ if not given
# The interpreters are those that have the packages (and NumPy); JAX compiles each bug anew, and gets two seeds at most.
set -e
here=$(dirname "$0")
seeds=${3:-3}
build=${4:-build}
few=$((seeds < 2 ? seeds : 2))
files=$(mktemp -d)
trap 'rm -r "$files"' EXIT
ninja -C "$build" tests/libgradcheck_peers.so tests/hard_functions >/dev/null
"$1" "$here/peers.py" cotan "$build/tests/libgradcheck_peers.so" "$seeds" >"$files/cotan"
"$1" "$here/peers.py" torch "$build/tests/libgradcheck_peers.so" "$seeds" >"$files/torch"
"$2" "$here/peers.py" jax "$build/tests/libgradcheck_peers.so" "$few" >"$files/jax"
"$1" "$here/peers.py" table "$files/cotan" "$files/torch" "$files/jax"
