#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# PWM and DAC outputs of a kernel module that writes down what they were set to. No setting of an earlier owner is taken for one of
# ours, and between two owners nothing is on that neither has asked for; a value that the driver refuses becomes the nearest that it
# takes; what a pipeline is using nobody else touches.
# shellcheck disable=SC2154,SC2317 # called by name
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
PATH=$PWD/build:$PATH
need build/weir-guard

quit() {
    end_guard
    finish
}
trap quit EXIT
modprobe output-play 2>/dev/null || { echo 'no module output-play' >&2; exit 77; }
log=/sys/kernel/debug/output-play/log
knobs=/sys/module/output_play/parameters
for chip in /sys/class/pwm/pwmchip*; do
    [ "$(basename "$(readlink -f "$chip/device")")" = play-pwm ] && pwm=${chip##*/}
done
readonly channel="/sys/class/pwm/$pwm/pwm0"
dac=$(dirname "$(grep -lx play-dac $iio/*/name)")

settings() { # POLARITY PERIOD DUTY
    now=$(cd "$channel" && cat polarity period duty_cycle enable | tr '\n' ' ')
    [ "$now" = "$1 $2 $3 1 " ] && return
    echo "$now" >>"$dir/messages"
    return 1
}

# Of all that the channel was while it was on, from the start of the last run to its end: in the terms of that run's polarity, the share
# on was never more than MOST.
never_above() { # POLARITY MOST
    awk -v wanted="$1" -v most="$2" '
        $1 == 0 && $3 > $2 { print "pulse beyond its period: " $0; bad = 1 }
        $1 == 0 && $5 { share = $4 == wanted ? $3 / $2 : 1 - $3 / $2 }
        $1 == 0 && $5 && share > most + 0.0001 { print "on for " share ": " $0; bad = 1 }
        END { exit bad }' $log >>"$dir/messages"
}

run_at() { # VALUE ARGUMENTS OPTION…
    value=$1 arguments=$2
    shift 2
    echo >$log
    timeout 20 weir run -q --for 250ms "$@" "synth:counter rate=20Hz | select v = $value | pwm:$pwm/0 $arguments" 2>"$dir/messages"
    rc=$?
}

# Each owner after each other one: polarity, frequency, and what is there before the first value.
for option in '' --no-guard; do
    good=0
    for next in 'freq=1kHz:normal:1000000' 'freq=1kHz inverted:inversed:1000000' 'freq=2kHz inverted:inversed:500000' \
        'freq=4kHz:normal:250000' 'freq=100Hz inverted:inversed:10000000' 'freq=1kHz inverted=no:normal:1000000'; do
        polarity=${next#*:}
        run_at 0.25 "${next%%:*}" ${option:+"$option"}
        if [ $rc -ne 0 ] || ! settings "${polarity%:*}" "${next##*:}" 0 || ! never_above "${polarity%:*}" 0.25; then
            echo "after ${next%%:*}" >>"$dir/messages"
            good=1
            break
        fi
    done
    say $good "each setting of an output is its own, whoever had it before, and nothing is on between ${option}"
    end_guard
done

# One that was left at full power by somebody else: with the right settings, with wrong ones, and inverted, to a park value of 0.
for left in 'normal 1000000 1000000' 'normal 300000 300000' 'inversed 1000000 0' 'inversed 5000000 1000'; do
    # shellcheck disable=SC2086 # words
    set -- $left
    echo 0 >"$channel/enable"
    echo 0 >"$channel/duty_cycle"
    echo "$2" >"$channel/period"
    echo "$1" >"$channel/polarity"
    echo "$3" >"$channel/duty_cycle"
    echo 1 >"$channel/enable"
    run_at 0 'freq=1kHz' --no-guard
    [ $rc -eq 0 ] && settings normal 1000000 0 && never_above normal 0
    say $? "left at full power ($left): off from the first setting on"
done

# --- values that are refused ------------------------------------------------------
duty_is() {
    [ "$(cat "$channel/duty_cycle")" = "$1" ]
}

set_to() { # VALUE
    weir set "pwm:$pwm/0 freq=1kHz=$1" 2>"$dir/messages"
    rc=$?
}

echo 15000 >$knobs/tight
good=0
while read -r value duty; do
    set_to "$value"
    [ $rc -eq 0 ] && duty_is "$duty" && continue
    echo "$value: $(cat "$channel/duty_cycle"), not $duty" >>"$dir/messages"
    good=1
done <<END
0.5 500000
0.014 15000
0.008 15000
0.007 0
0.02 20000
0.99 985000
0.995 1000000
1 1000000
0 0
END
say $good 'a pulse that is refused becomes the nearest that is not'
set_to 0.008
grep -q '0.008 cannot be had; it is 0.015 now' "$dir/messages" && weir get "pwm:$pwm/0" 2>&1 | grep -q '0\.015'
say $? 'which is told'
set_to 7
[ $rc -eq 0 ] && duty_is 1000000 && grep -q '7 cannot be had; it is 1 now' "$dir/messages"
say $? 'as is one that is out of range'
set_to 0.5
weir set "pwm:$pwm/0 freq=2kHz=0.5" 2>"$dir/messages" && settings normal 500000 250000
say $? 'set by hand at another frequency, the pulse is that of the new one'
weir park --release 2>"$dir/messages"
weir run -q "actuations | csv:$dir/audit flush=line" 2>"$dir/messages" &
audit=$!
await pgrep -x weir-guard >/dev/null
sleep 0.5
timeout 20 weir run -q -n 3 "synth:counter rate=10Hz | select v = 0.993 | pwm:$pwm/0" 2>"$dir/messages"
rc=$?
kill -TERM $audit
wait $audit
[ $rc -eq 0 ] && cut -d, -f6,7 "$dir/audit" | grep -q '0.993,1$'
say $? 'a pipeline goes on with the nearest value, and the audit has it'
end_guard
echo 0 >"$channel/enable"
run_at 0.5 'freq=1kHz park=0.001' --no-guard
[ $rc -eq 0 ] && settings normal 1000000 0
say $? 'a park value that is refused too'
echo 0 >$knobs/tight

run_at 0.5 'freq=50MHz'
[ $rc -eq 0 ]
say $? 'a short period'
echo 1 >$knobs/one_way
run_at 0.5 'freq=1kHz inverted'
[ $rc -eq 3 ] && grep -q 'cannot invert' "$dir/messages"
say $? 'a driver that cannot invert: exit code 3, and what to do'
echo 0 >$knobs/one_way
end_guard

# --- whose it is -------------------------------------------------------------------
weir run -q "synth:counter rate=20Hz | select v = 0.25 | pwm:$pwm/0 freq=2kHz inverted" 2>"$dir/first" &
pid=$!
await duty_is 125000
echo >$log
weir set "pwm:$pwm/0=1" 2>"$dir/messages"
rc=$?
timeout 20 weir run -q -n 3 "synth:counter rate=20Hz | pwm:$pwm/0 freq=1kHz" 2>>"$dir/messages"
[ $? -eq 3 ] && [ $rc -eq 3 ] && settings inversed 500000 125000 && [ ! -s $log ] &&
    [ "$(grep -c "process $pid, has it" "$dir/messages")" -eq 2 ]
say $? 'what a pipeline is using is not touched by one that may not have it'
weir park "pwm:$pwm/0" 2>"$dir/messages"
rc=$?
wait $pid
[ $rc -eq 0 ] && settings inversed 500000 0
say $? 'parked by hand it keeps its settings'
end_guard

# --- DAC -----------------------------------------------------------------------------
raw_is() { # CHANNEL RAW
    [ "$(cat "$dac/out_voltage$1_raw")" = "$2" ]
}

dac_at() { # CHANNEL MILLIVOLTS ARGUMENTS OPTION…
    number=$1 value=$2 arguments=$3
    shift 3
    rm -f "$dir/at"
    timeout 20 weir run -q "$@" "synth:counter rate=20Hz | select v = $value | iio:play-dac/out_voltage$number $arguments" 2>"$dir/messages" &
    pid=$!
}

# raw = value / scale - offset
for option in '' --no-guard; do
    echo 1 >"$dac/out_voltage0_powerdown"
    echo 7 >"$dac/out_voltage0_raw"
    dac_at 0 150 'park=-20' ${option:+"$option"}
    await raw_is 0 400
    good=$?
    [ "$(cat "$dac/out_voltage0_powerdown")" = 0 ] || good=1
    kill -TERM $pid
    wait $pid && [ $good -eq 0 ] && raw_is 0 60
    say $? "a DAC's value by its scale and offset, with power, and parked ${option}"
    dac_at 0 1e9 '' ${option:+"$option"}
    await raw_is 0 4095
    good=$?
    kill -TERM $pid
    wait $pid && [ $good -eq 0 ] && raw_is 0 100
    say $? "a value beyond what it takes becomes the last one ${option}"
    dac_at 0 -1e9 '' ${option:+"$option"}
    await raw_is 0 0
    good=$?
    kill -TERM $pid
    wait $pid && [ $good -eq 0 ]
    say $? "or the first ${option}"
    end_guard
done
weir set 'iio:play-dac/out_voltage1 park=5=2000' 2>"$dir/messages" && raw_is 1 1000 &&
    grep -q '2000 cannot be had; it is 500 now' "$dir/messages"
say $? 'a range that the driver tells is kept'
weir set 'iio:play-dac/out_voltage1=100' 2>"$dir/messages"
[ $? -eq 2 ] && grep -q 'from 5 to 500; the park value 0 is none of them' "$dir/messages"
say $? 'also by the park value'
end_guard

# --- lines -----------------------------------------------------------------------------
weir run -q --no-guard 'synth:counter rate=50Hz | select v = 0.5 | gpio:LAMP' 2>"$dir/messages" &
pid=$!
await lamp_is 1
say $? 'of a line not 0 is on, without a guard too'
kill -TERM $pid
wait $pid
weir set 'gpio:weir-sim[LAMP,LINE4,LINE5]=5' 2>"$dir/messages" && lamp_is 1 && [ "$(level 4)$(level 5)" = 01 ]
say $? 'several lines are set by hand, a bit each'
weir set 'gpio:weir-sim[LAMP,LINE4,LINE5]=8' 2>"$dir/messages"
[ $? -eq 2 ] && lamp_is 1
say $? 'a bit too many is an error'
weir park --release
weir set LAMP=1 2>"$dir/messages" && weir set 'gpio:LAMP active_low=1' 2>>"$dir/messages" && lamp_is 0
say $? 'described in another way it is held in that way'
weir run -q 'synth:counter | select a = 1, b = 1, c = 1 | gpio:weir-sim[LAMP, LINE4, weir-sim/3]' 2>"$dir/messages"
[ $? -eq 2 ] && grep -q "the line 'weir-sim/3' is named twice" "$dir/messages"
say $? 'a line that is named twice is an error'

exit $status
