// Runs once before all tests: finds the servers for them, says which engines they run on, and at the end removes the
// databases that they made.
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { Connection } from 'rabbitmq-client'
import type { TestProject } from 'vitest/node'
import { askServer } from './ask-server.js'
import { hasRedisServer, startPrivateRedis } from './private-redis.js'
import type { ServerName } from './servers.js'

/** A server on which tests may create databases. */
export interface FoundServer {
  /** Names a database that exists and stays empty. */
  readonly url: string
  /** `PostgreSQL 15.6`. */
  readonly product: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is no server. */
    servers: Readonly<Record<ServerName, FoundServer | null>>
    /** The names of the databases that this run creates begin with it. */
    databasePrefix: string
  }
}

const STANDARD_URLS: Record<ServerName, readonly string[]> = {
  postgres: ['postgres://root@127.0.0.1:5432/test', 'postgres://postgres@127.0.0.1:5432/test'],
  mysql: ['mysql://root@127.0.0.1:3306/test'],
  redis: ['redis://127.0.0.1:6379'],
  rabbitmq: ['amqp://guest:guest@127.0.0.1:5672'],
}

export default async function findServers(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, mysql, foundRedis, rabbitmq] = await Promise.all([
    find('postgres', databaseProduct),
    find('mysql', databaseProduct),
    find('redis', redisProduct),
    find('rabbitmq', rabbitProduct),
  ])
  const privateRedis = foundRedis === null && hasRedisServer() ? await startPrivateRedis() : undefined
  const redis = privateRedis ? { url: privateRedis.url, product: 'Redis' } : foundRedis
  const servers = { postgres, mysql, redis, rabbitmq }
  const databasePrefix = `orderctl_test_${Date.now().toString(36)}_`
  project.provide('servers', servers)
  project.provide('databasePrefix', databasePrefix)
  const engines = Object.entries(servers).map(
    ([name, server]) => server?.product ?? `no ${name} (${variableFor(name)} names one)`,
  )
  console.log(`Tests run on: SQLite, ${engines.join(', ')}.`)
  return async () => {
    for (const server of [postgres, mysql]) if (server) await removeDatabases(server.url, databasePrefix)
    await privateRedis?.close()
  }
}

const variableFor = (server: string) => `ORDERCTL_TEST_${server.toUpperCase()}_URL`

/** @param productAt rejects where there is no such server */
async function find(server: ServerName, productAt: (url: string) => Promise<string>): Promise<FoundServer | null> {
  const named = process.env[variableFor(server)]
  // A server that was asked for must be there.
  if (named) return { url: named, product: await productAt(named) }
  for (const url of STANDARD_URLS[server]) {
    const product = await productAt(url).catch(() => undefined)
    if (product !== undefined) return { url, product }
  }
  return null
}

/** `PostgreSQL 15.6 on x86_64 …` · `10.11.6-MariaDB-0+deb12u1` · `8.0.36` */
async function databaseProduct(url: string): Promise<string> {
  const [row] = await askServer(url, 'select version() as version')
  const version = String(row?.['version'])
  if (version.startsWith('PostgreSQL')) return version.split(' ').slice(0, 2).join(' ')
  return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}`
}

/** The queue does not run on a Redis that may evict keys. */
async function redisProduct(url: string): Promise<string> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 1000, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    if ((await redis.info('memory')).includes('maxmemory_policy:noeviction')) return 'Redis'
    throw new Error(`Redis at ${url} needs maxmemory-policy noeviction`)
  } finally {
    redis.disconnect()
  }
}

async function rabbitProduct(url: string): Promise<string> {
  const rabbit = new Connection({ url, connectionTimeout: 3000 })
  try {
    await once(rabbit, 'connection')
    return 'RabbitMQ'
  } finally {
    rabbit.unsafeDestroy()
  }
}

async function removeDatabases(url: string, prefix: string): Promise<void> {
  const isPostgres = url.startsWith('postgres')
  const names = isPostgres
    ? 'select datname as name from pg_database'
    : 'select schema_name as name from information_schema.schemata'
  const ours = (await askServer(url, names)).map((row) => String(row['name'])).filter((name) => name.startsWith(prefix))
  // All at once: PostgreSQL writes a checkpoint for each, and one for all that come together.
  await Promise.all(ours.map((name) => askServer(url, `drop database ${name}${isPostgres ? ' with (force)' : ''}`)))
}
