#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A pipeline gives up the rights that loading filters took. For a program that may be read again, another process keeps them: it loads what
# a reload needs, and ends with the pipeline. Needs the right to load eBPF.
. tests/cli/tap.inc
. tests/await.inc

filters=${weir%/*}/tests/cli
source='csv:tests/data/raw.csv[a:s16,b:u16]'
"$weir" run -q --filter-tier=batch "$source | where a > 0 | null" 2>"$work/why" || {
    head -n 1 "$work/why" >&2
    exit 77
}

# Something that does not end, beside the stream that is filtered.
program() { # STAGES
    printf 'exec:"sleep 100" out="k" | null\n%s %s | csv:%s\n' "$source" "$1" "$work/got.csv"
}

await_rows() {
    await grep -q '^32767\|,' "$work/got.csv" && sleep 0.3
}

begin() { # STAGES [OPTION…]
    program "$1" >"$work/program.weir"
    shift
    rm -f "$work/got.csv"
    setsid "$weir" run "$@" "$work/program.weir" </dev/null >/dev/null 2>"$work/messages" &
    pid=$!
    await_rows
    loader=$(pgrep -P $pid -x weir-loader)
}

# shellcheck disable=SC2317 # called by await
is_gone() { # PID
    [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

end() {
    kill -TERM $pid
    wait $pid
}

again() { # STAGES
    program "$1" >"$work/program.weir"
    rm -f "$work/got.csv"
    kill -HUP $pid
    await_rows
}

capabilities() { # PID SET
    sed -n "s/^Cap$2:[[:space:]]*//p" "/proc/$1/status"
}

# CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_KILL, CAP_SYS_NICE, CAP_IPC_LOCK, and no other.
has_few() { # PID
    for set in Eff Prm Inh Amb; do
        [ $((0x$(capabilities "$1" $set) & ~0x804023)) -eq 0 ] || return
    done
}

# CAP_BPF and CAP_PERFMON; CAP_SYS_ADMIN where hooks cannot be had without it.
loads_only() { # PID
    allowed=0xc000000000
    [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ] || allowed=0xc000200000
    for set in Eff Prm Inh Amb; do
        [ $((0x$(capabilities "$1" $set) & ~allowed)) -eq 0 ] || return
    done
    [ $((0x$(capabilities "$1" Eff) & 0x8000000000)) -ne 0 ]
}

# Its socket, and nothing of the pipeline's.
holds_little() { # PID
    [ "$(readlink "/proc/$1/fd/1")" = /dev/null ] || return
    set -- "/proc/$1/fd/"*
    [ $# -eq 4 ]
}

rows() { # STAGES: as user space chooses them
    "$weir" run -q --filter-tier=user "$source $1 | csv:$work/expected.csv" && cmp "$work/expected.csv" "$work/got.csv"
    result=$?
    rm -f "$work/expected.csv"
    return $result
}

by_kernel() { # TIMES
    [ "$(grep -c 'tier batch' "$work/messages")" -ge "$1" ]
}

begin '| where a > 100 | every 3' --filter-tier=batch
ok 'the pipeline has none of the rights that loading takes' has_few $pid
ok 'another process has them, and no others' loads_only "$loader"
ok 'that process has nothing else of the pipeline' holds_little "$loader"
ok 'the filter chose the right records' rows '| where a > 100 | every 3'
again '| where b < 20000'
ok 'a reload loads another filter without these rights' rows '| where b < 20000'
ok 'and the pipeline still has none' has_few $pid
again "filter=$filters/custom_far.bpf.o | where b > 30000"
ok 'a reload loads a custom filter' rows '| where abs(a) > 1000 | where b > 30000'
end
ok 'all of them ran in the kernel' by_kernel 3
ok 'the other process ended with the pipeline' await is_gone "$loader"

begin '| where a > 100' --filter-tier=batch
kill -9 $pid
ok 'it ends also when the pipeline is killed' await is_gone "$loader"
wait $pid 2>/dev/null

begin '| where a > 100' --filter-tier=batch
kill -9 "$loader"
again '| where a > 7'
ok 'without it a reload says so' grep -q 'the process that loads filters does not answer' "$work/messages"
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null

begin '| where a > 100' --filter-tier=user
ok 'where no filter is loaded there is no such process' test -z "$loader"
ok 'and the rights are given up all the same' has_few $pid
end
setsid "$weir" run -q "$(program '| where a > 100')" </dev/null >/dev/null 2>&1 &
pid=$!
await has_few $pid
ok 'what is never read again needs no such process' test -z "$(pgrep -P $pid -x weir-loader)"
kill -TERM $pid
wait $pid
