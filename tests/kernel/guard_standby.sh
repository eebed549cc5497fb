#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# From one guard to the next a real line is never let go of, by the kernel's own notices, and the rules of before bind the next one.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard
PATH=$PWD/build:$PATH
export PATH

quit() {
    [ -z "${watcher:-}" ] || kill "$watcher"
    end_guard
    finish
}
trap quit EXIT

released() { # TIMES: so often by now
    [ "$(wc -l <"$dir/released")" -eq "$1" ]
}
has_line() { # PID
    find "/proc/$1/fd" -lname anon_inode:gpio-line | grep -q .
}
drive() { # OPTIONS of the output: a pipeline at 1, $pipeline
    weir run -q "synth:counter rate=100Hz | select on = 1 | gpio:LAMP $1" 2>"$dir/messages" &
    pipeline=$!
    await lamp_is 1
}
stand_by() { # a guard that has the line, $next
    weir-guard --stay 2>/dev/null &
    next=$!
    await has_line $next
}

end_guard
weir-guard --stay 2>/dev/null &
guard=$!
await test -S /run/weir/guard.sock
drive ''
# It tells of lines that are let go of, once it is there.
gpionotify --banner -e released LAMP >"$dir/notices" &
watcher=$!
await grep -q . "$dir/notices"
: >"$dir/released"
notices() { grep released "$dir/notices" >"$dir/released"; }

stand_by
kill -STOP $pipeline
kill -9 $guard $pipeline
await lamp_is 0
say $? 'guard and pipeline are killed: parked by the guard that stands by'
guard=$next
drive 'bias=pull-down'
say $? 'the next pipeline has the line, with other settings'
stand_by
kill $guard
await lamp_is 0 && wait $pipeline
[ $? -eq 1 ]
say $? 'a guard that is told to end hands on as well, and the pipeline ends'
guard=$next
drive direct
stand_by
kill -STOP $pipeline
kill -9 $guard
await lamp_is 0 && wait $pipeline
[ $? -eq 137 ]
say $? 'a pipeline that sets the line itself is killed before the next guard parks'
guard=$next

# A stop hook's guard, which the service manager ends together with the pipeline's other processes.
drive ''
kill -9 $guard $pipeline
weir-guard --park && lamp_is 0
say $? 'without a guard the stop hook parks'
hook=$(pgrep -x weir-guard)
kill "$hook"
stand_by
gone() { ! kill -0 "$1"; }
await gone "$hook"
say $? 'its guard, told to end, waits for the next one'
guard=$next
notices
released 1
say $? 'the line was let go of once: when guard and pipeline were killed and no other guard was there'

# What is given back is free at once, although one stands by.
stand_by
weir park --release LAMP && gpioset -t0 LAMP=1 2>"$dir/messages"
say $? 'a line that is given back is free for other programs at once'
kill $next

# What the rules know outlives the guard.
drive 'min_off=1h'
kill -STOP $pipeline
kill -9 $guard $pipeline
weir-guard --stay 2>/dev/null &
guard=$!
await test -S /run/weir/guard.sock
weir run -q 'synth:counter rate=100Hz | select on = 1 | gpio:LAMP min_off=1h' 2>"$dir/messages" &
pipeline=$!
refused() { weir get LAMP | grep -q ' 0 .*1 refused'; }
await refused
say $? 'min_off is kept by the guard after the one that was killed'
kill $pipeline
wait $pipeline
exit $status
