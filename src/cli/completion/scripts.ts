/*
 * Completion scripts, which run `vdc-manage complete` to get words. Quoting and the completion of
 * files are left to the shells.
 */

const BASH = `# Completion of vdc-manage for bash 4 and later: source <(vdc-manage completion bash)
_vdc_manage() {
  local kind
  COMPREPLY=()
  {
    IFS= read -r kind
    mapfile -t COMPREPLY
  } < <(command vdc-manage complete bash -- "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  # If no word matches, bash completes file names.
  [[ $kind != files ]] || compopt -o default
}
complete -F _vdc_manage vdc-manage
`

const ZSH = `#compdef vdc-manage
# Completion of vdc-manage for zsh: source <(vdc-manage completion zsh)
_vdc-manage() {
  local -a answer described
  local line word about none=1
  answer=("\${(@f)$(command vdc-manage complete zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${(@)answer[2,-1]}"; do
    word=\${line%%$'\\t'*}
    about=\${\${line#"$word"}#$'\\t'}
    # _describe splits its items at the first colon without a backslash.
    word=\${word//\\\\/\\\\\\\\}
    described+=("\${word//:/\\\\:}:$about")
  done
  (( $#described )) && _describe -V 'vdc-manage' described && none=0
  if [[ $answer[1] == files ]]; then
    compset -P '--*='
    _files && none=0
  fi
  return none
}
if [[ $funcstack[1] == _vdc-manage ]]; then
  _vdc-manage "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i -D }
  compdef _vdc-manage vdc-manage
fi
`

const FISH = `# Completion of vdc-manage for fish: vdc-manage completion fish | source
function __vdc_manage_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct | string unescape; or commandline -ct | string trim -l -c '"\\'')
    set -l answer (command vdc-manage complete fish -- $before[2..-1] "$typed" 2>/dev/null)
    printf '%s\\n' $answer[2..-1]
    if test "$answer[1]" = files
        set -l option (string match -r -- '^--[^=]*=' "$typed")
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$typed"))
            printf '%s\\n' "$option$path"
        end
    end
end
complete -c vdc-manage -f -a '(__vdc_manage_complete)'
`

/** The completion scripts by shell. */
export const COMPLETION_SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const
