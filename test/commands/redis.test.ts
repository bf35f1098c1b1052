// What operators see of Redis in status, doctor, queue and reports, and when it is unreachable.

import { Redis } from 'ioredis'
import { expect, type TestContext } from 'vitest'
import { checksOf, failure } from '../support/doctor.js'
import { randomPrefix, removeKeys } from '../support/redis.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { test } from '../support/shop.js'

const UNREACHABLE = { ORDERCTL_REDIS_URL: 'redis://shop:geheim@127.0.0.1:1/3' }

/** @param onTestFinished of the test itself: tests here run side by side */
function withRedis(onTestFinished: TestContext['onTestFinished']) {
  const prefix = randomPrefix()
  const url = serverUrl('redis')
  onTestFinished(async () => void (await removeKeys(prefix)))
  return { environment: { ORDERCTL_REDIS_URL: url, ORDERCTL_REDIS_PREFIX: prefix }, prefix, url }
}

describeWith(
  'redis',
  'Redis',
  () => {
    test('status counts orders in the database and batches in Redis, and reports batches that Redis lost', async ({
      shop,
      onTestFinished,
    }) => {
      const { environment, prefix } = withRedis(onTestFinished)
      for (const reference of ['1001', '1002', '1003']) shop.order(reference, { dueAt: 1 })
      shop.order('1004', { status: 'failed', settledAt: 1 })
      await shop.runWith({ ...environment, ORDERCTL_BATCH_SIZE: '2' }, 'rebuild', 'queue')

      const transport = { unit: 'batches', waiting: 2, active: 0, delayed: 0 }
      expect((await shop.jsonWith(environment, 'status')).result).toMatchObject({
        queue: { driver: 'bullmq', paused: false, waiting: 3, active: 0, delayed: 0, transport },
      })
      const prom = await shop.runWith(environment, 'status', '--format', 'prom')
      expect(prom.code).toBe(0)
      expect(prom.stdout.split('\n')).toEqual(
        expect.arrayContaining([
          '# TYPE orderctl_queue_orders gauge',
          'orderctl_queue_orders{state="waiting"} 3',
          'orderctl_queue_paused 0',
          'orderctl_transport_batches{state="waiting"} 2',
          'orderctl_orders{status="pending"} 3',
          'orderctl_orders{status="failed"} 1',
        ]),
      )
      expect((await shop.runWith(environment, 'status', '--format', 'prom', '--csv')).code).toBe(2)

      await removeKeys(prefix)
      const emptied = await shop.runWith(environment, 'status')
      expect(emptied.stderr).toMatch(/no batches for 3 waiting orders/)
    })

    test('status and doctor show a pause that is stored in Redis, and doctor the server itself', async ({
      shop,
      onTestFinished,
    }) => {
      const { environment, url } = withRedis(onTestFinished)
      shop.order('1001', { dueAt: 1 })
      expect(await shop.jsonWith(environment, 'queue', 'pause')).toEqual({ code: 0, result: { paused: true } })
      expect((await shop.jsonWith(environment, 'status')).result).toMatchObject({ queue: { paused: true } })
      const redis = new Redis(url)
      const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1]
      redis.disconnect()
      const server = new RegExp(`(Redis|Valkey) .*${version ?? 'x'}?.*noeviction, clocks \\d+\\.\\d s apart`)
      expect(await checksOf(shop, environment)).toEqual(
        expect.arrayContaining([
          failure('queue', /./, /orderctl queue resume/),
          expect.objectContaining({ name: 'queue server', ok: true, detail: expect.stringMatching(server) }),
        ]),
      )
    })

    test('reports are the same with an unreachable Redis as without one', async ({ shop }) => {
      shop.order('1001', { status: 'completed', settledAt: 1 })
      for (const args of [
        ['kpis', 'daily', '--date', '2025-01-15'],
        ['kpis', 'range', '--from', '2025-01-15', '--to', '2025-01-16'],
        ['kpis', 'realtime', '--csv'],
        ['leaderboard', 'customers'],
        ['leaderboard', 'products'],
      ]) {
        const outcome = await shop.runWith(UNREACHABLE, ...args)
        expect(outcome).toEqual(await shop.runWith({}, ...args))
        expect(outcome.code).toBe(0)
      }
    })

    test('status reports an unreachable Redis, and neither it nor config shows a password', async ({ shop }) => {
      shop.order('1001', { status: 'completed', settledAt: 1 })
      const status = await shop.runWith(UNREACHABLE, 'status')
      const cause = expect.stringContaining('Cannot reach Redis at 127.0.0.1:1/3')
      expect(status).toMatchObject({ code: 0, stderr: cause })
      const { result } = await shop.jsonWith(UNREACHABLE, 'status')
      expect(result).toMatchObject({ queue: { paused: null, transport: null }, orders: { completed: 1 } })
      const { stdout } = await shop.runWith(UNREACHABLE, 'config')
      expect(stdout).toContain('redis://shop:***@127.0.0.1:1/3')
      expect(status.stdout + status.stderr + stdout).not.toContain('geheim')
    })
  },
  { concurrent: true },
)
