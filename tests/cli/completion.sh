#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion: `weir complete` gives what may follow the beginning of a program, and the scripts of bash and zsh pass it on.
. tests/cli/tap.inc

gives() { # BEGINNING WORD…: each is among those that may follow
    "$weir" complete "$1" >"$work/words" || return
    shift
    for word; do
        grep -qxF -e "$word" "$work/words" || { echo "no '$word' in: $(paste -sd ' ' "$work/words")" >&2 && return 1; }
    done
}
gives_not() { # BEGINNING WORD
    ! gives "$@" 2>/dev/null
}
all_drivers() { # KIND BEGINNING
    "$weir" list "$1" | sed -n 's/^  \([a-z0-9_]*\).*/\1/p' | sort -u >"$work/listed"
    "$weir" complete "$2" | sed 's/:$//' | sort -u | comm -23 "$work/listed" - >"$work/left"
    same '' "$(cat "$work/left")"
}

ok 'a chain begins with a source' all_drivers sensors ''
ok 'stages follow a bar' all_drivers stages 'synth:sine | '
ok 'so do sinks' all_drivers sinks 'synth:sine | '
ok 'and actuators' all_drivers actuators 'synth:sine | '
ok 'but no source' gives_not 'synth:sine | ' synth:
ok 'the beginning of a word counts' same "web where window" "$("$weir" complete 'synth:sine | w' | grep -v : | sort | paste -sd ' ')"
ok 'a chain may begin with a name of this program' gives 'level = synth:sine | null
le' level
ok 'keys follow a source' gives 'synth:sine ra' rate=
ok 'and the name of a stage' gives 'synth:sine | print fo' format=
ok 'words of a key' gives 'synth:sine | print format=' jsonl csv
ok 'words of an argument without a key' gives 'synth:sine | switch ' on
ok 'a bar within quotes begins no stage' gives_not 'exec:"a | ' where
ok 'nothing follows a driver that is not there' same '' "$("$weir" complete 'synth:sine | nonsense ')"

"$weir" run -q "synth:counter rate=10Hz | weir:completed_$$" &
publisher=$!
trap 'kill $publisher; rm -rf "$work"' EXIT
if await gives weir:comp "weir:completed_$$"; then
    ok 'streams that other processes publish' gives weir: "weir:completed_$$"
else
    echo 'skip - streams of other processes: nothing can be published here'
fi

# As bash calls it: the words so far, of which the last one is to be completed; a quote that is open goes on to the end.
cat >"$work/ask" <<'END'
compopt() { :; }
. userspace/cli/completion/weir.bash
COMP_LINE=$1 COMP_POINT=${#1}
head=${1%%[\"\']*}
read -ra COMP_WORDS <<<"$head"
case $1 in
*[\"\']*) COMP_WORDS+=("${1:${#head}}") ;;
*' ') COMP_WORDS+=('') ;;
esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_weir
printf '%s\n' "${COMPREPLY[@]}"
END
completed() { # LINE: what bash would offer
    PATH=$(cd "${weir%/*}" && pwd):$PATH bash "$work/ask" "$1" | sort -u | paste -sd '|'
}
if command -v bash >/dev/null; then
    ok 'bash: commands' same 'park|plot|ps' "$(completed 'weir p')"
    ok 'bash: options of a command' same '--filter-tier=|--for=|--format=' "$(completed 'weir run --f')"
    ok 'bash: drivers' same 'select|sensors|serial' "$(completed 'weir list se')"
    ok 'bash: chips' same 'bme280|bme680' "$(completed 'weir setup bme')"
    ok 'bash: a program in quotes, as a whole' same 'synth:sine | where' "$(completed "weir run 'synth:sine | whe")"
else
    echo 'skip - bash: it is not here'
fi
if command -v zsh >/dev/null; then
    ok 'zsh reads its script' zsh -n userspace/cli/completion/weir.zsh
else
    echo 'skip - zsh: it is not here'
fi
finish
