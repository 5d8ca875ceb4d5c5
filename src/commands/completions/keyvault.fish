# keyvault's completion for fish. It asks keyvault itself, which never asks you.
function __keyvault_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l lines (KEYVAULT_COMPLETE=fish command keyvault -- $words "$current" 2>/dev/null)
    if test "$lines[1]" = \tfiles
        set -l option (string match --regex '^--[^=]+=' -- $current; or echo)
        for path in (__fish_complete_path (string replace --regex '^--[^=]+=' '' -- $current))
            echo $option$path
        end
    else if set -l start (string replace --filter --regex '^\t' '' -- $lines[1])
        # Here stands another program's line. fish counts from 1.
        set -l first (math "$start" + 1)
        set -l rest (string escape -- $words $current)
        complete --do-complete "$rest[$first..-1]"
    else
        printf '%s\n' $lines
    end
end

complete --command keyvault --keep-order --exclusive --arguments '(__keyvault_complete)'
