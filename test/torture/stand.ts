// The servers of one torture run: a database, a queue, a payment provider and a receiver of webhooks, each of which can
// be broken and repaired.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { hasRedisServer, startPrivateRedis } from '../support/private-redis.js'
import { isInstalled, openPrivateServer, type PrivateServer } from '../support/private-servers.js'
import { TcpProxy } from '../support/proxy.js'
import { deleteQueues, makeQueues, withChannel } from '../support/rabbitmq.js'
import { serverUrl } from '../support/servers.js'
import { SmallDisk } from '../support/small-disk.js'

export const DATABASES = ['sqlite', 'postgres', 'mysql'] as const
export const QUEUES = ['embedded', 'redis', 'postgres', 'rabbitmq'] as const
export type DatabaseName = (typeof DATABASES)[number]
export type QueueName = (typeof QUEUES)[number]

/** Why this machine cannot run it. @param found the servers that tests share */
export function whyNotPossible(db: DatabaseName, queue: QueueName, found: { readonly rabbitmq: unknown }) {
  const engines = [db, queue].filter((name) => name === 'postgres' || name === 'mysql')
  const missing = engines.find((engine) => !isInstalled(engine))
  if (missing) return `${missing} is not installed`
  if (queue === 'redis' && !hasRedisServer()) return 'there is no redis-server on the PATH'
  return queue === 'rabbitmq' && !found.rabbitmq ? 'no RabbitMQ server was found' : undefined
}

/** Breaks something, and repairs it. */
export interface Fault {
  readonly name: string
  /** Whether it ends a server process. */
  readonly isKill: boolean
  breaks(): unknown
  repairs(): unknown
}

/** A server, or the parts of one, in one role. */
interface Part {
  readonly faults: readonly Fault[]
  readonly environment: Readonly<Record<string, string>>
  close(): unknown
}

export interface DatabasePart extends Part {
  /** For the checker: not through a proxy. */
  readonly url: string
}

export async function openDatabasePart(name: DatabaseName): Promise<DatabasePart & { server?: PrivateServer }> {
  if (name === 'sqlite') return onDisk()
  const server = await openPrivateServer(name)
  await server.makeDatabase()
  const proxy = await TcpProxy.open(server.urlWith())
  return {
    server,
    url: server.urlWith(),
    environment: { ORDERCTL_DATABASE_URL: proxy.url },
    faults: [
      restart(
        'the database',
        () => server.kill(),
        () => server.start(),
      ),
      ...network('the database', proxy),
    ],
    async close() {
      proxy.close()
      await server.close()
    },
  }
}

/** On a small file system if this user may mount one. */
function onDisk(): DatabasePart {
  const disk = new SmallDisk('256m')
  const folder = disk.whyNot ? mkdtempSync(join(tmpdir(), 'orderctl-torture-')) : disk.folder
  if (disk.whyNot) console.log(`The disk is never full: ${disk.whyNot}.`)
  const url = `sqlite:${join(folder, 'orders.sqlite')}`
  const fullDisk = { name: 'fill the disk', isKill: false, breaks: () => disk.fill(), repairs: () => disk.makeRoom() }
  return {
    url,
    environment: { ORDERCTL_DATABASE_URL: url },
    faults: disk.whyNot ? [] : [fullDisk],
    close() {
      disk.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** @param shared a PostgreSQL that the queue shares with the database */
export async function openQueuePart(name: QueueName, shared?: PrivateServer): Promise<Part> {
  switch (name) {
    case 'embedded':
      return { faults: [], environment: {}, close: () => undefined }
    case 'redis':
      return onRedis()
    case 'postgres':
      return onPostgres(shared?.engine === 'postgres' ? shared : undefined)
    case 'rabbitmq':
      return onRabbitMq()
  }
}

/** Keeps nothing on disk, so a restart loses every job. */
async function onRedis(): Promise<Part> {
  const server = await startPrivateRedis()
  const proxy = await TcpProxy.open(server.url)
  const flush = async () => {
    const redis = new Redis(server.url)
    await redis.flushall()
    redis.disconnect()
  }
  return {
    environment: { ORDERCTL_QUEUE_URL: proxy.url },
    faults: [
      restart(
        'Redis',
        () => server.stop(['SIGKILL']),
        () => server.start(),
      ),
      { name: 'FLUSHALL', isKill: false, breaks: flush, repairs: () => undefined },
      ...network('Redis', proxy),
    ],
    async close() {
      proxy.close()
      await server.close()
    },
  }
}

async function onPostgres(shared?: PrivateServer): Promise<Part> {
  const server = shared ?? (await openPrivateServer('postgres'))
  if (!shared) await server.makeDatabase()
  const proxy = await TcpProxy.open(server.urlWith())
  const crash = restart(
    'the queue',
    () => server.kill(),
    () => server.start(),
  )
  return {
    environment: { ORDERCTL_QUEUE_URL: proxy.url },
    faults: [...(shared ? [] : [crash]), ...network('the queue', proxy)],
    async close() {
      proxy.close()
      if (!shared) await server.close()
    },
  }
}

/** Others use the same server, so only the connections and the messages of this run are lost. */
async function onRabbitMq(): Promise<Part> {
  const queue = await makeQueues()
  const proxy = await TcpProxy.open(serverUrl('rabbitmq'))
  const purge = () => withChannel((channel) => channel.queuePurge(queuesNamed(queue).orders))
  return {
    environment: { ORDERCTL_QUEUE_URL: proxy.url, ORDERCTL_QUEUE_NAME: queue },
    faults: [
      { name: 'purge RabbitMQ', isKill: false, breaks: purge, repairs: () => undefined },
      ...network('RabbitMQ', proxy),
    ],
    async close() {
      proxy.close()
      await deleteQueues(queue)
    },
  }
}

function restart(name: string, breaks: () => unknown, repairs: () => unknown): Fault {
  return { name: `kill ${name}`, isKill: true, breaks, repairs }
}

function network(name: string, proxy: TcpProxy): Fault[] {
  const repairs = () => proxy.goOn()
  return [
    { name: `cut the connections to ${name}`, isKill: false, breaks: () => proxy.cut(), repairs },
    { name: `refuse connections to ${name}`, isKill: false, breaks: () => proxy.stop(), repairs },
    {
      name: `silence the connections to ${name}`,
      isKill: false,
      breaks: () => proxy.loseConnections(),
      // As a network that is back resets the connections that it has forgotten.
      repairs: () => proxy.cut(),
    },
    { name: `hang the connections to ${name}`, isKill: false, breaks: () => proxy.hang(), repairs },
  ]
}
