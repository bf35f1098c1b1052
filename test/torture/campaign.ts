// The runs that `npm run torture` asks for, one after the other, and a table of their results.
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { torture } from './run.js'
import { DATABASES, QUEUES, whyNotPossible } from './stand.js'

const run = z.object({
  db: z.enum(DATABASES),
  queue: z.enum(QUEUES),
  orders: z.number(),
  kills: z.number(),
  seed: z.number(),
  verbose: z.boolean(),
})
type Run = z.infer<typeof run>

const runs = z.array(run).parse(JSON.parse(process.env['ORDERCTL_TORTURE'] ?? '[]'))

/** Printed for each run with violations. */
const MOST_SHOWN = 40

test('no promise is broken', async () => {
  const row = (cells: readonly unknown[]) => console.log(cells.map((cell) => String(cell).padEnd(10)).join(' '))
  row(['database', 'queue', 'orders', 'kills', 'seed', 'violations', 'seconds'])
  let violations = 0
  for (const options of runs) {
    const { db, queue, orders, seed } = options
    const whyNot = whyNotPossible(db, queue, inject('servers'))
    if (whyNot) {
      row([db, queue, orders, 'skipped:', whyNot])
      continue
    }
    const journal = await torture(options)
    row([db, queue, orders, journal.kills, seed, journal.violations.length, journal.seconds.toFixed(1)])
    violations += journal.violations.length
    if (journal.violations.length === 0) continue
    if (!options.verbose) console.log(journal.timeline)
    for (const violation of journal.violations.slice(0, MOST_SHOWN)) console.log(`  ${violation}`)
    console.log(`  Replay: ${replay(options)}`)
  }
  expect(violations).toBe(0)
})

function replay({ db, queue, orders, kills, seed }: Run): string {
  return `npm run torture -- --db ${db} --queue ${queue} --orders ${orders} --kills ${kills} --seed ${seed} --verbose`
}
