#!/bin/sh
# The library in one file (docs/amalgamate.sh): it is the same each time, compiles without a warning, is C++ where it is a header, has no
# name outside but its own, and what is linked with it trains, and has every operation right.
# usage: test_one_file.sh TOP COMPILER C++-COMPILER CLANG ("" without). Ends with "N passed, N failed".
set -u
top=$1 compiler=$2 cxx=$3 clang=$4
level="-O0 -DCT_SMALL -ffunction-sections -fdata-sections" # twice as fast as -O1; docs/one_file/cross.sh has that, and the default without CT_SMALL
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0
warnings="-std=c17 -Wall -Wextra -Werror"

check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$what:"
        head -20 "$folder/log"
    fi
}

twice() { sh "$top/docs/amalgamate.sh" "$folder/again" && cmp "$folder/cotan.c" "$folder/again/cotan.c" && cmp "$folder/cotan.h" "$folder/again/cotan.h"; }
# Only ct_ and ct__ leave it, json_ neither.
own_names() { [ -s "$folder/cotan.o" ] && nm -g --defined-only "$folder/cotan.o" | awk '$3 !~ /^ct_/ { print; bad = 1 } END { exit bad }'; }
# A name that a macro makes of others is lost if one of these is another's.
all_there() {
    nm -g --defined-only "$folder/cotan.o" | awk '{ print $3 }' | sort >"$folder/there"
    sed -n 's/^  "\(ct_[a-z0-9_]*\)": {"header".*/\1/p' "$top/docs/reference/signatures.json" | sort >"$folder/wanted"
    [ -s "$folder/wanted" ] && [ -z "$(comm -13 "$folder/there" "$folder/wanted" | tee /dev/stderr)" ]
}
trains() { $compiler -I"$folder" "$top/docs/examples/ten_lines.c" "$folder/cotan.o" -lm -pthread -o "$folder/ten" && "$folder/ten" | grep -qx 'y = 2.000 x + 1.000'; }
# In a program with locations, and in one of two files.
links_twice() { echo '#include "cotan.h"' >"$folder/two.c" && $compiler $warnings -c "$folder/two.c" -o "$folder/two.o" && $compiler "$folder/two.o" -I"$folder" "$top/docs/examples/ten_lines.c" "$folder/cotan.o" -lm -pthread -o "$folder/two"; }
operations() {
    $compiler -std=c17 -D_GNU_SOURCE -I"$folder" -I"$top/core" -I"$top/autograd" -I"$top/ops" "$top/tests/check_ops.c" "$folder/cotan.o" -lm -pthread \
        -o "$folder/check_ops" && "$folder/check_ops" samples | tail -1 | grep ', 0 wrong'
}

# A kernel that this program has no use for is in the library and not in the program, and one that it has is.
leaves_out() {
    $compiler -I"$folder" "$top/docs/examples/ten_lines.c" "$folder/cotan.o" -no-pie -Wl,--gc-sections -lm -pthread -o "$folder/small" &&
        nm "$folder/cotan.o" | grep -q ' bessel_j_float_' && nm "$folder/small" | grep -q ' mul_float_' && ! nm "$folder/small" | grep ' bessel_j_float_'
}

check "docs/amalgamate.sh" sh "$top/docs/amalgamate.sh" "$folder"
mkdir "$folder/cotan"
for header in "$top"/*/include/cotan/*.h; do
    echo '#include "../cotan.h"' >"$folder/cotan/$(basename "$header")"
done
check "written twice" twice
check "compiled $level" $compiler $warnings $level -c "$folder/cotan.c" -o "$folder/cotan.o"
[ -z "$clang" ] || check "compiled by $clang" "$clang" $warnings -fsyntax-only "$folder/cotan.c"
check "the header as C++" $cxx -Wall -Wextra -Werror -fsyntax-only -x c++ "$folder/cotan.h"
check "names" own_names
check "public functions" all_there
check "a program in two files" links_twice
check "training" trains
check "what is not called is left out" leaves_out
check "every operation" operations
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
