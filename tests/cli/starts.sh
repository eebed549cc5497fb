#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A start is short: libraries of drivers and of the kernel filter are opened only by programs that use them. Without libbpf a filter runs
# in user space.
. tests/cli/tap.inc

command -v readelf >/dev/null || { echo 'no readelf here: scripts/setup installs it' >&2 && exit 77; }
[ -d "$WEIR_DRIVERS" ] || { echo 'this build has no modules: STATIC=1' >&2 && exit 77; }

# Those that it has at its start: no more than these.
few='libgpiod liburing libjansson libpcre2-8 libz libm libc ld-linux.* libasan libubsan libtsan libatomic libgcc_s libclang_rt.*'
needs_few() { # FILE
    others=$(readelf -dW "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\.so.*/\1/p' | grep -vxE "$(echo "$few" | tr ' ' '|')")
    same '' "$others"
}
ok 'weir itself needs few libraries' needs_few "$weir"
ok 'and so does libweir.so' needs_few "$(dirname "$weir")/libweir.so"

# Is there such a library in a process whose first record has come?
opens() { # LIBRARY PROGRAM
    "$weir" run -q "$2 | csv:$work/out" &
    runner=$!
    await test -s "$work/out" && grep -q '/libjansson.so' "/proc/$runner/maps" || return 2
    grep -q "/$1\.so" "/proc/$runner/maps"
    found=$?
    kill "$runner"
    wait "$runner"
    rm -f "$work/out"
    return "$found"
}

opens_no() { # LIBRARY PROGRAM
    opens "$@"
    same 1 $?
}

ok 'a program without a filter does not open libbpf' opens_no libbpf 'synth:sine rate=10Hz | where value > -2'
ok 'nor libelf' opens_no libelf 'synth:sine rate=10Hz | where value > -2'
ok 'nor the library of a module that it does not name' opens_no 'libcrypto' 'synth:sine rate=10Hz'
[ ! -e "$WEIR_DRIVERS/fft.so" ] ||
    ok 'one that names a driver opens its library' opens libfftw3 'synth:sine rate=1kHz | fft 64'

# A library that is there and cannot be opened.
mkdir "$work/broken"
echo 'no library' >"$work/broken/libbpf.so.1"
broken() { # TIER
    LD_LIBRARY_PATH=$work/broken "$weir" run --filter-tier="$1" 'csv:tests/data/raw.csv[a:s16,b:u16] | where a > 0 | null' 2>"$work/messages"
}
works_on() {
    broken auto && grep -q 'where a > 0' "$work/messages"
}
is_refused() {
    same 3 "$(status_of broken batch)" && broken batch
    grep -q 'libbpf.so.1 cannot be opened; install libbpf1' "$work/messages"
}
ok 'without libbpf the filter runs in user space' works_on
ok 'a kernel tier is then refused with the package' is_refused
finish
