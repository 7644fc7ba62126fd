#!/bin/sh
# Makes packages of cotan. usage: package.sh deb BUILD [FOLDER] | package.sh source [FOLDER]      (FOLDER: build/packages)
#   deb     of what BUILD installs, which "meson setup BUILD --prefix=/usr" and "ninja -C BUILD" have made: cotan_VERSION_ARCHITECTURE.deb
#   source  of the commit that is checked out: cotan-VERSION.tar.gz, and cotan.wrap for Meson's subprojects
# See docs/packages.md.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" "$top/meson.build")

# The packages that the libraries come from which these files need, with commas between them.
depends()
{
    objdump -p "$@" | sed -n 's/^ *NEEDED *//p' | sort -u | while read -r library; do
        path=$(readlink -f "$(ldconfig -p | sed -n "s|^[[:space:]]$library .*=> ||p" | head -n 1)") || continue # one of ours
        # /lib is /usr/lib, but a package may know its files by the old name.
        { dpkg-query -S "$path" || dpkg-query -S "${path#/usr}"; } 2>/dev/null | sed 's/:.*//'
    done | sort -u | paste -sd , | sed 's/,/, /g'
}

control()
{
    cat <<CONTROL
Package: cotan
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: cotan's authors <cotan@localhost>
Section: libs
Priority: optional
Depends: $1${2:+
Recommends: $2}
Description: reverse-mode automatic differentiation for tensors, in C
 The library, its headers for C and C++, the command cotan, and what pkg-config, CMake and man look for.
CONTROL
}

make_deb()
{
    build=$1 folder=$2 root=$(mktemp -d)
    DESTDIR=$root meson install -C "$build" --no-rebuild --quiet
    library=$(find "$root" -name "libcotan.so.$version")
    needs=$(depends "$library" $(find "$root" -path '*/bin/*' -type f))
    mkdir "$root/DEBIAN"
    of_mpi=$(find "$root" -name "libcotan-mpi.so.$version")
    control "$needs" "${of_mpi:+$(depends "$of_mpi" | sed 's/cotan, //')}" >"$root/DEBIAN/control"
    echo 'activate-noawait ldconfig' >"$root/DEBIAN/triggers"
    dpkg-deb --root-owner-group --build "$root" "$folder" >/dev/null
    rm -rf "$root"
}

make_source()
{
    name=cotan-$version
    git -C "$top" archive --format=tar --prefix="$name/" HEAD | gzip -n >"$1/$name.tar.gz"
    cat >"$1/cotan.wrap" <<WRAP
[wrap-file]
directory = $name
source_filename = $name.tar.gz
source_hash = $(sha256sum "$1/$name.tar.gz" | cut -d ' ' -f 1)

[provide]
dependency_names = cotan
WRAP
}

case ${1:-} in
deb)
    folder=${3:-build/packages}
    mkdir -p "$folder"
    make_deb "$2" "$folder"
    ;;
source)
    folder=${2:-build/packages}
    mkdir -p "$folder"
    make_source "$folder"
    ;;
*)
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
    ;;
esac
ls "$folder"
