#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# `.ci/run` ends with 0 when all its parts end well, and not otherwise. In a tree of stand-ins that do nothing but end so.
. tests/cli/tap.inc

mkdir -p "$work/.ci" "$work/scripts" "$work/tests" "$work/bin"
cp .ci/run "$work/.ci"
for command in scripts/setup scripts/debian tests/run bin/make; do
    # shellcheck disable=SC2016 # for the stand-in
    printf '#!/bin/sh\necho "${SAID:-ok} - $0 $*"\ncase "$*" in "${FAILS:-nothing}") exit 1 ;; esac\n' >"$work/$command"
    chmod +x "$work/$command"
done

ends() { # STATUS NAME=VALUE…
    expected=$1
    shift
    env "$@" PATH="$work/bin:$PATH" sh "$work/.ci/run" >"$work/said" 2>&1
    same "$expected" $?
}

has_no() { # WORDS
    ! grep -qF -- "$1" "$work/said"
}

ok 'all parts end well: status 0' ends 0 FAILS=nothing
ok 'and it tells how long they took' grep -q ' s  all$' "$work/said"
ok 'a part that fails ends it' ends 1 FAILS='-j2 lint'
ok 'and its successors do not begin' has_no SAN=thread
ok 'so does the last of them' ends 1 FAILS=test
ok 'a test of kills that fails is seen at the end' ends 1 SAID='not ok'
finish
