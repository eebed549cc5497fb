#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An output stands at its park value before the first command and after the last, however the run ends. The kernel's own
# trace of every value that is set says so: the simulator, unlike real chips, resets a line that is released.
# tries: 3
# processors: 1
set -u
# shellcheck disable=SC2317 # called by name
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

trace=/sys/kernel/tracing
need $trace/events/gpio/gpio_value
untrace() {
    echo 0 >"$trace/events/gpio/gpio_value/enable"
    finish
}
trap untrace EXIT
echo 1 >$trace/events/gpio/gpio_value/enable

# The values that the line was set to, as one word.
values() {
    sed -n 's/.*gpio_value: [0-9]* set \([01]\)$/\1/p' $trace/trace | tr -d '\n'
}

program() { # SOURCE ARGUMENTS: the output switches all the time
    echo "$1 | switch on level > 0 off level < 1 | gpio:LAMP $2"
}

begin() { # PROGRAM
    end_guard
    echo >$trace/trace
    $weir run "$1" >"$dir/messages" 2>&1 &
    pid=$!
    await switched
}

switched() {
    case $(values) in
    *10*1*) ;;
    *) return 1 ;;
    esac
}

# RC is what the run must end with; LEVEL is the park value, which is set first and last.
parked() { # NAME RC LEVEL
    wait $pid
    rc=$?
    values=$(values)
    echo "exit status $rc, values $values" >>"$dir/messages"
    case $values in
    "$3"*[01]"$3") [ $rc -eq "$2" ] ;;
    *) false ;;
    esac
    say $? "$1"
}

wave='synth:square freq=20Hz rate=200Hz | select level = value'
for level in 0 1; do
    park=$([ $level -eq 1 ] && echo on || echo off)
    begin "$(program "$wave" park="$park")"
    kill -INT $pid
    parked "SIGINT: parked $park" 0 $level
    begin "$(program "$wave" park="$park")"
    kill -TERM $pid
    parked "SIGTERM: parked $park" 0 $level

    plug -r 200 -x square:20,100
    begin "$(program 'iio:accel_3d[x] | select level = raw(x)' park="$park")"
    unplug
    parked "the sensor is unplugged: exit code 3, parked $park" 3 $level
    grep -q "'accel_3d'" "$dir/messages"
    say $? 'the message names the sensor'
done

begin "$(program "$wave" 'park=on active_low')"
kill -INT $pid
parked 'active_low: on is the low voltage' 0 0

echo >$trace/trace
$weir run -n 100 "$(program "$wave" park=on)" >"$dir/messages" 2>&1 &
pid=$!
parked 'the source ends: parked' 0 1

echo >$trace/trace
timeout 30 $weir run "a = $wave
a | switch on level > 0 off level < 1 | gpio:LAMP park=on
a | csv:/dev/full" >"$dir/messages" 2>&1 &
pid=$!
wait $pid
rc=$?
case $(values) in
1*1) [ $rc -ne 0 ] ;;
*) false ;;
esac
say $? 'another branch fails: parked'

echo >$trace/trace
timeout 30 $weir run --dry-run -n 100 "$(program "$wave" park=on)" >"$dir/messages" 2>&1 && [ -z "$(values)" ]
say $? '--dry-run touches nothing'

echo >$trace/trace
$weir check "$(program "$wave" park=on)" >"$dir/messages" 2>&1 && [ -z "$(values)" ]
say $? 'check touches nothing'

exit $status
