#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A filter that does not decide as its condition says is found before it is used: a build with a fault in it takes the next tier, warns,
# and passes the same records. Runs in the rig, as root.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/tests/kernel/faulty_weir

samples=300
chain='where raw(accel_y) > 200 | every 2 | select i = raw(accel_x), y = raw(accel_y)'

# Records in $dir/values, what was said in $dir/messages.
try() { # PROGRAM-FILE TIER [ENVIRONMENT…]
    binary=$1 tier=$2
    shift 2
    plug -d accel -r 1500 -n $samples -x seq -y noise:1000,11
    env "$@" timeout 30 "$binary" run --filter-tier="$tier" -n $samples "iio:accel_3d loss=infer | $chain | csv:$dir/got.csv" \
        >"$dir/messages" 2>&1
    result=$?
    unplug
    tail -n +2 "$dir/got.csv" 2>/dev/null | cut -d, -f1- >"$dir/values"
    rm -f "$dir/got.csv"
}

values() {
    cut -d, -f2,3 "$dir/values"
}

has() { # PATTERN
    grep -q -- "$1" "$dir/messages"
}

falls_back() { # FAULT WORDS
    try build/tests/kernel/faulty_weir auto WEIR_FAULT="$1"
    values >"$dir/faulty"
    [ $result -eq 0 ] && cmp "$dir/expected" "$dir/faulty" && has "a filter failed its proof ($2" && has 'tier user' && has ' 0 lost'
}

refuses() { # FAULT TIER HOOK WORDS
    try build/tests/kernel/faulty_weir "$2" WEIR_FAULT="$1" WEIR_INLINE_HOOK="$3"
    [ $result -eq 3 ] && has "$4"
}

try $weir auto
values >"$dir/expected"
[ "$(wc -l <"$dir/expected")" -ge 10 ] && has 'inline (fentry)'
say $? 'without a fault: inline'
try build/tests/kernel/faulty_weir auto
values >"$dir/faulty"
cmp "$dir/expected" "$dir/faulty" && has 'inline (fentry)' && ! has 'failed its proof'
say $? 'the build with faults has none when none is asked for'

missing='the loaded program does not contain the code of the condition'
differs='on test rows it decides otherwise than the condition'
falls_back hole "fentry: $missing"
say $? 'a hole that is not filled: the user tier, a warning, the same records'
falls_back comparison "fentry: $differs"
say $? 'a wrong comparison: the user tier, a warning, the same records'
try build/tests/kernel/faulty_weir auto WEIR_FAULT=predicate
values >"$dir/faulty"
[ $result -eq 0 ] && cmp "$dir/expected" "$dir/faulty" && has 'a filter failed its proof (on test rows the predicate decides otherwise'
say $? 'a wrong predicate: the stages decide, a warning, the same records'
for how in 'inline fentry' 'inline kprobe' 'batch both'; do
    refuses hole "${how% *}" "${how#* }" "$missing"
    say $? "a hole that is not filled is refused: $how"
    refuses comparison "${how% *}" "${how#* }" "$differs"
    say $? "a wrong comparison is refused: $how"
done

custom() { # FAULT
    WEIR_FAULT=$1 build/tests/kernel/faulty_weir run -q \
        'csv:tests/data/raw.csv[a:s16,b:u16] filter=build/tests/cli/custom_far.bpf.o | null' >"$dir/messages" 2>&1
}
custom none && ! custom custom && has 'the loaded program does not contain the custom filter'
say $? 'a custom filter that did not get into the program is missed'

doctor_finds() { # FAULT WORDS: of each tier
    WEIR_FAULT=$1 build/tests/kernel/faulty_weir doctor >"$dir/messages" 2>&1
    has "broken.*inline (fentry) tier failed their proof: $2" && has "broken.*batch tier failed their proof: .*$2" && has 'ok.*filters in user space passed'
}
doctor_finds hole "$missing"
say $? 'doctor tells that holes are not filled'
doctor_finds comparison "$differs"
say $? 'doctor tells that comparisons are wrong'
$weir doctor >"$dir/messages" 2>&1
has 'ok.*batch.*passed their proof' && has 'ok.*inline.*passed their proof'
say $? 'doctor tells that each tier passed its proof'

# Constants that the kernel hides from whoever reads programs, as bpf_jit_harden=2 has it, are no fault.
if echo 2 >/proc/sys/net/core/bpf_jit_harden 2>/dev/null; then
    for how in 'inline fentry' 'inline kprobe' 'batch both'; do
        try $weir "${how% *}" WEIR_INLINE_HOOK="${how#* }"
        values >"$dir/hardened"
        [ $result -eq 0 ] && cmp "$dir/expected" "$dir/hardened"
        say $? "blinded constants are no fault: $how"
        refuses hole "${how% *}" "${how#* }" "$differs\|$missing"
        say $? "and a hole that is not filled is found: $how"
    done
    echo 0 >/proc/sys/net/core/bpf_jit_harden
fi

exit $status
