#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a full IIO buffer refuses is counted in the kernel, exactly, also where timestamps cannot say it: a reader that pauses while the
# device has no steady rate. By both hooks.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# The feeder is stopped and continued at odd times, so that its samples come in rushes.
unsteady() { # PID
    for pause in 0.03 0.11 0.05 0.17 0.02 0.09; do
        sleep 0.07
        kill -STOP "$1"
        sleep $pause
        kill -CONT "$1"
    done
}

lossy() { # HOOK
    samples=1500
    plug -r 800 -n $samples -x seq --log "$dir/log"
    WEIR_INLINE_HOOK=$1 timeout 40 $weir run --stats=json --for=8s \
        "iio:accel_3d buffer=16 loss=count | select i = raw(accel_x) | csv:$dir/got.csv" >"$dir/messages" 2>&1 &
    pid=$!
    await has_lines "$dir/got.csv" 50
    kill -STOP $pid
    unsteady "$feeder"
    kill -CONT $pid
    sleep 0.2
    kill -STOP $pid
    unsteady "$feeder"
    kill -CONT $pid
    # All that was fed has been read or refused, once the last sample of a quiet device is in.
    await grep -q "^$((samples - 1)),\|,$((samples - 1))\$" "$dir/log"
    sleep 1.5
    kill -INT $pid
    wait $pid
    got=$(column 2 "$dir/got.csv" | wc -l)
    fed=$(column 1 "$dir/log" | wc -l)
    lost=$(count device "$dir/messages")
    echo "fed $fed, got $got, said to be lost $lost" >>"$dir/messages"
    unplug
}

for hook in fentry kprobe; do
    lossy $hook
    [ "$lost" -gt 100 ] && [ "$lost" -eq $((fed - got)) ] && grep -q 'losses counted in the kernel' "$dir/messages"
    say $? "$hook: a paused reader of an unsteady device is told exactly what is missing"
    rm -f "$dir/got.csv"
done

explained() { # ARGUMENTS WORDS WHAT-IT-PROVES
    $weir explain "iio:accel_3d $1 | null" >"$dir/messages" 2>&1 && grep -q "how: $2" "$dir/messages"
    say $? "${1:-loss=auto}: $3"
}

plug -r 100
explained '' 'losses counted in the kernel (fexit)' 'counted, by fexit first'
explained loss=infer 'losses inferred from timestamps: loss=infer' 'inferred where that is wanted'
mount -t tmpfs none /sys/kernel/btf
explained '' 'losses counted in the kernel (kretprobe)' 'counted without BTF'
echo 0 >/sys/kernel/debug/kprobes/enabled
explained '' 'losses inferred from timestamps: fentry: .*; kprobe: ' 'inferred where there are no hooks'
$weir explain 'iio:accel_3d loss=count | null' >"$dir/messages" 2>&1
[ $? -eq 2 ] && grep -q 'loss=infer goes by the timestamps' "$dir/messages"
say $? 'loss=count: refused where there are no hooks'
echo 1 >/sys/kernel/debug/kprobes/enabled
umount /sys/kernel/btf
unplug

exit $status
