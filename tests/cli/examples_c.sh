#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every examples/NAME.c that says what it is the smallest example of fits on a page, and gives exactly
# examples/expected/c/NAME.out. What it reads, if anything, is beside that.
. tests/cli/tap.inc
built=$(dirname "$weir")/examples

fits_on_a_page() { # NAME
    same yes "$([ "$(wc -l <"examples/$1.c")" -le 60 ] && echo yes)"
}

gives_what_is_expected() { # NAME
    input=/dev/null
    [ ! -e "examples/expected/c/$1.in" ] || input=examples/expected/c/$1.in
    timeout 60 "$built/$1" <"$input" >"$work/out" 2>"$work/err"
    same 0 $? && diff "examples/expected/c/$1.out" "$work/out" >&2 && return
    cat "$work/err" >&2
    return 1
}

for example in examples/*.c; do
    name=$(basename "$example" .c)
    sed -n 2p "$example" | grep -q '^/\* The smallest example of ' || continue
    ok "$name fits on a page" fits_on_a_page "$name"
    ok "$name gives what is expected" gives_what_is_expected "$name"
done
finish
