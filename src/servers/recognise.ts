// Maps the errors of each driver to causes. causes.ts has the texts that users see for each cause.
import { errorCode } from '../errors.js'
import type { Address } from './addresses.js'
import type { Cause } from './causes.js'

export interface Fault {
  readonly cause: Cause
  /** The message of the server or its client, without a full stop. */
  readonly reason: string
  /** The queue on RabbitMQ that the fault is about. */
  readonly queue?: string
}

/** Returns the fault behind an error; undefined if the error is a bug of ours or not from this server. */
export function recognise(error: unknown, address: Address): Fault | undefined {
  if (!(error instanceof Error)) return undefined
  if (address.kind === 'sqlite') return sqliteFault(error)
  if (address.kind === 'redis') return redisFault(error)
  if (address.kind === 'amqp') return rabbitFault(error)
  const cause = sqlCause(error) ?? (isUnreadableCertificate(error, address.url) ? 'tls' : undefined)
  const reason = reasonIn(error)
  return cause && { cause: cause === 'unreachable' && reason === LOST ? 'connection_lost' : cause, reason }
}

/**
 * Codes of PostgreSQL (five characters, https://www.postgresql.org/docs/current/errcodes-appendix.html), MySQL (ER_),
 * MariaDB (numbers that mysql2 does not know or misreads), Node (network) and mysql2 (the others).
 */
const CODES: { readonly [Name in Cause]?: string } = {
  unreachable: `
    ECONNREFUSED ECONNRESET ENOTFOUND EAI_AGAIN ETIMEDOUT EHOSTUNREACH ENETUNREACH EPIPE PROTOCOL_CONNECTION_LOST
    57P01 57P02 57P03 57P04 57P05 25P03 08000 08001 08003 08004 08006 08P01 1927 ER_SERVER_SHUTDOWN ER_NORMAL_SHUTDOWN
    ER_CLIENT_INTERACTION_TIMEOUT ER_ABORTING_CONNECTION ER_NEW_ABORTING_CONNECTION ER_NET_READ_ERROR
    ER_NET_READ_INTERRUPTED ER_SERVER_OFFLINE_MODE`,
  too_many_clients: '53000 53300 53400 ER_CON_COUNT_ERROR ER_TOO_MANY_USER_CONNECTIONS ER_USER_LIMIT_REACHED',
  login_refused: `
    28P01 28000 4151 ER_ACCESS_DENIED_ERROR ER_ACCESS_DENIED_NO_PASSWORD_ERROR ER_ACCOUNT_HAS_BEEN_LOCKED
    ER_MUST_CHANGE_PASSWORD ER_MUST_CHANGE_PASSWORD_LOGIN ER_NOT_SUPPORTED_AUTH_MODE ER_SECURE_TRANSPORT_REQUIRED
    AUTH_SWITCH_PLUGIN_ERROR`,
  host_refused: 'ER_HOST_IS_BLOCKED ER_HOST_NOT_PRIVILEGED',
  tls: 'HANDSHAKE_NO_SSL_SUPPORT HANDSHAKE_SSL_ERROR',
  no_database: '3D000 3F000 ER_BAD_DB_ERROR',
  no_permission: '42501 ER_DBACCESS_DENIED_ERROR ER_TABLEACCESS_DENIED_ERROR ER_SPECIFIC_ACCESS_DENIED_ERROR',
  read_only: '25006 ER_OPTION_PREVENTS_STATEMENT ER_READ_ONLY_MODE ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  disk_full: '53100 ER_DISK_FULL ER_RECORD_FILE_FULL ER_ERROR_ON_WRITE ER_TEMP_FILE_WRITE_FAILURE',
  out_of_memory: '53200 ER_OUTOFMEMORY ER_OUT_OF_SORTMEMORY ER_OUT_OF_RESOURCES ER_CANT_CREATE_THREAD',
  locked: '55P03 40P01 40001 ER_LOCK_WAIT_TIMEOUT ER_LOCK_DEADLOCK',
  statement_cancelled: '57014 25P04 1969 ER_QUERY_TIMEOUT ER_QUERY_INTERRUPTED',
  server_failed: 'XX000 XX001 XX002 58000 58030 ER_GET_ERRNO ER_INTERNAL_ERROR ER_CRASHED_ON_USAGE',
  packet_too_large: 'ER_NET_PACKET_TOO_LARGE ER_WARN_ALLOWED_PACKET_OVERFLOWED',
}
const CAUSE_OF = new Map(
  (Object.keys(CODES) as Cause[]).flatMap((cause) => CODES[cause]?.match(/\S+/g)?.map((code) => [code, cause]) ?? []),
)

