// What a person says about an order file: flags and the configuration of its source. And what the file leaves open.
import { basename } from 'node:path'
import { Errors, Flags, type Interfaces } from '@oclif/core'
import { DATE_FORMATS, DECIMALS, readCurrencyCode, readDelimiter, type SourceSettings } from '../config/sources.js'
import { STDIN } from '../csv/bytes.js'
import { DEFAULT_SOURCE } from '../domain/order.js'
import { importCommand, shellWord } from '../domain/shell.js'
import { type UserError, usageError } from '../errors.js'
import { readMapping } from '../import/mapping/map-file.js'
import type { Answers } from '../import/mapping/mapping.js'
import type { Question } from '../import/mapping/understand.js'
import { BaseCommand } from './base-command.js'

/** @param read throws an Error whose message completes "… is invalid; " */
function checked<Value>(read: (text: string) => Value) {
  return async (text: string): Promise<Value> => {
    try {
      return read(text)
    } catch (error) {
      throw new Errors.CLIError(`"${text}" is invalid; ${error instanceof Error ? error.message : error}`)
    }
  }
}

export const sourceOfImport = Flags.string({
  description: 'shop that the orders come from; order ids are unique within a source',
  helpValue: 'NAME',
  default: DEFAULT_SOURCE,
})

/** @throws UserError (exit 2) */
export function requireSource(text: string): void {
  // Idempotency keys start with the source and a colon.
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return
  const fix = 'Use 1 to 64 letters, digits, ".", "_" and "-".'
  throw usageError({ code: 'bad_source', message: `--source "${text}" is not a valid source name.`, fix })
}

/** For every command that reads an order file. */
export const ANSWER_FLAGS = {
  currency: Flags.custom<string>({
    description: 'currency of amounts that name none, such as EUR',
    helpValue: 'CODE',
    parse: checked(readCurrencyCode),
  })(),
  'date-format': Flags.option({ options: DATE_FORMATS })({
    description: 'order of day, month and year in dates',
  }),
  decimal: Flags.option({ options: DECIMALS })({ description: 'decimal mark of amounts and quantities' }),
  encoding: Flags.string({ description: 'encoding, such as windows-1252', helpValue: 'NAME' }),
  delimiter: Flags.custom<ReturnType<typeof readDelimiter>>({
    description: 'delimiter: , ; | or tab',
    helpValue: 'CHAR',
    parse: checked(readDelimiter),
  })(),
  customer: Flags.string({ description: 'column that identifies the customer', helpValue: 'COLUMN' }),
  map: Flags.string({
    description: 'preset, or file of "orderctl import inspect --save-map"',
    helpValue: 'FILE|PRESET',
  }),
}

type AnswerFlags = Partial<Interfaces.InferredFlags<typeof ANSWER_FLAGS>>

/**
 * Flags take precedence over the configuration of the source. A mapping with a point or a slash in its name is a file.
 *
 * @param pathOf resolves a path against the working folder
 */
export async function answersOf(
  flags: AnswerFlags,
  configured: SourceSettings = {},
  pathOf: (text: string) => string,
): Promise<Answers> {
  const map = flags.map ?? configured.map
  return {
    currency: flags.currency ?? configured.currency,
    dateOrder: flags['date-format'] ?? configured.dateFormat,
    decimal: flags.decimal ?? configured.decimal,
    encoding: flags.encoding ?? configured.encoding,
    delimiter: flags.delimiter ?? configured.delimiter,
    customer: flags.customer ?? configured.customer,
    mapping: map === undefined ? undefined : await readMapping(/[./\\]/.test(map) ? pathOf(map) : map),
  }
}

/** A word of a command line, as oclif parsed it. */
type Token = { readonly input: string } & ({ readonly type: 'flag'; readonly flag: string } | { readonly type: 'arg' })

/** The flags of a command line, each as text for a shell. Global flags are left out. */
export function flagsGiven(raw: readonly Token[], except: readonly string[] = []): string[] {
  return raw.flatMap((token) => {
    if (token.type !== 'flag' || [...GLOBAL, ...except].includes(token.flag)) return []
    const name = `--${token.flag}`
    // For a flag without a value, oclif gives the flag as its input.
    return [token.input === name ? name : `${name} ${shellWord(token.input === '\t' ? 'tab' : token.input)}`]
  })
}

const GLOBAL = Object.keys(BaseCommand.baseFlags)

/** What the values of a flag mean. */
const MEANINGS: Readonly<Record<string, string>> = {
  '--date-format': 'dmy is day first, mdy month first, ymd year first',
  '--decimal': 'comma reads 1.234,56, point reads 1,234.56',
  '--currency': 'the ISO 4217 code of the amounts',
}

/** The import that leaves questions open. */
export interface Asking {
  /** As typed. */
  readonly file: string
  readonly source: string
  /** See flagsGiven. */
  readonly flags: readonly string[]
}

/** @param questions at least one */
export function questionsError(questions: readonly Question[], asking: Asking): UserError {
  return usageError({
    code: 'file_ambiguous',
    message: `${asking.file === STDIN ? 'Standard input' : basename(asking.file)} was not imported. ${questions.map(({ text }) => text).join(' ')}`,
    fix: answerText(questions, asking),
  })
}

/** How to answer the questions: by flags, or in the configuration of the source. Ends with a command to copy. */
export function answerText(questions: readonly Question[], { file, source, flags }: Asking): string {
  const answers = new Map(questions.map(({ flag, answers: [answer = `${flag} VALUE`] }) => [flag, answer]))
  const choices = [...answers.keys()].map((flag) => {
    const values = questions.flatMap((question) => (question.flag === flag ? question.answers : []))
    const named = [...new Set(values)].map((answer) => answer.slice(flag.length + 1))
    const choice = named.length > 1 ? ` ${named.join(' or ')}` : ''
    return `${flag}${choice}${MEANINGS[flag] ? ` (${MEANINGS[flag]})` : ''}`
  })
  const keys = [...answers.keys()].map((flag) => `sources.${source}.${keyOf(flag)}`)
  const kept = flags.filter((flag) => !answers.has(flag.split(' ', 1)[0] ?? ''))
  const command = importCommand([file], ...kept, ...answers.values())
  return (
    `Choose ${choices.join('; ')}. For all files of this source, set ${keys.join(' and ')} in orderctl.config.json. ` +
    `For example: ${command}`
  )
}

/** `--date-format` is `dateFormat`. */
function keyOf(flag: string): string {
  return flag.replace(/^--/, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
