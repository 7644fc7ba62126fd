#!/bin/sh
# Builds the course's programs and makes all its pictures again.
# usage: sh docs/course/make.sh [BUILD_FOLDER]
set -eu
build=$(cd "${1:-"$(dirname "$0")/../../build"}" && pwd)
cd "$(dirname "$0")"
ninja -C "$build" >/dev/null
for source in [0-9]*.c; do
    "$build/docs/course/${source%.c}" >/dev/null
done
