#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Hooks are loaded by a process that has CAP_BPF and CAP_PERFMON and nothing else; the pipeline has neither, also after a reload. Samples and
# pulses are as ever, and the hooks end with the pipeline. Runs in the rig, as root.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

paranoid=$(cat /proc/sys/kernel/perf_event_paranoid)
restore() {
    echo "$paranoid" >/proc/sys/kernel/perf_event_paranoid
}
trap 'restore; finish' EXIT

effective() { # PID
    sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$1/status"
}

# Neither CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_PTRACE, nor CAP_NET_ADMIN.
is_harmless() {
    [ $((0x$(effective $pid) & 0xc0002b1000)) -eq 0 ]
}

begin() { # OPTION…
    setsid $weir run "$@" "$dir/program.weir" </dev/null >"$dir/out" 2>"$dir/messages" &
    pid=$!
}

hooks() {
    wc -l </sys/kernel/debug/kprobes/list
}

filter() { # LEAST
    echo "iio:accel_3d loss=infer | where raw(accel_x) > $1 | select i = raw(accel_x) | print" >"$dir/program.weir"
}

counted() { # RUNS: so many have ended, and another one has begun
    [ "$(grep -c 'records in' "$dir/messages")" -eq "$1" ] && grep -q 1 "$iio/$device/buffer/enable"
}

# Numbers that were printed from a line on: all greater?
above() { # LEAST FROM-LINE
    tail -n +"$2" "$dir/out" | awk -F'[:},]' -v least="$1" '/"i"/ { for (k = 1; k < NF; k++) if ($k ~ /"i"/) { n++; if ($(k + 1) + 0 <= least) bad++ } } END { exit !(n > 3 && !bad) }'
}

echo 2 >/proc/sys/kernel/perf_event_paranoid
before=$(hooks)
plug -d accel -r 500 -x noise:1000,5 -n 0
device=${ready% *}
device=${device##* }
filter 0
begin --filter-tier=inline
await has_lines "$dir/out" 10
loader=$(pgrep -P $pid -x weir-loader)
is_harmless
say $? 'an inline pipeline has none of the rights that its hook took'
[ "$(effective "$loader")" = 000000c000000000 ]
say $? 'the process that loaded it has CAP_BPF and CAP_PERFMON alone'
above 0 1
say $? 'the hook passes what was asked for'
filter 900
kill -HUP $pid
await counted 1
lines=$(($(wc -l <"$dir/out") + 2))
await has_lines "$dir/out" $((lines + 8))
above 900 $lines && is_harmless
say $? 'after a reload another hook passes something else, by the same rights'
kill -9 $pid
wait $pid 2>/dev/null
await test ! -e "/proc/$loader/exe" && [ "$(hooks)" -eq "$before" ]
say $? 'killed, the pipeline leaves neither that process nor a hook'
unplug
restore

# With the rights of Debian's perf_event_paranoid, and for a line.
echo "gpio:DOOR count=100ms edges=both | csv:$dir/count.csv" >"$dir/program.weir"
begin --filter-tier=inline --stats=json
await grep -q weir /sys/kernel/debug/gpio
sleep 0.5
$tools/gpio_feed DOOR -n 40 -r 100 --start now 2>/dev/null
sleep 0.5
is_harmless
say $? 'a pipeline that counts pulses by a hook has no rights either'
kill -TERM $pid
wait $pid
[ "$(column 2 "$dir/count.csv" | awk '{ sum += $1 } END { print sum }')" -eq 40 ]
say $? 'and counts them'
[ "$(hooks)" -eq "$before" ]
say $? 'no hook is left'
exit $status
