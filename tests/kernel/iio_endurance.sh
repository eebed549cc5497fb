#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Some time, a minute in CI, at the highest rate that the emulated machine sustains also when its host is busy: nothing is lost. (Flat out it is
# 50 to 65 k/s; then the kernel's FIFO overflows now and then, and weir says by how much.) Axis x counts the samples.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

seconds=${WEIR_ENDURANCE_SECONDS:-10} # 60 in CI
rate=20000

plug -r $rate -n 0 -x seq -y const:-7
timeout $((seconds + 40)) $weir run --strict --stats=json --for="${seconds}s" \
    "iio:accel_3d[x,y] buffer=65536 watermark=1024 | select i = raw(x), y = raw(y) | csv:$dir/got.csv" >"$dir/messages" 2>&1
say $? "a run of $seconds s at $rate/s ends well under --strict"
unplug

in=$(count in "$dir/messages")
mv "$dir/messages" "$dir/summary"
echo "$in samples, $((in / seconds))/s" >"$dir/messages"
column 2,3 "$dir/got.csv" | awk -F, -v in_total="$in" '
    $1 != NR - 1 || $2 != -7 { print "sample " NR - 1 ": " $0; exit 1 }
    END { if (NR != in_total) { print NR " of " in_total; exit 1 } }' >>"$dir/messages"
whole=$?
cat "$dir/summary" >>"$dir/messages"
say $whole 'each sample is there, in order, with its values'
[ "$in" -ge $((seconds * rate * 3 / 4)) ]
say $? 'the feeder kept the rate'
exit $status
