// What a person sees after a typo: in a command, a flag or a value.
import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

const SCREENS: readonly (readonly [args: string, screen: string])[] = [
  [
    'ordres list',
    `Error: Unknown command "ordres list".
Did you mean "orderctl orders list"? List the commands with: orderctl help
`,
  ],
  [
    'leaderbord',
    `Error: Unknown command "leaderbord".
Did you mean "orderctl leaderboard"? List the commands with: orderctl help
`,
  ],
  ['xyzzy', 'Error: Unknown command "xyzzy".\nList the commands with: orderctl help\n'],
  [
    'orders list --staus failed',
    `Error: Unknown flag --staus.
Did you mean "--status"? See: orderctl orders list --help
`,
  ],
  [
    'orders list --limit abc',
    `Error: --limit must be all or a whole number from 1 to 999,999,999; got abc
See: orderctl orders list --help
`,
  ],
  [
    'work --concurrency 0',
    'Error: --concurrency must be a whole number from 1 to 1,000; got 0\nSee: orderctl work --help\n',
  ],
  [
    'orders list --status pendng',
    `Error: --status must be one of pending, reserved, payment_processing, completed, failed, rolled_back; got pendng
Did you mean "pending"? See: orderctl orders list --help
`,
  ],
  [
    'orders list --status done',
    `Error: --status must be one of pending, reserved, payment_processing, completed, failed, rolled_back; got done
See: orderctl orders list --help
`,
  ],
  [
    'import orders.csv --dry-run --resume',
    'Error: --resume cannot be used with --dry-run.\nSee: orderctl import --help\n',
  ],
]

describe.concurrent('after a typo', () => {
  test.for(SCREENS)('"%s" shows what was meant', async ([args, screen], { newShop: shop }) => {
    expect(await shop.run(...args.split(' '))).toEqual({ code: 2, stdout: '', stderr: screen })
  })

  test('an unknown command is JSON on stderr with --json', async ({ newShop: shop }) => {
    const outcome = await shop.run('ordres', 'list', '--json')
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(outcome.stderr)).toEqual({
      error: {
        code: 'unknown_command',
        message: 'Unknown command "ordres list".',
        fix: 'Did you mean "orderctl orders list"? List the commands with: orderctl help',
        retryable: false,
      },
    })
  })
})
