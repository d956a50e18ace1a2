/**
 * Completion scripts. Each hands the words before the cursor to the hidden command `__complete` and offers the
 * lines that come back (`word<TAB>description`), so that a shell never needs a new script for a new command.
 * The last line is a directive: `:files` asks the shell to complete file names instead.
 */

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const BASH = `# bash completion for tulle
_tulle() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}" line directive=""
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash splits words at = and :, which are part of ours; a value after = is completed by file name.
  while IFS= read -r line; do
    if [[ $line == :* ]]; then directive="$line"; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done < <(tulle __complete -- "\${words[@]}" 2>/dev/null)
  if [[ $directive == :files ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    compopt -o filenames 2>/dev/null
  fi
}
complete -F _tulle tulle
`;

const ZSH = `#compdef tulle
# zsh completion for tulle
_tulle() {
  local line directive=""
  local -a offers
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      directive="$line"
    elif [[ $line == *$'\\t'* ]]; then
      offers+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      offers+=("\${line//:/\\\\:}")
    fi
  done < <(tulle __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if [[ $directive == :files ]]; then
    _files
  else
    _describe -V tulle offers
  fi
}
if [[ \${funcstack[1]} == _tulle ]]; then _tulle "$@"; else compdef _tulle tulle; fi
`;

const FISH = `# fish completion for tulle
function __tulle_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (tulle __complete -- $words[2..-1] 2>/dev/null)
    if contains -- :files $lines
        __fish_complete_path (commandline -ct)
    else
        string match -v -- ':*' $lines
    end
end
complete -c tulle -f -a '(__tulle_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
