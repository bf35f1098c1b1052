// `orderctl work --drain`: what it waits for, and what it says about the orders that it leaves.
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { test } from '../support/shop.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }

/** The gateway answers no charge in time. */
const MUTE = { ORDERCTL_PAYMENT_LATENCY_MS: '500', ORDERCTL_PAYMENT_TIMEOUT_MS: '20' }

const THREE = csv(...['A-1', 'A-2', 'A-3'].map((order) => line({ order })))

/** The text without times, which vary. */
function timeless(text: string): string {
  return text
    .replace(/\b\d{4}-\d\d-\d\d (?=\d\d:)/g, '')
    .replace(/\d\d:\d\d:\d\d/g, 'HH:MM:SS')
    .replace(/(?<=in )[\d.]+ s/g, 'TIME')
    .replace(/\(\d+ orders\/s\)/, '(RATE)')
}

describe('a drain', () => {
  test('processes orders at once that were imported under a clock an hour ahead', async ({ shop }) => {
    shop.file('orders.csv', THREE)
    await shop.runWith(shiftedClock(60), 'import', 'orders.csv')
    expect((await shop.json('status')).result).toMatchObject({
      queue: { waiting: 3, delayed: 0, oldest_waiting_seconds: 0 },
    })
    const { code, result } = await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 0, result: { completed: 3, due_later: 0, next_due_at: null } })
    await shop.expectAuditClean()
  })

  test('claims imported orders in the order of import, after those whose time has come', async ({ shop }) => {
    shop.file('first.csv', csv(line({ order: 'I-1' })))
    shop.file('second.csv', csv(line({ order: 'I-2' })))
    await shop.runWith(shiftedClock(-60), 'import', 'first.csv')
    await shop.run('import', 'second.csv')
    shop.order('RETRY', { status: 'pending', dueAt: Date.now() - 1000, lines: [['LAMP', 1, 100]] })
    for (const processed of ['RETRY', 'I-1', 'I-2']) {
      await shop.runWith(
        { ...ALL_CAPTURED, ORDERCTL_BATCH_SIZE: '1' },
        'work',
        '--max-orders',
        '1',
        '--concurrency',
        '1',
      )
      expect(shop.value("select reference from orders where status = 'completed' order by settled_at desc, id")).toBe(
        processed,
      )
    }
  })

  test('ends while retries are due later, and says how many and when', async ({ shop }) => {
    await shop.importing(THREE)
    const { code, stdout, stderr } = await shop.runWith({ ...MUTE, ORDERCTL_TIME_ZONE: 'UTC' }, 'work', '--drain')
    expect(timeless(stdout)).toMatchInlineSnapshot(`
      "Orders                  Count
      ──────────────────────  ─────
      Completed                   0
      Failed (out of stock)       0
      Rolled back (declined)      0
      Processed                   0
      Scheduled for retry         3
      "
    `)
    expect(timeless(stderr)).toMatchInlineSnapshot(`
      "Finished in TIME (RATE).
      The gateway did not answer for 3 orders yet. They are charged again later with the same key.
      3 orders are due later; the next at HH:MM:SS (in TIME). Wait for them: orderctl work --drain --wait
      "
    `)
    expect(code).toBe(3)
  })

  test('with --wait, waits for the retries, and counts orders that need review', async ({ shop }) => {
    await shop.importing(THREE)
    const { code, stdout, stderr } = await shop.runWith(
      { ...MUTE, ORDERCTL_ATTEMPTS: '2' },
      'work',
      '--drain',
      '--wait',
    )
    expect(stdout).toMatchInlineSnapshot(`
      "Orders                  Count
      ──────────────────────  ─────
      Completed                   0
      Failed (out of stock)       0
      Rolled back (declined)      0
      Processed                   0
      Needs review                3
      "
    `)
    expect(timeless(stderr)).toMatchInlineSnapshot(`
      "Finished in TIME (RATE).
      The payment of 3 orders is unknown after every attempt. See: orderctl failed list --reason payment_unknown
      "
    `)
    expect(code).toBe(3)
    // Those of an earlier drain are not counted again.
    expect(await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')).toMatchObject({ code: 0, result: { needs_review: 0 } })
  })

  test('reports staggered retries as due later, which is no failure', async ({ shop }) => {
    for (const order of ['F-1', 'F-2', 'F-3']) shop.order(order, { status: 'rolled_back', settledAt: Date.now() })
    await shop.run('failed', 'retry', '--all', '--yes', '--stagger', '3h')
    const { code, result } = await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')
    expect({ code, result }).toMatchObject({
      code: 0,
      result: { completed: 1, due_later: 2, next_due_at: expect.stringMatching(/^\d{4}-.*Z$/) },
    })
    const { stderr } = await shop.run('work', '--drain')
    expect(stderr).toContain('2 orders are due later; the next at ')
    expect((await shop.json('status')).result).toMatchObject({ queue: { waiting: 0, delayed: 2 } })
  })

  test('is helped by `rebuild queue` if a clock ahead has postponed a charge', async ({ shop }) => {
    await shop.importing(THREE)
    await shop.runWith({ ...MUTE, ...shiftedClock(120) }, 'work', '--drain')
    expect((await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')).result).toMatchObject({ processed: 0, due_later: 3 })
    expect((await shop.run('rebuild', 'queue')).stderr).toContain('3 orders')
    expect((await shop.jsonWith(ALL_CAPTURED, 'work', '--drain')).result).toMatchObject({ completed: 3, due_later: 0 })
    await shop.expectAuditClean()
  })

  test('takes --wait only with --drain', async ({ shop }) => {
    expect(await shop.run('work', '--wait')).toMatchObject({ code: 2, stderr: expect.stringContaining('--drain') })
  })
})
