// Whatever goes wrong: as text a cause and a next step, with --json one document that says the same.

import { expect } from 'vitest'
import { test } from '../support/shop.js'

const FAILURES: readonly (readonly string[])[] = [
  ['orders', 'list'],
  ['orders', 'show'],
  ['failed', 'list', '--limit', '0'],
  ['failed', 'list', '--since', 'yesterday'],
  ['failed', 'list', '--reason', 'bad_luck'],
  ['products', 'adjust', 'A', '0', '--reason', 'nothing'],
  ['products', 'adjust', 'A', '5'],
  ['products', 'import', 'missing.csv'],
  ['migrate', '--sideways'],
]

test('every failure names its cause and the next step, and exits as said', async ({ newShop: shop }) => {
  const inText = FAILURES.map(async (args) => {
    const { code, stdout, stderr } = await shop.run(...args)
    const [cause, ...steps] = stderr.trimEnd().split('\n')
    expect(code, stderr).toBeGreaterThan(0)
    expect(stdout, stderr).toBe('')
    expect(cause).toMatch(/^Error: \S/)
    expect(steps.at(-1)).toMatch(/^[A-Z`].{10,}/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })
  const inJson = FAILURES.slice(0, 1).map(async (args) => {
    const { code, result } = await shop.json(...args)
    expect(code).toBeGreaterThan(0)
    expect(result).toEqual({
      error: {
        code: expect.stringMatching(/^[a-z_]+$/),
        message: expect.stringMatching(/\S/),
        fix: expect.stringMatching(/\S/),
        retryable: false,
      },
    })
  })
  await Promise.all([...inText, ...inJson])
})
