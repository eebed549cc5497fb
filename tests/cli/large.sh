#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Programs of 20 000 streams are read in time that grows as they do, however their names depend on each other, and so are those that are
# wrong in as many places. The time is weir's own, in user mode: what the kernel takes for a page of memory differs tenfold from
# one virtual machine to the next, so memory has a bound of its own. With sanitizers there are 5000 streams, and the bounds are
# for the other builds to keep.
. tests/cli/tap.inc

n=20000
seconds=2 # of a processor, in user mode
memory=$((2048 * 1024 * 1024))
is_sanitized && n=5000 seconds=15 memory=unlimited

# Its second line is of the children: "0m1.234000s 0m0.310000s", of which the first is the time in user mode.
is_in_time() { # FILE with what `times` of the shell said
    sed -n 2p "$1" | awk -v most="$seconds" '{ split($1, part, /[ms]/); t = part[1] * 60 + part[2] } t > most { print t " s" } END { exit t > most }' >&2
}

checks() { # STATUS: standard input, with that status and within those bounds
    cat >"$work/p.weir"
    [ "$(wc -c <"$work/p.weir")" -lt 1048576 ] || return 1
    (
        prlimit --cpu=60 --as="$memory" "$weir" check "$work/p.weir" >"$work/out" 2>&1
        echo $? >"$work/status"
        times >"$work/times"
    )
    same "$1" "$(cat "$work/status")" || { head -n 3 "$work/out" >&2 && return 1; }
    is_in_time "$work/times"
}

of_their_own() { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d = synth:sine\ns%d | null\n", i, i }' | checks 0; }
all_before_use() { { seq -f 's%g = synth:sine' "$n" && seq -f 's%g | null' "$n"; } | checks 0; }
in_a_row() { awk -v n="$n" 'BEGIN { print "s0 = synth:sine"; while (i++ < n) printf "s%d = s%d | skip 1\n", i, i - 1; print "s" n " | null" }' | checks 0; }
backwards() { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d = s%d | skip 1\n", i, i + 1; print "s" n + 1 " = synth:sine; s1 | null" }' | checks 2; }
pairs() { awk -v n="$n" 'BEGIN { print "s0 = synth:sine"; while (i++ < n) printf "s%d = synth:sine\nzip(s%d, s%d) | null\n", i, i, i - 1 }' | checks 0; }
filtered() { awk -v n=$((n * 7 / 20)) 'BEGIN { while (i++ < n) printf "s%d = synth:sine | where value > 0\ns%d | window 10 mean(value) as m, max(value) as n | switch on m > 3 off m < 2 | null\n", i, i }' | checks 0; }
on_one_line() { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d = synth:sine; s%d | null; ", i, i }' | checks 0; }
unknown() { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d = t%d | skip 1\n", i, i }' | checks 2; }
unused() { seq -f 's%g = synth:sine' "$n" | checks 2; }
no_stage() { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d = synth:sine | foo%d\n", i, i }' | checks 2; }
taken() { awk -v n="$n" 'BEGIN { while (i++ < n) print "s = synth:sine" }' | checks 2; }
many_stages() { { printf 'synth:sine' && awk -v n="$n" 'BEGIN { while (i++ < n) printf " | skip 1" }' && echo ' | null'; } | checks 0; }
many_names() { { awk -v n="$n" 'BEGIN { while (i++ < n) printf "s%d%s", i, i < n ? ", " : "" }' && echo ' = synth:counter | split value' && seq -f 's%g | null' "$n"; } | checks 2; }

# Each is made of the one before, twice or eight times: there are more ways up than there are stars.
diamonds() {
    awk 'BEGIN { print "s0 = synth:sine"; while (i++ < 60) printf "s%d = merge(s%d, s%d)\n", i, i - 1, i - 1; print "s60 | null" }' | checks 0
}
diamonds_backwards() {
    awk 'BEGIN { while (i++ < 60) { printf "s%d = merge(s%d", i, i + 1; for (k = 0; k < 7; k++) printf ", s%d", i + 1; print ")" } print "s61 = synth:sine; s1 | null" }' | checks 2
}

for kind in of_their_own all_before_use in_a_row backwards pairs filtered on_one_line unknown unused no_stage taken many_stages many_names \
    diamonds diamonds_backwards; do
    ok "$n streams in $seconds s: $kind" $kind
done
finish
