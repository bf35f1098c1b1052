// Measures the speeds and the memory that docs/performance.md quotes. Each is compared with a peer in the same run, so
// that the ratio also holds on other machines.
//
// npm run bench [-- import|work|reports|redis|engines] [--orders N]
//
// `work` also drains over Redis if a server is reachable at ORDERCTL_REDIS_URL or the standard port; `redis` runs only
// that. Its keys are deleted afterwards. `engines` compares all databases and queues that are reachable.
import { spawn } from 'node:child_process'
import { copyFileSync, createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Parser } from 'csv-parse'
import { Redis } from 'ioredis'
import { benchEngines } from './engines.js'
import { processOneByOne } from './one-by-one.js'
import { processOneJobAStep } from './one-job-a-step.js'
import { writeOrders } from './orders-file.js'

const ROUNDS = 3
/** Number of orders that the peer processes: at its speed, all of them would take minutes. */
const PEER_ORDERS = 5000
const REDIS_URL = process.env.ORDERCTL_REDIS_URL ?? 'redis://127.0.0.1:6379/9'
const REDIS_PREFIX = `orderctl-bench-${process.pid}:`
const binary = fileURLToPath(new URL('../bin/run.js', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { orders: { type: 'string', default: '100000' } },
})
const orders = Number(values.orders)
const wanted = positionals.length > 0 ? positionals : ['import', 'work', 'reports']
const folder = mkdtempSync(join(tmpdir(), 'orderctl-bench-'))
const file = join(folder, 'orders.csv')
const imported = join(folder, 'imported.sqlite')
const drained = join(folder, 'drained.sqlite')

const perSecond = (rate) => Math.round(rate).toLocaleString('en')
const megabytes = (bytes) => (bytes > 0 ? `${Math.round(bytes / 1e6)} MB` : '–')

try {
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}; ${orders} orders, best of ${ROUNDS}`,
  )
  await writeOrders(file, orders)
  const table = []
  if (wanted.includes('import')) table.push(await benchImport())
  else await orderctl(imported, 'import', file)
  if (wanted.includes('work') || wanted.includes('reports')) {
    const row = await benchWork()
    if (wanted.includes('work')) table.push(row)
  }
  if (wanted.includes('reports')) table.push(...(await benchReports()))
  if (wanted.includes('work') || wanted.includes('redis')) table.push(...(await benchRedis()))
  const head = ['What', 'Rate or time', 'Wall time', 'Peak memory', 'Compared with its peer']
  if (table.length > 0) console.log(markdown([head, ...table]))
  if (wanted.includes('engines')) console.log(await enginesTable())
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The rows as a Markdown table, for the docs. */
function markdown([head, ...rows]) {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

async function enginesTable() {
  const head = ['Database, queue', 'Import', 'Drain', 'Peak memory', 'CPU time of the drain', 'Compared with SQLite']
  const rows = await benchEngines({
    rounds: ROUNDS,
    file,
    orders,
    perSecond,
    megabytes,
    freshFile() {
      removeDatabase(drained)
      return drained
    },
    importedCopy() {
      copyDatabase(imported, drained)
      return drained
    },
    orderctl: (environment, ...args) =>
      orderctlWith({ ORDERCTL_REDIS_URL: '', ORDERCTL_QUEUE_URL: '', ...environment }, drained, ...args),
  })
  return markdown([head, ...rows])
}

async function benchImport() {
  const best = await bestOf(async () => {
    removeDatabase(imported)
    return orderctl(imported, 'import', file)
  })
  const parsed = await bestOf(async () => ({ seconds: await parseAlone() }))
  const rate = orders / best.result.seconds
  return [
    'import',
    `${perSecond(rate)} lines/s`,
    `${best.wall.toFixed(2)} s`,
    megabytes(best.peak),
    `${(rate / (orders / parsed.seconds)).toFixed(2)} x csv-parse alone, storing nothing (${perSecond(orders / parsed.seconds)} lines/s)`,
  ]
}

async function benchWork() {
  const best = await bestOf(async () => {
    copyDatabase(imported, drained)
    return orderctl(drained, 'work', '--drain')
  })
  const peerDatabase = join(folder, 'peer.sqlite')
  copyDatabase(imported, peerDatabase)
  const peer = processOneByOne(peerDatabase, PEER_ORDERS)
  const rate = best.result.processed / best.result.seconds
  return [
    'work --drain',
    `${perSecond(rate)} orders/s`,
    `${best.wall.toFixed(2)} s`,
    megabytes(best.peak),
    `${(rate / peer).toFixed(0)} x a transaction for each step of each order (${perSecond(peer)} orders/s)`,
  ]
}

async function isRedisReachable() {
  const redis = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  const isReachable = await redis.connect().then(
    () => true,
    () => false,
  )
  redis.disconnect()
  return isReachable
}

async function deleteKeys() {
  const redis = new Redis(REDIS_URL)
  for await (const keys of redis.scanStream({ match: `${REDIS_PREFIX}*` })) {
    if (keys.length > 0) await redis.del(keys)
  }
  redis.disconnect()
}

/**
 * Alternates the same drain over the embedded queue and over Redis, so that changes of the machine's speed affect both.
 */
async function benchRedis() {
  if (!(await isRedisReachable()))
    return [['work --drain on Redis', '–', '–', '–', `no Redis at ${new URL(REDIS_URL).host}`]]
  const runs = { embedded: [], redis: [] }
  for (let round = 0; round < ROUNDS; round++) {
    copyDatabase(imported, drained)
    runs.embedded.push(await orderctl(drained, 'work', '--drain'))
    copyDatabase(imported, drained)
    const environment = { ORDERCTL_REDIS_URL: REDIS_URL, ORDERCTL_QUEUE_URL: '', ORDERCTL_REDIS_PREFIX: REDIS_PREFIX }
    await orderctlWith(environment, drained, 'rebuild', 'queue')
    runs.redis.push(await orderctlWith(environment, drained, 'work', '--drain'))
  }
  const peerDatabase = join(folder, 'peer.sqlite')
  copyDatabase(imported, peerDatabase)
  const peer = await processOneJobAStep(peerDatabase, REDIS_URL, PEER_ORDERS)
  await deleteKeys()
  const [embedded, redis] = [fastest(runs.embedded), fastest(runs.redis)]
  const rate = redis.result.processed / redis.result.seconds
  const embeddedRate = embedded.result.processed / embedded.result.seconds
  return [
    [
      'work --drain on Redis',
      `${perSecond(rate)} orders/s`,
      `${redis.wall.toFixed(2)} s`,
      megabytes(redis.peak),
      `${(rate / embeddedRate).toFixed(2)} x the embedded queue (${perSecond(embeddedRate)} orders/s)`,
    ],
    [
      '',
      '',
      '',
      '',
      `${(rate / peer).toFixed(0)} x a BullMQ job for each step of each order (${perSecond(peer)} orders/s)`,
    ],
  ]
}

async function benchReports() {
  const node = await bestOf(async () => run([process.execPath, '--eval', '0']))
  const rows = []
  for (const args of [
    ['kpis', 'daily', '--date', '2025-03-15'],
    ['leaderboard', 'customers'],
  ]) {
    const best = await bestOf(() => orderctl(drained, ...args))
    rows.push([
      args.slice(0, 2).join(' '),
      '',
      `${best.wall.toFixed(2)} s`,
      megabytes(best.peak),
      `${(best.wall / node.wall).toFixed(1)} x Node's own start (${node.wall.toFixed(2)} s)`,
    ])
  }
  return rows
}

