#!/bin/sh
# Builds the course's programs and makes all its pictures again. On the portable kernels, so that every machine makes the same bytes.
# usage: sh docs/course/make.sh [BUILD_FOLDER]
set -eu
build=$(cd "${1:-"$(dirname "$0")/../../build"}" && pwd)
cd "$(dirname "$0")"
ninja -C "$build" >/dev/null
for source in [0-9]*.c; do
    COTAN_ISA=portable "$build/docs/course/${source%.c}" >/dev/null
done
