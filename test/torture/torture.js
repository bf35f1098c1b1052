// `npm run torture`: reads the options, and lets Vitest run the campaign, which finds the servers.
import { parseArgs } from 'node:util'
import { startVitest } from 'vitest/node'

const DATABASES = ['sqlite', 'postgres', 'mysql']
const QUEUES = ['embedded', 'redis', 'postgres', 'rabbitmq']

const USAGE = `Usage: npm run torture -- [options]

  --db sqlite|postgres|mysql                   [default: sqlite]
  --queue embedded|redis|postgres|rabbitmq     [default: embedded]
  --all             all twelve combinations
  --orders N        [default: 10000]
  --kills N         [default: 100]
  --seed S          [default: 1]
  --seeds A-B       one run for each seed
  --verbose         print the timeline`

const OPTIONS = {
  db: { type: 'string', default: 'sqlite' },
  queue: { type: 'string', default: 'embedded' },
  all: { type: 'boolean', default: false },
  orders: { type: 'string', default: '10000' },
  kills: { type: 'string', default: '100' },
  seed: { type: 'string', default: '1' },
  seeds: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
}

function readOptions() {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) throw new Error('')
  const [first, last = first] = (values.seeds ?? values.seed).split('-').map(Number)
  const [orders, kills] = [Number(values.orders), Number(values.kills)]
  if (![first, last, orders, kills].every(Number.isSafeInteger) || last < first) throw new Error('expected integers')
  if (!DATABASES.includes(values.db) || !QUEUES.includes(values.queue)) throw new Error('no such database or queue')
  const combinations = values.all
    ? DATABASES.flatMap((db) => QUEUES.map((queue) => ({ db, queue })))
    : [{ db: values.db, queue: values.queue }]
  const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return combinations.flatMap((combination) =>
    seeds.map((seed) => ({ ...combination, orders, kills, seed, verbose: values.verbose })),
  )
}

let runs
try {
  runs = readOptions()
} catch (error) {
  console.error([error.message, USAGE].filter((text) => text !== '').join('\n\n'))
  process.exit(2)
}
process.env.ORDERCTL_TORTURE = JSON.stringify(runs)
const vitest = await startVitest('test', [], {
  project: 'torture',
  watch: false,
  disableConsoleIntercept: true,
  reporters: ['dot'],
})
await vitest.close()
