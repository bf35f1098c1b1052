// Records who changed orders or stock, and why: the audit log.
import { hostname, userInfo } from 'node:os'
import type { Kysely } from 'kysely'
import type { OrderId } from '../domain/ids.js'
import { countOf } from '../terminal/text.js'
import { databaseTime } from './engine.js'
import { isAmong } from './row-source.js'
import type { Schema } from './schema.js'

export interface Action {
  /** The command, such as `failed retry`. */
  readonly command: string
  /** What changed, such as a SKU [default: the order, or the number of orders]. */
  readonly subject?: string
  /** As the person gave it. */
  readonly reason?: string | undefined
  /** Figures of the change. */
  readonly details?: string | undefined
}

/**
 * Records an action of the person who runs this process, in the transaction of the change itself, so that neither is
 * stored without the other.
 *
 * @param orders the orders that changed; `orders show` lists the action for each
 */
export async function recordAction(
  trx: Kysely<Schema>,
  { command, subject, reason, details }: Action,
  orders: readonly OrderId[] = [],
): Promise<void> {
  // MySQL cannot return a generated number.
  const id = crypto.randomUUID()
  const what = { command, subject: subject ?? (await nameOf(trx, orders)) }
  const why = { reason: reason ?? null, details: details ?? null }
  await trx
    .insertInto('actions')
    .values({ id, at: await databaseTime(trx), ...what, ...why, os_user: userName(), host: hostname() })
    .execute()
  if (orders.length === 0) return
  const changed = trx
    .selectFrom('orders')
    .select((eb) => ['id as order_id', eb.val(id).as('action_id')])
    .where(isAmong(trx, 'id', orders))
  await trx.insertInto('action_orders').columns(['order_id', 'action_id']).expression(changed).execute()
}

async function nameOf(trx: Kysely<Schema>, orders: readonly OrderId[]): Promise<string> {
  if (orders.length !== 1) return countOf(orders.length, 'order')
  const named = trx
    .selectFrom('orders')
    .select('reference')
    .where(isAmong(trx, 'id', orders))
  return (await named.executeTakeFirstOrThrow()).reference
}

/** A container may run with a user id that has no name. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
