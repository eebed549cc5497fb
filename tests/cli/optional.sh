#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Drivers with a library are modules. Without its module a driver is listed and its arguments are checked; a program that uses it ends
# with status 2 and a message that names the file and the Debian package. The files of a build that is there are altered copies.
. tests/cli/tap.inc

build=$(cd "$(dirname "$weir")" && pwd -P)
modules=$WEIR_DRIVERS
if [ ! -e "$modules/kafka.so" ] || [ ! -e "$modules/fft.so" ]; then
    echo 'this build has no modules: STATIC=1, or no libraries' >&2
    exit 77
fi
mkdir "$work/drivers"
export WEIR_DRIVERS="$work/drivers"

listed() { # KIND: all three, each with what it lacks
    "$weir" list "$1" >"$work/list" &&
        for line in OpenSSL:libssl-dev librabbitmq:librabbitmq-dev librdkafka:librdkafka-dev; do
            tr -s ' \n' ' ' <"$work/list" | grep -q "not usable without ${line%:*} (${line#*:})" || return
        done
}

refused() { # PROGRAM NAME PACKAGE: with the file and the package that are missing
    same 2 "$(status_of "$weir" check "$1")" &&
        "$weir" check "$1" 2>&1 | grep -q "error: '$2' needs a module that is missing: $work/drivers/$2.so: No such file" &&
        "$weir" check "$1" 2>&1 | grep -q "install $3 and build weir again"
}

is_absent() { # NAME
    "$weir" list --json | tr -s ' \n' ' ' | grep -q "\"absent\": \[ { \"name\": \"$1\""
}

says() { # WORDS PROGRAM: an error of usage
    same 2 "$(status_of "$weir" check "$2")" && "$weir" check "$2" 2>&1 | grep -q "$1"
}

ok 'the list of sources says what is missing' listed sensors
ok 'and so does the list of sinks' listed sinks
ok 'a source without its module is an error with the package' refused 'mqtt://host/topic | print' mqtt libssl-dev
ok 'and so is a sink' refused 'synth:sine | amqp://host/queue' amqp librabbitmq-dev
ok 'also one with a spool' refused 'synth:sine | kafka://host/topic spool=1MiB' kafka librdkafka-dev
ok 'and a stage' refused 'synth:sine | fft 64 | print' fft libfftw3-dev
weir_package() { # PACKAGE PROGRAM: there is such a package, and the message names it
    grep -qx "Package: $1" debian/control && "$weir" check "$2" 2>&1 | grep -q "install the package $1; or"
}
ok 'the package of weir that has the module is named' weir_package weir-brokers 'mqtt://host/topic | print'
ok 'also that of a stage' weir_package weir-dsp 'synth:sine | fft 64 | print'
ok 'its parameters are listed' eval "\"$weir\" list fft | grep -q 'taper=WORD'"
ok 'its arguments are checked' says "'size' must be" 'synth:sine | fft 2 | print'
ok 'JSON has it among those that are absent' is_absent amqp
ok 'what needs no library runs' "$weir" run -q -n 1 'synth:counter | null'

# A program that is not installed, as in a build tree, has its modules beside it.
mkdir -p "$work/tree/drivers"
cp "$weir" "$work/tree/"
cp "$modules/fft.so" "$work/tree/drivers/"
ok 'modules beside the program are found' env -u WEIR_DRIVERS "$work/tree/weir" check 'synth:sine | fft 64 | null'
mv "$work/tree/drivers/fft.so" "$work/tree/drivers/other.so"
ok 'and those of a build tree by a program of that tree' env -u WEIR_DRIVERS "$build/weir" check 'synth:sine | fft 64 | null'

# A library that was uninstalled: the module asks for one of another name.
sed 's/libfftw3\.so\.3/libfftw3.so.x/g' "$modules/fft.so" >"$work/drivers/fft.so"
ok 'a module without its library is an error with the package' says 'install the Debian package libfftw3-double3' 'synth:sine | fft 64 | print'
ok 'which names the library' says 'libfftw3.so.x: cannot open shared object file' 'synth:sine | fft 64 | print'

# A module of another version of weir.
abi=$(sed -n 's/.*WEIR_ABI "\(.*\)"$/\1/p' "$build/gen/abi.h")
other=$(echo "$abi" | tr 0-9a-f 1-9a-f0)
sed "s/$abi/$other/g" "$modules/fft.so" >"$work/drivers/fft.so"
ok 'a module of another build is refused' says "fft.so, belongs to another build of weir" 'synth:sine | fft 64 | print'

cp "$modules/fft.so" "$work/drivers/fft.so"
ok 'with its module the driver is back' "$weir" run -q -n 128 'synth:sine rate=1kHz | fft 64 | null'
ok 'and nothing is said to be missing' eval "! \"$weir\" list stages | grep -A 1 '^  fft' | grep 'not usable'"

# COMMAND…: make in a copy of the build, which is told to do without some libraries
make_without() {
    case $build in */san-*) sanitizers=$(echo "${build##*/san-}" | tr - ,) ;; *) sanitizers= ;; esac
    make -s SAN="$sanitizers" O="$work/without" WITHOUT='fft fir mqtt amqp kafka curl' "$@" >/dev/null
}

build_without() {
    mkdir "$work/without"
    for part in userspace sensors actuators bpf gen flags deps.ok; do
        cp -a "$build/$part" "$work/without/" || return
    done
    rm -f "$work"/without/gen/exports
    make_without "$work/without/weir" && "$work/without/weir" run -q -n 1 'synth:counter | null'
}

weir=$work/without/weir
ok 'a build that has no libraries for modules is made' build_without
ok 'it has the drivers' eval "\"$weir\" list kafka | grep -q 'consumer group'"
rm "$work/drivers/fft.so"
ok 'and asks for their modules' refused 'synth:sine | fft 64 | print' fft libfftw3-dev

# Started by another program that has more rights than its user: see secure.sh. Here what such a program opens.
guarded() {
    rm "$work/without/weir" "$work"/without/userspace/core/module_open.[do] # whose dependencies are in the build that was copied
    make_without driversdir="$work/drivers" "$work/without/weir" && cp "$modules/fft.so" "$work/drivers/" &&
        chmod 755 "$work" && chmod 4755 "$work/without/weir" || return
    setpriv --reuid=65534 --regid=65534 --clear-groups "$work/without/weir" check 'synth:sine | fft 64 | null' >"$work/messages" 2>&1
    same 2 $? && grep -q "is not opened with the rights of this program: '/tmp' can be written" "$work/messages"
}

case $(id -u)/$work in
0/tmp/* | 0//tmp/*) ok 'a program with rights of its own opens no module that others can change' guarded ;;
*) echo 'skip - a program with rights of its own: not root, or no /tmp that all can write' ;;
esac
finish
