#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Pulses of a simulated GPIO line, counted and filtered: by both hooks in the kernel, and without any, with the same result. Boots
# with one processor, where the simulator merges no edges: the interrupt's thread runs before the feeder goes on.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

feed() { # LINE OPTION…
    $tools/gpio_feed "$@" 2>>"$dir/feeder"
}

# shellcheck disable=SC2317 # called by await
is_taken() { # LINES: how many does weir have?
    [ "$(grep -c '(weir' /sys/kernel/debug/gpio)" -ge "$1" ]
}

start() { # TIER HOOK PROGRAM
    WEIR_INLINE_HOOK=$2 timeout 40 $weir run --stats=json --filter-tier="$1" "$3" >"$dir/output" 2>"$dir/messages" &
    pid=$!
}

finish_run() {
    kill -INT $pid
    wait $pid
}

sum() { # CSV
    column 2 "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

switches() { # PID
    cat /proc/"$1"/task/*/status | awk '/^voluntary/ { sum += $2 } END { print sum }'
}

# Short pulses, long ones, and an edge that stays.
pattern() { # LINE FED
    feed "$1" -n 10 -r 18 --pulse 1000 --start now --log "$2.1"
    sleep 0.1
    feed "$1" -n 4 -r 7 --pulse 60000 --start now --log "$2.2"
    sleep 0.1
    feed "$1" -n 1 --start now --log "$2.3"
    cat "$2.1" "$2.2" "$2.3" | grep -v ns >"$2"
}

# The model: an edge passes if it changes the level and the next comes 20 ms later at the least. Fails where a pause of the
# machine has made that unclear.
steady() { # FED
    awk -F, '
        { t[NR] = $1; level[NR] = $2 }
        END {
            stable = 1 - level[1]
            for (i = 1; i <= NR; i++) {
                gap = i < NR ? t[i + 1] - t[i] : 1e9
                if (gap > 14e6 && gap < 27e6) exit 1
                if (level[i] == stable || gap < 20e6) continue
                stable = level[i]
                print i "," level[i]
            }
        }' "$1"
}

# Falling edges that end a pulse of 30 to 110 ms.
wide() { # FED
    awk -F, '
        !$2 && t && $1 - t > 22e6 && $1 - t < 40e6 || !$2 && t && $1 - t > 95e6 { exit 1 }
        !$2 && t && $1 - t >= 30e6 { print NR }
        { t = $2 ? $1 : 0 }' "$1"
}

# Two lines are counted, one of them by rising edges as it is by default; then two others are filtered, each by its own rule.
program="gpio:LINE4 count=50ms edges=both | csv:$dir/both.csv
    gpio:LINE5 count=50ms | csv:$dir/rising.csv
    gpio:DOOR initial=no glitch=20ms | csv:$dir/door.csv
    gpio:BUTTON pulse_min=30ms pulse_max=110ms edges=falling | csv:$dir/button.csv"

feed_counted() {
    woken=$(switches $pid)
    feed LINE4 -n 2000 -r 8000 &
    feeder_pid=$!
    feed LINE5 -n 600 -r 2400
    wait $feeder_pid
    woken=$(($(switches $pid) - woken))
    sleep 0.1
}

feed_filtered() {
    pattern BUTTON "$dir/button" &
    feeder_pid=$!
    pattern DOOR "$dir/door"
    wait $feeder_pid
    sleep 0.2
}

run_all() { # TIER HOOK; again where a pause made the widths unclear, and 1 if it always did
    for _ in 1 2 3; do
        rm -f "$dir"/*.csv
        feed BUTTON --level 0
        start "$1" "$2" "$program"
        await is_taken 4
        feed_counted
        feed_filtered
        finish_run
        steady "$dir/door" >"$dir/steady" && wide "$dir/button" >"$dir/wide" && return
    done
    return 1
}

by_all() { # TIER HOOK HOW
    run_all "$1" "$2"
    is_clear=$?
    echo "counted $(sum "$dir/both.csv") of 2000, $(sum "$dir/rising.csv") of 300, woken $woken times" >>"$dir/messages"
    [ "$(sum "$dir/both.csv")" -eq 2000 ] && [ "$(sum "$dir/rising.csv")" -eq 300 ] && [ "$woken" -lt 300 ] &&
        [ "$(column 2 "$dir/both.csv" | grep -vc '^0$')" -gt 1 ]
    say $? "$1 $2: two lines are counted exactly, without waking for each edge"
    if [ $is_clear -ne 0 ]; then
        echo "skip - $1 $2: pulses by their length: the machine is too busy to feed them"
        return
    fi
    column 3 "$dir/door.csv" >"$dir/seq"
    column 2 "$dir/door.csv" | paste -d, "$dir/seq" - | diff "$dir/steady" - >>"$dir/messages" &&
        [ "$(wc -l <"$dir/steady")" -ge 5 ]
    say $? "$1 $2: short pulses vanish with both edges, others pass, the last one by time"
    column 3 "$dir/button.csv" | diff "$dir/wide" - >>"$dir/messages" && [ "$(wc -l <"$dir/wide")" -ge 2 ] &&
        [ "$(grep -c "$3" "$dir/messages")" -eq 4 ]
    say $? "$1 $2: pulses of the width that is wanted make a record each"
}

by_all inline fentry 'in the kernel (fentry)'
by_all inline kprobe 'in the kernel (kprobe)'
by_all user '' 'filter-tier=user'

# A condition on the level is pushed down, and whole.
$weir explain --filter-tier=batch "gpio:DOOR | where level == 1 | null" >"$dir/messages" 2>&1
sed '1,/^agent/d' "$dir/messages" | grep -q where && echo 'the stage is still there' >>"$dir/messages"
rm -f "$dir/got.csv"
timeout 20 $weir run --filter-tier=batch -n 40 "gpio:DOOR initial=no | where level == 1 | csv:$dir/got.csv" >>"$dir/messages" 2>&1 &
pid=$!
feed DOOR -n 40 -r 400
wait $pid
[ "$(column 2 "$dir/got.csv" | sort | uniq -c | tr -d ' ')" = 201 ] && grep -q ' exact' "$dir/messages" &&
    grep -q 'tier batch' "$dir/messages" && ! grep -q 'still there' "$dir/messages"
say $? 'batch: of 40 edges the 20 pass whose level is 1, and no stage is left to decide'

# Noise, filtered: what is left is counted, and nobody is woken by the rest.
feed DOOR --level 0
rm -f "$dir/got.csv"
start inline kprobe "gpio:DOOR count=200ms glitch=20ms | csv:$dir/got.csv"
await is_taken 1
woken=$(switches $pid)
feed DOOR -n 2000 -r 2000 --pulse 200 --start now
woken=$(($(switches $pid) - woken))
feed DOOR -n 4 -r 7 --pulse 60000 --start now
sleep 0.5
finish_run
echo "counted $(sum "$dir/got.csv") of 2, woken $woken times by 2000 edges of noise" >>"$dir/messages"
[ "$(sum "$dir/got.csv")" -eq 2 ] && [ "$woken" -lt 200 ]
say $? 'a count without the glitches, which wake nobody'

# Forced where it cannot be had, it is refused; unforced, it goes around.
mount -t tmpfs none /sys/kernel/btf
echo 0 >/sys/kernel/debug/kprobes/enabled
timeout 20 $weir run --filter-tier=inline -n 1 'gpio:DOOR count=50ms | null' >"$dir/messages" 2>&1
rc=$?
timeout 20 $weir run -n 2 'gpio:DOOR count=50ms | null' >>"$dir/messages" 2>&1 && [ $rc -eq 1 ] &&
    grep -q "by the numbers of the kernel's events: the hook does not see this line" "$dir/messages"
say $? 'a tier that cannot be had is refused, or gone around'
umount /sys/kernel/btf
echo 1 >/sys/kernel/debug/kprobes/enabled

exit $status
