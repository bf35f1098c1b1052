// The end of a run: waits until nothing is left to do, and does what people must do for it.
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type TortureShop } from './crew.js'
import type { Journal } from './journal.js'
import { query } from './tables.js'

/** Time without any change after which the run is stuck. */
const STUCK_MS = 90_000

/** Time without any change after which a person sends the events again. */
const HURRY_MS = 3000

/** Everything that is left to do; `review`: it waits for a person. */
const LEFT = `
  select 'orders' as what, coalesce(sum(case when reason is null then 1 else 0 end), 0) as alone,
    coalesce(sum(case when reason is null then 0 else 1 end), 0) as review
  from orders where status in ('pending', 'reserved', 'payment_processing') union all
  select 'refunds', coalesce(sum(case when due_at is null then 0 else 1 end), 0),
    coalesce(sum(case when due_at is null then 1 else 0 end), 0)
  from refunds where status in ('pending', 'unknown') union all
  select 'events', count(*), 0 from events where state <> 'delivered'`

export async function quiet(shop: TortureShop, journal: Journal, databaseUrl: string): Promise<void> {
  let last = ''
  let since = performance.now()
  for (;;) {
    const left = await query(databaseUrl, LEFT).catch(() => undefined)
    const counts = (left ?? []).map(({ what, alone, review }) => ({
      what: `${what}`,
      alone: Number(alone),
      review: Number(review),
    }))
    if (left && counts.every(({ alone, review }) => alone === 0 && review === 0)) return
    const state = JSON.stringify(counts)
    if (state !== last) since = performance.now()
    last = state
    if (performance.now() - since > STUCK_MS) {
      journal.violation(`nothing changes any more, and this is left: ${state}`)
      return
    }
    if (counts.some(({ what, review }) => what === 'orders' && review > 0))
      for (const reason of ['payment_unknown', 'poison'])
        await ask(shop, journal, ['failed', 'retry', '--reason', reason, '--yes'])
    for (const { reference, source } of await refundsForReview(databaseUrl))
      await ask(shop, journal, ['orders', 'refund', `${reference}`, '--source', `${source}`])
    if (performance.now() - since > HURRY_MS && counts.every(({ what, alone }) => what === 'events' || alone === 0))
      await ask(shop, journal, ['notify', 'retry', '--all'])
    await sleep(500)
  }
}

function refundsForReview(databaseUrl: string) {
  const statement = `select orders.reference, orders.source from refunds join orders on orders.id = refunds.order_id
    where refunds.status = 'unknown' and refunds.due_at is null`
  return query(databaseUrl, statement).catch(() => [])
}
