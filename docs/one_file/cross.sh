#!/bin/sh
# The one file on other machines: compiles it for each target with Debian's cross compilers, and runs the ten-line program and the check
# of every operation under qemu-user; with CT_SMALL, XOR and the digits have to be learnt by 256 KiB of code. usage: cross.sh [FOLDER] [TARGET...]
# Packages: gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-riscv64-linux-gnu, libc6-dev-{arm64,armhf,riscv64}-cross, musl-tools, qemu-user.
# Ends with "N passed, N failed".
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$top/build/one_file}
[ $# -gt 0 ] && shift
sh "$top/docs/amalgamate.sh" "$out" || exit 1
mkdir -p "$out/cotan"
for header in "$top"/*/include/cotan/*.h; do
    echo '#include "../cotan.h"' > "$out/cotan/$(basename "$header")"
done
passed=0 failed=0

count() { # WHAT STATUS
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    echo "$1: $([ "$2" = 0 ] && echo good || echo FAILED)"
}

try() { # NAME COMPILER RUNNER...
    name=$1 compiler=$2
    shift 2
    command -v "${compiler%% *}" >/dev/null || { echo "$name: skipped, no ${compiler%% *}"; return; }
    $compiler -std=c17 -O1 -c "$out/cotan.c" -o "$out/$name.o"
    count "$name compiles" $?
    inside="-D_GNU_SOURCE -I$out -I$top/core -I$top/autograd -I$top/ops"
    $compiler -O1 -I"$out" "$top/docs/examples/ten_lines.c" "$out/$name.o" -static -lm -pthread -o "$out/$name.ten" &&
        [ "$("$@" "$out/$name.ten")" = "y = 2.000 x + 1.000" ]
    count "$name trains" $?
    $compiler -O1 -std=c17 $inside "$top/tests/check_ops.c" "$out/$name.o" -static -lm -pthread -o "$out/$name.check" &&
        "$@" "$out/$name.check" samples | tail -1 | tee "$out/$name.verdict" | grep ', 0 wrong'
    count "$name has every operation right" $?
    small "$name" "$compiler" "$@"
}

# The size is that of a program that the C library is no part of; what runs is static, as the others are.
small() { # NAME COMPILER RUNNER...
    name=$1 compiler=$2
    shift 2
    $compiler -std=c17 -Os -DCT_SMALL -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables \
        -c "$out/cotan.c" -o "$out/$name.small.o"
    flags="-Os -I$out $top/tests/test_allocator.c $out/$name.small.o -Wl,--gc-sections -no-pie -lm -pthread"
    $compiler $flags -o "$out/$name.small" && bytes=$(size "$out/$name.small" | awk 'NR == 2 { print $1 }') &&
        echo "$name: $bytes bytes of code and constants" && [ "$bytes" -le 262144 ]
    count "$name is small" $?
    gzip -dc "$top/docs/data/digits.csv.gz" > "$out/digits.csv"
    $compiler $flags -static -o "$out/$name.small" && "$@" "$out/$name.small" "$out/digits.csv"
    count "$name learns in 2 MiB" $?
}

for target in ${*:-native musl aarch64 armv7 riscv64}; do
    case $target in
    native) try native gcc env ;;
    musl) try musl musl-gcc env ;;
    aarch64) try aarch64 aarch64-linux-gnu-gcc qemu-aarch64 ;;
    armv7) try armv7 "arm-linux-gnueabihf-gcc -march=armv7-a -mfpu=neon" qemu-arm ;;
    riscv64) try riscv64 riscv64-linux-gnu-gcc qemu-riscv64 ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
