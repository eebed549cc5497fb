#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Drivers whose library may be missing: what becomes of them in a build that is told to do without. Its registry is made anew; the
# rest is taken from the build that is there.
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

# COMMAND of a build without brokers
without() {
    "$work/without/weir" "$@"
}

build_without_brokers() {
    build=$(dirname "$weir")
    for part in userspace sensors actuators bpf gen deps.ok; do
        cp -a "$build/$part" "$work/without/" || return
    done
    make -s O="$work/without" WITHOUT='mqtt amqp kafka' "$work/without/weir" >/dev/null
}

listed() { # KIND: all three, each with what it lacks
    without list "$1" >"$work/list" &&
        for line in 'mqtt .*without libmosquitto (libmosquitto-dev)' 'amqp .*without librabbitmq (librabbitmq-dev)' \
            'kafka .*without librdkafka (librdkafka-dev)'; do
            grep -q "^  $line" "$work/list" || return
        done
}

refused() { # PROGRAM PACKAGE: at the word, with the package that is missing
    same 2 "$(status_of without check "$1")" && without check "$1" 2>&1 | grep -q "error: this build has no .*($2)" &&
        without check "$1" 2>&1 | grep -q "install $2 and build weir again"
}

ok 'a build without brokers is made' build_without_brokers
ok 'its list of sources says what they lack' listed sensors
ok 'and so does its list of sinks' listed sinks
ok 'a source that is not there is an error with its package' refused 'mqtt://host/topic | print' libmosquitto-dev
ok 'and so is a sink' refused 'synth:sine | amqp://host/queue' librabbitmq-dev
ok 'also one with a spool' refused 'synth:sine | kafka://host/topic spool=1MiB' librdkafka-dev
ok 'what needs no library runs' without run -q -n 1 'synth:counter | null'
finish
