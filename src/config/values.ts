// Readers that turn a setting's text into its value. Each throws an Error whose message completes "… is invalid; ".
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { isTimeZone } from '../domain/business-day.js'

declare const cronLine: unique symbol

/** A cron expression that node-cron accepts: five fields, or six if it starts with seconds. */
export type CronLine = string & { readonly [cronLine]: true }

export function readTimeZone(text: string): string {
  if (!isTimeZone(text)) throw new Error('expected an IANA time zone, such as UTC or Europe/Berlin')
  return text
}

export function oneOf<const Choice extends string>(...choices: Choice[]) {
  return (text: string): Choice => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice !== undefined) return choice
    throw new Error(`expected ${new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(choices)}`)
  }
}

export function number(low: number, high: number, pattern = /^\d+(\.\d+)?$/, kind = 'a number') {
  return (text: string): number => {
    const value = pattern.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new Error(`expected ${kind} from ${low} to ${high}`)
    return value
  }
}

export function integer(low: number, high: number) {
  return number(low, high, /^\d+$/, 'an integer')
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

/** RabbitMQ reserves names that start with "amq.". */
export function readQueueName(text: string): string {
  if (/^(?!amq\.)[A-Za-z0-9._:-]{1,64}$/.test(text)) return text
  throw new Error('expected 1 to 64 letters, digits, ".", "_", "-" and ":", not starting with "amq."')
}

/** Allows only characters without a meaning in Redis key patterns. */
export function readPrefix(text: string): string {
  if (/^[A-Za-z0-9._:-]{0,64}$/.test(text)) return text
  throw new Error('expected up to 64 letters, digits, ".", "_", "-" and ":"')
}

/** Allows names that need no quotes. Not `public`, which may have tables of other programs named like BullMQ's. */
export function readSchema(text: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(text) && text !== 'public' && !text.startsWith('pg_')) return text
  throw new Error('expected up to 63 lowercase letters, digits and "_"; not public, which may have other tables')
}

/** Reads a cron line. Loads its parser for another one than the default only: that takes longer than most commands. */
export function cronOr(fallback: string) {
  return (text: string): CronLine => (text === fallback ? (text as CronLine) : readCron(text))
}

export function readCron(text: string): CronLine {
  const { validateDetailed }: typeof import('node-cron') = createRequire(import.meta.url)('node-cron')
  const { valid, errors } = validateDetailed(text)
  if (valid) return text as CronLine
  const problem = errors.map(({ message }) => message).join('; ')
  throw new Error(`${problem}; expected minute, hour, day, month and weekday, such as */5 * * * *`)
}

/** Reads `simulated`, or the URL of a gateway, which is returned without a slash at the end. */
export function readGateway(text: string): string {
  if (text === 'simulated') return text
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('expected simulated, or a URL that begins with https://')
  if (url.username !== '' || url.password !== '')
    throw new Error('expected a URL without user and password; set ORDERCTL_PAYMENT_TOKEN_FILE instead')
  if (url.search !== '' || url.hash !== '') throw new Error('expected a URL without ? and #')
  return url.href.replace(/\/+$/, '')
}

/** A header holds no spaces at its ends, and no line breaks. */
export function readToken(text: string): string {
  if (/^[\x21-\x7e]*$/.test(text)) return text
  throw new Error('expected printable characters of ASCII without spaces')
}

/** Returns an absolute path; an empty text means no file. */
export function readPath(text: string): string {
  return text === '' ? '' : resolve(text)
}

/** Rejects user and password, which would end up in logs: the signature proves who sends. */
export function readWebhookUrl(text: string): string | null {
  if (text === '') return null
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url.href
  throw new Error('expected https://HOST/PATH or http://HOST/PATH, without user and password')
}

/** Returns the key. Standard Webhooks asks for 24 to 64 bytes. */
export function readWebhookSecret(text: string): Buffer | null {
  if (text === '') return null
  const key = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
  if (/^whsec_[A-Za-z0-9+/]+=*$/.test(text) && key.length >= 24 && key.length <= 64) return key
  throw new Error('expected whsec_ and the base64 of 24 to 64 random bytes, such as from: openssl rand -base64 32')
}
