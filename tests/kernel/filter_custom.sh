#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A user's own filter on a real IIO device: the example passes exactly what its C says, by both hooks of the inline tier and in
# the batch tier, alone and with stages behind it; without eBPF it is refused, not ignored. Runs in the rig, as root.
set -u
. tests/kernel/device.lib

samples=1000
filter=build/examples/jolt.bpf.o
need $filter

# What the example says, over what was fed: x^2 + y^2 + z^2 > 1500^2, in mg.
expected() {
    awk -F, 'NR > 1 && $2 * $2 + $3 * $3 + $4 * $4 > 2250000 { print $2 "," $3 }' "$dir/fed"
}

run() { # TIER HOOK STAGES
    plug -d accel -r 1500 -n $samples -x seq -y noise:1500,5 -z noise:1500,6 --log "$dir/fed"
    WEIR_INLINE_HOOK=$2 timeout 30 $weir run --filter-tier="$1" -n $samples \
        "iio:accel_3d filter=$filter | $3 select i = raw(accel_x), y = raw(accel_y) | csv:$dir/got.csv" >"$dir/messages" 2>&1
    unplug
    tail -n +2 "$dir/got.csv" | cut -d, -f2,3 >"$dir/values"
    rm -f "$dir/got.csv"
}

passes() { # TIER: what is in "values" is all that was expected, and was chosen there
    [ -s "$dir/expected" ] && cmp -s "$dir/expected" "$dir/values" && grep -q "tier $1" "$dir/messages" &&
        grep -q ' 0 lost' "$dir/messages"
}

alone() { # WHAT TIER HOOK WHERE
    run "$2" "$3" ''
    expected >"$dir/expected"
    passes "$4"
    say $? "$1 passes what its C says"
}

joined() { # WHAT TIER HOOK WHERE
    run "$2" "$3" 'where raw(accel_y) > 200 | every 3 |'
    expected | awk -F, '$2 > 200 && n++ % 3 == 0' >"$dir/expected"
    passes "$4"
    say $? "$1, then stages that were pushed down"
}

alone 'a custom filter by fentry' inline fentry 'inline (fentry)'
alone 'a custom filter by kprobe' inline kprobe 'inline (kprobe)'
joined 'a custom filter by kprobe' inline kprobe 'inline (kprobe)'
joined 'a custom filter in the batch tier' batch '' batch

plug -d accel -r 1500 -n $samples
setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-bpf,-perfmon,-sys_admin \
    $weir check "iio:accel_3d filter=$filter | null" >"$dir/messages" 2>&1
[ $? -eq 3 ] && grep -q 'filter= needs eBPF in the kernel' "$dir/messages" && grep -q 'CAP_BPF' "$dir/messages"
say $? 'without the right to load eBPF it is refused'
unplug
exit $status