/** Errors without a code of their own: PgBouncer's have the same one, Galera's that of an unknown statement. */
const PROXIES: readonly (readonly [RegExp, Cause])[] = [
  [/^unsupported startup parameter/, 'parameter_refused'],
  [/^no such user/, 'login_refused'],
  [/^no such database/, 'no_database'],
  [/^no more connections allowed|^query_wait_timeout/, 'too_many_clients'],
  // While its administrator lets no one connect.
  [/is not currently accepting connections$/, 'unreachable'],
  [/^WSREP has not yet prepared node/, 'unreachable'],
]

/** The connection was lost during a TLS handshake, which is not a fault of TLS. */
const LOST_IN_HANDSHAKE =
  /socket disconnected|read ECONNRESET|write EPIPE|socket hang up|error establishing an SSL connection/

/** Returns the cause of an error of PostgreSQL or MySQL. */
export function sqlCause(error: unknown): Cause | undefined {
  if (!(error instanceof Error)) return undefined
  const { message } = error
  if (LOST_IN_HANDSHAKE.test(message)) return 'unreachable'
  const mariadb = 'errno' in error && 'sqlState' in error ? CAUSE_OF.get(`${error.errno}`) : undefined
  const cause = mariadb ?? PROXIES.find(([words]) => words.test(message))?.[1] ?? CAUSE_OF.get(errorCode(error) ?? '')
  if (cause) return cause === 'login_refused' && /pg_hba\.conf/.test(message) ? 'host_refused' : cause
  // In pg, errors of the server have a severity; in mysql2, a state. The clients' own errors have neither, and no code.
  if ('severity' in error || 'sqlState' in error) return undefined
  if (/SASL|SCRAM/.test(message)) return 'login_refused'
  if (/certificate|\b(SSL|TLS)\b/i.test(message)) return 'tls'
  const isNetwork = 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')
  return isNetwork || [LOST, TIMED_OUT, NOT_POSTGRES].includes(reasonIn(error)) ? 'unreachable' : undefined
}

/** Whether the error is about reading a certificate that the URL names. */
function isUnreadableCertificate(error: Error, url: string): boolean {
  return 'path' in error && [...new URL(url).searchParams.values()].some((value) => value === error.path)
}

/** Causes by the start of the error code; the first match counts. */
const SQLITE: readonly (readonly [RegExp, Cause])[] = [
  [/^(SQLITE_READONLY_DBMOVED|database_replaced)$/, 'file_replaced'],
  [/^SQLITE_(BUSY|LOCKED)/, 'file_locked'],
  [/^(SQLITE_FULL|SQLITE_IOERR|ENOSPC$|EDQUOT$|EIO$)/, 'file_full'],
  [/^SQLITE_(NOTADB|CORRUPT)/, 'file_damaged'],
  [/^(SQLITE_CANTOPEN|SQLITE_READONLY|(EACCES|EPERM|EROFS|ENOTDIR|EISDIR|EEXIST|ELOOP)$)/, 'file_unwritable'],
]

function sqliteFault(error: Error): Fault | undefined {
  const code = errorCode(error) ?? ''
  const [, cause] = SQLITE.find(([codes]) => codes.test(code)) ?? []
  return cause && { cause, reason: code }
}

/** Replies of a Redis server that is temporarily unavailable, by their first word. */
const REPLIES: Readonly<Record<string, readonly [cause: Cause, reason: string]>> = {
  READONLY: ['failover', 'is a replica and rejects writes'],
  // Sent to blocked clients when a primary becomes a replica.
  UNBLOCKED: ['failover', 'became a replica'],
  MASTERDOWN: ['failover', 'is a replica that has lost its primary'],
  LOADING: ['loading', 'is still loading its data'],
  CLUSTERDOWN: ['cluster_down', 'belongs to a cluster that is down'],
  TRYAGAIN: ['cluster_down', 'is moving keys within its cluster'],
  NOREPLICAS: ['too_few_replicas', 'has too few replicas to accept writes'],
  MISCONF: ['save_failed', 'cannot save its data, so it rejects writes'],
  OOM: ['max_memory', 'has reached its maxmemory limit'],
  BUSY: ['script_running', 'is busy with a script of another program'],
}

