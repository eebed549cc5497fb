# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of weir for bash. Commands and options come from `weir --help` and `weir COMMAND --help`, words of the language from
# `weir complete`, which reads the drivers' tables and this machine's devices.

_weir_words() { # WORD…: those that begin as the current word
    local word
    for word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
    done
}

_weir_commands() {
    weir --help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\)  *.*/\1/p'
}

_weir_options() { # COMMAND
    weir "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+=?' | sort -u
}

# The end of the text is replaced; what stands before it stays. In words without quotes bash begins anew behind each colon and =.
_weir_program() {
    local text=$cur quote='' last word
    case $text in [\"\']*) quote=${text:0:1} text=${text:1} ;; esac
    last=${text##*[!A-Za-z0-9_.,@/:[-]}
    while IFS= read -r word; do
        [ -n "$quote" ] || word=${word#"${last%"${last##*[:=]}"}"}
        [ -z "$quote" ] || word=${text%"$last"}$word
        COMPREPLY+=("$word")
    done < <(weir complete "$text" 2>/dev/null)
    compopt -o nospace 2>/dev/null
}

_weir() {
    # The words as the shell has them, with : and = in them.
    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} before
    before=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t words < <(_weir_commands)
        _weir_words "${words[@]}"
        return
    fi
    case $cur in
    -*)
        mapfile -t words < <(_weir_options "$command")
        _weir_words "${words[@]}"
        [[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace 2>/dev/null
        return
        ;;
    [\"\']*) ;;
    *) cur=${before##* } ;;
    esac
    case $command in
    run | check | explain | record | replay | doctor)
        mapfile -t COMPREPLY < <(compgen -f -X '!*.weir' -- "$cur"; compgen -d -- "$cur")
        [ ${#COMPREPLY[@]} -gt 0 ] && [ -n "$cur" ] || _weir_program
        ;;
    list)
        mapfile -t words < <(printf '%s\n' sensors stages sinks actuators devices streams; weir list 2>/dev/null | sed -n 's/^  \([a-z0-9_]*\).*/\1/p' | sort -u)
        _weir_words "${words[@]}"
        ;;
    setup)
        mapfile -t words < <(weir setup 2>/dev/null | sed -n 's/^  \([a-z0-9-]*\)  .*/\1/p')
        _weir_words "${words[@]}"
        ;;
    help)
        mapfile -t words < <(_weir_commands)
        _weir_words "${words[@]}"
        ;;
    tap)
        mapfile -t words < <(weir complete weir: | sed 's/^weir://')
        _weir_words "${words[@]}"
        ;;
    set | get | park)
        mapfile -t words < <(weir complete gpio: | sed 's/^gpio://')
        _weir_words "${words[@]}"
        ;;
    esac
}

complete -F _weir weir
