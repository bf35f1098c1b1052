// KPI reports as people ask for them: days and periods in words, and days without sales.

import { describe, expect } from 'vitest'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { frozenClock } from '../support/shifted-clock.js'
import { type Shop, test } from '../support/shop.js'

/** A Monday in UTC, and still Sunday in Los Angeles. */
const MONDAY = frozenClock('2025-01-20T02:00:00Z')
const IN_LOS_ANGELES = { ...MONDAY, ORDERCTL_TIME_ZONE: 'America/Los_Angeles' }

describe.concurrent('kpis daily', () => {
  test('reads a day in words, as an argument or as --date, in the time zone of the shop', async ({ shop }) => {
    for (const [day, inUtc] of [
      ['today', '2025-01-20'],
      ['yesterday', '2025-01-19'],
      ['monday', '2025-01-20'],
      ['Tue', '2025-01-14'],
      ['2026-03-04', '2026-03-04'],
    ] as const) {
      expect((await shop.jsonWith(MONDAY, 'kpis', 'daily', day)).result).toMatchObject({ date: inUtc })
    }
    await shop.runWith(IN_LOS_ANGELES, 'rebuild', 'kpis')
    const flag = await shop.jsonWith(IN_LOS_ANGELES, 'kpis', 'daily', '--date', 'yesterday')
    expect(flag.result).toMatchObject({ date: '2025-01-18', time_zone: 'America/Los_Angeles' })
  })

  test('rejects other words with examples, and a day that is specified twice', async ({ shop }) => {
    expect(await shop.run('kpis', 'daily', 'someday')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'Error: DAY "someday" is invalid; expected a day.\nUse a day such as today, yesterday, monday or 2026-03-04.\n',
    })
    const twice = await shop.json('kpis', 'daily', 'today', '--date', 'monday')
    expect(twice).toMatchObject({ code: 2, result: { error: { code: 'unclear_choice' } } })
  })
})

test('an amount that a number cannot hold exactly is an error, never rounded', async ({ shop }) => {
  shop.order('1', { status: 'completed', lines: [['WIDGET-1', 1, 100]] })
  await shop.run('rebuild', 'kpis')
  const report = (minor: bigint) => {
    shop.sqlite.prepare('update sales_by_customer set revenue = ?').run(minor)
    return shop.run('leaderboard', 'customers', '--json')
  }
  const [largest] = JSON.parse((await report(2n ** 53n - 1n)).stdout).customers
  expect(Math.round(largest.total_spent * 100)).toBe(2 ** 53 - 1)
  const { code, stdout, stderr } = await report(2n ** 53n + 1n)
  expect({ code, stdout, error: JSON.parse(stderr).error }).toMatchObject({
    code: 1,
    stdout: '',
    error: { code: 'amount_too_large' },
  })
})

describe.concurrent('kpis range', () => {
  test('reads periods in words; --from lasts until today', async ({ shop }) => {
    for (const [flags, from, to] of [
      ['--month 2024-02', '2024-02-01', '2024-02-29'],
      ['--last 1d', '2025-01-20', '2025-01-20'],
      ['--last 7d', '2025-01-14', '2025-01-20'],
      ['--last 4w', '2024-12-24', '2025-01-20'],
      ['--from friday', '2025-01-17', '2025-01-20'],
      ['--from 2025-01-01 --to yesterday', '2025-01-01', '2025-01-19'],
    ] as const) {
      const { result } = await shop.jsonWith(MONDAY, 'kpis', 'range', ...flags.split(' '))
      expect(result, flags).toMatchObject({ from, to })
    }
  })

  test('rejects what is no period, and says what to type', async ({ shop }) => {
    for (const [flags, code, fix] of [
      ['', 'no_period', '--last 7d'],
      ['--to today', 'no_period', '--from DAY'],
      ['--month march', 'bad_month', '2026-03'],
      ['--last 0d', 'bad_last', '7d or 4w'],
      ['--last 7h', 'bad_last', '7d or 4w'],
      ['--from 9999-12-31', 'bad_period', '--to'],
      ['--month 2026-03 --last 7d', 'usage', '--help'],
    ] as const) {
      const { result } = await shop.json('kpis', 'range', ...flags.split(' ').filter((flag) => flag !== ''))
      expect(result, flags).toMatchObject({ error: { code, fix: expect.stringContaining(fix) } })
    }
  })

  test('lists days without sales with zeros for each currency of the range', async ({ shop }) => {
    shop.order('1', { status: 'completed', day: '2025-01-14' })
    shop.order('2', { status: 'completed', day: '2025-01-16', currency: 'EUR' })
    const { result } = await shop.json('kpis', 'range', '--from', '2025-01-14', '--to', '2025-01-16')
    const of = (currency: string, total_revenue: number, order_count: number) =>
      expect.objectContaining({ currency, total_revenue, order_count, average_order_value: total_revenue })
    expect(result).toMatchObject({
      days: [
        { date: '2025-01-14', kpis: [of('EUR', 0, 0), of('USD', 25, 1)] },
        { date: '2025-01-15', kpis: [of('EUR', 0, 0), of('USD', 0, 0)] },
        { date: '2025-01-16', kpis: [of('EUR', 25, 1), of('USD', 0, 0)] },
      ],
    })
    const century = await shop.json('kpis', 'range', '--from', '1925-01-01', '--to', '2025-01-31')
    expect(century.result).toMatchObject({ days: [{ date: '2025-01-14' }, { date: '2025-01-16' }] })
  })

  test('has an empty list for each day if nothing was sold', async ({ shop }) => {
    const { result } = await shop.json('kpis', 'range', '--from', '2025-01-14', '--to', '2025-01-15')
    expect(result).toMatchObject({ kpis: [], days: [{ kpis: [] }, { date: '2025-01-15', kpis: [] }] })
  })
})

