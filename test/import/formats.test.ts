// Files in the layouts of real systems (test/formats) give the orders and totals of their manifest, which another
// program has computed from them. What a file leaves open is asked for, and what is not an order file is refused.
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { ENTRIES, FLAGS, FOLDER, type Totals } from '../support/formats.js'
import { importJson } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'

/** Imports the file, and reads the result and the tables. */
async function totalsOf(shop: Shop, file: string, flags: readonly string[]): Promise<Totals> {
  copyFileSync(join(FOLDER, file), join(shop.folder, file))
  const { told } = await importJson(shop, file, ...flags)
  const [figures] = shop.rows(`select count(*) as lines, coalesce(sum(quantity), 0) as units,
    count(distinct order_id) as orders, count(distinct product_id) as products,
    count(distinct customer_id) as customers, min(ordered_at) as first, max(ordered_at) as last
    from order_lines join orders on id = order_id`) as Omit<Totals, 'rows'>[]
  if (!figures) throw new Error('no figures')
  const sums = shop.rows(`select currency, sum(order_lines.total) as minor from order_lines
    join orders on id = order_id group by currency order by currency`) as { currency: string; minor: number }[]
  const days = shop.rows(`select substr(ordered_at, 1, 10) as day, count(*) as orders from orders
    group by day order by day`) as { day: string; orders: number }[]
  const { rows, skipped, skipped_reasons, rejected, imported } = told
  expect(imported).toBe(figures.lines)
  expect(rows).toBe(imported + skipped + rejected)
  return {
    ...figures,
    rows,
    sums_rounded_per_line: Object.fromEntries(
      sums.map(({ currency, minor }) => [currency, amountText(minor, currency)]),
    ),
    orders_by_day: Object.fromEntries(days.map(({ day, orders }) => [day, orders])),
    skipped: { count: skipped, reasons: skipped_reasons },
    rejected: { count: rejected },
  }
}

const DECIMALS: Readonly<Record<string, number>> = { JPY: 0, BHD: 3 }

function amountText(minor: number, currency: string): string {
  const decimals = DECIMALS[currency] ?? 2
  return (minor / 10 ** decimals).toFixed(decimals)
}

/** The part of an entry that an import shows. */
function expected(entry: Totals): Totals {
  const { rows, orders, lines, units, sums_rounded_per_line, customers, products, first, last, orders_by_day } = entry
  const { skipped, rejected } = entry
  const figures = { rows, orders, lines, units, customers, products, first, last }
  return { ...figures, sums_rounded_per_line, orders_by_day, skipped, rejected: { count: rejected.count } }
}

const imported = ENTRIES.filter((entry) => entry.expect === 'import')
const asked = ENTRIES.filter(({ must_ask }) => must_ask.length > 0)
const refused = ENTRIES.filter(({ refusal }) => refusal)
const answered = ENTRIES.flatMap(({ file, answers = [] }) => answers.map((answer) => ({ file, ...answer })))

test('the manifest names files to import, to ask about and to refuse', () => {
  expect([imported.length, asked.length, refused.length, answered.length]).toEqual([24, 7, 9, 4])
})

describe.concurrent('a file of an order system', () => {
  for (const entry of imported) {
    test(`gives the orders and totals of its manifest: ${entry.file}`, async ({ shop }) => {
      expect(await totalsOf(shop, entry.file, entry.hints)).toEqual(expected(entry))
    })
  }

  for (const { file, flags, ...totals } of answered) {
    test(`is read as the answer says: ${file} ${flags.join(' ')}`, async ({ shop }) => {
      expect(await totalsOf(shop, file, flags)).toEqual(expected(totals))
    })
  }

  for (const { file, must_ask } of asked) {
    test(`is not imported until its questions are answered: ${file}`, async ({ shop }) => {
      copyFileSync(join(FOLDER, file), join(shop.folder, file))
      const { code, stderr } = await shop.run('import', file)
      expect(code).toBe(2)
      for (const question of must_ask) expect(stderr).toContain(FLAGS[question])
      expect(shop.value('select count(*) from orders')).toBe(0)
    })
  }

  for (const { file, refusal } of refused) {
    test(`is refused with the reason: ${file}`, async ({ shop }) => {
      copyFileSync(join(FOLDER, file), join(shop.folder, file))
      const { code, stderr } = await shop.run('import', file)
      expect(code).toBe(2)
      const text = stderr.replace(/\s+/g, ' ')
      for (const mention of refusal?.mentions ?? []) expect(text).toContain(mention)
      expect(shop.value('select count(*) from orders')).toBe(0)
      expect(existsSync(join(shop.folder, 'orders.rejects.csv'))).toBe(false)
    })
  }
})