/** Redis before 7.0 quotes the reply to a command within a script: `ERR Error running script (…): -READONLY You …`. */
const REPLY = new RegExp(`(?:^|: -)(${Object.keys(REPLIES).join('|')}) `)

/** Returns the fault of a Redis server that is temporarily unavailable; undefined for other replies. */
export function unavailableReply(error: unknown): Fault | undefined {
  if (!(error instanceof Error && error.name === 'ReplyError')) return undefined
  const [cause, reason] = REPLIES[REPLY.exec(error.message)?.[1] ?? ''] ?? []
  return cause && reason ? { cause, reason } : undefined
}

/** Whether the certificate of a server is not trusted, has expired, or is for another host. */
export function isUntrusted(error: unknown): boolean {
  return /CERT|^DEPTH_ZERO|^UNABLE_TO_/.test(errorCode(error) ?? '')
}

function redisFault(error: Error): Fault | undefined {
  const reason = reasonIn(error)
  if (isUntrusted(error)) return { cause: 'certificate', reason }
  if (/WRONGPASS|NOAUTH|NOPERM|invalid username/i.test(reason)) return { cause: 'redis_login_refused', reason }
  if (error.name === 'ReplyError') return unavailableReply(error) ?? { cause: 'command_refused', reason }
  const isUnreachable =
    error.name === 'MaxRetriesPerRequestError' || 'syscall' in error || reason === LOST || reason === TIMED_OUT
  return isUnreachable ? { cause: 'unreachable', reason } : undefined
}

function rabbitFault(error: Error): Fault | undefined {
  if (isUntrusted(error)) return { cause: 'certificate', reason: reasonIn(error) }
  const text = `${errorCode(error) ?? ''} ${error.message}`
  if (/PRECONDITION[-_]FAILED/.test(text) && /inequivalent/.test(text)) {
    return { cause: 'queue_differs', reason: reasonIn(error), queue: /for queue '([^']+)'/.exec(text)?.[1] ?? 'queue' }
  }
  // Quorum queues of servers before 3.10 do not have this argument.
  if (/invalid arg 'x-message-ttl'/.test(text)) return { cause: 'rabbitmq_too_old', reason: reasonIn(error) }
  return /ACCESS[-_]REFUSED|NOT[-_]ALLOWED|ConnectionOpen:/.test(text)
    ? { cause: 'login_refused', reason: reasonIn(error) }
    : undefined
}

const LOST = 'connection lost'
const TIMED_OUT = 'timed out'
const NOT_POSTGRES = 'not a PostgreSQL server'

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/SASL|SCRAM/, 'the password is missing or wrong'],
  [
    /timeout expired|timeout exceeded when trying|connection timeout|Query (read|inactivity) timeout|ETIMEDOUT/,
    TIMED_OUT,
  ],
  [/^Socket timeout|^Command timed out|^(connection|socket|channel) .*timed out/, TIMED_OUT],
  [/received invalid response/, NOT_POSTGRES],
  [/SSL routines.*wrong version/, 'no TLS on this port'],
  [/Connection terminated|closed state|is not queryable|Pool is closed|ECONNRESET|EPIPE/, LOST],
  [/The server closed the conn/, LOST],
  [/^Reached the max retries|^Connection is closed|^Stream isn't writeable|^Command aborted/, LOST],
  // rabbitmq-client
  [/^socket closed|^(channel|connection) (is|aborted|creation failed)/, LOST],
  [LOST_IN_HANDSHAKE, LOST],
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND/, 'unknown host name'],
]

/** Returns the reason in plain words, without a full stop: the server's message, or the meaning of its client's. */
export function reasonIn(error: unknown): string {
  // If the host has several addresses, each has an error of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : String(first)
  // rabbitmq-client puts the method before the server's message.
  const said = /^[A-Za-z]+: [A-Z_]+ - (.*)$/s.exec(message)?.[1]
  if (said !== undefined) return said.replace(/\. For details see the broker logfile/, '').replace(/\.$/, '')
  const [, plain] = REASONS.find(([words]) => words.test(message)) ?? []
  return plain ?? (message.replace(/\.$/, '') || (errorCode(error) ?? 'no reason given'))
}
