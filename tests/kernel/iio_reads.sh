#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Samples that come one by one, the last ones of -n, a sensor that vanishes, a device with a FIFO of its own: each is read when it
# should be, in both back ends of the loop.
# tries: 3
# processors: 1
set -u
# shellcheck disable=SC2317 # called by name
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# Samples one by one: far apart they cannot wait for each other.
by_hand() { # IO
    echo 7 >$iio/iio_sysfs_trigger/add_trigger
    start "$1" 'iio:weir-dummy[voltage0] trigger=sysfstrig7 watermark=20' print
    await is_on "$(device_of weir-dummy)"
    for trigger in "$iio"/trigger*; do
        [ "$(cat "$trigger/name")" = sysfstrig7 ] && break
    done
    failed=0
    for n in 1 2 3 4 5; do
        sleep 1.2
        echo 1 >"$trigger/trigger_now"
        await has_lines "$dir/out" $n || failed=1
    done
    stop
    echo 7 >$iio/iio_sysfs_trigger/remove_trigger
    [ $rc -eq 0 ] && [ $failed -eq 0 ] && [ "$(wc -l <"$dir/out")" -eq 5 ]
    say $? "$1: single samples of an unknown rate come one by one"
}

ends_in_time() { # IO
    plug -d accel -r 100 -x seq
    began=$(cut -d. -f1 /proc/uptime)
    timeout 60 $weir run -q --io="$1" -n 150 "iio:accel_3d rate=100Hz latency=60s | csv:$dir/got.csv" 2>"$dir/messages"
    rc=$?
    took=$(($(cut -d. -f1 /proc/uptime) - began))
    [ $rc -eq 0 ] && [ $took -lt 30 ] && [ "$(column 1 "$dir/got.csv" | wc -l)" -eq 150 ]
    say $? "$1: -n 150 ends when 150 samples are there, and not with their watermark of 6000"
    unplug
}

vanishes() { # IO
    plug -d accel -r 200 -n 100 -x seq
    start "$1" 'iio:accel_3d rate=200Hz' print
    await has_lines "$dir/out" 100
    sleep 2
    unplug
    wait $pid
    rc=$?
    [ $rc -eq 3 ] && grep -q accel_3d "$dir/messages"
    say $? "$1: a silent sensor that vanishes ends the run with its name and exit code 3"
}

# Each reading below the watermark of a device with a FIFO sends that over the bus.
hardware_fifo() { # IO
    modprobe iio-play fifo=1
    start "$1" 'iio:play[0] watermark=4' null
    await is_on "$(device_of play)"
    flushes=$(cat /sys/module/iio_play/parameters/flushes)
    n=0
    while [ $n -lt 40 ]; do
        printf '%080d' 0 >/dev/iio-play
        n=$((n + 1))
        spin=0
        while [ $spin -lt 300 ]; do spin=$((spin + 1)); done
    done
    flushes=$(($(cat /sys/module/iio_play/parameters/flushes) - flushes))
    stop
    modprobe -r iio-play
    echo "# $1: its FIFO was read $flushes times for 10 watermarks" >&2
    [ "$(count in "$dir/messages")" -eq 40 ] && [ $flushes -le 20 ]
    say $? "$1: a device with a FIFO of its own is read at its watermark, and not at each sample"
}

for io in uring poll; do
    by_hand $io
    ends_in_time $io
    vanishes $io
    hardware_fifo $io
done
exit $status
