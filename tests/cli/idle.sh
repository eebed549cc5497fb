#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Streams in which nothing happens cost next to nothing: eleven of them, each read twice, of text, whose rows are the largest.
. tests/cli/tap.inc

program() {
    for i in $(seq 11); do
        mkfifo "$work/fifo$i" || return
        echo "s$i = lines:$work/fifo$i"
        echo "s$i | null"
        echo "s$i | select text | null"
    done
}

# Resident memory of the process in KiB: what its rings have is counted twice there, because they are mapped twice.
resident() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

started() { # all threads of sources and agents are there
    [ "$(find "/proc/$pid/task" -maxdepth 1 | wc -l)" -gt 33 ]
}

is_small() {
    kib=$(resident)
    echo "resident: $kib KiB" >&2
    [ "$kib" -gt 1000 ] && [ "$kib" -lt 32768 ]
}

program >"$work/idle.weir" || exit 77
# Somebody holds the other end of each, or the streams would be over at once.
for i in $(seq 11); do
    sleep 60 3<>"$work/fifo$i" &
    holders="${holders:-} $!"
done
"$weir" run -q "$work/idle.weir" &
pid=$!
ok 'eleven streams with two readers each are running' await started
if is_sanitized; then
    echo 'skip - empty streams take a few MB: the sanitizers take more'
else
    ok 'empty streams take a few MB' is_small
fi
kill $pid
# shellcheck disable=SC2086 # one word per process
kill $holders
wait $pid
ok 'and end in good order' same 0 $?
finish
