#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Ways in which a line changes hands: a source that goes quiet, two that want one line, pipelines and guards that come again,
# and a user who wants the line back.
# tries: 3
# processors: 1
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard
PATH=$PWD/build:$PATH
button() { # up|down
    echo "pull-$1" >"$sim/sim_gpio0/pull"
}
shows() { # WORDS: in what the guard says of LAMP
    weir get LAMP 2>/dev/null | grep -q "$1"
}
quit() {
    weir park --release 2>/dev/null
    end_guard
    finish
}
trap quit EXIT
end_guard
button down
weir-guard --stay 2>/dev/null &
await test -S /run/weir/guard.sock

# stale=: the beat goes on, but the source does not.
weir run -q 'gpio:BUTTON edges=both | select on = level < 1 | gpio:LAMP park=on stale=1s' 2>"$dir/messages" &
pid=$!
pressed() { button down && button up && sleep 0.1 && lamp_is 0; }
await pressed
say $? 'stale=: driven while the source brings something'
await shows '1 .*parked (stale)'
say $? 'stale=: parked when it does not, while the pipeline lives'
await pressed
say $? 'stale=: taken over when it does again'

# Two that want one line.
timeout 20 weir run -q 'synth:counter | select on = value > 0 | gpio:LAMP' 2>"$dir/second"
[ $? -eq 3 ] && grep -q "weir run .*, process $pid, has it" "$dir/second"
say $? 'a second pipeline is refused, and told who has the line'
shows "process $pid" && kill -0 $pid
say $? 'the first one is not disturbed'
kill $pid
wait $pid

# The one start that is allowed was the first pipeline's: the guard remembers, for the next one and for hands.
on='synth:counter rate=100Hz | select on = 1 | gpio:LAMP'
weir run -q "$on starts=1 per=1h" 2>/dev/null &
pid=$!
await lamp_is 1
kill -9 $pid
await lamp_is 0
say $? 'parked by death'
weir set LAMP=on 2>"$dir/messages"
[ $? -eq 1 ] && grep -q 'its rule starts does not allow it now' "$dir/messages" && lamp_is 0
say $? 'weir set is refused by the rule of a dead pipeline, with status 1'
weir park LAMP
weir run -q "$on starts=1 per=1h" 2>"$dir/messages" &
pid=$!
await shows ' 0 .*1 refused'
say $? 'so is the next pipeline'
kill $pid
wait $pid

# The guard is told to end, as when it is updated: the run ends, parked, and the next guard takes over.
weir run "$on park=off" 2>"$dir/messages" &
pid=$!
await lamp_is 1
end_guard
wait $pid
[ $? -eq 1 ] && lamp_is 0 && grep -q 'the guard .* has ended; outputs are parked' "$dir/messages"
say $? 'without its guard a run parks and ends with status 1'

# A run that failed leaves its output with the guard; whoever wants the line takes it back.
weir-guard --stay 2>/dev/null &
await test -S /run/weir/guard.sock
weir run -q "$on" 2>/dev/null &
pid=$!
await lamp_is 1
kill -9 $pid
await shows 'held for nobody (died)'
say $? 'the guard holds what a dead pipeline had'
weir run -q --no-guard --for 100ms "$on" 2>"$dir/messages"
[ $? -eq 3 ] && grep -q 'weir-guard' "$dir/messages"
say $? 'so nobody else can have the line, and is told why'
weir park --release LAMP 2>"$dir/messages" && weir run -q --no-guard --for 100ms "$on" 2>"$dir/messages"
say $? 'weir park --release gives it back'

# What a Raspberry Pi would do with released lines is a parameter of the driver that owns the chip; that of another counts for nothing.
for word in Y N; do
    unshare -m sh -c "mount -t tmpfs none /sys/module && mkdir -p /sys/module/pinctrl_rp1/parameters /sys/module/gpio_sim/parameters &&
        echo R >/sys/module/pinctrl_rp1/parameters/persist_gpio_outputs &&
        echo $word >/sys/module/gpio_sim/parameters/persist_gpio_outputs && weir doctor" >"$dir/messages" 2>&1
    grep -q "gpio-sim (gpiochip0).*: a released line .*persist_gpio_outputs=$word" "$dir/messages" && ! grep -q rp1 "$dir/messages"
    say $? "weir doctor knows persist_gpio_outputs=$word of the driver that has the chip"
done
exit $status
