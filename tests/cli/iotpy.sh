#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2016 # backquotes of the page
# Every test that docs/iotpy.md names as a proof exists, and every row of its tables has one.
. tests/cli/tap.inc
page=docs/iotpy.md

exists() { # FILE TEST
    case $1 in
    examples) [ -e "examples/$2.weir" ] && [ -e "examples/expected/$2.out" ] ;;
    examples_c) [ -e "examples/$2.c" ] && [ -e "examples/expected/c/$2.out" ] ;;
    *.sh) grep -qF -- "'$2'" tests/*/"$1" ;;
    *) grep -qE "cmocka_unit_test[a-z_]*\($2[,)]" "tests/unit/$1.c" ;;
    esac
}

all_exist() {
    grep -oE '`(test_[a-z_]+|examples|examples_c|[a-z_]+\.sh): [^`]+`' "$page" | tr -d '`' | sort -u >"$work/named"
    [ "$(wc -l <"$work/named")" -gt 60 ] || return 1
    while read -r name; do
        exists "${name%%: *}" "${name#*: }" || {
            echo "there is no test $name" >&2
            return 1
        }
    done <"$work/named"
}

rows_without_proof() {
    grep '^| ' "$page" | grep -vE '^\| IoTPy|`[a-z_.]+: [^`]+` \|$'
}

ok 'every test that is named exists' all_exist
ok 'every row has a proof' same '' "$(rows_without_proof)"
finish
