#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A long live run of all that keeps something between records: windows by count and by time, a zip, a join, a switch, a function,
# a program started anew for each window, a recording. Its memory and its descriptors stay what they were after the first tenth;
# every record that went in is in the recording; and the recording, played as fast as it goes, gives the same bytes as the live
# run. WEIR_SOAK_SECONDS=600 is the real thing.
# tries: 3
set -u
. tests/cli/tap.inc

[ -n "${WEIR_SOAK_SECONDS:-}" ] || { echo 'takes long: WEIR_SOAK_SECONDS=12 runs it, 600 is the real thing' >&2; exit 77; }
is_sanitized && { echo 'sanitizers keep memory of their own' >&2; exit 77; }
functions=$(dirname "$weir")/tests/call/functions.so
dir=$work
seconds=$WEIR_SOAK_SECONDS
rate=1000
n=$((seconds * rate))
warm=$((seconds / 10 > 5 ? seconds / 10 : 5)) # seconds; by then each ring has been written all over once
private_kb=256
# Memory for blocks is taken at the start and touched as far as blocks are full, which is when this machine has been held up.
resident_kb=1024

# An instance of the program is at most one pipe each way and a descriptor of the process.
cat >"$dir/sum" <<'END'
awk -F, 'NR > 1 { sum += $3 } END { printf "%d,%.17g\n", NR - 1, sum }'
END

say() { # RESULT WHAT-IT-PROVES; on failure shows what weir said
    ok "$2" [ "$1" -eq 0 ]
    [ "$1" -eq 0 ] || sed 's/^/    /' "$dir/messages"
}

column() { # N CSV: without the header
    tail -n +2 "$2" | cut -d, -f"$1"
}

what_follows() { # DIRECTORY: what is done with the stream `pair`, live and again
    cat <<END
pair | window 100 step 10 mean(x) as m, max(i) as last, median(y) as middle, slope(x) as slope | csv:$1/count.csv
pair | window 250ms step 100ms count() as n, rms(x) as level lateness=5s | csv:$1/time.csv
pair | switch on x > 1 off x < -1 | csv:$1/switch.csv
pair | call "$functions:twice" | every 10 | csv:$1/call.csv
pair | exec "sh $dir/sum" window=1000 out="n:int, sum" | csv:$1/exec.csv
END
}

live() {
    cat <<END
number = synth:counter rate=${rate}Hz | select i = value
wave = synth:sine rate=${rate}Hz freq=3Hz amplitude=2 | select x = value
both = zip(number, wave)
twin = both | select y = 2 * x
pair = join(both, twin, within=400us, lateness=5s)
pair | record:$dir/pair.rec
END
    what_follows "$dir/live"
}

# Seconds, resident and private memory in KiB (the heap and all else that grows), descriptors.
look() { # PID
    awk -v at="$(($(date +%s) - began))" -v fds="$(find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l)" '
        /^VmRSS/ { rss = $2 } /^VmData/ { data = $2 } END { if (rss) print at, rss, data, fds }' "/proc/$1/status"
}

watch() { # PID
    while kill -0 "$1" 2>/dev/null; do
        look "$1" 2>/dev/null >>"$dir/looks"
        sleep 0.5
    done
}

# From the first tenth to the rest, but for the end, when all is flushed: by how much the most memory grew; the fewest descriptors, those of no program, and
# by how many the most exceeded them; looks before and after.
growth() {
    awk -v warm="$warm" -v end="$(tail -n 1 "$dir/looks" | cut -d" " -f1)" '
        function least(a, b) { return a && a < b ? a : b }
        function most(a, b) { return a > b ? a : b }
        $1 < 1 || $1 > end - 3 { next }
        { late = $1 > warm; n[late]++; rss[late] = most(rss[late], $2); data[late] = most(data[late], $3) }
        { fds[late] = least(fds[late], $4); top = most(top, $4) }
        END { print rss[1] - rss[0], data[1] - data[0], fds[1] - fds[0], top - fds[1], n[0] + 0, n[1] + 0, rss[1] + 0,
              data[1] + 0, fds[1] + 0 }' "$dir/looks"
}

mkdir "$dir/live" "$dir/again"
: >"$dir/looks"
live >"$dir/live.weir"
timeout $((seconds + 60)) "$weir" run --strict --stats=json --ring=2048 -n $n "$dir/live.weir" >"$dir/messages" 2>&1 &
job=$!
await pgrep -P $job
await test -s "$dir/pair.rec"
began=$(date +%s)
watch "$(pgrep -P $job)"
wait $job
say $? "a live run of $seconds s ends well under --strict"

growth >"$dir/growth"
read -r rss data fds programs before after top_rss top_data top_fds <"$dir/growth"
mv "$dir/messages" "$dir/summary"
echo "after $warm s: resident +$rss of $top_rss KiB, private +$data of $top_data KiB, descriptors +$fds of $top_fds" >"$dir/messages"
sed 's/^/# /' "$dir/messages"
if [ "$before" -eq 0 ] || [ "$after" -eq 0 ]; then
    echo 'skip - memory and descriptors: this machine was too busy to look'
else
    [ "$rss" -le $resident_kb ] && [ "$data" -le $private_kb ]
    say $? 'its memory stays flat after the first tenth'
    # Two belong to a program, if one happened to run at each look. Many more than two have run by now.
    [ "$fds" -le 2 ] && [ "$programs" -le 8 ]
    say $? 'it keeps no descriptor of the programs that it ran'
fi

{
    echo "pair = replay:$dir/pair.rec speed=max"
    what_follows "$dir/again"
    echo "pair | csv:$dir/again/pair.csv"
} >"$dir/again.weir"
"$weir" run --strict --stats=json "$dir/again.weir" >"$dir/messages" 2>&1
say $? 'its recording can be played'
column 2 "$dir/again/pair.csv" | awk -v n=$n '$1 != NR - 1 { print "record " NR - 1 ": " $1; exit 1 }
    END { if (NR != n) { print NR " of " n; exit 1 } }' >>"$dir/messages"
say $? 'the recording has every record, in order'
column 2 "$dir/live/exec.csv" | awk -v n=$n '{ sum += $1 } END { exit sum != n }'
say $? 'each record went to one of the programs'
for part in count time switch call exec; do
    cmp "$dir/live/$part.csv" "$dir/again/$part.csv" >>"$dir/messages" 2>&1 && [ "$(wc -l <"$dir/live/$part.csv")" -gt 5 ]
    say $? "$part: the recording gives the same bytes as the live run"
done
finish
