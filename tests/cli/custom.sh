#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A user's own filter (filter=FILE.bpf.o) on raw integers of a file, in the batch tier: it chooses what its source says, stages
# behind it join it, and every object that does not fit is refused with the place and the remedy. Needs the right to load eBPF.
. tests/cli/tap.inc

filters=${weir%/*}/tests/cli
source='csv:tests/data/raw.csv[a:s16,b:u16]'
[ -e "$filters/custom_far.bpf.o" ] || { echo "no $filters/custom_far.bpf.o: built by 'make tools'" >&2; exit 77; }
"$weir" run -q --filter-tier=batch "$source | where a > 0 | null" 2>"$work/why" || {
    head -n 1 "$work/why" >&2
    exit 77
}

agree() { # FILTER REST STAGES-INSTEAD: with the filter the same passes as without it and with stages of the language
    "$weir" run -q "$source filter=$filters/$1.bpf.o | $2 print" >"$work/custom" &&
        "$weir" run -q "$source | $3 print" >"$work/stages" && [ -s "$work/stages" ] && cmp "$work/custom" "$work/stages"
}

ok 'a custom filter passes what its C says' agree custom_far '' 'where abs(a) > 1000 |'
ok 'it has variables, constants and functions of its own' agree custom_third '' 'every 3 |'
ok 'stages behind it see what it passes' agree custom_third 'where b > 30000 |' 'every 3 | where b > 30000 |'
ok 'also those that remember' agree custom_far 'every 5 | changed b by 900 |' 'where abs(a) > 1000 | every 5 | changed b by 900 |'
ok 'and those that decide in user space' agree custom_far 'where b > 9 and delta(a) > 0 |' \
    'where abs(a) > 1000 | where b > 9 and delta(a) > 0 |'
"$weir" run -q "s = $source filter=$filters/custom_third.bpf.o
s | where a > 0 | csv:$work/1
s | where b > 30000 | csv:$work/2"
"$weir" run -q "$source | every 3 | where a > 0 | csv:$work/3"
ok 'it filters a source that several chains read' cmp "$work/1" "$work/3"

explain() { # COLUMNS FILTER OPTION…
    columns=$1 filter=$2
    shift 2
    "$weir" explain "$@" "csv:tests/data/raw.csv[$columns] filter=$filter | where b > 30000 | null"
}

explains() { # PATTERN
    explain a:s16,b:u16 "$filters/custom_third.bpf.o" --bpf | grep -q -- "$1"
}

ok 'explain names the file and what joined it' explains "filter: $filters/custom_third.bpf.o, then where b > 30000"
ok 'explain --bpf lists its instructions' explains ': (95) exit'
ok 'beside the C that they were made from' explains ': (85) call pc+[0-9]* *; return is_due(seen++);'
ok 'in the notation of the verifier' explains ' call pc+[1-9][0-9]* '

fails() { # STATUS PATTERN COLUMNS FILTER OPTION…: a caret below the source, and the message
    status=$1 pattern=$2
    shift 2
    explain "$@" >"$work/out" 2>&1
    [ $? -eq "$status" ] && grep -q '\^~' "$work/out" && grep -q -- "$pattern" "$work/out"
}

refuses() { # PATTERN COLUMNS FILTER OPTION…
    fails 2 "$@"
}

ok 'what the kernel refuses names the line of source' refuses 'row\[1\]\.a > 1000' a:s16,b:u16 "$filters/custom_outside.bpf.o"
ok 'and the reason' grep -q 'allowed memory range' "$work/out"
ok 'fields in another order are refused' refuses "'a' has 2 bytes from byte 8" b:u16,a:s16 "$filters/custom_far.bpf.o"
ok 'and the right row is shown' grep -qF 'struct row { __s64 t; __u16 b; __s16 a; }' "$work/out"
ok 'another sign is refused' refuses "'a' is unsigned here" a:u16,b:u16 "$filters/custom_far.bpf.o"
ok 'another size is refused' refuses "'a' has 2 bytes" a:s32,b:u16 "$filters/custom_far.bpf.o"
ok 'an object without a filter is refused' refuses 'no WEIR_FILTER' a:s16,b:u16 "$filters/custom_none.bpf.o"
ok 'another kind of file is refused' refuses 'no eBPF object' a:s16,b:u16 Makefile
ok 'a missing file is refused' refuses 'No such file' a:s16,b:u16 nowhere.bpf.o
ok 'an object that has a name of ours is refused' refuses 'part of.*(memory)' a:s16,b:u16 "$filters/custom_clash.bpf.o"
ok 'so is one that lacks a function' refuses 'part of.*weir_nowhere' a:s16,b:u16 "$filters/custom_extern.bpf.o"
ok 'and one whose map the kernel does not make' refuses "part of.*'nothing'" a:s16,b:u16 "$filters/custom_map.bpf.o"
ok 'user space cannot run it, and says so' refuses 'which only the kernel runs' a:s16,b:u16 "$filters/custom_far.bpf.o" --filter-tier=user
ok 'a tier that its device does not have is none that a user wrote wrong' fails 3 'not a buffered IIO device' a:s16,b:u16 \
    "$filters/custom_far.bpf.o" --filter-tier=inline
finish
