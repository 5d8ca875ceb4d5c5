# keyvault in zsh: loads the secrets of an allowed vault when you enter its folder,
# and puts back what was there when you leave.
_keyvault_hook() {
    local _keyvault_status=$?
    emulate -L zsh
    # Not in a subshell, which ends before its folder matters.
    if [[ ${_keyvault_folder-} != $PWD ]] && (( ZSH_SUBSHELL == 0 )); then
        typeset -g _keyvault_folder=$PWD
        eval "$(command keyvault --no-input shell env zsh)"
    fi
    return $_keyvault_status
}

# What a command of keyvault changes is there at the next prompt.
_keyvault_preexec() {
    emulate -L zsh
    [[ $3 != *keyvault* ]] || typeset -g _keyvault_folder=
}

autoload -Uz add-zsh-hook
add-zsh-hook precmd _keyvault_hook
add-zsh-hook chpwd _keyvault_hook
add-zsh-hook preexec _keyvault_preexec
