// Lists as they look on terminals of 80 and 120 columns.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect } from 'vitest'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { HOUR, NOW, type Shop, test } from '../support/shop.js'

const FROZEN = {
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, '../support/preloaded/frozen-clock.js'))}`,
  TEST_NOW: new Date(NOW).toISOString(),
}
const MINUTE = 60_000

/** What a terminal without colour shows of the command, with the shop's folder shortened. */
async function screenOf(shop: Shop, columns: number, environment: Record<string, string>, ...args: string[]) {
  const settings = { NO_COLOR: '1', ...FROZEN, ...environment }
  const terminal = new PseudoTerminal(shop, { columns, rows: 80, environment: settings }, ...args)
  const code = await terminal.left()
  return `${terminal.screen.replace(`left with ${code}`, '').trimEnd()}\n`
}

function sell(shop: Shop): void {
  shop.order('1001', { status: 'failed', message: 'WIDGET-1: 2 ordered, 0 available', settledAt: NOW - 21 * MINUTE })
  const declined = 'declined by the gateway: insufficient funds'
  shop.order('1002', { status: 'rolled_back', message: declined, settledAt: NOW - 13 * HOUR })
  shop.order('1003', { status: 'completed', currency: 'EUR', customer: 'C-2', at: '2024-12-31T23:05:00' })
  shop.sqlite.exec("update customers set name = 'Harbour Hotels, Purchasing Department' where customer_id = 'C-2'")
}

describe('screens', () => {
  test.for([['--help'], ['help', 'orders', 'list'], ['orders']])('shows help: %s', async (args, { shop }) => {
    expect(await screenOf(shop, 80, {}, ...args)).toContain('\nUSAGE\n')
  })

  test('failed list at 80 and 120 columns: short times, no constant columns, messages in full', async ({ shop }) => {
    sell(shop)
    expect(await screenOf(shop, 80, {}, 'failed', 'list')).toMatchInlineSnapshot(`
      "Order  Status       Reason           Failed at  Message
      ─────  ───────────  ────────────  ────────────  ────────────────────────────────
      1001   failed       out_of_stock         11:39  WIDGET-1: 2 ordered, 0 available
      1002   rolled back  declined      19 Jan 23:00  declined by the gateway:
                                                      insufficient funds
      "
    `)
    expect(await screenOf(shop, 120, {}, 'failed', 'list')).toMatchInlineSnapshot(`
      "Order  Status       Reason           Failed at  Message
      ─────  ───────────  ────────────  ────────────  ───────────────────────────────────────────
      1001   failed       out_of_stock         11:39  WIDGET-1: 2 ordered, 0 available
      1002   rolled back  declined      19 Jan 23:00  declined by the gateway: insufficient funds
      "
    `)
    shop.order('1001', { source: 'shop-b', attempt: 2, status: 'failed', settledAt: NOW })
    expect(await screenOf(shop, 80, {}, 'failed', 'list')).toMatchInlineSnapshot(`
      "Order  Source   Status       Reason        Attempts     Failed at  Message
      ─────  ───────  ───────────  ────────────  ────────  ────────────  ─────────────
      1001   shop-b   failed       out_of_stock         2         12:00  –
      1001   default  failed       out_of_stock         1         11:39  WIDGET-1: 2
                                                                         ordered, 0
                                                                         available
      1002   default  rolled back  declined             1  19 Jan 23:00  declined by
                                                                         the gateway:
                                                                         insufficient
                                                                         funds
      "
    `)
  })

  test('orders list at 80 and 120 columns: long names wrap', async ({ shop }) => {
    sell(shop)
    expect(await screenOf(shop, 80, {}, 'orders', 'list')).toMatchInlineSnapshot(`
      "Order         Order date  Status       Customer  Name                      Total
      ─────  ─────────────────  ───────────  ────────  ────────────────────  ─────────
      1002        15 Jan 10:00  rolled back  C-1       Name of C-1           25.00 USD
      1001        15 Jan 10:00  failed       C-1       Name of C-1           25.00 USD
      1003   31 Dec 2024 23:05  completed    C-2       Harbour Hotels,       25.00 EUR
                                                       Purchasing
                                                       Department
      "
    `)
    expect(await screenOf(shop, 120, {}, 'orders', 'list')).toMatchInlineSnapshot(`
      "Order         Order date  Status       Reason        Customer  Name                                       Total
      ─────  ─────────────────  ───────────  ────────────  ────────  ─────────────────────────────────────  ─────────
      1002        15 Jan 10:00  rolled back  declined      C-1       Name of C-1                            25.00 USD
      1001        15 Jan 10:00  failed       out_of_stock  C-1       Name of C-1                            25.00 USD
      1003   31 Dec 2024 23:05  completed    –             C-2       Harbour Hotels, Purchasing Department  25.00 EUR
      "
    `)
  })

  test('status at 80 columns: failures in full', async ({ shop }) => {
    sell(shop)
    shop.sqlite.exec("update settings set value = 'k7q2m9x4t1ab' where name = 'shop'")
    shop.worker('worker-1', NOW - 2000)
    shop.unknownOrder('1004', NOW - 30 * MINUTE)
    expect(await screenOf(shop, 80, {}, 'status')).toMatchInlineSnapshot(`
      "Figure                                Value
      ─────────────────────────────  ────────────
      Queue                              embedded
      Waiting                                   0
      In progress                               0
      Due later                                 0
      Oldest waiting                            –
      Estimated time left                     0 s
      Orders pending                            0
      Orders reserved                           0
      Orders processing                         1
      Orders completed                          1
      Orders failed                             1
      Orders rolled back                        1
      Needs review                              1
      Settled in the last minute                0
      Per minute (5-minute average)             0
      Per minute (1-hour average)               0
      Shop                           k7q2m9x4t1ab

      Workers 1
      Worker    Last seen  Orders/s  Batches  Host    PID
      ────────  ─────────  ────────  ───────  ──────  ───
      worker-1  2 s ago         2.5        5  shop-1   42

      Latest failures
      Order  Reason        When        Message
      ─────  ────────────  ──────────  ───────────────────────────────────────────
      1001   out_of_stock  21 min ago  WIDGET-1: 2 ordered, 0 available
      1002   declined      13 h ago    declined by the gateway: insufficient funds

      Alarms
      Alarm       Message
      ──────────  ─────────────────────────────────────────────────────────────
      unresolved  Orders that need review: 1 (payment_unknown: 1); threshold 1.
      Alarm unresolved: Retry the charges with \`orderctl failed retry --reason payment
      _unknown\`, or state what the provider shows with \`orderctl failed resolve\`.
      "
    `)
  })

  test('schedule list at 80 and 120 columns: descriptions only where they have room', async ({ shop }) => {
    expect(await screenOf(shop, 80, {}, 'schedule', 'list')).toMatchInlineSnapshot(`
      "Task          Cron          Last run  Result  Next run (UTC)
      ────────────  ────────────  ────────  ──────  ──────────────
      kpis          0 * * * *     –         –                13:00
      leaderboards  */30 * * * *  –         –                12:30
      snapshots     */5 * * * *   –         –                12:05
      reservations  */5 * * * *   –         –                12:05
      refunds       * * * * *     –         –                12:01
      alarms        * * * * *     –         –                12:01
      "
    `)
    expect(await screenOf(shop, 120, {}, 'schedule', 'list')).toMatchInlineSnapshot(`
      "Task          Cron          Last run  Result  Next run (UTC)  Description
      ────────────  ────────────  ────────  ──────  ──────────────  ──────────────────────────────────────────────────────────
      kpis          0 * * * *     –         –                13:00  compute recent KPIs and publish them in Redis
      leaderboards  */30 * * * *  –         –                12:30  compare sales figures with orders and rebuild the
                                                                    leaderboards
      snapshots     */5 * * * *   –         –                12:05  store queue lengths and the number of settled orders
      reservations  */5 * * * *   –         –                12:05  release the stock of expired reservations
      refunds       * * * * *     –         –                12:01  finish refunds whose outcome is not known
      alarms        * * * * *     –         –                12:01  check alarm thresholds and report changes
      "
    `)
  })

  test('lists stop at 30 rows on a terminal too', async ({ shop }) => {
    for (let n = 0; n < 31; n++) shop.order(`${n}`)
    const lines = (await screenOf(shop, 80, {}, 'orders', 'list')).trimEnd().split('\n')
    expect(lines).toHaveLength(33)
    expect(lines.at(-1)).toBe('30 of 31. All: --limit all')
  })

  test('times are in the zone of the shop', async ({ shop }) => {
    shop.order('1001', { status: 'failed', at: '2025-01-19T23:30:00Z', settledAt: NOW - 13 * HOUR })
    const berlin = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }
    expect(await screenOf(shop, 80, berlin, 'failed', 'list')).toMatch(/1001 .* 00:00 /)
    expect(await screenOf(shop, 80, berlin, 'orders', 'list')).toMatch(/1001 .* 00:30 /)
  })

  test('config at 80 columns: values and where they come from, in full', async ({ shop }) => {
    const redis = { ORDERCTL_REDIS_URL: 'rediss://cache-1.internal.example.com:6379/3' }
    const screen = await screenOf(shop, 80, redis, 'config')
    expect(screen.split('\n').slice(0, 2)).toMatchInlineSnapshot(`
      [
        "Key                          Value                         From",
        "───────────────────────────  ────────────────────────────  ─────────────────────",
      ]
    `)
    expect(screen.slice(screen.indexOf('\nredis'), screen.indexOf('\nqueueSchema'))).toMatchInlineSnapshot(`
      "
      redis                        rediss://cache-1.internal.ex  ORDERCTL_REDIS_URL
                                   ample.com:6379/3
      redisPrefix                  –                             default
      queue                        rediss://cache-1.internal.ex  default
                                   ample.com:6379/3"
    `)
  })

  test('colour is for states, and only on a terminal without NO_COLOR', async ({ shop }) => {
    sell(shop)
    const terminal = new PseudoTerminal(shop, { columns: 80, rows: 20, environment: FROZEN }, 'orders', 'list')
    await terminal.left()
    expect(terminal.written).toContain('\u001b[32mcompleted\u001b[39m')
    expect(terminal.written).toContain('\u001b[31mfailed\u001b[39m')
    expect((await shop.run('orders', 'list')).stdout).not.toContain('\u001b')
  })

  test('a C locale and a dumb terminal get ASCII, and a dumb terminal no cursor movement', async ({ shop }) => {
    for (const [index, environment] of [{ LC_ALL: 'C' }, { TERM: 'dumb' }, { LANG: 'en_US.ISO-8859-1' }].entries()) {
      shop.order(`${index}`, { dueAt: NOW })
      const settings = { columns: 80, rows: 20, environment }
      const terminal = new PseudoTerminal(shop, settings, 'work', '--drain')
      expect(await terminal.left()).toBe(0)
      expect(terminal.written).toMatch(/Completed +1\r\n/)
      expect(terminal.written).toMatch(/^\p{ASCII}*$/u)
      if ('TERM' in environment) expect(terminal.written).not.toContain('\u001b')
    }
  })

  test('NO_COLOR keeps the live view, and a C locale gets it in ASCII', async ({ shop }) => {
    shop.order('1001')
    const environment = { NO_COLOR: '1', LC_ALL: 'C' }
    const terminal = new PseudoTerminal(shop, { columns: 80, rows: 24, environment }, 'status', '--watch')
    await terminal.shows((screen) => /^SCHEDULE .*\nkpis /m.test(screen))
    expect(terminal.isAlternate).toBe(true)
    expect(terminal.screen).toMatch(/^orderctl status - embedded queue .* - q to quit\n\p{ASCII}*$/u)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes of colours
    expect(terminal.written).not.toMatch(/\u001b\[\d+m/)
    terminal.type('q')
    expect(await terminal.left()).toBe(0)
  })

  test('NO_COLOR keeps progress', async ({ shop }) => {
    shop.order('1001', { dueAt: NOW })
    const settings = { columns: 80, rows: 20, environment: { NO_COLOR: '1' } }
    const terminal = new PseudoTerminal(shop, settings, 'work', '--drain')
    expect(await terminal.left()).toBe(0)
    expect(terminal.written).toContain('Working 1 order ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes of colours
    expect(terminal.written).not.toMatch(/\u001b\[\d+m/)
  })
})
