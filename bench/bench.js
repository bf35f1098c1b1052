// `npm run bench [-- import|work|reports] [--orders N]`: the speeds and the memory that docs/performance.md quotes, each
// beside a peer in the same run, so that the ratio holds on other machines, too.
import { spawn } from 'node:child_process'
import { copyFileSync, createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { Parser } from 'csv-parse'
import { processOneByOne } from './one-by-one.js'
import { writeOrders } from './orders-file.js'

const ROUNDS = 3
/** What the peer is given: at its speed, all orders would take minutes. */
const PEER_ORDERS = 5000
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
  const table = new Table({
    head: ['what', 'rate or time', 'wall', 'peak memory', 'beside its peer'],
    style: { head: [], border: [] },
  })
  if (wanted.includes('import')) table.push(await benchImport())
  else await orderctl(imported, 'import', file)
  if (wanted.includes('work') || wanted.includes('reports')) {
    const row = await benchWork()
    if (wanted.includes('work')) table.push(row)
  }
  if (wanted.includes('reports')) table.push(...(await benchReports()))
  console.log(table.toString())
} finally {
  rmSync(folder, { recursive: true, force: true })
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

/** @returns the run with the least wall time (or `seconds`) */
async function bestOf(measure) {
  const runs = []
  for (let round = 0; round < ROUNDS; round++) runs.push(await measure())
  return runs.sort((a, b) => (a.wall ?? a.seconds) - (b.wall ?? b.seconds))[0]
}

async function orderctl(database, ...args) {
  const run_ = await run([process.execPath, binary, ...args, '--json'], { ORDERCTL_DATABASE_URL: `sqlite:${database}` })
  return { ...run_, result: JSON.parse(run_.stdout) }
}

/** Runs a command to its end. Wall time in seconds, peak resident memory in bytes (Linux; else 0). */
function run([command, ...args], environment = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    let peak = 0
    child.stdout.on('data', (data) => {
      stdout += data
    })
    const timer = setInterval(() => {
      peak = Math.max(peak, peakMemory(child.pid))
    }, 20)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ wall: (performance.now() - began) / 1000, peak, stdout })
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
