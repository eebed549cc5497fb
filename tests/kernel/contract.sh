#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What test_contract_sources and test_contract_ends prove of all drivers, of those that need a device: the sources can,
# gpio, iio, input and v4l2, the outputs gpio and iio.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need $tools/uinput_feed $tools/can_send build/tests/unit/test_contract_sources build/tests/unit/test_contract_ends

plug -x seq --start now
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 2>"$dir/messages"
say $? 'the kernel has a camera of its own: vivid'
# Until it is killed: how long the test takes depends on what else the machine does.
$tools/gpio_feed DOOR -r 2000 --start now 2>/dev/null &
feeder_of_edges=$!
modprobe -a evdev uinput
while :; do echo 'burst 20' && sleep 0.02; done | $tools/uinput_feed panel >/dev/null &
feeder_of_packets=$!
modprobe -a can-raw vcan && ip link add dev vcan0 type vcan && ip link set vcan0 up
$tools/can_send vcan0 0x123 0102 1000000000 500 2>/dev/null &
feeder_of_frames=$!
contract() { # TEST
    WEIR_CONTRACT_DEVICES=1 CMOCKA_MESSAGE_OUTPUT=tap build/tests/unit/test_contract_"$1" >"$dir/messages" 2>&1
}

contract sources
rc=$?
kill $feeder_of_edges $feeder_of_packets $feeder_of_frames 2>/dev/null
[ $rc -eq 0 ]
say $? 'can, gpio, iio, input and v4l2 keep within the rows that they are asked for'
contract ends
say $? 'the outputs gpio and iio take every value, and park after each'

exit $status
