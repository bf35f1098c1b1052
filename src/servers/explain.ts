// Explains errors of a server or of the SQLite file to users: what happened, why, and what to do.
import { EXIT, type Problem, UserError } from '../errors.js'
import type { Address } from './addresses.js'
import { CAUSES, type Entry, type Text } from './causes.js'
import { type Fault, reasonIn, recognise, sqlCause } from './recognise.js'

/** Explains the error; undefined if users can do nothing about it. */
export function explainError(error: unknown, address: Address): UserError | undefined {
  if (error instanceof UserError) return error
  const problem = problemIn(error, address)
  return problem && new UserError(problem, { cause: error })
}

/** Like `explainError`, but any other error means that the server is unreachable. */
export function explainUnreachable(error: unknown, address: Address): UserError {
  const unreachable = () => problemOf({ cause: 'unreachable', reason: reasonIn(error) }, address)
  return explainError(error, address) ?? new UserError(unreachable(), { cause: error })
}

/** Like `explainError`, but returns plain data, which threads can send each other. */
export function problemIn(error: unknown, address: Address): Problem | undefined {
  const fault = recognise(error, address)
  return fault && problemOf(fault, address)
}

/** Whether a database server is unreachable according to the error: a new connection may work later. */
export function isUnreachable(error: unknown): boolean {
  const cause = sqlCause(error)
  return cause !== undefined && CAUSES[cause].exit === EXIT.unreachable
}

export function problemOf({ cause, reason, queue = '' }: Fault, address: Address): Problem {
  const { code = `{prefix}_${cause}`, message, fix, retryable, exit }: Entry = CAUSES[cause]
  const values: Readonly<Record<string, string>> = { ...namesOf(address), reason, queue }
  const fill = (text: Text) => textFor(text, address).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all)
  return { code: fill(code), message: fill(message), fix: fill(fix), retryable, exit }
}

function textFor(text: Text, address: Address): string {
  if (typeof text === 'string') return text
  if (address.kind === 'sqlite') return ''
  if (isQueue(address)) return text.queue ?? text.postgres ?? ''
  return text[address.kind] ?? text.database ?? ''
}

/** Whether the address is a queue on PostgreSQL, whose error codes differ from those of a database. */
function isQueue(address: Address): boolean {
  return address.kind === 'postgres' && address.setting === 'ORDERCTL_QUEUE_URL'
}

const PRODUCTS = { postgres: 'PostgreSQL', mysql: 'MySQL', redis: 'Redis', amqp: 'RabbitMQ' } as const
const PREFIXES = { postgres: 'database', mysql: 'database', redis: 'redis', amqp: 'rabbitmq' } as const

function namesOf(address: Address): Record<string, string> {
  if (address.kind === 'sqlite') return { server: address.path, prefix: 'database' }
  const { kind, name, setting } = address
  const [host = '', port = ''] = name.replace(/\/.*/, '').split(/:(?=\d+$)/)
  return {
    kind,
    name,
    host,
    port,
    database: quoted(name.slice(name.indexOf('/') + 1), kind === 'postgres' ? '"' : '`'),
    server: `${PRODUCTS[kind]} at ${name}`,
    prefix: isQueue(address) ? 'postgres' : PREFIXES[kind],
    // The queue uses the Redis server of the reports unless it has a setting of its own.
    setting: kind === 'redis' && setting === 'ORDERCTL_QUEUE_URL' ? `${setting} or ORDERCTL_REDIS_URL` : setting,
  }
}

/** Quotes a name for SQL if necessary. */
function quoted(name: string, quote: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `${quote}${name.replaceAll(quote, quote + quote)}${quote}`
}
