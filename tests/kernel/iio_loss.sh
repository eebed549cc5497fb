#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# IIO counts nothing when its buffer overflows. weir infers it from timestamps: here a paused reader of a tiny buffer says
# exactly how many samples are missing, and a source that pauses is not taken for a loss.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

samples=800

# Stops a process for a while.
freeze() { # PID SECONDS
    kill -STOP "$1"
    sleep "$2"
    kill -CONT "$1"
}

# The count is a gap over the period that was measured before it: the longer the one and the shorter the other, the more
# jitter of a busy machine it bears.
lossy() { # IO BUFFER RATE
    plug -r "$3" -n $samples -x seq --log "$dir/log"
    $weir run --strict --stats=json --io="$1" --for=$((samples / $3 + 3))s \
        "iio:accel_3d[x] buffer=$2 | select i = raw(x) | csv:$dir/got.csv" >"$dir/messages" 2>&1 &
    pid=$!
    sleep 4
    freeze $pid 1
    sleep 1
    freeze $pid 0.6
    wait $pid
    rc=$?
    got=$(column 2 "$dir/got.csv" | wc -l)
    lost=$(count device "$dir/messages")
    echo "fed $samples, got $got, said to be lost $lost, exit status $rc" >>"$dir/messages"
    [ "$got" -lt $samples ] && [ "$lost" -eq $((samples - got)) ] && [ $rc -eq 4 ] &&
        grep -q "'accel_3d' lost samples" "$dir/messages"
    say $? "$1: paused twice over a buffer of $2 at $3/s, it says exactly what is missing, and exits with 4"
    unplug
}

lossy poll 16 100
lossy uring 32 100

# Rows come in rushes with silence between them, in time for the reader.
plug -r 400 -n 300 -x seq
timeout 30 $weir run --strict --stats=json -n 250 "iio:accel_3d buffer=1024 watermark=1 | null" >"$dir/messages" 2>&1 &
pid=$!
sleep 0.3
freeze "$feeder" 0.7
wait $pid && [ "$(count device "$dir/messages")" = 0 ]
say $? 'a source that pauses has lost nothing'
unplug

exit $status
