// `orders refund` and `orders refunds`: what a person types and sees.
import { describe, expect } from 'vitest'
import { scriptedRefunds } from '../support/scripted-gateway.js'
import { test } from '../support/shop.js'

/** Order 1001 of two widgets for 25.00 USD. */
const SOLD = { status: 'completed' } as const

describe.concurrent('orders refund', () => {
  test('refunds a part, then the rest with the units, and records who did it and why', async ({ shop }) => {
    shop.order('1001', SOLD)
    const part = await shop.run('orders', 'refund', '1001', '--amount', '12.5', '--reason', 'scratched')
    expect(part).toMatchObject({ code: 0, stderr: '' })
    expect(part.stdout).toMatch(/1001 +refunded +12\.50 USD/)
    const rest = await shop.json('orders', 'refund', '1001', '--restock')
    expect(rest).toEqual({
      code: 0,
      result: {
        matched: 1,
        changed: 1,
        orders: [
          {
            ...{ order_id: '1001', source: 'default', result: 'refunded', message: null },
            ...{ amount: 12.5, currency: 'USD', gateway_reference: expect.stringMatching(/^sim_/) },
          },
        ],
      },
    })
    expect(shop.value('select on_hand from products')).toBe(1000)
    expect(shop.row('1001')).toMatchObject({ status: 'completed' })
    expect((await shop.json('orders', 'show', '1001')).result).toMatchObject({
      refunds: [
        {
          refund: 1,
          idempotency_key: `${shop.identity}:default:1001:1:refund-1`,
          status: 'refunded',
          amount: 12.5,
          restock: false,
        },
        {
          refund: 2,
          idempotency_key: `${shop.identity}:default:1001:1:refund-2`,
          status: 'refunded',
          amount: 12.5,
          restock: true,
        },
      ],
      actions: [
        { command: 'orders refund', reason: 'scratched', details: '12.50 USD' },
        { command: 'orders refund', reason: null, details: '12.50 USD' },
      ],
      next: 'Nothing. The order is complete.',
    })
    expect((await shop.run('orders', 'show', '1001')).stdout).toMatch(/2 +refunded +12\.50 USD +yes +sim_/)
    await shop.expectAuditClean()
  })

  test('refuses with what to do next, and stores nothing', async ({ shop }) => {
    shop.order('1001', SOLD)
    shop.order('2001')
    shop.order('3001', { ...SOLD, lines: [['GIFT', 1, 0]] })
    shop.order('4001', { ...SOLD, currency: 'JPY', lines: [['W', 1, 500]] })
    for (const [ids, flags, code, error, fix] of [
      ['1001', '--amount 25.01', 1, 'refund_too_large', 'at most 25.00'],
      ['1001', '--amount 12.505', 2, 'bad_amount', '12.50'],
      ['1001', '--amount 0', 2, 'bad_amount', '12.50'],
      ['1001', '--amount 1,5', 2, 'bad_amount', '12.50'],
      ['4001', '--amount 12.5', 2, 'bad_amount', '1,250'],
      ['1001', '--amount 5 --restock', 2, 'partial_restock', 'products adjust'],
      ['1001 4001', '--amount 5', 2, 'unclear_choice', 'one order'],
      ['2001', '', 1, 'order_not_completed', 'orders show 2001'],
      ['3001', '', 1, 'nothing_to_refund', 'orders show 3001'],
      ['9001', '', 1, 'unknown_order', 'orders list'],
    ] as const) {
      const args = [...ids.split(' '), ...flags.split(' ').filter((flag) => flag !== '')]
      const { result, code: exit } = await shop.json('orders', 'refund', ...args)
      expect({ exit, result }, args.join(' ')).toMatchObject({ exit: code, result: { error: { code: error } } })
      expect((result as { error: { fix: string } }).error.fix).toContain(fix)
    }
    expect(shop.value('select count(*) from refunds')).toBe(0)
    expect(shop.value('select count(*) from actions')).toBe(0)
  })

  test('says that an order whose charge has no outcome may have been charged', async ({ shop }) => {
    shop.unknownOrder('5001')
    expect(await shop.run('orders', 'refund', '5001')).toEqual({
      code: 1,
      stdout: '',
      stderr: `Error: Order 5001 is not completed (payment processing); it may have been charged already.
See what happens to it next: orderctl orders show 5001
`,
    })
  })

  test('refunds those of several orders that it can, and says why not the others', async ({ shop }) => {
    shop.order('1001', SOLD)
    shop.order('1002')
    const file = shop.file('returns.txt', '1001\n1002\n')
    const dry = await shop.json('orders', 'refund', '--from-file', file, '--dry-run')
    expect(dry).toMatchObject({
      code: 3,
      result: { matched: 2, changed: 0, orders: [{ amount: 25 }, { amount: null }] },
    })
    expect(shop.value('select count(*) from refunds')).toBe(0)
    const { code, stdout } = await shop.run('orders', 'refund', '--from-file', file, '--yes')
    expect(code).toBe(3)
    expect(stdout).toMatch(/1001 +refunded +25\.00 USD/)
    expect(stdout).toMatch(/1002 +order not completed/)
  })

  test('shows why the gateway declined, and where an unknown outcome is found', async ({ shop }) => {
    shop.order('1001', SOLD)
    const ledger = shop.file('ledger', '')
    const asking = ['orders', 'refund', '1001', '--restock']
    const declining = scriptedRefunds({ ledger, outcome: { status: 'declined', message: 'card closed' } })
    const declined = await shop.runWith(declining, ...asking)
    expect(declined).toMatchObject({ code: 1, stderr: expect.stringContaining('card closed') })

    const losing = scriptedRefunds({ ledger, outcome: { status: 'unknown', message: 'a time-out' } })
    const notified = { ...losing, ORDERCTL_NOTIFY_COMMAND: 'true', ORDERCTL_ATTEMPTS: '1' }
    const unknown = await shop.jsonWith(notified, ...asking)
    expect(unknown).toMatchObject({ code: 1, result: { error: { code: 'refund_unknown', retryable: true } } })
    expect(shop.rows('select kind, amount, reference, reason, message from events')).toEqual([
      { kind: 'needs_review', amount: 2500, reference: null, reason: 'refund_unknown', message: 'a time-out' },
    ])
    expect((await shop.json('status')).result).toMatchObject({ refunds_to_review: 1 })
    expect((await shop.run('status')).stderr).toContain('orderctl orders refunds --status review')
    expect((await shop.run('orders', 'refunds', '--status', 'review')).stdout).toMatch(/1001 .*25\.00 USD .*a time-out/)
    expect((await shop.run('orders', 'show', '1001')).stdout).toContain('Next: Ask the gateway again')

    const again = await shop.run('orders', 'refund', '1001')
    expect(again.stdout).toMatch(/1001 +refunded +25\.00 USD/)
    expect(shop.value('select on_hand from products')).toBe(1000)
    expect((await shop.json('orders', 'refunds')).result).toMatchObject({
      total: 2,
      refunds: [{ status: 'refunded' }, { status: 'declined', message: 'card closed' }],
    })
  })
})

