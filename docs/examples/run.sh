#!/bin/sh
# The programs of docs/examples: lists them, each with the first sentence of its comment, runs one of them, or all of them briefly.
# They write into build/results/, or where --out says.
# usage: sh docs/examples/run.sh [NAME [OPTION]...]
#        sh docs/examples/run.sh --quick [OPTION]...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${COTAN_BUILD:-$top/build}

sources() { # the programs' files; inference reads what mlp writes, so it comes last
    find "$here" -name '*.c' ! -name example.c ! -name inference.c -o -name '*.cpp' -o -name '*.py' | sort
    echo "$here/inference.c"
}

name_of() { # xor.py has the name of xor.cpp, so it keeps its ending
    case $1 in *.py) basename "$1" ;; *) basename "${1%.*}" ;; esac
}

# The comment in one line, without what is in brackets, up to its first full stop.
first_sentence() {
    case $1 in *.c) sed -n '1,/\*\//p' "$1" ;; *) sed -n '1s/^\(\/\/ \|"""\)//p' "$1" ;; esac | tr '\n' ' ' | tr -s ' ' |
        sed -e 's/^\/\* *//' -e 's/ *\*\/.*//' -e 's/ \* / /g' -e 's/ usage: .*//' -e 's/ ([^)]*[0-9]\{4\}[^)]*)//g' -e 's/\. .*/./' -e 's/\.\? *$//'
}

list() {
    sources | sort | while read -r source; do
        first_sentence "$source" |
            awk -v name="$(name_of "$source")" '{ printf "%-20s %s\n", name, (length($0) > 98 ? substr($0, 1, 95) "..." : $0) }'
    done
}

make() { # target...: compiles
    [ -f "$build/build.ninja" ] || meson setup "$build" "$top" --buildtype=release >/dev/null
    ninja -C "$build" "$@" >/dev/null
}

run() { # name option...
    program=$1
    shift
    case $program in
        *.py) python3 "$here/$program" "$build/libcotan.so" --out "$build/results" "$@" ;;
        *) "$build/docs/examples/$program" --out "$build/results" "$@" ;;
    esac
}

# Each with its last line and its seconds.
run_all() { # option...
    make
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    for source in $(sources); do
        name=$(name_of "$source")
        begin=$(date +%s)
        if [ "$name" = train_mpi ] && ! [ -x "$build/docs/examples/$name" ]; then
            printf '%-20s %3d s  %s\n' "$name" 0 "not built: there is no MPI"
            continue
        fi
        run "$name" --quick --out "$work/results" "$@" >"$work/printed" 2>&1 ||
            { cat "$work/printed"; echo "run.sh: $name failed"; exit 1; } >&2
        printf '%-20s %3d s  %s\n' "$name" $(($(date +%s) - begin)) "$(tail -n 1 "$work/printed")"
    done
}

[ $# -gt 0 ] || { list; exit 0; }
if [ "$1" = --quick ]; then
    shift
    run_all "$@"
    exit 0
fi
for source in $(sources); do
    [ "$(name_of "$source")" = "$1" ] || continue
    case $1 in *.py) make libcotan.so ;; *) make "docs/examples/$1" ;; esac
    run "$@"
    exit
done
echo "run.sh: there is no program '$1'; without a name it lists them" >&2
exit 2
