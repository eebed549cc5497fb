#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Edges of both kinds begin with a record of the level as it stands: in every tier and back end, debounced and filtered, whatever the
# line does just then, and once for each chain, also when a program is read again. And what is counted is told to the last edge.
# tries: 3
# processors: 1
# shellcheck disable=SC2154,SC2317 # called by name
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
unset WEIR_INLINE_HOOK
PATH=$PWD/build:$PATH
need build/weir-guard

quit() {
    end_guard
    finish
}
trap quit EXIT

pull() { # OFFSET up|down
    echo "pull-$2" >"$sim/sim_gpio$1/pull"
}

is_taken() { # N lines
    [ "$(grep -c '(weir *)' /sys/kernel/debug/gpio)" -eq "$1" ]
}

run() { # OPTION… PROGRAM
    timeout 20 $weir run --strict "$@" >"$dir/output" 2>"$dir/messages"
    rc=$?
}

rows() { # NAME: level,line_seq of each record
    tail -n +2 "$dir/$1.csv" | cut -d, -f2,3 | tr '\n' ' '
}

all() { # up|down: the lines that are fed
    for offset in 1 4 5 6 7 8 10 11; do
        pull $offset "$1"
    done
}

# Each line is up, goes down, and up again after 60 ms, once weir has them all.
door="door = gpio:DOOR clock=realtime
    door | where t > 0 | csv:$dir/door.csv
    door | csv:$dir/same.csv"
lines="    gpio:LINE4 | where not level | csv:$dir/dropped.csv
    gpio:LINE5 | where level | csv:$dir/passed.csv
    gpio:LINE6 active_low | csv:$dir/low.csv
    gpio:LINE7 glitch=20ms | csv:$dir/glitch.csv
    gpio:LINE8 initial=no | csv:$dir/none.csv
    gpio:LINE10 edges=rising | csv:$dir/rising.csv
    gpio:LINE11 pulse_max=1s | csv:$dir/pulse.csv"

# A filter in the kernel has one chain behind it: demanding one for a source of two chains is an error.
program() { # TIER
    case $1 in
    batch) echo "gpio:DOOR clock=realtime | where line_seq >= 0 | csv:$dir/door.csv" ;;
    *) echo "$door" ;;
    esac
    echo "$lines"
}

