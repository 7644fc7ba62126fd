#!/bin/sh
# Grades an exercise: compiles it, and says which element of which gradient is wrong, what the mistake looks like, and, a rung more
# after each run that failed, a hint.
# usage: sh docs/course/check.sh NUMBER [FILE] [--seed STUDENT] [--show] [--json]
#   FILE      what to grade in place of docs/course/exercises/NUMBER_....c
#   --seed    a name: the numbers are that student's own, the same at each run (--student is the same option)
#   --show    also writes a page for a browser, which steps through what the backward did, and prints its address: at the input whose
#             gradient is wrong
#   --json    one line of JSON on standard output, and nothing else there
# Exit status: 0 right, 1 not yet, 2 it could not be graded, 3 nothing is written yet.
set -u
course=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '/^# usage/,/^# Exit/s/^# //p' "$0" >&2; exit 2; }

number= file= form=text page= seed=0
while [ $# -gt 0 ]; do
    case $1 in
    --json) form=json ;;
    --show) page=wanted ;;
    --seed | --student) [ -n "${2-}" ] || usage; seed=$(printf '%s' "$2" | cksum | cut -d' ' -f1); shift ;;
    -*) usage ;;
    *) if [ -z "$number" ]; then number=$1; elif [ -z "$file" ]; then file=$1; else usage; fi ;;
    esac
    shift
done
case $number in '' | *[!0-9]*) usage ;; esac
asked=$number number=$(echo "$number" | sed 's/^0*//') # of 08 printf would make an octal number
two=$(printf '%02d' "${number:-0}")
name=$(cd "$course/exercises" && echo "$two"_*.c)
[ -f "$course/exercises/$name" ] || { echo "there is no exercise $asked: 1 to 12" >&2; exit 2; }
file=${file:-$course/exercises/$name}
[ -f "$file" ] || { echo "there is no file $file" >&2; exit 2; }
say() { [ $form = json ] || echo "$@"; }

say "compiling ${file##*/} ..."
. "$course/grader/common.sh"
tries=$(cat "$state/.$two.tries" 2>/dev/null || echo 0)

# finish STATUS: notes how often it failed, and leaves
finish()
{
    case $1 in
    0) rm -f "$state/.$two.tries" ;;
    1) echo $((tries + 1)) >"$state/.$two.tries" ;;
    esac
    exit "$1"
}

# failed CHECK WORDS: no report was written
failed()
{
    say "NOT YET $1: $2"
    [ $form = text ] || printf '{"exercise": %d, "name": "%s", "passed": false, "checks": [{"name": "%s", "passed": false}], "cause": "%s"}\n' \
        "$number" "$(echo "${name%.c}" | cut -c4-)" "$1" "$2"
    finish 1
}

if ! compiled "$file" grade.c mistakes.c report.c exercises.c hints.c formula.c record.c; then
    grep -E '(error|warning|undefined reference)' "$work/messages" | head -n 8 >&2
    failed compiles "the compiler says why above"
fi
grep -E 'warning:' "$work/messages" | head -n 8 >&2
say "ok      compiles"
: >"$work/stage"
[ -z "$page" ] || page=$(cd "$state" && pwd)/${name%.c}.html
limited "$number" $((tries + 1)) "$seed" $form "$work/report" "$work/stage" ${page:+"$page"}
status=$?
if [ ! -s "$work/report" ]; then
    cat "$work/complaints" >&2
    failed "$(cat "$work/stage")" "$(ended $status)"
fi
cat "$work/report"
[ $status -ne 0 ] || [ ! -f "$course/solutions/$name" ] || say "Another way to write it: docs/course/solutions/$name"
finish $status
