#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual keeps up with the program: every stage and sink is in weir(5), every command and option in weir(1).
. tests/cli/tap.inc

drivers() { # KIND: their names
    "$weir" list "$1" | sed -n 's/^  \([a-z0-9_]*\).*/\1/p'
}

described() { # PAGE NAME…: each stands at the beginning of some `code`
    page=$1
    shift
    for name; do
        grep -qE "\`${name}[ :\`]" "$page" || {
            echo "$name is not in $page" >&2
            return 1
        }
    done
}

options() { # the long options of all commands
    for command in run check explain list doctor; do
        "$weir" "$command" --help
    done | grep -oE -- '--[a-z][a-z-]+' | sort -u | grep -vxE -- '--(help|usage|version)'
}

commands() {
    "$weir" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'
}

# shellcheck disable=SC2046
{
    ok 'every stage is described' described docs/weir.5.md $(drivers stages)
    ok 'every sink is described' described docs/weir.5.md $(drivers sinks)
    for option in $(options); do
        ok "$option is described" grep -q -- "\`${option}[ \`]" docs/weir.1.md
    done
    for command in $(commands); do
        ok "weir $command is described" grep -q "^\*\*$command\*\* " docs/weir.1.md
    done
}
finish
