// One torture run: imports, workers and schedulers under a plan of kills and faults, then everything is repaired,
// drained and checked.
import { setTimeout as sleep } from 'node:timers/promises'
import { Provider } from '../support/provider.js'
import { Receiver } from '../support/receiver.js'
import { Chaos, PROVIDER_OPTIONS } from './chaos.js'
import { check } from './checker/check.js'
import { ask, TortureShop } from './crew.js'
import { Imports } from './imports.js'
import { Journal } from './journal.js'
import { LedgerFollower } from './ledger.js'
import { catalogue, orderFiles } from './order-files.js'
import { planOf } from './plan.js'
import { quiet } from './quiet.js'
import { readReports } from './reports.js'
import { type DatabaseName, openDatabasePart, openQueuePart, type QueueName } from './stand.js'

export interface TortureOptions {
  readonly db: DatabaseName
  readonly queue: QueueName
  readonly orders: number
  readonly kills: number
  readonly seed: number
  readonly verbose: boolean
}

const LEASE_MS = 2000

/** How long a run waits for new charges, and how long while imports still bring orders. */
const BRIEFLY_MS = 2000
const LONG_MS = 20_000

/** Short, so that a run meets every limit; tasks are due every few seconds. */
const SETTINGS = {
  ORDERCTL_LEASE_MS: String(LEASE_MS),
  ORDERCTL_BATCH_SIZE: '50',
  ORDERCTL_PAYMENT_TIMEOUT_MS: '3000',
  ORDERCTL_ANSWER_TIMEOUT_MS: '1000',
  ...Object.fromEntries(
    ['KPIS', 'LEADERBOARDS', 'SNAPSHOTS', 'RESERVATIONS', 'REFUNDS', 'ALARMS'].map((task) => [
      `ORDERCTL_SCHEDULE_${task}`,
      '*/5 * * * * *',
    ]),
  ),
}

/** The journal of the run, with its violations. */
export async function torture(options: TortureOptions): Promise<Journal> {
  const closing: (() => unknown)[] = []
  try {
    return await tortureWith(options, (close) => closing.unshift(close))
  } finally {
    for (const close of closing) await close()
  }
}

async function tortureWith(
  { db, queue, orders, kills, seed, verbose }: TortureOptions,
  closeLater: (close: () => unknown) => void,
): Promise<Journal> {
  const journal = new Journal(verbose)
  const database = await openDatabasePart(db)
  closeLater(() => database.close())
  const queuePart = await openQueuePart(queue, database.server)
  closeLater(() => queuePart.close())
  const provider = await Provider.start(...PROVIDER_OPTIONS)
  closeLater(() => provider.close())
  const receiver = await Receiver.open()
  closeLater(() => receiver.close())
  const environments = [database, queuePart, provider, receiver].map(({ environment }) => environment)
  const shop = new TortureShop(Object.assign({}, SETTINGS, ...environments))
  closeLater(() => shop.close())

  const files = orderFiles(orders, seed)
  const products = catalogue(orders)
  await must(shop, journal, 'migrate')
  await must(shop, journal, 'products', 'import', shop.file('products.csv', products))
  const ledger = new LedgerFollower(provider.ledger)
  let isOver = false
  const turn = async (share: number) => void (await ledger.reach(share * 0.8 * orders, () => (isOver ? 0 : BRIEFLY_MS)))
  const imports = new Imports({ shop, journal, files, databaseUrl: database.url, turn })
  const faults = [...database.faults, ...queuePart.faults]
  const scene = { shop, journal, databaseUrl: database.url, faults, provider, receiver, imports, leaseMs: LEASE_MS }
  const chaos = new Chaos(scene, { workers: orders >= 5000 ? 3 : 2, schedulers: 1 + (seed % 2) })
  closeLater(() => Promise.all(chaos.services.map((service) => service.abandon())))
  for (const step of planOf(orders, kills, seed)) {
    if (!(await ledger.reach(step.after, () => (imports.areRunning ? LONG_MS : BRIEFLY_MS))))
      journal.note(`no charges: ${ledger.entries} of ${step.after}`)
    await chaos.step(step)
  }
  isOver = true
  journal.note('the plan is over')
  await chaos.settle()
  await imports.ended
  await must(shop, journal, 'queue', 'resume')
  await must(shop, journal, 'rebuild', 'queue')
  await quiet(shop, journal, database.url)
  for (const service of chaos.services) await service.stop()
  for (const violation of await check({
    databaseUrl: database.url,
    files,
    catalogue: products,
    ledger: provider.entries,
    received: receiver.received.map(({ id }) => id),
    answers: journal.answers,
    reports: await readReports((...args) => must(shop, journal, ...args)),
  }))
    journal.violation(violation)
  for (const invalid of receiver.invalid) journal.violation(`a webhook had a wrong signature: ${invalid}`)
  const { code } = await ask(shop, journal, ['rebuild', '--check'])
  if (code !== 0) journal.violation(`rebuild --check ended with exit code ${code}`)
  return journal
}

/** Repeats a command, in this process, until it succeeds: it may meet the end of a fault. */
async function must(shop: TortureShop, journal: Journal, ...args: string[]): Promise<unknown> {
  for (let attempt = 1; attempt <= 20; attempt++) {
    const { code, result } = await shop.json(...args)
    journal.note(`orderctl ${args.join(' ')}: ${code}`)
    if (code === 0) return result
    await sleep(500)
  }
  throw new Error(`orderctl ${args.join(' ')} never succeeded: ${journal.timeline}`)
}
