#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whatever dies, the line is parked, stays parked, and is taken over without a glitch: tests/rig/guard_trials.c tells how. One
# trial of each kind (of those that restart the guard only with WEIR_LONG=1); WEIR_TRIALS=200 for a measurement, in which the declared deadline of 100 ms counts as well (a busy
# machine that emulates another one may stop both for longer than that).
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard $tools/guard_trials $tools/faulty

trials() { # FAULT WHAT
    timeout 900 $tools/guard_trials -n "${WEIR_TRIALS:-1}" -s "${WEIR_SEED:-$$}" "$1" >"$dir/messages" 2>&1
    rc=$?
    if [ -n "${WEIR_TRIALS:-}" ]; then
        sed 's/^/# /' "$dir/messages"
        awk -v fault="$1" '/max/ && fault != "both" && fault != "respawn" && $NF > 100 { exit 1 }' "$dir/messages" || rc=1
    fi
    say $rc "$2: parked"
}

trials kill 'the pipeline is killed'
trials stop 'the pipeline is stopped, and goes on without a glitch'
trials loop 'a stage never returns'
trials memory 'a stage eats all memory'
trials unplug 'the sensor is unplugged'
trials chip 'the input chip is removed'
trials guard 'the guard is killed'
[ -n "${WEIR_TRIALS:-}${WEIR_LONG:-}" ] || exit $status
trials both 'both are killed, and the stop hook runs'
trials respawn 'both are killed, and the guard is started again'
exit $status
