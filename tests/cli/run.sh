#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a person who scripts relies on: output, exit status, signals, limits. No hardware.
. tests/cli/tap.inc

counts() { # the records of a counter, one a line
    "$weir" run -q 'synth:counter rate=max | print' "$@"
}

summary() { # KEY PROGRAM [OPTION…]: one number of the JSON summary
    key=$1
    shift
    "$weir" run --stats=json "$@" 2>&1 >/dev/null | sed -n "s/^ *\"$key\": \([0-9]*\),*$/\1/p" | head -n 1
}

ends_on() { # SIGNAL: an endless run drains and ends with status 0
    "$weir" run -q 'synth:counter rate=1kHz | csv:'"$work/$1.csv" &
    pid=$!
    sleep 0.5
    kill -s "$1" "$pid"
    wait "$pid" && [ "$(wc -l <"$work/$1.csv")" -gt 100 ]
}

started_twice() { # the same program once more: it is refused, and the first one's file is what it would have been
    program="synth:counter rate=1kHz | csv:$work/twice.csv time=none"
    "$weir" run -q "$program" &
    pid=$!
    await grep -q 100 "$work/twice.csv"
    "$weir" run "$program" 2>"$work/twice.err"
    same 3 $? && grep -q 'another process is writing' "$work/twice.err"
    refused=$?
    kill -INT "$pid"
    wait "$pid" && [ "$refused" -eq 0 ] && n=$(wc -l <"$work/twice.csv") &&
        { echo value && seq 0 $((n - 2)); } | cmp - "$work/twice.csv"
}

unstarted() { # what an earlier run has left is there after one that could not start
    echo 'the last one' >"$work/left.csv"
    same 3 "$(status_of "$weir" run "synth:counter | csv:$work/left.csv; synth:counter | csv:/nonexistent/x")" &&
        same 'the last one' "$(cat "$work/left.csv")"
}

closed_pipe() { # a reader that has enough ends the run in good order
    { "$weir" run -q 'synth:counter rate=max | print'; echo $? >"$work/status"; } | head -n 3 >"$work/head"
    same 3 "$(wc -l <"$work/head")" && same 0 "$(cat "$work/status")"
}

stuck_sink() { # nobody reads the pipe, the run is told to stop: it ends, and the output is parked
    mkfifo "$work/fifo"
    { exec <"$work/fifo" && sleep 30; } &
    sleeper=$!
    printf '%s\n' 's = synth:square freq=5Hz rate=1kHz' 's | print' \
        's | switch on value > 0 off value < 0 | gpio:NONE park=on' >"$work/stuck.weir"
    "$weir" run --dry-run "$work/stuck.weir" >"$work/fifo" 2>"$work/stuck.err" &
    pid=$!
    sleep 4
    kill "$pid"
    timeout 8 tail --pid="$pid" -f /dev/null
    alive=$?
    kill -9 "$pid" "$sleeper" 2>/dev/null
    wait 2>/dev/null
    [ "$alive" -eq 0 ] && grep -q 'would park at 1' "$work/stuck.err"
}

ok 'run -n prints that many records' same 5 "$(counts -n 5 | wc -l)"
ok 'records count from 0' same '{"t":2000000,"value":2}' "$(counts -n 3 | tail -n 1)"
ok '--format says what print writes' same 't,value 0,0' "$(counts -n 1 --format=csv | tr '\n' ' ' | sed 's/ $//')"
ok 'line protocol counts from 1970' same "$(date +%s | cut -c 1-5)" \
    "$("$weir" run -q -n 1 'synth:sine rate=1kHz | print format=influx' | sed 's/.* //' | cut -c 1-5)"
ok 'a program has the last word on its format' same '{"t":0,"value":0}' \
    "$("$weir" run -q -n 1 --format=csv 'synth:counter rate=max | print format=jsonl')"
ok 'an unknown format is status 2' same 2 "$(status_of "$weir" run --format=xml 'synth:counter | print')"
ok '-v prints the plan on standard error' sh -c "\"$weir\" run -q -v -n 1 'synth:counter rate=max | null' 2>&1 | grep -q 'agent 1 reads'"
ok 'a program is read from a file' same 3 "$(printf 'synth:counter rate=max | print\n' >"$work/p.weir" &&
    "$weir" run -q -n 3 "$work/p.weir" | wc -l)"
