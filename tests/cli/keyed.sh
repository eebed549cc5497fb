#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Stages with key= in whole pipelines: the records that awk finds, on any number of threads; keys that go are counted.
. tests/cli/tap.inc

awk 'BEGIN { print "id,v"; for (i = 0; i < 200000; i++) { x = (x * 1103 + 12345) % 65536; print "k" x % 991 "," int(x / 991) % 7 } }' \
    >"$work/in.csv"

# Three stages, with rings between them.
run_with() { # OPTION…
    "$weir" run -q "$@" "changes = csv:$work/in.csv | changed v key=id
most = changes | limit 150 key=id
most | skip 20 key=id | csv:$work/out.csv
changes | null
most | null" && sed '1d; s/^[^,]*,//' "$work/out.csv"
}

awk -F, 'NR > 1 && !(($1 in last) && last[$1] == $2) { last[$1] = $2; n = ++seen[$1]; if (n > 20 && n <= 150) print }' \
    "$work/in.csv" >"$work/expected"
ok 'there is something to find' test "$(wc -l <"$work/expected")" -gt 10000
run_with >"$work/found"
ok 'changes, the first and the rest of each key are those of awk' cmp "$work/expected" "$work/found"
for threads in 1 2 5; do
    run_with --threads=$threads --ring=64 >"$work/found"
    ok "with $threads threads and a small ring" cmp "$work/expected" "$work/found"
done

"$weir" run "csv:$work/in.csv | limit 1 key=id keys=990 | null" 2>"$work/summary"
ok 'keys that went are in the summary' grep -Eq 'limit 1 key=id.*, [1-9][0-9]* evicted' "$work/summary"
"$weir" run "csv:$work/in.csv | limit 1 key=id keys=991 | null" 2>"$work/summary"
ok 'and not where there is room for all' test "$(grep -c evicted "$work/summary")" -eq 0
finish
