#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No hot path costs over 3 % more instructions per record than tests/bench/instructions.txt says.
. tests/cli/tap.inc

skip_all() { # REASON
    echo "$1" >&2
    exit 77
}

! is_sanitized || skip_all 'this build has sanitizers'
[ "$(uname -m)" = x86_64 ] || skip_all "the table is of x86_64"
# Another compiler makes other code.
grep -q '^VERSION_ID="12"' /etc/os-release || skip_all 'the table is of the compiler of Debian 12'
case $(readlink -f "$weir") in */clang/* | */build-*) skip_all 'the table is of gcc' ;; esac
command -v valgrind >/dev/null || skip_all 'no valgrind here: scripts/setup installs it'
tests/bench/instructions "$weir"
