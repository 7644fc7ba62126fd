#!/bin/sh
# Writes the whole library into two files, cotan.c and cotan.h, for: cc -O2 -c cotan.c. usage: docs/amalgamate.sh [FOLDER]
# See docs/one_file.md.
exec python3 "$(dirname "$0")/one_file/amalgamate.py" "${1:-build/one_file}"
