// `failed resolve`: what becomes of orders whose charge was never answered, as a person saw it at the provider.
import { describe, expect } from 'vitest'
import { HOUR, type Shop, test } from '../support/shop.js'

const stock = (shop: Shop) => shop.rows('select on_hand, reserved from products')
const payments = (shop: Shop) => shop.rows('select status, gateway_reference, message from payments')

describe.concurrent('failed resolve', () => {
  test('--captured completes the order as a worker does: payment, stock, sales', async ({ shop }) => {
    shop.unknownOrder('1001')
    expect(stock(shop)).toEqual([{ on_hand: 1000, reserved: 2 }])
    const reason = ['--reason', 'seen in the dashboard']
    const { code, stdout } = await shop.run('failed', 'resolve', '1001', '--captured', ' ch_42 ', ...reason)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/1 order completed\.\n$/) })
    expect(shop.row('1001')).toMatchObject({ status: 'completed', reason: null, message: null, due_at: null })
    expect(payments(shop)).toEqual([{ status: 'captured', gateway_reference: 'ch_42', message: null }])
    expect(stock(shop)).toEqual([{ on_hand: 998, reserved: 0 }])
    expect(shop.rows('select day, orders, revenue from sales_by_customer')).toEqual([
      { day: '2025-01-15', orders: 1, revenue: 2500 },
    ])
    expect(shop.rows('select orders, units, revenue from sales_by_product')).toEqual([
      { orders: 1, units: 2, revenue: 2500 },
    ])
    const { result } = await shop.json('orders', 'show', '1001')
    const action = { command: 'failed resolve', reason: 'seen in the dashboard', details: 'captured as ch_42' }
    expect(result).toMatchObject({ actions: [action] })
    expect((await shop.json('status')).result).toMatchObject({ unresolved: 0 })
    await shop.expectAuditClean()
  })

  test('--from-file completes orders, each with the reference of its own charge', async ({ shop }) => {
    for (const reference of ['1001', 'B 7,5', '1003']) shop.unknownOrder(reference)
    const file = shop.file('captured.csv', '1001, ch_1\r\nB 7,5,ch_2\n')
    const silent = await shop.run('failed', 'resolve', '--from-file', file)
    expect(silent).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    const dry = await shop.json('failed', 'resolve', '--from-file', file, '--dry-run')
    expect(dry).toMatchObject({ code: 0, result: { matched: 2, changed: 0 } })
    const done = await shop.json('failed', 'resolve', '--from-file', file, '--yes', '--reason', 'dashboard')
    expect(done).toMatchObject({ code: 0, result: { matched: 2, changed: 2, orders: [{ result: 'completed' }, {}] } })
    const paid = `select reference, gateway_reference as charge from orders join payments on order_id = id
      where payments.status = 'captured'`
    expect(shop.rows(paid)).toEqual([
      { reference: '1001', charge: 'ch_1' },
      { reference: 'B 7,5', charge: 'ch_2' },
    ])
    const log = shop.rows('select subject, details, reason from actions order by subject')
    expect(log).toEqual([
      { subject: '1001', details: 'captured as ch_1', reason: 'dashboard' },
      { subject: 'B 7,5', details: 'captured as ch_2', reason: 'dashboard' },
    ])
    await shop.expectAuditClean()
  })

  test('--not-charged rolls orders back and releases their stock; a retry has a new key', async ({ shop }) => {
    shop.unknownOrder('1001')
    // Postponed: its charge would be retried in an hour.
    const postponed = { status: 'unknown', unanswered: 1 }
    shop.order('1002', { status: 'payment_processing', dueAt: Date.now() + HOUR, payment: postponed })
    // Its workers died, so the gateway may have been asked.
    shop.order('1003', { status: 'payment_processing', reason: 'poison' })
    shop.order('1004', { status: 'payment_processing', dueAt: 1, leaseToken: 'of-a-dead-worker' })
    const preview = await shop.run('failed', 'resolve', '1001', '--not-charged', '--dry-run')
    expect(preview.stdout).toBe(
      'Order  Result\n─────  ───────────\n1001   rolled back\nWould resolve 1 order. Nothing changed.\n',
    )
    const { code, result } = await shop.json('failed', 'resolve', '1001', '1002', '1003', '1004', '--not-charged')
    expect(code).toBe(0)
    const orders = ['1001', '1002', '1003', '1004'].map((order_id) => {
      return { order_id, source: 'default', result: 'rolled_back', message: null }
    })
    expect(result).toEqual({ matched: 4, changed: 4, orders })
    expect(shop.row('1002')).toMatchObject({
      ...{ status: 'rolled_back', reason: 'declined', message: 'resolved as not charged', due_at: null },
    })
    expect(stock(shop)).toEqual([{ on_hand: 1000, reserved: 0 }])
    expect(shop.value("select count(*) from payments where status = 'declined'")).toBe(4)
    await shop.run('failed', 'retry', '1002')
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    expect(shop.rows("select idempotency_key from payments where status = 'captured'")).toEqual([
      { idempotency_key: expect.stringMatching(/:default:1002:2$/) },
    ])
    await shop.expectAuditClean()
  })

  test('leaves orders as they are that are settled, not charged yet, or being charged', async ({ shop }) => {
    shop.order('sold', { status: 'completed' })
    shop.order('declined', { status: 'rolled_back' })
    shop.order('new', { dueAt: 1 })
    shop.order('held', { status: 'payment_processing', dueAt: Date.now() + HOUR, leaseToken: 'a-lease' })
    const before = shop.rows('select * from orders, payments, products, due_orders')
    const names = ['sold', 'declined', 'new', 'held']
    const { code, result } = await shop.json('failed', 'resolve', ...names, '--not-charged')
    expect(code).toBe(1)
    expect(result).toMatchObject({
      changed: 0,
      orders: [
        { order_id: 'sold', result: 'order_completed', message: expect.stringContaining('orders show sold') },
        { order_id: 'declined', result: 'order_settled', message: expect.stringContaining('rolled back already') },
        { order_id: 'new', result: 'not_charged_yet', message: expect.stringContaining('orders cancel new') },
        { order_id: 'held', result: 'being_charged', message: expect.stringContaining('right now') },
      ],
    })
    const held = await shop.json('failed', 'resolve', 'held', '--captured', 'ch_1')
    expect(held).toMatchObject({ code: 1, result: { error: { code: 'being_charged', retryable: true } } })
    expect(shop.rows('select * from orders, payments, products, due_orders')).toEqual(before)
    expect(shop.value('select count(*) from actions')).toBe(0)
  })

  test('refuses a reference that another payment has', async ({ shop }) => {
    shop.order('sold', { status: 'completed' })
    shop.unknownOrder('1001')
    for (const dry of [['--dry-run'], []]) {
      const { code, result } = await shop.json('failed', 'resolve', '1001', '--captured', 'ref-1', ...dry)
      const message = 'The reference ref-1 belongs to the payment of order sold already.'
      expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'reference_used', message } } })
    }
    expect(shop.row('1001')).toMatchObject({ status: 'payment_processing', reason: 'payment_unknown' })
  })

  test('a command that dies in the middle changes nothing, and can be run again', async ({ shop }) => {
    shop.unknownOrder('1001')
    shop.order('1002', { dueAt: 1 })
    // The audit log is written last.
    shop.sqlite.exec("create trigger dies before insert on action_orders begin select raise(abort, 'killed'); end")
    const before = shop.rows('select * from orders, payments, products left join due_orders')
    for (const args of [
      ['failed', 'resolve', '1001', '--captured', 'ch_1'],
      ['failed', 'resolve', '1001', '--not-charged'],
      ['orders', 'cancel', '1002'],
    ]) {
      expect(await shop.run(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining('killed') })
      expect(shop.rows('select * from orders, payments, products left join due_orders')).toEqual(before)
    }
    shop.sqlite.exec('drop trigger dies')
    expect((await shop.run('failed', 'resolve', '1001', '--captured', 'ch_1')).code).toBe(0)
    expect((await shop.run('orders', 'cancel', '1002')).code).toBe(0)
    await shop.expectAuditClean()
  })

  test('needs one outcome, and a reference for one order', async ({ shop }) => {
    for (const reference of ['1001', '1002']) shop.unknownOrder(reference)
    const dry = await shop.run('failed', 'resolve', '1001', '--captured', 'ch_1', '--dry-run')
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('Would resolve 1 order. Nothing changed.') })
    for (const [args, said] of [
      [['1001'], '--captured REFERENCE or --not-charged'],
      [['1001', '--captured', 'ch_1', '--not-charged'], '--not-charged'],
      [['1001', '1002', '--captured', 'ch_1'], 'Several orders need --from-file'],
      [['--from-file', shop.file('bare.csv', '1001,ch_1\n1002'), '--yes'], 'of the charge of order 1002'],
      [['--from-file', shop.file('same.csv', '1001,ch_1\n1002,ch_1'), '--yes'], 'ch_1 is named twice'],
      [['--from-file', shop.file('two.csv', '1001,ch_1\n1001,ch_2'), '--yes'], '1001 is named twice'],
      [['--from-file', 'ids.txt', '--captured', 'ch_1'], '--from-file'],
      [['1001', '--captured', ' '], 'cannot be the reference'],
      [['1001', '--captured', 'x'.repeat(256)], 'cannot be the reference'],
    ] as const) {
      const { code, stderr } = await shop.run('failed', 'resolve', ...args)
      expect([code, stderr]).toEqual([2, expect.stringContaining(said)])
    }
    expect(shop.value("select count(*) from orders where reason = 'payment_unknown'")).toBe(2)
  })
})
