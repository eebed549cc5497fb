#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# On a kernel in lockdown (confidentiality), where neither fentry nor kprobe may read a sample, auto takes the batch tier instead of
# a hook that sees nothing; explain and doctor name the lockdown. The last of the tests of filters by its name: there is no way
# back but a boot. Runs in the rig, as root.
set -u
. tests/kernel/device.lib

samples=600
chain='where accel_y > 3 | select i = raw(accel_x)'
lockdown=/sys/kernel/security/lockdown
[ -e $lockdown ] || mount -t securityfs none /sys/kernel/security 2>/dev/null
[ -e $lockdown ] || { echo 'this kernel has no lockdown' >&2; exit 77; }

run() { # OPTION…
    plug -d accel -r 1500 -n $samples -x seq -y noise:1000,3
    $weir explain "$@" "iio:accel_3d | $chain | null" >"$dir/plan" 2>&1
    timeout 30 $weir run "$@" -n $samples "iio:accel_3d | $chain | csv:$dir/got.csv" >"$dir/messages" 2>&1
    unplug
    tail -n +2 "$dir/got.csv" | cut -d, -f2 >"$dir/$1"
}

run --filter-tier=user
echo confidentiality >$lockdown
run --filter-tier=auto
[ -s "$dir/--filter-tier=user" ] && cmp "$dir/--filter-tier=user" "$dir/--filter-tier=auto" && grep -q 'tier batch' "$dir/messages"
say $? 'under lockdown the same records come from the batch tier'
grep -q 'no better tier: .*lockdown' "$dir/plan" && $weir doctor | grep -q 'mend: boot without lockdown'
say $? 'and the lockdown is named'
exit $status
