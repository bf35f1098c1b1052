// What a shell proposes at the Tab key, from oclif's description of the commands.
import type { Command, Interfaces } from '@oclif/core'

type Option = Extract<Command.Flag.Cached, { type: 'option' }>

/** Makes the shell propose files. */
const FILES = ':files'

/**
 * @param line the words after the program's name, up to the cursor; the last one is being typed
 * @returns words, some followed by a tab and a description, or FILES
 */
export function propose(
  { commands, topics }: Pick<Interfaces.Config, 'commands' | 'topics'>,
  line: readonly string[],
): string[] {
  // Readline cuts `--flag=value` into three words.
  const words = line.flatMap((word, index) => (word !== '=' ? [word] : index === line.length - 1 ? [''] : []))
  const typed = words.pop() ?? ''
  const abouts = new Map(topics.map(({ name, description }) => [name, description]))
  for (const { id, hidden, summary } of commands) if (!hidden) abouts.set(id, summary)
  const firstOther = words.findIndex((_, index) => !abouts.has(words.slice(0, index + 1).join(':')))
  const rest = firstOther < 0 ? [] : words.splice(firstOther)
  const id = words.join(':')
  const below = rest.length > 0 ? [] : wordsBelow(id === '' ? '' : `${id}:`, abouts)
  const command = commands.find((candidate) => candidate.id === id)
  return proposalsFor(command, below, rest, typed).filter((text) => text === FILES || text.startsWith(typed))
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

function wordsBelow(start: string, abouts: ReadonlyMap<string, string | undefined>): string[] {
  const below = [...abouts].filter(([id]) => id.startsWith(start) && !id.includes(':', start.length))
  return below.map(([id, about]) => `${id.slice(start.length)}\t${about}`)
}

function optionNamed(command: Command.Loadable | undefined, text: string): Option | undefined {
  const flag = Object.values(command?.flags ?? {}).find(({ name, char }) => [`--${name}`, `-${char}`].includes(text))
  return flag?.type === 'option' ? flag : undefined
}

/** An argument named `file` and a flag with the help value `FILE` are files. */
function valuesOf(wanted: Option | Command.Arg.Cached, before = ''): string[] {
  const isFile = wanted.name === 'file' || ('helpValue' in wanted && wanted.helpValue === 'FILE')
  return wanted.options?.map((word) => before + word) ?? (isFile ? [FILES] : [])
}

function flagsOf(command: Command.Loadable | undefined): string[] {
  const flags = Object.values(command?.flags ?? {}).filter(({ hidden }) => !hidden)
  return [...flags.map(({ name, summary, description }) => `--${name}\t${summary ?? description}`), '--help\tShow help']
}
