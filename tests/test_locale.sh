#!/bin/sh
# Runs suites in a program whose locale writes numbers with a comma, and with a point of two bytes, at which a careless reader of
# JSON stops: nothing that the library reads or writes may change.
# usage: test_locale.sh SUITES FOLDER     (FOLDER is for the locales, which are made from the sources in Debian's package locales)
set -eu
suites=$1 folder=$2/locales
mkdir -p "$folder"

# run LOCALE SUITE...: the suites' own last line says how many tests passed
run()
{
    name=$1.UTF-8
    shift
    [ -d "$folder/$name" ] || localedef -c -i "${name%.UTF-8}" -f UTF-8 "$folder/$name"
    LOCPATH=$folder COTAN_TEST_LOCALE=$name COTAN_TEST_QUICK=1 "$suites" "$@"
}

status=0
run ps_AF file csv print || status=1
run de_DE anomaly autograd csv elementwise file gradcheck index loss nn norm observe ops options print profile regions shape tensor trace || status=1
exit $status
