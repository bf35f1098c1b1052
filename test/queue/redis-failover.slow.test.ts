// A Redis that answers but takes no commands: after a failover, or for want of memory, disk or replicas. That is an
// outage.

import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { opened } from '../support/cli.js'
import { completed, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { type PrivateRedis, startPrivateRedis } from '../support/private-redis.js'
import { TcpProxy } from '../support/proxy.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { test as placeTest } from '../support/shop.js'
import { until } from '../support/until.js'

const test = placeTest.extend<{ server: PrivateRedis; admin: Redis }>({
  server: opened(() => startPrivateRedis()),
  admin: async ({ server }, use) => {
    const admin = new Redis(server.url, { enableReadyCheck: false, retryStrategy: () => null })
    await use(admin)
    admin.disconnect()
  },
})

const STATES = [
  {
    reply: 'READONLY',
    told: 'is a replica and rejects writes',
    enter: (admin: Redis) => admin.replicaof('127.0.0.1', 1),
    leave: (admin: Redis) => admin.replicaof('NO', 'ONE'),
  },
  {
    reply: 'OOM',
    told: 'has reached its maxmemory limit',
    enter: (admin: Redis) => admin.config('SET', 'maxmemory', '1'),
    leave: (admin: Redis) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    reply: 'NOREPLICAS',
    told: 'has too few replicas to accept writes',
    enter: (admin: Redis) => admin.config('SET', 'min-replicas-to-write', '1'),
    leave: (admin: Redis) => admin.config('SET', 'min-replicas-to-write', '0'),
  },
  {
    reply: 'MISCONF',
    told: 'cannot save its data, so it rejects writes',
    enter: async (admin: Redis) => {
      mkdirSync(await dumpOf(admin))
      await admin.config('SET', 'save', '3600 1000000')
      await admin.bgsave()
      await until(async () => (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'))
    },
    leave: async (admin: Redis) => {
      rmdirSync(await dumpOf(admin))
      await admin.bgsave()
    },
  },
  {
    reply: 'BUSY',
    told: 'is busy with a script of another program',
    enter: async (admin: Redis) => {
      await admin.config('SET', 'lua-time-limit', '1')
      const other = admin.duplicate()
      // Fails when the script is killed.
      void other.eval('while true do end', 0).catch(() => other.disconnect())
      await until(async () => (await admin.ping().catch(String)).includes('BUSY'))
    },
    leave: (admin: Redis) => admin.script('KILL'),
  },
]

/** A folder at this path keeps the server from saving. */
async function dumpOf(admin: Redis): Promise<string> {
  const folder = (await admin.config('GET', 'dir')) as [string, string]
  return join(folder[1], 'dump.rdb')
}

describeWithPrivateRedis(
  'a Redis that answers',
  () => {
    test.for(STATES)('$reply is an outage: a drain waits and goes on', async (state, { shop, server, admin }) => {
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: server.url }
      await importing(shop, 200, environment)
      const worker = shop.start(environment, 'work', '--drain', '--concurrency', '2')
      await until(() => completed(shop) > 0)
      await state.enter(admin)
      await worker.saw(`Redis at 127.0.0.1:${server.port} ${state.told}. Waiting for it.`)
      expect(completed(shop)).toBeLessThan(200)
      const error = { code: 'redis_unavailable', retryable: true, message: expect.stringContaining(state.told) }
      const refused = await shop.jsonWith(environment, 'import', shop.file('more.csv', singles(210)))
      expect(refused).toMatchObject({ code: 4, result: { error } })
      expect(await shop.start(environment, 'work', '--no-wait').ended).toMatchObject({ code: 4 })
      await state.leave(admin)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(stderr.match(/Waiting for it\.|is back\./g)).toEqual(['Waiting for it.', 'is back.'])
      await expectSoldOnce(shop, 200)
    })
  },
  { concurrent: true },
)

describeWithPrivateRedis('a failover', () => {
  test('leads a drain to the new primary, though the old one still answers', async ({
    shop,
    server,
    admin,
    onTestFinished,
  }) => {
    const other = await startPrivateRedis()
    onTestFinished(() => other.close())
    const promoted = new Redis(other.url)
    onTestFinished(() => promoted.disconnect())
    const proxy = await TcpProxy.open(server.url)
    onTestFinished(() => proxy.close())
    await admin.config('SET', 'repl-diskless-sync-delay', '0')
    await promoted.replicaof('127.0.0.1', server.port)
    await until(async () => (await promoted.info('replication')).includes('master_link_status:up'))
    const environment = { ...SLOW, ORDERCTL_QUEUE_URL: proxy.url }
    await importing(shop, 300, environment)
    const worker = shop.start(environment, 'work', '--drain')
    await until(() => completed(shop) > 0)
    await promoted.replicaof('NO', 'ONE')
    proxy.leadTo(other.port)
    await admin.replicaof('127.0.0.1', other.port)
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(stderr.match(/is back\./g)?.length).toBe(stderr.match(/Waiting for it\./g)?.length)
    await expectSoldOnce(shop, 300)
    expect(await promoted.info('commandstats')).toContain('cmdstat_evalsha')
  })
})
