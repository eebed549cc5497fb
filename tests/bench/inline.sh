#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run in the rig by tests/bench/run: what the inline tier takes for a sample, as the kernel's own statistics have it, for the
# conditions of bench_filter, which runs here too: on an emulated processor times are good only beside each other. What the hook
# itself takes (a kprobe traps, fentry does not) is not in it.
# shellcheck source-path=SCRIPTDIR/../..
set -u
. tests/kernel/device.lib

samples=20000
bpftool=$(command -v /usr/sbin/bpftool /sbin/bpftool bpftool | head -n 1)
echo 1 >/proc/sys/kernel/bpf_stats_enabled

statistics() { # the mean of the programs that sit on the hook: ns a run
    "$bpftool" prog show 2>/dev/null | awk '/name (fentry|kprobe)_push/ {
        for (i = 1; i < NF; i++) {
            if ($i == "run_time_ns") time += $(i + 1)
            if ($i == "run_cnt") runs += $(i + 1)
        }
    } END { if (runs) printf "%.0f", time / runs; else printf "-" }'
}

measure() { # HOOK CONDITION
    plug -d accel -r 20000 -n $samples -x noise:1000,1 -y noise:1000,2
    WEIR_INLINE_HOOK=$1 $weir run -q --filter-tier=inline "iio:accel_3d | where $2 | null" >/dev/null 2>&1 &
    pid=$!
    await grep -q 1 "$iio/$(basename "$iio"/iio:device*)/buffer/enable"
    sleep 2
    ns=$(statistics)
    kill -INT $pid
    wait $pid
    unplug
    echo "$ns"
}

echo 'in the rig, emulated:'
build/tests/bench/bench_filter
printf '%-18s %6s %8s %8s\n' 'inline, ns/record' passes fentry kprobe
for row in 'none;raw(accel_x) >= 2000' '5 %;raw(accel_x) >= 900' 'half;raw(accel_x) >= 0' 'all;raw(accel_x) >= -2000' \
    '2.5 %;raw(accel_x) > 900 and raw(accel_y) < 0'; do
    text=$(echo "${row#*;}" | sed 's/raw(accel_\(.\))/\1/g')
    printf '%-18s %6s %8s %8s\n' "$text" "${row%%;*}" "$(measure fentry "${row#*;}")" "$(measure kprobe "${row#*;}")"
done
