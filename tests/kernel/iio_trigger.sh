#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Triggers, names, and leaving a device as it was found, on the kernel's dummy device, whose samples need a trigger.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

timers=/sys/kernel/config/iio/triggers/hrtimer
need $timers
for device in "$iio"/iio:device*; do
    [ "$(cat "$device/name")" = weir-dummy ] && break
done
need "$device/trigger/current_trigger"

run() { # weir's arguments; messages are kept, the exit status is in rc
    timeout 30 $weir run "$@" >"$dir/messages" 2>&1
    rc=$?
}

settings() {
    cat "$device"/scan_elements/*_en "$device/trigger/current_trigger" "$device/current_timestamp_clock"
}

echo 1 >"$device/scan_elements/in_voltage0_en"
settings >"$dir/before"
run -n 50 "iio:weir-dummy[accel_x,voltage1_voltage2] rate=100Hz | csv:$dir/got.csv"
[ $rc -eq 0 ] && column 2 "$dir/got.csv" | sort -u >"$dir/values" && [ "$(cat "$dir/values")" = 344 ]
say $? 'a device that needs a trigger gets a timer, and its values arrive'

# The dummy's voltage1-voltage2 is -33 by 0.000001344.
[ "$(column 3 "$dir/got.csv" | sort -u)" = -0.000044352 ]
say $? 'signed 12 bits in 16, scaled'

settings | cmp -s "$dir/before" - && [ -z "$(ls $timers)" ]
say $? 'afterwards the device has its settings back and the timer is gone'
echo 0 >"$device/scan_elements/in_voltage0_en"

run -n 20 "iio:weir-dummy rate=50Hz trigger=mine | null"
[ $rc -eq 0 ] && [ ! -e $timers/mine ]
say $? 'trigger= names a timer that does not exist yet'

mkdir $timers/theirs
for theirs in "$iio"/trigger*; do
    [ "$(cat "$theirs/name")" = theirs ] && break
done
before=$(cat "$theirs/sampling_frequency")
run -n 20 "iio:weir-dummy rate=200Hz trigger=theirs | csv:$dir/got.csv"
span=$(column 1 "$dir/got.csv" | awk 'NR == 1 { first = $1 } END { print int(($1 - first) / 1000000) }')
[ $rc -eq 0 ] && [ "$span" -ge 80 ] && [ "$span" -lt 150 ]
say $? 'an existing trigger is taken, at the rate that was asked for'
[ -e $timers/theirs ] && [ "$(cat "$theirs/sampling_frequency")" = "$before" ]
say $? 'it is left in place, at its former rate'

run "iio:weir-dummy trigger=their | null"
[ $rc -eq 3 ] && grep -q theirs "$dir/messages"
say $? 'an unknown trigger: exit code 3, and the list of those that exist'
rmdir $timers/theirs

run "iio:weir-dummy | null"
[ $rc -eq 2 ] && grep -q 'rate=100Hz makes a timer' "$dir/messages"
say $? 'neither trigger nor rate: exit code 2, and what to write'

run "iio:weir-dumy | null"
[ $rc -eq 3 ] && grep -q "did you mean 'weir-dummy'" "$dir/messages"
say $? 'an unknown device: exit code 3, and the nearest name'

run "iio:weir-dummy[acel_x] rate=100Hz | null"
[ $rc -eq 2 ] && grep -q "did you mean 'accel_x'" "$dir/messages"
say $? 'an unknown channel: exit code 2, and the nearest name'

run "iio:weir-dummy rate=100Hz buffer=10 watermark=11 | null"
[ $rc -eq 2 ] && grep -q 'never reached' "$dir/messages"
say $? 'a watermark beyond the buffer is refused'

# The kernel does not keep a timer whose directory is removed, even for a device that it paces.
goes_on() { # FILE: it grows
    lines=$(wc -l <"$1")
    await has_lines "$1" $((lines + 10))
}

$weir run "iio:weir-dummy rate=100Hz | print" >"$dir/got" 2>"$dir/first" &
pid=$!
await grep -q 1 "$device/buffer/enable"
run "iio:weir-dummy rate=100Hz | null"
[ $rc -eq 3 ] && grep -q "weir, process $pid is reading it" "$dir/messages"
say $? 'a device that is in use: exit code 3, and by whom'
$weir check "iio:weir-dummy rate=100Hz | null" 2>"$dir/messages" && $weir explain "iio:weir-dummy rate=100Hz | null" >"$dir/plan" &&
    [ "$(ls $timers)" = "weir-dev${device##*device}" ] && goes_on "$dir/got"
say $? 'who looks at it, or is refused, leaves it its timer'
kill -INT $pid
wait $pid
[ -z "$(ls $timers)" ]
say $? 'which is gone with its maker'

$weir run "iio:weir-dummy rate=100Hz | null" >/dev/null 2>&1 &
pid=$!
await grep -q 1 "$device/buffer/enable"
kill -KILL $pid
wait $pid 2>/dev/null
run -n 20 "iio:weir-dummy rate=100Hz | null"
[ $rc -eq 0 ] && grep -q 'taking it over' "$dir/messages" && [ -z "$(ls $timers)" ]
say $? 'what a killed weir left behind is taken over and cleaned up'

# One timer for two devices, whoever of them ends first.
second=/sys/kernel/config/iio/devices/dummy/weir-second
mkdir $second
$weir run "iio:weir-dummy trigger=shared rate=100Hz | null" 2>"$dir/first" &
maker=$!
await grep -q 1 "$device/buffer/enable"
$weir run "iio:weir-second trigger=shared | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 1
kill -INT $maker
wait $maker
[ -e $timers/shared ] && goes_on "$dir/got"
say $? 'a timer that another device has is left to it'
kill -INT $pid
wait $pid
rmdir $timers/shared
run -n 20 'iio:weir-dummy trigger=both rate=100Hz | null; iio:weir-second trigger=both rate=100Hz | null'
[ $rc -eq 0 ] && [ -z "$(ls $timers)" ]
say $? 'two sources of one program have one timer, and leave none'
rmdir $second

# The same name twice.
plug -r 100
plug -r 100
run "iio:accel_3d | null"
[ $rc -eq 2 ] && grep -q 'say which: iio:accel_3d@.*, iio:accel_3d@' "$dir/messages"
say $? 'a name that two devices have: exit code 2, and how to tell them apart'
unplug

exit $status
