#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where a guard is found by processes of one user with different environments, and what is told where it cannot be started. The
# output is a directory that looks like a PWM chip; the user is one without a session.
. tests/cli/tap.inc

[ "$(id -u)" -eq 0 ] || { echo 'needs root, to be another user' >&2; exit 77; }
readonly user=64123
[ ! -e /run/user/$user ] || { echo "/run/user/$user is there" >&2; exit 77; }
guards=
trap 'for guard in $guards; do kill "$guard"; done; rm -rf "$work" /run/user/$user' EXIT
chip=$work/chip
mkdir -p "$chip/pwm0" "$work/runtime" "$work/open" "$work/bin"
for file in export pwm0/period pwm0/duty_cycle pwm0/enable; do echo 0 >"$chip/$file"; done
echo normal >"$chip/pwm0/polarity"
# A home of root's may be closed to others.
cp "$weir" "$(dirname "$weir")/weir-guard" "$work/bin"
chmod 755 "$work" "$work/bin"
chown -R $user "$chip" "$work/runtime"
chmod 700 "$work/runtime"
chmod 777 "$work/open"

as_user() { # [VARIABLE=VALUE…] COMMAND…
    setpriv --reuid=$user --regid=$user --clear-groups env -i "PATH=$work/bin:$PATH" "$@"
}

set_duty() { # [VARIABLE=VALUE…]: sets the output, and keeps what was said
    began=$(date +%s%N)
    as_user "$@" weir set "pwm:$chip/0=0.5" 2>"$work/messages"
    status=$?
    took_ms=$((($(date +%s%N) - began) / 1000000))
    for guard in $(pgrep -u "$user" -x weir-guard); do guards="$guard"; done
}

is_held() { # [VARIABLE=VALUE…]
    as_user "$@" weir get 2>"$work/messages" | grep -q '0\.5'
}

end_guard() {
    as_user weir park --release >/dev/null 2>&1
    for guard in $guards; do kill "$guard"; done
    await no_guard
    guards=
}

no_guard() {
    ! pgrep -u "$user" -x weir-guard >/dev/null
}

set_duty
ok 'without any directory nothing is set' same 1 $status
ok 'it is told what to do' grep -q 'cannot start a guard: .*XDG_RUNTIME_DIR' "$work/messages"
ok 'at once' test $took_ms -lt 3000
ok 'and no guard is left' no_guard

set_duty WEIR_GUARD="$work/open/guard.sock"
ok 'a directory that all may write to is refused' same 1 $status
ok 'with its reason' grep -q 'every user may write' "$work/messages"
ok 'and no guard is started' no_guard

set_duty XDG_RUNTIME_DIR="$work/runtime"
ok 'a session has a directory' same 0 $status
ok 'where the guard is found again' is_held XDG_RUNTIME_DIR="$work/runtime"
ok 'as it is by its socket' is_held WEIR_GUARD="$work/runtime/weir-guard.sock"
end_guard

set_duty RUNTIME_DIRECTORY="$work/runtime:/nowhere"
ok 'so has a unit with RuntimeDirectory=' same 0 $status
ok 'of which the first is meant' test -S "$work/runtime/weir-guard.sock"
end_guard

mkdir -p /run/user/$user
chown $user /run/user/$user
chmod 700 /run/user/$user
set_duty
ok "cron, su and sudo -u find the user's own directory" same 0 $status
ok 'which is that of a session' is_held XDG_RUNTIME_DIR=/run/user/$user
set_duty XDG_RUNTIME_DIR="$work/open"
ok "a directory that is not the user's is passed over" same 0 $status
ok 'for the same guard' is_held
end_guard
finish
