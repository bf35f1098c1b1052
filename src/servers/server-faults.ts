// What an error of a database server means, whoever asked: the connections of the database, or those of the queue.
import { errorCode } from '../errors.js'

export type ServerFault =
  /** It cannot be reached, or went away: what was committed is safe, and the same may work later. */
  | 'unreachable'
  /** It has no room for one more connection, file or lock. */
  | 'full_of_clients'
  /** The user is not known, has another password, or may not log in. */
  | 'refused'
  /** Nobody may come from this host in this way, whatever the password. */
  | 'host_refused'
  /** A pooler before it does not take a setting of the connection. */
  | 'no_parameter'
  /** TLS was asked for and cannot be had, or its certificate is not trusted. */
  | 'tls'
  | 'no_database'
  | 'no_right'
  /** It takes no changes: another one takes its place, or somebody said so. */
  | 'read_only'
  | 'disk_full'
  | 'out_of_memory'
  /** A transaction was given up for another's sake, or waited too long for its locks. */
  | 'locked'
  /** A statement was broken off: it took too long, or somebody ended it. */
  | 'broken_off'
  | 'packet_too_large'
  /** It failed by itself, as on a disk that is full or failing: its log says more. */
  | 'broken'

/**
 * PostgreSQL's codes are five letters (https://www.postgresql.org/docs/current/errcodes-appendix.html), MySQL's begin with
 * ER_, the network's are Node's; the others are of mysql2.
 */
