// The text of a setting -> its value. Each reader throws an Error whose message completes "… is not usable: ".
import { resolve } from 'node:path'
import { validateDetailed } from 'node-cron'
import type { DatabaseAddress } from './database/connection.js'
import { readPostgresAddress, serverAddress } from './database/server-address.js'
import { isTimeZone } from './domain/business-day.js'
import type { QueueAddress } from './queue/queue.js'
import type { RabbitAddress } from './queue/rabbitmq-address.js'
import type { RedisAddress } from './redis/address.js'
import type { CronLine } from './schedule/slots.js'

export interface Setting<Value> {
  readonly environment: string
  /** In the words of a file or of the environment. */
  readonly fallback: string
  readonly about: string
  /** Reads the text, or throws an Error whose message completes "… is not usable: ". */
  readonly read: (text: string) => Value
}

export function setting<Value>(
  environment: string,
  fallback: string,
  about: string,
  read: (text: string) => Value,
): Setting<Value> {
  return { environment, fallback, about, read }
}

export function readDatabase(text: string): DatabaseAddress {
  const server = serverAddress(text)
  if (server) return server
  const path = text.startsWith('sqlite:') ? text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '') : ''
  if (path === '' || path.startsWith('//'))
    throw new Error(
      'write sqlite:PATH, such as sqlite:/var/lib/shop/orders.sqlite, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE',
    )
  return { kind: 'sqlite', path: resolve(path) }
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

export function numberBetween(low: number, high: number) {
  return (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new Error(`write a number from ${low} to ${high}`)
    return value
  }
}

export function wholeBetween(low: number, high: number) {
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

export function readQueue(text: string): QueueAddress {
  if (text === 'embedded') return { kind: 'embedded' }
  const address = redisAddress(text) ?? readPostgresAddress(text) ?? rabbitAddress(text)
  if (!address)
    throw new Error(
      'write embedded, redis://HOST, rediss://HOST, postgres://HOST/DATABASE, amqp://HOST/VHOST or amqps://HOST/VHOST',
    )
  return address
}

export function readRedis(text: string): RedisAddress | undefined {
  if (text === '') return undefined
  const address = redisAddress(text)
  if (!address) throw new Error('write redis://HOST, or rediss://HOST for TLS, such as redis://127.0.0.1:6379/0')
  return address
}

function redisAddress(text: string): RedisAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') return undefined
  if (!/^\/?\d*$/.test(url.pathname)) return undefined
  const database = url.pathname.slice(1)
  const name = `${url.hostname}:${url.port || 6379}${database === '' ? '' : `/${database}`}`
  return { kind: 'redis', url: text, name }
}

/** A server that is named without a virtual host is asked for `/`. */
function rabbitAddress(text: string): RabbitAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['amqp:', 'amqps:'].includes(url.protocol) || url.hostname === '') return undefined
  const port = url.port || (url.protocol === 'amqp:' ? 5672 : 5671)
  return { kind: 'amqp', url: text, name: `${url.hostname}:${port}${url.pathname.replace(/^\/$/, '')}` }
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