ok 'a program is read from standard input' same 3 "$(echo 'synth:counter rate=max | print' | "$weir" run -q -n 3 - | wc -l)"
ok 'lines of standard input become records' same '{"text":"b"}' \
    "$(printf 'a\nb' | "$weir" run -q 'lines:- | print' | tail -n 1 | sed 's/"t":[0-9]*,//')"
ok 'silence is told while it lasts, not when it is over' same '0 1 0' \
    "$({ echo a && sleep 1 && echo b; } | "$weir" run -q 'lines:- | timeout 50ms | print' | sed 's/.*"stale":\(.\).*/\1/' | tr '\n' ' ' | sed 's/ $//')"
ok '--stats=json counts records in' same 1000 "$(summary in 'synth:counter rate=max | null' -n 1000)"
ok '--stats=json counts records out' same 10 "$(summary out 'synth:counter rate=max | every 100 | null' -n 1000)"
ok '--for ends the run' same 0 "$(status_of timeout 5 "$weir" run --for 200ms 'synth:sine rate=1kHz | null')"
ok '-q says nothing on standard error' same '' "$("$weir" run -q -n 9 'synth:counter rate=max | null' 2>&1)"
ok 'SIGINT drains and ends with 0' ends_on INT
ok 'SIGTERM drains and ends with 0' ends_on TERM
ok 'a run that is started twice keeps its file' started_twice
ok 'a run that cannot start leaves the file of the last one' unstarted
ok 'a closed pipe ends the run with 0' closed_pipe
ok 'a stuck sink does not keep an output from being parked' stuck_sink
ok '--strict is 0 when nothing was lost' same 0 "$(status_of "$weir" run --strict -n 1000 'synth:counter rate=max | null')"
ok '--strict is 4 when something was lost' same 4 "$(status_of "$weir" run --strict 'lines:tests/data/long-line.txt width=16 | null')"
ok 'without --strict a loss is only told' same 0 "$(status_of "$weir" run 'lines:tests/data/long-line.txt width=16 | null')"
ok 'a missing file is status 3' same 3 "$(status_of "$weir" run 'lines:/no/such/file | null')"
ok 'a missing device is status 3' same 3 "$(status_of "$weir" run 'iio:no_such_device | null')"
ok 'a wrong program is status 2' same 2 "$(status_of "$weir" run 'synth:counter | nul')"
ok 'a missing program is status 2' same 2 "$(status_of "$weir" run /no/such.weir)"
ok 'an unknown option is status 2' same 2 "$(status_of "$weir" run --no-such-option 'synth:counter | null')"
ok 'an unknown command is status 2' same 2 "$(status_of "$weir" rum)"
ok 'no program is status 2' same 2 "$(status_of "$weir" run)"
ok 'a count with a bad suffix is status 2' same 2 "$(status_of "$weir" run -n 10x 'synth:counter | null')"
ok 'check touches no file' sh -c "\"$weir\" check 'synth:counter | csv:$work/untouched.csv' && [ ! -e '$work/untouched.csv' ]"
ok 'both ways of moving bytes end well' same '0 0' "$(status_of "$weir" run --io=poll -n 9 'synth:counter rate=max | null') $(
    status_of "$weir" run --io=auto -n 9 'synth:counter rate=max | null')"
ok 'list --json is JSON with all kinds' sh -c "\"$weir\" list --json | grep -q '\"actuators\": \['"
ok 'list NAME shows its parameters' sh -c "\"$weir\" list window | grep -q 'step N|TIME'"
ok 'list of an unknown word is status 2' same 2 "$(status_of "$weir" list nothing)"
ok 'explain names agents and rings' sh -c "\"$weir\" explain 'synth:counter rate=max | every 2 | null' | grep -q 'agent 1 reads'"
ok 'explain --json is JSON' sh -c "\"$weir\" explain --json 'synth:counter | null' | grep -q '\"agents\": \['"
ok 'doctor looks at io_uring' sh -c "\"$weir\" doctor | grep -q io_uring"
forgets() { # RECORDS: is it said that an answer to the first of so many comes too late for its time?
    "$weir" run -n "$1" 'synth:counter rate=max | exec "tail -n 1" | null' 2>&1 | grep -c 'more than 1048576 records behind'
}

ok 'a program that answers when a time is forgotten: it is said, and only then' same '0 1' "$(forgets 1048576) $(forgets 1048577)"
ok 'a dry run ends parked' sh -c "\"$weir\" run -n 100 --dry-run 'synth:square rate=max | switch on value > 0 off value < 0 | gpio:X park=on' 2>&1 |
    grep -q 'would park at 1'"
finish
