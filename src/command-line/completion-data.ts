// What there is to complete, as oclif knows the commands at run time: so a script is always true of its release.
import type { Command, Interfaces } from '@oclif/core'
import type { CompletedArgument, CompletedCommand, CompletedFlag, Completion, Wanted } from '../terminal/completion.js'
import { cleanText } from '../terminal/text.js'

const HELP: CompletedFlag = {
  spellings: ['--help'],
  about: 'Show what the command takes',
  value: undefined,
  repeatable: false,
}
const VERSION: CompletedFlag = { ...HELP, spellings: ['--version'], about: 'Show the version' }

export function completionData({ bin, commands, topics }: Interfaces.Config): Completion {
  const shown = commands.filter((command) => !command.hidden)
  const abouts = new Map(topics.map((topic) => [topic.name, topic.description ?? '']))
  for (const { id, summary } of shown) abouts.set(id, summary ?? '')
  const ids = new Set(shown.flatMap(({ id }) => pathsTo(id)))
  const data = (id: string): CompletedCommand => {
    const command = shown.find((candidate) => candidate.id === id)
    return {
      path: id === '' ? [] : id.split(':'),
      below: [...ids]
        .filter((other) => other !== '' && parentOf(other) === id)
        .sort()
        .map((other) => ({ word: other.slice(other.lastIndexOf(':') + 1), about: oneLine(abouts.get(other)) })),
      flags: [...(command ? flagsOf(command) : []), HELP, ...(id === '' ? [VERSION] : [])],
      arguments: command ? argumentsOf(command) : [],
    }
  }
  return { program: bin, commands: ['', ...[...ids].filter((id) => id !== '').sort()].map(data) }
}

/** `failed:retry` -> `failed`, `failed:retry`. */
function pathsTo(id: string): string[] {
  return id.split(':').map((_, index, words) => words.slice(0, index + 1).join(':'))
}

function parentOf(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf(':')))
}

function flagsOf({ flags }: Command.Loadable): CompletedFlag[] {
  return Object.values(flags)
    .filter((flag) => !flag.hidden)
    .flatMap((flag): CompletedFlag[] => {
      const shared = { about: oneLine(flag.summary ?? flag.description), repeatable: false }
      const spellings = [`--${flag.name}`, ...(flag.char ? [`-${flag.char}`] : [])]
      if (flag.type === 'option') {
        const name = typeof flag.helpValue === 'string' ? flag.helpValue : flag.name
        const value = wanted(name, flag.options)
        return [{ ...shared, spellings, value, repeatable: flag.multiple === true }]
      }
      const no = { ...shared, spellings: [`--no-${flag.name}`], value: undefined }
      return [{ ...shared, spellings, value: undefined }, ...(flag.allowNo ? [no] : [])]
    })
}

function argumentsOf({ args }: Command.Loadable): CompletedArgument[] {
  return Object.values(args)
    .filter((argument) => !argument.hidden)
    .map(({ name, options, multiple }) => ({ value: wanted(name, options), repeatable: multiple === true }))
}

/** What is called a file is one: flags by their help value, arguments by their name. */
function wanted(name: string, options: readonly string[] | undefined): Wanted {
  if (options) return { kind: 'words', name, words: options }
  return { kind: name.toLowerCase() === 'file' ? 'file' : 'text', name }
}

function oneLine(text: string | undefined): string {
  return cleanText(text ?? '')
}
