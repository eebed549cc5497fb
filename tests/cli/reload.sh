#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGHUP makes `weir run FILE` read its program again. What early filters remember goes on where source and stages read the same,
# a program that has become wrong changes nothing, and SIGTERM still ends the run.
. tests/cli/tap.inc

# Only the first record passes; a filter that has forgotten it lets another one pass.
write() { # EVERY [REST]
    printf '%s\n' "synth:counter rate=500Hz | every $1 | print format=csv" "${2:-}" >"$work/program.weir"
}

has_run() { # N: so many runs have ended, each with its summary
    [ "$(grep -c 'records in' "$work/messages")" -ge "$1" ]
}

has_passed() { # N records
    [ "$(grep -c '^[0-9]' "$work/out")" -eq "$1" ]
}

# A second chain of the program shows that a new run takes records.
alive="synth:sine rate=100Hz | limit 1 | csv:$work/alive"

is_alive() {
    [ -e "$work/alive" ] && [ "$(wc -l <"$work/alive")" -eq 2 ]
}

hang_up() {
    rm -f "$work/alive"
    kill -HUP "$pid"
}

write 1000000
"$weir" run -q -n 1 --filter-tier=batch "$work/program.weir" >/dev/null 2>"$work/why" || {
    head -n 1 "$work/why" >&2
    exit 77
}
setsid "$weir" run --filter-tier=batch "$work/program.weir" >"$work/out" 2>"$work/messages" &
pid=$!
await has_passed 1
write 1000000 "$alive"
hang_up
ok 'SIGHUP reads the file again' await has_run 1
ok 'and goes on' await is_alive
echo 'synth:sine | wher x | null' >"$work/program.weir"
hang_up
ok 'a wrong program is told' await grep -q "did you mean 'where'" "$work/messages"
ok 'and the old one goes on' await is_alive
ok 'every still knows what passed before' has_passed 1
write 1000001
hang_up
ok 'a stage that was changed begins anew' await has_passed 2
kill -TERM $pid
wait $pid
ok 'SIGTERM ends it' same 0 $?
ok 'each run has told its counters' has_run 4
setsid "$weir" run 'synth:counter rate=10Hz | limit 1000000 | print format=csv' >"$work/last" 2>"$work/messages" &
pid=$!
await grep -qs '^[0-9]' "$work/last"
kill -HUP $pid
wait $pid
ok 'without a file to read SIGHUP ends the run in good order' same 0 $?
finish
