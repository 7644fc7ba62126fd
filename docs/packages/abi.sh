#!/bin/sh
# Compares what a program that was linked with the last release sees of the library, docs/packages/cotan.abi.xz, with what this build has:
# functions that are gone, parameters and structs that changed. What was added is listed and is no failure, nor is what cotan.abignore names.
# usage: abi.sh LIBRARY.so            a build with -g; Debian's abigail-tools are needed
#        abi.sh LIBRARY.so --write    at a release: the library is what the next ones are compared with
set -eu
library=$1
last=$(cd "$(dirname "$0")" && pwd)/cotan.abi.xz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$(cd "$(dirname "$0")/../.." && pwd)

# Structs that the public headers only name are nobody's business.
public=''
for folder in core autograd ops nn; do public="$public --headers-dir $top/$folder/include"; done

# shellcheck disable=SC2086 # one word an option
abidw $public --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs --out-file "$work/now.abi" "$library"
if [ "${2:-}" = --write ]; then
    xz -9 -c "$work/now.abi" >"$last"
    exit 0
fi
xz -dc "$last" >"$work/last.abi"
ignored=$top/docs/packages/cotan.abignore
abidiff --suppressions "$ignored" "$work/last.abi" "$work/now.abi" || true # to be read
abidiff --suppressions "$ignored" --no-added-syms "$work/last.abi" "$work/now.abi" >/dev/null
