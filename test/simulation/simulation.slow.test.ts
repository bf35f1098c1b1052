// Seeds that must hold, and guards whose loss the simulation must notice.
import { expect, test } from 'vitest'
import { simulate } from './run-simulation.js'

test('1,000 seeds lose no order, charge none twice and leave the books in order', async () => {
  const { code, stdout } = await simulate(['--seeds', '1000'])
  expect(stdout).toMatch(/^1000 seeds, \d+ steps, 0 failed, digest \w+\n$/)
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

/** The guard, and how many seeds it takes to notice its loss for certain. */
const BREAKS: readonly (readonly [broken: string, seeds: number, finding: RegExp])[] = [
  ['fence', 200, /a settled order has an open payment: \d/],
  ['poison', 200, /killed \d+ threads, not at most 5/],
  ['key', 12, /captured it [2-9] times|we have .*, the provider /],
  ['stock', 12, /CHECK constraint failed: products_reserved/],
]

test.each(BREAKS)('finds a missing guard (%s), and says how to replay it', async (broken, seeds, finding) => {
  const { code, stdout } = await simulate(['--seeds', String(seeds)], broken)
  expect(code).toBe(1)
  expect(stdout).toMatch(finding)
  expect(stdout).toMatch(/^Seed (\d+) fails:$[\s\S]*^ {2}Replay it with: npm run simulate -- --seed \1 --trace$/m)
})