describe.concurrent('the outcome of a refund that is unknown', () => {
  const losing = (ledger: string) => scriptedRefunds({ ledger, outcome: { status: 'unknown', message: 'a time-out' } })

  test('is to be looked up before the command is repeated if it leaves an amount', async ({ shop }) => {
    shop.order('1001', SOLD)
    const ledger = shop.file('ledger', '')
    const look = expect.stringMatching(/look whether it was refunded: orderctl orders show 1001$/)
    const again = expect.stringMatching(/again under the same key/)
    const asking = async (environment: Record<string, string>, ...flags: string[]) => {
      return (await shop.jsonWith(environment, 'orders', 'refund', '1001', ...flags)).result
    }
    const part = await asking(losing(ledger), '--amount', '2.00')
    expect(part).toMatchObject({ error: { code: 'refund_unknown', retryable: false, fix: look } })
    // The amount that is left is not asked for, but would be if the refund was finished in the meantime.
    const resumed = await asking(losing(ledger))
    expect(resumed).toMatchObject({ error: { code: 'refund_unknown', retryable: false, fix: look } })
    shop.sqlite.exec("update refunds set lease_token = 'theirs', due_at = 9000000000000000")
    const early = await asking({}, '--amount', '2.00')
    expect(early).toMatchObject({ error: { code: 'refund_in_progress', retryable: false } })
    shop.sqlite.exec('update refunds set due_at = 1')
    expect((await shop.run('schedule', 'run', 'refunds')).code).toBe(0)
    const rest = await asking(losing(ledger), '--amount', '23')
    expect(rest).toMatchObject({ error: { code: 'refund_unknown', retryable: true, fix: again } })
    expect(shop.rows('select number, amount from refunds order by number')).toEqual([
      { number: 1, amount: 200 },
      { number: 2, amount: 2300 },
    ])
  })

  test('needs review after the last attempt: a part is to be looked up, the rest is asked for again', async ({
    shop,
  }) => {
    shop.order('1001', SOLD)
    shop.order('1002', SOLD)
    const last = { ...losing(shop.file('ledger', '')), ORDERCTL_ATTEMPTS: '1' }
    const part = await shop.jsonWith(last, 'orders', 'refund', '1001', '--amount', '2.00')
    const all = await shop.jsonWith(last, 'orders', 'refund', '1002')
    expect(part.result).toMatchObject({
      error: {
        retryable: false,
        fix: expect.stringMatching(/first .*orders show 1001.*: orderctl orders refund 1001$/),
      },
    })
    expect(all.result).toMatchObject({ error: { retryable: true, fix: 'Ask again: orderctl orders refund 1002' } })
  })
})

