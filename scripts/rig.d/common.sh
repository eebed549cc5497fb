# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# What all parts of scripts/rig use.

say() {
    echo "rig: $*" >&2
}

# The rig cannot be had here: tests that need it count as skipped.
skip() { # REASON
    say "cannot run here: $*"
    exit 77
}

usage_error() { # WHAT
    say "$*"
    say 'try: scripts/rig help'
    exit 2
}

# The words as a shell reads them again.
quote() { # WORD...
    for word in "$@"; do
        printf "'"
        printf %s "$word" | sed "s/'/'\\\\''/g"
        printf "' "
    done
}
