#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The build probes the machine once, and again when something has changed; objects are compiled again with other flags. In a copy of
# the build.
. tests/cli/tap.inc

for tool in cc make pkg-config; do
    command -v $tool >/dev/null || { echo "no $tool here" >&2 && exit 77; }
done
build=$(dirname "$weir")
object=userspace/guard/place.o
mkdir "$work/o"
cp -a "$build/bpf" "$build/gen" "$build/deps.ok" "$work/o"

make_it() { # ARGUMENT…
    make SAN= CROSS= O="$work/o" "$@" >"$work/made" 2>&1
}

compiles() { # ARGUMENT…: the object anew
    make_it "$@" "$work/o/$object" && grep -q 'CC .*place.c' "$work/made"
}

keeps() { # ARGUMENT…: the object that is there
    make_it "$@" "$work/o/$object" && ! grep -q 'CC ' "$work/made"
}

config() {
    stat -c %i "$work/o/config.mk"
}

probes() { # ARGUMENT…: anew
    before=$(config)
    make_it "$@" "$work/o/flags" && [ "$before" != "$(config)" ]
}

probes_not() { # ARGUMENT…
    before=$(config)
    make_it "$@" "$work/o/flags" && [ "$before" = "$(config)" ]
}

has() { # WORDS
    grep -q "$1" "$work/o/config.mk"
}

ok 'an object is compiled' compiles
ok 'once' keeps
ok 'the machine was probed' has '^HARDENING := -fstack-protector-strong'
ok 'once' probes_not
ok 'with other CFLAGS the object is compiled again' compiles CFLAGS='-O2 -g -DOTHER'
ok 'and back again' compiles
ok 'modules that are left out are no longer found' probes WITHOUT='fft fir mqtt amqp kafka curl'
ok 'then there are none' eval '! has HAS_'
ok 'without optimization glibc checks no bounds' probes CFLAGS=-O0
ok 'so the flag for it is gone' eval '! has FORTIFY_SOURCE'
finish
