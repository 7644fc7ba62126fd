#!/bin/sh
# The gradient checker against what it must catch and what it must leave alone, with more seeds than the tests have time for:
#     sh tests/gradcheck_campaign.sh [SEEDS] [BUILD]      20 seeds and build/ if not given
# every operation of the library to the third order, and the time that many parameters take.
# Prints the lines of planted_bugs and hard_functions that are not as they should be, and their sums, whose figures docs/gradcheck.md
# has. Exit status 0 only if both hold.
seeds=${1:-20}
build=${2:-build}
status=0

run() {
    echo "$1, $seeds seeds"
    output=$("$build/tests/$1" "$seeds") || status=1
    echo "$output" | grep -v "$2"
}

run planted_bugs "caught $seeds/$seeds full, $seeds/$seeds fast"
run hard_functions 'INCONCLUSIVE ()'
echo 'speed on one thread'
for batch in 1 8 32; do
    "$build/tests/gradcheck_speed" 220 220 $batch full || status=1
done
"$build/tests/gradcheck_speed" 500 780 32 fast || status=1
seeds=1 # of the third order, which measures 78,000 elements
run third_order '^$'
exit $status
