#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What does not arrive is counted, with its cause, and --strict says so: on a full disk, with a reader that does not read, with a
# program that hangs, at a second signal, from a torn recording. What arrived and what was lost are together what came in.
. tests/cli/tap.inc

number() { # KEY: of the summary in JSON; the totals come before those of each node
    sed -n 's/^ *"'"$1"'": \([0-9]*\),*$/\1/p' "$work/summary" | head -n 1
}

lost() { # CAUSE
    n=$(sed -n '/"lost": {/,/}/s/^ *"'"$1"'": \([0-9]*\),*$/\1/p' "$work/summary")
    echo "${n:-0}"
}

# COMMAND…: with its summary in JSON, whatever else it says
run() {
    "$weir" run --stats=json "$@" 2>"$work/said"
    status=$?
    sed -n '/^{/,/^}/p' "$work/said" >"$work/summary"
    return "$status"
}

# What arrived, and what came in.
adds_up() { # ARRIVED CAUSE…: all losses are of these causes
    arrived=$1 sum=0
    shift
    for cause; do
        sum=$((sum + $(lost "$cause")))
    done
    [ "$sum" -gt 0 ] && same "$(lost total)" "$sum" && same "$(number in)" $((arrived + sum))
}

lines_of() { # FILE: whole lines
    tr -cd '\n' <"$1" | wc -c
}

# ------------------------------------------------------------------- a full disk

small=$work/small
mkdir "$small"
if mount -t tmpfs -o size=256k none "$small" 2>/dev/null; then
    trap 'umount -l "$small"; rm -rf "$work"' EXIT
    full_disk() { # SINK FILE LINES-BEFORE-THE-RECORDS
        rm -f "$small"/*
        run --strict -n 100000 "synth:counter rate=max | $1" >"$small/print"
        same 1 $? && grep -q 'No space left on device' "$work/said" && adds_up $(($(lines_of "$2") - $3)) unsent end
    }
    ok 'csv: on a full disk: each record is a whole line or lost' full_disk "csv:$small/x.csv" "$small/x.csv" 1
    ok 'the same line by line' full_disk "csv:$small/x.csv flush=line" "$small/x.csv" 1
    ok 'and with a stage between that has a thread of its own' \
        full_disk "select value | sort 1ms | csv:$small/x.csv" "$small/x.csv" 1
    ok 'print to a full disk' full_disk print "$small/print" 0
    ok 'print format=csv to a full disk' full_disk 'print format=csv' "$small/print" 1
    full_recording() {
        rm -f "$small"/*
        run -n 100000 "synth:counter rate=max | record:$small/x.rec"
        same 1 $? && [ "$(lost unsent)" -gt 0 ] || return
        written=$(($(number in) - $(lost total)))
        run "replay:$small/x.rec speed=max | null"
        same "$written" "$(number out)"
    }
    ok 'record: on a full disk: what is not lost is played back' full_recording
else
    echo 'skip - a full disk: no right to mount one'
fi

# ------------------------------------------------- a reader that does not read

mkfifo "$work/fifo"

# SIGNAL…: sent one after the other to a run that prints into a pipe that nobody reads
stuck() {
    "$weir" run --stats=json --strict 'synth:counter rate=10kHz | print' >"$work/fifo" 2>"$work/said" 3>&- &
    pid=$!
    sleep 1
    for signal; do
        kill -"$signal" "$pid"
        sleep 0.2
    done
    wait "$pid"
    status=$?
    sed -n '/^{/,/^}/p' "$work/said" >"$work/summary"
}

exec 3<>"$work/fifo"
stuck TERM
ok 'a reader that is stuck: the run ends' [ "$status" -eq 1 ]
ok 'what it held is counted' [ "$(lost end)" -gt 1000 ]
ok 'all but what was printed' [ $(($(number out) + $(lost end))) -ge "$(number in)" ]
stuck INT INT
ok 'a second signal: what was under way is counted' [ "$(lost end)" -gt 1000 ]
exec 3>&-

# ------------------------------------------------------- a program that hangs

hanging() { # SINK
    run --strict --for 500ms "synth:counter rate=10kHz | $1"
    same 4 $? && adds_up 0 end
}

ok 'a program that reads nothing: all is lost, also what lies in its pipe' hanging 'exec:"sleep 1000"'
ok 'one that reads all loses nothing' same 0 \
    "$(status_of "$weir" run --strict --for 300ms "synth:counter rate=10kHz | exec:'cat >/dev/null'")"

# ------------------------------------------------------------------- orderly ends

orderly() { # OPTION VALUE: what came in is in the file
    run --strict "$1" "$2" "synth:counter rate=20kHz | csv:$work/all.csv" &&
        same "$(number in)" $(($(lines_of "$work/all.csv") - 1)) && same 0 "$(lost total)"
}

ok '--for loses nothing' orderly --for 300ms
ok '-n loses nothing' orderly -n 5000
slow_to_end() { # a slow sink with a full ring is drained at SIGTERM
    "$weir" run --stats=json --strict "synth:counter rate=max | limit 20000 | exec:'while read -r line; do :; done; sleep 0.3'" \
        2>"$work/said" &
    pid=$!
    await pgrep -P "$pid" || return 1
    sleep 0.3
    kill -TERM "$pid"
    wait "$pid"
    status=$?
    sed -n '/^{/,/^}/p' "$work/said" >"$work/summary"
    [ "$status" -eq 0 ] && same 0 "$(lost total)" && return
    same 4 "$status" && [ "$(lost end)" -gt 0 ]
}
ok 'a full queue at SIGTERM is worked off, or counted' slow_to_end
ok 'a reader that has had enough is no loss' same 0 \
    "$(status_of sh -c "\"$weir\" run --strict -n 100000 'synth:counter rate=max | print' | head -n 1")"

# ------------------------------------------------------------------ a torn file

torn() {
    "$weir" run -q -n 20000 "synth:counter rate=max | record:$work/torn.rec" || return
    size=$(wc -c <"$work/torn.rec")
    truncate -s $((size - 1000)) "$work/torn.rec"
    run --strict "replay:$work/torn.rec speed=max | null"
    same 4 $? && [ "$(lost cut)" -gt 0 ] && same 20000 $(($(number out) + $(lost cut)))
}
ok 'a recording whose end is torn: what is missing is counted' torn
finish
