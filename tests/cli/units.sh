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
exposed() { # MOST UNIT: as systemd counts
    level=$(systemd-analyze security --offline=true "$work/$2" 2>"$work/messages" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
    echo "# $2: exposure level $level"
    [ -n "$level" ] && awk "BEGIN { exit !($level <= $1) }"
}
if systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
    ok 'a pipeline has few ways to do harm' exposed 2.0 weir@.service
    # It has no filter of system calls, which would take time when it is started in a hurry.
ok 'so has a guard' exposed 4.6 weir-guard@.service
else
    echo 'skip - exposure of the units: this systemd-analyze reads no files'
fi

relaxed() {
    mkdir -p "$work/weir@pump.service.d" && cp examples/systemd/programs.conf "$work/weir@pump.service.d/" && verified "$work/weir@pump.service"
}
ok 'the drop-in for programs is sound' relaxed

# The user, the directories and the rules, each as the program that reads them sees it.
makes_user() {
    mkdir -p "$work/root/etc" && systemd-sysusers --root="$work/root" "$PWD/examples/systemd/sysusers.conf" >"$work/messages" 2>&1 &&
        grep -q '^weir:' "$work/root/etc/passwd" && grep -q '^weir:' "$work/root/etc/group"
}
if command -v systemd-sysusers >/dev/null && [ "$(id -u)" -eq 0 ]; then
    ok 'sysusers.conf makes the user and its group' makes_user
else
    echo 'skip - the user weir: no systemd-sysusers here, or no rights'
fi
if udevadm verify --help >/dev/null 2>&1; then
    ok 'udev reads the rules' udevadm verify --resolve-names=never examples/systemd/60-weir.rules
else
    echo 'skip - rules of udev: no udevadm verify here'
fi

# Where a unit forbids other programs, as NoExecPaths= does, the message says so.
blocked() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount sh -c 'mount --bind /usr/bin/dash "$1" && cp "$0" "$2" && mount --bind "$1" /bin/sh && mount -o remount,bind,noexec /bin/sh &&
        INVOCATION_ID=1 "$2" check "exec:\"true; true\" | null"' "$weir" "$work/dash" "$work/weir" >"$work/messages" 2>&1
    grep -q "does not allow the program '/bin/sh'" "$work/messages" && grep -q programs.conf "$work/messages"
}
blocked_library() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount sh -c 'mkdir "$2" && mount -t tmpfs -o noexec none "$2" && cp "$1" "$2/functions.so" &&
        INVOCATION_ID=1 "$0" check "synth:sine | call $2/functions.so:half | null"' "$weir" "${weir%/*}/tests/call/functions.so" "$work/noexec" \
        >"$work/messages" 2>&1
    if grep -q 'cannot load the library' "$work/messages" && grep -q programs.conf "$work/messages"; then return 0; fi
    cat "$work/messages" >&2
    return 1
}
: >"$work/dash"
if [ -x /usr/bin/dash ] && unshare --mount true 2>/dev/null; then
    ok 'a program that a unit forbids is named, with the drop-in' blocked
    if [ -e "${weir%/*}/tests/call/functions.so" ]; then
        ok 'so is a library' blocked_library
    else
        echo 'skip - a library that a unit forbids: make tools builds one'
    fi
else
    echo 'skip - a program that a unit forbids: no mount name space here'
fi
finish
