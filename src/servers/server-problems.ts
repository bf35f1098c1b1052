// What the user is told of an error of a database server, and what to do about it: for the database, and for a queue that
// is on such a server.
import { EXIT, type ExitCode, type Problem } from '../errors.js'
import type { ServerAddress } from './addresses.js'
import { CONNECTION_LOST, faultIn, reasonIn, type ServerFault } from './server-faults.js'

/** What a server is there for. */
export interface ServerUse {
  /** Where it is named. */
  readonly setting: 'ORDERCTL_DATABASE_URL' | 'ORDERCTL_QUEUE_URL'
  /** What scripts know the faults by. */
  readonly codes: Readonly<Record<ServerFault, string>>
  /** What to do where it is away. */
  readonly whenAway: (address: ServerAddress, why: string) => string
  /** What to let the user do. */
  readonly rights: (address: ServerAddress) => string
}

export const DATABASE: ServerUse = {
  setting: 'ORDERCTL_DATABASE_URL',
  codes: {
    unreachable: 'database_unreachable',
    full_of_clients: 'database_full_of_clients',
    refused: 'database_access_denied',
    host_refused: 'database_access_denied',
    no_parameter: 'database_parameter_refused',
    tls: 'database_tls',
    no_database: 'database_missing',
    no_right: 'database_rights_missing',
    read_only: 'database_read_only',
    disk_full: 'disk_full',
    out_of_memory: 'database_out_of_memory',
    locked: 'database_locked',
    broken_off: 'database_statement_ended',
    packet_too_large: 'database_packet_too_large',
    broken: 'database_broken',
  },
  whenAway: ({ kind }, why) =>
    `Start the server, or correct ORDERCTL_DATABASE_URL. What was committed is safe; run the command again.${
      // To a statement that is larger, MySQL does not answer: it ends the connection.
      kind === 'mysql' && why === CONNECTION_LOST
        ? ' If it fails at the same place again, raise max_allowed_packet on the server to 16M.'
        : ''
    }`,
  rights: (address) =>
    `Let this user make tables in that database and read and write them, as its owner does by: ${grantIn(address)}`,
}

/** Undefined for errors that the user can do nothing about. */
export function serverProblem(error: unknown, address: ServerAddress, use: ServerUse): Problem | undefined {
  const fault = faultIn(error) ?? (isOfCertificate(error, address) ? 'tls' : undefined)
  return fault && problemOf(fault, reasonIn(error), address, use)
}

/** A file that the URL names and that cannot be read. */
function isOfCertificate(error: unknown, { url }: ServerAddress): boolean {
  if (!(error instanceof Error && 'path' in error)) return false
  return [...new URL(url).searchParams.values()].some((value) => value === error.path)
}

/** Whether the error says that the server is away: the same may work later, over another session. */
export function isAway(error: unknown): boolean {
  const fault = faultIn(error)
  return fault !== undefined && ANSWERS[fault].exit === EXIT.unreachable
}

/** @param why without a full stop */
export function problemOf(fault: ServerFault, why: string, address: ServerAddress, use: ServerUse): Problem {
  const { message, fix, exit, retryable } = ANSWERS[fault]
  const place = `${PRODUCTS[address.kind]} at ${address.name}`
  return {
    code: use.codes[fault],
    message: `${place} ${message}: ${why}.`,
    fix: fix(address, use, why),
    retryable,
    exit,
  }
}

const PRODUCTS = { postgres: 'PostgreSQL', mysql: 'MySQL' } as const

interface Answer {
  /** Completes "SERVER …: REASON." */
  readonly message: string
  readonly fix: (address: ServerAddress, use: ServerUse, why: string) => string
  readonly retryable: boolean
  /** With `unreachable`, workers wait and go on when the server is back. */
  readonly exit: ExitCode
}

const AWAY = { retryable: true, exit: EXIT.unreachable } as const
const UNFIT = { retryable: false, exit: EXIT.usage } as const
const FAILED = { retryable: true, exit: EXIT.failed } as const