describe.concurrent('a refund that the gateway cannot explain', () => {
  const losing = (ledger: string) => ({
    ...scriptedRefunds({ ledger, outcome: { status: 'unknown', message: 'a time-out' } }),
    ORDERCTL_ATTEMPTS: '1',
  })

  test('is settled as a person states, with its units', async ({ shop }) => {
    shop.order('1001', SOLD)
    const early = await shop.json('orders', 'refund', '1001', '--refunded', 're_1')
    expect(early).toMatchObject({ code: 1, result: { error: { code: 'no_open_refund' } } })
    await shop.runWith(losing(shop.file('ledger', '')), 'orders', 'refund', '1001', '--restock')
    const { stdout } = await shop.run('orders', 'refund', '1001', '--refunded', 're_1', '--reason', 'dashboard')
    expect(stdout).toMatch(/1001 +refunded +25\.00 USD +re_1|1001 +refunded +25\.00 USD/)
    expect(shop.rows('select status, gateway_reference as ref from refunds')).toEqual([
      { status: 'refunded', ref: 're_1' },
    ])
    expect(shop.value('select on_hand from products')).toBe(1000)
    const log = (await shop.json('audit', 'log')).result
    expect(log).toMatchObject({ actions: [{ details: 'stated as refunded', reason: 'dashboard' }, {}] })
    await shop.expectAuditClean()
  })

  test('frees its amount if a person states that it was not made', async ({ shop }) => {
    shop.order('1001', SOLD)
    await shop.runWith(losing(shop.file('ledger', '')), 'orders', 'refund', '1001', '--restock')
    const stated = await shop.json('orders', 'refund', '1001', '--not-refunded')
    expect(stated).toMatchObject({ code: 0, result: { changed: 1, orders: [{ result: 'not_refunded', amount: 25 }] } })
    expect(shop.value('select on_hand from products')).toBe(998)
    expect((await shop.json('orders', 'refund', '1001')).result).toMatchObject({ changed: 1 })
    expect(shop.rows('select number, status from refunds')).toEqual([
      { number: 1, status: 'declined' },
      { number: 2, status: 'refunded' },
    ])
  })
})

describe.concurrent('refunds in KPIs', () => {
  test('have columns in tables only if there are some, and always in CSV', async ({ shop }) => {
    shop.order('1001', { ...SOLD, at: '2025-01-15T10:00:00' })
    const daily = (...flags: string[]) => shop.run('kpis', 'daily', '2025-01-15', ...flags)
    expect((await daily()).stdout).not.toContain('Net revenue')
    expect((await daily('--csv')).stdout).toContain('date,currency,revenue,refunds,net revenue,orders')
    shop.refund('1001', 1000, { answeredAt: Date.parse('2025-01-15T12:00:00Z') })
    expect((await daily()).stdout).toMatch(/25\.00 USD +10\.00 USD +15\.00 USD/)
    const range = await shop.run('kpis', 'range', '--from', '2025-01-15', '--to', '2025-01-16')
    expect(range.stdout).toMatch(/Total .*25\.00 USD .*10\.00 USD +15\.00 USD/)
  })
})
