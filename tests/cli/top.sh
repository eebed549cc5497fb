#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# weir top in a terminal: the tree with its numbers, keys, other sizes, and a terminal that is as before when it has ended.
. tests/cli/tap.inc
export WEIR_GUARD="$work/guard.sock"

cat >"$work/shown.weir" <<'END'
a = synth:counter rate=1kHz | select n = value
a | window 100ms mean(n) as mean | null
a | where n < 0 | null
END
"$weir" run -q --for 100s "$work/shown.weir" &
one=$!
"$weir" run -q --for 100s --name=zwei 'synth:sine rate=100Hz | null' &
two=$!
trap 'kill $one $two 2>/dev/null; rm -rf "$work"' EXIT
await sh -c "[ \$('$weir' ps 2>/dev/null | wc -l) = 3 ]"

# In a terminal: keys are PAUSE KEY … ; what is shown goes to $work/screen, the status to $work/status.
in_terminal() { # COMMAND KEYS…
    command=$1
    shift
    for key; do
        case $key in [0-9]*) sleep "$key" ;; *) printf '%b' "$key" ;; esac
    done | LC_ALL=${language:-C.UTF-8} TERM=xterm timeout 30 script -qefc "stty rows 24 cols 100; $command; echo status \$? \$(stty size) \$(stty -a | grep -o -- '-*icanon')" "$work/screen" >/dev/null 2>&1
}
shows() { # TEXT
    grep -qF -- "$1" "$work/screen" || {
        tail -c 2000 "$work/screen" >&2
        return 1
    }
}
narrow() { # a picture of at most 8 lines, none of which has more than 40 characters
    tr '\033' '~' <"$work/screen" | sed 's/~\[H/\n@/g' | awk '/^@/ { n = wide = 0; sub(/^@/, "") }
        /~\[K/ { sub(/~\[K.*/, ""); n++; if (length($0) > wide) wide = length($0) }
        /~\[J/ { if (n > 2 && n <= 8 && wide == 40) found = 1 } END { exit !found }'
}

once() {
    "$weir" top --once shown >"$work/once" && grep -qE '^  a = select n = value +(9|10)[0-9][0-9]?\.[0-9] ' "$work/once" &&
        grep -qE '^    n = [0-9]+' "$work/once" && grep -qE '^      null ' "$work/once"
}
ok '--once prints the tree, with rates and values' await once
ok '--json prints all numbers' sh -c "'$weir' top --json shown | grep -q '\"in_rate\"'"
ok 'what is no terminal gets one picture' sh -c "'$weir' top shown </dev/null | grep -q '^NODE '"
ok 'a pipeline that is not there has status 1' same 1 "$(status_of "$weir" top --once nix)"
ok 'wrong usage has status 2' same '2 2' "$(status_of "$weir" top --every=1ms) $(status_of "$weir" top a b)"

in_terminal "$weir top --every=100ms shown" 1.5 q
ok 'it is drawn in a terminal, with sparklines' shows '▁'
ok 'q ends it with status 0, and the terminal is as before' shows 'status 0 24 100 icanon'
ok 'and has its own screen back' shows "$(printf '\033[?1049l')"
in_terminal "$weir top --every=100ms shown" 1 s 0.5 ' ' 0.5 q
ok 's changes the order' shows 'order: rate'
ok 'the space bar pauses' shows 'PAUSED'
in_terminal "$weir top --every=100ms" 1 n 0.7 q
ok 'n shows the next pipeline' sh -c "grep -q '1 of 2' '$work/screen' && grep -q '2 of 2' '$work/screen'"
language=C in_terminal "sh -c '(sleep 1; stty rows 8 cols 40 </dev/tty) & exec $weir top --every=100ms shown'" 2.5 q
ok 'another size is met' narrow
in_terminal "sh -c '(sleep 1; kill -INT \$\$) & exec $weir top --every=100ms shown'" 2
ok 'an interrupt ends it, and the terminal is as before' shows 'status 0 24 100 icanon'
language=C in_terminal "$weir top --every=100ms shown" 1.5 q
ok 'without UTF-8 no character is beyond ASCII' sh -c "! LC_ALL=C grep -q '[^ -~[:cntrl:]]' '$work/screen'"
finish
