#!/bin/sh
# Installs what is missing, builds, runs every suite and test program, and ends with a line "N passed, N failed" that counts
# each check. Exit status 0 only if some ran and none failed.
# usage: sh tests/run.sh [BUILD_FOLDER [option of meson setup]...]      (the default folder is build/, as docs/quickstart.sh has it)
set -eu
cd "$(dirname "$0")/.."

missing=
for package in gcc g++ meson ninja-build pkg-config libblis-dev libsleef-dev libjansson-dev zlib1g-dev libzip-dev check locales; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "installing$missing"
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

build=${1:-build}
[ $# -eq 0 ] || shift
if [ -f "$build/build.ninja" ]; then
    meson configure "$build" "$@" -Dtests=true
else
    meson setup "$build" "$@" -Dtests=true
fi
ninja -C "$build"

status=0
meson test -C "$build" --no-rebuild --print-errorlogs || status=$?
# Every program ends with its own count; one that died without it counts as one failure.
awk -v status="$status" '
    /^[0-9]+ of [0-9]+ cases$/ { print }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
    END {
        if (status != 0 && failed == 0)
            failed = 1
        printf "%d passed, %d failed\n", passed, failed
        exit passed == 0 || failed > 0
    }' "$build/meson-logs/testlog.txt"
