// Every command that changes something, with a fault at one call after the other: afterwards, the shop, its provider
// and its receiver say the same as without the fault. `npm run sweep` meets a fault at every call; this test, at those
// that differ.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import { Lane, type Queue } from './lane.js'
import { sweep } from './sweep.js'

/** The options of run.js, which has their meanings. */
const given = z
  .object({
    db: z.enum(['sqlite', 'postgres', 'mysql']),
    queue: z.enum(['embedded', 'redis', 'postgres', 'rabbitmq']),
    ...{ every: z.coerce.number(), call: z.coerce.number(), only: z.string(), fault: z.string() },
  })
  .optional()
  .parse(JSON.parse(process.env['ORDERCTL_TEST_SWEEP'] ?? 'null') ?? undefined)

const QUEUES = {
  embedded: async () => ({ environment: {}, forget: async () => undefined, close: async () => undefined }),
  redis: () => onRedis(),
  postgres: () => onPostgres(),
  rabbitmq: () => onRabbitMq(),
} satisfies Record<string, () => Promise<Queue>>

test('a command that meets a fault at any call loses nothing and does nothing twice', {
  timeout: 36_000_000,
}, async () => {
  expect(await sweep(given, () => Lane.open(given?.db ?? 'sqlite', QUEUES[given?.queue ?? 'embedded']))).toEqual([])
})
