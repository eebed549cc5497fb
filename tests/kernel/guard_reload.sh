#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# SIGHUP releases no output line that the new program has too, by the kernel's own notices, whoever started the guard. A line that
# the new program has not is released, before the program begins to read. A replay with two sessions releases nothing between them.
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

program() { # LINES... ; each of them is on
    echo 's = synth:counter rate=100Hz | select on = 1'
    for line; do echo "s | gpio:$line"; done
}

write() { # LINES...
    program "$@" >"$dir/program.weir"
}

watch() { # LINES...: their releases from now on, in $dir/released
    [ -z "${watcher:-}" ] || kill "$watcher"
    gpionotify --banner -e released "$@" >"$dir/released" &
    watcher=$!
    await grep -q Watching "$dir/released"
}

has_run() { # N: so many runs have ended
    [ "$(grep -c 'records in' "$dir/messages")" -ge "$1" ]
}

n_released() {
    grep -c 'released.*' "$dir/released"
}

reload() { # the N-th time
    kill -HUP $pipeline
    await has_run "$1" && await lamp_is 1
}

begin() {
    write 'LAMP park=off'
    setsid weir run "$dir/program.weir" 2>"$dir/messages" &
    pipeline=$!
    await lamp_is 1
    watch LAMP
}

end() {
    kill $pipeline
    wait $pipeline
}

end_guard
begin
reload 1 && reload 2 && [ "$(n_released)" -eq 0 ]
say $? 'reloaded twice, a line of a guard that weir started is not released'
echo 'wher x | gpio:LAMP' >"$dir/program.weir"
reload 3 && grep -q 'the old one goes on' "$dir/messages" && [ "$(n_released)" -eq 0 ]
say $? 'nor when the new program is wrong and the old one goes on'
write 'LAMP park=on bias=pull-down'
reload 4 && [ "$(n_released)" -eq 0 ]
say $? 'nor when the new program has it with other settings'
write LINE5
kill -HUP $pipeline
await has_run 5
is_released() { [ "$(n_released)" -eq 1 ]; }
await is_released
say $? 'a line that the new program has not is released'
write LAMP
reload 6
echo 'gpio:LAMP | print' >"$dir/program.weir"
kill -HUP $pipeline
reads() { gpioinfo LAMP | grep -q 'input.*consumer'; }
await has_run 6 && await reads
say $? 'one that the new program reads is free for it'
write LAMP
reload 7
end
say $? 'and SIGTERM ends it well'

end_guard
weir-guard --stay 2>/dev/null &
await test -S /run/weir/guard.sock
begin
reload 1 && reload 2 && [ "$(n_released)" -eq 0 ]
say $? 'reloaded twice, a line of a guard that stays is not released'
end
await is_released
say $? 'at the end it is'

end_guard
for _ in 1 2; do
    weir run -q -n 20 "synth:counter rate=max | select on = 1 | record:$dir/two.rec" 2>"$dir/messages"
done
watch LAMP
weir run -q "replay:$dir/two.rec speed=max | gpio:LAMP" 2>"$dir/messages" && await is_released && sleep 0.2 &&
    [ "$(n_released)" -eq 1 ]
say $? 'a replay with two sessions holds its line to the end'
exit $status
