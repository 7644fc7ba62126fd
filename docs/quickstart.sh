#!/bin/sh
# Installs what is missing, compiles an optimised build in build/, and runs the main job: gradient-checks LeNet-5, trains it on
# Fashion-MNIST, and writes model, graph and loss curve into build/results/, or where --out says.
# usage: sh docs/quickstart.sh [--epochs N] [--batch N] [--lr X] [--seed N] [--threads N] [--data DIR] [--out DIR] [--help]
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build

missing() { # those of the packages that are not installed
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf ' %s' "$package"
    done
}

install() { # package...
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

update() {
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
}

needed=$(missing gcc meson ninja-build pkg-config libblis-dev libsleef-dev libjansson-dev zlib1g-dev)
# The job runs without these too: on the digits that come with cotan, and without the picture of the graph.
wanted=$(missing dataset-fashion-mnist graphviz)
if [ -n "$needed$wanted" ]; then
    echo "installing$needed$wanted"
    updated=yes
    update || updated=no
    # shellcheck disable=SC2086 # one word a package
    if [ -n "$needed" ] && ! install $needed; then
        echo "quickstart: could not install$needed" >&2
        exit 1
    fi
    for package in $wanted; do
        [ $updated = yes ] && install "$package" || echo "going on without $package"
    done
fi

if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$top" --buildtype=release -Dtests=false
fi
ninja -C "$build" docs/examples/train
exec "$build/docs/examples/train" --out "$build/results" "$@" # a later --out counts
