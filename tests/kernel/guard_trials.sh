#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whatever dies, the line is parked, stays parked, and is taken over without a glitch: tests/rig/guard_trials.c tells how. Two
# trials of each kind, in which the line must be parked. WEIR_TRIALS=200 is a measurement, in which the declared deadline of
# 100 ms counts as well, for a machine that has nothing else to do; WEIR_FAULTS names what is to be tried.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard $tools/guard_trials $tools/faulty
end_guard
# Where the units look for them, and in memory: the guest's other files are a slow disk's.
cp build/weir build/weir-guard /usr/local/bin/ || exit 1
PATH=$PWD/$tools:$PATH
faults=${WEIR_FAULTS:-kill stop loop memory unplug chip guard hang direct both all respawn hook}

what() { # FAULT
    case $1 in
    kill) echo 'the pipeline is killed' ;;
    stop) echo 'the pipeline is stopped, and goes on without a glitch' ;;
    loop) echo 'a stage never returns' ;;
    memory) echo 'a stage eats all memory, the guard'"'"'s as well' ;;
    unplug) echo 'the sensor is unplugged' ;;
    chip) echo 'the input chip is removed' ;;
    guard) echo 'the guard is killed' ;;
    hang) echo 'the guard is stopped' ;;
    direct) echo 'a pipeline that sets the line itself is stopped, and wants to go on when it is too late' ;;
    both) echo 'guard and pipeline are killed; another guard stands by' ;;
    all) echo 'both guards and the pipeline are killed; the units are started again, the stop hook runs' ;;
    respawn) echo 'guard and pipeline are killed; the guard'"'"'s unit is started again' ;;
    hook) echo 'guard and pipeline are killed; the stop hook runs' ;;
    esac
}

# shellcheck disable=SC2086 # $faults are words
timeout 3000 guard_trials -n "${WEIR_TRIALS:-2}" -s "${WEIR_SEED:-$$}" ${WEIR_TRIALS:+-d} $faults >"$dir/all" 2>"$dir/said"
[ -z "${WEIR_TRIALS:-}" ] || sed 's/^/# /' "$dir/said" "$dir/all"
for fault in $faults; do
    grep -E "(^|: )$fault( [0-9]*)?: " "$dir/said" "$dir/all" >"$dir/messages"
    grep -q "^$fault: .*: good$" "$dir/all"
    say $? "$(what "$fault"): parked"
done
end_guard
exit $status
