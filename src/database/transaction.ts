// Runs transactions that write, which are retried after a conflict, and transactions that read a single snapshot.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { errorCode } from '../errors.js'
import { sqlCause } from '../servers/recognise.js'
import { engineOf } from './engine.js'
import type { Schema } from './schema.js'
import { statistics } from './statistics.js'

const MOST_TRIES = 8

let retries = 0

/** Returns how often this thread has retried transactions since the last call. */
export function takeRetryCount(): number {
  const taken = retries
  retries = 0
  return taken
}

/**
 * Runs `act` in a transaction. Retries it after a conflict, or after a lost race to add a customer or product. To avoid
 * deadlocks, all transactions take locks in one order: the queue, orders by id, sales figures by key, products by id,
 * counts of orders by key.
 *
 * @param act may run more than once, so it changes nothing but the database
 */
export async function inTransaction<Result>(
  db: Kysely<Schema>,
  act: (trx: Transaction<Schema>) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(act)
    } catch (error) {
      if (tries === MOST_TRIES || !CONFLICTS.test(errorCode(error) ?? '')) throw error
      retries += 1
      statistics.retries += 1
      await sleep(Math.random() * 20 * tries)
    }
  }
}

/** Serialization failure, deadlock, lock timeout, lost race for a unique key. */
const CONFLICTS = /^(40001|40P01|23505|ER_LOCK_DEADLOCK|ER_LOCK_WAIT_TIMEOUT|ER_CHECKREAD|ER_DUP_ENTRY)$/

/**
 * Runs a transaction that must not be done twice. If the connection is lost during the commit, the outcome is unknown;
 * if it is lost earlier, nothing was stored.
 *
 * @param unknown makes the error for an unknown outcome from the result that was being committed
 */
export async function inTransactionOnce<Result>(
  db: Kysely<Schema>,
  act: (trx: Transaction<Schema>) => Promise<Result>,
  unknown: (result: Result, cause: unknown) => Error,
): Promise<Result> {
  let committing: { readonly result: Result }[] = []
  try {
    return await inTransaction(db, async (trx) => {
      committing = []
      const result = await act(trx)
      committing = [{ result }]
      return result
    })
  } catch (error) {
    const [lost] = committing
    throw lost && sqlCause(error) === 'unreachable' ? unknown(lost.result, error) : error
  }
}

/** Reads one snapshot of the database, however long that takes, without blocking writers. */
export function inSnapshot<Result>(
  db: Kysely<Schema>,
  read: (trx: Transaction<Schema>) => Promise<Result>,
): Promise<Result> {
  const reading = db.transaction().setAccessMode('read only')
  return (engineOf(db) === 'sqlite' ? reading : reading.setIsolationLevel('repeatable read')).execute(read)
}