/** @returns the run with the shortest wall time (or `seconds`) */
async function bestOf(measure) {
  const runs = []
  for (let round = 0; round < ROUNDS; round++) runs.push(await measure())
  return fastest(runs)
}

function fastest(runs) {
  return runs.sort((a, b) => (a.wall ?? a.seconds) - (b.wall ?? b.seconds))[0]
}

function orderctl(database, ...args) {
  return orderctlWith({ ORDERCTL_REDIS_URL: '', ORDERCTL_QUEUE_URL: '' }, database, ...args)
}

async function orderctlWith(environment, database, ...args) {
  const ended = await run([process.execPath, binary, ...args, '--json'], {
    ORDERCTL_DATABASE_URL: `sqlite:${database}`,
    ...environment,
  })
  return { ...ended, result: JSON.parse(ended.stdout) }
}

/** Runs a command. Returns wall and CPU time in seconds, and peak resident memory in bytes (on Linux; otherwise 0). */
function run([command, ...args], environment = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    let peak = 0
    let cpu = 0
    child.stdout.on('data', (data) => {
      stdout += data
    })
    const timer = setInterval(() => {
      peak = Math.max(peak, peakMemory(child.pid))
      cpu = Math.max(cpu, cpuSeconds(child.pid))
    }, 20)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ wall: (performance.now() - began) / 1000, peak, cpu, stdout })
      else reject(new Error(`${args.join(' ')} ended with ${code}: ${stdout}`))
    })
  })
}

function peakMemory(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

async function parseAlone() {
  const began = performance.now()
  const parser = new Parser({ on_record: () => null })
  for await (const block of createReadStream(file, { highWaterMark: 524_288 })) {
    await new Promise((done) => parser.write(block, done))
  }
  return (performance.now() - began) / 1000
}

function removeDatabase(path) {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

function copyDatabase(from, to) {
  removeDatabase(to)
  copyFileSync(from, to)
}
