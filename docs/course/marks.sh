#!/bin/sh
# Grades the exercises of a whole group, and writes a table for a spreadsheet: a line of CSV (RFC 4180) for each student and exercise.
# usage: sh docs/course/marks.sh FOLDER [NUMBER]... >marks.csv
#   FOLDER    a folder for each student, in which the files are called as they were handed out: FOLDER/ada/05_matmul.c
#   NUMBER    the exercises; all twelve without any
# Columns: student, exercise, name, result (passed, failed, untouched, missing, ungraded), the check that failed, and what it looks
# like. Each run has the limits of time and memory that check.sh has (COURSE_SECONDS, COURSE_MEMORY), and the
# numbers of that student, whose name is the folder's, as check.sh --seed has them.
# Exit status: 0 all is graded, whatever the marks, 2 something could not be.
set -u
course=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '/^# usage/,/^# Exit/s/^# //p' "$0" >&2; exit 2; }

[ $# -gt 0 ] && [ -d "$1" ] || usage
folder=$1
shift
[ $# -gt 0 ] || set -- 1 2 3 4 5 6 7 8 9 10 11 12
for number in "$@"; do
    case $number in [1-9] | 1[0-2]) ;; *) echo "there is no exercise $number: 1 to 12" >&2; usage ;; esac
done
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# cell TEXT: in quotes where that is needed
cell()
{
    case $1 in
    *[,\"]*) printf '"%s"' "$(printf '%s' "$1" | sed 's/"/""/g')" ;;
    *) printf '%s' "$1" ;;
    esac
}

# told NAME: the text of that member of the report's object
told() { sed -n 's/.*"'"$1"'": "\(\([^"\\]\|\\.\)*\)".*/\1/p' "$report" | sed 's/\\n/ /g; s/\\\(.\)/\1/g'; }

graded=0
echo "student,exercise,name,result,check,cause"
for student in "$folder"/*/; do
    [ -d "$student" ] || continue
    for number in "$@"; do
        file=$student$(cd "$course/exercises" && echo "$(printf '%02d' "$number")"_*.c)
        name=${file##*/} check='' cause='' result=missing
        if [ -f "$file" ]; then
            sh "$course/check.sh" "$number" "$file" --seed "$(basename "$student")" --json >"$report" 2>/dev/null </dev/null
            case $? in
            0) result=passed ;;
            1) result=failed check=$(sed -n 's/.*"name": "\([a-z0-9 ]*\)", "passed": false}.*/\1/p' "$report") cause=$(told cause) ;;
            3) result=untouched ;;
            *) result=ungraded graded=2 ;;
            esac
        fi
        name=${name%.c}
        printf '%s,%s,%s,%s,%s,%s\n' "$(cell "$(basename "$student")")" "$number" "${name#*_}" $result "$(cell "$check")" "$(cell "$cause")"
    done
done
exit $graded
