// Computes shell completions from oclif's description of the commands.
import type { Command, Interfaces } from '@oclif/core'

type Option = Extract<Command.Flag.Cached, { type: 'option' }>

/** Makes the shell complete file names. */
const FILES = ':files'

/**
 * @param line the words after the program's name, up to the cursor; the last one is incomplete
 * @returns words, each optionally followed by a tab and a description, or FILES
 */
export function propose(
  { commands, topics }: Pick<Interfaces.Config, 'commands' | 'topics'>,
  line: readonly string[],
): string[] {
  // Readline splits `--flag=value` into three words.
  const words = line.flatMap((word, index) => (word !== '=' ? [word] : index === line.length - 1 ? [''] : []))
  const typed = words.pop() ?? ''
  const summaries = new Map(topics.map(({ name, description }) => [name, description]))
  for (const { id, hidden, summary } of commands) if (!hidden) summaries.set(id, summary)
  const firstOther = words.findIndex((_, index) => !summaries.has(words.slice(0, index + 1).join(':')))
  const rest = firstOther < 0 ? [] : words.splice(firstOther)
  const id = words.join(':')
  const below = rest.length > 0 ? [] : wordsBelow(id === '' ? '' : `${id}:`, summaries)
  const command = commands.find((candidate) => candidate.id === id)
  const proposals = proposalsFor(command, below, rest, typed)
  const fitting = proposals.filter((text) => text !== FILES && text.startsWith(typed))
  // A shell proposes either files or words: after `import`, words only if one fits what is typed.
  return proposals.includes(FILES) && (typed === '' || fitting.length === 0) ? [FILES] : fitting
}

function proposalsFor(
  command: Command.Loadable | undefined,
  below: readonly string[],
  words: readonly string[],
  typed: string,
): readonly string[] {
  let option: Option | undefined
  let position = 0
  let isEnded = false
  for (const word of words) {
    if (option) option = undefined
    else if (isEnded || !/^-./.test(word)) position++
    else if (word === '--') isEnded = true
    else option = optionNamed(command, word)
  }
  if (option) return valuesOf(option)
  if (!isEnded && typed.startsWith('-')) {
    const [before = ''] = /^--[\w-]+=/.exec(typed) ?? []
    const assigned = optionNamed(command, before.slice(0, -1))
    return assigned ? valuesOf(assigned, before) : flagsOf(command)
  }
  const all = Object.values(command?.args ?? {})
  const argument = all[position] ?? all.findLast(({ multiple }) => multiple)
  if (argument) return [...below, ...valuesOf(argument)]
  return below.length > 0 || isEnded ? below : flagsOf(command)
}

function wordsBelow(start: string, summaries: ReadonlyMap<string, string | undefined>): string[] {
  const below = [...summaries].filter(([id]) => id.startsWith(start) && !id.includes(':', start.length))
  return below.map(([id, summary]) => `${id.slice(start.length)}\t${summary}`)
}

function optionNamed(command: Command.Loadable | undefined, text: string): Option | undefined {
  const flag = Object.values(command?.flags ?? {}).find(({ name, char }) => [`--${name}`, `-${char}`].includes(text))
  return flag?.type === 'option' ? flag : undefined
}

/** Completes file names for an argument named `file` and for a flag with the help value `FILE`. */
function valuesOf(wanted: Option | Command.Arg.Cached, before = ''): string[] {
  const isFile = wanted.name === 'file' || ('helpValue' in wanted && wanted.helpValue === 'FILE')
  return wanted.options?.map((word) => before + word) ?? (isFile ? [FILES] : [])
}

function flagsOf(command: Command.Loadable | undefined): string[] {
  const flags = Object.values(command?.flags ?? {}).filter(({ hidden }) => !hidden)
  return [...flags.map(({ name, summary, description }) => `--${name}\t${summary ?? description}`), '--help\tShow help']
}
