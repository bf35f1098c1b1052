// A Redis that answers and serves nobody: after a failover, or for want of memory, disk or replicas. It counts as away.

import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { completed, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { type PrivateRedis, startPrivateRedis } from '../support/private-redis.js'
import { TcpProxy } from '../support/proxy.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { test as placeTest } from '../support/shop.js'
import { until } from '../support/until.js'

const test = placeTest.extend<{ server: PrivateRedis; admin: Redis }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  server: async ({}, use) => {
    const server = await startPrivateRedis()
    await use(server)
    await server.close()
  },
  admin: async ({ server }, use) => {
    const admin = new Redis(server.url, { enableReadyCheck: false, retryStrategy: () => null })
    await use(admin)
    admin.disconnect()
  },
})

interface State {
  readonly reply: string
  readonly told: string
  enter(admin: Redis): Promise<unknown>
  leave(admin: Redis): Promise<unknown>
}

const set = (name: string, value: string) => (admin: Redis) => admin.config('SET', name, value)

const STATES: readonly State[] = [
  {
    reply: 'READONLY',
    told: 'is a replica and takes no writes',
    enter: (admin) => admin.replicaof('127.0.0.1', 1),
    leave: (admin) => admin.replicaof('NO', 'ONE'),
  },
  {
    reply: 'OOM',
    told: 'has used all memory that maxmemory allows',
    enter: set('maxmemory', '1'),
    leave: set('maxmemory', '0'),
  },
  {
    reply: 'NOREPLICAS',
    told: 'has too few replicas to take writes',
    enter: set('min-replicas-to-write', '1'),
    leave: set('min-replicas-to-write', '0'),
  },
  {
    reply: 'MISCONF',
    told: 'cannot save its data, so it takes no writes',
    enter: async (admin) => {
      mkdirSync(await dumpOf(admin))
      await admin.config('SET', 'save', '3600 1000000')
      await admin.bgsave()
      await until(async () => (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'))
    },
    leave: async (admin) => {
      rmdirSync(await dumpOf(admin))
      await admin.bgsave()
    },
  },
  {
    reply: 'BUSY',
    told: 'is busy with a script of another program',
    enter: async (admin) => {
      await admin.config('SET', 'lua-time-limit', '1')
      const other = admin.duplicate()
      // Ends with an error when it is killed.
      void other.eval('while true do end', 0).catch(() => other.disconnect())
      await until(async () => (await admin.ping().catch(String)).includes('BUSY'))
    },
    leave: (admin) => admin.script('KILL'),
  },
]

/** A folder at its path keeps the server from saving. */
async function dumpOf(admin: Redis): Promise<string> {
  const folder = (await admin.config('GET', 'dir')) as [string, string]
  return join(folder[1], 'dump.rdb')
}

const timesIn = (text: string, part: string) => text.split(part).length - 1

describeWithPrivateRedis(
  'a Redis that answers',
  () => {
    for (const { reply, told, enter, leave } of STATES) {
      test(`${reply} counts as away: a drain waits for it and goes on`, async ({ shop, server, admin }) => {
        const environment = { ...SLOW, ORDERCTL_QUEUE_URL: server.url }
        await importing(shop, 200, environment)
        const worker = shop.start(environment, 'work', '--drain', '--concurrency', '2')
        await until(() => completed(shop) > 0)
        await enter(admin)
        await worker.saw(`Redis at 127.0.0.1:${server.port} ${told}. Waiting for it.`)
        expect(completed(shop)).toBeLessThan(200)
        const refused = await shop.jsonWith(environment, 'import', shop.file('more.csv', singles(210)))
        expect(refused).toMatchObject({
          code: 4,
          result: { error: { code: 'redis_unavailable', retryable: true, message: expect.stringContaining(told) } },
        })
        expect(await shop.start(environment, 'work', '--no-wait').ended).toMatchObject({ code: 4 })
        await leave(admin)
        const { code, stderr } = await worker.ended
        expect(code, stderr).toBe(0)
        expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
        expect(timesIn(stderr, 'is back.')).toBe(1)
        await expectSoldOnce(shop, 200)
      })
    }

    test('READONLY in the middle of an import: all is stored, and the exit code says that workers were not told', async ({
      shop,
      server,
      admin,
    }) => {
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: server.url }
      await importing(shop, 1, environment)
      await admin.config('RESETSTAT')
      // As long as another writer has the database, the import can connect and read, and not store.
      shop.sqlite.exec('begin immediate')
      const running = shop.start(environment, 'import', shop.file('more.csv', singles(200)))
      await until(async () => (await admin.info('commandstats')).includes('cmdstat_setrange'))
      await admin.replicaof('127.0.0.1', 1)
      shop.sqlite.exec('commit')
      const { code, stderr } = await running.ended
      expect(code, stderr).toBe(4)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain('is a replica and takes no writes')
      await admin.replicaof('NO', 'ONE')
      expect(await shop.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 200)
    })
  },
  { concurrent: true },
)

describeWithPrivateRedis('a failover', () => {
  test('leads a drain to the new primary, though the old one still answers', async ({ shop, server, admin }) => {
    const other = await startPrivateRedis()
    const promoted = new Redis(other.url)
    const proxy = await TcpProxy.open(server.url)
    try {
      await admin.config('SET', 'repl-diskless-sync-delay', '0')
      await promoted.replicaof('127.0.0.1', server.port)
      await until(async () => (await promoted.info('replication')).includes('master_link_status:up'))
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: `redis://127.0.0.1:${proxy.port}` }
      await importing(shop, 300, environment)
      const worker = shop.start(environment, 'work', '--drain')
      await until(() => completed(shop) > 0)
      await promoted.replicaof('NO', 'ONE')
      proxy.leadTo(other.port)
      await admin.replicaof('127.0.0.1', other.port)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(timesIn(stderr, 'is back.')).toBe(timesIn(stderr, 'Waiting for it.'))
      await expectSoldOnce(shop, 300)
      expect(await promoted.info('commandstats')).toContain('cmdstat_evalsha')
    } finally {
      proxy.close()
      promoted.disconnect()
      await other.close()
    }
  })
})
