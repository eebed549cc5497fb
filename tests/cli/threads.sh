#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What comes out is the same, byte for byte, for any number of threads, any size of rings, and live as from recordings: for each way in
# which streams come together and part.
. tests/cli/tap.inc

# A lateness beyond all that a busy machine may take: then nothing is late, and the end lets out what waited.
program() { # SOURCE-A SOURCE-B DIRECTORY
    mkdir -p "$work/$3"
    cat <<EOF2
a = $1
b = $2
high, low = a | split value > 0
u, v = zip(a, b) | select u = a_value, v = b_value | unzip u, v
both = merge(high, b, u, lateness=60s, tag=who)
zip(a, b) | window 7 step 3 mean(a_value) as m, last(b_value) as l | csv:$work/$3/zip.csv
join(low, b, within=2ms, missing=null, lateness=60s) | csv:$work/$3/join.csv
on(high, b, lateness=60s) | csv:$work/$3/on.csv
both | csv:$work/$3/merge.csv
both | where value > 0.5 | window 20ms step 15ms count() as n, max(value) as top lateness=60s | csv:$work/$3/window.csv
low | window session 900us count() as n, first(value) as f lateness=60s | csv:$work/$3/session.csv
v | where v > 0.9 | heartbeat 7ms lateness=60s | csv:$work/$3/beat.csv
EOF2
}

run() { # DIRECTORY OPTION…
    name=$1
    shift
    "$weir" run -q "$@" "$work/$name.weir"
}

all_of() { # DIRECTORY: every output, and none is empty
    for file in zip join on merge window session beat; do
        [ "$(wc -l <"$work/$1/$file.csv")" -gt 10 ] || return 1
        echo "$file"
        cat "$work/$1/$file.csv"
    done
}

nominal() { # DIRECTORY
    program 'synth:noise rate=max seed=1' 'synth:noise rate=max seed=2 | skip 3' "$1" >"$work/$1.weir"
}

same_for() { # OPTION…: as with the defaults
    nominal other
    run other -n 3000 "$@" && all_of other >"$work/other.all" && cmp "$work/plain.all" "$work/other.all"
}

live_is_replay() { # THREADS
    rm -f "$work/a.rec" "$work/b.rec"
    program 'synth:noise rate=5kHz seed=1' 'synth:noise rate=4kHz seed=2' live >"$work/live.weir"
    printf '%s\n' "a | record:$work/a.rec" "b | record:$work/b.rec" >>"$work/live.weir"
    program "replay:$work/a.rec speed=max" "replay:$work/b.rec speed=max" again >"$work/again.weir"
    run live -n 2000 --threads="$1" && run again && all_of live >"$work/live.all" && all_of again >"$work/again.all" &&
        cmp "$work/live.all" "$work/again.all"
}

nominal plain
run plain -n 3000 && all_of plain >"$work/plain.all" || exit 1
for threads in 1 2 4; do
    ok "$threads threads" same_for --threads=$threads
done
ok 'the smallest of rings' same_for --ring=1
ok 'the smallest of rings, 2 threads' same_for --ring=1 --threads=2
ok 'from recordings as live on four threads' live_is_replay 4
ok 'from recordings as live on one thread' live_is_replay 1
finish
