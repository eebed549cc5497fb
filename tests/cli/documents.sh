#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# README and docs/ keep up with the tree: what they show of a file is that file, what they tell to type can be typed, what they name is
# there, and figures that were measured bear the day. The manual pages have a test of their own, manual.sh.
. tests/cli/tap.inc
# shellcheck source=tests/cli/program.inc
. tests/cli/program.inc

pages="README.md CONTRIBUTING.md $(echo docs/*.md)"

# --- blocks of the README ------------------------------------------------------------

block() { # NUMBER: of those between two fences
    awk -v n="$1" '/^```/ { inside = !inside; if (inside) k++; next } inside && k == n' README.md
}

code() { # FILE: without its first comments
    sed -e '/^#/d' -e '/^\/\* .* \*\/$/d' "$1" | sed -e '/./,$!d'
}

digits() { sed -E 's/[0-9]+/#/g'; }

the_pipeline() {
    code examples/vibration.weir >"$work/file" && block 2 | diff - "$work/file" >&2
}
the_map() {
    sed '/^#include/,$!d' examples/map.c >"$work/file" && block 5 | diff - "$work/file" >&2
}
its_output() {
    block 6 | sed 1d | diff - examples/expected/c/map.out >&2
}
the_summary() { # has the form that the block shows
    "$weir" run -n 9 'synth:counter rate=max | null' 2>&1 | head -n 1 | digits >"$work/form" && block 3 | grep '^weir: ' | digits | diff - "$work/form" >&2
}
the_filter() {
    # shellcheck disable=SC2016 # the prompt
    program=$(block 4 | sed -n "s/^\$ weir run --for 4s '\(.*\)'\$/\1/p")
    [ -n "$program" ] && checks "$program"
}

ok 'README shows examples/vibration.weir' the_pipeline
ok 'and a summary as there is one' the_summary
ok 'and a program that weir check takes' the_filter
ok 'and examples/map.c' the_map
ok 'and what that prints' its_output
ok 'and no block that this test does not know' same 7 "$(grep -c '^```' README.md | awk '{ print $1 / 2 }')"

# --- commands ------------------------------------------------------------------------

# Those within the text, and those on lines of their own; of a table, without the backslash before a bar.
commands() { # PROGRAM
    # shellcheck disable=SC2086,SC2016 # words; backquotes of the pages
    {
        sed 's/\\|/|/g' $pages | grep -oE "\`$1 [^\`]*\`" | tr -d '`'
        awk '/^```/ { inside = !inside } inside || /^    /' $pages | sed -E 's/^ *(\$ )?//' | grep -E "^$1 "
    } | sort -u
}

# Without what is in quotes, which is no option.
options() { printf '%s\n' "$1" | sed -E "s/'[^']*'//g; s/\"[^\"]*\"//g" | sed 's/[][| ]/\n/g' | grep -E '^-' | sed 's/[=…].*//' | sort -u; }

known_options() { # COMMAND LINE
    "$weir" help "$1" >"$work/help" 2>/dev/null || {
        echo "there is no command: $2" >&2
        return 1
    }
    for option in $(options "$2"); do
        grep -qE "(^| )$option([ ,=]|\$)" "$work/help" || {
            echo "weir $1 has no $option: $2" >&2
            return 1
        }
    done
}

# A program within single quotes, unless it is a word that stands for one.
program_of() { printf '%s\n' "$1" | sed -nE "s/^weir (run|check|explain) [^']*'([^']*)'.*/\2/p" | grep -vE '^[^a-z]*$|…|\.\.\.|PROGRAM|FILE|^source'; }

