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

# Stops processes for a while.
freeze() { # SECONDS PID...
    pause=$1
    shift
    kill -STOP "$@"
    sleep "$pause"
    kill -CONT "$@"
}

begin() { # IO BUFFER RATE SENSOR
    plug -d "$4" -r "$3" -n $samples -x seq
    $weir run --strict --stats=json --io="$1" --for=$((samples / $3 + 3))s \
        "iio:$4_3d[x] buffer=$2 | select i = raw(x) | csv:$dir/$1.csv" >"$dir/$1" 2>&1 &
    pid=$!
}

verdict() { # IO SENSOR PID WHAT
    wait "$3"
    rc=$?
    mv "$dir/$1" "$dir/messages"
    got=$(column 2 "$dir/$1.csv" | wc -l)
    lost=$(count device "$dir/messages")
    echo "fed $samples, got $got, said to be lost $lost, exit status $rc" >>"$dir/messages"
    [ "$got" -lt $samples ] && [ "$lost" -eq $((samples - got)) ] && [ $rc -eq 4 ] &&
        grep -q "'$2_3d' lost samples" "$dir/messages"
    say $? "$1: paused twice over $4, it says exactly what is missing, and exits with 4"
}

# The count is a gap over the period that was measured before it: the longer the one and the shorter the other, the more
# jitter of a busy machine it bears. Each back end has a sensor of its own, and the same pauses.
begin poll 16 100 accel
poll=$pid
begin uring 32 100 gyro
sleep 4
freeze 1 "$poll" "$pid"
sleep 1
freeze 0.6 "$poll" "$pid"
verdict poll accel "$poll" 'a buffer of 16 at 100/s'
verdict uring gyro "$pid" 'a buffer of 32 at 100/s'
unplug

# Rows come in rushes with silence between them, in time for the reader.
plug -r 400 -n 300 -x seq
timeout 30 $weir run --strict --stats=json -n 250 "iio:accel_3d buffer=1024 watermark=1 | null" >"$dir/messages" 2>&1 &
pid=$!
sleep 0.3
freeze 0.7 "$feeder"
wait $pid && [ "$(count device "$dir/messages")" = 0 ]
say $? 'a source that pauses has lost nothing'
unplug

exit $status
