// The text of a setting -> its value. Each reader throws an Error whose message completes "… is not usable: ".
import { validateDetailed } from 'node-cron'
import { isTimeZone } from '../domain/business-day.js'

declare const cronLine: unique symbol

/** A cron line that node-cron takes: five fields, or six with seconds in front. */
export type CronLine = string & { readonly [cronLine]: true }

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

export function number(low: number, high: number, pattern = /^\d+(\.\d+)?$/, kind = 'number') {
  return (text: string): number => {
    const value = pattern.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new Error(`write a ${kind} from ${low} to ${high}`)
    return value
  }
}

export function whole(low: number, high: number) {
  return number(low, high, /^\d+$/, 'whole number')
}

/** `off` is read as null. */
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

/** RabbitMQ reserves names that begin with "amq.". */
export function readQueueName(text: string): string {
  if (/^(?!amq\.)[A-Za-z0-9._:-]{1,64}$/.test(text)) return text
  throw new Error('use letters, digits, ".", "_", "-" and ":", 64 at the most; it must not begin with "amq."')
}

/** Allows only letters that have no meaning in a Redis key pattern. */
export function readPrefix(text: string): string {
  if (/^[A-Za-z0-9._:-]{0,64}$/.test(text)) return text
  throw new Error('use letters, digits, ".", "_", "-" and ":", 64 at the most')
}

/** Allows names that need no quotes; `public` may have other tables with BullMQ's names, `job` and `event`. */
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
