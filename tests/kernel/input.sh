#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# input: on the kernel's own input devices, made through uinput: events, packets, clocks, dropped events, devices that go away.
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
modprobe -a evdev uinput || exit 77
need $tools/uinput_feed /dev/uinput

# The device "panel", which takes commands by descriptor 3.
plug_in() { # NAME
    rm -f "$dir/commands"
    mkfifo "$dir/commands"
    : >"$dir/answers"
    $tools/uinput_feed "$1" <"$dir/commands" >"$dir/answers" &
    feeder=$!
    exec 3>"$dir/commands"
    await grep -q ready "$dir/answers"
    event=$(basename "$(dirname "$(dirname "$(grep -lx "$1" /sys/class/input/event*/device/name | tail -n 1)")")")
    await test -e "/dev/input/$event"
    n=0
}
unplug_it() {
    exec 3>&-
    wait $feeder
}
put() { # COMMAND: returns when the kernel has it
    echo "$1" >&3
    n=$((n + 1))
    await has_lines "$dir/answers" $((n + 1))
}
KEY='1' REL='2' ABS='3' MSC='4' SW='5'
ENTER=28 DIAL=7 LID=0

begin() { # PROGRAM: returns when weir reads the device
    : >"$dir/messages"
    $weir run --stats=json "$1" >"$dir/got" 2>"$dir/messages" 3>&- &
    pid=$!
    await reads_it
    sleep 0.3
}
# shellcheck disable=SC2317 # called by await
reads_it() { find "/proc/$pid/fd" -lname "/dev/input/$event" 2>/dev/null | grep -q .; }
end() {
    sleep 0.3
    kill -INT $pid
    wait $pid
    rc=$?
}

plug_in panel

# --- packets ---
begin 'input:panel[ABS_X,ABS_Y,KEY_ENTER,REL_DIAL,SW_LID] | print'
put "$ABS 0 17 +"
put "$ABS 1 -5"
put "$KEY $ENTER 1"
put "$REL $DIAL 1"
put "$REL $DIAL -2"
put "$SW $LID 1"
put "$KEY 30 1"
put "$KEY $ENTER 0"
end
echo '"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":0,"REL_DIAL":0,"SW_LID":0}
"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":1,"REL_DIAL":0,"SW_LID":0}
"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":1,"REL_DIAL":1,"SW_LID":0}
"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":1,"REL_DIAL":-2,"SW_LID":0}
"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":1,"REL_DIAL":0,"SW_LID":1}
"ABS_X":17,"ABS_Y":-5,"KEY_ENTER":0,"REL_DIAL":0,"SW_LID":1}' | tr '\n' ' ' >"$dir/want"
[ $rc -eq 0 ] && [ "$(values | tr '\n' ' ')" = "$(cat "$dir/want")" ]
say $? 'a record for each packet with one of the codes: states stay, changes belong to their packet'
begin 'input:panel[ABS_X,SW_LID,KEY_A] | print'
put "$ABS 0 18"
end
[ "$(values | tr '\n' ' ')" = '"ABS_X":18,"SW_LID":1,"KEY_A":1} ' ]
say $? 'states from before the start are known'
put "$KEY 30 0"

# --- events ---
begin "input:/dev/input/$event | print"
put "$KEY $ENTER 1"
put "$REL $DIAL 3"
put "$MSC 4 458792"
put "$KEY $ENTER 0"
end
[ $rc -eq 0 ] && [ "$(values | tr '\n' ' ')" = '"code":"KEY_ENTER","value":1} "code":"REL_DIAL","value":3} "code":"MSC_SCAN","value":458792} "code":"KEY_ENTER","value":0} ' ]
say $? 'without codes each event is a record, by the path of the device'

