#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Dates that records bring with them: the time of day is told from them as from a live clock, whatever the source and the unit, and stamps
# that jump neither hang a run nor flood it.
. tests/cli/tap.inc

cd "$(dirname "$weir")" || exit 1
weir=$PWD/${weir##*/}
cd "$work" || exit 1
unset TZ

run() { # PROGRAM: its output; messages to $work/messages
    timeout 20 "$weir" run --stats none "$1" 2>messages
}

hours() { # SOURCE: hour, minute and weekday of its records
    run "$1 | select h = hour(t), m = minute(t), w = weekday(t) | print time=none" | tr '\n' ' '
}

says() { # WORDS
    grep -q -- "$1" messages || { cat messages >&2 && false; }
}

shows() { # EXPECTED PROGRAM
    same "$1" "$(export TZ=UTC; run "$2")"
}

in_zone() { # ZONE EXPECTED SOURCE
    same "$2" "$(TZ=$1 hours "$3")"
}

# 2023-11-14 22:13:20 and 2024-02-29 23:59:59, a Tuesday and a Thursday, UTC.
printf 'ts,v\n1700000000,1\n1709251199,2\n' >s.csv
printf 'ts,v\n1700000000000,1\n1709251199000,2\n' >ms.csv
printf 'ts,v\n1700000000000000,1\n1709251199000000,2\n' >us.csv
printf 'ts,v\n1700000000000000000,1\n1709251199000000000,2\n' >ns.csv
printf 'ts,v\n2023-11-14T22:13:20Z,1\n2024-03-01 01:59:59+02:00,2\n' >iso.csv
both='{"h":22,"m":13,"w":2} {"h":23,"m":59,"w":4} '
for unit in s ms us ns iso; do
    ok "csv in $unit knows the time of day" in_zone UTC "$both" "csv:$unit.csv time=ts unit=$unit"
done
ok 'local time is that of TZ' in_zone Asia/Kolkata '{"h":3,"m":43,"w":3} {"h":5,"m":29,"w":5} ' 'csv:s.csv time=ts unit=s'
ok 'and its summer time' in_zone Europe/Berlin '{"h":23,"m":13,"w":2} {"h":0,"m":59,"w":5} ' 'csv:s.csv time=ts unit=s'
run 'csv:ns.csv time=ts | record:dated.rec' >/dev/null
run 'csv:ns.csv time=ts | csv:copy.csv' >/dev/null
ok 'a recording of it too' in_zone UTC "$both" 'replay:dated.rec speed=max'
ok 'and what csv has written' in_zone UTC "$both" 'replay:copy.csv speed=max'
printf 't,v\n1700000000000000000,1\n1709251199000000000,2\n' >own.csv
ok 'and a program that tells them' in_zone UTC "$both" 'exec:"cat own.csv" out="v" time=own'
ok 'a condition takes them, and print shows them' shows '{"t":"2023-11-14T22:13:20.000000000Z","v":1}' \
    'csv:s.csv time=ts unit=s | where hour(t) == 22 and weekday(t) == 2 | print time=iso'

ok 'explain calls their clock realtime' sh -c "'$weir' explain 'csv:s.csv time=ts unit=s | null' | grep -q 'realtime clock'"

# Streams of one clock meet, whichever sources they come from; by number others do too, at the time of the first.
ok 'dated streams merge' shows '{"n":4}' 'a = csv:s.csv time=ts unit=s
b = replay:dated.rec speed=max
merge(a, b) | window 4 count() as n | print time=none'
ok 'zip takes streams of different clocks' shows '{"t":1700000000000000000,"a_v":1,"b_v":1}
{"t":1709251199000000000,"a_v":2,"b_v":2}' 'a = csv:s.csv time=ts unit=s
b = csv:s.csv[v]
zip(a, b) | print'
refuses() { # PROGRAM WORDS
    timeout 20 "$weir" check "$1" >messages 2>&1
    [ $? -eq 2 ] && says "$2"
}
ok 'merge refuses them, if one is live' refuses 'a = csv:s.csv time=ts unit=s
b = synth:sine rate=1Hz
merge(a, b) | null' 'realtime clock'
ok 'a merge of dates and of times that are only counted has none' refuses 'a = csv:s.csv time=ts unit=s
b = csv:s.csv[v]
merge(a, b) | where hour(t) == 1 | null' 'needs a clock'
ok 'a stream that is only counted has no time of day' refuses 'csv:s.csv | where hour(t) == 3 | null' 'time=COLUMN'

# Before the year 2000 there are no dates.
printf 'ts,v\n946684799,1\n946684800,2\n' >old.csv
ok 'a stamp before the year 2000 is no date' in_zone UTC '{"h":null,"m":null,"w":null} {"h":0,"m":0,"w":6} ' \
    'csv:old.csv time=ts unit=s'
ok 'which is said' says 'before the year 2000'

# Records come at their distances, but nobody waits across a hole.
ms() {
    awk '{ printf "%d", $1 * 1000 }' /proc/uptime
}
printf 'ts,v\n0,1\n300,2\n90000000,3\n90000300,4\n-9000000000,5\n-8999999700,6\n' >holes.csv
run 'csv:holes.csv time=ts unit=ms | record:holes.rec' >/dev/null
takes() { # LEAST MOST SOURCE: ms
    began=$(ms)
    run "$3 | null" && took=$(($(ms) - began)) && [ "$took" -ge "$1" ] && [ "$took" -le "$2" ]
}
ok 'csv at its own pace leaves holes out' takes 850 5000 'csv:holes.csv time=ts unit=ms speed=1'
ok 'and says so' says 'hole of more than 3600 s'
ok 'so does a replay' takes 850 5000 replay:holes.rec
ok 'gap= says what a hole is' takes 0 500 'replay:holes.rec gap=100ms'
ok 'they are counted' sh -c "'$weir' run 'replay:holes.rec gap=1ms | null' 2>&1 | grep -q '5 holes in time'"
ok 'a slow raster has none' sh -c "timeout 1 '$weir' run -q 'csv:s.csv rate=0.0001Hz | null'; [ \$? -eq 124 ]"

# The ends of what a time can be.
printf 't,x\n-9223372036854775808,0\n9223372036854775800,1\n9223372036854775801,2\n9223372036854775807,3\n' >ends.csv
for stage in 'heartbeat 1s' 'heartbeat 1ms' 'resample rate=1kHz' 'window 1s count() as n' 'window 100s step 1ms max(x) as m' \
    'window session 1s count() as n' 'every 1s' 'throttle 1s keep=last' 'ramp x rate=1 every=100ms' 'timeout 1s' 'sort 1s' 'delay 2' \
    'debounce 1s x' 'slowpwm x period=1s'; do
    ok "$stage stands the ends of time" sh -c "timeout 20 '$weir' run -q 'csv:ends.csv time=t | $stage | print' >out && [ \$(wc -l <out) -le 1100000 ]"
done
for pace in max 1; do
    ok "so do joins and merges, at speed=$pace" sh -c "timeout 20 '$weir' run -q 'a = csv:ends.csv time=t speed=$pace
b = csv:s.csv time=ts unit=s
join(a, b, within=1s, missing=null) | print
merge(a, b) | print
zip(a, b) | print
a on b | print' >out && [ \$(wc -l <out) -ge 10 ]"
done
finish
