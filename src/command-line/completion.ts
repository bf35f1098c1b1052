// What a shell proposes at the Tab key. It comes from oclif's description of the commands, so a new one completes by itself.
import type { Command, Interfaces } from '@oclif/core'

export interface Proposal {
  readonly word: string
  readonly about: string
}

/** In place of words: the shell proposes names of files. */
const FILES: Proposal = { word: ':files', about: '' }

type Commands = Pick<Interfaces.Config, 'commands' | 'topics'>
type Option = Extract<Command.Flag.Cached, { type: 'option' }>

/** @param line the words after the program's name, up to the cursor; the last one is being typed */
export function propose(config: Commands, line: readonly string[]): Proposal[] {
  // Readline cuts `--flag=value` into three words.
  const words = line.flatMap((word, index) => (word !== '=' ? [word] : index === line.length - 1 ? [''] : []))
  const typed = words.at(-1) ?? ''
  return proposalsAfter(config, words.slice(0, -1), typed).filter(
    (proposal) => proposal === FILES || proposal.word.startsWith(typed),
  )
}

function proposalsAfter({ commands, topics }: Commands, words: readonly string[], typed: string): Proposal[] {
  const abouts = new Map(topics.map(({ name, description }) => [name, description]))
  for (const { id, hidden, summary } of commands) if (!hidden) abouts.set(id, summary)
  const path = words.findIndex((_, index) => !abouts.has(words.slice(0, index + 1).join(':')))
  const rest = path < 0 ? [] : words.slice(path)
  const id = words.slice(0, words.length - rest.length).join(':')
  const command = commands.find((candidate) => candidate.id === id)

  let option: Option | undefined
  let position = 0
  let isEnded = false
  for (const word of rest) {
    if (option) option = undefined
    else if (isEnded || !/^-./.test(word)) position++
    else if (word === '--') isEnded = true
    else option = optionNamed(command, word)
  }
  if (option) return valuesOf(option)
  if (!isEnded && typed.startsWith('-')) {
    const [, name = '', equals = ''] = /^(--[\w-]+)(=)/.exec(typed) ?? []
    const assigned = optionNamed(command, name)
    return assigned ? valuesOf(assigned, name + equals) : flagsOf(command)
  }
  const below = rest.length > 0 ? [] : wordsBelow(id, abouts)
  const all = Object.values(command?.args ?? {})
  const argument = all[position] ?? all.findLast(({ multiple }) => multiple)
  if (argument) return [...below, ...valuesOf(argument)]
  return below.length > 0 || isEnded ? below : flagsOf(command)
}

function wordsBelow(id: string, abouts: ReadonlyMap<string, string | undefined>): Proposal[] {
  const start = id === '' ? '' : `${id}:`
  const below = [...abouts].filter(([name]) => name.startsWith(start) && !name.includes(':', start.length))
  return below.map(([name, about = '']) => ({ word: name.slice(start.length), about }))
}

function optionNamed(command: Command.Loadable | undefined, text: string): Option | undefined {
  const flag = Object.values(command?.flags ?? {}).find(({ name, char }) => [`--${name}`, `-${char}`].includes(text))
  return flag?.type === 'option' ? flag : undefined
}

/** An argument named `file` and a flag with the help value `FILE` are files. */
function valuesOf(wanted: Option | Command.Arg.Cached, before = ''): Proposal[] {
  if (wanted.options) return wanted.options.map((word) => ({ word: before + word, about: '' }))
  const isFile = wanted.name === 'file' || ('helpValue' in wanted && wanted.helpValue === 'FILE')
  return isFile ? [FILES] : []
}

function flagsOf(command: Command.Loadable | undefined): Proposal[] {
  const flags = Object.values(command?.flags ?? {}).filter(({ hidden }) => !hidden)
  const proposals = flags.flatMap((flag) => {
    const about = flag.summary ?? flag.description ?? ''
    const names = flag.type === 'boolean' && flag.allowNo ? [flag.name, `no-${flag.name}`] : [flag.name]
    return names.map((name) => ({ word: `--${name}`, about }))
  })
  return [...proposals, { word: '--help', about: 'Show help' }]
}