# --- time: the kernel's, of the clock that is asked for ---
uptime_ns() { awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime; }
begin "input:${event}[KEY_ENTER] | print"
before=$(uptime_ns)
put "$KEY $ENTER 1"
after=$(uptime_ns)
end
t=$(sed 's/^{"t":\([0-9]*\),.*/\1/' "$dir/got")
echo "$before $t $after" >>"$dir/messages"
[ "$t" -ge $((before - 20000000)) ] && [ "$t" -le $((after + 20000000)) ]
say $? 'times are those of the kernel, on the monotonic clock'
begin "input:${event}[KEY_ENTER] clock=realtime | print"
before=$(date +%s%N)
put "$KEY $ENTER 0"
after=$(date +%s%N)
end
t=$(sed 's/^{"t":\([0-9]*\),.*/\1/' "$dir/got")
echo "$before $t $after" >>"$dir/messages"
[ "$t" -ge $((before - 1000000)) ] && [ "$t" -le "$after" ]
say $? 'and on the realtime clock where that is asked for'

# --- dropped events ---
begin "input:panel[ABS_X,ABS_Y,KEY_ENTER] | print"
kill -STOP $pid
put "$KEY $ENTER 1"
put 'burst 5000'
put "$ABS 1 77"
kill -CONT $pid
end
lost=$(count device "$dir/messages")
tail -n 1 "$dir/got" >>"$dir/messages"
[ $rc -eq 0 ] && [ "$lost" -ge 1 ] && tail -n 1 "$dir/got" | grep -q '"ABS_X":5000,"ABS_Y":77,"KEY_ENTER":1}' &&
    grep -q 'dropped events' "$dir/messages"
say $? 'dropped events are counted and told, and the state is that of the device again'
begin 'input:panel | print'
kill -STOP $pid
put "$KEY $ENTER 0"
put 'burst 4000'
put "$KEY 30 1"
kill -CONT $pid
end
tail -n 3 "$dir/got" >>"$dir/messages"
[ "$(count device "$dir/messages")" -ge 1 ] && grep -q '"code":"KEY_ENTER","value":0}' "$dir/got" && grep -q '"code":"KEY_A","value":1}' "$dir/got" &&
    [ "$(grep ABS_X "$dir/got" | tail -n 1 | sed 's/^{"t":[0-9]*,//')" = '"code":"ABS_X","value":4000}' ]
say $? 'as events too: what has changed meanwhile'
$weir run --strict 'input:panel[ABS_X] | print' >"$dir/got" 2>"$dir/messages" 3>&- &
pid=$!
await reads_it
sleep 0.3
kill -STOP $pid
put 'burst 3000'
kill -CONT $pid
end
[ $rc -eq 4 ]
say $? 'under --strict they make exit status 4'

# --- without drops none is lost ---
begin 'input:panel[ABS_X] | print'
for _ in 1 2 3 4 5 6 7 8 9 10; do
    put 'burst 20'
done
end
[ "$(count device "$dir/messages")" = 0 ] && [ "$(wc -l <"$dir/got")" -eq 200 ]
say $? 'a reader in time gets every packet'

# --- wrong words, devices that are not there ---
run 'input:panel[ABS_RX] | print'
[ $rc -eq 2 ] && grep -q 'its codes are ABS_X, ABS_Y, ABS_Z, REL_X, REL_DIAL' "$dir/messages"
say $? 'a code that the device does not have: exit code 2 and those that it has'
run 'input:panle | print'
[ $rc -eq 3 ] && grep -q "did you mean 'panel'" "$dir/messages"
say $? 'a device that is not there: exit code 3 and those that there are'
$weir run 'input:panel grab | null' 2>"$dir/other" &
pid=$!
await reads_it
sleep 0.5
run --for 5s 'input:panel grab | null'
kill -INT $pid
wait $pid
[ "$rc" -eq 3 ] && grep -q "'panel': cannot grab: Device or resource busy" "$dir/messages"
say $? 'a device that another program has grabbed: exit code 3'
$weir list devices >"$dir/list" 2>"$dir/messages"
grep -q "^  input:panel  *$event" "$dir/list" && grep -q '^    program *input:panel | print' "$dir/list"
say $? 'weir list devices shows it'

begin 'input:panel[KEY_ENTER] | print'
put "$KEY $ENTER 1"
unplug_it
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q "'panel': cannot read: No such device" "$dir/messages" && has_lines "$dir/got" 1
say $? 'a device that vanishes ends the run with its name and exit code 3, after its last record'

exit $status
