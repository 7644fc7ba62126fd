#!/bin/sh
# Counts what a recorded scalar operation costs, forward and backward, in instructions: a step of scalar_chain is 3,000 of them.
# usage: count.sh BENCH MOST    fails if it is more than MOST; without valgrind it is skipped (77)
set -eu
command -v valgrind > /dev/null || { echo "skipped: no valgrind"; exit 77; }

# Instructions of the whole program, with so many steps.
instructions()
{
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" --only scalar_chain --seconds 0 --steps "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

few=$(instructions "$1" 5) many=$(instructions "$1" 15)
each=$(((many - few) / 10 / 3000))
echo "a recorded scalar operation: $each instructions, at most $2"
[ "$each" -gt 0 ] && [ "$each" -le "$2" ]
