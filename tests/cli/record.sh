#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Recordings as a user meets them: what is played back gives what the live run gave, a crash costs the end alone, plots are drawn.
. tests/cli/tap.inc

chain='where value > -0.5 | window 50ms step 20ms mean(value) as m, max(value) as top'

# One run that records and works, then the same work on the recording.
live_is_replay() {
    printf '%s\n' "s = synth:noise rate=20kHz seed=5" "s | record:$work/live.rec" "s | $chain | print" >"$work/live.weir"
    "$weir" run -q -n 4000 "$work/live.weir" >"$work/live" && "$weir" replay "$work/live.rec" "$chain | print" -q >"$work/again" &&
        cmp "$work/live" "$work/again" && [ "$(wc -l <"$work/live")" -gt 5 ]
}

is_over() { # BYTES FILE
    [ "$(stat -c %s "$2")" -gt "$1" ]
}

crashes() { # the recorder is killed: what it has shown to be there is, and the file can be continued
    "$weir" record "$work/cut.rec" 'synth:counter rate=10kHz' -q &
    pid=$!
    await is_over 50000 "$work/cut.rec"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    n=$("$weir" replay "$work/cut.rec" -q | wc -l)
    truncate -s -5 "$work/cut.rec"
    "$weir" replay "$work/cut.rec" -q 2>/dev/null | awk -F '[:}]' '$3 != NR - 1 { exit 1 } END { exit NR < 300 }' || return 1
    "$weir" record "$work/cut.rec" 'synth:counter rate=1kHz' -n 10 -q
    m=$("$weir" replay "$work/cut.rec" -q | wc -l)
    [ "$n" -gt 300 ] && [ "$m" -ge 310 ] && [ "$m" -le $((n + 10)) ]
}

damaged() { # a flipped byte costs its block, is told, and --strict says 4
    "$weir" record "$work/bad.rec" 'synth:counter rate=max' -n 50000 -q
    printf '\377' | dd of="$work/bad.rec" bs=1 seek=100000 conv=notrunc 2>/dev/null
    "$weir" replay "$work/bad.rec" --strict >"$work/out" 2>"$work/err"
    same 4 $? && grep -q 'damaged' "$work/err" && [ "$(wc -l <"$work/out")" -eq $((50000 - 4096)) ]
}

damaged_twice() { # two flipped bytes: each place and each record is counted once
    "$weir" record "$work/bad2.rec" 'synth:counter rate=max' -n 50000 -q
    for at in 100000 400000; do
        printf '\377' | dd of="$work/bad2.rec" bs=1 seek="$at" conv=notrunc 2>/dev/null
    done
    "$weir" replay "$work/bad2.rec" >"$work/out" 2>"$work/err" && grep -q 'in 2 places .* 8192 records' "$work/err" &&
        grep -q '8192 lost (cut 8192)' "$work/err" && same $((50000 - 8192)) "$(wc -l <"$work/out")"
}

odd_name() {
    "$weir" record "$work/a \"b\" \\c.rec" 'synth:counter rate=max' -n 3 -q && same 3 "$("$weir" replay "$work/a \"b\" \\c.rec" -q | wc -l)"
}

draws() { # ENDING MAGIC
    "$weir" record "$work/p$1.rec" 'synth:sine rate=max freq=3Hz | select value, high = value > 0' -n 1000 -q
    "$weir" plot "$work/p$1.rec" -o "$work/plot.$1" && head -c 200 "$work/plot.$1" | grep -aq "$2"
}

# A field that has no number in any record is told and left out; the others are drawn, whatever their place is.
draws_the_rest() {
    {
        echo 't,a,b,c,s,d'
        for i in 0 1 2 3; do
            echo "${i}000000000,,$i,inf,\"x,$i\",$((i * i))"
        done
    } >"$work/nan.csv"
    "$weir" replay "$work/nan.csv" 'select a, b, c, d, s | csv:'"$work/nan2.csv" -q &&
        "$weir" plot "$work/nan2.csv" -o "$work/nan.svg" 2>"$work/err" || return
    grep -q "'a' has no numbers" "$work/err" && grep -q "'c' has no numbers" "$work/err" && ! grep -q deleted "$work/err" &&
        grep -q '>b<' "$work/nan.svg" && grep -q '>d<' "$work/nan.svg" && ! grep -q '>a<' "$work/nan.svg" || return
    "$weir" plot "$work/nan2.csv" a -o "$work/none.svg" 2>"$work/err"
    same 1 $? && grep -q 'no numbers to draw' "$work/err"
}

