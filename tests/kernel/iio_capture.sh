#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Buffered capture of a real IIO device: every sample that was fed arrives, with its value, in both back ends of the loop.
# Axis x of what is fed is a sequence number.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# The first samples that were fed, in order, unchanged, at times that never go back.
intact() { # CSV LOG SAMPLES
    column 2,3 "$1" >"$dir/values"
    tail -n +2 "$2" | cut -d, -f2,3 | head -n "$3" >"$dir/fed_values"
    [ "$(wc -l <"$dir/values")" -eq "$3" ] && cmp "$dir/values" "$dir/fed_values" >>"$dir/messages" 2>&1 &&
        column 1 "$1" | sort -nc 2>>"$dir/messages"
}

# More is fed than taken, because what lies below the watermark at the end of a feed wakes nobody.
capture() { # NAME IO RATE SAMPLES ARGUMENTS
    plug -r "$3" -n $(($4 + 512)) -x seq -y noise:1000,5 --log "$dir/log"
    timeout 60 "$weir" run --strict --stats=json --io="$2" -n "$4" \
        "iio:accel_3d[x,y,z] $5 | select i = raw(x), y = raw(y) | csv:$dir/got.csv" >"$dir/messages" 2>&1 &&
        unplug && [ "$(count device "$dir/messages")" = 0 ] && intact "$dir/got.csv" "$dir/log" "$4"
    say $? "$1"
    unplug
    rm -f "$dir/got.csv" "$dir/log"
}

capture 'poll: 2000/s, each sample as it was fed' poll 2000 6000 ''
capture 'uring: 2000/s, each sample as it was fed' uring 2000 6000 ''
capture 'poll: as fast as can be fed, each sample as it was fed' poll 0 100000 buffer=65536
capture 'uring: as fast as can be fed, each sample as it was fed' uring 0 100000 buffer=65536
capture 'the watermark may be as long as the buffer' poll 25 48 'buffer=16 watermark=16'

# HID drivers push whole scans whatever is enabled: one channel alone must still be that channel.
plug -r 500 -n 600 -x const:7 -y const:8 -z seq --log "$dir/log"
timeout 30 $weir run -n 500 "iio:accel_3d[z] | select i = raw(z) | csv:$dir/got.csv" >"$dir/messages" 2>&1
column 2 "$dir/got.csv" >"$dir/values"
seq 0 499 | cmp - "$dir/values"
say $? 'one channel of a driver that pushes them all is that channel'
unplug

# The end of a capture lies below the watermark and wakes nobody.
plug -r 500 -n 100 -x seq
timeout 30 $weir run --for=1s "iio:accel_3d buffer=1024 watermark=512 | select i = raw(accel_x) | csv:$dir/got.csv" \
    >"$dir/messages" 2>&1
[ "$(column 2 "$dir/got.csv" | tail -n 1)" = 99 ]
say $? 'what lies below the watermark at the end is read'
unplug

plug -r 500 -n 100 -x seq
for io in poll uring; do
    timeout 10 $weir run -q --io=$io -n 100 'iio:accel_3d buffer=1024 watermark=512 | null' 2>"$dir/messages"
    say $? "$io: so is it when the sensor falls silent"
    unplug
    plug -r 500 -n 100 -x seq
done
unplug

plug -r 200 -x seq
timeout 30 $weir run -n 100 "iio:accel_3d clock=realtime | csv:$dir/got.csv" >"$dir/messages" 2>&1
now=$(date +%s)
stamp=$(column 1 "$dir/got.csv" | tail -n 1)
[ -n "$stamp" ] && [ $((now - stamp / 1000000000)) -ge 0 ] && [ $((now - stamp / 1000000000)) -lt 10 ]
say $? 'clock=realtime stamps with the wall clock'
unplug

exit $status
