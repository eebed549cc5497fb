#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hwmon: and thermal: on the kernel's own subsystems: values, labels, limits, channels that fail, chips of a kind, chips that vanish.
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

modprobe hwmon-play || exit 77
play=/sys/module/hwmon_play/parameters
set_to() { echo "$2" >"$play/$1"; }

limit=30

# --- a chip ---
run -n 3 'hwmon:play rate=20Hz | print'
[ $rc -eq 0 ] && [ "$(values | sort | uniq -c | tr -s ' ')" = ' 3 "humidity1":45000,"temp1":21500}' ]
say $? 'a chip by its name, with all of its channels'
run -n 1 'hwmon:play@hwmon-play.0[Board,humidity] | where Board < 22°C and humidity > 44% | print'
[ $rc -eq 0 ] && [ "$(values)" = '"Board":21500,"humidity":45000}' ]
say $? 'by name and address, its channels by label and type, in units of the ABI'
run -n 1 'hwmon:play[temp2] | print'
[ $rc -eq 2 ] && grep -q 'its channels are humidity1, temp1' "$dir/messages"
say $? 'a channel that is not there: exit code 2 and those that there are'
run -n 1 'hwmon:plya | print'
[ $rc -eq 3 ] && grep -q "did you mean 'play'" "$dir/messages"
say $? 'a chip that is not there: exit code 3 and those that there are'

# --- failures ---
set_to failures -1
run --stats=json -n 4 'hwmon:play rate=20Hz | print'
[ $rc -eq 0 ] && [ "$(values | sort -u)" = '"humidity1":45000,"temp1":null}' ] && [ "$(count device "$dir/messages")" = 4 ] &&
    grep -q "channel 'temp1': 4 of 4 readings lost, attempts failed: 4 Input/output error" "$dir/messages"
say $? 'a channel that cannot be read is named and counted by cause, and the other goes on'
run 'hwmon:play[temp1] rate=50Hz | print'
[ $rc -eq 3 ] && [ ! -s "$dir/got" ] && grep -q "'play': cannot read: Input/output error" "$dir/messages" &&
    grep -q '10 of 10 readings lost' "$dir/messages"
say $? 'one that is alone ends the run after ten rows: device, operation, error'
set_to failures 2
run --stats=json -n 2 'hwmon:play[temp1] rate=5Hz retry=2 | print'
[ $rc -eq 0 ] && [ "$(values | sort | uniq -c | tr -s ' ')" = ' 2 "temp1":21500}' ] && [ "$(count device "$dir/messages")" = 0 ] &&
    grep -q '0 of 2 readings lost, attempts failed: 2 Input/output error' "$dir/messages"
say $? 'retry= reads again within the period: no record is lost, the failed attempts are counted'
set_to error 110
set_to failures 3
run --stats=json -n 1 'hwmon:play[temp1] rate=5Hz retry=2 | print'
[ $rc -eq 0 ] && [ "$(count device "$dir/messages")" = 1 ] && grep -q 'failed: 3 Connection timed out' "$dir/messages"
say $? 'and not more often than it says'
set_to failures 0
set_to fault 1
run -n 2 'hwmon:play rate=20Hz | print'
[ $rc -eq 0 ] && [ "$(values | sort -u)" = '"humidity1":45000,"temp1":null}' ] && grep -q 'fault of the sensor' "$dir/messages"
say $? 'while the chip reports a fault of the sensor there is no value'
set_to fault 0

# --- a thermal zone ---
set_to temp -5250
run -n 2 'thermal:play-zone rate=20Hz | select c = temp / 1000 | print'
[ $rc -eq 0 ] && [ "$(values | sort -u)" = '"c":-5.25}' ]
say $? 'a thermal zone by its type'
set_to temp 21500
set_to error 5
set_to failures 1
run --stats=json -n 1 'thermal:play-zone rate=5Hz retry=1 | print'
[ $rc -eq 0 ] && [ "$(count device "$dir/messages")" = 0 ] && grep -q 'failed: 1 Input/output error' "$dir/messages"
say $? 'and its failures likewise'
run 'thermal:nowhere | print'
[ $rc -eq 3 ] && grep -q 'thermal:play-zone' "$dir/messages"
say $? 'a zone that is not there: exit code 3 and those that there are'

# --- it goes away ---
$weir run 'hwmon:play rate=20Hz | print' >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 3
rmmod hwmon-play
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q "'play': cannot read: No such device" "$dir/messages" && grep -q 'unplugged' "$dir/messages"
say $? 'a chip that vanishes ends the run with its name and exit code 3'
modprobe hwmon-play

# --- real drivers, two of a kind ---
modprobe i2c-stub chip_addr=0x48,0x49,0x18 && modprobe -a lm75 jc42
bus=$(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name | sed 's|.*i2c-\([0-9]*\)/name|\1|')
$weir setup lm75 >"$dir/list" 2>"$dir/messages"
[ $? -eq 3 ] && grep -q "lm75: a module of kernel $(uname -r)" "$dir/list" && grep -q 'device  *none' "$dir/list"
say $? 'weir setup has the driver of a chip that is not there: exit code 3'
for address in 0x49 0x48; do echo "lm75 $address" >"/sys/bus/i2c/devices/i2c-$bus/new_device"; done
await test -e "/sys/bus/i2c/devices/$bus-0048/hwmon"
$weir setup lm75 >"$dir/list" 2>"$dir/messages" && grep -q 'device  *hwmon[0-9]*: a driver has it' "$dir/list"
say $? 'and then its device'
run -n 1 'hwmon:lm75 | print'
[ $rc -eq 2 ] && grep -q "say which: .*hwmon:lm75@$bus-0048" "$dir/messages"
say $? 'a name that two chips have: exit code 2 and their names that persist'
path=$(echo /sys/bus/i2c/devices/"$bus"-0048/hwmon/hwmon*)
echo 30000 >"$path/temp1_max"
run -n 1 "hwmon:lm75@$bus-0048[temp1,temp1_max] | print"
[ $rc -eq 0 ] && [ "$(values)" = '"temp1":0,"temp1_max":30000}' ]
say $? 'a chip on the I2C bus with its limit'
path=$(echo /sys/bus/i2c/devices/"$bus"-0049/hwmon/hwmon*)
run -n 1 "hwmon:${path}[temp1] | print"
[ $rc -eq 0 ] && [ "$(values)" = '"temp1":0}' ]
say $? 'and by its path'

# --- the list ---
$weir list devices >"$dir/list" 2>"$dir/messages"
grep -q "hwmon:lm75@$bus-0048" "$dir/list" && grep -q '^    channel *temp1 "Board" in m°C' "$dir/list" &&
    grep -q '^    program *thermal:play-zone' "$dir/list"
say $? 'weir list devices shows chips, channels and zones'
sed -n 's/^    program *\(\(hwmon\|thermal\):.*\)/\1/p' "$dir/list" >"$dir/programs"
[ "$(wc -l <"$dir/programs")" -ge 4 ] && while read -r program; do
    timeout 20 $weir run -q -n 1 "$program" </dev/null >"$dir/got" 2>"$dir/messages" && [ -s "$dir/got" ] || exit 1
done <"$dir/programs"
say $? 'and a program for each, which runs'

for address in 0x49 0x48; do echo $address >"/sys/bus/i2c/devices/i2c-$bus/delete_device"; done
rmmod i2c-stub hwmon-play
exit $status
