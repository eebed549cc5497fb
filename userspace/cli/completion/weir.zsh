#compdef weir
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of weir for zsh. Commands and options come from `weir --help` and `weir COMMAND --help`, words of the language from
# `weir complete`, which reads the drivers' tables and this machine's devices.

_weir_program() {
    local text=${(Q)words[CURRENT]} last
    local -a found
    [[ $text == [\"\']* ]] && text=${text[2,-1]}
    last=${text##*[^A-Za-z0-9_.,@/:\[-]}
    found=(${(f)"$(weir complete "$text" 2>/dev/null)"})
    (( $#found )) && compadd -Q -U -S '' -p "${text%$last}" -- $found
}

_weir() {
    local command=${words[2]}
    if (( CURRENT == 2 )) || { (( CURRENT == 3 )) && [[ $command == help ]] }; then
        compadd -- ${(f)"$(weir --help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\)  *.*/\1/p')"}
    elif [[ ${words[CURRENT]} == -* ]]; then
        compadd -- ${(f)"$(weir $command --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+=?' | sort -u)"}
    else
        case $command in
        run|check|explain|record|replay|doctor) _files -g '*.weir'; _weir_program ;;
        list) compadd -- sensors stages sinks actuators devices streams ${(f)"$(weir list 2>/dev/null | sed -n 's/^  \([a-z0-9_]*\).*/\1/p' | sort -u)"} ;;
        setup) compadd -- ${(f)"$(weir setup 2>/dev/null | sed -n 's/^  \([a-z0-9-]*\)  .*/\1/p')"} ;;
        tap) compadd -- ${(f)"$(weir complete weir: | sed 's/^weir://')"} ;;
        set|get|park) compadd -- ${(f)"$(weir complete gpio: | sed 's/^gpio://')"} ;;
        esac
    fi
}

_weir "$@"
