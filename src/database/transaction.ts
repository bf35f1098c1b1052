// Transactions: one that writes, done again where the database gave it up for another's sake; and one that sees a single
// moment.
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '../errors.js'
import { sqlCause } from '../servers/recognise.js'
import { engineOf } from './engine.js'
import type { Kysely, Transaction } from './kysely.js'
import type { Schema } from './schema.js'

/** How often a transaction is tried before its error is told. */
const MOST_TRIES = 8

let repeats = 0

/** How many transactions were begun again in this thread since this was last asked. */
export function takeRepeats(): number {
  const taken = repeats
  repeats = 0
  return taken
}

/**
 * Does all of it or nothing. Transactions take their locks in one order (the queue, orders by id, sales figures by key,
 * products by id), so that none waits for one that waits for it. (An order is locked before it is put into the queue; its
 * row there is new.) Where the server gives one up all the same, or somebody else was first to add a customer or a product,
 * it begins again.
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
      if (tries === MOST_TRIES || !isGivenUp(error)) throw error
      repeats += 1
      await sleep(Math.random() * 20 * tries)
    }
  }
}

/**
 * As inTransaction, for what must not be done twice. Where the connection is lost at the commit, nobody knows whether the
 * server has taken it; before that, nothing of it was stored.
 *
 * @param unknown what to tell then, for the result that was about to be committed
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

/** Reads as of one moment, however long it takes; keeps no writer waiting. */
export function atOneMoment<Result>(
  db: Kysely<Schema>,
  read: (trx: Transaction<Schema>) => Promise<Result>,
): Promise<Result> {
  const reading = db.transaction().setAccessMode('read only')
  return (engineOf(db) === 'sqlite' ? reading : reading.setIsolationLevel('repeatable read')).execute(read)
}

/** Serialisation failure, deadlock, a lock that was waited for in vain, a lost race for a unique key. */
const GIVEN_UP = new Set([
  '40001',
  '40P01',
  '23505',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CHECKREAD',
  'ER_DUP_ENTRY',
])

function isGivenUp(error: unknown): boolean {
  return GIVEN_UP.has(errorCode(error) ?? '')
}
