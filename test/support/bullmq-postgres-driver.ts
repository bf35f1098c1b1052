// The queue on PostgreSQL, as the contract wants a driver.

import { UserError } from '../../src/errors.js'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import { migrateTables } from '../../src/queue/bullmq/postgres-tables.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import { urlWith } from './database-servers.js'
import { addressOf, newSchema, postgresUrl, type TestSchema } from './postgres.js'
import { BATCH_SIZE, type Driver, LEASE_MS } from './queue-scene.js'
import { SilentProxy } from './silent-proxy.js'

/** On a server that others use, in a schema of its own. */
export async function onPostgres(): Promise<Driver> {
  const place = newSchema()
  await makeTables(place)
  return {
    ...driverAt(place),
    takeServerAway: () => Promise.reject(new Error('others use this server, too')),
    close: () => place.drop(),
  }
}

/** The same behind a proxy, which can be taken away. */
export async function behindProxy(opened = openProxy(), leaseMs = LEASE_MS): Promise<Driver> {
  const { proxy, place } = await opened
  await makeTables(place)
  return {
    ...driverAt(place, leaseMs),
    takeServerAway: async (how) => {
      if (how === 'hanging') proxy.hang()
      else await proxy.stop()
    },
    close: async () => {
      proxy.close()
      await place.drop()
    },
  }
}

/** Before the clock of the test begins to run: on a busy machine it may take two attempts. */
async function makeTables({ address, schema }: TestSchema): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await migrateTables(address, schema)
      return
    } catch (error) {
      if (attempt === 5 || !(error instanceof UserError && error.retryable)) throw error
    }
  }
}

/** A schema, and a way to it that can be cut. */
export async function openProxy(): Promise<{ proxy: SilentProxy; place: TestSchema }> {
  const { hostname, port } = new URL(`${postgresUrl}`)
  const proxy = await SilentProxy.open(Number(port || 5432), hostname)
  return { proxy, place: newSchema(urlWith('postgres', { hostname: '127.0.0.1', port: `${proxy.port}` })) }
}

function driverAt(
  { schema, environment }: TestSchema,
  leaseMs = LEASE_MS,
): Pick<Driver, 'open' | 'environment' | 'counted'> {
  const server = bullMqOnPostgres(addressOf(environment.ORDERCTL_QUEUE_URL), schema, leaseMs)
  return {
    open: (db) => new ServerQueue(db, server, { batchSize: BATCH_SIZE, leaseMs }),
    environment,
    counted: (orders) => Math.ceil(orders / BATCH_SIZE),
  }
}
