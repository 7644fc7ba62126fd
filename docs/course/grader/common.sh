# Finds the library and the compiler, and compiles and runs a student's program within limits. Sourced by check.sh and zoo.sh; they set
# $course, the folder of the course. From the environment:
#   COTAN_BUILD     the build folder, build/ by default; without a library in it the installed one is taken, by pkg-config
#   CC, CFLAGS      the compiler, cc by default, and what to give it besides
#   COURSE_STATE    where compiled parts of the grader and the number of tries are kept, course/ in the build folder by default
#   COURSE_SECONDS  how long a program may run, 10 by default; COURSE_MEMORY: its address space in KiB, or "unlimited"
# shellcheck shell=sh disable=SC2034,SC2046,SC2086,SC2154
top=$(cd "$course/../.." && pwd)
build=${COTAN_BUILD:-$top/build}
seconds=${COURSE_SECONDS:-10}
if [ -f "$build/libcotan.so" ]; then
    build=$(cd "$build" && pwd) library=$build/libcotan.so
    compile() { compiler -I"$top/core/include" -I"$top/autograd/include" -I"$top/ops/include" -I"$top/nn/include" "$@"; }
    link() { compile "$@" -L"$build" -Wl,-rpath,"$build" -lcotan -lm; }
elif pkg-config --exists cotan 2>/dev/null; then
    library=$(pkg-config --variable=libdir cotan)/libcotan.so
    compile() { compiler $(pkg-config --cflags cotan) "$@"; }
    link() { compile "$@" $(pkg-config --libs cotan) -lm; }
else
    echo "cotan is not there: build it with  meson setup build && ninja -C build  or install it" >&2
    exit 2
fi
compiler() { LC_ALL=C ${CC:-cc} -std=gnu17 -O1 -Wall -Wno-unused-variable -Wno-unused-function ${CFLAGS:-} -I"$course/grader" "$@"; }
state=${COURSE_STATE:-$build/course}
mkdir -p "$state"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# object SOURCE: compiles a part of the grader, unless that is done, and prints the object's name
object()
{
    made=$state/${1%.c}-$(echo "${CC:-} ${CFLAGS:-} $build" | cksum | cut -d' ' -f1).o
    if ! [ -f "$made" ] || [ -n "$(find "$course/grader" "$library" -newer "$made" ! -type d)" ]; then
        compile -c "$course/grader/$1" -o "$work/part.o" && mv "$work/part.o" "$made"
    fi
    echo "$made"
}

# compiled FILE PART...: the student's file and parts of the grader as $work/program; its messages are in $work/messages
compiled()
{
    source=$1
    shift
    for part in "$@"; do
        set -- "$@" "$(object "$part")"
        shift
    done
    link "$source" "$@" -o "$work/program" 2>"$work/messages"
}

# limited ARGUMENT...: runs the program, so many seconds of processor time and, on a busy machine, some more of waiting; its status is 124 or 137 after too long a time, above 128 after a signal
limited()
{
    (
        ulimit -c 0
        ulimit -t "$seconds"
        ulimit -v "${COURSE_MEMORY:-2097152}"
        COTAN_NUM_THREADS=1 OMP_NUM_THREADS=1 exec timeout -k 5 "$((seconds * 3 + 5))" "$work/program" "$@"
    ) 2>"$work/complaints"
}

# ended STATUS: how a program that wrote no report ended, in words
ended()
{
    case $1 in
    124 | 137 | 152) echo "it ran for more than $seconds seconds: a loop without an end?" ;;
    139) echo "it crashed: it read or wrote where there is no memory, such as through NULL" ;;
    *) if grep -q "Cannot allocate\|no memory" "$work/complaints"; then echo "it used too much memory"; else echo "it ended by itself, with status $1, before it was graded"; fi ;;
    esac
}
