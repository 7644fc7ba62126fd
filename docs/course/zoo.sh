#!/bin/sh
# Shows an animal of the zoo to the gradient checker, and grades what was found: the place and the mending apart.
# usage: sh docs/course/zoo.sh NUMBER [FILE]                  what the checker says of the whole function
#        sh docs/course/zoo.sh NUMBER [FILE] --bisect         ... and of each operation alone
#        sh docs/course/zoo.sh NUMBER --where LINE            is the bug in this line of the file as it was handed out?
#        sh docs/course/zoo.sh NUMBER --where none            is there no bug?
#        sh docs/course/zoo.sh NUMBER [FILE] --mend           is it mended: the gradient right, and the loss what it was?
#   FILE is what to take in place of docs/course/zoo/NUMBER_....c; with --json --where and --mend print one line of JSON.
# Exit status: 0 right, 1 not yet, 2 it could not be graded.
set -u
course=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '/^# usage/,/^# Exit/s/^# //p' "$0" >&2; exit 2; }

number= file= form=text what=check line=
while [ $# -gt 0 ]; do
    case $1 in
    --json) form=json ;;
    --bisect) what=bisect ;;
    --mend) what=mend ;;
    --value) what=value ;; # for animals.sh: the loss alone
    --where) [ $# -gt 1 ] || usage; what=where line=$2; shift ;;
    -*) usage ;;
    *) if [ -z "$number" ]; then number=$1; elif [ -z "$file" ]; then file=$1; else usage; fi ;;
    esac
    shift
done
case $number in '' | *[!0-9]*) usage ;; esac
case $line in none | '') ;; *[!0-9]*) usage ;; esac
asked=$number number=$(echo "$number" | sed 's/^0*//') # of 08 printf would make an octal number
name=$(cd "$course/zoo" && echo "$(printf '%02d' "${number:-0}")"_*.c)
[ -f "$course/zoo/$name" ] || { echo "there is no animal $asked: 1 to 12" >&2; exit 2; }
file=${file:-$course/zoo/$name}
[ -f "$file" ] || { echo "there is no file $file" >&2; exit 2; }

# answer WHAT: what is known of this animal
answer() { awk -v number="$number" -v what="$1" '$1 == number && $2 == what { print $3 }' "$course/zoo/answers" 2>/dev/null; }

# judged RIGHT WORDS: the result of --where and --mend
judged()
{
    if [ $form = json ]; then
        printf '{"animal": %d, "name": "%s", "asked": "%s", "passed": %s}\n' "$number" "$(echo "${name%.c}" | cut -c4-)" "$what" "$1"
    else
        echo "$2"
    fi
    [ "$1" = true ]
    exit
}

if [ $what = where ]; then
    given=$(printf 'zoo %s %s' "$number" "${line#0}" | sha256sum | cut -c1-16)
    [ "$given" != "$(answer place)" ] || judged true "Yes: $line. Now mend it, if there is something to mend."
    judged false "No: not $line. Does --bisect blame an operation? Read its backward. If it blames none, which path to which input has no gradient? And is there a bug at all?"
fi
. "$course/grader/common.sh"
if ! compiled "$file" zoo.c record.c; then
    grep -E '(error|warning|undefined reference)' "$work/messages" | head -n 8 >&2
    [ $what = mend ] && judged false "NOT YET compiles: the compiler says why above"
    exit 1
fi
limited $what "$(answer loss)" "$work/report"
status=$?
cat "$work/complaints" >&2
if [ $what != mend ]; then
    [ $status -lt 124 ] || ended $status >&2
    exit $status
fi
[ -s "$work/report" ] || judged false "NOT YET: $(ended $status)"
[ $status -ne 0 ] || judged true "$(cat "$work/report")"
judged false "$(cat "$work/report")"
