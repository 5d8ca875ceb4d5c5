# keyvault in fish: loads the secrets of an allowed vault when you enter its folder,
# and puts back what was there when you leave.
if status is-interactive
    function __keyvault_hook --on-variable PWD --on-event fish_prompt
        if test "$__keyvault_folder" != "$PWD"
            set -g __keyvault_folder $PWD
            command keyvault --no-input shell env fish | source
        end
    end

    # What a command of keyvault changes is there at the next prompt.
    function __keyvault_preexec --on-event fish_preexec
        if string match --quiet '*keyvault*' -- $argv
            set -g __keyvault_folder
        end
    end
end
