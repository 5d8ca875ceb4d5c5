#compdef keyvault
# keyvault's completion for zsh. It asks keyvault itself, which never asks you.
_keyvault() {
    local -a lines plain open
    local line value
    lines=("${(@f)$(KEYVAULT_COMPLETE=zsh command keyvault -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\t'*}
        if [[ $line == $'\tfiles' ]]; then
            [[ $PREFIX != --*=* ]] || compset -P 1 '*='
            _files
            return
        fi
        if [[ -z $value ]]; then
            # Here stands another program's line.
            local -i start=${line#$'\t'}
            shift start words
            (( CURRENT -= start ))
            _normal
            return
        fi
        # `:` ends the value for _describe.
        line="${${value//\\/\\\\}//:/\\:}${${line#$value}/$'\t'/:}"
        if [[ $value == *[/=] ]]; then
            open+=("$line")
        else
            plain+=("$line")
        fi
    done
    (( $#open )) && _describe -V 'value' open -S ''
    (( $#plain )) && _describe -V 'value' plain
    (( $#open + $#plain ))
}

# As a file in `fpath` this is the function's body; else it is read once.
if [[ ${funcstack[1]-} == _keyvault ]]; then
    _keyvault "$@"
elif (( $+functions[compdef] )); then
    compdef _keyvault keyvault
else
    print -u2 'keyvault: note: zsh completes nothing before `autoload -Uz compinit && compinit`'
fi