weir_lines() {
    n=0
    commands weir >"$work/lines"
    while read -r line; do
        command=$(printf '%s' "$line" | cut -d ' ' -f 2)
        case $command in
        COMMAND | help | version | --version | [A-Z\[\'-]*) continue ;;
        esac
        known_options "$command" "$line" || return 1
        program=$(program_of "$line")
        [ -z "$program" ] || checks "$program" || { echo "$line" >&2 && return 1; }
        n=$((n + 1))
    done <"$work/lines"
    [ "$n" -ge 30 ]
}

make_lines() { # each names a target of the Makefile
    n=0
    commands make >"$work/lines"
    while read -r line; do
        for word in $(printf '%s' "$line" | sed 's/#.*//' | cut -d ' ' -f 2-); do
            case $word in
            *=* | -* | [A-Z]* | build/* | */* | … | *\'*) continue ;;
            esac
            grep -qE "^([a-z0-9-]+ )*$word( [a-z0-9-]+)*:" Makefile || {
                echo "there is no target $word: $line" >&2
                return 1
            }
            n=$((n + 1))
        done
    done <"$work/lines"
    [ "$n" -ge 8 ]
}

ok 'every weir command of the documents is one' weir_lines
ok 'every make target is one' make_lines

# --- files ---------------------------------------------------------------------------

paths() {
    # shellcheck disable=SC2086,SC2016 # words; backquotes of the pages
    cat $pages | grep -oE '(^|[ (`"])(\./)?(docs|examples|userspace|tests|scripts|sensors|actuators|bpf)/[A-Za-z0-9_@.*/-]+' |
        sed -E 's/^[ (`"]//; s/[.]$//' | grep -vE '[A-Z]{3}|/$' | sort -u
}

all_there() {
    n=0
    paths >"$work/paths"
    while read -r path; do
        n=$((n + 1))
        # shellcheck disable=SC2086 # patterns
        set -- $path
        [ -e "$1" ] || [ -e "$path.c" ] || [ -e "$path.sh" ] || [ -e "$path.h" ] || {
            echo "there is no $path" >&2
            return 1
        }
    done <"$work/paths"
    [ "$n" -ge 50 ]
}

links() { # from one page to another
    for page in $pages; do
        grep -oE '\]\([^):#]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//' >"$work/links"
        while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || {
                echo "$page: there is no $link" >&2
                return 1
            }
        done <"$work/links"
    done
}

# One whose output stands beside it is run by examples.sh or examples_c.sh; of the others a test says which it takes, or an example
# that is run does.
is_run() { # FILE
    stem=$(basename "$1" | sed 's/\..*//')
    # Of a directory of its own a test may take all.
    case $1 in examples/*/*) grep -rqF "$(dirname "$1")/\$" tests && return ;; esac
    [ -e "examples/expected/$stem.out" ] || [ -e "examples/expected/c/$stem.out" ] ||
        grep -rqE "examples/([a-z]*/)?$stem\\b|build/examples/$stem\\b" tests scripts Makefile ||
        grep -lE "examples/([a-z]*/)?$stem\\b" examples/*.weir | while read -r user; do
            [ -e "examples/expected/$(basename "$user" .weir).out" ] && echo "$user"
        done | grep -q .
}

examples_run() {
    for file in examples/*.weir examples/*.c examples/*.py examples/machines/*.weir examples/programs/*; do
        is_run "$file" || { echo "$file is run by no test" >&2 && return 1; }
    done
}

ok 'every example is run by a test' examples_run
ok 'every file that they name is there' all_there
ok 'every link leads somewhere' links

# --- figures -------------------------------------------------------------------------

# A section that tells what was measured says on which day. The manual pages tell what is promised.
# shellcheck disable=SC2016 # fields of awk
undated() {
    for page in $pages; do
        case $page in docs/weir.[15].md) ;; *) echo "$page" ;; esac
    done | xargs awk '
        function judge() { if (figures != "" && !dated) print file ": " title ": " figures }
        FNR == 1 { if (NR > 1) judge(); file = FILENAME; title = "top"; figures = ""; dated = 0 }
        /^##* / { judge(); title = $0; figures = ""; dated = 0 }
        /20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]/ { dated = 1 }
        /(Measured|measured|median|p50|percentile|[Tt]ook) .*[0-9]|[0-9] *(records|messages|instants|samples)\/s|[0-9] (ms|us|µs|ns|s) .*(processor time|CPU time)|records in, [0-9]/ {
            if (figures == "") figures = substr($0, 1, 100)
        }
        END { judge() }'
}

# --- repetitions -----------------------------------------------------------------------

# Documents that were joined badly say a thing twice: twelve words in a row, but for tables.
twice() {
    # shellcheck disable=SC2086 # words
    awk '
        FNR == 1 { n = 0; split("", seen) }
        /^\||^    |^```/ { n = 0; next }
        {
            for (i = 1; i <= NF; i++) {
                word[n++] = $i
                if (n < 12) continue
                run = ""
                for (k = n - 12; k < n; k++) run = run " " word[k]
                if (run in seen) print FILENAME ":" FNR ": again:" run
                seen[run] = 1
            }
        }' $pages
}

ok 'figures that were measured bear the day' same '' "$(undated)"
ok 'nothing is said twice' same '' "$(twice | head -n 3)"
finish
