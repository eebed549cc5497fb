#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# w1: on the kernel's own drivers for the 1-Wire bus and its thermometers, over a bus in software: values, checksums, the value from
# before the first conversion, several at once, a thermometer that goes away.
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

modprobe w1-play && modprobe w1-therm || exit 77
play=/sys/module/w1_play/parameters
first=28-000005e2fdc3 second=28-000005e2fdc4 third=28-0000c0ffee01
await test -e /sys/bus/w1/devices/$third/w1_slave
bus=$(basename "$(dirname "$(readlink -f /sys/bus/w1/devices/$first)")")
set_to() { echo "$2" >"$play/$1"; }

limit=60

run -n 2 "w1:$first rate=1Hz | print"
[ $rc -eq 0 ] && [ "$(values | sort -u)" = '"temp":21500}' ]
say $? 'a thermometer by its id, in thousandths of a degree'
run -n 1 "w1:$second | where temp < -10°C | print"
[ $rc -eq 0 ] && [ "$(values)" = '"temp":-10125}' ]
say $? 'below zero'

# --- wrong checksums: the driver tries five times of its own, and then has an empty text ---
conversion_takes() { echo "$1" >/sys/bus/w1/devices/$first/conv_time; }
conversion_takes 100
set_to wrong 5
run --stats=json -n 1 "w1:$first rate=0.2Hz | print"
[ $rc -eq 0 ] && [ "$(values)" = '"temp":21500}' ] && [ "$(count device "$dir/messages")" = 0 ] &&
    grep -q '0 of 1 readings lost, attempts failed: 1 no answer or wrong checksum' "$dir/messages"
say $? 'after a wrong checksum it is read again, and the failed attempt is counted'
set_to wrong 1000000
run "w1:$first rate=5Hz retry=0 | print"
[ $rc -eq 3 ] && [ ! -s "$dir/got" ] && grep -q '10 no answer or wrong checksum' "$dir/messages"
say $? 'without a right checksum there is no value, and after ten rows the run ends'
set_to wrong 0
conversion_takes 750

# --- the value from before the first conversion ---
set_to fresh 4
run --stats=json -n 1 "w1:${bus}[$third,$first] rate=0.2Hz retry=0 | print"
[ $rc -eq 0 ] && [ "$(values)" = '"_28_0000c0ffee01":null,"_28_000005e2fdc3":21500}' ] && grep -q 'before the first conversion' "$dir/messages"
say $? '85 °C from before the first conversion is no value, and is counted'
set_to fresh 0
run -n 1 "w1:$third | print"
[ $rc -eq 0 ] && [ "$(values)" = '"temp":85000}' ]
say $? 'measured 85 °C is one'

# --- several at once ---
before=$(cat $play/conversions)
run -n 2 "w1:$bus rate=0.5Hz | print"
after=$(cat $play/conversions)
echo "$before $after" >>"$dir/messages"
[ $rc -eq 0 ] && [ "$(values | sort -u)" = '"_28_000005e2fdc3":21500,"_28_000005e2fdc4":-10125,"_28_0000c0ffee01":85000}' ] &&
    [ $((after - before)) -eq 2 ] && grep -q 'convert at once' "$dir/messages"
say $? 'all of a bus: one conversion for each row, and not one for each thermometer'
$weir run "w1:$bus rate=1Hz | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
timeout 20 $weir run -q -n 40 'w1:'$second' rate=1Hz | null; synth:counter rate=20Hz | print' >"$dir/counted" 2>>"$dir/messages"
awk -F '[:,}]' 'NR > 1 && $2 - last > 3e8 { late++ } { last = $2 } END { exit late > 2 || NR < 40 }' "$dir/counted"
say $? 'conversions hold up no other source'
kill -INT $pid
begun=$(date +%s%N)
wait $pid
rc=$?
[ $rc -eq 0 ] && [ $(($(date +%s%N) - begun)) -lt 2500000000 ]
say $? 'and the end of a run only for the present one'

# --- it is gone ---
conversion_takes 100
set_to absent 1
run "w1:$first rate=5Hz retry=0 | print"
[ $rc -eq 3 ] && [ ! -s "$dir/got" ] && grep -q "'$first': cannot read" "$dir/messages" &&
    grep -q 'no answer or wrong checksum' "$dir/messages"
say $? 'one that does not answer ends the run: device, operation, cause'
set_to absent 0
run "w1:28-0000000000ff | print"
[ $rc -eq 3 ] && grep -q "w1:$first" "$dir/messages"
say $? 'one that is not there: exit code 3 and those that there are'
$weir run "w1:$first rate=1Hz | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 1
rmmod w1-play
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q 'No such device' "$dir/messages"
say $? 'a bus that vanishes ends the run with exit code 3'

modprobe w1-play
await test -e /sys/bus/w1/devices/$third/w1_slave
$weir list devices >"$dir/list" 2>"$dir/messages"
grep -q "^  w1:$first *DS18B20 on w1_bus_master" "$dir/list" && grep -q '^  w1:w1_bus_master[0-9]* *1-Wire bus, 3 thermometers' "$dir/list"
say $? 'weir list devices shows thermometers and their bus'
rmmod w1-play
exit $status
