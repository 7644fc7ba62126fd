#!/bin/sh
# Compiles every public header alone, as C17 and as C++17, with all warnings as errors; and a C++ program that gives options.
# usage: test_headers.sh TOP "C COMPILER" "C++ COMPILER"
set -u
cd "$1" || exit 1
passed=0 failed=0

# compiles COMPILER LANGUAGE STANDARD HEADER
compiles()
{
    if printf '#include <%s>\n' "$4" | $1 -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        -Icore/include -Iautograd/include -Iops/include -Inn/include -; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$4 does not compile alone as $3"
    fi
}

for path in */include/cotan/*.h; do
    header=${path#*/include/}
    compiles "$2" c c17 "$header"
    compiles "$3" c++ c++17 "$header"
done
# nn/mpi's, where there is an MPI.
mpi=$({ pkg-config --cflags ompi-c || pkg-config --cflags mpich; } 2>/dev/null | sed 's/-I/-isystem /g')
if [ -n "$mpi" ]; then
    compiles "$2 -Inn/mpi/include $mpi" c c17 cotan/ct_mpi.h
    compiles "$3 -Inn/mpi/include $mpi" c++ c++17 cotan/ct_mpi.h
fi
for path in */include/cotan/*.hpp; do
    for compiler in "$3" ${4:+"$4"}; do
        compiles "$compiler" c++ c++17 "${path#*/include/}"
    done
done
if $3 -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Icore/include -Iautograd/include -Iops/include \
    -Inn/include - <<'PROGRAM'
#include <cotan/cotan.h>
ct_tensor *strided(ct_tensor *x, ct_tensor *w);
ct_tensor *strided(ct_tensor *x, ct_tensor *w)
{
    ct_conv_options options;
    ct_conv_options_init(&options, sizeof options);
    options.stride[0] = 2;
    options.padding[1] = CT_ZERO;
    return ct_sum(ct_conv2d(x, w, nullptr, &options), nullptr);
}
int64_t first_batch(ct_batches *batches);
int64_t first_batch(ct_batches *batches)
{
    CT_EACH_BATCH (batches, x, y)
        return ct_size(x, 0) + ct_size(y, 0);
    return 0;
}
PROGRAM
then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "options and loops over batches do not compile in C++"
fi
for compiler in "$3" ${4:+"$4"}; do
    if $compiler -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Icore/include -Iautograd/include - <<'PROGRAM'
#include <cotan/gradcheck.hpp>
bool right(double factor);
bool right(double factor)
{
    auto forward = [](const auto *const *x, auto *y) { y[0] = x[0][0] * x[1][0]; };
    auto backward = [factor](const float *const *x, const float *g, float *const *gx) {
        gx[0][0] = static_cast<float>(factor) * g[0] * x[1][0];
        gx[1][0] = g[0] * x[0][0];
    };
    return static_cast<bool>(cotan::gradcheck<float>({1, 1}, 1, forward, backward));
}
PROGRAM
    then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "gradcheck.hpp does not compile by $compiler"
    fi
done
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
