#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A push button on a simulated GPIO line: what stages that act by time say live, a replay of the same edges says again, byte for
# byte. Of the live run the last words are left out: its time goes on behind the last edge, that of the replay does not.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# Up after 50 ms and down after 50 ms: each press is a message of its own. A stalled guest is given time.
stages='debounce 5ms level lateness=3s | click level gap=30ms long=500ms lateness=3s'

$weir run "edges = gpio:DOOR; edges | csv:$dir/edges.csv; edges | $stages | csv:$dir/live.csv" >"$dir/messages" 2>&1 &
pid=$!
await grep -q '(weir *)' /sys/kernel/debug/gpio
# Until there are enough messages: a stalled guest merges edges, and presses with them.
$tools/gpio_feed DOOR -r 20 --start now 2>/dev/null &
feeders=$!
await has_lines "$dir/live.csv" 10
unplug
kill -INT $pid
wait $pid
$weir run "replay:$dir/edges.csv speed=max | $stages | csv:$dir/again.csv" >>"$dir/messages" 2>&1
tail -n +2 "$dir/live.csv" | head -n 8 >"$dir/live"
tail -n +2 "$dir/again.csv" | head -n 8 >"$dir/again"
[ "$(wc -l <"$dir/live")" -eq 8 ] && cmp "$dir/live" "$dir/again" >>"$dir/messages" 2>&1
say $? 'clicks that were told live are told again by a replay, to the byte'

exit $status
