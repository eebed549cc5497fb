#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A weir that has more rights than its user (setcap, setuid: AT_SECURE) loads no code from where others than root can write, and the user's
# environment leads it nowhere. Needs root, to make such a program and to be another user.
. tests/cli/tap.inc

command -v setpriv >/dev/null || { echo 'setpriv is missing' >&2; exit 77; }
[ "$(id -u)" -eq 0 ] || { echo 'not run as root' >&2; exit 77; }
place=/run/weir-test.$$
trap 'rm -rf "$work" "$place"' EXIT
mkdir "$place" && chmod 755 "$place" "$work"
cp "$weir" "$work/weir" && cp "${weir%/*}/tests/call/functions.so" "${weir%/*}/tests/cli/custom_third.bpf.o" "$place"
if command -v setcap >/dev/null && setcap cap_bpf,cap_perfmon+ep "$work/weir" 2>/dev/null; then
    chmod 755 "$work/weir"
else
    chmod 4755 "$work/weir"
fi

as_user() { # COMMAND…
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# Sinks and sources that touch nothing.
call() { # LIBRARY
    as_user "$work/weir" check "synth:sine | select x = value | call $1:twice | null" >"$work/messages" 2>&1
}

refuses() { # PLACE WORDS COMMAND…
    where=$1 words=$2
    shift 2
    ! "$@" && grep -q "is not loaded: '${where}[^']*' $words" "$work/messages"
}

filter() { # FILE
    as_user "$work/weir" check "csv:$PWD/tests/data/raw.csv[a:s16,b:u16] filter=$1 | null" >"$work/messages" 2>&1
}

not_refused() { # COMMAND…: whatever else there is to say
    "$@"
    ! grep -q 'is not loaded' "$work/messages"
}

cp "$place/functions.so" "$work/"
cp "$place/custom_third.bpf.o" "$work/"
chmod 755 "$work/functions.so"
not_refused call "$work/functions.so" && {
    echo 'programs get no rights of their own here' >&2
    exit 77
}
ok 'call: no library below a directory that others can write' refuses /tmp 'can be written' call "$work/functions.so"
ok 'filter=: no object there either' refuses /tmp 'can be written' filter "$work/custom_third.bpf.o"
ok 'call: a library of root alone' not_refused call "$place/functions.so"
ok 'filter=: an object of root alone' not_refused filter "$place/custom_third.bpf.o"

chmod 664 "$place/functions.so"
ok 'call: no library that a group can write' refuses "$place/functions.so" 'can be written' call "$place/functions.so"
chmod 644 "$place/functions.so"
chown 65534 "$place/functions.so"
ok "call: no library of the user's" refuses "$place/functions.so" 'belongs to another user' call "$place/functions.so"
chown 0 "$place/functions.so"
ln -s "$work/custom_third.bpf.o" "$place/link.bpf.o"
ok 'filter=: a link to where others can write is none of root alone' refuses /tmp 'can be written' filter "$place/link.bpf.o"
mkdir "$place/open"
chmod 777 "$place/open"
ln -s ../custom_third.bpf.o "$place/open/link.bpf.o"
ok 'filter=: nor is a link from there' refuses "$place/open" 'can be written' filter "$place/open/link.bpf.o"
ok 'filter=: nor is a way through there' refuses "$place/open" 'can be written' filter "$place/open/../custom_third.bpf.o"

# Modules come from the directory of the build alone.
WEIR_DRIVERS=$work/drivers
mkdir -m 755 "$WEIR_DRIVERS"
cp "${weir%/*}/drivers/fft.so" "$WEIR_DRIVERS/" 2>/dev/null

module() { # PROGRAM
    WEIR_DRIVERS=$WEIR_DRIVERS as_user "$work/$1" check 'synth:sine | fft 64 | null' >"$work/messages" 2>&1
}

passes_over() {
    ! module weir || return
    grep -q "needs a module that is missing: /" "$work/messages" && ! grep -q "missing: $WEIR_DRIVERS" "$work/messages"
}

is_installed() {
    for library in /usr/local/lib /usr/lib; do
        [ ! -e "$library/weir/drivers/fft.so" ] || return 0
    done
    return 1
}

if [ ! -e "$WEIR_DRIVERS/fft.so" ] || is_installed; then
    echo 'skip - WEIR_DRIVERS: no module fft in this build, or a weir is installed here'
else
    ok 'WEIR_DRIVERS is ignored' passes_over
fi

# The same program without such rights loads what its user says.
cp "$weir" "$work/plain" && chmod 755 "$work/plain"
plain() {
    as_user "$work/plain" check "synth:sine | select x = value | call $work/functions.so:twice | null" >"$work/messages" 2>&1
}
ok 'without these rights nothing is refused' not_refused plain
[ ! -e "$WEIR_DRIVERS/fft.so" ] || ok 'and WEIR_DRIVERS says where modules are' module plain

# A program of the user's that is called like one of the system's.
mkdir "$work/bin"
printf '#!/bin/sh\necho planted\n' >"$work/bin/uname"
chmod 755 "$work/bin" "$work/bin/uname"
runs() { # PROGRAM
    as_user env PATH="$work/bin:$PATH" "$1" run -q 'exec:uname out="name:text" | print' 2>&1
}
finds_system() {
    runs "$work/plain" | grep -q planted && runs "$work/weir" | grep -q Linux
}
ok 'PATH does not lead it to programs' finds_system
leads_nowhere() { # a place that is too long is told, where it is read
    long=/tmp/$(printf '%0150d' 0)
    as_user env WEIR_GUARD="$long" "$work/plain" get 2>&1 | grep -q WEIR_GUARD &&
        ! as_user env WEIR_GUARD="$long" "$work/weir" get 2>&1 | grep -q WEIR_GUARD
}
ok 'nor does WEIR_GUARD lead it to a guard' leads_nowhere
