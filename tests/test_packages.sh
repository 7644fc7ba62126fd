#!/bin/sh
# What is installed, and packed, is found and works: by pkg-config and CMake in a folder that was moved, as a .deb, and as a source that
# Meson takes for a subproject. usage: test_packages.sh TOP BUILD CC [WORD]...     Ends with "N passed, N failed".
set -u
top=$1 build=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

check()
{
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        tail -n 20 "$folder/log"
    fi
}

skip()
{
    echo "$1: skipped"
}

has()
{
    command -v "$1" >/dev/null 2>&1
}

# says_line PROGRAM: the ten lines
says_line()
{
    LD_LIBRARY_PATH=$lib "$1" | grep -qx 'y = 2.000 x + 1.000'
}

# ---- a private prefix, moved ----

DESTDIR=$folder/made meson install -C "$build" --no-rebuild --quiet >"$folder/log" 2>&1 || cat "$folder/log"
config=$(find "$folder/made" -name cotanConfig.cmake)
lib=$(cd "$(dirname "$config")/../.." && pwd)
prefix=$(cd "$(find "$folder/made" -type d -path '*/include/cotan')/../.." && pwd)
mv "$prefix" "$folder/moved"
lib=$folder/moved${lib#"$prefix"}

by_pkg_config()
{
    flags=$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --define-variable=prefix="$folder/moved" --cflags --libs cotan) &&
        "$@" "$top/docs/examples/ten_lines.c" $flags -o "$folder/by_pkg_config" && says_line "$folder/by_pkg_config"
}

by_cmake()
{
    mkdir -p "$folder/user" && cat >"$folder/user/CMakeLists.txt" <<CMAKE && cmake -S "$folder/user" -B "$folder/user/build" -DCMAKE_PREFIX_PATH="$folder/moved" -Dcotan_DIR="$lib/cmake/cotan" && cmake --build "$folder/user/build" && says_line "$folder/user/build/user"
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(cotan $1 REQUIRED)
add_executable(user $top/docs/examples/ten_lines.c)
target_link_libraries(user cotan::cotan)
CMAKE
}

refused_by_cmake()
{
    rm -rf "$folder/user"
    ! by_cmake 0.2
}

# The library for several processes: its program compiles, and begins and ends.
by_pkg_config_mpi()
{
    mkdir -p "$folder/pc" && for pc in cotan cotan-mpi; do # MPI's own prefix stays
        sed "s|^prefix=.*|prefix=$folder/moved|" "$lib/pkgconfig/$pc.pc" >"$folder/pc/$pc.pc"
    done
    flags=$(PKG_CONFIG_PATH=$folder/pc pkg-config --cflags --libs cotan-mpi) &&
        printf '#include <cotan/ct_mpi.h>\nint main(void) { return ct_mpi_begin(NULL, NULL) || ct_mpi_end(); }\n' >"$folder/mpi.c" &&
        "$@" "$folder/mpi.c" $flags -o "$folder/by_pkg_config_mpi" && LD_LIBRARY_PATH=$lib "$folder/by_pkg_config_mpi"
}

if has pkg-config; then check "pkg-config" by_pkg_config "$@"; else skip pkg-config; fi
if [ -f "$lib/pkgconfig/cotan-mpi.pc" ]; then check "pkg-config, MPI" by_pkg_config_mpi "$@"; else skip "pkg-config, MPI"; fi
if has cmake; then
    check "CMake" by_cmake 0.1
    check "CMake refuses another minor version" refused_by_cmake
else
    skip CMake
fi

# ---- a .deb ----

works_as_deb()
{
    sh "$top/docs/packages/package.sh" deb "$build" "$folder" && dpkg-deb --extract "$folder"/cotan_*.deb "$folder/deb" &&
        dpkg-deb --field "$folder"/cotan_*.deb Depends | grep -q 'libc6' &&
        for name in libcotan.so cotan.h cotan.pc cotanConfig.cmake cotan.1; do
            [ -n "$(find "$folder/deb" -name "$name*")" ] || return 1
        done &&
        lib=$(dirname "$(find "$folder/deb" -name libcotan.so)") &&
        LD_LIBRARY_PATH=$lib "$(find "$folder/deb" -path '*/bin/cotan')" explain 'f = a * b' a=2 b=3 | grep -q '∂f/∂a *= 3'
}

if has dpkg-deb && has objdump; then check "deb" works_as_deb; else skip deb; fi

# ---- the source ----

is_whole()
{
    sh "$top/docs/packages/package.sh" source "$folder" && tar -xzf "$folder"/cotan-*.tar.gz -C "$folder" &&
        [ -e "$folder"/cotan-*/meson.build ] && grep -q "$(sha256sum "$folder"/cotan-*.tar.gz | cut -d ' ' -f 1)" "$folder/cotan.wrap"
}

if git -C "$top" rev-parse HEAD >/dev/null 2>&1; then check "source" is_whole; else skip source; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
