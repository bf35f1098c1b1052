// `npm run sweep -- [--db postgres] [--every 10] …`: the sweep at every call, by Vitest, which finds the servers.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const OPTIONS = {
  db: ['sqlite', 'sqlite, postgres or mysql'],
  queue: ['embedded', 'embedded, redis, postgres or rabbitmq'],
  sample: [false, 'only the calls that differ, as CI does'],
  every: ['1', 'take every k-th point, for a quick look'],
  only: ['', 'only steps whose names contain this'],
  fault: ['', 'only this fault: crash, crash-after, error, errors or lost'],
  call: ['', 'only the call with this number, to repeat a failure'],
}
const types = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, [fallback]]) => [name, { type: typeof fallback, default: fallback }]),
)
const { values } = parseArgs({ options: { ...types, help: { type: 'boolean' } } })
if (values.help) {
  for (const [name, [fallback, about]] of Object.entries(OPTIONS))
    console.log(`  --${name.padEnd(6)} ${about}${fallback ? ` [default: ${fallback}]` : ''}`)
  process.exit(0)
}
const command = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'slow', 'test/sweep/sweep.slow.test.ts']
const env = { ...process.env, ORDERCTL_TEST_SWEEP: JSON.stringify(values) }
process.exitCode = spawnSync(process.execPath, command, { stdio: 'inherit', env }).status ?? 1
