#!/bin/sh
# Compiles the library to WebAssembly and puts it into one page, to play with it in a browser, from the disk. See docs/playground.md.
# usage: sh docs/playground.sh [OUTPUT [LEVEL]]     (default: build/playground/playground.html -O2)
# Emscripten is needed: apt-get install emscripten, 842 MB.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v emcc >/dev/null; then
    echo "playground: there is no emcc: apt-get install emscripten" >&2
    exit 2
fi
exec python3 "$top/docs/playground/build.py" "${1:-$top/build/playground/playground.html}" "${2:--O2}"
