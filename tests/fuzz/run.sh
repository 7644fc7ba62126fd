#!/bin/sh
# Fuzzes each reader for so many seconds. Ends with "N passed, N failed"; what broke a reader stays in BUILD/found, to be run again by
# COTAN_FUZZ=READER BUILD/tests/fuzz/fuzz FILE.
# usage: tests/fuzz/run.sh BUILD SECONDS [READER]...     (BUILD: meson setup with CC=clang -Dbuildtype=debugoptimized -Dfuzz=true -Db_sanitize=address,undefined)
set -u
build=$1 seconds=$2
shift 2
[ $# -gt 0 ] || set -- npy npz csv idx text safetensors gguf weights optimizer checkpoint onnx trace story
top=$(cd "$(dirname "$0")/../.." && pwd)
export COTAN_NUM_THREADS=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# seeds READER FOLDER: copies the good files that the repository has
seeds()
{
    case $1 in
    npy | npz) cp "$top/tests/data/npy/"*."$1" "$2" ;;
    csv)
        head -n 20 "$top/docs/data/breast_cancer.csv" >"$2/breast_cancer.csv"
        gzip -k "$2/breast_cancer.csv"
        ;;
    idx) printf '\0\0\10\1\0\0\0\3abc' | gzip >"$2/letters.idx.gz" ;;
    gguf) cp "$top/tests/data/types.gguf" "$2" ;;
    safetensors | weights) cp "$top/tests/data/gpt2.safetensors" "$2" ;;
    esac
}

# fuzz READER
fuzz()
{
    corpus=$(mktemp -d)
    mkdir -p "$build/found"
    seeds "$1" "$corpus"
    COTAN_FUZZ=$1 COTAN_FUZZ_SEEDS=$corpus "$build/tests/fuzz/fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
        -max_len=16384 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$build/found/$1-" "$corpus" >"$build/found/$1.log" 2>&1
    status=$?
    rm -rf "$corpus"
    return $status
}

passed=0 failed=0
for reader in "$@"; do
    if fuzz "$reader"; then
        passed=$((passed + 1))
        echo "$reader: $(awk '/number_of_executed_units/ { print $2 }' "$build/found/$reader.log") files"
    else
        failed=$((failed + 1))
        echo "$reader: FAILED"
        tail -n 40 "$build/found/$reader.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
