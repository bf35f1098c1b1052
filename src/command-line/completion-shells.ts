// The completion script for each shell. It calls `orderctl complete` at every press of Tab.

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Works in bash 3.2 and later, with or without the package bash-completion. */
const BASH = `_orderctl() {
  local word words
  words=$(orderctl complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  if [[ $words == :files ]]; then
    # Readline quotes file names better. bash 3.2 has no compopt.
    compopt -o default 2>/dev/null && return
    words=$(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
  fi
  while IFS= read -r word; do
    [[ -n $word ]] && printf -v word %q "\${word%%$'\\t'*}" && COMPREPLY+=("$word")
  done <<< "$words"
}
complete -F _orderctl orderctl
`

/** Works from a folder in fpath, and when sourced. */
const ZSH = `#compdef orderctl
_orderctl() {
  local -a proposals
  proposals=(\${(f)"$(orderctl complete -- "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
  if [[ $proposals == :files ]]; then
    compset -P 1 '--*='
    _files
  else
    proposals=("\${(@)proposals//:/\\\\:}")
    proposals=("\${(@)proposals/$'\\t'/:}")
    _describe proposal proposals
  fi
}
if [[ $funcstack[1] == _orderctl ]]; then
  _orderctl "$@"
else
  compdef _orderctl orderctl
fi
`

const FISH = `function __orderctl_proposals
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l proposals (orderctl complete -- $words[2..-1] "$typed" 2>/dev/null)
    if test "$proposals" = :files
        set -l flag (string match -r -- '^--[^=]+=' "$typed"; or echo)
        string join \\n -- $flag(__fish_complete_path (string replace -- "$flag" '' "$typed"))
    else
        string join \\n -- $proposals
    end
end
complete -c orderctl -f -a '(__orderctl_proposals)'
`

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
