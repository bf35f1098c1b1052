// `work` and `schedule` that are started while a server is away: they wait for it, or end at once if they are told to.

import { expect } from 'vitest'
import { importing, SLOW } from '../support/drain.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { freePort } from '../support/private-process.js'
import { TcpProxy } from '../support/proxy.js'
import { describeWithPrivateRedis, startPrivateRedis } from '../support/redis.js'
import { test as onSqlite } from '../support/shop.js'
import { until } from '../support/until.js'

const timesIn = (text: string, part: string) => text.split(part).length - 1

/** The shop's server at a port that is closed. Returns what opens it. */
async function awayAt(shop: EngineShop) {
  const proxy = await TcpProxy.open(shop.databaseUrl)
  const { url, port } = proxy
  return { environment: { ORDERCTL_DATABASE_URL: url }, port, open: await proxy.stop(), proxy }
}

describeOnServerEngines(
  'a database server that is away at the start',
  (test, engine) => {
    test.for([
      { command: 'work', done: async (shop: EngineShop) => (await shop.statuses())['completed'] === 1 },
      {
        command: 'schedule',
        done: async (shop: EngineShop) =>
          Number(await shop.value("select count(*) from schedule_runs where result = 'done'")) > 0,
      },
    ])('is waited for by $command, which then does its work', async ({ command, done }, { shop }) => {
      await shop.importing(csv(line()))
      const { environment, port, open, proxy } = await awayAt(shop)
      const service = shop.start({ ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, command)
      await service.saw('Waiting for it.')
      await open()
      await service.saw('Connected.')
      await until(() => done(shop))
      service.child.kill('SIGTERM')
      const { code, stderr } = await service.ended
      proxy.close()
      expect(code, stderr).toBe(130)
      expect(stderr).toContain(`${engine === 'postgres' ? 'PostgreSQL' : 'MySQL'} at 127.0.0.1:${port}/`)
      expect([timesIn(stderr, 'Waiting for it.'), timesIn(stderr, 'Connected.')]).toEqual([1, 1])
    })

    test('ends at once what may not wait, and what ends by itself', async ({ shop }) => {
      const { environment } = await awayAt(shop)
      const commands = [['work', '--no-wait'], ['work', '--drain'], ['schedule', '--no-wait'], ['status']]
      const ended = await Promise.all(commands.map((command) => shop.runWith(environment, ...command)))
      expect(ended.map(({ code }) => code)).toEqual([4, 4, 4, 4])
      for (const { stderr } of ended) expect(stderr).not.toContain('Waiting')
    })

    test('is waited for until SIGTERM or the end of --max-runtime', async ({ shop }) => {
      const { environment } = await awayAt(shop)
      const limited = shop.start(environment, 'work', '--max-runtime', '3s', '--json')
      const stopped = [shop.start(environment, 'work'), shop.start(environment, 'schedule')]
      for (const service of stopped) {
        await service.saw('Waiting for it.')
        service.child.kill('SIGTERM')
        const { code, stderr } = await service.ended
        expect(code, stderr).toBe(130)
        expect(stderr).not.toContain('Finishing')
      }
      const { code, stdout } = await limited.ended
      expect({ code, said: JSON.parse(stdout) }).toMatchObject({
        code: 4,
        said: { error: { code: 'database_unreachable', retryable: true } },
      })
    })
  },
  { concurrent: true },
)

describeWithPrivateRedis('a Redis of the queue', () => {
  onSqlite('that is away at the start is waited for', async ({ shop }) => {
    const server = await startPrivateRedis({ durable: true })
    try {
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: server.url }
      await importing(shop, 3, environment)
      await server.stop()
      const worker = shop.start(environment, 'work')
      await worker.saw(`Cannot reach Redis at 127.0.0.1:${server.port}`)
      await server.start()
      await worker.saw('Connected.')
      await until(() => shop.value("select count(*) from orders where status = 'completed'") === 3)
      worker.child.kill('SIGTERM')
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(130)
      expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
    } finally {
      await server.close()
    }
  })

  onSqlite('that is unfit, or refuses us, is not waited for', async ({ shop }) => {
    const server = await startPrivateRedis({ maxmemoryPolicy: 'allkeys-lru' })
    const locked = await startPrivateRedis({ password: 'other' })
    try {
      await shop.run('migrate')
      expect(await shop.runWith({ ORDERCTL_QUEUE_URL: server.url }, 'work')).toMatchObject({ code: 2 })
      const withoutPassword = { ORDERCTL_QUEUE_URL: `redis://127.0.0.1:${locked.port}` }
      expect(await shop.runWith(withoutPassword, 'work')).toMatchObject({ code: 4 })
    } finally {
      await Promise.all([server.close(), locked.close()])
    }
  })
})

onSqlite('a worker without a database file ends at once', async ({ newShop: shop }) => {
  expect(await shop.json('work')).toMatchObject({ code: 1, result: { error: { code: 'database_missing' } } })
})

onSqlite('a worker that is stopped while it waits prints its result', async ({ shop }) => {
  await shop.run('migrate')
  const away = { ORDERCTL_QUEUE_URL: `redis://127.0.0.1:${await freePort()}` }
  const worker = shop.start({ ...away, ORDERCTL_LOG_FORMAT: 'json' }, 'work')
  await worker.saw('"event":"server_away"')
  worker.child.kill('SIGINT')
  const { code, stdout } = await worker.ended
  expect(code).toBe(130)
  expect(stdout).toMatch(/processed\s+│\s+0 /)
})
