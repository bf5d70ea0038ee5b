# Made by tools/completion.py from the program's own parser; `make manual` makes it anew.
# For bash 4 or newer; needs no other file.

_fbsyncd() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command='' word i words='' rest=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --config) i=$((i + 1)) ;;
            -*) ;;
            *) command=$word; break ;;
        esac
    done
    COMPREPLY=()
    case $command:$before in
        *:--config) _fbsyncd_paths -f; return ;;
        install:--root) _fbsyncd_paths -d; return ;;
        token:--app-id) return ;;
        token:--page) return ;;
        token:--dir) _fbsyncd_paths -d; return ;;
        token:--secret-file) _fbsyncd_paths -f; return ;;
        token:--token-file) _fbsyncd_paths -f; return ;;
        demo:--port) return ;;
        demo:--dir) _fbsyncd_paths -d; return ;;
        demo:--replay) _fbsyncd_paths -f; return ;;
        sync:--page) return ;;
        sync:--days) return ;;
        posts:--limit) return ;;
        copy:--to) return ;;
    esac
    case $command in
        '') words='-h --help --version --config init install setup config token doctor demo run sync reconcile retry stats posts verify export copy forget' ;;
        init) words='-h --help --config' rest=-d ;;
        install) words='--user --root -h --help --config' ;;
        setup) words='--dry-run -h --help --config' ;;
        config) words='-h --help --config' ;;
        token) words='--app-id --page --dir --secret-file --token-file -h --help --config' ;;
        doctor) words='--json -h --help --config' ;;
        demo) words='--port --dir --replay -h --help --config' rest=-f ;;
        run) words='-h --help --config' ;;
        sync) words='--page --days --all --full --no-media -h --help --config' ;;
        reconcile) words='--scrub --dry-run --delete-orphans --accept-loss -h --help --config' ;;
        retry) words='--all -h --help --config' ;;
        stats) words='--json -h --help --config' ;;
        posts) words='--limit --json -h --help --config' ;;
        verify) words='--json --quick -h --help --config' ;;
        export) words='-h --help --config' rest=-d ;;
        copy) words='--to -h --help --config' ;;
        forget) words='--yes -h --help --config post page' ;;
    esac
    if [[ $current == -* || $rest == '' ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    else
        _fbsyncd_paths "$rest"
    fi
}

_fbsyncd_paths() {
    # Outside of a completion there is nothing to set.
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

complete -F _fbsyncd fbsyncd
