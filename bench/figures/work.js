// `work --drain`, compared with the same statements without a queue, and with designs that take orders one by one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bareDrain } from '../peers/bare-drain.js'
import { processOneByOne } from '../peers/one-by-one.js'
import { orderctlJson } from '../program.js'
import { copyOf, drain } from '../shops.js'
import { counted } from '../table.js'
import { timed } from './import.js'

/** Number of orders that a slow peer processes: at its speed, all of them would take minutes. */
const FEW = 5000
const GATEWAY = fileURLToPath(new URL('../../examples/gateway.mjs', import.meta.url))
const IN_FLIGHT = 100
const LATENCY_MS = 50

export function workFigures({ shops, orders }) {
  const charged = Math.min(20_000, orders)
  return [
    {
      ...wholeDrain(shops, orders),
      peers: [bareStatements(shops, orders, 0.6), stepByStep(shops, orders, Math.min(FEW, orders))],
    },
    { ...wholeDrain(shops, 10 * orders), peers: [bareStatements(shops, 10 * orders, 0.7)] },
    {
      ...wholeDrain(shops, orders),
      name: `two processes of work --drain, ${counted(orders, 'orders')}`,
      subject: { ...wholeDrain(shops, orders).subject, run: (scene) => drainByTwo(scene, orders) },
      peers: [{ ...wholeDrain(shops, orders).subject, name: 'one process', target: 1 }],
    },
    {
      ...wholeDrain(shops, charged),
      name: `work --drain, ${LATENCY_MS} ms a charge, ${IN_FLIGHT} in flight`,
      subject: { ...wholeDrain(shops, charged).subject, prepare: (folder) => withGateway(shops, charged, folder) },
      peers: [
        {
          name: 'the ideal, never fewer in flight',
          target: 0.9,
          run: async () => ({ seconds: (charged * LATENCY_MS) / IN_FLIGHT / 1000 }),
        },
      ],
    },
  ]
}

export function wholeDrain(shops, orders) {
  return {
    name: `work --drain, ${counted(orders, 'orders')}`,
    compare: 'speed',
    amount: orders,
    unit: 'orders',
    subject: {
      name: 'work --drain',
      audits: true,
      prepare: (folder) => copyOf(shops.imported(orders), folder),
      run: (scene) => drain(scene, orders),
    },
  }
}

export function bareStatements(shops, orders, target) {
  return {
    name: 'the bare statements in one thread',
    target,
    run: async ({ folder }) => timed(await bareDrain({ database: (await shops.imported(orders)).path, folder })),
  }
}

function stepByStep(shops, orders, amount) {
  return {
    name: 'a transaction for each step of an order, no queue',
    amount,
    prepare: (folder) => copyOf(shops.imported(orders), folder),
    run: async ({ database }) => timed(processOneByOne(database, amount)),
  }
}

async function drainByTwo(scene, orders) {
  const began = performance.now()
  const both = await Promise.all([1, 2].map(() => orderctlJson(scene, 'work', '--drain')))
  const seconds = (performance.now() - began) / 1000
  const processed = both.reduce((sum, { result }) => sum + result.processed, 0)
  if (processed !== orders) throw new Error(`two processes took ${processed} instead of ${orders} orders`)
  return { seconds, peak: both[0].peak && Math.max(...both.map(({ peak }) => peak)) }
}

async function withGateway(shops, orders, folder) {
  const ledger = join(folder, 'ledger.jsonl')
  const gateway = spawn(process.execPath, [GATEWAY, '--port=0', `--latency=${LATENCY_MS}`, `--ledger=${ledger}`])
  const [listening] = await once(gateway.stdout, 'data')
  const url = /http:\S+/.exec(listening)[0]
  const settings = { ORDERCTL_PAYMENT_GATEWAY: url, ORDERCTL_PAYMENT_MAX_IN_FLIGHT: String(IN_FLIGHT) }
  return { ...(await copyOf(shops.imported(orders), folder, settings)), close: () => gateway.kill() }
}
