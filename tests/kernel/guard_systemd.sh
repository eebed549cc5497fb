#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The units as users have them, under systemd itself: pipeline and guard are killed together, or pipeline and both guards, the line
# is parked, and all of them are there again. A service manager takes its time to begin when it is emulated: only with
# WEIR_LONG=1. WEIR_TRIALS says how often; the times from the kill to the park value are shown.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need build/weir-guard
[ -n "${WEIR_LONG:-}" ] || { echo 'only with WEIR_LONG=1' >&2; exit 77; }
[ -x /lib/systemd/systemd ] || { echo 'no systemd here' >&2; exit 77; }

trace=/sys/kernel/tracing
manager=

quit() {
    [ -z "$manager" ] || kill -9 "$manager" 2>/dev/null
    echo 0 >"$trace/events/enable"
    end_guard
    finish
}
trap quit EXIT

# Nothing else is started: the units that ours are ordered after by default would be the whole system.
install_units() {
    mkdir -p /etc/weir
    systemd-sysusers "$PWD/examples/systemd/sysusers.conf"
    chgrp weir /dev/gpiochip* && chmod 660 /dev/gpiochip*
    cp build/weir build/weir-guard /usr/local/bin/
    echo 'synth:counter rate=200Hz | select on = value < -1000 | gpio:LAMP park=on' >/etc/weir/pump.weir
    for unit in weir-guard@.service weir@.service; do
        mkdir -p "/etc/systemd/system/$unit.d"
        cp "examples/systemd/$unit" /etc/systemd/system/
        printf '[Unit]\nDefaultDependencies=no\n' >"/etc/systemd/system/$unit.d/alone.conf"
    done
}

follow() {
    echo mono >$trace/trace_clock
    echo 'sig==9' >$trace/events/signal/signal_generate/filter
    echo 1 >$trace/events/signal/signal_generate/enable
    echo 1 >$trace/events/gpio/gpio_value/enable
}

start_manager() {
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
    # shellcheck disable=SC2016 # for the inner shell
    container=weir unshare --pid --fork --kill-child --mount sh -c 'mount -t proc proc /proc && mount -t tmpfs none /run &&
        mkdir -p /run/systemd/system &&
        exec /lib/systemd/systemd --system --unit=weir@pump.service --log-target=console --show-status=no' \
        >"$dir/messages" 2>&1 </dev/null &
    manager=$!
}

patiently() { # COMMAND…: until it succeeds, a minute at most
    for _ in $(seq 300); do
        "$@" && return
        sleep 0.2
    done
    return 1
}

set_to() { # VALUE: since the trace was begun
    grep -q "gpio_value: .* set $1\$" "$trace/trace"
}

# The guard that has the lock is the one that holds; both have the line.
find_guards() {
    holder=
    others=
    for guard in $(pgrep -fx '.*weir-guard --stay .*'); do
        find "/proc/$guard/fd" -lname anon_inode:gpio-line | grep -q . || return 1
        if find "/proc/$guard/fd" -lname '*/guard.sock.lock' | grep -q .; then
            holder=$guard
        else
            others="$others $guard"
        fi
    done
}

runs() { # the units' guards and the pipeline, and no other guard
    pipeline=$(pgrep -x weir) && find_guards && [ -n "$holder" ] && [ "$(pgrep -xc weir-guard)" -eq 2 ]
}

kill_all() { # GUARDS: none may see another one die
    # shellcheck disable=SC2086 # words
    kill -STOP "$pipeline" $others
    # shellcheck disable=SC2086
    kill -9 $1 "$pipeline"
    # shellcheck disable=SC2086
    kill -CONT $others 2>/dev/null
}

took() { # ms from the kill to the park value
    sed 's/^.* \([0-9]*\.[0-9]*\): /\1 /' "$trace/trace" |
        awk '/sig=9/ && !killed { killed = $1 } / set 1$/ && killed { printf "%.1f\n", ($1 - killed) * 1000; exit }'
}

end_guard
install_units
follow
start_manager
for i in $(seq "${WEIR_TRIALS:-2}"); do
    for victims in guard guards; do
        patiently set_to 0 && patiently runs
        say $? 'systemd runs two guards and the pipeline'
        sleep 0.5
        echo >$trace/trace
        if [ $victims = guard ]; then
            kill_all "$holder"
        else
            kill_all "$holder $others"
        fi
        patiently set_to 1
        say $? "pipeline and $victims killed ($i): parked after $(took) ms"
    done
done
patiently set_to 0 && patiently runs
say $? 'and all are there again'
exit $status
