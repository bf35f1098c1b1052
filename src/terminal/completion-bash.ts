// The script for bash, from 3.2 on: no associative arrays, and nothing of the bash-completion package.
import { type CompletedCommand, type Completion, pathText, singleQuoted, type Wanted } from './completion.js'

export function bashCompletion({ program, commands }: Completion): string {
  return `# bash completion for ${program}, written by: ${program} autocomplete bash

# What may follow a command: commands below it, its flags, those of them that want a value, and how many arguments.
__${program}_about() {
  below=() flags=() valued=() most=0
  case $1 in
${commands.map(aboutCase).join('\n')}
  esac
}

# What the value of a flag, or an argument by its position, can be.
__${program}_wanted() {
  proposed=() files=
  case $1 in
${commands.flatMap(wantedCases).join('\n')}
  esac
}

__${program}_among() {
  local wanted=$1 word
  shift
  for word in "$@"; do
    [[ $word == "$wanted" ]] && return 0
  done
  return 1
}

_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' flag='' begun='' ended='' prefix='' position=1 word i
  local below flags valued most proposed files
  COMPREPLY=()
  __${program}_about ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # Readline cuts --flag=value into three words.
    [[ $word == '=' ]] && continue
    if [[ -n $flag ]]; then
      flag=''
    elif [[ -n $ended ]]; then
      position=$((position + 1))
    elif [[ $word == -- ]]; then
      begun=yes ended=yes
    elif [[ $word == -* ]]; then
      begun=yes
      if __${program}_among "$word" \${valued[@]+"\${valued[@]}"}; then flag=$word; fi
    elif [[ -z $begun ]] && __${program}_among "$word" \${below[@]+"\${below[@]}"}; then
      path=\${path:+$path }$word
      __${program}_about "$path"
    else
      begun=yes
      position=$((position + 1))
    fi
  done

  if [[ -n $flag && $cur == '=' ]]; then
    cur=''
  elif [[ -z $flag && -z $ended && $cur == --*=* ]]; then
    flag=\${cur%%=*} prefix=\${cur%%=*}= cur=\${cur#*=}
  fi

  proposed=() files=
  if [[ -n $flag ]]; then
    __${program}_wanted "$path $flag"
  elif [[ -z $ended && $cur == -* ]]; then
    proposed=(\${flags[@]+"\${flags[@]}"})
  else
    __${program}_wanted "$path $position"
    [[ -z $begun ]] && proposed=(\${below[@]+"\${below[@]}"} \${proposed[@]+"\${proposed[@]}"})
    if [[ \${#proposed[@]} -eq 0 && -z $ended ]] && ((position > most)); then
      proposed=(\${flags[@]+"\${flags[@]}"})
    fi
  fi

  if [[ -n $files ]]; then
    # Readline knows best how to write a name; bash 3.2 cannot be told to let it.
    [[ -z $prefix ]] && compopt -o default 2>/dev/null && return
    while IFS= read -r word; do
      printf -v word %q "$word"
      COMPREPLY+=("$prefix$word")
    done < <(compgen -f -- "$cur")
    return
  fi
  for word in \${proposed[@]+"\${proposed[@]}"}; do
    [[ $word == "$cur"* ]] || continue
    printf -v word %q "$word"
    COMPREPLY+=("$prefix$word")
  done
}

complete -F _${program} ${program}
`
}

function aboutCase(command: CompletedCommand): string {
  const { below, flags } = command
  const facts = [
    `      below=(${list(below.map(({ word }) => word))})`,
    `      flags=(${list(flags.flatMap((flag) => flag.spellings.slice(0, 1)))})`,
    `      valued=(${list(flags.filter((flag) => flag.value).flatMap((flag) => flag.spellings))})`,
    `      most=${command.arguments.some((argument) => argument.repeatable) ? 999999 : command.arguments.length}`,
  ]
  return [`    ${singleQuoted(pathText(command))})`, ...facts, '      ;;'].join('\n')
}

function wantedCases(command: CompletedCommand): string[] {
  const path = pathText(command)
  const flags = command.flags.flatMap(({ spellings, value }) =>
    value ? [wantedCase(spellings.map((spelling) => singleQuoted(`${path} ${spelling}`)).join(' | '), value)] : [],
  )
  const positions = command.arguments.map(({ value, repeatable }, index) =>
    wantedCase(repeatable ? `${singleQuoted(`${path} `)}[0-9]*` : singleQuoted(`${path} ${index + 1}`), value),
  )
  return [...flags, ...positions].filter((text) => text !== '')
}

function wantedCase(pattern: string, wanted: Wanted): string {
  if (wanted.kind === 'text') return ''
  const facts = wanted.kind === 'file' ? 'files=yes' : `proposed=(${list(wanted.words)})`
  return `    ${pattern}) ${facts} ;;`
}

function list(words: readonly string[]): string {
  return words.map(singleQuoted).join(' ')
}
