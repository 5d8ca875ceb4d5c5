# keyvault's completion for bash. It asks keyvault itself, which never asks you.
_keyvault_complete() {
    # The line up to the cursor, in the words that keyvault would get: bash ends
    # words at `=`, `:` and `@` as well.
    local IFS=$' \t\n' i word glue='' here=''
    local -a words starts
    words=() starts=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $word =~ ^[=:@]+$ ]]; then
            words[${#words[@]}-1]+=$word
            glue=1
            continue
        fi
        ((i == COMP_CWORD)) && word=$2
        if [[ $glue ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
            starts+=("$i")
        fi
        glue=''
    done
    # Readline replaces only what stands behind the last of those.
    here=${words[${#words[@]}-1]}
    here=${here%"${here##*[=:@]}"}

    COMPREPLY=()
    local line value
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        if [[ $line == $'\tfiles' ]]; then
            compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "${2##*=}"))
            return
        fi
        if [[ ! $value ]]; then
            # Here stands another program's line.
            _keyvault_hand_over "${starts[${line#$'\t'}]:-$COMP_CWORD}" "$2"
            return
        fi
        [[ $value == *[/=] ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("${value#"$here"}")
    done < <(KEYVAULT_COMPLETE=bash command keyvault -- "${words[@]}" 2>/dev/null)
}

_keyvault_hand_over() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    else
        local line what=(-f)
        (($1 == COMP_CWORD)) && what=(-c)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen "${what[@]}" -- "$2")
    fi
}

complete -o nosort -F _keyvault_complete keyvault 2>/dev/null || complete -F _keyvault_complete keyvault
