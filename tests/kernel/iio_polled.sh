#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Channels polled through sysfs: what the device answered is what arrives, at the period, until it goes away.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

plug -x seq --poll-log "$dir/log" --start "file:$dir/never"
timeout 30 $weir run --stats=json -n 40 "iio:accel_3d[x] poll=50ms | select i = raw(x) | csv:$dir/got.csv" >"$dir/messages" 2>&1
column 2 "$dir/got.csv" >"$dir/values"
first=$(head -n 1 "$dir/values")
[ -n "$first" ] && seq "$first" $((first + 39)) | cmp -s - "$dir/values"
say $? 'each reading is one question to the device, and its answer'

# However late a reading is, the next one is due on the raster of the first; those that find no time are counted.
lost=$(count device "$dir/messages")
column 1 "$dir/got.csv" | awk -v lost="$lost" '
    NR == 1 { first = $1 }
    END { missed = ($1 - first) / 5e7 - 39 - lost; print "missed", missed; exit missed < -0.9 || missed > 0.9 }' \
    >>"$dir/messages"
say $? 'forty readings and those that were missed span as many periods'

$weir run "iio:accel_3d[x,y,z] poll=20ms | null" >"$dir/messages" 2>&1 &
pid=$!
sleep 0.5
unplug
wait $pid
rc=$?
[ $rc -eq 3 ] && grep -q "'accel_3d'" "$dir/messages"
say $? 'a device that vanishes ends the run with its name and exit code 3'

timeout 30 $weir run -n 3 "iio:weir-dummy[voltage0,steps] poll=10ms | csv:$dir/got.csv" >"$dir/messages" 2>&1
[ "$(column 2,3 "$dir/got.csv" | sort -u)" = 0.10664,47 ]
say $? 'raw, offset and scale for one channel, a processed value for the other'

timeout 30 $weir run "iio:weir-dummy poll=10ms rate=5Hz | null" >"$dir/messages" 2>&1
rc=$?
[ $rc -eq 2 ]
say $? 'poll= and rate= exclude each other'

exit $status
