#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The units in examples/systemd, as systemd reads them: nothing in them is unknown to it or contradicts itself, and what they
# start is there. That they do what they are for is tried, line by line, by tests/kernel/guard_trials.sh.
. tests/cli/tap.inc

command -v systemd-analyze >/dev/null || {
    echo 'no systemd-analyze: the units are not checked' >&2
    exit 77
}

programs=$(cd "${weir%/*}" && pwd)
# Where `make install` puts the programs, these are here.
for unit in examples/systemd/*.service; do
    sed "s|/usr/local/bin|$programs|" "$unit" >"$work/${unit##*/}"
done

verified() { # UNIT…: systemd has nothing to say
    said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$@" 2>&1) && same '' "$said"
}

found_wrong() { # SED-EXPRESSION: so changed, it has
    sed "$1" "$work/weir@.service" >"$work/wrong@.service"
    ! verified "$work/wrong@pump.service" 2>/dev/null
}

ok 'the units are sound' verified "$work/weir-guard@1.service" "$work/weir@pump.service"
ok 'a word that systemd does not know would be found' found_wrong s/ExecStopPost/ExecStopPast/
ok 'so would a program that is not there' found_wrong s/weir-guard/weir-gourd/
finish
