#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each wrong program in tests/cli/wrong gives exactly the diagnostic that stands beside it, and exit status 2 (or the one that
# its .status file names).
. tests/cli/tap.inc

diagnosed() { # PROGRAM
    expected=2
    [ -f "${1%.weir}.status" ] && expected=$(cat "${1%.weir}.status")
    "$weir" check "$1" >"$work/out" 2>"$work/err"
    same "$expected" $? && diff "${1%.weir}.err" "$work/err" >&2 && [ ! -s "$work/out" ]
}

for program in tests/cli/wrong/*.weir; do
    ok "$(basename "$program" .weir)" diagnosed "$program"
done
finish
