// Every command that changes something, with a fault at one call after the other: afterwards, the shop, its provider
// and its receiver say the same as without the fault. `npm run sweep` meets a fault at every call; this test, at those
// that differ.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import { Lane, type Queue } from './lane.js'
import { sweep } from './sweep.js'

/** The options of run.js, which has their meanings. */
const { db, queue, ...options } = z
  .object({
    db: z.enum(['sqlite', 'postgres', 'mysql']).default('sqlite'),
    queue: z.enum(['embedded', 'redis', 'postgres', 'rabbitmq']).default('embedded'),
    sample: z.boolean().default(true),
    every: z.coerce.number().default(1),
    call: z.coerce.number().default(0),
    only: z.string().default(''),
    fault: z.string().default(''),
  })
  .parse(JSON.parse(process.env['ORDERCTL_TEST_SWEEP'] ?? '{}'))

const QUEUES = {
  embedded: async () => ({ environment: {}, forget: async () => undefined, close: async () => undefined }),
  redis: () => onRedis(),
  postgres: () => onPostgres(),
  rabbitmq: () => onRabbitMq(),
} satisfies Record<string, () => Promise<Queue>>

const LIMIT = 36_000_000

test('a command that meets a fault at any call loses nothing and does nothing twice', { timeout: LIMIT }, async () => {
  expect(await sweep(options, () => Lane.open(db, QUEUES[queue]))).toEqual([])
})
