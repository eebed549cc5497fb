#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# While nothing interesting happens weir sleeps: with an inline filter that passes nothing no thread of the process is
# scheduled even once, at the highest rate that the sensor gives. Beside it, what the same seconds cost without a filter.
# WEIR_QUIET_SECONDS sets how long (3). Runs in the rig, as root.
# tries: 3
set -u
. tests/kernel/device.lib

seconds=${WEIR_QUIET_SECONDS:-3}

switches() { # PID: context switches so far, of all its threads
    cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

cpu() { # PID: CPU time so far, in ticks of 10 ms
    sed 's/.*) //' /proc/"$1"/stat | awk '{ print $12 + $13 }'
}

is_fed() {
    grep -q 1 "$iio/${device:?}/buffer/enable"
}

# Sets "switched", "ticks" and "rate", of samples a second, for the time in the middle of a run.
observe() { # SECONDS PROGRAM WEIR-OPTION…
    for_time=$1 program=$2
    shift 2
    plug -d accel -r 0
    device=${ready% *}
    device=${device##* }
    $weir run --stats=json "$@" "$program" >"$dir/out" 2>"$dir/messages" &
    pid=$!
    await is_fed
    began=$(date +%s)
    sleep 1
    switched=$(switches $pid) ticks=$(cpu $pid)
    sleep "$for_time"
    switched=$(($(switches $pid) - switched)) ticks=$(($(cpu $pid) - ticks))
    kill -INT $pid
    wait $pid
    rate=$(($(count in "$dir/messages") / ($(date +%s) - began)))
    unplug
}

inline_sleeps() { # HOOK
    export WEIR_INLINE_HOOK="$1"
    observe "$seconds" 'iio:accel_3d | where accel_y > 1000 | print' --filter-tier=inline
    unset WEIR_INLINE_HOOK
    echo "# $1: $seconds s at $rate samples/s: $switched context switches, $ticks ticks of CPU time" >&2
    [ "$switched" -eq 0 ] && [ "$ticks" -eq 0 ] && [ "$rate" -ge 1000 ] && [ ! -s "$dir/out" ]
}

inline_sleeps fentry
say $? "an inline filter that passes nothing wakes nobody: $switched switches, $ticks ticks in $seconds s at $rate samples/s"
observe 1 'iio:accel_3d | null'
[ "$switched" -gt 0 ] && [ "$ticks" -gt 0 ]
say $? "the same without a filter: $switched switches, $ticks ticks in 1 s at $rate samples/s"
exit $status
