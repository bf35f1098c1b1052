// `failed retry` and `failed clear`: which orders they change, and what they show before.

import { describe, expect } from 'vitest'
import { answerAtTerminal } from '../support/pseudo-terminal.js'
import { type Shop, test } from '../support/shop.js'

const fail = (shop: Shop, reference: string, draft = {}) => shop.order(reference, { status: 'failed', ...draft })
const decline = (shop: Shop, reference: string) =>
  shop.order(reference, { status: 'rolled_back', attempt: 2, payment: { status: 'declined' } })

describe.concurrent('failed retry', () => {
  test('previews orders by reason, the most frequent first; a dry run changes nothing', async ({ shop }) => {
    for (const reference of ['1', '2', '3']) decline(shop, reference)
    for (const reference of ['4', '5']) fail(shop, reference)
    shop.unknownOrder('6')
    const dry = ['failed', 'retry', '--all', '--dry-run']
    const text = await shop.run(...dry, '--stagger', '90s')
    const { result } = await shop.json(...dry)
    const table = /declined +│ +3 │[\s\S]*out_of_stock +│ +2 │[\s\S]*payment_unknown +│ +1 │/
    expect(text).toMatchObject({ code: 0, stdout: expect.stringMatching(table), stderr: '' })
    expect(text.stdout).toMatch(/ 6 orders, .*1 min 30 s/)
    const declined = { reason: 'declined', orders: 3 }
    const others = [
      { reason: 'out_of_stock', orders: 2 },
      { reason: 'payment_unknown', orders: 1 },
    ]
    expect(result).toEqual({ matched: 6, changed: 0, reasons: [declined, ...others] })
    expect(shop.value("select count(*) from orders where status in ('failed', 'rolled_back')")).toBe(5)

    const some = await shop.json('failed', 'retry', '--reason', 'declined', '--yes')
    expect(some.result).toEqual({ matched: 3, changed: 3, reasons: [declined] })
    expect(shop.row('4')).toMatchObject({ status: 'failed', attempt: 1 })
  })

  test('starts a new attempt, and keeps the idempotency key if the payment is unknown', async ({ shop }) => {
    fail(shop, '1001', { message: 'two short' })
    decline(shop, '1002')
    shop.unknownOrder('1003')
    const before = Date.now()
    const { stdout, stderr, code } = await shop.run('failed', 'retry', '--all', '--yes')
    expect(code).toBe(0)
    expect(stderr).toContain('3 orders')
    expect(stdout).toMatch(/^3 orders .*orderctl work/)
    const unsettled = { reason: null, message: null, settled_at: null, cleared_at: null, lease_token: null }
    expect(shop.row('1001')).toMatchObject({ ...unsettled, status: 'pending', attempt: 2 })
    expect(shop.row('1002')).toMatchObject({ ...unsettled, status: 'pending', attempt: 3 })
    expect(shop.row('1003')).toMatchObject({ ...unsettled, status: 'payment_processing', attempt: 1 })
    expect(shop.value('select min(due_at) from due_orders')).toBeGreaterThanOrEqual(before)
    expect(shop.value("select unanswered from payments where status = 'unknown'")).toBe(0)
  })

  test('retries named orders without a question, and leaves all others as they are', async ({ shop }) => {
    fail(shop, '1001', { clearedAt: 5 })
    fail(shop, '1002')
    shop.order('1003', { status: 'completed' })
    const { code, stderr } = await shop.run('failed', 'retry', '1001', '1003')
    expect(code).toBe(0)
    expect(stderr).toMatch(/1003 .*completed/)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', cleared_at: null })
    expect(shop.row('1002')).toMatchObject({ status: 'failed' })
    expect(shop.row('1003')).toMatchObject({ status: 'completed' })
  })

  test('asks below the preview, and changes nothing unless the answer is yes', async ({ shop }) => {
    decline(shop, '1001')
    const refused = await answerAtTerminal(shop, 'n', 'failed', 'retry', '--all')
    expect(refused.screen).toMatch(/declined +│ +1 │[\s\S]*\[y\/N\]/)
    expect(refused.code).toBe(1)
    expect(shop.row('1001')).toMatchObject({ status: 'rolled_back', attempt: 2 })
    expect((await answerAtTerminal(shop, 'y', 'failed', 'retry', '--all')).code).toBe(0)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', attempt: 3 })
  })

  test('changes nothing if the selection is ambiguous or invalid', async ({ shop }) => {
    fail(shop, '1001')
    fail(shop, '1002')
    fail(shop, '1001', { source: 'shop-b' })
    for (const [selection, code, said] of [
      [[], 2, '--all'],
      [['--all'], 2, '--yes'],
      [['--all', '1002'], 2, 'Leave out one'],
      [['1002', '4711'], 1, '4711'],
      [['1001'], 2, 'default, shop-b'],
      [['--all', '--yes', '--stagger', '10d'], 2, '--stagger is "10d"'],
    ] as const) {
      const refused = await shop.run('failed', 'retry', ...selection)
      expect(refused).toMatchObject({ code, stderr: expect.stringContaining(said) })
    }
    expect(shop.value("select count(*) from orders where status = 'failed'")).toBe(3)

    const selected = await shop.json('failed', 'retry', '1001', '--source', 'shop-b')
    expect(selected.result).toMatchObject({ matched: 1, changed: 1 })
    expect(shop.value("select source from orders where status = 'pending'")).toBe('shop-b')
  })
})

test('failed clear takes orders off the list and keeps them; those that need review stay on it', async ({ shop }) => {
  fail(shop, '1001')
  decline(shop, '1002')
  shop.unknownOrder('1003')
  const { result } = await shop.json('failed', 'clear', '--all', '--yes')
  expect(result).toMatchObject({ matched: 2, changed: 2, reasons: [{ orders: 1 }, { orders: 1 }] })
  const list = await shop.json('failed', 'list')
  expect(list.result).toMatchObject({ total: 1, orders: [{ order_id: '1003' }] })
  expect(shop.row('1002')).toMatchObject({ status: 'rolled_back', reason: 'declined' })
})
