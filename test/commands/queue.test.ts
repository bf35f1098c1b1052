// `queue pause`, `queue resume` and `queue clear`.

import { describe, expect } from 'vitest'
import { answerAtTerminal } from '../support/pseudo-terminal.js'
import { test } from '../support/shop.js'

describe.concurrent('queue', () => {
  test('stays paused until it is resumed', async ({ shop }) => {
    for (const [command, paused, stored] of [
      ['pause', true, 'yes'],
      ['resume', false, 'no'],
    ] as const) {
      expect(await shop.json('queue', command)).toEqual({ code: 0, result: { paused } })
      expect(shop.value("select value from settings where name = 'queue_paused'")).toBe(stored)
    }
  })

  test('clear needs --yes, and leaves the orders pending', async ({ shop }) => {
    shop.order('1001', { dueAt: 1 })
    shop.order('1002', { dueAt: 1 })
    shop.order('1003', { status: 'payment_processing', dueAt: 1, leaseToken: 'worker' })
    const unasked = await shop.run('queue', 'clear')
    expect(unasked).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') })
    expect(shop.row('1001')).toMatchObject({ due_at: 1 })

    const refused = await answerAtTerminal(shop, 'n', 'queue', 'clear')
    expect(refused.code).toBe(0)
    expect(refused.screen).toMatch(/^Remove .* \[y\/N\] n\nNothing changed\.$/m)
    expect(shop.row('1001')).toMatchObject({ due_at: 1 })

    const { code, stdout } = await shop.run('queue', 'clear', '--yes')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^2 orders .*orderctl rebuild queue/)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', due_at: null })
    expect(shop.row('1003')).toMatchObject({ status: 'payment_processing', due_at: 1 })
  })
})
