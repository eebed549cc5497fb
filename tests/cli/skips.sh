#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A test that does not run says why, and tests/run shows that; a skip without a reason is a failure.
. tests/cli/tap.inc

# Lines of a test as cmocka and shell tests write them, and what becomes of them.
says() { # STATUS MESSAGE LINES
    printf 'printf "%%b" "%s"; echo "%s" >&2; exit %d\n' "$3" "$2" "$1" >"$work/made.sh"
    [ -n "$2" ] || printf 'printf "%%b" "%s"; exit %d\n' "$3" "$1" >"$work/made.sh"
    tests/run raw "$work/made.sh" 2>"$work/messages" | grep -v '^#'
}

ok 'a skip of cmocka has its reason' same 'skip - made: a: no such chip' "$(says 0 '' '# skip: no such chip\nnot ok 1 # SKIP a\n')"
ok 'each its own' same 'skip - made: a: no such chip
not ok - made: b: skipped without a reason' "$(says 0 '' '# skip: no such chip\nok 1 # SKIP a\nok 2 # SKIP b\n')"
ok 'one of a shell test too' same 'skip - made: TLS: no openssl' "$(says 0 '' 'skip - TLS: no openssl\n')"
ok 'and not without' same 'not ok - made: TLS: skipped without a reason' "$(says 0 '' 'skip - TLS\n')"
ok 'a whole test that is skipped says why' same 'skip - made: no root' "$(says 77 'no root' '')"
ok 'and fails otherwise' same 'not ok - made: skipped without a reason' "$(says 77 '' '')"
ok 'a reason is nothing to a test that passes' same 'ok - made: a
not ok - made: b' "$(says 1 '' 'ok 1 - a\nnot ok 2 - b\n')"

says 0 '' 'ok 1 # SKIP a\n' >/dev/null
ok 'such a run fails' same 1 "$(status_of tests/run raw "$work/made.sh")"
finish
