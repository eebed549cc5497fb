#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Conditions on texts of a CSV, beside mawk over the same file: seconds, the best of five.
# shellcheck disable=SC2016 # fields of mawk
set -eu
weir=${WEIR:-build/weir}
command -v mawk >/dev/null || { echo 'mawk is not here' >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mawk 'BEGIN {
    srand(1)
    split("kitchen hall bath attic cellar garden", room)
    print "room,temp,name"
    for (i = 0; i < 1000000; i++)
        printf "%s,%.2f,sensor-%d\n", room[1 + int(rand() * 6)], 10 + rand() * 20, rand() * 100000
}' >"$work/in.csv"
columns='[room:text:16,temp,name:text:32]'

best() { # COMMAND…: seconds
    for _ in 1 2 3 4 5; do
        from=$(date +%s%N)
        "$@" >"$work/out" 2>/dev/null
        to=$(date +%s%N)
        echo $((to - from))
    done | sort -n | mawk 'NR == 1 { printf "%.3f", $1 / 1e9 }'
}

row() { # CONDITION MAWK
    ours=$(best "$weir" run -q "csv:$work/in.csv$columns | where $1 | print format=csv time=none header=no")
    n=$(wc -l <"$work/out")
    theirs=$(best mawk -F, "NR > 1 && ($2)" "$work/in.csv")
    [ "$n" -eq "$(wc -l <"$work/out")" ] || { echo "texts: $1 finds $n records, mawk others" >&2 && exit 1; }
    printf '%-48s %8s %8s %8d\n' "$1" "$ours" "$theirs" "$n"
}

printf '%-48s %8s %8s %8s\n' 'a million lines, seconds' weir mawk records
row 'room == "kitchen" and temp > 20' '$1 == "kitchen" && $2 > 20'
row 'room in ("kitchen", "bath")' '$1 == "kitchen" || $1 == "bath"'
row 'contains(name, "-42")' 'index($3, "-42")'
row 'matches(name, "^s.*[0-9]7$")' '$3 ~ /^s.*[0-9]7$/'
row 'matches(name, "(1|2|33)+$") and temp < 15' '$3 ~ /(1|2|33)+$/ && $2 < 15'
