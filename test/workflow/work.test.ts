// `orderctl work` as its users meet it: who gets the stock, when it ends, and how. All figures are worked out by hand; what
// it makes of money and failures is in test/database/workflow.test.ts, on every database alike.
import { describe, expect } from 'vitest'
import { TRANSITIONS } from '../../src/domain/order.js'
import { until } from '../support/until.js'
import { csv, line, test, type Workplace } from '../support/workplace.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
/** Slow enough that a test can step in, with leases that end soon. */
const SLOW = {
  ...ALL_CAPTURED,
  ORDERCTL_PAYMENT_LATENCY_MS: '400',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

/** Orders A-1 … A-n of one unit each, at 10.00 USD. */
function singles(count: number, sku = (index: number) => `S-${index % 7}`): string {
  return csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index + 1}`, sku: sku(index) })))
}

async function importing(place: Workplace, content: string, environment: Record<string, string> = {}): Promise<void> {
  const { code, stderr } = await place.runWith(environment, 'import', place.file('orders.csv', content))
  expect(code, stderr).toBe(0)
}

const statuses = (place: Workplace) =>
  Object.fromEntries(
    place
      .rows('select status, count(*) as count from orders group by status')
      .map((row) => Object.values(row as object) as [string, number]),
  )

describe.concurrent('a drain', () => {
  test('gives stock of one to one of 200 orders, with two workers at it', async ({ place }) => {
    await importing(
      place,
      singles(200, () => 'RARE'),
      { ORDERCTL_INITIAL_STOCK: '1' },
    )
    const workers = { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '7' }
    await Promise.all([1, 2].map(() => place.start(workers, 'work', '--drain').ended))
    expect(statuses(place)).toEqual({ completed: 1, failed: 199 })
    expect(place.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 0, reserved: 0 }])
    expect(place.value("select count(*) from orders where reason = 'out_of_stock'")).toBe(199)
    await place.expectAuditClean()
  })

  test('reserves whole orders or nothing of them', async ({ place }) => {
    const file = csv(
      line({ order: 'A-1', sku: 'X', quantity: 6 }),
      line({ order: 'A-2', sku: 'X', quantity: 3 }),
      line({ order: 'A-2', sku: 'Y', quantity: 11 }),
      line({ order: 'A-3', sku: 'X', quantity: 4 }),
    )
    await importing(place, file, { ORDERCTL_INITIAL_STOCK: '10' })
    await place.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(place.rows('select reference, status, message from orders order by id')).toEqual([
      { reference: 'A-1', status: 'completed', message: null },
      { reference: 'A-2', status: 'failed', message: 'Y: 11 wanted, 10 available' },
      { reference: 'A-3', status: 'completed', message: null },
    ])
    await place.expectAuditClean()
  })

  test('moves orders along allowed transitions alone', async ({ place }) => {
    await importing(
      place,
      singles(40, (index) => (index < 20 ? 'PLENTY' : 'RARE')),
      { ORDERCTL_INITIAL_STOCK: '12' },
    )
    place.db.exec(`
      create table moves (origin text, target text);
      create trigger watch after update of status on orders when old.status <> new.status
      begin insert into moves values (old.status, new.status); end`)
    await place.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '0.5' }, 'work', '--drain')
    await place.run('failed', 'retry', '--all', '--yes')
    await place.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '0.5' }, 'work', '--drain')
    const moves = place.rows('select distinct origin, target from moves') as { origin: string; target: string }[]
    expect(moves.length).toBeGreaterThanOrEqual(5)
    expect(moves.filter(({ origin, target }) => !canReach(origin, target))).toEqual([])
  })

  test('ends at once on a paused queue, says so, and goes on when it is resumed', async ({ place }) => {
    await importing(place, singles(3))
    await place.run('queue', 'pause')
    const paused = await place.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(paused.code).toBe(1)
    expect(paused.stderr).toContain('queue resume')
    expect(statuses(place)).toEqual({ pending: 3 })
    await place.run('queue', 'resume')
    await place.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(statuses(place)).toEqual({ completed: 3 })
  })

  test('stops after --max-orders and after --max-runtime', async ({ place }) => {
    await importing(place, singles(100))
    const few = await place.jsonWith(
      { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '10' },
      'work',
      '--max-orders',
      '10',
      '--concurrency',
      '1',
    )
    expect(few).toMatchObject({ code: 0, result: { processed: 10 } })
    expect(await place.jsonWith({ ORDERCTL_PAYMENT_LATENCY_MS: '40' }, 'work', '--max-runtime', '1s')).toMatchObject({
      code: 0,
    })
    expect(place.value('select count(*) from due_orders where lease_token is not null')).toBe(0)
  })

  test('takes more batches in hand while a backlog stands, within the limits given', async ({ place }) => {
    // 250 batches of 150 ms each: far more than five at a time clear in two seconds.
    await importing(place, singles(5000))
    const worker = place.start(SLOW, 'work', '--drain', '--max-concurrency', '9')
    const concurrency = () => place.value('select max(concurrency) from workers') as number
    await until(() => concurrency() > 5)
    worker.child.kill('SIGTERM')
    await worker.ended
    expect(concurrency()).toBeLessThanOrEqual(9)

    const swapped = await place.run('work', '--min-concurrency', '9', '--max-concurrency', '2')
    expect(swapped).toMatchObject({ code: 2, stderr: expect.stringContaining('--max-concurrency 2') })
    const both = await place.run('work', '--concurrency', '9', '--max-concurrency', '2')
    expect(both.code).toBe(2)
  })
})

/** Steps may share a transaction, so a move may be a chain of transitions. */
function canReach(from: string, to: string): boolean {
  const next = TRANSITIONS.filter((move) => move.from === from)
  return next.some((move) => move.to === to || (move.by === 'worker' && canReach(move.to, to)))
}
