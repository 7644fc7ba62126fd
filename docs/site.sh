#!/bin/sh
# Builds README.md, docs/ and the public headers into a site with full-text search that works from the disk, without a network.
# usage: sh docs/site.sh [OUTPUT]       (default: build/site)
# Sphinx with furo and myst-parser is installed into build/site-tools on the first run; doxygen is not needed.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$top/build/site}
tools=$top/build/site-tools
pages=$top/build/site-pages

if ! "$tools/bin/python" -c 'import sphinx, furo, myst_parser' 2>/dev/null; then
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        [ "$(id -u)" -eq 0 ] && sudo='' || sudo=sudo
        $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends python3-venv
    fi
    python3 -m venv "$tools"
    "$tools/bin/pip" install -q --disable-pip-version-check 'sphinx>=8,<10' furo 'myst-parser>=4'
fi

rm -rf "$output"
"$tools/bin/python" "$top/docs/site/stage.py" "$top" "$pages"
"$tools/bin/sphinx-build" -q -W --keep-going -b html -d "$pages/.doctrees" "$pages" "$output"
rm -rf "$output/.buildinfo" "$output/_sources"
python3 "$top/docs/site/check.py" "$output"
echo "$output/index.html"
