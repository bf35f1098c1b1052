// What operators see of a Redis: status, doctor, queue and figures of a shop that has one, and of one whose Redis is away.

import { Redis } from 'ioredis'
import { expect, type TestContext } from 'vitest'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { test } from '../support/shop.js'

const AWAY = { ORDERCTL_REDIS_URL: 'redis://shop:geheim@127.0.0.1:1/3' }

/** @param onTestFinished of the test itself: tests here run side by side */
function withRedis(onTestFinished: TestContext['onTestFinished']) {
  const prefix = randomPrefix()
  const url = `${redisUrl}`
  onTestFinished(async () => {
    await removeKeys(url, prefix)
  })
  return { environment: { ORDERCTL_REDIS_URL: url, ORDERCTL_REDIS_PREFIX: prefix }, prefix, url }
}

describeWithRedis(
  'with a Redis',
  () => {
    test('status counts orders in the database and batches in Redis, and says where Redis lost some', async ({
      shop,
      onTestFinished,
    }) => {
      const { environment, prefix, url } = withRedis(onTestFinished)
      for (const reference of ['1001', '1002', '1003']) shop.order(reference, { dueAt: 1 })
      await shop.runWith({ ...environment, ORDERCTL_BATCH_SIZE: '2' }, 'rebuild', 'queue')

      const { result } = await shop.jsonWith(environment, 'status')
      expect(result).toMatchObject({
        queue: { driver: 'bullmq', paused: false, waiting: 3, active: 0, delayed: 0 },
      })
      expect(result).toMatchObject({ queue: { transport: { unit: 'batches', waiting: 2, active: 0, delayed: 0 } } })

      await removeKeys(url, prefix)
      const emptied = await shop.runWith(environment, 'status')
      expect(emptied.stderr).toMatch(/no batches for the 3 waiting orders.*a worker publishes them again/)
    })

    test('a Prometheus server reads the same counts', async ({ shop, onTestFinished }) => {
      const { environment } = withRedis(onTestFinished)
      for (const reference of ['1001', '1002', '1003']) shop.order(reference, { dueAt: 1 })
      shop.order('1004', { status: 'failed', reason: 'out_of_stock', settledAt: 1 })
      await shop.runWith({ ...environment, ORDERCTL_BATCH_SIZE: '2' }, 'rebuild', 'queue')

      const { code, stdout } = await shop.runWith(environment, 'status', '--format', 'prom')
      expect(code).toBe(0)
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining([
          '# TYPE orderctl_queue_orders gauge',
          'orderctl_queue_orders{state="waiting"} 3',
          'orderctl_queue_paused 0',
          'orderctl_transport_batches{state="waiting"} 2',
          'orderctl_orders{status="pending"} 3',
          'orderctl_orders{status="failed"} 1',
        ]),
      )
      const both = await shop.runWith(environment, 'status', '--format', 'prom', '--csv')
      expect(both.code).toBe(2)
    })

    test('a pause is kept in Redis, where status and doctor see it', async ({ shop, onTestFinished }) => {
      const { environment } = withRedis(onTestFinished)
      shop.order('1001', { dueAt: 1 })
      expect(await shop.jsonWith(environment, 'queue', 'pause')).toEqual({ code: 0, result: { paused: true } })
      expect((await shop.jsonWith(environment, 'status')).result).toMatchObject({ queue: { paused: true } })
      const { result } = await shop.jsonWith(environment, 'doctor')
      expect(result).toMatchObject({
        checks: expect.arrayContaining([
          expect.objectContaining({ name: 'queue', ok: false, fix: expect.stringContaining('orderctl queue resume') }),
        ]),
      })
    })

    test('doctor shows version, eviction policy and clock', async ({ shop, onTestFinished }) => {
      const { environment, url } = withRedis(onTestFinished)
      shop.order('1001')
      const redis = new Redis(url)
      const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1]
      redis.disconnect()
      const { result } = await shop.jsonWith(environment, 'doctor')
      const check = (result as { checks: { name: string }[] }).checks.find(({ name }) => name === 'queue server')
      expect(check).toMatchObject({ ok: true, fix: null })
      expect(JSON.stringify(check)).toMatch(
        new RegExp(`(Redis|Valkey) .*${version ?? 'x'}?.*noeviction, clocks \\d+\\.\\d s apart`),
      )
    })

    test('rebuild publishes figures, and --check finds what differs', async ({ shop, onTestFinished }) => {
      const { environment, prefix, url } = withRedis(onTestFinished)
      shop.order('1001', { status: 'completed', settledAt: 1 })
      await shop.runWith(environment, 'rebuild', 'leaderboard')
      const board = `${prefix}leaderboard:customers:spending:USD`
      const redis = new Redis(url)
      const [member = '', score] = await redis.zrange(board, '0', '0', 'WITHSCORES')
      const checked = async () => {
        const { result } = await shop.jsonWith(environment, 'rebuild', '--check')
        return (result as { checks: { name: string }[] }).checks.find(({ name }) => name === 'redis_customers')
      }
      expect(await checked()).toMatchObject({ ok: true, expected: 1, actual: 1 })
      await redis.zadd(board, Number(score) + 1, member)
      redis.disconnect()
      expect(await checked()).toMatchObject({ ok: false, differences: 1 })
    })

    test('reports say the same with a Redis that is away as without one', async ({ shop }) => {
      shop.order('1001', { status: 'completed', settledAt: 1 })
      for (const args of [
        ['kpis', 'daily', '--date', '2025-01-15'],
        ['kpis', 'range', '--from', '2025-01-15', '--to', '2025-01-16'],
        ['kpis', 'realtime', '--csv'],
        ['leaderboard', 'customers'],
        ['leaderboard', 'products'],
      ]) {
        const outcome = await shop.runWith(AWAY, ...args)
        expect(outcome).toEqual(await shop.runWith({}, ...args))
        expect(outcome.code).toBe(0)
      }
    })

    test('Redis away: status says so, and no password is shown', async ({ shop }) => {
      shop.order('1001', { status: 'completed', settledAt: 1 })
      const status = await shop.runWith(AWAY, 'status')
      expect(status).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/Cannot reach Redis at 127\.0\.0\.1:1\/3/),
      })
      const { result } = await shop.jsonWith(AWAY, 'status')
      expect(result).toMatchObject({ queue: { paused: null, transport: null }, orders: { completed: 1 } })

      const doctor = await shop.runWith(AWAY, 'doctor')
      expect(doctor.code).toBe(1)
      const configured = await shop.runWith(AWAY, 'config')
      expect(configured.stdout).toContain('redis://shop:***@127.0.0.1:1/3')
      for (const { stdout, stderr } of [status, doctor, configured]) expect(stdout + stderr).not.toContain('geheim')
    })
  },
  { concurrent: true },
)
