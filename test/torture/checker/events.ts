// Checks that each attempt of an order ended once, that no event is lost, and that the events of an order arrived in
// their order.
import { text } from '../tables.js'
import { grouped, nameOf, type ShopState } from './shop-state.js'

/** Kinds of events that end an attempt, with the status that they leave. */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  completed: ['completed'],
  failed: ['failed'],
  rolled_back: ['rolled_back'],
  cancelled: ['failed', 'rolled_back'],
}

/** @param received ids in the order of arrival, with repetitions */
export function* checkEvents(state: ShopState, received: readonly string[]): Generator<string> {
  const firstArrival = new Map<string, number>()
  received.forEach((id, index) => {
    if (!firstArrival.has(id)) firstArrival.set(id, index)
  })
  const events = grouped(state.rows('events'), (row) => text(row, 'order_id'))
  const refunds = grouped(
    state.rows('refunds').filter((row) => row['status'] === 'refunded'),
    (row) => text(row, 'order_id'),
  )
  for (const order of state.orders) {
    const own = [...(events.get(order.id) ?? [])].sort((a, b) => Number(a['number']) - Number(b['number']))
    const name = `order ${nameOf(order)}`
    const ends = own.filter((row) => text(row, 'kind') in ENDS)
    const attempts = ends.map((row) => Number(row['attempt']))
    const expected = Array.from({ length: order.attempt }, (_, index) => index + 1)
    if (attempts.join() !== expected.join())
      yield `${name} (${order.status}): attempts ${expected} ended in ${ends.map((row) => `${row['kind']} (${row['attempt']})`)}`
    const last = ends.at(-1)
    if (last && !ENDS[text(last, 'kind')]?.includes(order.status))
      yield `${name} is ${order.status}, its last event says ${last['kind']}`
    const refunded = own.filter((row) => row['kind'] === 'refunded').length
    if (refunded !== (refunds.get(order.id) ?? []).length)
      yield `${name} has ${refunded} events for ${(refunds.get(order.id) ?? []).length} refunds`
    let before = -1
    for (const row of own) {
      const arrival = firstArrival.get(`evt_${row['token']}_${order.id}`)
      if (row['state'] !== 'delivered') yield `event ${row['number']} of ${name} is ${row['state']}`
      else if (arrival === undefined) yield `event ${row['number']} of ${name} is "delivered", but never arrived`
      else if (arrival < before) yield `event ${row['number']} of ${name} arrived before an earlier one`
      else before = arrival
    }
  }
}
