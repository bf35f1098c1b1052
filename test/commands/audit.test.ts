// Who changed what: recorded with the change itself, listed by `audit log`, and shown with each order.

import { hostname, userInfo } from 'node:os'
import { describe, expect } from 'vitest'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { HOUR, type Shop, test } from '../support/shop.js'

const WHO = { os_user: userInfo().username, host: hostname() }
const NOTHING = { reason: null, details: null }

const logOf = async (shop: Pick<Shop, 'json'>) => (await shop.json('audit', 'log')).result

describe('audit log', () => {
  test('lists adjustments, retries and cleared failures with user, host and reason', async ({ shop }) => {
    for (const reference of ['1', '2', '3', '4']) shop.order(reference, { status: 'failed' })
    await shop.run('products', 'adjust', 'WIDGET-1', '50', '--reason', 'delivery 4711')
    await shop.run('failed', 'retry', '1')
    await shop.run('failed', 'retry', '2', '3', '--stagger', '10m')
    await shop.run('failed', 'clear', '4')
    // Neither of these changes anything.
    await shop.run('failed', 'clear', '4')
    await shop.run('failed', 'retry', '--all', '--dry-run')
    expect(await logOf(shop)).toEqual({
      total: 4,
      actions: [
        { command: 'failed clear', subject: '4', ...NOTHING },
        { command: 'failed retry', subject: '2 orders', ...NOTHING, details: 'spread over 10 min' },
        { command: 'failed retry', subject: '1', ...NOTHING },
        {
          command: 'products adjust',
          ...{ subject: 'WIDGET-1', reason: 'delivery 4711', details: '+50, 1,050 on hand' },
        },
      ].map((action) => ({ ...action, ...WHO, at: expect.any(String) })),
    })
    const some = await shop.run('audit', 'log', '--limit', '1', '--csv')
    expect(some.stdout).toMatch(/^at,command,subject,user,host,reason,details\n[^\n]*,failed clear,4,[^\n]*\n$/)
    expect(some.stderr).toBe('1 of 4. All: --limit all\n')
  })

  test('shows the changes of an order with the order', async ({ shop }) => {
    shop.order('1', { status: 'failed' })
    shop.order('2', { status: 'failed' })
    await shop.run('failed', 'retry', '1', '2')
    const { result } = await shop.json('orders', 'show', '1')
    expect(result).toMatchObject({ actions: [{ command: 'failed retry', ...WHO, ...NOTHING }] })
    shop.order('3')
    expect((await shop.json('orders', 'show', '3')).result).toMatchObject({ actions: [] })
  })

  test('lists the undo of an import', async ({ shop }) => {
    await shop.importing(csv(line()))
    await shop.run('import', 'undo', '1', '--yes')
    const { result } = await shop.json('audit', 'log')
    expect(result).toMatchObject({
      actions: [{ command: 'import undo', subject: '1', details: `${shop.folder}/orders.csv` }],
    })
  })

  test('fits terminals of 80 and 120 columns', async ({ shop }) => {
    shop.order('T-1001', { status: 'failed', settledAt: Date.now() - HOUR })
    await shop.run('failed', 'retry', 'T-1001')
    await shop.run('products', 'adjust', 'WIDGET-1', '50', '--reason', 'delivery 4711')
    shop.sqlite.exec("update actions set at = 1767225600000, os_user = 'maya', host = 'shop-1'")
    shop.sqlite.exec("update actions set at = at + 60000 where command = 'products adjust'")
    const screenAt = async (columns: number, ...command: string[]) => {
      const terminal = new PseudoTerminal(shop, { columns, rows: 40 }, ...command)
      expect(await terminal.left()).toBe(0)
      return terminal.screen
    }
    expect(await screenAt(80, 'audit', 'log')).toMatchInlineSnapshot(`
      "         At  Command          Subject   User  Reason         Details
      ───────────  ───────────────  ────────  ────  ─────────────  ──────────────────
      1 Jan 00:01  products adjust  WIDGET-1  maya  delivery 4711  +50, 1,050 on hand
      1 Jan 00:00  failed retry     T-1001    maya  –              –
      left with 0"
    `)
    expect(await screenAt(120, 'audit', 'log')).toMatchInlineSnapshot(`
      "         At  Command          Subject   User  Reason         Details
      ───────────  ───────────────  ────────  ────  ─────────────  ──────────────────
      1 Jan 00:01  products adjust  WIDGET-1  maya  delivery 4711  +50, 1,050 on hand
      1 Jan 00:00  failed retry     T-1001    maya  –              –
      left with 0"
    `)
    const show = await screenAt(80, 'orders', 'show', 'T-1001')
    expect(show.slice(show.search(/^ *At /m))).toMatchInlineSnapshot(`
      "         At  Command       User  Host    Reason  Details
      ───────────  ────────────  ────  ──────  ──────  ───────
      1 Jan 00:00  failed retry  maya  shop-1  –       –

      Next: A worker reserves stock and charges it: orderctl work
      left with 0"
    `)
  })

  test('says what appears in it if it is empty', async ({ shop }) => {
    const empty = await shop.run('audit', 'log')
    expect(empty).toEqual({ code: 0, stdout: '', stderr: expect.stringMatching(/^No changes yet\./) })
  })
})

describeOnEngines('an action', (engineTest) => {
  engineTest('is stored with the change, or neither is', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'T-1', quantity: 5000 }), line({ order: 'T-2' })))
    await shop.run('work', '--drain')
    const retry = () => shop.json('failed', 'retry', 'T-1')
    await shop.rows('alter table actions rename to actions_away')
    expect(await retry()).toMatchObject({ code: 1 })
    expect(await shop.json('products', 'adjust', 'S-1', '5', '--reason', 'x')).toMatchObject({ code: 1 })
    expect(await shop.value("select attempt from orders where reference = 'T-1'")).toBe(1)
    expect(await shop.value('select count(*) from stock_adjustments')).toBe(1)
    await shop.rows('alter table actions_away rename to actions')
    expect(await retry()).toMatchObject({ code: 0, result: { changed: 1 } })
    expect(await logOf(shop)).toMatchObject({ total: 1, actions: [{ command: 'failed retry', subject: 'T-1' }] })
    await shop.expectAuditClean()
  })
})
