// Seeds that must hold, and guards whose loss the simulation must notice.
import { expect, test } from 'vitest'
import { simulate } from './run-simulation.js'

test('200 seeds lose no order, charge none twice and leave the books in order', async () => {
  const { code, stdout } = await simulate(['--seeds', '200'])
  expect(stdout).toMatch(/^200 seeds, \d+ steps, 0 failed, digest \w+\n$/)
  expect(code).toBe(0)
})

test('a seed takes the same steps alone and after others', async () => {
  const digestOf = async (from: number, seeds: number) => {
    const { stdout } = await simulate(['--from', String(from), '--seeds', String(seeds)])
    return Number.parseInt(/digest (\w+)/.exec(stdout)?.[1] ?? '', 16)
  }
  const [all, before, last] = [await digestOf(1, 6), await digestOf(1, 5), await digestOf(6, 1)]
  expect(all).toBe((before ^ last) >>> 0)
})

/** The guard, and seeds that notice its loss. */
const BREAKS: readonly (readonly [broken: string, from: number, seeds: number, finding: RegExp])[] = [
  ['fence', 21, 1, /CHECK constraint failed: products_reserved/],
  ['key', 1, 12, /captured it [2-9] times|we have .*, the provider /],
  ['stock', 1, 12, /CHECK constraint failed: products_reserved/],
]

test.each(BREAKS)('finds a missing guard (%s), and says how to replay it', async (broken, from, seeds, finding) => {
  const { code, stdout } = await simulate(['--from', String(from), '--seeds', String(seeds)], broken)
  expect(code).toBe(1)
  expect(stdout).toMatch(finding)
  expect(stdout).toMatch(/^Seed (\d+) fails:$[\s\S]*^ {2}Replay it with: npm run simulate -- --seed \1 --trace$/m)
})
