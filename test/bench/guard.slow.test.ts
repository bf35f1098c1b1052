// The guard of docs/performance.md: small runs of the benchmark, whose ratios have limits. No time has one.
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** Half a minute of CPU time, next to other slow tests. */
const TIMEOUT = 900_000
const BENCH = resolve(import.meta.dirname, '../../bench/bench.js')

test('import, drain, start-up and reports keep their ratios', { timeout: TIMEOUT }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, 'guard', '--json'])
  const [{ rows, missing }] = JSON.parse(stdout).groups
  expect(missing).toEqual([])
  expect(rows.length).toBeGreaterThan(10)
  expect(rows.filter(({ met }: { met?: boolean }) => met !== true)).toEqual([])
})
