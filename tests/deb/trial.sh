#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages of build/deb on a system of its own, which is this one with changes that are thrown away: they are installed,
# upgraded while a pipeline runs, and purged, and leave nothing behind. Prints TAP lines.
#
#   tests/deb/trial.sh [DIRECTORY]      scripts/debian 13 tests/deb/trial.sh does it on Debian 13
set -u
debs=$(cd "${1:-build/deb}" && pwd) || exit 77
[ "$(id -u)" -eq 0 ] || { echo 'not root' >&2 && exit 77; }
ls "$debs"/weir_*.deb >/dev/null 2>&1 || { echo "no packages in $debs: make deb" >&2 && exit 77; }

# Below, / is an overlay.
if [ -z "${WEIR_TRIAL_INSIDE:-}" ]; then
    at=$(mktemp -d)
    trap 'rmdir "$at"' EXIT
    # shellcheck disable=SC2016 # for the inner shell
    WEIR_TRIAL_INSIDE=yes unshare --mount sh -c '
        mount -t tmpfs trial "$1" && mkdir "$1/upper" "$1/work" "$1/root" &&
        mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" trial "$1/root" || exit 77
        for place in /proc /dev /sys; do mount --rbind $place "$1/root$place" || exit 77; done
        mkdir -p "$1/root$3" && mount --rbind "$3" "$1/root$3" && mkdir -p "$1/root$2" && mount --bind "$2" "$1/root$2" || exit 77
        mount -t tmpfs run "$1/root/run"
        exec chroot "$1/root" sh "$3/tests/deb/trial.sh" "$2"' sh "$at" "$debs" "$PWD"
    exit
fi

work=$(mktemp -d)
bad=0
ok() { # WHAT COMMAND…
    what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok - $what"
    else
        sed 's/^/    /' "$work/said" >&2
        echo "not ok - $what"
        bad=1
    fi
}

# All files where packages and their scripts write, but for those of dpkg and apt themselves, and caches.
listing() {
    find /etc /usr /var /opt /srv /run -xdev \( -path /var/lib/dpkg -o -path /var/cache -o -path /var/lib/apt -o -path /run/adduser -o -path '/etc/*-' \
        -o -path '/var/log/*.log' \) -prune -o -print | sort
    ls /var/lib/dpkg/info/*weir* 2>/dev/null
    true
}
users() {
    cat /etc/passwd /etc/group | sort
}
installs() {
    DEBIAN_FRONTEND=noninteractive dpkg -i "$debs"/*.deb
}

# The packages that they need are on a system that has built them; those of the distribution it may lack are shown.
packages=$(for file in "$debs"/*.deb; do dpkg-deb -f "$file" Package; done)
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2086 # words
dpkg --purge $packages >/dev/null 2>&1
listing >"$work/before"
users >"$work/users"

ok 'all packages are installed' installs
ok 'weir runs' sh -c "weir run -q -n 1 'synth:counter rate=max | print' | grep -q value"
ok 'with modules of their packages' sh -c "weir run -q -n 64 'synth:counter rate=max | fft 64 | null'"
ok 'there is a user for pipelines' getent passwd weir
ok 'with its directories' test -d /etc/weir
ok 'the manual is there' sh -c "dpkg -L weir | grep -q man1/weir.1.gz"
ok 'an application finds the library' sh -c 'dpkg -L libweir-dev | grep -q weir.pc && ldconfig -p | grep -q libweir.so.0'
ok 'a unit starts what is installed' test -x "$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' /usr/lib/systemd/system/weir@.service)"

# An upgrade leaves a pipeline alone, and the program of the administrator.
echo 'synth:counter rate=10Hz | null' >/etc/weir/pump.weir
weir run -q /etc/weir/pump.weir >/dev/null 2>&1 </dev/null &
pipeline=$!
sleep 1
ok 'the packages are installed again, as an upgrade does' installs
ok 'the pipeline goes on' kill -0 $pipeline
ok 'its program is still there' test -s /etc/weir/pump.weir
kill $pipeline
wait $pipeline

ok 'removal keeps the program' sh -c 'dpkg -r weir-brokers weir-dsp weir && test -s /etc/weir/pump.weir'
rm /etc/weir/pump.weir
# shellcheck disable=SC2086 # words
ok 'all packages are purged' dpkg --purge $packages
listing >"$work/after"
ok 'nothing is left behind' diff "$work/before" "$work/after"
users >"$work/users-after"
ok 'nor a user' diff "$work/users" "$work/users-after"
rm -rf "$work"
exit $bad
