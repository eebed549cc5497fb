#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual keeps up with the program: every stage and sink is in weir(5), every command and option in weir(1), and its examples are
# programs: weir check reads each indented line, and each stage within the text.
. tests/cli/tap.inc
# shellcheck source=tests/cli/program.inc
. tests/cli/program.inc

drivers() { # KIND: their names
    "$weir" list "$1" | sed -n 's/^  \([a-z0-9_]*\).*/\1/p'
}

described() { # PAGE NAME…: each stands at the beginning of some `code`
    page=$1
    shift
    for name; do
        grep -qE "\`${name}[ :\`]" "$page" || {
            echo "$name is not in $page" >&2
            return 1
        }
    done
}

options() { # the long options of all commands
    for command in run check explain list ps top doctor setup; do
        "$weir" "$command" --help
    done | grep -oE -- '--[a-z][a-z-]+' | sort -u | grep -vxE -- '--(help|usage|version)'
}

commands() {
    "$weir" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'
}

# --- examples ----------------------------------------------------------------

# The indented blocks of a page, each as one line, with \001 between its own.
blocks() { # PAGE
    awk '/^    / { block = block sep substr($0, 5); sep = "\001"; next }
        { if (block != "") print block; block = sep = "" }
        END { if (block != "") print block }' "$1"
}

# Grammars, which begin with a name in a column of its own, and a message are no programs.
is_program() { # BLOCK
    case $1 in
    'program  '* | 'argument = '* | 'fields  '* | 'expression = '* | 'vibration.weir:3:41'*) return 1 ;;
    esac
}

# Some take the streams around them for granted, or are stages alone.
make_whole() { # TEXT
    case $1 in
    demean*) echo "$1" | sed 's/ *#.*//; s/.*/one | select x = value, y = value | & | null/' ;;
    past*) printf 'x = one | select v = value\n%s\necho | null' "$1" ;;
    *) echo "$1" ;;
    esac
}

programs_check() {
    n=0
    blocks docs/weir.5.md >"$work/blocks"
    while read -r block; do
        is_program "$block" || continue
        n=$((n + 1))
        checks "$(make_whole "$(printf '%s' "$block" | tr '\001' '\n')")" || return 1
    done <"$work/blocks"
    [ "$n" -ge 7 ]
}

# Stages within the text, but for those with words in capitals for what one would write, or with nothing behind an `=`, and for what
# stands for something else than a stage, or for a mistake.
spans() {
    # shellcheck disable=SC2016 # backquotes of the page
    sed 's/\\|/|/g' docs/weir.5.md | grep -oE '`[a-z0-9]+ [^`]+`' | tr -d '`' |
        grep -vE '[A-Z]{2}|\<[A-Z]\>|…|[a-z]=( |$)' | grep -vxE 'on off true false 1 0|where x' | sort -u
}

# What it needs is not on every machine, and it says nothing else.
is_excused() { # SPAN
    case $1 in
    'call '*) why='cannot load the library|does not name a library' ;;
    'exec '*) why='cannot find the program' ;;
    'model '*) why='no ONNX Runtime' ;;
    *) return 1 ;;
    esac
    grep -qE "$why" "$work/said" && [ "$(grep -c 'error: ' "$work/said")" = 1 ]
}

# A stage, given fields and a stream of all the names that the manual uses. Some need more than what is said of them.
stage_checks() { # SPAN
    case $1 in
    'clamp '[!m]*) chain="x | $1 min=0 | null" ;;
    'clamp m = '*) chain="x | $1 min=0 | null" ;;
    'json text '*) chain="x | select text | $1 | null" ;;
    'split '* | 'unzip '*) chain="p, q = x | $1; p | null; q | null" ;;
    *) chain="x | $1 | null" ;;
    esac
    checks "b = one
x = merge(one, b, tag=text) | select $(printf '%s = value, ' x y u v a b temp id room)level = value > 0, kind = value, text
$chain; b | null"
}

stages_check() {
    n=0
    drivers stages >"$work/stages"
    spans >"$work/spans"
    while read -r span; do
        grep -qx "${span%% *}" "$work/stages" || continue
        n=$((n + 1))
        stage_checks "$span" 2>"$work/told" || is_excused "$span" || {
            cat "$work/told" >&2
            return 1
        }
    done <"$work/spans"
    [ "$n" -ge 30 ]
}

# Those of weir(1) are commands.
commands_check() {
    grep -oE "^    weir (run|explain).*'[^']*'" docs/weir.1.md | grep -oE "'[^']*'" | grep -v PROGRAM | tr -d "'" >"$work/programs"
    while read -r program; do
        checks "$program" || return 1
    done <"$work/programs"
    [ "$(wc -l <"$work/programs")" -ge 3 ]
}

# shellcheck disable=SC2046
{
    ok 'every stage is described' described docs/weir.5.md $(drivers stages)
    ok 'every sink is described' described docs/weir.5.md $(drivers sinks)
    for option in $(options); do
        ok "$option is described" grep -q -- "\`${option}[ \`]" docs/weir.1.md
    done
    for command in $(commands); do
        ok "weir $command is described" grep -q "^\*\*$command\*\* " docs/weir.1.md
    done
    ok 'every program in weir(5) is one' programs_check
    ok 'every stage in weir(5) is one' stages_check
    ok 'every program in weir(1) is one' commands_check
}
finish
