// `orders cancel`: which orders it cancels, what it says of the others, and where a cancelled order is seen afterwards.
import { describe, expect } from 'vitest'
import { answerAtTerminal } from '../support/pseudo-terminal.js'
import { recount } from '../support/recount.js'
import { HOUR, type Shop, test } from '../support/shop.js'

const pending = (shop: Shop, ...references: string[]) => {
  for (const reference of references) shop.order(reference, { dueAt: 1 })
}
const cancelled = (shop: Shop) =>
  (shop.rows("select reference from orders where reason = 'cancelled' order by id") as { reference: string }[]).map(
    ({ reference }) => reference,
  )

describe.concurrent('orders cancel', () => {
  test('settles pending orders as failed, takes them out of the queue, and records who and why', async ({ shop }) => {
    pending(shop, '1001', '1002', '1003')
    const { code, stdout, stderr } = await shop.run('orders', 'cancel', '1001', '1003', '--reason', ' called us ')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/1001 +cancelled\n1003 +cancelled\n2 orders cancelled\.\n$/)
    const settled = { status: 'failed', reason: 'cancelled', message: 'called us', settled_at: expect.any(Number) }
    expect(shop.row('1001')).toMatchObject({ ...settled, due_at: null })
    expect(shop.row('1002')).toMatchObject({ status: 'pending', due_at: 1 })
    const log = await shop.json('audit', 'log')
    expect(log.result).toMatchObject({
      total: 1,
      actions: [{ command: 'orders cancel', subject: '2 orders', reason: 'called us' }],
    })
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    expect(shop.rows('select order_id from payments')).toEqual([{ order_id: 2 }])
    await shop.expectAuditClean()
  })

  test('changes what it can, and says of each other order why not and what to do', async ({ shop }) => {
    pending(shop, 'free')
    shop.order('sold', { status: 'completed' })
    shop.order('declined', { status: 'rolled_back', source: 'shop-b' })
    shop.order('held', { status: 'payment_processing', dueAt: Date.now() + HOUR, leaseToken: 'a-lease' })
    shop.order('left', { status: 'payment_processing', dueAt: 1, leaseToken: 'a-lease' })
    shop.order('later', {
      status: 'payment_processing',
      dueAt: Date.now() + HOUR,
      payment: { status: 'unknown', unanswered: 1 },
    })
    shop.unknownOrder('silent')
    const names = ['free', 'sold', 'declined', 'held', 'left', 'later', 'silent']
    const before = shop.rows('select * from orders, products')
    const preview = await shop.json('orders', 'cancel', ...names, '--dry-run')
    expect(shop.rows('select * from orders, products')).toEqual(before)
    const { code, result } = await shop.json('orders', 'cancel', ...names)
    expect(code).toBe(3)
    const rows = [
      ['free', 'cancelled', null],
      ['sold', 'order_completed', /Refund it: orderctl orders refund sold$/],
      ['declined', 'order_settled', /rolled back already \(declined\).*orders show declined --source shop-b$/],
      ['held', 'being_charged', /right now\. Refund it once it is completed: orderctl orders refund held$/],
      ['left', 'charge_unknown', /Ask again \(orderctl work\).*orderctl failed resolve left --not-charged$/],
      ['later', 'charge_unknown', /Ask again \(orderctl work\)/],
      ['silent', 'charge_unknown', /Ask again \(orderctl failed retry silent\)/],
    ] as const
    const orders = rows.map(([order_id, result, message]) => {
      return expect.objectContaining({ order_id, result, message: message && expect.stringMatching(message) })
    })
    expect(result).toEqual({ matched: 7, changed: 1, orders })
    expect(preview).toMatchObject({ code: 3, result: { matched: 7, changed: 0, orders } })
    expect(cancelled(shop)).toEqual(['free'])
    await shop.expectAuditClean()
  })

  test('a single order that cannot be cancelled is an error', async ({ shop }) => {
    shop.order('sold', { status: 'completed' })
    pending(shop, 'twice')
    await shop.run('orders', 'cancel', 'twice')
    const sold = await shop.run('orders', 'cancel', 'sold')
    expect(sold).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/completed already.\nRefund it/) })
    const twice = await shop.json('orders', 'cancel', 'twice')
    expect(twice).toMatchObject({
      code: 1,
      result: { error: { code: 'order_settled', message: 'Order twice was cancelled already.', retryable: false } },
    })
    expect(shop.value('select count(*) from actions')).toBe(1)
  })

  test('reads ids from a file: previews them, and asks unless --yes is set', async ({ shop }) => {
    pending(shop, '1001', '1002', 'B 7,5')
    const file = shop.file('ids.txt', '\uFEFF1002\r\n\r\n  B 7,5 \n1002')
    const silent = await shop.run('orders', 'cancel', '--from-file', file)
    expect(silent).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    const refused = await answerAtTerminal(shop, 'n', 'orders', 'cancel', '--from-file', file)
    expect(refused.screen).toMatch(/1002 +cancelled[\s\S]*B 7,5 +cancelled[\s\S]*Cancel 2 orders\? \[y\/N\]/)
    expect(cancelled(shop)).toEqual([])
    const piped = shop.startWithInput('1001\nB 7,5', {}, 'orders', 'cancel', '--from-file', '-', '--yes')
    expect((await piped.ended).code).toBe(0)
    expect(cancelled(shop)).toEqual(['1001', 'B 7,5'])
    expect((await answerAtTerminal(shop, 'y', 'orders', 'cancel', '--from-file', file)).code).toBe(3)
    expect(cancelled(shop)).toEqual(['1001', '1002', 'B 7,5'])
  })

  test('changes nothing if the selection is missing, ambiguous or unknown', async ({ shop }) => {
    pending(shop, '1001', '1002')
    shop.order('1001', { source: 'shop-b', dueAt: 1 })
    for (const [args, code, said] of [
      [[], 2, '--from-file'],
      [['1001', '--from-file', 'ids.txt'], 2, 'Remove one'],
      [['--from-file', shop.file('empty.txt', '\n')], 2, 'no order ids'],
      [['--from-file', 'missing.txt'], 2, 'does not exist'],
      [['1002', '4711'], 1, '4711'],
      [['1001'], 2, 'default, shop-b'],
      [['1002', '--reason', ' '], 2, '--reason must be a text of 1 to 255'],
      [['1002', '--reason', 'x'.repeat(256)], 2, '--reason must be a text of 1 to 255'],
    ] as const) {
      const { code: exit, stderr } = await shop.run('orders', 'cancel', ...args)
      expect([exit, stderr]).toEqual([code, expect.stringContaining(said)])
    }
    expect(cancelled(shop)).toEqual([])
    expect((await shop.run('orders', 'cancel', '1001', '--source', 'shop-b')).code).toBe(0)
    expect(shop.value("select source from orders where reason = 'cancelled'")).toBe('shop-b')
  })

  test('an order outside the queue is cancelled unless an import of its source has not ended', async ({ shop }) => {
    shop.order('1001', { dueAt: null })
    const open = shop.import({ status: 'reading' })
    const waiting = await shop.json('orders', 'cancel', '1001')
    const refusal = { code: 'import_unfinished', retryable: true, fix: expect.stringContaining('import list') }
    expect(waiting).toMatchObject({ code: 1, result: { error: refusal } })
    shop.sqlite.prepare("update imports set status = 'finished', ended_at = 1 where id = ?").run(open)
    expect((await shop.run('orders', 'cancel', '1001')).code).toBe(0)
  })

  test('a cancelled order is no failure: reports, alarms and retries leave it out unless it is named', async ({
    shop,
  }) => {
    const settledAt = Date.now() - 1000
    shop.order('1', { status: 'completed', settledAt })
    shop.order('2', { status: 'failed', settledAt })
    pending(shop, '3', '4')
    await shop.run('orders', 'cancel', '3', '4')
    expect((await shop.json('failed', 'list')).result).toMatchObject({ total: 1, orders: [{ order_id: '2' }] })
    const byReason = await shop.json('failed', 'list', '--reason', 'cancelled')
    expect(byReason.result).toMatchObject({ total: 2 })
    const { result } = await shop.json('status')
    expect(result).toMatchObject({ orders: { failed: 3 }, cancelled: 2, recent_failures: [{ order_id: '2' }] })
    expect((await shop.run('status', '--csv')).stdout).toMatch(/orders failed,1\n[\s\S]*orders cancelled,2\n/)
    expect((await shop.json('kpis', 'realtime')).result).toMatchObject({ completed_today: 1, failed_today: 1 })
    // A snapshot leaves the latest orders to the next one.
    shop.sqlite.exec('update orders set settled_at = settled_at - 300000')
    await recount(shop.db)
    await shop.run('schedule', 'run', 'snapshots')
    expect(shop.rows('select completed, failed from queue_snapshots')).toEqual([{ completed: 1, failed: 1 }])
    const minimum = { ORDERCTL_ALARM_FAILURE_LEAST_ORDERS: '1', ORDERCTL_ALARM_FAILURE_RATE: '0.6' }
    const alarms = await shop.runWith(minimum, 'status', '--alarms')
    expect(`${alarms.stdout}${alarms.stderr}`).not.toContain('were rolled back')

    const all = await shop.json('failed', 'retry', '--all', '--yes')
    expect(all.result).toMatchObject({ matched: 1, changed: 1 })
    expect((await shop.run('orders', 'show', '3')).stdout).toContain(
      'Next: Nothing, since it was cancelled. To process it after all: orderctl failed retry 3',
    )
    expect((await shop.json('failed', 'retry', '3')).result).toMatchObject({ changed: 1 })
    expect(shop.row('3')).toMatchObject({ status: 'pending', reason: null, attempt: 2, settled_at: null })
    const rest = await shop.json('failed', 'retry', '--reason', 'cancelled', '--yes')
    expect(rest.result).toMatchObject({ changed: 1 })
    await shop.expectAuditClean()
  })
})
