#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# weir doctor PROGRAM: what this machine lacks for that program, each with what mends it, and how much it writes a day.
. tests/cli/tap.inc

finds() { # STATUS TEXT… of a program that is the last word of $asked
    expected=$1
    shift
    "$weir" doctor "$asked" >"$work/found" 2>&1
    same "$expected" $? || { cat "$work/found" >&2 && return 1; }
    for text; do
        grep -qF -e "$text" "$work/found" || { cat "$work/found" >&2 && return 1; }
    done
}
finds_no() { # TEXT…
    for text; do
        ! grep -qF "$text" "$work/found" || return
    done
}

asked='synth:sine rate=1Hz | null'
ok 'a program that needs nothing has nothing to mend' finds 0 'ok      io_uring' clock
ok 'and hears of no devices that it does not use' finds_no GPIO IIO guard eBPF
asked='iio:no-such-chip | print'
ok 'a device that is missing is named, with the way to get it' finds 3 "broken  <argument>:1:1: error: iio 'no-such-chip'" 'mend: '
ok 'one that the catalogue has not is only that' finds_no 'weir setup'
asked='hwmon:sht31@7-0044[temp1] rate=1Hz | print'
ok 'one that the catalogue has is named with the command that sets it up' finds 3 "lacks   the catalogue has 'sht31@7-0044': Sensirion" \
    'mend: weir setup sht3x'
asked='iio:bmp180 poll=1s | print'
ok 'by its name in sysfs as well' finds 3 'mend: weir setup bmp180'
asked='can:can7 | print'
ok 'a name that several chips have is none of them' finds 3 can7
finds_no 'weir setup' || bad=1
asked='synth:sine | wher value > 3 | print'
ok 'so is a mistake' finds 2 "broken  <argument>:1:14: error: unknown" "mend: did you mean 'where'"
asked='synth:sine rate=1Hz | where value > 0.5 | print'
finds 0
ok 'of a filter it says where it runs' grep -q 'eBPF' "$work/found"

missing_module() {
    WEIR_DRIVERS=/nowhere "$weir" doctor 'synth:sine rate=1Hz | fft 64 | null' >"$work/found" 2>&1
    same 2 $? && grep -q "^broken .*'fft' needs a module" "$work/found" && grep -q 'mend: .*libfftw3' "$work/found"
}
case $weir in */static/*) ;; *)
    ok 'a module that is missing is named, with its package' missing_module
    ;;
esac

# What files write: 100 records a second of a time and one number are 32 bytes each, and 86400 s are a day.
asked="synth:sine rate=100Hz | csv:$work/all"
ok 'MB a day of a file' finds 0 "csv:$work/all writes at most about 276 MB a day (100 records a second of 32 bytes)"
asked="synth:sine rate=100Hz | window 1s mean(value) as m | csv:$work/means"
ok 'a window by time makes them few' finds 0 'at most about 2.76 MB a day'
asked="synth:sine rate=100Hz | every 10s | csv:$work/few"
ok 'so does every' finds 0 'at most about 0.276 MB a day'
asked="synth:sine rate=10kHz | csv:$work/many"
ok 'many of them are worth a warning' finds 0 "lacks   csv:$work/many writes" 'an SD card wears out'
asked="exec:\"true\" | csv:$work/unknown"
ok 'a rate that the program does not say is not invented' finds 0 'the program does not say at which rate'
ok 'nothing was written' same "$work/found" "$(find "$work" -type f)"

as_json() {
    "$weir" doctor --json "synth:sine rate=100Hz | csv:$work/all" >"$work/json" && grep -q '"health"' "$work/json" &&
        head -c 1 "$work/json" | grep -qF '[' && grep -q '276 MB' "$work/json"
}
ok 'as JSON' as_json
echo 'synth:sine rate=1Hz | null' >"$work/pump.weir"
asked=$work/pump.weir
ok 'of a file' finds 0 clock
finish
