// What a person does about failures.

import { describe, expect } from 'vitest'
import { answerAtTerminal } from '../support/pseudo-terminal.js'
import { type Shop, test } from '../support/shop.js'

const fail = (shop: Shop, ...references: string[]) => {
  for (const reference of references) shop.order(reference, { status: 'failed', reason: 'out_of_stock' })
}
const decline = (shop: Shop, ...references: string[]) => {
  for (const reference of references) shop.order(reference, { status: 'rolled_back', reason: 'declined' })
}
const ONE_EACH = expect.arrayContaining([
  { reason: 'out_of_stock', orders: 1 },
  { reason: 'declined', orders: 1 },
])

describe.concurrent('failed retry', () => {
  test('gives failed orders a new attempt, and asks again under the same key where the outcome is unknown', async ({
    shop,
  }) => {
    shop.order('1001', { status: 'failed', reason: 'out_of_stock', message: 'two short' })
    shop.order('1002', { status: 'rolled_back', reason: 'declined', attempt: 2, payment: { status: 'declined' } })
    shop.unknownOrder('1003')
    const before = Date.now()

    const { stdout, stderr, code } = await shop.run('failed', 'retry', '--all', '--yes')

    expect(code).toBe(0)
    expect(stderr).toContain('To retry: 3 orders.')
    expect(stdout).toContain('3 orders will be tried again')
    const calm = { reason: null, message: null, settled_at: null, cleared_at: null, lease_token: null }
    expect(shop.row('1001')).toMatchObject({ ...calm, status: 'pending', attempt: 2 })
    expect(shop.row('1002')).toMatchObject({ ...calm, status: 'pending', attempt: 3 })
    expect(shop.row('1003')).toMatchObject({ ...calm, status: 'payment_processing', attempt: 1 })
    expect(shop.value('select min(due_at) from due_orders')).toBeGreaterThanOrEqual(before)
    expect(shop.value("select unanswered from payments where status = 'unknown'")).toBe(0)
  })

  test('changes the named orders without a question, and leaves the others as they are', async ({ shop }) => {
    shop.order('1001', { status: 'failed', reason: 'out_of_stock', clearedAt: 5 })
    fail(shop, '1002')
    shop.order('1003', { status: 'completed' })

    const { code, stderr } = await shop.run('failed', 'retry', '1001', '1003')

    expect(code).toBe(0)
    expect(stderr).toContain('Order 1003 is left as it is (completed)')
    expect(shop.row('1001')).toMatchObject({ status: 'pending', cleared_at: null })
    expect(shop.row('1002')).toMatchObject({ status: 'failed' })
    expect(shop.row('1003')).toMatchObject({ status: 'completed' })
  })

  test('reports what it matched and changed; a dry run changes nothing', async ({ shop }) => {
    fail(shop, '1001')
    decline(shop, '1002')

    const dry = await shop.json('failed', 'retry', '--all', '--dry-run')
    const real = await shop.json('failed', 'retry', '--reason', 'declined', '--yes')

    expect(dry.result).toEqual({ matched: 2, changed: 0, reasons: ONE_EACH })
    expect(real.result).toEqual({ matched: 1, changed: 1, reasons: [{ reason: 'declined', orders: 1 }] })
    expect(shop.row('1001')).toMatchObject({ status: 'failed', attempt: 1 })
  })

  test('shows first how many orders it is about for which reason, the most frequent first', async ({ shop }) => {
    decline(shop, '1', '2', '3')
    for (const reference of ['4', '5']) shop.order(reference, { status: 'rolled_back', reason: 'expired' })
    shop.unknownOrder('6')

    const dry = await shop.run('failed', 'retry', '--all', '--dry-run', '--stagger', '90s')
    const real = await shop.run('failed', 'retry', '--all', '--yes')

    const table = /declined +│ +3 │[\s\S]*expired +│ +2 │[\s\S]*payment_unknown +│ +1 │/
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(table), stderr: '' })
    expect(dry.stdout).toContain('Would retry 6 orders, spread over 1 min 30 s. Nothing was changed.')
    expect(real).toMatchObject({ code: 0, stderr: expect.stringMatching(table) })
    expect(real.stdout).toBe('6 orders will be tried again by the next worker (orderctl work).\n')
  })

  test('asks with the preview in sight, and changes nothing unless the answer is yes', async ({ shop }) => {
    decline(shop, '1001')
    const unsure = await answerAtTerminal(shop, 'n', 'failed', 'retry', '--all')
    expect(unsure.screen).toMatch(/declined +│ +1 │[\s\S]*Retry 1 order\? \[y\/N\]/)
    expect(unsure.code).toBe(1)
    expect(shop.row('1001')).toMatchObject({ status: 'rolled_back', attempt: 1 })

    expect((await answerAtTerminal(shop, 'y', 'failed', 'retry', '--all')).code).toBe(0)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', attempt: 2 })
  })

  test('changes nothing where the choice is unclear', async ({ shop }) => {
    fail(shop, '1001', '1002')
    shop.order('1001', { status: 'failed', reason: 'out_of_stock', source: 'shop-b' })

    for (const [choice, code, said] of [
      [[], 2, '--all'],
      [['--all'], 2, '--yes'],
      [['--all', '1002'], 2, 'Leave out one of the two'],
      [['1002', '4711'], 1, 'no order 4711'],
      [['1001'], 2, 'default, shop-b'],
    ] as const) {
      const refused = await shop.run('failed', 'retry', ...choice)
      expect(refused).toMatchObject({ code, stderr: expect.stringContaining(said) })
    }
    expect(shop.value("select count(*) from orders where status = 'failed'")).toBe(3)

    const chosen = await shop.json('failed', 'retry', '1001', '--source', 'shop-b')
    expect(chosen.result).toMatchObject({ matched: 1, changed: 1 })
    expect(shop.value("select source from orders where status = 'pending'")).toBe('shop-b')
  })
})

test('failed clear takes orders off the list and keeps them; who waits for a person stays on it', async ({ shop }) => {
  fail(shop, '1001')
  decline(shop, '1002')
  shop.unknownOrder('1003')

  const { result } = await shop.json('failed', 'clear', '--all', '--yes')
  const list = await shop.json('failed', 'list')

  expect(result).toEqual({ matched: 2, changed: 2, reasons: ONE_EACH })
  expect(list.result).toMatchObject({ total: 1, orders: [{ order_id: '1003' }] })
  expect(shop.row('1002')).toMatchObject({ status: 'rolled_back', reason: 'declined' })
})
