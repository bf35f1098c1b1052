// Each failure names its cause and the next step, as text and with --json.

import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

describe.concurrent('every failure names its cause and the next step', () => {
  test.for([
    ['orders', 'list'],
    ['orders', 'show'],
    ['failed', 'list', '--limit', '0'],
    ['failed', 'list', '--since', 'someday'],
    ['failed', 'list', '--reason', 'bad_luck'],
    ['products', 'adjust', 'A', '0', '--reason', 'nothing'],
    ['products', 'adjust', 'A', '5'],
    ['products', 'import', 'missing.csv'],
    ['migrate', '--sideways'],
  ])('%s', async (args, { newShop: shop }) => {
    const { code, stdout, stderr } = await shop.run(...args)
    expect(code).toBeGreaterThan(0)
    expect(stdout).toBe('')
    const [cause, ...steps] = stderr.trimEnd().split('\n')
    expect(cause).toMatch(/^Error: \S/)
    expect(steps.at(-1)).toMatch(/^[A-Z`].{10,}/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test('orders list --json', async ({ newShop: shop }) => {
    const text = expect.stringMatching(/\S/)
    const error = { code: 'database_missing', message: text, fix: text, retryable: false }
    expect(await shop.json('orders', 'list')).toEqual({ code: 1, result: { error } })
  })
})
