#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# can: on the kernel's own CAN, with an interface in software: frames, the filter by identifier, fields, drops, interfaces that go away.
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
modprobe -a can-raw vcan && ip link add dev vcan0 type vcan && ip link set vcan0 up || exit 77
need $tools/can_send
send() { $tools/can_send vcan0 "$@"; }

begin() { # PROGRAM: returns when weir listens
    $weir run --stats=json "$1" >"$dir/got" 2>"$dir/messages" &
    pid=$!
    await grep -q . /proc/net/can/rcvlist_all /proc/net/can/rcvlist_sff /proc/net/can/rcvlist_eff
    sleep 0.5
}
end() {
    sleep 0.5
    kill -INT $pid
    wait $pid
    rc=$?
}

begin 'can:vcan0 | print'
send 0x123 01ff
send 0x98765432 0102030405060708
send 0x124 -
send 0x40000123 -
end
want='"id":291,"extended":0,"length":2,"b0":1,"b1":255,"b2":null,"b3":null,"b4":null,"b5":null,"b6":null,"b7":null} '
want="$want"'"id":410407986,"extended":1,"length":8,"b0":1,"b1":2,"b2":3,"b3":4,"b4":5,"b5":6,"b6":7,"b7":8} '
want="$want"'"id":292,"extended":0,"length":0,"b0":null,"b1":null,"b2":null,"b3":null,"b4":null,"b5":null,"b6":null,"b7":null} '
[ $rc -eq 0 ] && [ "$(values | tr '\n' ' ')" = "$want" ]
say $? 'every frame with its identifier and its bytes; requests have none'

begin 'can:vcan0 id=0x123 out="rpm=u16be@2*0.25, celsius=s8@0" | print'
send 0x123 f6000fa0
send 0x124 f6000fa0
send 0x80000123 f6000fa0
send 0x40000123 -
send 0x123 05000fa4
send 0x123 0500
end
[ $rc -eq 0 ] && [ "$(values | tr '\n' ' ')" = '"rpm":1000,"celsius":-10} "rpm":1001,"celsius":5} ' ] && [ "$(count cut "$dir/messages")" = 1 ] &&
    grep -q '1 frames too short' "$dir/messages"
say $? 'fields of one identifier, of 11 bits and not of 29; a frame that is too short is counted'

# The kernel drops what id= does not want before it wakes anybody.
begin 'can:vcan0 id=0x1 | null'
switches() { cat /proc/$pid/task/*/status | awk '/^voluntary/ { n += $2 } END { print n }'; }
before=$(switches)
send 0x2 00 20000
after=$(switches)
end
echo "$before $after" >>"$dir/messages"
[ $((after - before)) -lt 100 ] && [ "$(count device "$dir/messages")" = 0 ]
say $? 'frames of other identifiers wake nobody'

begin 'can:vcan0 | null'
kill -STOP $pid
send 0x5 0102 20000
kill -CONT $pid
end
lost=$(count device "$dir/messages")
in=$(count in "$dir/messages")
echo "$in $lost" >>"$dir/messages"
[ "$lost" -gt 0 ] && [ $((in + lost)) -eq 20000 ]
say $? 'what the full buffer of the socket drops is counted exactly'

begin 'can:vcan0 | print'
send 0x20000004 0001000000000000
send 0x20000040 0000000000000000
end
[ $rc -eq 0 ] && [ ! -s "$dir/got" ] && grep -q '1 overflows of the controller' "$dir/messages" && grep -q 'off the bus' "$dir/messages"
say $? 'reports of the controller are no frames: an overflow is counted, bus-off is told'

begin 'can:vcan0 clock=realtime | print'
before=$(date +%s%N)
send 0x123 01
after=$(date +%s%N)
end
t=$(sed 's/^{"t":\([0-9]*\),.*/\1/' "$dir/got")
echo "$before $t $after" >>"$dir/messages"
[ "$t" -ge "$before" ] && [ "$t" -le "$after" ]
say $? 'the realtime clock has the time of the reception in the kernel'

run 'can:can7 | print'
[ $rc -eq 3 ] && grep -q 'there are: can:vcan0' "$dir/messages"
say $? 'an interface that is not there: exit code 3 and those that there are'
run 'can:vcan0 out="a=u8@0" | print'
[ $rc -eq 2 ] && grep -q 'out= needs id=' "$dir/messages"
say $? 'fields without an identifier: exit code 2'
run 'can:vcan0 id=1 out="a=u16be@7" | print'
[ $rc -eq 2 ] && grep -q '8 bytes' "$dir/messages"
say $? 'a field behind the last byte: exit code 2'
$weir list devices >"$dir/list" 2>"$dir/messages"
grep -q '^    program *can:vcan0 | print' "$dir/list"
say $? 'weir list devices shows the interface'

begin 'can:vcan0 | print'
send 0x123 01
sleep 0.5
ip link set vcan0 down
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q "'vcan0': cannot receive on: Network is down" "$dir/messages" && has_lines "$dir/got" 1
say $? 'an interface that goes down ends the run with its name and exit code 3'

ip link del vcan0
exit $status
