#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What real chips are like: whole scans whatever is wanted, a rate and a gain for each type, texts of several numbers, channels
# that fail, extended names and labels, two of a kind.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

modprobe iio-chips adcs=2 || exit 77
device_of() { # NAME
    for device in "$iio"/iio:device*; do
        [ "$(cat "$device/name")" != "$1" ] || break
    done
}

run() { # weir's arguments; what it prints is in "got", the exit status in rc
    timeout 20 $weir run -q "$@" >"$dir/got" 2>"$dir/messages"
    rc=$?
}

# --- whole scans ---
device_of chips-imu
imu=$device
accel=in_accel_sampling_frequency
anglvel=in_anglvel_sampling_frequency

# The samples' times are between those at which the run began and ended, and the values are those of the channels.
now_ns() { awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime; }
is_in_time() { # FIRST-FIELD-AND-VALUE
    before=$1 after=$2 want=$3
    awk -F '[:,}]' -v before="$before" -v after="$after" '$2 < before - 1e9 || $2 > after + 1e9 { bad = 1 } END { exit bad || !NR }' "$dir/got" &&
        [ "$(sed 's/^{"t":[0-9]*,//' "$dir/got" | sort -u)" = "$want" ]
}
timed() { # TARGET ARGUMENTS WANT: raw values of the fields
    before=$(now_ns)
    run -n 5 "iio:$1 | $2 | print"
    is_in_time "$before" "$(now_ns)" "$3"
}
settings() { cat "$device"/scan_elements/*_en; }
before_it=$(settings)
timed 'chips-imu[accel_x]' 'select a = raw(accel_x)' '"a":100}'
say $? 'the first channel of a driver that pushes whole scans has its value and its time'
timed 'chips-imu[anglvel_y,accel_z]' 'select a = raw(anglvel_y), b = raw(accel_z)' '"a":500,"b":300}'
say $? 'so have some in the middle, in the order of the program'
[ "$(settings)" = "$before_it" ]
say $? 'the scan is as it was'
timed 'chips-pair[voltage0]' 'select a = voltage0' '"a":100}' && timed 'chips-pair[voltage2]' 'select a = voltage2' '"a":300}'
say $? 'a driver that pushes one of two groups: the group of the wanted channel comes along'

# --- a rate for each type ---
rates() { # CHANNELS RATE WANT
    echo 100 >"$imu/$accel"
    echo 100 >"$imu/$anglvel"
    $weir run "iio:chips-imu[$1] rate=$2 | null" 2>"$dir/messages" &
    pid=$!
    await grep -q 1 "$imu/buffer/enable"
    got="$(cat "$imu/$accel") $(cat "$imu/$anglvel")"
    kill -INT $pid
    wait $pid
    echo "$got" >>"$dir/messages"
    [ "$got" = "$3" ] && [ "$(cat "$imu/$accel") $(cat "$imu/$anglvel")" = '100 100' ]
}
rates accel_x 800Hz '800 100' && rates anglvel_z,anglvel_x 800Hz '100 800' && rates accel_x,anglvel_z 400Hz '400 400'
say $? 'rate= sets the rate of each type that is read and of no other, and puts it back'
rates accel_x 210Hz '200 100' && grep -q 'samples at 200 Hz.*210 Hz' "$dir/messages"
say $? 'a rate that the driver rounds is told'
rates anglvel_x 500Hz '100 400' && grep -q 'available: 25 100 400 800' "$dir/messages"
say $? 'from a list the nearest is taken, and the list is shown'
run -n 1 'iio:chips-imu[accel_x] rate=5kHz | null'
[ $rc -eq 3 ] && grep -q "set $accel to 5000 Hz" "$dir/messages" && grep -q 'the present rate is 100 Hz' "$dir/messages"
say $? 'a rate that the driver refuses ends with the name of the attribute and the present rate'

# --- gains ---
scales() { # the values of "got", each once, in their order
    sed 's/.*:\([^:]*\)}$/\1/' "$dir/got" | uniq
}
$weir run 'iio:chips-imu[accel_x] rate=100Hz | print' >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 20
echo 0.001196 >"$imu/in_accel_scale"
sleep 1
kill -INT $pid
wait $pid
[ "$(scales | sed -n '1p;$p' | tr '\n' ' ')" = '0.0598 0.1196 ' ] && grep -q 'in_accel_scale of .chips-imu. is now 0.001196' "$dir/messages"
say $? 'buffered values follow a gain that is set, and it is said'
$weir run --filter-tier=batch 'iio:chips-imu[accel_x] rate=100Hz | where accel_x > 0.01 | print' >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 20
echo 0.000598 >"$imu/in_accel_scale"
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q 'filter-tier=user' "$dir/messages" && [ "$(scales)" = 0.1196 ]
say $? 'behind a filter of raw integers it ends the run, with what to do'

adc=chips-adc@chips-adc.0
second=chips-adc@chips-adc.1
device_of chips-adc
$weir run "iio:${adc}[voltage1] poll=20ms | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 5
echo 3 >"$device/in_voltage_scale"
sleep 0.3
kill -INT $pid
wait $pid
[ "$(scales | sed -n '1p;$p' | tr '\n' ' ')" = '2002 3003 ' ]
say $? 'polled values follow it at once'
echo 2 >"$device/in_voltage_scale"

# --- texts, names ---
value() { # CHANNELS WANT
    run -n 1 "iio:${adc}[$1] poll=50ms | print"
    [ $rc -eq 0 ] && [ "$(sed 's/^{"t":[0-9]*,//' "$dir/got")" = "$2" ]
}
value rot_quaternion '"rot_quaternion_0":11,"rot_quaternion_1":-22,"rot_quaternion_2":33,"rot_quaternion_3":44}'
say $? 'a text of several numbers gives a field for each'
value ph '"ph":14.5}' && value temp0 '"temp0":25000}' && value temp1 '"temp1":21500}'
say $? 'a raw value with a fraction, one with an offset, a processed one'
value supply '"supply":2000}' && value voltage0_supply '"voltage0_supply":2000}' && value in_voltage0_supply '"in_voltage0_supply":2000}' &&
    value in_voltage0_supply_raw '"in_voltage0_supply":2000}' && value voltage0 '"voltage0":2000}' &&
    value voltage0_voltage1 '"voltage0_voltage1":-100}' &&
    value in_current_shunt_input '"in_current_shunt":1234.5}' && value shunt '"shunt":1234.5}'
say $? 'channels answer to extended names, and to how sysfs spells them'
run -n 1 'iio:chips-pair[battery,"5V rail",voltage0] poll=50ms | print'
[ $rc -eq 2 ] && grep -q "'battery' and 'voltage0' are the same channel" "$dir/messages"
say $? 'a label that is the name of another channel does not hide it'
run -n 1 'iio:chips-pair[battery,"5V rail",spare] poll=50ms | print'
[ "$(sed 's/^{"t":[0-9]*,//' "$dir/got")" = '"battery":100,"_5V_rail":200,"spare":400}' ] &&
    timed 'chips-pair["5V rail",battery]' 'select a = _5V_rail, b = battery' '"a":200,"b":100}'
say $? 'labels work, polled and buffered'
run -n 1 "iio:${adc}[temp] poll=50ms | print"
[ $rc -eq 2 ] && grep -q "several channels that 'temp' may mean" "$dir/messages"
say $? 'a word for several channels is refused'

# --- a channel that fails ---
timeout 20 $weir run --stats=json -n 5 "iio:$adc poll=20ms | print" >"$dir/got" 2>"$dir/messages"
rc=$?
[ $rc -eq 0 ] && [ "$(grep -c '"voltage5":null' "$dir/got")" -eq 5 ] && [ "$(grep -c '"voltage1":2002' "$dir/got")" -eq 5 ] &&
    [ "$(count device "$dir/messages")" = 5 ] && grep -q "channel 'voltage5': 5 of 5 readings failed (Input/output error)" "$dir/messages"
say $? 'a channel that cannot be read is named and counted, and the others go on'
run -n 5 "iio:${adc}[voltage5] poll=20ms | print"
[ $rc -eq 3 ] && grep -q "channel 'voltage5': 10 of 10 readings failed" "$dir/messages"
say $? 'one that is alone ends the run, by its name'
timeout 20 $weir run -q "iio:${adc}[temp0,temp1] poll=20ms | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
await has_lines "$dir/got" 5
echo 1 >/sys/module/iio_chips/parameters/flaky
await grep -q '"temp0":null,"temp1":21500' "$dir/got"
echo 0 >/sys/module/iio_chips/parameters/flaky
lines=$(wc -l <"$dir/got")
await has_lines "$dir/got" $((lines + 5))
kill -INT $pid
wait $pid
tail -n 1 "$dir/got" | grep -q '"temp0":25000,"temp1":21500'
say $? 'one that fails for a while comes back'

echo 1 >/sys/module/iio_chips/parameters/flaky
timeout 20 $weir run --stats=json -n 2 "iio:${adc}[temp0,temp1] poll=1s retry=9 | print" >"$dir/got" 2>"$dir/messages" &
pid=$!
sleep 0.5
echo 0 >/sys/module/iio_chips/parameters/flaky
wait $pid
rc=$?
[ $rc -eq 0 ] && [ "$(sed 's/^{"t":[0-9]*,//' "$dir/got" | sort | uniq -c | tr -s ' ')" = ' 2 "temp0":25000,"temp1":21500}' ] &&
    [ "$(count device "$dir/messages")" = 0 ] && grep -q '[0-9] failed readings were tried again' "$dir/messages"
say $? 'retry= reads it again within the period, and no value is lost'
run -n 1 "iio:${adc}[temp0] retry=2 | null"
[ $rc -eq 2 ] && grep -q 'add poll=' "$dir/messages"
say $? 'retry= needs poll='

# --- two of a kind ---
run -n 1 'iio:chips-adc poll=1s | null'
[ $rc -eq 2 ] && grep -q "say which: iio:$adc, iio:$second" "$dir/messages"
say $? 'a name that two have: exit code 2, and the names that stay'
driver=/sys/bus/platform/drivers/iio-chips
for order in 'chips-adc.0 chips-adc.1' 'chips-adc.1 chips-adc.0'; do
    for one in $order; do echo "$one" >$driver/unbind; done
    for one in $order; do echo "$one" >$driver/bind; done
    for word in "$adc" chips-adc.0 /sys/bus/platform/devices/chips-adc.0; do
        run -n 1 "iio:${word}[voltage1] poll=50ms | select v = raw(voltage1) | print"
        cat "$dir/got"
    done
done >"$dir/all"
[ "$(sed 's/.*"v"/v/' "$dir/all" | sort | uniq -c | tr -s ' ')" = ' 6 v:1001}' ]
say $? 'by their place on the bus they keep their names, whatever the order in which they come'

# A real driver, of a family that it calls by one name, and that takes one channel at a time.
modprobe i2c-stub chip_addr=0x48,0x49 && modprobe ti-ads1015
bus=$(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name | sed 's|.*i2c-\([0-9]*\)/name|\1|')
for address in 0x49 0x48; do echo "ads1115 $address" >"/sys/bus/i2c/devices/i2c-$bus/new_device"; done
await test -e "/sys/bus/i2c/devices/$bus-0048/iio:device"*
run -n 3 "iio:ads1115@$bus-0048[voltage2] rate=50Hz | print"
[ $rc -eq 0 ] && has_lines "$dir/got" 3
say $? 'two ADS1115 answer to what the bus calls them, and give one channel'
for address in 0x49 0x48; do echo $address >"/sys/bus/i2c/devices/i2c-$bus/delete_device"; done
rmmod i2c-stub

# --- the list ---
programs_run() { # FILE
    while read -r program; do
        timeout 20 $weir run -q -n 1 "$program" </dev/null >"$dir/got" 2>"$dir/messages" && [ -s "$dir/got" ] || return
    done <"$1"
}
$weir list devices >"$dir/list"
grep -q "^    name *iio:$adc" "$dir/list" && grep -q "^    rate .*$accel" "$dir/list" && grep -q '^    channel *voltage1 "5V rail" in mV' "$dir/list"
say $? 'weir list devices shows names, channels and rates'
sed -n 's/^    program *\(iio:.*\)/\1/p' "$dir/list" >"$dir/programs" # other tests may have left a bus that is silent
[ "$(wc -l <"$dir/programs")" -ge 4 ] && programs_run "$dir/programs"
say $? 'and a program for each IIO device, which runs'

rmmod iio-chips
exit $status
