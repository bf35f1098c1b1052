// What PostgreSQL and the way to it can refuse, and what a user can do about it.
import { DatabaseError } from 'pg'
import type { PostgresAddress } from '../database/server-address.js'
import { EXIT, UserError } from '../errors.js'
import type { PostgresFacts } from './postgres-pool.js'

/** BullMQ's functions need what came with it. */
const OLDEST_MAJOR = 13

/** For users, where the error says that the server is away, or that it is not for us; undefined for any other. */
export function explainPostgresError(error: unknown, address: PostgresAddress): UserError | undefined {
  if (error instanceof UserError) return error
  if (!(error instanceof Error)) return undefined
  if (error instanceof DatabaseError) return explainAnswer(error, address)
  if (/SASL|SCRAM/.test(error.message)) return refused(address, 'it wants a password, or another one', error)
  if (/certificate|support SSL/i.test(error.message)) return insecure(address, error)
  return isLost(error) ? unreachable(address, inPlainWords(error), error) : undefined
}

/** Whether the same statement may succeed when it is sent again, alone: two got in each other's way. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01')
}

/** Errors in the way to the server, and not of it. */
function isLost(error: Error): boolean {
  return (
    'syscall' in error || error instanceof AggregateError || /terminated|timeout|not queryable/i.test(error.message)
  )
}

function explainAnswer(error: DatabaseError, address: PostgresAddress): UserError | undefined {
  const code = error.code ?? ''
  const why = error.message
  if (code === '') return unreachable(address, 'what answers there is no PostgreSQL', error)
  if (code.startsWith('28')) return refused(address, why, error)
  if (code === '3D000') return missing(address, why, error)
  if (code === '42501') return notAllowed(address, why, error)
  if (code === '25006') return unreachable(address, 'it takes no changes, as standbys do', error)
  // 08: the connection; 57P: shutting down, or starting; 53300: it has no connection left.
  if (/^(08|57P0|53300)/.test(code)) return unreachable(address, why, error)
  return undefined
}

export function unreachable({ name }: PostgresAddress, why: string, cause?: unknown): UserError {
  const [host, port] = name.replace(/\/.*/, '').split(/:(?=\d+$)/)
  return new UserError(
    {
      code: 'postgres_unreachable',
      message: `PostgreSQL at ${name} cannot be reached: ${why.replace(/\.$/, '')}.`,
      fix: `Start it (try: pg_isready -h ${host} -p ${port}), correct ORDERCTL_QUEUE_URL, or unset it to work without a server for the queue.`,
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}

function refused({ name }: PostgresAddress, why: string, cause: unknown): UserError {
  return unfit(
    'postgres_refused',
    `PostgreSQL at ${name} does not let us in: ${why}.`,
    'Correct user and password in ORDERCTL_QUEUE_URL (postgres://USER:PASSWORD@HOST/DATABASE).',
    cause,
  )
}

function insecure({ name }: PostgresAddress, cause: Error): UserError {
  return unfit(
    'postgres_tls',
    `PostgreSQL at ${name} cannot be talked to in private: ${cause.message}.`,
    'In ORDERCTL_QUEUE_URL, name the certificate to trust (?sslmode=verify-full&sslrootcert=FILE), trust any (?sslmode=no-verify), or leave sslmode out to go without TLS.',
    cause,
  )
}

function missing({ name }: PostgresAddress, why: string, cause: unknown): UserError {
  return unfit(
    'postgres_database_missing',
    `PostgreSQL at ${name} does not know the database: ${why}.`,
    `Make it (createdb ${name.replace(/^[^/]*\//, '')}), or name another one in ORDERCTL_QUEUE_URL.`,
    cause,
  )
}

function notAllowed({ name }: PostgresAddress, why: string, cause: unknown): UserError {
  return unfit(
    'postgres_not_allowed',
    `PostgreSQL at ${name} does not let this user work with the queue: ${why}.`,
    'Grant the user what is named there, or make the user the owner of the schema and of what is in it (ORDERCTL_QUEUE_SCHEMA).',
    cause,
  )
}

/** Where the queue has no tables yet and the user may not make any. */
export function mayNotCreate(address: PostgresAddress, schema: string, facts: PostgresFacts): UserError {
  return unfit(
    'postgres_not_allowed',
    `The queue needs the schema ${schema} in PostgreSQL at ${address.name}, and the user ${facts.user} may not create it.`,
    `As its owner, run: grant create on database "${facts.database}" to "${facts.user}"; then orderctl migrate. The right may be revoked afterwards.`,
  )
}

/** Where the queue's tables are those of a newer release. */
export function tablesTooNew(address: PostgresAddress, schema: string, cause: unknown): UserError {
  return unfit(
    'queue_too_new',
    `The tables of the queue in PostgreSQL at ${address.name}, schema ${schema}, were made by a newer orderctl.`,
    'Update orderctl, or choose another schema with ORDERCTL_QUEUE_SCHEMA.',
    cause,
  )
}

/**
 * Refuses a server that cannot carry the queue.
 *
 * @throws UserError (exit 2)
 */
export function refuseUnfit({ version, major, standby }: PostgresFacts, { name }: PostgresAddress): void {
  if (major < OLDEST_MAJOR) {
    throw unfit(
      'postgres_too_old',
      `PostgreSQL ${version} at ${name} is too old: the queue needs ${OLDEST_MAJOR} or newer.`,
      'Update it, or unset ORDERCTL_QUEUE_URL to work without a server for the queue.',
    )
  }
  if (standby) {
    throw unfit(
      'postgres_standby',
      `PostgreSQL at ${name} is a standby, which takes no changes.`,
      'Name the primary in ORDERCTL_QUEUE_URL.',
    )
  }
}

function unfit(code: string, message: string, fix: string, cause?: unknown): UserError {
  return new UserError({ code, message, fix, exit: EXIT.usage }, { cause })
}

function inPlainWords(error: Error): string {
  // Of a name with several addresses, each has an error of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : error.message
  if (/timeout|ETIMEDOUT/i.test(message)) return 'it does not answer'
  if (/terminated|not queryable|ECONNRESET|EPIPE/.test(message)) return 'the connection was lost'
  return message
}
