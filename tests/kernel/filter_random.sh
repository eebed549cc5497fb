#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Random conditions on random samples give the same records inline, in the batch tier and in user space; random_filters.c
# tells how. WEIR_FILTER_PAIRS and WEIR_FILTER_SEED make it longer, and another. Runs in the rig, as root.
set -u

test=build/tests/kernel/random_filters
[ -x $test ] || { echo "no $test: built by 'make tools'" >&2; exit 77; }
[ -e /dev/uhid ] || { echo 'no /dev/uhid: runs in the rig' >&2; exit 77; }
modprobe iio-play || { echo 'no module iio-play: runs in the rig' >&2; exit 77; }
CMOCKA_MESSAGE_OUTPUT=tap $test
status=$?
modprobe -r iio-play
exit $status
