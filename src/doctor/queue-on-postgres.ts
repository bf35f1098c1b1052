// A check of the PostgreSQL server that carries the queue: can it be reached, how fast, and is it fit for the job?

import type { Config } from '../config/config.js'
import type { PostgresAddress } from '../servers/addresses.js'
import { LEAST_FREE_CONNECTIONS } from './database-server.js'
import type { Finding, ServerCheck } from './finding.js'
import { roundTripOf, SLOW_MS } from './round-trip.js'

/** None where the queue is elsewhere. */
export function postgresQueueChecks({ queue, queueSchema }: Config): ServerCheck[] {
  if (queue.kind !== 'postgres') return []
  return [{ name: 'queue server', look: () => checkPostgres(queue, queueSchema) }]
}

async function checkPostgres(address: PostgresAddress, schema: string): Promise<Finding> {
  const { openQueuePool, readFacts, refuseUnfit } = await import('../servers/postgres-pool.js')
  const { readTables } = await import('../queue/bullmq/postgres-tables.js')
  // Says first why a server cannot be had, or should not be.
  const { current, latest } = await readTables(address, schema)
  const { pool, letGo } = openQueuePool(address, schema, 1)
  try {
    const facts = await readFacts(pool)
    refuseUnfit(facts, address)
    const roundTrip = await roundTripOf(() => pool.query('select 1'))
    const tables = current === 0 ? 'no tables yet' : `${current} of ${latest} migrations`
    const detail = `PostgreSQL ${facts.version} at ${address.name}, schema ${schema} (${tables}), ${facts.connections} of ${facts.mostConnections} connections in use, round trip ${roundTrip.toFixed(1)} ms`
    if (facts.mostConnections - facts.connections < LEAST_FREE_CONNECTIONS)
      return { detail, fix: 'Raise max_connections on that server, or end what holds its connections.' }
    if (roundTrip > SLOW_MS)
      return { detail, fix: 'Run PostgreSQL nearer to the workers, or look at what slows the network.' }
    return { detail }
  } finally {
    await letGo()
  }
}
