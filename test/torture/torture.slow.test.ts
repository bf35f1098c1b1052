// A short torture run on each kind of database, each with another queue. `npm run torture` has the long ones.
import { expect, inject, test } from 'vitest'
import { describeUnless } from '../support/servers.js'
import { torture } from './run.js'
import { type DatabaseName, type QueueName, whyNotPossible } from './stand.js'

const RUNS: readonly (readonly [DatabaseName, QueueName])[] = [
  ['sqlite', 'embedded'],
  ['postgres', 'redis'],
  ['mysql', 'rabbitmq'],
]

for (const [db, queue] of RUNS)
  describeUnless(whyNotPossible(db, queue, inject('servers')), `torture on ${db} with ${queue}`, () => {
    test('breaks no promise', async () => {
      const journal = await torture({ db, queue, orders: 300, kills: 8, seed: 1, verbose: false })
      expect(journal.violations, journal.timeline).toEqual([])
      expect(journal.kills).toBeGreaterThanOrEqual(8)
    })
  })
