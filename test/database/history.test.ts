// The queue's history and the status on every database.

import { expect } from 'vitest'
import type { HistoryResult } from '../../src/command-line/history-views.js'
import { takeSnapshot } from '../../src/reports/history.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

describeOnEngines('history', (test) => {
  test('has each settled order in one of two snapshots taken at once', async ({ shop }) => {
    const lines = Array.from({ length: 30 }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 3}` }))
    await shop.importing(csv(...lines))
    const { result } = await shop.json('work', '--drain')
    const worked = result as { completed: number; rolled_back: number }
    expect(worked.completed + worked.rolled_back).toBe(30)
    await shop.rows('update orders set settled_at = settled_at - 120000')
    const now = Date.now()
    await Promise.all([takeSnapshot(shop.db, now), takeSnapshot(shop.db, now + 1)])
    const { history } = (await shop.json('status', '--history')).result as HistoryResult
    const sum = (key: 'completed' | 'failed') => history.reduce((total, row) => total + row[key], 0)
    expect([sum('completed'), sum('failed')]).toEqual([worked.completed, worked.rolled_back])
    expect(history[0]?.runtime_ms?.p99).toBeGreaterThan(0)
    expect(history[0]).toMatchObject({ waiting: 0, oldest_waiting_seconds: null, estimated_wait_seconds: 0 })
    expect((await shop.json('status')).result).toMatchObject({
      queue: { waiting: 0, estimated_wait_seconds: 0 },
      orders: { completed: worked.completed, rolled_back: worked.rolled_back },
    })
  })
})
