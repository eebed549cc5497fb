#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Channels polled through sysfs: what the device answered is what arrives, at the period, until it goes away.
set -u
# shellcheck source=device.lib
. tests/kernel/device.lib

plug -x seq --poll-log "$dir/log" --start "file:$dir/never"
timeout 30 $weir run -n 40 "iio:accel_3d[x] poll=50ms | select i = raw(x) | csv:$dir/got.csv" >"$dir/messages" 2>&1
column 2 "$dir/got.csv" >"$dir/values"
first=$(head -n 1 "$dir/values")
[ -n "$first" ] && seq "$first" $((first + 39)) | cmp -s - "$dir/values"
say $? 'each reading is one question to the device, and its answer'

column 1 "$dir/got.csv" | awk 'NR == 1 { first = $1 } END { span = ($1 - first) / 1e6; exit !(span > 1900 && span < 2000) }'
say $? 'forty readings 50 ms apart take 1950 ms: delays do not add up'

$weir run "iio:accel_3d[x,y,z] poll=20ms | null" >"$dir/messages" 2>&1 &
pid=$!
sleep 0.5
unplug
wait $pid
[ $? -eq 3 ] && grep -q "'accel_3d'" "$dir/messages"
say $? 'a device that vanishes ends the run with its name and exit code 3'

timeout 30 $weir run -n 3 "iio:weir-dummy[voltage0,steps] poll=10ms | csv:$dir/got.csv" >"$dir/messages" 2>&1
[ "$(column 2,3 "$dir/got.csv" | sort -u)" = 0.10664,47 ]
say $? 'raw, offset and scale for one channel, a processed value for the other'

timeout 30 $weir run "iio:weir-dummy poll=10ms rate=5Hz | null" >"$dir/messages" 2>&1
[ $? -eq 2 ]
say $? 'poll= and rate= exclude each other'

exit $status
