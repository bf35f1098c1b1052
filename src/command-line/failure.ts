// Turns any error into a message and a fix, as text or JSON.
import { Errors } from '@oclif/core'
import { InexactAmount } from '../domain/money.js'
import { nearest, nearlyIdentical } from '../domain/nearest.js'
import { EXIT, UserError, usageError } from '../errors.js'
import { cleanText, escapeJson } from '../terminal/text.js'

/** What a wrong command line could have meant. */
export interface Known {
  /** Without the dashes. */
  readonly flags: readonly string[]
  /** The command's words, such as `orders list`. */
  readonly command?: string
}

/** @returns the error itself if it is a UserError; oclif's are reworded, others are bugs */
export function describeProblem(error: unknown, known: Known = { flags: [] }): UserError {
  if (error instanceof UserError) return error
  if (error instanceof InexactAmount) {
    return new UserError({
      code: 'amount_too_large',
      message: 'An amount is too large to be shown exactly: 2^53 minor units or more.',
      fix: 'Choose a shorter period, or a single source or customer.',
    })
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Errors.CLIError) {
    const usage = describeUsage(message.replace(/\s*See more help with --help$/, ''), known)
    const fix = [
      usage.meant && `Did you mean "${usage.meant}"?`,
      `For the usage, run orderctl ${known.command ?? ''} --help.`,
    ]
    return new UserError({
      code: 'usage',
      message: usage.message,
      fix: fix.filter(Boolean).join(' ').replace(/ {2,}/g, ' '),
      exit: error.oclif.exit === EXIT.usage ? EXIT.usage : EXIT.failed,
    })
  }
  const fix = 'Committed data is safe. This is a bug: run the command again with DEBUG=* and report the output.'
  return new UserError({ code: 'internal', message: `Unexpected error: ${message}`, fix }, { cause: error })
}

interface Usage {
  readonly message: string
  readonly meant?: string | undefined
}

/** oclif tells its errors apart by their texts only. */
function describeUsage(text: string, { flags }: Known): Usage {
  const [, unknown] = /^Nonexistent flags?: ([^\s,]+)/.exec(text) ?? []
  if (unknown) {
    const near = nearlyIdentical(unknown.replace(/^-+/, ''), flags)
    return { message: `Unknown flag ${unknown}.`, meant: near && `--${near}` }
  }
  const [, name = 'The argument', word = '', options = ''] =
    /^Expected (?:(--[\w-]+)=)?(.*) to be one of: (.*)$/m.exec(text) ?? []
  if (options !== '') {
    return {
      message: `${name} must be one of ${options}; got ${word}`,
      meant: nearlyIdentical(word, options.split(', ')),
    }
  }
  const [, missing] = /^Missing \d+ required args?:\s+([\s\S]+)/.exec(text) ?? []
  if (missing) {
    const names = missing.split('\n').map((row) => row.trim().split(/\s/)[0]?.toUpperCase())
    return { message: `Missing ${names.join(' and ')}.` }
  }
  const [, required] = /Missing required flag (\S+)/.exec(text) ?? []
  if (required) return { message: `Missing --${required}.` }
  const [, flag, other] = /--([\w-]+)(?:=.*)? cannot also be provided when using --([\w-]+)/.exec(text) ?? []
  if (flag) return { message: `--${flag} cannot be used with --${other}.` }
  const [, dependent, needed] = /must be provided when using (--[\w-]+): (--[\w-]+)/.exec(text) ?? []
  if (dependent) return { message: `${dependent} needs ${needed}.` }
  return { message: text.replace(/^Parsing (--[\w-]+) \n\t/, '$1 ').replace(/\s+/g, ' ') }
}

/** The error that `--json` prints. */
export function problemJson({ code, message, fix, retryable }: UserError): string {
  return `${escapeJson(JSON.stringify({ error: { code, message, fix, retryable } }, null, 2))}\n`
}

/** The error as text for people. */
export function problemText({ message, fix }: UserError, stack = ''): string {
  return `Error: ${cleanText(message)}\n${cleanText(fix)}\n${stack && `${stack}\n`}`
}

/** The error for a flag that stands before the command. @param topic the words before it */
export function missingCommand(topic: readonly string[], flag: string): UserError {
  const help = ['orderctl help', ...topic].join(' ')
  return usageError({
    code: 'usage',
    message: `The command is missing before ${cleanText(flag)}.`,
    fix: `Put flags after the command. List the commands with: ${help}`,
  })
}

/**
 * The error for words that are no command.
 *
 * @param words of the command line, before its first flag
 * @param commands the words of every command and topic
 */
export function unknownCommand(words: readonly string[], commands: readonly string[]): UserError {
  const longest = Math.max(1, ...commands.map((command) => command.split(' ').length))
  const typed = words.slice(0, longest).map((_, index, all) => all.slice(0, all.length - index).join(' '))
  const command = typed.find((text) => commands.includes(text) && !commands.some((one) => one.startsWith(`${text} `)))
  if (command !== undefined) {
    const rest = words.slice(command.split(' ').length)
    return usageError({
      code: 'usage',
      message: `Unexpected argument${rest.length > 1 ? 's' : ''}: ${cleanText(rest.join(', '))}`,
      fix: `For the usage, run orderctl ${command} --help.`,
    })
  }
  const guesses = typed.map((text) => {
    const others = commands.filter((command) => command !== text)
    return { text, meant: nearest(text, others) }
  })
  const { text = '', meant } = guesses.find((guess) => guess.meant !== undefined) ?? guesses[0] ?? {}
  return usageError({
    code: 'unknown_command',
    message: `Unknown command "${cleanText(text)}".`,
    fix: `${meant ? `Did you mean "orderctl ${meant}"? ` : ''}List the commands with: orderctl help`,
  })
}
