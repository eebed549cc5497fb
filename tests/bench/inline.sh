#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run in the rig by tests/bench/run: the early filter with its inline tier, on the rig's own device. A processor is emulated here,
# so times are good only beside each other.
set -eu
modprobe iio-play
for device in /sys/bus/iio/devices/iio:device*; do
    [ "$(cat "$device/name")" = play ] && break
done

# A buffer as the inline tier has it: short, and unread.
for channel in voltage8 voltage14 voltage15 voltage16 timestamp; do
    echo 1 >"$device/scan_elements/in_${channel}_en"
done
echo 2 >"$device/buffer/length"
echo 1 >"$device/buffer/enable"
WEIR_BENCH_IIO=${device##*device} build/tests/bench/bench_filter
