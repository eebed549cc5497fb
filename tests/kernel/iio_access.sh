#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An ordinary user follows the advice of `weir doctor` to the letter, and can then do what was refused before.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

udevd=/lib/systemd/systemd-udevd
need $udevd
timer=/sys/kernel/config/iio/triggers/hrtimer/made-by-root
mkdir $timer
modprobe iio-chips || exit 77
getent group plugdev >/dev/null || groupadd -r plugdev
plugdev=$(getent group plugdev | cut -d : -f 3)

as_user() { setpriv --reuid=65534 --regid=65534 --groups="$plugdev" --inh-caps=-all --bounding-set=-all env -u XDG_RUNTIME_DIR "$@"; }
buffered() { as_user timeout 20 $weir run -q -n 3 "$1" >"$dir/got" 2>"$dir/messages"; }

as_user $weir doctor >"$dir/doctor" 2>&1
buffered 'iio:weir-dummy[voltage0] trigger=made-by-root | print'
[ $? -eq 3 ] && grep -q 'SUBSYSTEM=="iio"' "$dir/messages"
say $? 'without rights it is refused, with the advice'

# What a rule that only has a mode would do: the device file is open, the rest is not.
chmod 666 /dev/iio:device*
as_user $weir doctor 2>&1 | grep -A 1 'broken.*iio' | tee "$dir/messages" | grep -q 'SUBSYSTEM=="iio"'
say $? 'doctor looks at sysfs, not at the device file alone'
chmod 600 /dev/iio:device*

mkdir -p /run/udev/rules.d
sed -n 's/.*60-iio.rules: \(SUBSYSTEM.*\) -- then .*/\1/p' "$dir/doctor" | head -n 1 >/run/udev/rules.d/60-iio.rules
[ -s /run/udev/rules.d/60-iio.rules ] && $udevd --daemon && udevadm control --reload && udevadm trigger --subsystem-match=iio && udevadm settle
say $? 'the rule of the advice is one that udev takes'
buffered 'iio:weir-dummy[voltage0] trigger=made-by-root | print' && has_lines "$dir/got" 3
say $? 'then a buffered capture by a trigger works'
buffered 'iio:chips-imu[accel_x] rate=200Hz | print' && has_lines "$dir/got" 3
say $? 'and one at a rate'
as_user $weir doctor >"$dir/messages" 2>&1
grep -q '^ok .*IIO device' "$dir/messages"
say $? 'and doctor has nothing to say'

# A device that is plugged in later is given to the group as well.
plug -x seq
udevadm settle
buffered 'iio:accel_3d[x] | print' && has_lines "$dir/got" 3
say $? 'so it does for a device that comes later'
unplug
udevadm control --exit
rmdir $timer
rmmod iio-chips
rm -rf /run/udev
exit $status
