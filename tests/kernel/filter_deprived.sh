#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whatever is taken away (BTF, kprobes, capabilities, a sysctl, bpf(2) itself) the same records come, from the best tier that is
# left; explain names what was lost and why, doctor what would mend it. WEIR_LONG=1 tries more. Runs in the rig, as root.
set -u
. tests/kernel/device.lib
need build/tests/kernel/without_bpf

samples=300
chain='where abs(accel_y) > 3 | every 2 | changed accel_y by 2 | select i = raw(accel_x), y = raw(accel_y)'
paranoid=$(cat /proc/sys/kernel/perf_event_paranoid)
kprobes=/sys/kernel/debug/kprobes/enabled

restore() {
    umount /sys/kernel/btf 2>/dev/null
    echo 1 >$kprobes
    echo "$paranoid" >/proc/sys/kernel/perf_event_paranoid
}
trap 'restore; finish' EXIT

without() { # CAPABILITIES COMMAND…
    capabilities=$1
    shift
    setpriv --bounding-set="$capabilities" --inh-caps="$capabilities" "$@"
}

# Explain, doctor and a run, each under the same command that takes something away.
try() { # COMMAND…
    plug -d accel -r 1500 -n $samples -x seq -y noise:1000,11
    "$@" $weir explain "iio:accel_3d | $chain | null" >"$dir/plan" 2>&1
    "$@" $weir doctor >"$dir/doctor" 2>&1
    "$@" timeout 30 $weir run -n $samples "iio:accel_3d | $chain | csv:$dir/got.csv" >"$dir/messages" 2>&1
    unplug
    tail -n +2 "$dir/got.csv" | cut -d, -f2,3 >"$dir/values"
    rm -f "$dir/got.csv"
}

has() { # FILE PATTERN
    grep -q -- "$2" "$dir/$1" || { sed 's/^/    /' "$dir/$1"; false; }
}

check() { # WHAT TIER LOST MEND COMMAND…
    what=$1 tier=$2 lost=$3 mend=$4
    shift 4
    try "$@"
    cmp "$dir/expected" "$dir/values" && has plan "tier $tier" && has messages ' 0 lost' && has plan "$lost" && has doctor "$mend"
    say $? "$what: the tier that is left, the same records, the loss named, the remedy told"
}

try env
mv "$dir/values" "$dir/expected"
[ "$(wc -l <"$dir/expected")" -ge 10 ] && has plan 'tier inline (fentry)' && has doctor 'ok .*inline filters can hook by fentry'
say $? 'with everything there: fentry'

mount -t tmpfs none /sys/kernel/btf
check 'without BTF' 'inline (kprobe)' 'no better tier: fentry: no BTF' 'ok .*hook by kprobe (not by fentry: no BTF' env
echo 0 >$kprobes
check 'without BTF and kprobes' batch 'kprobe: .*its kfifo was not seen' 'echo 1 >/sys/kernel/debug/kprobes/enabled' env
restore

check 'without any right to load' user 'needs CAP_BPF and CAP_PERFMON' 'mend: setcap cap_bpf,cap_perfmon+ep' \
    without -bpf,-perfmon,-sys_admin
echo 3 >/proc/sys/kernel/perf_event_paranoid
check 'with CAP_BPF and CAP_PERFMON on a paranoid kernel' batch 'perf_event_paranoid=2' 'mend: sysctl kernel.perf_event_paranoid=2' \
    without -sys_admin
restore
check 'without bpf(2)' user 'this kernel has no bpf(2)' 'mend: a kernel with CONFIG_BPF_SYSCALL' build/tests/kernel/without_bpf
[ -n "${WEIR_LONG:-}" ] || exit $status
# Some verdicts load with CAP_BPF alone, others make the verifier think of speculative execution.
check 'with CAP_BPF alone' '\(batch\|user\)' 'needs CAP_BPF and CAP_PERFMON' 'mend: setcap cap_bpf,cap_perfmon+ep' \
    without -perfmon,-sys_admin
echo 2 >/proc/sys/kernel/perf_event_paranoid
check 'with CAP_BPF and CAP_PERFMON' 'inline (kprobe)' 'no CAP_SYS_ADMIN to read it' 'ok .*hook by kprobe' without -sys_admin
exit $status
