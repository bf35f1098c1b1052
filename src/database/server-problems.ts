// What the user can do about an error of a database server. Each code stands under what it means, whoever's it is:
// PostgreSQL's are five letters (https://www.postgresql.org/docs/current/errcodes-appendix.html), MySQL's begin with ER_,
// the network's are Node's.
import { EXIT, errorCode, type Problem } from '../errors.js'
import type { MysqlAddress, PostgresAddress } from './server-address.js'

const AWAY = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'],
  ...['57P01', '57P02', '57P03', '25P03', '08000', '08001', '08003', '08006'],
  ...['PROTOCOL_CONNECTION_LOST', 'ER_SERVER_SHUTDOWN', 'ER_CONNECTION_KILLED', 'ER_NORMAL_SHUTDOWN'],
  // The server that was the first is a standby now: another one takes its place.
  ...['25006', 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE'],
])
const FULL_OF_CLIENTS = new Set(['53300', 'ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS'])
const REFUSED = new Set(['28P01', '28000', 'ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR'])
const NO_DATABASE = new Set(['3D000', 'ER_BAD_DB_ERROR', 'ER_DBACCESS_DENIED_ERROR', '3F000'])
const NO_RIGHT = new Set(['42501', 'ER_TABLEACCESS_DENIED_ERROR', 'ER_SPECIFIC_ACCESS_DENIED_ERROR'])
const DISK_FULL = new Set(['53100', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL'])
const WAITED = new Set(['55P03', 'ER_LOCK_WAIT_TIMEOUT', '40P01', '40001', 'ER_LOCK_DEADLOCK'])

/** The clients' own errors carry no code. */
const AWAY_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|closed state|is not queryable|Pool is closed/

/** The server cannot be reached, or went away: what was committed is safe, and the same may work later. */
function isAway(error: unknown): boolean {
  const text = error instanceof Error ? error.message : ''
  return AWAY.has(errorCode(error) ?? '') || AWAY_TEXT.test(text)
}

/** Undefined for errors that the user can do nothing about. */
export function serverProblem(error: unknown, address: PostgresAddress | MysqlAddress): Problem | undefined {
  const code = errorCode(error) ?? ''
  const product = address.kind === 'postgres' ? 'PostgreSQL' : 'MySQL'
  const place = `${product} at ${address.name}`
  const said = error instanceof Error && error.message !== '' ? error.message.replace(/\.$/, '') : code
  const database = address.name.slice(address.name.indexOf('/') + 1)
  if (isAway(error)) {
    return {
      code: 'database_unreachable',
      message: `${place} cannot be reached: ${said}.`,
      fix: 'Start the server, or correct ORDERCTL_DATABASE_URL. What was committed is safe; run the command again.',
      retryable: true,
      exit: EXIT.unreachable,
    }
  }
  if (FULL_OF_CLIENTS.has(code)) {
    return {
      code: 'database_full_of_clients',
      message: `${place} takes no more connections: ${said}.`,
      fix: 'Run fewer workers, or raise max_connections on the server.',
      retryable: true,
      exit: EXIT.unreachable,
    }
  }
  if (REFUSED.has(code)) {
    return {
      code: 'database_access_denied',
      message: `${place} does not let this user in: ${said}.`,
      fix: 'Correct user and password in ORDERCTL_DATABASE_URL.',
      exit: EXIT.usage,
    }
  }
  if (NO_DATABASE.has(code)) {
    return {
      code: 'database_missing',
      message: `${place} has no such database: ${said}.`,
      fix: `Make it (create database ${database}), or name another one in ORDERCTL_DATABASE_URL.`,
      exit: EXIT.usage,
    }
  }
  if (NO_RIGHT.has(code)) {
    return {
      code: 'database_rights_missing',
      message: `${place} does not allow that: ${said}.`,
      fix: 'Let this user make tables in that database and read and write them.',
      exit: EXIT.usage,
    }
  }
  if (DISK_FULL.has(code)) {
    return {
      code: 'disk_full',
      message: `${place} has no room left: ${said}. All that was committed before is safe.`,
      fix: 'Free space on the server, then run the command again (an import goes on with --resume).',
      retryable: true,
    }
  }
  if (WAITED.has(code)) {
    return {
      code: 'database_locked',
      message: `Others kept what this command needs in ${place} locked: ${said}.`,
      fix: 'Run the command again.',
      retryable: true,
    }
  }
  return undefined
}

/** Whether the error is that of a database, and not of something else that was asked meanwhile. */
export function isDatabaseError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // pg's errors from the server have a severity.
  return /^(SQLITE|ER|PROTOCOL)_/.test(errorCode(error) ?? '') || 'severity' in error || AWAY_TEXT.test(error.message)
}
