#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Packages that cannot be installed are a failure, also of what needs them; only a machine that has no such packages is none.
. tests/cli/tap.inc

# Commands that say and do what a Debian would whose package manager is in use.
mkdir "$work/locked" "$work/elsewhere"
fake() { # COMMAND SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$work/locked/$1"
    chmod 755 "$work/locked/$1"
}
fake dpkg-query 'exit 1'
fake apt-get 'case $* in *indextargets*) echo bookworm-backports x ;; *) echo "E: Could not get lock" >&2; exit 100 ;; esac'
fake sudo 'exec "$@"'
for command in tee chmod systemctl; do
    fake $command ':'
done

# A system without any of Debian's.
for command in sh bash make dirname basename cat sed grep tr env rm mktemp sort head tail uname expr cut mkdir; do
    path=$(command -v "$command") && case $path in /*) ln -s "$path" "$work/elsewhere/" ;; esac
done

with_path() { # PATH COMMAND…
    path=$1
    shift
    env -u MAKEFLAGS -u MAKELEVEL PATH="$path" "$@" >"$work/out" 2>"$work/err" </dev/null
}

is_locked() { # COMMAND…
    with_path "$work/locked:$PATH" "$@"
    status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && grep -q 'Could not get lock' "$work/err" && ! grep -q ' 0 failed' "$work/out"
}

is_elsewhere() { # STATUS COMMAND…
    wanted=$1
    shift
    with_path "$work/elsewhere" "$@"
    same "$wanted" $? && grep -q 'not a Debian system' "$work/err"
}

ok 'setup fails where the package manager is locked' is_locked scripts/setup cross
ok 'so does make arm64' is_locked make -s arm64
ok 'so does make armhf' is_locked make -s armhf
ok 'setup says where there are no such packages' is_elsewhere 77 scripts/setup cross
ok 'make arm64 counts that as skipped' is_elsewhere 0 make -s arm64
ok 'and says so' grep -q '^0 passed, 0 failed, 1 skipped' "$work/out"
finish
