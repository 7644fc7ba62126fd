#!/bin/sh
# Makes the exercises from their solutions: what stands between the lines BEGIN SOLUTION and END SOLUTION goes, and NOT_WRITTEN_YET,
# or what stands behind END SOLUTION, comes in its place. Overwrites what was written there.
# usage: sh docs/course/stubs.sh [FOLDER]        (the default is docs/course/exercises)
set -eu
course=$(cd "$(dirname "$0")" && pwd)
into=${1:-$course/exercises}
mkdir -p "$into"
for solution in "$course"/solutions/[0-9]*.c; do
    awk '
        /\/\* BEGIN SOLUTION \*\// { inside = 1 }
        !inside
        /\/\* END SOLUTION/ {
            inside = 0
            match($0, /^ */)
            indent = substr($0, 1, RLENGTH)
            sub(/^.*END SOLUTION */, "")
            sub(/ *\*\/$/, "")
            print indent ($0 == "" ? "return NOT_WRITTEN_YET(call);" : $0) " /* your lines here */"
        }' "$solution" >"$into/${solution##*/}"
done
