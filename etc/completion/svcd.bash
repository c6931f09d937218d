# SPDX-License-Identifier: MIT
# Completion of svcd's arguments in bash. All of it is asked of svcd itself, so there is nothing to keep up to date.
# shellcheck shell=bash

_svcd() {
    local svcd=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words help
    help=$("$svcd" --help 2>/dev/null) || return
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
    --service) words=$("$svcd" routes 2>/dev/null | sed -nE 's|^call +/([^/]+)/.*|\1|p' | sort -u)" svcd.live" ;;
    --address | --wait) return ;;
    job) words="update-models suggest-workshops forget-answers" ;;
    *)
        words=$(sed -nE -e 's/^(Usage:|      ) svcd \[OPTION\]\.\.\. ([a-z-]+)( .*|$)/\2/p' \
            -e 's/^ +(-[a-zA-Z], )?(--[a-z-]+).*/\2/p' -e 's/^ +(-[a-zA-Z])[, ].*/\1/p' <<<"$help")
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _svcd svcd
