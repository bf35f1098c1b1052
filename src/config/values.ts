// The text of a setting -> its value. Each reader throws an Error whose message completes "… is not usable: ".
import { validateDetailed } from 'node-cron'
import { isTimeZone } from '../domain/business-day.js'

declare const cronLine: unique symbol

/** A cron line that node-cron takes: five fields, or six with seconds in front. */
export type CronLine = string & { readonly [cronLine]: true }

export interface Setting<Value> {
  readonly environment: string
  /** In the words of a file or of the environment. */
  readonly fallback: string
  readonly about: string
  /** Reads the text, or throws an Error whose message completes "… is not usable: ". */
  readonly read: (text: string) => Value
}

export function readTimeZone(text: string): string {
  if (!isTimeZone(text)) throw new Error('write a time zone of the IANA list, such as UTC or Europe/Berlin')
  return text
}

export function oneOf<const Choice extends string>(...choices: Choice[]) {
  return (text: string): Choice => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice === undefined) throw new Error(`this release knows ${choices.join(' and ')}`)
    return choice
  }
}

export function number(low: number, high: number) {
  return (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new Error(`write a number from ${low} to ${high}`)
    return value
  }
}

export function whole(low: number, high: number) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new Error(`write a whole number from ${low} to ${high}`)
    return value
  }
}

/** What can be turned off: `off` is read as null. */
export function orOff<Value>(read: (text: string) => Value) {
  return (text: string): Value | null => {
    if (text === 'off') return null
    try {
      return read(text)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}, or off`)
    }
  }
}

/** RabbitMQ keeps names that begin with "amq." to itself. */
export function readQueueName(text: string): string {
  if (/^(?!amq\.)[A-Za-z0-9._:-]{1,64}$/.test(text)) return text
  throw new Error('use letters, digits, ".", "_", "-" and ":", 64 at the most; it must not begin with "amq."')
}

/** Redis keys are listed and matched by their first letters, so a prefix keeps to letters that mean nothing there. */
export function readPrefix(text: string): string {
  if (/^[A-Za-z0-9._:-]{0,64}$/.test(text)) return text
  throw new Error('use letters, digits, ".", "_", "-" and ":", 64 at the most')
}

/** A name that needs no quotes anywhere. Other tables have other owners, who would meet BullMQ's `job` and `event`. */
export function readSchema(text: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(text) && text !== 'public' && !text.startsWith('pg_')) return text
  throw new Error('use small letters, digits and "_", 63 at the most; not public, where the tables of others are')
}

export function readCron(text: string): CronLine {
  const { valid, errors } = validateDetailed(text)
  if (valid) return text as string as CronLine
  const problem = errors.map(({ message }) => message).join('; ')
  throw new Error(`${problem}; write minute, hour, day, month and weekday, such as */5 * * * *`)
}
