#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Drivers whose library may be missing: what becomes of them in a build that is told to do without. Only its registry is made;
# what the user of such a build reads is tested on a registry of fakes (test_check).
. tests/cli/tap.inc

generate() { # DRIVERS: the registry of a build without them
    gen=$work/without/gen/registry.c
    make -s O="$work/without" WITHOUT="$1" "$gen" >/dev/null
}

has() { # LINE
    grep -qF "$1" "$gen"
}

has_not() { # LINE
    ! has "$1"
}

generate 'fft fir'
ok 'a driver that is left out is not in the table' has_not weir_operator_fft
ok 'nor is one whose library has only a header' has_not weir_operator_fir
ok 'all others are' has '&weir_operator_where,'
ok 'the registry knows what a driver lacks' has \
    '{ .name = "fft", .roles = 1u << WEIR_OPERATOR, .library = "FFTW", .package = "libfftw3-dev" }'
generate ''
ok 'with its library the driver is back' has '&weir_operator_fft,'
ok 'and nothing is said to be missing' has_not '.package'
finish
