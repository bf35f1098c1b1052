// The script for fish, from 3.0 on: a line for each flag and each command, with the place where it is proposed.
import {
  asWord,
  type CompletedCommand,
  type CompletedFlag,
  type Completion,
  pathText,
  type Wanted,
} from './completion.js'

export function fishCompletion({ program, commands }: Completion): string {
  return `# fish completion for ${program}, written by: ${program} autocomplete fish

# Whether the words before the cursor name this command: they do up to the first flag or argument.
function __${program}_at
    set -l words (commandline -opc)
    set -l path
    for word in $words[2..-1]
        contains -- (string join ' ' -- $path $word) ${commands
          .slice(1)
          .map((one) => quoted(pathText(one)))
          .join(' ')}
        or break
        set path $path $word
    end
    test "$path" = "$argv"
end

# Whether they name it and nothing stands behind it.
function __${program}_just
    set -l words (commandline -opc)
    test (count $words) -eq (math 1 + (count $argv)); and __${program}_at $argv
end

complete -c ${program} -f
${commands.flatMap((command) => commandLines(program, command)).join('\n')}
`
}

function commandLines(program: string, command: CompletedCommand): string[] {
  const begin = `complete -c ${program}`
  const at = `${begin} -n ${quoted([`__${program}_at`, ...command.path].join(' '))}`
  const just = `${begin} -n ${quoted([`__${program}_just`, ...command.path].join(' '))}`
  return [
    ...command.below.map(({ word, about }) => `${just} -a ${quoted(asWord(word, quoted))} -d ${quoted(about)}`),
    ...command.flags.map((flag) => `${at} ${flagOptions(flag)} -d ${quoted(flag.about)}`),
    ...command.arguments.flatMap(({ value }) => {
      if (value.kind === 'file') return [`${at} -F`]
      return value.kind === 'words' ? [`${at} -a ${words(value.words)} -d ${quoted(value.name)}`] : []
    }),
  ]
}

function flagOptions({ spellings, value }: CompletedFlag): string {
  const names = spellings.map((text) => (text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`))
  return [...names, ...(value ? [valueOptions(value)] : [])].join(' ')
}

function valueOptions(wanted: Wanted): string {
  if (wanted.kind === 'file') return '-r -F'
  return wanted.kind === 'words' ? `-x -a ${words(wanted.words)}` : '-x'
}

/** fish reads the list as shell text once more. */
function words(all: readonly string[]): string {
  return quoted(all.map((word) => asWord(word, quoted)).join(' '))
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
