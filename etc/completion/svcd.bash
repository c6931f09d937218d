# SPDX-License-Identifier: MIT
# Completion of svcd's arguments in bash. All of it is asked of svcd itself, so there is nothing to keep up to date.
# shellcheck shell=bash

_svcd_services() {
    "$1" routes 2>/dev/null | sed -nE 's|^call +/([^/]+)/.*|\1|p' | sort -u
}

_svcd() {
    local svcd=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words help
    help=$("$svcd" --help 2>/dev/null) || return
    # To bash --config=FILE is three words, and so is what is set to a value, which nobody here knows.
    if [[ $current = = ]]; then
        current=
    elif [[ $before = = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ $before != -* && ${COMP_WORDS[*]:COMP_CWORD - 1:2} = *=* ]]; then
        return
    fi
    case $before in
    -c | --config | import-ratings)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    -s | --set)
        compopt -o nospace 2>/dev/null
        words=$("$svcd" config 2>/dev/null | sed -nE 's/^([a-z0-9_.]+) = .*/\1=/p')
        ;;
    --service) words=$(_svcd_services "$svcd")" svcd.live" ;;
    --address | --wait | token) return ;;
    job) words="update-models suggest-workshops forget-answers" ;;
    *)
        if ((COMP_CWORD > 2)) && [[ " ${COMP_WORDS[*]:1:COMP_CWORD - 2} " = *" token "* ]]; then
            words=$(_svcd_services "$svcd")
        else
            words=$(sed -nE -e 's/^(Usage:|      ) svcd \[OPTION\]\.\.\. ([a-z-]+)( .*|$)/\2/p' \
                -e 's/^ +(-[a-zA-Z], )?(--[a-z-]+).*/\2/p' -e 's/^ +(-[a-zA-Z])[, ].*/\1/p' <<<"$help")
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _svcd svcd
