#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same records pass wherever a condition runs. Raw integers from a file stand for a sensor; the kernel's own eBPF runs the
# batch tier, so this needs the right to load programs.
. tests/cli/tap.inc

"$weir" run -q --filter-tier=batch 'csv:tests/data/raw.csv[a:s16,b:u16] | where a > 0 | null' 2>"$work/why" || {
    head -n 1 "$work/why" >&2
    echo "skip - no eBPF here: $(head -n 1 "$work/why")"
    exit 77
}

passes() { # TIER CONDITION
    "$weir" run -q --filter-tier="$1" "csv:tests/data/raw.csv[a:s16,b:u16] | where $2 | print"
}

agree() { # CONDITION
    passes user "$1" >"$work/user" && passes batch "$1" >"$work/batch" && cmp "$work/user" "$work/batch"
}

for condition in 'a > 100' 'a <= -32768' 'a >= 32767' 'a != 0' 'a == 7 or b == 65535' 'a > -5 and a < 5' \
    'not (a > 10 and b < 30000)' 'a > 0.5' 'b >= 1e9' 'b < -1' '(a < 0 and b > 40000) or (a > 0 and b < 20000)'; do
    ok "user and batch agree on: $condition" agree "$condition"
done
ok 'the kernel did the filtering' sh -c "\"$weir\" run --filter-tier=batch 'csv:tests/data/raw.csv[a:s16,b:u16] | where a > 100 | null' 2>&1 |
    grep -q 'tier batch'"
finish
