#!/bin/sh
# Writes the whole library into two files, cotan.c and cotan.h, for: cc -O2 -c cotan.c. usage: docs/amalgamate.sh [FOLDER]
# See docs/one_file.md.
case ${1-} in -*) sed -n 's/^# .*usage: /usage: /p' "$0" >&2; exit 2 ;; esac
exec python3 "$(dirname "$0")/one_file/amalgamate.py" "${1:-build/one_file}"