test('leaderboards read the same periods, and --since the same days', async ({ shop }) => {
  shop.order('1', { status: 'completed', day: '2025-01-13', customer: 'C-1' })
  shop.order('2', { status: 'completed', day: '2025-01-19', customer: 'C-2' })
  const board = await shop.jsonWith(MONDAY, 'leaderboard', 'customers', '--last', '7d')
  expect(board.result).toMatchObject({ customers: [{ customer_id: 'C-2' }] })
  const all = await shop.jsonWith(MONDAY, 'leaderboard', 'customers', '--month', '2025-01')
  expect(all.result).toMatchObject({ customers: { length: 2 } })
  const list = await shop.jsonWith(MONDAY, 'orders', 'list', '--since', 'sunday')
  expect(list.result).toMatchObject({ total: 1, orders: [{ order_id: '2' }] })
})

describe('kpis range in a terminal', () => {
  test('shows 28 days with bars and the totals on one screen of 80 columns and 40 lines', async ({ shop }) => {
    for (const day of ['03', '04', '14', '28']) {
      const quantity = Number(day)
      shop.order(day, { status: 'completed', day: `2025-02-${day}`, lines: [['WIDGET-1', quantity, 1250]] })
    }
    const screen = await screenOf(shop, 80, 'kpis', 'range', '--month', '2025-02')
    const between = (first: string, last: string) => screen.slice(screen.indexOf(first), screen.indexOf(last)).trimEnd()
    expect(between('2025-02-01 to', '2025-02-06')).toMatchInlineSnapshot(`
      "2025-02-01 to 2025-02-28, UTC, USD
      Date           Revenue                    Orders  Average order value  Customers
      ──────────  ──────────  ────────────────  ──────  ───────────────────  ─────────
      2025-02-01    0.00 USD                         0             0.00 USD          0
      2025-02-02    0.00 USD                         0             0.00 USD          0
      2025-02-03   37.50 USD  █▊                     1            37.50 USD          1
      2025-02-04   50.00 USD  ██▎                    1            50.00 USD          1
      2025-02-05    0.00 USD                         0             0.00 USD          0"
    `)
    expect(between('2025-02-27', 'left with')).toMatchInlineSnapshot(`
      "2025-02-27    0.00 USD                         0             0.00 USD          0
      2025-02-28  350.00 USD  ████████████████       1           350.00 USD          1
      Total       612.50 USD                         4           153.13 USD          1"
    `)
    const wide = await screenOf(shop, 120, 'kpis', 'range', '--month', '2025-02')
    expect(wide).toContain(`2025-02-28  350.00 USD  ${'█'.repeat(40)} `)
  })

  test('shows a table for each currency', async ({ shop }) => {
    shop.order('1', { status: 'completed', day: '2025-02-01' })
    shop.order('2', { status: 'completed', day: '2025-02-02', currency: 'EUR', customer: 'C-2' })
    const { stdout } = await shop.run('kpis', 'range', '--from', '2025-02-01', '--to', '2025-02-02')
    expect(stdout).toMatchInlineSnapshot(`
      "2025-02-01 to 2025-02-02, UTC, EUR
      Date          Revenue                     Orders  Average order value  Customers
      ──────────  ─────────  ─────────────────  ──────  ───────────────────  ─────────
      2025-02-01   0.00 EUR                          0             0.00 EUR          0
      2025-02-02  25.00 EUR  █████████████████       1            25.00 EUR          1
      Total       25.00 EUR                          1            25.00 EUR          1

      2025-02-01 to 2025-02-02, UTC, USD
      Date          Revenue                     Orders  Average order value  Customers
      ──────────  ─────────  ─────────────────  ──────  ───────────────────  ─────────
      2025-02-01  25.00 USD  █████████████████       1            25.00 USD          1
      2025-02-02   0.00 USD                          0             0.00 USD          0
      Total       25.00 USD                          1            25.00 USD          1
      "
    `)
  })
})

/** The screen of 40 lines after the command. */
async function screenOf(shop: Shop, columns: number, ...command: string[]): Promise<string> {
  const terminal = new PseudoTerminal(shop, { columns, rows: 40 }, ...command)
  expect(await terminal.left()).toBe(0)
  return terminal.screen
}
