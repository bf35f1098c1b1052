// `orderctl work` on a terminal: what it waits for, how far it is, and what Ctrl-C does.
import { describe, expect } from 'vitest'
import { importing, inHand } from '../support/drain.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

/** As Ctrl-C, which would end the shell of the pseudo-terminal as well. */
const interrupt = ({ pid }: PseudoTerminal) => process.kill(pid, 'SIGINT')

/** A batch takes long enough to be seen. */
const SLOW = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '1000',
  ORDERCTL_BATCH_SIZE: '20',
  NO_COLOR: '1',
}

type OpenWork = (columns: number, environment: Record<string, string>, ...flags: string[]) => PseudoTerminal

/** Tests with a shop, and a way to start a worker in a terminal. */
const test = shopTest.extend<{ openWork: OpenWork }>({
  openWork: async ({ shop }, use) => {
    const opened: PseudoTerminal[] = []
    await use((columns, environment, ...flags) => {
      const options = { columns, rows: 24, environment: { ...SLOW, ...environment } }
      const terminal = new PseudoTerminal(shop, options, 'work', ...flags)
      opened.push(terminal)
      return terminal
    })
    for (const terminal of opened) await terminal.close()
  },
})

/** The screen with letters in place of figures that vary, and without the spinner. */
function steady(screen: string): string {
  return screen
    .replace(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /gm, '')
    .replace(/[█▏▎▍▌▋▊▉]+ +(?=\d)/g, 'BAR ')
    .replace(/\d+(?= orders\/s)/g, 'R')
    .replace(/[\d.]+ s(?= left)/, 'T s')
    .replace(/in [\d.]+ s/, 'in T s')
}

test('a line that fills the terminal is cleared, also after a key that the terminal shows', async ({
  shop,
  openWork,
}) => {
  shop.order('LATER', { status: 'pending', dueAt: Date.now() + 3_600_000 })
  const terminal = openWork(40, {})
  await terminal.shows((screen) => screen.includes('Waiting for orders: 0 due, 1'))
  // Shown as ^B, as Ctrl-C is shown as ^C.
  terminal.type('\u0002')
  await until(() => terminal.written.includes('^B'))
  interrupt(terminal)
  expect(await terminal.left()).toBe(130)
  expect(terminal.screen).toMatch(/^Orders +Count\n/)
})

describe.each([80, 120])('at %i columns', (columns) => {
  test('an idle worker says what it waits for', async ({ shop, openWork }) => {
    shop.order('LATER', { status: 'pending', dueAt: Date.now() + 3_600_000 })
    const terminal = openWork(columns, {})
    await terminal.shows((screen) => screen.includes('due later'))
    expect(steady(terminal.screen)).toMatchInlineSnapshot(`" Waiting for orders: 0 due, 1 order due later"`)
    interrupt(terminal)
    expect(await terminal.left()).toBe(130)
    expect(steady(terminal.screen)).toMatchInlineSnapshot(`
      "Orders                  Count
      ──────────────────────  ─────
      Completed                   0
      Failed (out of stock)       0
      Rolled back (declined)      0
      Processed                   0
      Finished in T s (R orders/s).
      left with 130"
    `)
  })

  test('a drain shows a bar, counts and the time left', async ({ shop, openWork }) => {
    await importing(shop, 160, {})
    const terminal = openWork(columns, {}, '--drain', '--concurrency', '2')
    await terminal.shows((screen) => /\d+ s left/.test(screen))
    const shown = /Working .{20} +\d+% {2}[\d,]+ orders · .* left · \d+ orders\/s/
    expect(terminal.screen).toMatch(shown)
    expect(await terminal.left()).toBe(0)
    expect(steady(terminal.screen)).toMatchInlineSnapshot(`
      "Orders                  Count
      ──────────────────────  ─────
      Completed                 160
      Failed (out of stock)       0
      Rolled back (declined)      0
      Processed                 160
      Finished in T s (R orders/s).
      left with 0"
    `)
  })

  test('Ctrl-C says how many orders are finished first, and again what becomes of them', async ({ shop, openWork }) => {
    await importing(shop, 40, {})
    const terminal = openWork(columns, { ORDERCTL_PAYMENT_LATENCY_MS: '9000' }, '--concurrency', '2')
    await until(() => inHand(shop) === 40)
    interrupt(terminal)
    await terminal.shows((screen) => screen.includes('Finishing'))
    interrupt(terminal)
    expect(await terminal.left()).toBe(130)
    expect(steady(terminal.screen)).toMatchInlineSnapshot(`
      "Finishing 40 orders in progress. Ctrl-C again ends at once.
      Ended. 40 orders are retried after their lease (30 s) and never charged twice.
      left with 130"
    `)
    expect(terminal.showsCursor).toBe(true)
  })
})
