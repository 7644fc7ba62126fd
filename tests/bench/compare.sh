#!/bin/sh
# Runs each workload on PyTorch and on cotan in turn, on the same machine, and prints both medians and their ratio.
# usage: tests/bench/compare.sh [--threads N] [--only NAME[,NAME]] [--seconds S]    with the benchmark built in build/
# PyTorch: apt-get install python3-torch, or another one with PYTHON=that/python3.
set -eu
cd "$(dirname "$0")/../.."
bench=build/tests/bench/bench
python=${PYTHON:-/usr/bin/python3}

threads=1 seconds=2 only=
while [ $# -gt 1 ]; do
    case $1 in
    --threads) threads=$2 ;;
    --seconds) seconds=$2 ;;
    --only) only=$2 ;;
    *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { sed -n '3s/^# //p' "$0" >&2; exit 2; }
[ -x "$bench" ] || { echo "$bench is not there: run sh tests/run.sh first" >&2; exit 1; }
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install python3-torch" >&2; exit 1; }
[ -n "$only" ] || only=$("$bench" --list)

# field NAME JSON: the value of one key of a line
field()
{
    printf '%s\n' "$2" | sed "s/.*\"$1\": \"\{0,1\}\([^,\"}]*\).*/\1/"
}

printf '%-18s %12s %12s %8s %14s %14s\n' workload 'torch ms' 'cotan ms' ratio 'torch loss' 'cotan loss'
for workload in $(echo "$only" | tr ',' ' '); do
    torch=$("$python" tests/bench/torch_baseline.py --threads "$threads" --seconds "$seconds" --only "$workload")
    cotan=$("$bench" --threads "$threads" --seconds "$seconds" --only "$workload")
    torch_ms=$(field ms "$torch") cotan_ms=$(field ms "$cotan")
    printf '%-18s %12.3f %12.3f %8s %14s %14s\n' "$workload" "$torch_ms" "$cotan_ms" \
        "$(awk "BEGIN { printf \"%.2f\", $cotan_ms / $torch_ms }")" \
        "$(field loss_after_5 "$torch")" "$(field loss_after_5 "$cotan")"
done
echo "ratio: cotan's time over PyTorch's, $threads thread(s); $(field by "$cotan") against $(field by "$torch")"
