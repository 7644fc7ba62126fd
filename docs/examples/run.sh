#!/bin/sh
# The programs of docs/examples: lists them, each with the first sentence of its comment, or runs one of them.
# usage: sh docs/examples/run.sh [NAME [ARGUMENT]...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${COTAN_BUILD:-$top/build}

if [ $# -eq 0 ]; then
    for source in "$here"/*.c; do
        # The comment in one line, without what is in brackets, up to its first full stop.
        sed -n '1,/\*\//p' "$source" | tr '\n' ' ' | tr -s ' ' |
            sed -e 's/^\/\* *//' -e 's/ *\*\/.*//' -e 's/ \* / /g' -e 's/ usage: .*//' -e 's/ ([^)]*[0-9]\{4\}[^)]*)//g' -e 's/\. .*/./' -e 's/\.\? *$//' |
            awk -v name="$(basename "$source" .c)" '{ printf "%-20s %s\n", name, (length($0) > 98 ? substr($0, 1, 95) "..." : $0) }'
    done
    exit 0
fi
name=$1
shift
if [ ! -f "$here/$name.c" ]; then
    echo "run.sh: there is no program '$name'; without a name it lists them" >&2
    exit 2
fi
[ -f "$build/build.ninja" ] || meson setup "$build" "$top" --buildtype=release >/dev/null
ninja -C "$build" "docs/examples/$name" >/dev/null
exec "$build/docs/examples/$name" "$@"