const ANSWERS: Readonly<Record<ServerFault, Answer>> = {
  unreachable: { message: 'cannot be reached', fix: (address, use, why) => use.whenAway(address, why), ...AWAY },
  full_of_clients: {
    message: 'is at a limit',
    fix: () =>
      'Run fewer workers, or raise the limit that the message names. For connections, that is max_connections, or the limit of this user or database.',
    ...AWAY,
  },
  refused: {
    message: 'does not let this user in',
    fix: ({ kind }, { setting }) =>
      `Correct user and password in ${setting}. It reads ${kind}://USER:PASSWORD@HOST/DATABASE, with special characters of the password as %40 for @.${
        kind === 'mysql' ? ' Where this user has to come by TLS, add ?ssl={}.' : ''
      }`,
    ...UNFIT,
  },
  host_refused: {
    message: 'does not let this user in from here',
    fix: ({ kind }, { setting }) =>
      kind === 'postgres'
        ? `Let the user, database and host in by pg_hba.conf on the server; where it wants TLS of them, add ?sslmode=verify-full to ${setting}.`
        : 'On the server, let the user come from this host (create user NAME@HOST); where the host is blocked, run there: flush hosts',
    ...UNFIT,
  },
  no_parameter: {
    message: 'is behind a pooler that refuses a setting',
    fix: (_, { setting }) =>
      `Take it out of ${setting}, or name it in ignore_startup_parameters of the pooler (pgbouncer.ini).`,
    ...UNFIT,
  },
  tls: {
    message: 'cannot be talked to in private',
    fix: ({ kind }, { setting }) =>
      kind === 'postgres'
        ? `In ${setting}, name the certificate to trust (?sslmode=verify-full&sslrootcert=FILE), trust any (?sslmode=no-verify), or leave sslmode out to go without TLS.`
        : `Name the certificate to trust (NODE_EXTRA_CA_CERTS=FILE in the environment); or, in ${setting}, trust any (?ssl={"rejectUnauthorized":false}), or leave ssl out to go without TLS.`,
    ...UNFIT,
  },
  no_database: {
    message: 'has no such database',
    fix: (address, { setting }) =>
      `Make it (create database ${databaseIn(address)}), or name another one in ${setting}.`,
    ...UNFIT,
  },
  no_right: { message: 'does not allow that', fix: (address, use) => use.rights(address), ...UNFIT },
  read_only: {
    message: 'takes no changes',
    fix: ({ kind }, { setting }) =>
      `Name the primary in ${setting}; where this is it, let it write again (${
        kind === 'postgres' ? 'default_transaction_read_only = off' : 'set global read_only = off'
      }).`,
    ...AWAY,
  },
  disk_full: {
    message: 'has no room left',
    fix: () =>
      'Free space on the server, then run the command again (an import goes on with --resume). All that was committed before is safe.',
    ...AWAY,
  },
  out_of_memory: {
    message: 'has too little memory',
    fix: () =>
      'Give the server more, or take fewer orders at a time (ORDERCTL_BATCH_SIZE); then run the command again. What was committed is safe.',
    ...AWAY,
  },
  locked: {
    message: 'had what this command needs locked by others',
    fix: () => 'Run the command again.',
    ...FAILED,
  },
  broken_off: {
    message: 'broke off a statement',
    fix: ({ kind }) =>
      `Run the command again; what was committed is safe. If it stays so, raise the limit of this user on the server: ${
        kind === 'postgres' ? 'statement_timeout' : 'max_execution_time (on MariaDB, max_statement_time)'
      }.`,
    ...FAILED,
  },
  broken: {
    message: 'failed by itself',
    fix: () =>
      'Look into the log of the server; often its disk is full or failing. Then run the command again; what was committed is safe.',
    retryable: false,
    exit: EXIT.failed,
  },
  packet_too_large: {
    message: 'takes no statement of that size',
    fix: () => 'On the server, set max_allowed_packet to 16M or more; then run the command again.',
    retryable: false,
    exit: EXIT.failed,
  },
}

/** As SQL writes it. */
function databaseIn({ kind, name }: ServerAddress): string {
  const database = name.slice(name.indexOf('/') + 1)
  if (/^[a-z_][a-z0-9_]*$/.test(database)) return database
  const quote = kind === 'postgres' ? '"' : '`'
  return `${quote}${database.replaceAll(quote, quote + quote)}${quote}`
}

function grantIn(address: ServerAddress): string {
  return address.kind === 'postgres'
    ? 'grant all on schema public to USER; grant all on all tables in schema public to USER'
    : `grant all on ${databaseIn(address)}.* to USER`
}
