# keyvault in bash: loads the secrets of an allowed vault when you enter its folder,
# and puts back what was there when you leave.
_keyvault_hook() {
    local _keyvault_status=$? _keyvault_pipes=${#PIPESTATUS[@]}
    # In a pipeline the function below runs in a shell of its own.
    if ((_keyvault_pipes > 1)) && [[ $(HISTTIMEFORMAT='' history 1) == *keyvault* ]]; then
        _keyvault_folder=
    fi
    if [[ ${_keyvault_folder-} != "$PWD" ]]; then
        _keyvault_folder=$PWD
        eval "$(command keyvault --no-input shell env bash)" || :
    fi
    # Under `set -e`, what failed before must not end the shell here.
    [[ $- == *e* ]] || return "$_keyvault_status"
}

# What a command of keyvault changes is there at the next prompt. (bash tells nobody
# which command was run.)
function keyvault {
    _keyvault_folder=
    command keyvault "$@"
}

if [[ ${PROMPT_COMMAND[*]-} != *_keyvault_hook* ]]; then
    if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND=(_keyvault_hook "${PROMPT_COMMAND[@]}")
    else
        PROMPT_COMMAND=_keyvault_hook${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}
    fi
fi
