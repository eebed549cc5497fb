#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run in the rig by tests/bench/run: a sensor at 200 Hz, read by weir beside iio_readdev, which reads another one of that rate. Processor
# time is of all threads, with their time in the kernel. The rig counts instructions, 2 ns each, so that the load of the machine does not matter.
set -u
. tests/kernel/device.lib
calls=/sys/kernel/tracing/events/raw_syscalls/sys_enter
seconds=${WEIR_BENCH_SECONDS:-10}

switches() { # PID
    cat /proc/"$1"/task/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n + 0 }'
}

cpu() { # PID: us
    awk '{ n += $1 } END { printf "%d\n", n / 1000 }' /proc/"$1"/task/*/schedstat
}

count_calls() { # !-or-nothing PID
    for task in "/proc/$2/task"/*; do
        echo "$1hist:keys=common_pid if common_pid==${task##*/}" >>$calls/trigger
    done
}

calls_of() { # PID
    for task in "/proc/$1/task"/*; do
        awk -v t="${task##*/}" '$0 ~ "common_pid: *" t " " { print $NF }' $calls/hist
    done | awk '{ n += $1 } END { print n + 0 }'
}

device_of() { # NAME
    grep -lx "$1" "$iio"/iio:device*/name | sed 's,/name$,,; s,.*/,,'
}

is_on() { # DEVICE
    grep -q 1 "$iio/$1/buffer/enable"
}

row() { # NAME CPU SWITCHES CALLS
    awk -v name="$1" -v cpu="$2" -v slept="$3" -v calls="$4" -v s="$seconds" 'BEGIN {
        printf "%-36s %7.2f ms/s %7.1f sleeps/s %7.0f system calls in 1000 samples\n", name, cpu / 1000 / s, slept / s,
            calls / s / 200 * 1000 }'
}

compare() { # IO WATERMARK SINK
    plug -d accel -r 200 -x seq
    plug -d gyro -r 200 -x seq
    $weir run -q --io="$1" "iio:accel_3d rate=200Hz watermark=$2 | $3" >/dev/null 2>"$dir/messages" &
    ours=$!
    gyro=$(device_of gyro_3d)
    for channel in "$iio/$gyro"/scan_elements/*_en; do echo 1 >"$channel"; done
    iio_readdev -T 20000 -b "$2" "$gyro" >/dev/null 2>&1 &
    theirs=$!
    await is_on "$(device_of accel_3d)"
    await is_on "$gyro"
    sleep 3
    count_calls '' $ours
    count_calls '' $theirs
    cpu1=$(cpu $ours) cpu2=$(cpu $theirs) slept1=$(switches $ours) slept2=$(switches $theirs)
    calls1=$(calls_of $ours) calls2=$(calls_of $theirs)
    sleep "$seconds"
    row "weir --io=$1, watermark $2, $3" $(($(cpu $ours) - cpu1)) $(($(switches $ours) - slept1)) $(($(calls_of $ours) - calls1))
    row "iio_readdev -b $2" $(($(cpu $theirs) - cpu2)) $(($(switches $theirs) - slept2)) $(($(calls_of $theirs) - calls2))
    count_calls '!' $ours
    count_calls '!' $theirs
    kill -INT $ours $theirs
    wait $ours $theirs 2>/dev/null
    unplug
}

for watermark in 20 100; do
    compare uring $watermark null
    compare poll $watermark null
    compare uring $watermark print
done