feed_all() { # TIER IO
    all up
    rm -f "$dir"/*.csv
    tier=$1
    before=$(date +%s%N)
    $weir run --strict --filter-tier="$1" --io="$2" "$(program "$1")" >"$dir/output" 2>"$dir/messages" &
    pid=$!
    await is_taken 8
    sleep 0.2
    all down
    sleep 0.06
    all up
    sleep 0.1
    kill -TERM $pid
    wait $pid
    rc=$?
}

expect() { # NAME ROWS
    [ "$(rows "$1")" = "$2" ] && return
    echo "$1: $(rows "$1")" >>"$dir/messages"
    good=false
}

judge() { # WHAT
    good=true
    expect door '1,0 0,1 1,2 '
    [ "$tier" = batch ] || expect same '1,0 0,1 1,2 '
    expect dropped '0,1 '
    expect passed '1,0 1,2 '
    expect low '0,0 1,1 0,2 '
    expect glitch '1,0 0,1 1,2 '
    expect none '0,1 1,2 '
    expect rising '1,1 '
    expect pulse ''
    first=$(column 1 "$dir/door.csv" | head -n 1)
    [ $rc -eq 0 ] && [ "${first:-0}" -gt "$before" ] && [ "$(column 1 "$dir/door.csv" | sort -n | head -n 1)" = "$first" ] &&
        $good
    say $? "$1: each line's level, before its edges, and none with initial=no, edges=rising or pulses"
}

feed_all user poll
judge 'user, poll'
feed_all batch uring
judge 'batch, uring'
feed_all auto uring
judge 'the best tier for each'
grep -q 'filtered in the kernel (f*entry\|filtered in the kernel (kprobe' "$dir/messages"
say $? 'of which that of pulses is the inline one'
feed_two() { # ARGUMENTS: one line, debounced by the kernel for example
    pull 1 up
    rm -f "$dir"/*.csv
    $weir run --strict "gpio:DOOR $1 | csv:$dir/got.csv" >"$dir/output" 2>"$dir/messages" &
    pid=$!
    await is_taken 1
    sleep 0.1
    pull 1 down
    sleep 0.06
    pull 1 up
    sleep 0.1
    kill -TERM $pid
    wait $pid
}
feed_two debounce=5ms
[ "$(rows got)" = '1,0 0,1 1,2 ' ]
say $? 'debounced by the kernel'
run 'gpio:DOOR edges=rising initial=yes | null'
[ $rc -eq 2 ] && grep -q 'initial= needs edges=both' "$dir/messages"
say $? 'to ask for it with edges of one kind is an error'

# It is a record as others are: for a limit, a recording and its replay, an output, and stages that go by time.
pull 1 up
pull 0 down
run -n 1 "gpio:DOOR | record:$dir/door.record"
[ $rc -eq 0 ] && $weir run -q "replay:$dir/door.record | csv:$dir/again.csv" 2>>"$dir/messages" && [ "$(rows again)" = '1,0 ' ]
say $? 'with -n 1 it is the only one, and a recording has it'
run -n 1 "gpio:BUTTON glitch=5ms | csv:$dir/glitch.csv"
[ $rc -eq 0 ] && [ "$(rows glitch)" = '0,0 ' ]
say $? 'a line that is low says so, also with a filter'
for stages in 'gpio:DOOR | ' 'gpio:DOOR | changed level | every 2 | switch on level off not level | ' 'a = gpio:DOOR; a | null; a | '; do
    $weir run -q "${stages}gpio:LAMP" >/dev/null 2>"$dir/messages" &
    pid=$!
    await lamp_is 1
    say $? "an output follows it: ${stages}gpio:LAMP"
    kill -TERM $pid
    wait $pid
done
run --for 900ms "gpio:DOOR | heartbeat 200ms | csv:$dir/beats.csv
    gpio:BUTTON | csv:$dir/button.csv"
[ $rc -eq 0 ] && [ "$(column 2 "$dir/beats.csv" | grep -c 1)" -ge 3 ] && [ "$(rows button)" = '0,0 ' ]
say $? 'heartbeat goes on from it'

# A line that never rests: what the first edge turns it to, it was not before.
turn() {
    while :; do
        pull 1 down
        pull 1 up
    done
}
turn &
turner=$!
wrong=
for io in poll uring; do
    for arguments in '' glitch=1us; do
        run -n 3 --io=$io "gpio:DOOR $arguments buffer=16 | csv:$dir/got.csv"
        # shellcheck disable=SC2046 # a word each
        set -- $(column 2 "$dir/got.csv")
        if [ "$1" = "$2" ] || [ "$(column 3 "$dir/got.csv" | head -n 1)" != 0 ] || [ "$(column 1 "$dir/got.csv")" != "$(column 1 "$dir/got.csv" | sort -n)" ]; then
            wrong="$wrong $io/$arguments: $(rows got);"
        fi
        rm -f "$dir/got.csv"
    done
done
kill $turner
wait $turner 2>/dev/null
echo "wrong:$wrong" >>"$dir/messages"
[ -z "$wrong" ]
say $? 'of a line that is moving it is what was before the first edge'

# Lost edges are counted by their numbers, of which 0 is none.
$weir run --strict --stats=json "gpio:DOOR buffer=16 | csv:$dir/lossy.csv" >"$dir/messages" 2>&1 &
pid=$!
await is_taken 1
await has_lines "$dir/lossy.csv" 2
kill -STOP $pid
$tools/gpio_feed DOOR -n 200 -r 400 --start now 2>/dev/null
kill -CONT $pid
await has_lines "$dir/lossy.csv" 8
kill -INT $pid
wait $pid
rc=$?
last=$(column 3 "$dir/lossy.csv" | tail -n 1)
[ $rc -eq 4 ] && [ $(($(column 1 "$dir/lossy.csv" | wc -l) - 1 + $(count device "$dir/messages"))) -eq "$last" ]
say $? 'and lost edges are counted exactly all the same'

# --- read again ------------------------------------------------------------------
has_told() { # FILE N: so many records of how things stand
    [ "$(column 3 "$dir/$1.csv" | grep -cx 0)" -eq "$2" ]
}

has_run() { # N
    [ "$(grep -c 'records in' "$dir/messages")" -ge "$1" ]
}

pull 1 up
cat >"$dir/program.weir" <<END
door = gpio:DOOR
door | csv:$dir/old.csv append
END
setsid $weir run "$dir/program.weir" >/dev/null 2>"$dir/messages" &
pid=$!
await has_lines "$dir/old.csv" 2
cat >>"$dir/program.weir" <<END
door | csv:$dir/new.csv append
gpio:BUTTON | where not level | csv:$dir/button.csv append
END
rm -f "$dir/button.csv"
kill -HUP $pid
await has_run 1
await has_lines "$dir/button.csv" 2
await has_lines "$dir/new.csv" 2
has_told old 1 && has_told new 1 && has_told button 1
say $? 'after a reload only chains that are new are told'
pull 1 down
await has_lines "$dir/old.csv" 3
await has_lines "$dir/new.csv" 3
[ "$(rows old)" = '1,0 0,1 ' ] && [ "$(rows new)" = '1,0 0,1 ' ]
say $? 'and both of them of what comes then'
kill -HUP $pid
await has_run 2
await is_taken 2
pull 1 up
await has_lines "$dir/old.csv" 4
kill -TERM $pid
wait $pid
has_told old 1 && has_told new 1 && has_told button 1
say $? 'nor is anybody told by a reload of the same'

# --- counts ----------------------------------------------------------------------
sum() { # NAME
    column 2 "$dir/$1.csv" | awk '{ sum += $1 } END { print sum + 0 }'
}

counts="gpio:LINE9 count=1h | csv:$dir/hour.csv
    gpio:LINE12 count=1h edges=both | csv:$dir/both.csv
    gpio:LINE13 count=1h glitch=2ms | csv:$dir/clean.csv
    gpio:LINE14 count=300ms | csv:$dir/often.csv
    gpio:LINE15 count=1h | csv:$dir/none.csv"
pull 13 down
for how in 'inline term' 'user term' 'user for'; do
    tier=${how% *}
    rm -f "$dir"/*.csv
    option=--for=20s
    [ "${how#* }" = term ] || option=--for=3s
    $weir run --filter-tier="$tier" "$option" "$counts" >/dev/null 2>"$dir/messages" &
    pid=$!
    await is_taken 5
    sleep 0.1
    for line in LINE9 LINE12 LINE14; do
        $tools/gpio_feed $line -n 20 -r 50 --start now 2>/dev/null
    done
    # No pulse of these is short, however late the machine is.
    for _ in 1 2 3; do
        pull 13 up
        sleep 0.02
        pull 13 down
        sleep 0.02
    done
    [ "${how#* }" = for ] || kill -TERM $pid
    wait $pid
    echo "hour $(sum hour) both $(sum both) clean $(sum clean) often $(sum often)" >>"$dir/messages"
    [ "$(sum hour)" -eq 10 ] && [ "$(sum both)" -eq 20 ] && [ "$(sum clean)" -eq 3 ] && [ "$(sum often)" -eq 10 ] &&
        [ "$(column 1 "$dir/none.csv" | wc -l)" -eq 0 ] && [ "$(column 1 "$dir/hour.csv" | wc -l)" -eq 1 ]
    say $? "$how: pulses since the last record come out at the end"
done

exit $status
