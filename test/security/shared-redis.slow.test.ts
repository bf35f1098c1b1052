// A Redis that other programs write to: their values harm no order, and theirs stay as they are.
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { randomPrefix, removeKeys } from '../support/redis.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { test as shopTest } from '../support/shop.js'

describeWith('redis', 'a shared Redis', () => {
  const test = shopTest.extend<{ redis: Redis; prefix: string }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    prefix: async ({}, use) => {
      const prefix = randomPrefix()
      await use(prefix)
      await removeKeys(prefix)
    },
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    redis: async ({}, use) => {
      const redis = new Redis(serverUrl('redis'))
      await use(redis)
      redis.disconnect()
    },
  })
  const at = (prefix: string) => ({
    ORDERCTL_REDIS_URL: serverUrl('redis'),
    ORDERCTL_REDIS_PREFIX: prefix,
    ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  })

  test('may deliver jobs of another program, which a worker drops', async ({ shop, redis, prefix }) => {
    const jobs = new Queue('orders', { connection: redis, prefix: `${prefix}bull`, skipVersionCheck: true })
    const foreign = [null, {}, { ids: '1' }, { ids: ['1); drop table orders'] }, { ids: [1.5] }, { ids: { length: 1 } }]
    await jobs.addBulk(foreign.map((data) => ({ name: 'batch', data })))
    await jobs.add('batch', { ids: [-1, 0, 999_999] })
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' })), at(prefix))
    const { code, stderr } = await shop.runWith(at(prefix), 'work', '--drain')
    expect(code, stderr).toBe(0)
    expect(shop.rows('select reference, status from orders')).toEqual([
      { reference: 'A-1', status: 'completed' },
      { reference: 'A-2', status: 'completed' },
    ])
    expect(await jobs.getJobCounts('waiting', 'active', 'delayed', 'failed')).toMatchObject({ waiting: 0, active: 0 })
  })

  test('may hold wrong figures, which no report shows and a check finds', async ({ shop, redis, prefix }) => {
    await shop.importing(csv(line({ order: 'A-1', customer: 'C-1' })), at(prefix))
    await shop.runWith(at(prefix), 'work', '--drain')
    const [board = ''] = (await redis.keys(`${prefix}leaderboard:customers:spending:*`)).sort()
    expect(board).toContain(':USD')
    await redis.zadd(board, '1000000', 'intruder\u001b[2J')
    const shown = await shop.jsonWith(at(prefix), 'leaderboard', 'customers')
    expect(JSON.stringify(shown.result)).not.toContain('intruder')
    const { code, stdout } = await shop.runWith(at(prefix), 'rebuild', 'leaderboard', '--check')
    expect({ code, stdout }).toEqual({ code: 6, stdout: expect.not.stringContaining('\u001b[2J') })
    expect(await shop.runWith(at(prefix), 'rebuild', 'leaderboard')).toMatchObject({ code: 0 })
    expect(await redis.zrange(board, '0', '-1')).toHaveLength(1)
  })

  test('keeps what lies outside the prefix', async ({ shop, redis, prefix }) => {
    // Looks like the prefix to a pattern of Redis.
    const theirs = prefix.replace(/:$/, '-other:')
    const keys = ['bull:orders:wait', 'bull:orders:meta', 'leaderboard:customers:spending:USD', 'kpis:published']
    for (const key of keys) await redis.set(theirs + key, 'theirs')
    await shop.importing(csv(line({ order: 'A-1' })), at(prefix))
    for (const args of [
      ['work', '--drain'],
      ['rebuild', 'all', '--fix'],
      ['queue', 'clear', '--yes'],
    ])
      await shop.runWith(at(prefix), ...args)
    expect(await redis.mget(keys.map((key) => theirs + key))).toEqual(keys.map(() => 'theirs'))
    expect(await redis.keys(`${theirs}*`)).toHaveLength(keys.length)
    await removeKeys(theirs)
  })
})