# A recording of three runs, each from time 0: stages, whose memory would make the later two late, give what they gave live.
record_three() {
    for n in 40 25 33; do
        "$weir" run -q -n "$n" "synth:counter rate=max | record:$1" || return
    done
}

sessions() { # PROGRAM with SOURCE where its source stands; OPTIONS
    program=$1
    shift
    : >"$work/live"
    for n in 40 25 33; do
        "$weir" run -q -n "$n" "$(echo "$program" | sed 's/SOURCE/synth:counter rate=max/')" | tail -n +2 >>"$work/live"
    done
    "$weir" run -q --strict "$@" "$(echo "$program" | sed "s,SOURCE,replay:$work/three.rec speed=max,")" >"$work/again"
    same 0 $? && [ -s "$work/live" ] && tail -n +2 "$work/again" | cmp "$work/live" -
}

all_sessions() {
    record_three "$work/three.rec" || return
    while read -r program; do
        program=$(printf '%b' "$program")
        if ! sessions "$program" || ! sessions "$program" --threads=1; then
            echo "$program" >&2
            return 1
        fi
    done <<'END'
SOURCE | print format=csv
SOURCE | window 7ms count() as n, sum(value) as s | print format=csv
SOURCE | every 7 | print format=csv
SOURCE | skip 10 | select v = value / 2 | window 3ms step 2ms mean(v) as m | sort 9ms | print format=csv
s = SOURCE\na = s | window 4ms count() as n\nb = s | where value > 7 | window 5ms max(value) as m\njoin(a, b) | print format=csv
s = SOURCE\na = s | where value > 20\nb = s | where value < 30\nzip(a, b) | print format=csv
END
}

# Sinks see one stream, and the options of the run go for all of it; what ends before its source has ended for good.
one_run() {
    "$weir" run -q --strict -n 50 "s = replay:$work/three.rec speed=max
s | window 10ms count() as n | csv:$work/one.csv
s | limit 5 | csv:$work/five.csv" || return
    same 5 "$(tail -n +2 "$work/five.csv" | wc -l)" && same 1 "$(grep -c n "$work/one.csv")" &&
        same '10 10 10 10 10 ' "$(tail -n +2 "$work/one.csv" | cut -d, -f2 | tr '\n' ' ')"
}

# Recorded again it is the same recording; only where the clock began again does a replay begin again.
recorded_again() {
    "$weir" run -q "replay:$work/three.rec speed=max | record:$work/copy.rec" &&
        mv "$work/copy.rec" "$work/three.rec" && sessions 'SOURCE | window 7ms count() as n | print format=csv' &&
        "$weir" run -q 'synth:counter rate=max | select value | record:'"$work/on.rec" -n 10 &&
        "$weir" run -q 'synth:counter rate=max | where value > 9 | record:'"$work/on.rec" -n 20 &&
        same 1 "$("$weir" run -q --strict "replay:$work/on.rec speed=max | window 20ms count() as n | print" | wc -l)"
}

ok 'a replay gives the very bytes that the live run gave' live_is_replay
ok 'a recorder that is killed leaves what it had written, and another one goes on' crashes
ok 'a replay of three runs gives what each gave live' all_sessions
ok 'it is one run for its sinks and options' one_run
ok 'a recording of it has the three sessions' recorded_again
ok 'damage costs its block, and is told' damaged
ok 'of damage in two places, each counts once' damaged_twice
ok 'any name is a file' odd_name
ok 'record without a chain says what it wants' same 2 "$(status_of "$weir" record "$work/x.rec")"
ok 'a missing recording is a missing device' same 3 "$(status_of "$weir" replay "$work/none.rec")"
ok 'a recording that cannot be written is refused' same 3 "$(status_of "$weir" record /nowhere/x.rec 'synth:counter rate=max' -n 1)"
ok 'a plot is SVG or PNG' same 2 "$(status_of "$weir" plot "$work/live.rec" -o x.pdf)"
ok 'without gnuplot, plot says where it is' sh -c "PATH=/nowhere '$weir' plot '$work/live.rec' -o '$work/x.svg' 2>&1 | grep -q gnuplot-nox"
if command -v gnuplot >/dev/null; then
    ok 'plot draws an SVG' draws svg '<svg'
    ok 'plot draws a PNG' draws png PNG
    ok 'plot draws the other fields where one is all NaN' draws_the_rest
else
    echo 'skip - plot draws: no gnuplot'
fi
finish
