#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What was built stands at no fixed address, has nothing left to write where functions are looked up, and checks its stack and
# the bounds of what it copies.
. tests/cli/tap.inc

command -v readelf >/dev/null || { echo 'no readelf here: scripts/setup installs it' >&2 && exit 77; }
build=$(dirname "$weir")
machine=$(readelf -hW "$weir" | sed -n 's/^ *Machine: *//p')
flags=$(cat "$build/flags") || exit 1

dynamic() { # FILE: its dynamic section, in a line
    readelf -dW "$1" | tr '\n' ' '
}

no_fixed_address() { # FILE
    readelf -hW "$1" | grep -q 'Type: *DYN' && dynamic "$1" | grep -q 'FLAGS_1.*PIE'
}

# Nor is there memory to be written and run, nor code that the linker writes to.
sealed() { # FILE
    readelf -lW "$1" | grep -q GNU_RELRO && dynamic "$1" | grep -q 'FLAGS_1.*NOW' || return
    ! dynamic "$1" | grep -q TEXTREL && ! readelf -lW "$1" | grep -E '^ *(LOAD|GNU_STACK) .* R?WE '
}

has_symbol() { # FILE PATTERN
    readelf -sW "$1" | grep -qE " $2(@.*)?\$"
}

for file in weir weir-guard libweir.so; do
    [ $file = libweir.so ] || ok "$file stands at no fixed address" no_fixed_address "$build/$file"
    ok "$file: what the linker has filled in is read-only, and no memory is both written and run" sealed "$build/$file"
    ok "$file checks its stack" has_symbol "$build/$file" __stack_chk_fail
    case $machine/$flags in
    ARM/*) echo "skip - $file: glibc checks bounds only from 2.37 on here (see the Makefile)" ;;
    *-fsanitize=* | *-O0*) echo "skip - $file: a sanitizer or no optimization: bounds are not glibc's affair" ;;
    *) ok "$file checks bounds" has_symbol "$build/$file" '__v?sn?printf_chk' ;;
    esac
done

objects() {
    find "$build"/userspace "$build"/sensors "$build"/actuators -name '*.o' | sort
}

# Those of which readelf says so; a program has the mark only if the C library has it too.
marked() { # PATTERN
    same "$(objects | wc -l)" "$(objects | xargs readelf -nW 2>/dev/null | grep -cE "$1")"
}

case $machine in
*X86-64) ok 'jumps and returns go where they may' marked 'x86 feature: IBT, SHSTK' ;;
AArch64) ok 'jumps and returns go where they may' marked 'AArch64 feature: BTI, PAC' ;;
*) echo "skip - jumps and returns: $machine has nothing to mark" ;;
esac

# It leaves no mark in a file.
says() { # FLAG
    case " $flags " in
    *" $1 "*) ;;
    *) echo "not compiled with $1" >&2 && false ;;
    esac
}

ok 'a stack that grows touches each page' says -fstack-clash-protection
finish
