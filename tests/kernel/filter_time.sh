#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Behind a filter in the kernel time goes on with the samples that are read: a timeout of 500 ms speaks up half a second after the last
# sample that passed, in every tier, also with another ring behind the filter, and a window comes out when it is over. A sensor that
# gathers samples has a lateness of 2 s, which such a record must not wait for. And it costs no more than a few wake-ups.
# Runs in the rig, as root.
# tries: 3
set -u
. tests/kernel/device.lib

# The sensor passes for a second, and then it does not: raw 2000 is 19.6 m/s^2.
feed() {
    plug -d accel -r 1000 -y step:1,2000,0
    device=${ready% *}
    device=${device##* }
}

clock() { # ms of the monotonic clock
    awk '{ printf "%d", $1 * 1000 }' /proc/uptime
}

switches() { # PID: context switches so far, of all its threads
    cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

# Sets "late": ms from the record's own time to when it was there. The record is the first line that matches.
observe() { # TIER HOOK PROGRAM PATTERN
    mkfifo "$dir/pipe"
    feed
    WEIR_INLINE_HOOK=$2 $weir run --for 5s --filter-tier="$1" "$3" >"$dir/pipe" 2>"$dir/messages" &
    pid=$!
    late=none
    while read -r line; do
        case $line in
        *"$4"*)
            [ "$late" != none ] || late=$(($(clock) - $(echo "$line" | sed 's/.*"t":\([0-9]*\)[0-9]\{6\},.*/\1/')))
            kill -INT $pid 2>/dev/null
            ;;
        esac
    done <"$dir/pipe"
    wait $pid
    unplug
    rm "$dir/pipe"
}

in_time() { # NAME TIER HOOK PROGRAM PATTERN
    observe "$2" "$3" "$4" "$5"
    echo "# $1, $2 $3: $late ms" >&2
    [ "$late" != none ] && [ "$late" -lt 900 ]
    say $? "$1: $2 $3"
}

passing='iio:accel_3d | where accel_y > 9'
for how in 'inline fentry' 'inline kprobe' 'batch ' 'user '; do
    in_time 'a timeout speaks up in time' "${how% *}" "${how#* }" "$passing | timeout 500ms | print" '"stale":1'
done
for how in 'inline fentry' 'batch '; do
    in_time 'also behind another ring' "${how% *}" "${how#* }" "s = $passing
s | timeout 500ms | print
s | null" '"stale":1'
    in_time 'a window comes out when it is over' "${how% *}" "${how#* }" "$passing | window 1500ms count() as n | print" '"n":'
done

# A heartbeat of one second wants time once a second, and not a thousand times.
feed
WEIR_INLINE_HOOK=fentry $weir run --filter-tier=inline "$passing | heartbeat 1s | null" >"$dir/out" 2>"$dir/messages" &
pid=$!
await grep -q 1 "$iio/$device/buffer/enable"
sleep 3
before=$(switches $pid)
sleep 3
switched=$(($(switches $pid) - before))
kill -INT $pid
wait $pid
unplug
[ "$switched" -gt 0 ] && [ "$switched" -lt 60 ]
say $? "a heartbeat of 1 s behind an inline filter at 1 kHz: $switched switches in 3 s"
exit $status
