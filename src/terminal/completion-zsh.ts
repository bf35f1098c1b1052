// The script for zsh: a function for each command, which says its flags and arguments to _arguments.
import {
  asWord,
  type CompletedCommand,
  type CompletedFlag,
  type Completion,
  singleQuoted,
  type Wanted,
} from './completion.js'

export function zshCompletion({ program, commands }: Completion): string {
  return `#compdef ${program}
# zsh completion for ${program}, written by: ${program} autocomplete zsh

${commands.map((command) => commandFunction(program, command)).join('\n')}
# Called by the completion where this file lies in fpath; registered where it is sourced.
if [[ $funcstack[1] == _${program} ]]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`
}

function commandFunction(program: string, command: CompletedCommand): string {
  return command.below.length > 0 ? topicFunction(program, command) : leafFunction(program, command)
}

function leafFunction(program: string, command: CompletedCommand): string {
  const specs = [...command.flags.map(flagSpec), ...argumentSpecs(command)]
  return `${functionName(program, command.path)}() {
  _arguments -S${specs.map((spec) => ` \\\n    ${spec}`).join('')}
}
`
}

function topicFunction(program: string, { path, below, flags }: CompletedCommand): string {
  const specs = [...flags.map(flagSpec), singleQuoted('1: :->command'), singleQuoted('*:: :->rest')]
  const described = below.map(({ word, about }) => `        ${singleQuoted(`${colonFree(word)}:${about}`)}`)
  const branches = below.map(
    ({ word }) => `        ${singleQuoted(word)}) ${functionName(program, [...path, word])} ;;`,
  )
  return `${functionName(program, path)}() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a commands
  _arguments -C -S${specs.map((spec) => ` \\\n    ${spec}`).join('')} && return
  case $state in
    command)
      commands=(
${described.join('\n')}
      )
      _describe -t commands command commands
      ;;
    rest)
      case $words[1] in
${branches.join('\n')}
      esac
      ;;
  esac
}
`
}

/** `(-y --yes)-y[change without asking]`, for each spelling. */
function flagSpec({ spellings, about, value, repeatable }: CompletedFlag): string {
  const others = repeatable ? '*' : spellings.length > 1 ? `(${spellings.join(' ')})` : ''
  return spellings
    .map((spelling) => {
      const equals = value && spelling.startsWith('--') ? '=' : ''
      return singleQuoted(`${others}${spelling}${equals}[${bracketFree(about)}]${value ? `:${action(value)}` : ''}`)
    })
    .join(' ')
}

function argumentSpecs({ arguments: all }: CompletedCommand): string[] {
  // Two colons: it may be left out, and flags are proposed in its place, too.
  return all.map(({ value, repeatable }, index) =>
    singleQuoted(`${repeatable ? '*' : `${index + 1}:`}:${action(value)}`),
  )
}

/** `reason:(declined expired)`; zsh reads what stands in the brackets as shell text. */
function action(wanted: Wanted): string {
  const name = colonFree(wanted.name.replaceAll('\\', ' '))
  if (wanted.kind === 'file') return `${name}:_files`
  if (wanted.kind === 'text') return `${name}: `
  return `${name}:(${wanted.words.map((word) => colonFree(asWord(word, singleQuoted))).join(' ')})`
}

function functionName(program: string, path: readonly string[]): string {
  return ['', program, ...path].join('_')
}

/** Only a backslash before a colon means something there. */
function colonFree(text: string): string {
  return text.replaceAll(':', '\\:')
}

function bracketFree(text: string): string {
  return text.replace(/[\\:[\]]/g, '\\$&')
}
