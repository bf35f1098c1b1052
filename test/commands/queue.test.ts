// Pausing, resuming and emptying the queue.

import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'

const paused = (shop: Shop) => shop.value("select value from settings where name = 'queue_paused'")

describe.concurrent('queue', () => {
  test('a pause holds until it is ended', async ({ shop }) => {
    expect(await shop.json('queue', 'pause')).toEqual({ code: 0, result: { paused: true } })
    expect(paused(shop)).toBe('yes')
    expect(await shop.json('queue', 'resume')).toEqual({ code: 0, result: { paused: false } })
    expect(paused(shop)).toBe('no')
  })

  test('emptying needs --yes, and the orders stay pending', async ({ shop }) => {
    shop.order('1001', { dueAt: 1 })
    shop.order('1002', { dueAt: 1 })
    shop.order('1003', { status: 'payment_processing', dueAt: 1, leaseToken: 'worker' })

    const unasked = await shop.run('queue', 'clear')
    expect(unasked).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') })
    expect(shop.row('1001')).toMatchObject({ due_at: 1 })

    const { code, stdout } = await shop.run('queue', 'clear', '--yes')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^2 orders .* stay pending.*orderctl rebuild queue/)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', due_at: null })
    expect(shop.row('1003')).toMatchObject({ status: 'payment_processing', due_at: 1 })
  })
})
