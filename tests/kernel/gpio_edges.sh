#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Edges of a simulated GPIO line: all of them, with their levels and times; what overflowed is counted by the kernel's own
# sequence numbers. WEIR_EDGES says how many of them (2000).
# tries: 3
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# One line an edge, and nothing else: a header would answer the feeder's first edge before it came.
csv() { # FILE
    sed -n 's/^{"t":\([0-9]*\),"level":\([01a-z]*\),"line_seq":\([0-9]*\)}$/\1,\2,\3/p' "$1"
}

# Columns t, level, line_seq against the log's ns, level. An edge is stamped between the moment at which it was fed and that
# of the next one, which waited for the answer to it.
as_fed() { # CSV LOG EDGES
    column 1-3 "$1" >"$dir/got"
    tail -n +2 "$2" >"$dir/fed"
    paste -d, "$dir/got" "$dir/fed" | awk -F, -v edges="$3" '
        $2 != $5 || $3 != NR { print "edge " NR ": " $0; exit 1 }
        $1 < $4 || (NR > 1 && $4 < last) { print "time of edge " NR ": " $0; exit 1 }
        { last = $1 }
        END { if (NR != edges) { print NR " edges"; exit 1 } }' >>"$dir/messages"
}

handshake() { # IO EDGES
    mkfifo "$dir/answers"
    $weir run --strict --io="$1" "edges = gpio:DOOR initial=no; edges | print; edges | csv:$dir/output" >"$dir/answers" \
        2>"$dir/messages" &
    pid=$!
    $tools/gpio_feed DOOR -n "$2" --handshake=2000 --log "$dir/log" <"$dir/answers" 2>"$dir/feeder"
    kill -INT $pid
    wait $pid
    rm "$dir/answers"
}

# An edge that the kernel itself never counted (line_seq has no gap, and yet the feeder got no answer) was merged with another
# by the simulator, while the thread of its interrupt still ran: then nothing is proven, and it is tried again.
all_edges() { # IO EDGES
    for _ in 1 2 3; do
        handshake "$1" "$2"
        grep -q ' 0 not answered' "$dir/feeder" && break
    done
    grep -q ' 0 not answered' "$dir/feeder" && as_fed "$dir/output" "$dir/log" "$2"
    say $? "$1: $2 edges by handshake, with levels, times and an unbroken line_seq"
}

all_edges poll 1000
all_edges uring "${WEIR_EDGES:-2000}"

# The reader stands still while more edges come than the kernel keeps.
overflow() { # IO
    $weir run --strict --stats=json --io="$1" "gpio:DOOR initial=no buffer=16 | csv:$dir/got.csv" >"$dir/messages" 2>&1 &
    pid=$!
    await grep -q '(weir *)' /sys/kernel/debug/gpio
    kill -STOP $pid
    $tools/gpio_feed DOOR -n 300 -r 200 --start now 2>/dev/null
    kill -CONT $pid
    await has_lines "$dir/got.csv" 10
    kill -INT $pid
    wait $pid
    rc=$?
    got=$(column 1 "$dir/got.csv" | wc -l)
    last=$(column 3 "$dir/got.csv" | tail -n 1)
    lost=$(count device "$dir/messages")
    echo "got $got of $last, lost $lost, exit status $rc" >>"$dir/messages"
    # The simulator may merge edges on a busy machine, before the kernel counts them; most it does not.
    [ "$got" -lt 50 ] && [ "$last" -gt 200 ] && [ $((got + lost)) -eq "$last" ] && [ $rc -eq 4 ] &&
        grep -q "'DOOR' lost edges" "$dir/messages"
    say $? "$1: edges that overflowed are counted exactly"
    rm -f "$dir/got.csv"
}

overflow poll
overflow uring

rising() { # ARGUMENTS
    timeout 30 $weir run -n 10 "gpio:weir-sim/1 $1 | print" 2>"$dir/messages" | tee "$dir/output" |
        $tools/gpio_feed DOOR -n 20 --handshake=60 2>/dev/null # every other edge is the one that nobody answers
}
rising edges=rising
[ "$(csv "$dir/output" | cut -d, -f2 | sort -u)" = 1 ]
say $? 'edges=rising gives rising edges alone; a line is found by chip label and offset'
rising 'edges=rising active_low'
[ "$(csv "$dir/output" | cut -d, -f2 | sort -u)" = 1 ]
say $? 'active_low: rising is towards active'

timeout 30 $weir run -n 2 "gpio:DOOR initial=no clock=realtime | print" 2>"$dir/messages" | tee "$dir/output" |
    $tools/gpio_feed DOOR -n 4 --handshake=5000 2>/dev/null
stamp=$(csv "$dir/output" | cut -d, -f1 | tail -n 1)
age=$(($(date +%s) - ${stamp:-0} / 1000000000))
[ $age -ge 0 ] && [ $age -lt 10 ]
say $? 'clock=realtime stamps with the wall clock'

run() {
    timeout 30 $weir run "$@" >"$dir/messages" 2>&1
    rc=$?
}

run "gpio:DOR | null"
[ $rc -eq 3 ] && grep -q "did you mean 'DOOR'" "$dir/messages"
say $? 'an unknown line: exit code 3, and the nearest name'

$weir run "gpio:DOOR | null" >/dev/null 2>&1 &
pid=$!
await grep -q '(weir *)' /sys/kernel/debug/gpio
run "gpio:DOOR | null"
[ $rc -eq 3 ] && grep -q "'weir' is using it" "$dir/messages"
say $? 'a line that is in use: exit code 3, and by whom'
kill -INT $pid
wait $pid

exit $status
