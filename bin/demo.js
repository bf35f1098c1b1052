// The main job on sample.csv, in a folder that is thrown away afterwards: what a new user sees first.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('./run.js', import.meta.url))
const sample = fileURLToPath(new URL('../sample.csv', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'orderctl-demo-'))

const session = [
  ['import', sample],
  ['work', '--drain'],
  ['kpis', 'daily', '--date', '2026-03-04'],
  ['kpis', 'range', '--from', '2026-03-02', '--to', '2026-03-08'],
  ['leaderboard', 'customers', '--limit', '5'],
  ['leaderboard', 'products', '--limit', '5'],
  ['status'],
]

try {
  for (const args of session) {
    console.log(`\n$ orderctl ${args.join(' ').replace(sample, 'sample.csv')}`)
    const { status } = spawnSync(process.execPath, [binary, ...args], {
      cwd: folder,
      stdio: 'inherit',
      env: { ...process.env, ORDERCTL_DATABASE_URL: `sqlite:${join(folder, 'demo.sqlite')}` },
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
