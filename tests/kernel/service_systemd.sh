#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# weir@.service under systemd itself, as its user and with all that the unit forbids: a real IIO device is read through a buffer, a real GPIO
# line is driven, a file is written; a reload, a hang and a program that may not be started end as weir(1) says. The rights are those of
# 60-weir.rules alone. systemd takes its time when it is emulated: only with WEIR_LONG=1.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
udevd=/lib/systemd/systemd-udevd
need build/weir-guard $udevd
[ -n "${WEIR_LONG:-}" ] || { echo 'only with WEIR_LONG=1' >&2; exit 77; }
[ -x /lib/systemd/systemd ] || { echo 'no systemd here' >&2; exit 77; }
manager=

quit() {
    [ -z "$manager" ] || kill -9 "$manager" 2>/dev/null
    udevadm control --exit 2>/dev/null
    end_guard
    finish
}
trap quit EXIT

# Nothing else is started: the units that ours are ordered after by default would be the whole system.
install_units() {
    mkdir -p /etc/weir /run/udev/rules.d
    systemd-sysusers "$PWD/examples/systemd/sysusers.conf" && cp examples/systemd/60-weir.rules /run/udev/rules.d/
    cp build/weir build/weir-guard /usr/local/bin/
    for unit in weir-guard@.service weir@.service; do
        mkdir -p "/etc/systemd/system/$unit.d"
        cp "examples/systemd/$unit" /etc/systemd/system/
        printf '[Unit]\nDefaultDependencies=no\n' >"/etc/systemd/system/$unit.d/alone.conf"
    done
    printf '[Service]\nWatchdogSec=6\nStandardError=append:/run/weir-said\n' >/etc/systemd/system/weir@.service.d/watched.conf
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

patiently() { # COMMAND…: until it succeeds, two minutes at most
    for _ in $(seq 600); do
        "$@" 2>/dev/null && return
        sleep 0.2
    done
    return 1
}

inside() { # COMMAND…: where that systemd is
    nsenter -t "$(pgrep -x systemd | head -n 1)" -m -p "$@"
}
file=/var/lib/weir/pump/air.csv
pid_of() {
    inside systemctl show -p MainPID --value weir@pump
}
is_active() {
    inside systemctl is-active --quiet weir@pump
}
has_records() {
    [ "$(inside sh -c "wc -l <$file")" -gt 20 ]
}
is_another() { # PID
    now=$(pid_of) && [ "$now" -gt 0 ] && [ "$now" != "$1" ] && is_active
}
says_drop_in() {
    inside grep -q "does not allow the program '/bin/sh'" /run/weir-said
}

end_guard
install_units
$udevd --daemon && udevadm control --reload
plug -x seq
udevadm trigger --subsystem-match=iio --subsystem-match=gpio && udevadm settle
cat >/etc/weir/pump.weir <<'END'
accel = iio:accel_3d[x] rate=200Hz
accel | csv:air.csv
accel | select on = x > -1000 | gpio:LAMP park=off
END
start_manager
patiently is_active
say $? 'the unit is active when all stages have begun'
patiently has_records
say $? 'a buffered IIO device is read, and a relative file is written'
patiently lamp_is 1
say $? 'a GPIO line is driven through the guard'
[ "$(inside stat -c %U "$file")" = weir ] && [ "$(inside ps -o user= -p "$(pid_of)")" = weir ]
say $? 'all of that as the user weir'

inside systemctl reload weir@pump && patiently is_active && patiently lamp_is 1
say $? 'a reload goes on'

before=$(pid_of)
inside kill -STOP "$before" && patiently is_another "$before" && patiently lamp_is 1
say $? 'a pipeline that hangs is started again by the watchdog'

echo 'exec:"sleep 1; sleep 1" | null' >/etc/weir/other.weir
inside systemctl start weir@other >/dev/null 2>&1
patiently says_drop_in
say $? 'a program that the unit forbids is named'
inside mkdir -p /etc/systemd/system/weir@other.service.d && cp examples/systemd/programs.conf /etc/systemd/system/weir@other.service.d/ &&
    inside systemctl daemon-reload && inside systemctl start weir@other
say $? 'with programs.conf it is started'
inside cat /run/weir-said >"$dir/said" 2>/dev/null
[ $status -eq 0 ] || sed 's/^/    /' "$dir/said" "$dir/messages" | tail -n 40
exit $status
