#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every program examples/NAME.weir that has an examples/expected/NAME.out gives exactly that, as it is printed there and run
# from the top of the tree. Beside it NAME.args may hold options of `weir run`. A program that uses a driver which this build
# was made without is skipped.
. tests/cli/tap.inc

gives_what_is_expected() { # NAME
    # shellcheck disable=SC2046 # one word per option
    "$weir" run -q $(cat "examples/expected/$1.args" 2>/dev/null) "examples/$1.weir" >"$work/out" 2>"$work/err"
    if same 0 $? && diff "examples/expected/$1.out" "$work/out" >&2; then
        return 0
    fi
    cat "$work/err" >&2
    return 1
}

for expected in examples/expected/*.out; do
    name=$(basename "$expected" .out)
    absent=$("$weir" check "examples/$name.weir" 2>&1 | sed -n 's/.*error: \(this build has no .*\)/\1/p' | head -n 1)
    if [ -n "$absent" ]; then
        echo "skip - $name: $absent"
    else
        ok "$name" gives_what_is_expected "$name"
    fi
done
finish