const CODES: Readonly<Record<ServerFault, readonly string[]>> = {
  unreachable: [
    ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'],
    ...['57P01', '57P02', '57P03', '57P04', '57P05', '25P03'],
    ...['08000', '08001', '08003', '08004', '08006', '08P01'],
    ...['PROTOCOL_CONNECTION_LOST', 'ER_SERVER_SHUTDOWN', 'ER_NORMAL_SHUTDOWN', 'ER_CLIENT_INTERACTION_TIMEOUT'],
    ...['ER_ABORTING_CONNECTION', 'ER_NEW_ABORTING_CONNECTION', 'ER_NET_READ_ERROR', 'ER_NET_READ_INTERRUPTED'],
    ...['ER_SERVER_OFFLINE_MODE'],
  ],
  full_of_clients: [
    ...['53000', '53300', '53400'],
    ...['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_USER_LIMIT_REACHED'],
  ],
  no_parameter: [],
  refused: [
    ...['28P01', '28000', 'ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'ER_ACCOUNT_HAS_BEEN_LOCKED'],
    ...['ER_MUST_CHANGE_PASSWORD', 'ER_MUST_CHANGE_PASSWORD_LOGIN', 'ER_NOT_SUPPORTED_AUTH_MODE'],
    ...['ER_SECURE_TRANSPORT_REQUIRED', 'AUTH_SWITCH_PLUGIN_ERROR'],
  ],
  host_refused: ['ER_HOST_IS_BLOCKED', 'ER_HOST_NOT_PRIVILEGED'],
  tls: ['HANDSHAKE_NO_SSL_SUPPORT', 'HANDSHAKE_SSL_ERROR'],
  no_database: ['3D000', '3F000', 'ER_BAD_DB_ERROR'],
  no_right: ['42501', 'ER_DBACCESS_DENIED_ERROR', 'ER_TABLEACCESS_DENIED_ERROR', 'ER_SPECIFIC_ACCESS_DENIED_ERROR'],
  read_only: [
    ...['25006', 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE', 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION'],
  ],
  disk_full: ['53100', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ER_ERROR_ON_WRITE', 'ER_TEMP_FILE_WRITE_FAILURE'],
  out_of_memory: ['53200', 'ER_OUTOFMEMORY', 'ER_OUT_OF_SORTMEMORY', 'ER_OUT_OF_RESOURCES', 'ER_CANT_CREATE_THREAD'],
  locked: ['55P03', '40P01', '40001', 'ER_LOCK_WAIT_TIMEOUT', 'ER_LOCK_DEADLOCK'],
  broken_off: ['57014', '25P04', 'ER_QUERY_TIMEOUT', 'ER_QUERY_INTERRUPTED'],
  broken: ['XX000', 'XX001', 'XX002', '58000', '58030', 'ER_GET_ERRNO', 'ER_INTERNAL_ERROR', 'ER_CRASHED_ON_USAGE'],
  packet_too_large: ['ER_NET_PACKET_TOO_LARGE', 'ER_WARN_ALLOWED_PACKET_OVERFLOWED'],
}

const FAULTS = new Map(
  (Object.keys(CODES) as ServerFault[]).flatMap((fault) => CODES[fault].map((code) => [code, fault] as const)),
)

/** MariaDB's own, which mysql2 gives no name, or that of another error of MySQL: killed, too slow, locked out. */
const MARIADB_FAULTS = new Map<unknown, ServerFault>([
  [1927, 'unreachable'],
  [1969, 'broken_off'],
  [4151, 'refused'],
])

/** PgBouncer gives its own errors one code, and Galera one that means a statement that nobody knows. */
const SAID_BY_PROXIES: readonly (readonly [RegExp, ServerFault])[] = [
  [/^unsupported startup parameter/, 'no_parameter'],
  [/^no such user/, 'refused'],
  [/^no such database/, 'no_database'],
  [/^no more connections allowed|^query_wait_timeout/, 'full_of_clients'],
  [/^WSREP has not yet prepared node/, 'unreachable'],
]

/** The clients' own errors carry no code. */
const LOST = /Connection terminated|closed state|is not queryable|Pool is closed/
const CUT_OFF = /socket disconnected|read ECONNRESET|write EPIPE|socket hang up|error establishing an SSL connection/
const NO_POSTGRES = /received invalid response/
const SILENT = /timeout expired|timeout exceeded when trying to connect|Query read timeout|Query inactivity timeout/

/** Undefined for errors that are not the server's, nor of the way to it, and for those that tell of a mistake of ours. */
export function faultIn(error: unknown): ServerFault | undefined {
  if (!(error instanceof Error)) return undefined
  // Also where mysql2 takes it for a fault of TLS, since it came before that was agreed upon.
  if (CUT_OFF.test(error.message)) return 'unreachable'
  if ('errno' in error && 'sqlState' in error && MARIADB_FAULTS.has(error.errno)) return MARIADB_FAULTS.get(error.errno)
  const said = SAID_BY_PROXIES.find(([words]) => words.test(error.message))
  if (said) return said[1]
  const fault = FAULTS.get(errorCode(error) ?? '')
  if (fault === 'refused' && /pg_hba\.conf/.test(error.message)) return 'host_refused'
  return fault ?? faultWithoutCode(error)
}

function faultWithoutCode(error: Error): ServerFault | undefined {
  if (isFromServer(error)) return undefined
  const { message } = error
  if (/SASL|SCRAM/.test(message)) return 'refused'
  if (/certificate|\b(SSL|TLS)\b/i.test(message)) return 'tls'
  if (LOST.test(message) || SILENT.test(message) || NO_POSTGRES.test(message)) return 'unreachable'
  return 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')
    ? 'unreachable'
    : undefined
}

/** The reason of one that was there and is gone. */
export const CONNECTION_LOST = 'the connection was lost'

/** What the server or the client says, without a full stop. */
export function reasonIn(error: unknown): string {
  // Of a name with several addresses, each has an error of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const message = first instanceof Error ? first.message : String(first)
  if (/SASL|SCRAM/.test(message)) return 'it wants a password, or another one'
  if (SILENT.test(message) || /ETIMEDOUT/.test(message)) return 'it does not answer'
  if (NO_POSTGRES.test(message)) return 'what answers there is no PostgreSQL'
  if (LOST.test(message) || CUT_OFF.test(message) || /ECONNRESET|EPIPE|The server closed the connection/.test(message))
    return CONNECTION_LOST
  return message.replace(/\.$/, '') || (errorCode(error) ?? 'it does not say why')
}

/** Said by a server that understood us: pg gives such errors a severity, mysql2 a state. */
function isFromServer(error: Error): boolean {
  return 'severity' in error || 'sqlState' in error
}
