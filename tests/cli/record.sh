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

odd_name() {
    "$weir" record "$work/a \"b\" \\c.rec" 'synth:counter rate=max' -n 3 -q && same 3 "$("$weir" replay "$work/a \"b\" \\c.rec" -q | wc -l)"
}

draws() { # ENDING MAGIC
    "$weir" record "$work/p$1.rec" 'synth:sine rate=max freq=3Hz | select value, high = value > 0' -n 1000 -q
    "$weir" plot "$work/p$1.rec" -o "$work/plot.$1" && head -c 200 "$work/plot.$1" | grep -aq "$2"
}

ok 'a replay gives the very bytes that the live run gave' live_is_replay
ok 'a recorder that is killed leaves what it had written, and another one goes on' crashes
ok 'damage costs its block, and is told' damaged
ok 'any name is a file' odd_name
ok 'record without a chain says what it wants' same 2 "$(status_of "$weir" record "$work/x.rec")"
ok 'a missing recording is a missing device' same 3 "$(status_of "$weir" replay "$work/none.rec")"
ok 'a recording that cannot be written is refused' same 3 "$(status_of "$weir" record /nowhere/x.rec 'synth:counter rate=max' -n 1)"
ok 'a plot is SVG or PNG' same 2 "$(status_of "$weir" plot "$work/live.rec" -o x.pdf)"
ok 'without gnuplot, plot says where it is' sh -c "PATH=/nowhere '$weir' plot '$work/live.rec' -o '$work/x.svg' 2>&1 | grep -q gnuplot-nox"
if command -v gnuplot >/dev/null; then
    ok 'plot draws an SVG' draws svg '<svg'
    ok 'plot draws a PNG' draws png PNG
else
    echo 'skip - plot draws: no gnuplot'
fi
finish
