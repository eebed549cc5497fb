#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Running pipelines are found and shown: weir ps, for the user that started them, by name and by process.
. tests/cli/tap.inc
export WEIR_GUARD="$work/guard.sock"
export HOME="$work"

cat >"$work/shown.weir" <<'END'
a = synth:counter rate=1kHz | select n = value
a | null
a | where n < 0 | null
END
"$weir" run -q --for 60s "$work/shown.weir" &
one=$!
"$weir" run -q --for 60s --name=two 'synth:sine rate=100Hz | null' &
two=$!
trap 'kill $one $two 2>/dev/null; rm -rf "$work"' EXIT

lists() { # PATTERN COMMAND…
    pattern=$1
    shift
    "$@" | grep -qE "$pattern"
}
lists_not() {
    ! lists "$@"
}

ok 'weir ps lists a pipeline with the name of its file, and its rate' await lists "^ *$one  shown +[0-9]+s +(9|10)[0-9]+\.[0-9]" "$weir" ps
ok 'and one with the name that it was given' await lists "^ *$two  two " "$weir" ps
ok 'and one alone, by its name' lists_not " two " "$weir" ps shown
ok 'and by its process' lists_not " shown " "$weir" ps $two
ok 'and all numbers as JSON' lists '"text": "select n = value"' "$weir" ps --json shown
ok 'one that is not there has status 1' same 1 "$(status_of "$weir" ps three)"
ok 'a name that would not be shown as it is, is refused' same 2 "$(status_of "$weir" run --name='a b' 'synth:sine rate=1Hz | null')"
kill -KILL $one
wait $one 2>/dev/null
ok 'what a killed one has left is removed' lists_not " shown " "$weir" ps
ok 'its socket too' same "weir-$two.ctl" "$(cd "$work" && echo weir-*.ctl)"
kill $two
wait $two 2>/dev/null
ok 'nothing runs any more' lists 'no pipeline is running' sh -c "'$weir' ps 2>&1"
for wrong in --http=foo --http=host:80 --http=0.0.0.0:0 "--http-token=$work/none"; do
    ok "$wrong is refused with status 2" same 2 "$(status_of "$weir" run -q -n 1 "$wrong" 'synth:counter rate=max | null')"
done
served() {
    "$weir" run --http=127.0.0.1:0 -n 3 'synth:counter rate=max | null' 2>&1 | grep -q '^weir: http://127.0.0.1:[1-9][0-9]*/$'
}
ok 'the address of the page is printed' served
# An output of the guard, in a directory that looks like a PWM chip; the run is read again on SIGHUP.
mkdir -p "$work/chip/pwm0"
for file in export pwm0/period pwm0/duty_cycle pwm0/enable; do echo 0 >"$work/chip/$file"; done
echo normal >"$work/chip/pwm0/polarity"
echo "synth:sine rate=100Hz freq=1Hz | switch on value > 0.5 off value < 0 | pwm:$work/chip/0 freq=1kHz" >"$work/driven.weir"
setsid "$weir" run -q --for 60s "$work/driven.weir" </dev/null &
three=$!
trap 'kill $one $two $three 2>/dev/null; "$weir" park --release >/dev/null 2>&1; rm -rf "$work"' EXIT
acts() {
    lists '= 1, live, held by guard, [1-9][0-9]* actuations, 0 refused' "$weir" top --once driven
}
ok 'an output has its value, its state, its holder and its counts' await acts
kill -HUP $three
ok 'a program that was read again is the same pipeline' await lists "^ *$three  driven +[01]s " "$weir" ps
ok 'and its output acts again' await acts
kill $three
wait $three 2>/dev/null
nowhere() {
    WEIR_GUARD="$work/is/not/there.sock" "$weir" run -q -n 3 'synth:counter rate=max | null'
}
ok 'without a directory for the socket a pipeline runs' nowhere
finish
