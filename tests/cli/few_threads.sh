#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many slow streams: few threads, little memory, at most one switch of threads a record, and every record is there.
. tests/cli/tap.inc

n=100
hz=10

streams() { # CHAIN
    for _ in $(seq $n); do
        echo "synth:counter rate=${hz}Hz | $1"
    done
}

threads() {
    find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l
}

switches() {
    cat "/proc/$pid"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

# Of all threads but the one that waits for signals, which comes first.
is_few() {
    most=$(($(nproc) + 4))
    echo "threads: $(threads)" >&2
    [ "$(threads)" -ge 2 ] && [ "$(threads)" -le "$most" ]
}

is_small() {
    kib=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
    echo "PSS: $kib KiB" >&2
    [ "$kib" -gt 100 ] && [ "$kib" -le 20480 ]
}

wakes_little() {
    before=$(switches)
    sleep 2
    after=$(switches)
    echo "switches: $((after - before)) for $((2 * n * hz)) records" >&2
    [ $((after - before)) -gt 10 ] && [ $((after - before)) -le $((2 * n * hz)) ]
}

# A chain that hangs, in a pipe that none reads, with others beside it. Four, so that each thread has some.
others_go_on() {
    mkfifo "$work/fifo"
    sleep 60 3<>"$work/fifo" &
    holder=$!
    for i in 1 2 3 4; do
        echo "synth:counter rate=100Hz | csv:$work/$i.csv"
    done >"$work/hangs.weir"
    echo "synth:counter rate=1kHz | select value, a = value, b = value, c = value | print" >>"$work/hangs.weir"
    "$weir" run --strict "$work/hangs.weir" >"$work/fifo" 2>"$work/said" 3>&- &
    pid=$!
    sleep 2.5
    for i in 1 2 3 4; do
        before=$(wc -l <"$work/$i.csv")
        await has_lines "$i" $((before + 20)) || return 1
    done
}

has_lines() { # FILE LINES
    [ "$(wc -l <"$work/$1.csv")" -ge "$2" ]
}

ends_whole() {
    cat "$work/fifo" >"$work/printed" &
    sleep 0.2
    kill "$pid" "$holder"
    wait "$pid" || return 1
    grep -q 'kept a shared one for [0-9]* ms' "$work/said" || return 1
    for i in 1 2 3 4; do
        awk -F, 'NR > 1 && $2 != NR - 2 { exit 1 }' "$work/$i.csv" || return 1
    done
}

# Each stage has seen each record.
is_whole() { # RECORDS-OF-EACH FILE
    awk -v n="$1" '/^ *"total": / && $2 + 0 { bad = 1 } /^      "in": / { nodes++; if ($2 + 0 != n) bad = 1 }
        END { exit bad || !nodes }' "$2" || { cat "$2" >&2 && return 1; }
}

same_of_each() { # CHAIN OPTION…
    chain=$1
    shift
    streams "$chain" >"$work/each.weir"
    "$weir" run --stats=json -n 20 "$@" "$work/each.weir" 2>"$work/summary" &&
        is_whole 20 "$work/summary"
}

streams 'where value >= 0 | null' >"$work/many.weir"
"$weir" run -q "$work/many.weir" &
pid=$!
sleep 1
ok 'a hundred streams have as many threads as processors, and a few' is_few
if is_sanitized; then
    echo 'skip - memory and switches of a hundred streams: the sanitizers have their own'
else
    ok 'they take at most 20 MB' is_small
    ok 'at most one switch of threads a record' wakes_little
fi
kill $pid
wait $pid
ok 'a signal ends them' same 0 $?
ok 'each record goes down its chain' same_of_each 'where value >= 0 | null'
ok 'as with a thread for each' same_of_each 'where value >= 0 | null' --threads=2
ok 'a chain that hangs holds up no other' others_go_on
ok 'and nothing is lost by that, and the summary tells' ends_whole
ok 'explain names the shared thread' sh -c "'$weir' explain '$work/many.weir' | grep -q '(a thread of several slow sources)'"
finish
