// What users are told where the PostgreSQL that carries the queue cannot be had, or should not be.

import { EXIT, UserError } from '../errors.js'
import type { PostgresAddress } from './addresses.js'
import type { PostgresFacts } from './postgres-pool.js'
import { faultIn } from './server-faults.js'
import { problemOf, type ServerUse, serverProblem } from './server-problems.js'

/** BullMQ's functions need what came with it. */
const OLDEST_MAJOR = 13

const QUEUE: ServerUse = {
  setting: 'ORDERCTL_QUEUE_URL',
  codes: {
    unreachable: 'postgres_unreachable',
    full_of_clients: 'postgres_full_of_clients',
    refused: 'postgres_refused',
    host_refused: 'postgres_refused',
    no_parameter: 'postgres_parameter_refused',
    tls: 'postgres_tls',
    no_database: 'postgres_database_missing',
    no_right: 'postgres_not_allowed',
    read_only: 'postgres_read_only',
    disk_full: 'postgres_disk_full',
    out_of_memory: 'postgres_out_of_memory',
    locked: 'postgres_locked',
    broken_off: 'postgres_statement_ended',
    packet_too_large: 'postgres_packet_too_large',
    broken: 'postgres_broken',
  },
  whenAway({ name }) {
    const [host, port] = name.replace(/\/.*/, '').split(/:(?=\d+$)/)
    return `Start it (try: pg_isready -h ${host} -p ${port}), correct ORDERCTL_QUEUE_URL, or unset it to work without a server for the queue.`
  },
  rights: () =>
    'Grant the user what is named there, or make the user the owner of the schema and of what is in it (ORDERCTL_QUEUE_SCHEMA).',
}

/** For users, where the error is one that they can do something about; undefined for any other. */
export function explainPostgresError(error: unknown, address: PostgresAddress): UserError | undefined {
  if (error instanceof UserError) return error
  const problem = serverProblem(error, address, QUEUE)
  return problem && new UserError(problem, { cause: error })
}

/** Whether the same statement may succeed when it is sent again, alone: two got in each other's way. */
export function isConflict(error: unknown): boolean {
  return faultIn(error) === 'locked'
}

/** @param why without a full stop */
export function unreachable(address: PostgresAddress, why: string): UserError {
  return new UserError(problemOf('unreachable', why, address, QUEUE))
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
 * @throws UserError (exit 2; exit 4 for a standby, which may become the primary)
 */
export function refuseUnfit({ version, major, standby }: PostgresFacts, address: PostgresAddress): void {
  if (major < OLDEST_MAJOR) {
    throw unfit(
      'postgres_too_old',
      `PostgreSQL ${version} at ${address.name} is too old: the queue needs ${OLDEST_MAJOR} or newer.`,
      'Update it, or unset ORDERCTL_QUEUE_URL to work without a server for the queue.',
    )
  }
  if (standby) throw new UserError(problemOf('read_only', 'it is a standby', address, QUEUE))
}

function unfit(code: string, message: string, fix: string, cause?: unknown): UserError {
  return new UserError({ code, message, fix, exit: EXIT.usage }, { cause })
}
