// Runs the demo on sample.csv: import, work, reports. It uses a temporary folder, or the database in
// ORDERCTL_DATABASE_URL if that is on a server and has no orders yet.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('./run.js', import.meta.url))
const sample = fileURLToPath(new URL('../sample.csv', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'orderctl-demo-'))

const named = process.env['ORDERCTL_DATABASE_URL'] ?? ''
const database = named.startsWith('sqlite:') || named === '' ? `sqlite:${join(folder, 'demo.sqlite')}` : named
const environment = { ...process.env, ORDERCTL_DATABASE_URL: database }

const session = [
  ['import', sample],
  // A gateway over HTTP may leave payments to be asked again.
  ['work', '--drain', '--wait'],
  ['kpis', 'daily', '--date', '2026-03-04'],
  ['kpis', 'range', '--from', '2026-03-02', '--to', '2026-03-08'],
  ['leaderboard', 'customers', '--limit', '5'],
  ['leaderboard', 'products', '--limit', '5'],
  ['status'],
]

try {
  if (database === named && countOrders() > 0) {
    console.error('The database in ORDERCTL_DATABASE_URL already has orders. Name an empty one for the demo.')
    process.exit(1)
  }
  for (const args of session) {
    console.log(`\n$ orderctl ${args.join(' ').replace(sample, 'sample.csv')}`)
    const { status } = spawnSync(process.execPath, [binary, ...args], {
      cwd: folder,
      stdio: 'inherit',
      env: environment,
    })
    if (status !== 0) {
      console.error(`The demo stopped: orderctl ended with exit code ${status}.`)
      process.exitCode = 1
      break
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/**
 * Counts the orders; 0 if there are no tables yet. If the server is unreachable, the first command of the demo says so.
 */
function countOrders() {
  const { status, stdout } = spawnSync(process.execPath, [binary, 'status', '--json'], {
    cwd: folder,
    env: environment,
  })
  if (status !== 0) return 0
  return Object.values(JSON.parse(String(stdout)).orders).reduce((sum, count) => sum + count, 0)
}
