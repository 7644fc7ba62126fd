#!/bin/sh
# Makes the animals of the zoo from their mended forms: a line with WRONG: in a comment becomes what stands there. What the grader must
# know goes into a file, answers: the place as a hash, the loss as it is. Overwrites what was mended there.
# usage: sh docs/course/animals.sh [FOLDER]        (the default is docs/course/zoo)
set -eu
course=$(cd "$(dirname "$0")" && pwd)
into=${1:-$course/zoo}
mkdir -p "$into"
for mended in "$course"/solutions/zoo/[0-9]*.c; do
    name=${mended##*/}
    sed -E 's#^( *).*/\* WRONG: (.*) \*/$#\1\2#' "$mended" >"$into/$name"
    number=$(echo "$name" | sed 's/^0*\([0-9]*\).*/\1/')
    place=$(awk '/WRONG:/ { found = NR } END { print found ? found : "none" }' "$mended")
    echo "$number place $(printf 'zoo %s %s' "$number" "$place" | sha256sum | cut -c1-16)"
    echo "$number loss $(sh "$course/zoo.sh" "$number" "$mended" --value)"
done >"$into/answers.new"
mv "$into/answers.new" "$into/answers"
