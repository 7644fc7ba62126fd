#!/bin/sh
# Runs the workloads on cotan and on every peer that is installed, in turn; see compare.py.
exec python3 "$(dirname "$0")/compare.py" "$@"
