#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same records pass wherever the stages that choose them run. Raw integers from a file stand for a sensor; the kernel's own eBPF runs the
# batch tier, so this needs the right to load programs.
. tests/cli/tap.inc

"$weir" run -q --filter-tier=batch 'csv:tests/data/raw.csv[a:s16,b:u16] | where a > 0 | null' 2>"$work/why" || {
    head -n 1 "$work/why" >&2
    exit 77
}

source='csv:tests/data/raw.csv[a:s16,b:u16]'

passes() { # TIER STAGES
    "$weir" run -q --filter-tier="$1" "$source | $2 | print"
}

agree() { # STAGES
    passes user "$1" >"$work/user" && passes batch "$1" >"$work/batch" && cmp "$work/user" "$work/batch"
}

explain() { # STAGES
    "$weir" explain --filter-tier=batch "$source | $1 | null"
}

pushes() { # STAGES WORDS: the plan says so
    explain "$1" | grep -q -- "$2"
}

keeps() { # STAGES WORDS: does it still run this stage in user space?
    explain "$1" | sed '1,/^agent/d' | grep -q -- "$2"
}

for condition in 'a > 100' 'a <= -32768' 'a >= 32767' 'a != 0' 'a == 7 or b == 65535' 'a > -5 and a < 5' \
    'not (a > 10 and b < 30000)' 'a > 0.5' 'b >= 1e9' 'b < -1' '(a < 0 and b > 40000) or (a > 0 and b < 20000)'; do
    ok "user and batch agree on: $condition" agree "where $condition"
done
for condition in 'abs(a) > 100' 'sqrt(b) > 200 and a < 3' 'a % 7 == 0' 'bit(raw(b), 3) or abs(abs(a) - 1000) < 50' 'a + b > 30000' \
    'a > 0 and a < b' 'b > 5000 and (sqrt(a) < 100 or a > b)' 'isnan(sqrt(a)) and b * b > 1e9' 'a > 100 and delta(b) > 0'; do
    ok "user and batch agree on: $condition" agree "where $condition"
done
for stages in 'every 3' 'every 7ms' 'changed a by 5000' 'changed b' 'where abs(a) > 100 | every 3' \
    'every 2 | where a > 0 | every 3' 'changed a by 300 | where b > 1000 | every 5ms | changed b by 20000 | every 2' \
    'where a > 0 and a < b | every 3' 'every 3 | where a > b | every 2' 'every 2 | select c = a + b | where c > 0'; do
    ok "user and batch agree on: $stages" agree "$stages"
done

# What others read too stays where it is.
branches() { # TIER
    "$weir" run -q --filter-tier="$1" "s = $source | where a > 0
s | where a < 1000 | csv:$work/few.$1
s | csv:$work/all.$1" && cat "$work/few.$1" "$work/all.$1"
}
ok 'a stage of one branch is not applied to the other' same "$(branches user)" "$(branches batch)"
ok 'which has more' test "$(wc -l <"$work/all.batch")" -gt "$(wc -l <"$work/few.batch")"

beside() {
    "$weir" run -q --filter-tier=batch "s = $source
s | where a > 0 | csv:$work/some
s | csv:$work/whole" 2>"$work/why"
}
ok 'a source that others read as it is cannot be filtered' test "$(status_of beside)" -eq 3
ok 'which is told' grep -q 'more than one chain reads this source' "$work/why"

ok 'a condition that is pushed down whole leaves user space' pushes 'where abs(a) > 100' '^      exact$'
ok 'so do stages that remember' pushes 'every 2 | changed a by 5' 'every 2, then raw(a) changed by 5'
ok 'a stage with a state for each key stays in user space' keeps 'where a > 5 | changed a by 5 key=b' 'changed a by 5 key=b'
ok 'and so does every' keeps 'where a > 5 | every 2 key=b' 'every 2 key=b'
ok 'nothing of them is run twice' sh -c '! grep -q .' <<EOF
$(explain 'where a > 5 | every 2 | changed b by 5' | sed '1,/^agent/d' | grep -v null)
EOF
ok 'what is only implied says so' pushes 'where a > 5 and max(a, b) > 9' "implied; the stage decides exactly: 'max' and several channels"
ok 'and its stage stays' keeps 'where a > 5 and max(a, b) > 9' 'where a > 5 and max'
ok 'nothing that remembers goes before it' keeps 'where a > 5 and max(a, b) > 9 | every 2' 'every 2'
ok 'what stands in the way is named' pushes 'every 2 | where max(a, b) > 9' "no further stage: 'max' and several channels"
ok 'the code is listed beside the conditions' sh -c "\"$weir\" explain --bpf --filter-tier=batch '$source | where a > 100 | every 2 | null' |
    grep -q 's<= 0x64 goto .* ; a > 100\|r3 = \*(u16 \*)(r1 +8) *; a > 100'"
ok 'the kernel did the filtering' sh -c "\"$weir\" run --filter-tier=batch '$source | where a > 100 | null' 2>&1 |
    grep -q 'tier batch'"
finish
