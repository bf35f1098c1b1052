// Whatever goes wrong: as text a cause and a next step, with --json one document that says the same.
import { expect, test } from 'vitest'
import { Shop } from './shop.js'

const FAILURES: readonly (readonly string[])[] = [
  ['orders', 'list'],
  ['orders', 'list', '--status', 'lost'],
  ['orders', 'show'],
  ['failed', 'retry'],
  ['failed', 'retry', '--all'],
  ['failed', 'clear', '--since', 'then', '--yes'],
  ['queue', 'clear'],
  ['products', 'adjust', 'A', 'five', '--reason', 'x'],
  ['products', 'adjust', 'A', '5', '--reason', 'x'],
  ['products', 'import', 'missing.csv'],
  ['products', 'list', '--low', '-1'],
  ['migrate', '--sideways'],
]

test('every failure names its cause and the next step, and exits as said', async () => {
  const shop = new Shop()
  try {
    await Promise.all(
      FAILURES.map(async (args) => {
        const text = await shop.run(...args)
        expect(text.code, args.join(' ')).toBeGreaterThan(0)
        expect(text.stdout, args.join(' ')).toBe('')
        const [cause = '', ...steps] = text.stderr.trimEnd().split('\n')
        expect(cause, args.join(' ')).toMatch(/^Error: \S/)
        expect(steps.at(-1), args.join(' ')).toMatch(/^[A-Z`].{10,}/)
        expect(text.stderr).not.toMatch(/^\s+at /m)

        const { code, result } = await shop.json(...args)
        expect(code).toBe(text.code)
        expect(result).toEqual({
          error: {
            code: expect.stringMatching(/^[a-z_]+$/),
            message: expect.any(String),
            fix: steps.at(-1),
            retryable: false,
          },
        })
      }),
    )
  } finally {
    shop.remove()
  }
})
