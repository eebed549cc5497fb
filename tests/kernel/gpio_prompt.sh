#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The way from an edge to an output, counted: how often weir sleeps and what it asks the kernel for, edge by edge. No thread
# has to be woken up between, and what the loop runs itself the guard watches as it does anything else. Times are the matter of
# tests/rig/edge_latency.c, which `make bench` runs.
# tries: 3
# processors: 1
# shellcheck disable=SC2154,SC2317 # set by read_calls; called by name
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
PATH=$PWD/build:$PATH
calls=/sys/kernel/tracing/events/raw_syscalls/sys_enter
lamp=/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio3/value
need build/weir-guard $tools/faulty $calls/hist $lamp
edges=60

quit() {
    end_guard
    finish
}
trap quit EXIT

watched() { grep -q '(weir *)' /sys/kernel/debug/gpio; }
lamp_is() { [ "$(cat $lamp)" = "$1" ]; }

slept() { # PID
    cat /proc/"$1"/task/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

# From the counts of calls of weir, PID, and the guard: weir_NAME, guard_NAME, and the sums weir_all, guard_all.
read_calls() { # PID FILE
    awk -v weir="$1" -F'[:,[]' '
        /common_pid/ && /hitcount/ && !/trigger/ {
            who = $2 + 0 == weir ? "weir" : "guard"
            gsub(/ |sys_/, "", $4)
            print who "_" $4 "=" $NF + 0
            all[who] += $NF
        }
        END { print "weir_all=" all["weir"] + 0, "guard_all=" all["guard"] + 0 }' "$2"
}

count_calls() { # !-or-nothing PID…
    not=$1
    shift
    for p; do echo "${not}hist:keys=common_pid,id.syscall if common_pid==$p" >>$calls/trigger; done
}

# Runs PROGRAM and feeds it. Sets how many threads it had, how often they slept, what calls were made, and how many edges
# came: the simulator makes one of two that are fed while it has no time, and then the output is told nothing new.
observe() { # PROGRAM OPTION…
    end_guard
    $weir run --stats=json "$@" >"$dir/out" 2>"$dir/messages" &
    pid=$!
    await watched
    guard=$(pgrep -x weir-guard)
    threads=$(find /proc/$pid/task -mindepth 1 -maxdepth 1 | wc -l)
    count_calls '' $pid "$guard"
    sleeps=$(slept $pid)
    $tools/gpio_feed BUTTON -n $edges -r 100 --start now >/dev/null 2>&1
    sleep 0.3
    sleeps=$(($(slept $pid) - sleeps))
    weir_ioctl=0 weir_io_uring_enter=0 weir_write=0 weir_futex=0 guard_ioctl=0 guard_ppoll=0
    read_calls $pid $calls/hist >"$dir/calls"
    # shellcheck source=/dev/null
    . "$dir/calls"
    count_calls '!' $pid "$guard"
    kill -INT $pid
    wait $pid
    came=$(count in "$dir/messages")
    acted=$(count actuations "$dir/messages")
    echo "# $1: $threads threads, $sleeps sleeps, $weir_all calls, guard $guard_all, for ${came:-no} edges" >&2
    cat "$dir/calls" >>"$dir/messages"
}

# The slack is for what goes by time: a look whether the device is there, the beats, and the end. Of two threads the second one waits
# for clients of the control socket, and its sleeps count as well.
observe 'gpio:BUTTON edges=both initial=no | gpio:LAMP direct deadline=60s'
[ "$threads" -eq 2 ] && [ "${came:-0}" -ge $((edges / 4)) ] && [ "$acted" -le "$came" ] &&
    [ $weir_ioctl -eq "$acted" ]
say $? 'edges reach an output without another thread'
[ "$sleeps" -le $((came + 10)) ] && [ "$weir_io_uring_enter" -le $((came + 10)) ] &&
    [ "$weir_futex" -eq 0 ] && [ "$weir_all" -le $((came + acted + acted / 4 + 20)) ]
say $? "directly: $weir_all calls and $sleeps sleeps for $came edges, one to wait and read, one to set"
[ "$guard_ioctl" -eq 0 ] && [ "$guard_ppoll" -le $((acted / 4 + 10)) ]
say $? 'the guard takes note of several at once'

observe 'gpio:BUTTON edges=both initial=no | where t > 0 | select on = level == 1 | gpio:LAMP deadline=60s'
[ "$threads" -eq 2 ] && [ "${came:-0}" -ge $((edges / 4)) ] && [ "$guard_ioctl" -eq "$acted" ] &&
    [ "$weir_write" -eq "$acted" ] && [ "$weir_all" -le $((came + acted + 20)) ] &&
    [ "$sleeps" -le $((came + 10)) ] && [ "$guard_ppoll" -le $((acted + 10)) ]
say $? "by the guard: one wake-up more for each edge, and $weir_all + $guard_all calls"

# A stage that never returns stops the loop, and with it the beats.
end_guard
$tools/faulty 'gpio:BUTTON edges=both | brief_faulty | select on = level < 0 | gpio:LAMP park=on' 2>"$dir/messages" &
pid=$!
await watched
$tools/gpio_feed BUTTON -n 2 -r 50 --start now >/dev/null 2>&1
await lamp_is 0
say $? 'a chain run by the loop drives its output'
kill -USR1 $pid
$tools/gpio_feed BUTTON -n 2 -r 50 --start now >/dev/null 2>&1
await lamp_is 1 && kill -0 $pid
say $? 'when a stage of it never returns, the guard parks'
kill -KILL $pid
wait $pid 2>/dev/null
lamp_is 1
say $? 'and holds it when the hung pipeline is killed'
exit $status
