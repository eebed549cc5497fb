#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Rules, hands and the audit, with the guard as users have it, on real lines.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard
PATH=$PWD/build:$PATH
quit() {
    end_guard
    finish
}
trap quit EXIT

weir-guard --stay 2>"$dir/messages" &
await test -S /run/weir/guard.sock
say $? 'the guard listens'

weir set LAMP=on 2>"$dir/messages" && lamp_is 1
say $? 'weir set turns a line on'
weir get LAMP | grep -q 'LAMP .*1 .*live'
say $? 'weir get shows it'
timeout 20 weir run -q --for 1s 'synth:counter rate=10Hz | select on = value > 0 | gpio:LAMP' 2>"$dir/messages"
[ $? -eq 3 ] && grep -q 'by hand' "$dir/messages"
say $? 'a pipeline does not take what is set by hand, and says why'
weir set LAMP=on --for 500ms 2>"$dir/messages" && await lamp_is 0
say $? '--for ends: parked'
weir set LAMP=on && weir park LAMP && lamp_is 0
say $? 'weir park parks'
weir set LAMP=perhaps 2>/dev/null
[ $? -eq 2 ]
say $? 'a value that is none is status 2'

weir run -q 'actuations | csv:'"$dir/audit.csv" 2>/dev/null &
listener=$!
sleep 0.5
wave='synth:square freq=2Hz rate=100Hz | select on = value > 0'
timeout 20 weir run --stats=json --for 1200ms "$wave | gpio:LAMP max_on=50ms" >/dev/null 2>"$dir/messages"
n=$(sed -n 's/.*"parked": \([0-9]*\).*/\1/p' "$dir/messages")
[ "${n:-0}" -ge 1 ]
say $? 'max_on parks, and the summary counts it'

# min_off outlives the pipeline: what the second one asks for at once is refused at first, and granted later.
timeout 20 weir run -q --for 300ms "$wave | gpio:LAMP min_off=2s" 2>"$dir/messages"
timeout 20 weir run --stats=json --for 2500ms 'synth:counter rate=100Hz | select on = value > 0 | gpio:LAMP min_off=2s' \
    >/dev/null 2>"$dir/messages"
n=$(sed -n 's/.*"refused": \([0-9]*\).*/\1/p' "$dir/messages")
[ "${n:-0}" -ge 1 ] && grep -q '"actuations": 1' "$dir/messages"
say $? 'min_off is kept across a restart: refused, counted, and granted when its time is over'

timeout 20 weir run -q --for 2s "a = $wave
a | gpio:LINE4 interlock=doors
a | gpio:LINE5 interlock=doors break=10ms" 2>"$dir/messages"
sleep 0.2
kill $listener
wait $listener
awk -F, '$2 == "LINE4" || $2 == "LINE5" { on[$2] = $7; if (on["LINE4"] + on["LINE5"] > 1) bad = 1; n++ }
    $4 == "interlock" { refused++ } END { exit bad || n < 4 || !refused }' "$dir/audit.csv"
say $? 'of an interlocked group one line is on at most, and the audit has the refusals'
grep -q ',max_on,' "$dir/audit.csv" && grep -q ',min_off,' "$dir/audit.csv"
say $? 'the audit has causes and refusals'
awk -F, '$3 == "asked" { n++; if ($5 <= 0) bad = 1 } $3 == "max_on" && $5 != 0 { bad = 1 } END { exit bad || !n }' "$dir/audit.csv"
say $? 'and the time of the record that led to it, where one did'

timeout 60 weir run -q 'synth:counter rate=100Hz | select a = value > 0, b = value < 0, c = value > 0 |
    gpio:weir-sim[LINE4, LINE5, LINE6]' 2>"$dir/messages" &
pid=$!
three() { [ "$(level 4)$(level 5)$(level 6)" = 101 ]; }
await three
say $? 'several lines are set at once'
weir get LINE6 | grep -q ' 1 '
say $? 'weir get finds one of several lines'
kill $pid
wait $pid
[ "$(level 4)$(level 6)" = 00 ]
say $? 'and parked'

timeout 60 weir run -q 'synth:counter rate=100Hz | select mv = 10 + 0*value | iio:weir-dummy/out_voltage0' \
    2>"$dir/messages" &
pid=$!
raw() { [ "$(cat /sys/bus/iio/devices/iio:device0/out_voltage0_raw)" != 0 ]; }
await raw
say $? 'an IIO output channel is driven'
kill $pid
wait $pid
raw && false
[ $? -eq 1 ]
say $? 'and parked'

weir run -q --no-guard --for 1s 'synth:counter | select on = value > 0 | gpio:LAMP max_on=1s' 2>"$dir/messages"
[ $? -eq 2 ] && grep -q 'kept by the guard' "$dir/messages"
say $? 'a rule without a guard is refused'
weir run -q --for 1s 'synth:counter | select on = value > 0 | gpio:LAMP max_on=1s park=on' 2>"$dir/messages"
[ $? -eq 2 ]
say $? 'rules that contradict each other are refused'
exit $status
