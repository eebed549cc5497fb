#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# How often weir wakes up for a sensor, counted in both back ends of the loop: once for a watermark of samples, not at all while
# none come. Beside it iio_readdev reads a sensor of the same rate. Counts are of threads that went to sleep and of system calls,
# which do not depend on how fast the machine is.
# tries: 3
# processors: 1
set -u
# shellcheck disable=SC2317 # called by name
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

calls=/sys/kernel/tracing/events/raw_syscalls/sys_enter
need $calls/hist
seconds=${WEIR_WAKES_SECONDS:-3}

switches() { # PID: how often its threads went to sleep
    cat /proc/"$1"/task/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n + 0 }'
}

# All channels of a device by iio_readdev, in blocks of so many samples.
start_peer() { # DEVICE BLOCK
    for channel in "$iio/$1"/scan_elements/*_en; do echo 1 >"$channel"; done
    iio_readdev -T 20000 -b "$2" "$1" >"$dir/peer" 2>/dev/null &
    peer=$!
    await is_on "$1"
}

beside_iio_readdev() { # IO
    plug -d accel -r 200 -x seq
    plug -d gyro -r 200 -x seq
    start "$1" 'iio:accel_3d rate=200Hz watermark=20' null
    await is_on "$(device_of accel_3d)"
    start_peer "$(device_of gyro_3d)" 20
    sleep 2
    ours=$(switches $pid) theirs=$(switches $peer)
    sleep "$seconds"
    ours=$(($(switches $pid) - ours)) theirs=$(($(switches $peer) - theirs))
    kill $peer
    wait $peer 2>/dev/null
    stop
    unplug
    echo "# $1: $ours context switches of weir, $theirs of iio_readdev" >&2
    [ $rc -eq 0 ] && [ "$(count in "$dir/messages")" -gt 400 ] && [ "$theirs" -gt 0 ] &&
        [ $((ours * 10)) -le $((theirs * 3)) ]
    say $? "$1: 200/s, watermark 20: at most 0.3 of the context switches of iio_readdev"
}

few_calls() { # IO
    plug -d accel -r 200 -x seq
    start "$1" 'iio:accel_3d rate=200Hz watermark=100' null
    await is_on "$(device_of accel_3d)"
    sleep 2
    for task in "/proc/$pid/task"/*; do echo "hist:keys=common_pid if common_pid==${task##*/}" >>$calls/trigger; done
    sleep 5
    made=$(awk -F'hitcount: *' '/common_pid/ && /hitcount/ && !/trigger/ { n += $2 } END { print n + 0 }' $calls/hist)
    for task in "/proc/$pid/task"/*; do echo "!hist:keys=common_pid if common_pid==${task##*/}" >>$calls/trigger; done
    stop
    unplug
    echo "# $1: $made system calls in 5 s at 200/s" >&2
    [ $rc -eq 0 ] && [ "$made" -gt 0 ] && [ "$made" -le 40 ]
    say $? "$1: 200/s, watermark 100: at most 4 system calls for a watermark"
}

# A sensor that stops, for longer than anything looks after it; then it goes on.
silence() { # IO
    plug -d accel -r 200 -n 400 -x seq
    start "$1" 'iio:accel_3d rate=200Hz watermark=20' "select i = raw(accel_x) | print"
    await has_lines "$dir/out" 100
    kill -STOP "$feeder"
    sleep 11
    ours=$(switches $pid)
    before=$(wc -l <"$dir/out")
    sleep "$seconds"
    ours=$(($(switches $pid) - ours))
    after=$(wc -l <"$dir/out")
    kill -CONT "$feeder"
    await has_lines "$dir/out" 400
    stop
    sed 's/.*"i":\([0-9]*\).*/\1/' "$dir/out" >"$dir/values"
    echo "# $1: $ours context switches in $seconds s of silence" >&2
    [ "$ours" -eq 0 ] && [ "$after" -eq "$before" ]
    say $? "$1: a sensor that is silent wakes nobody"
    [ $rc -eq 0 ] && seq 0 399 | cmp -s - "$dir/values"
    say $? "$1: when it goes on no sample is missing"
    unplug
}

for io in uring poll; do
    beside_iio_readdev $io
    few_calls $io
    silence $io
done

# Two sensors of one rate that began at different times.
plug -d accel -r 100 -x seq
plug -d gyro -r 100 -x seq
start uring 'iio:accel_3d rate=100Hz watermark=20 | null; iio:gyro_3d rate=100Hz watermark=20' null
sleep 4
main=/proc/$pid/task/$pid/status
ours=$(awk '/^voluntary/ { print $2 }' "$main")
sleep 5
ours=$(($(awk '/^voluntary/ { print $2 }' "$main") - ours))
stop
unplug
[ $rc -eq 0 ] && [ "$ours" -le 35 ]
say $? "two sensors share the wake-ups of the thread that reads them: $ours in 5 s at 5 watermarks a second each"

exit $status
