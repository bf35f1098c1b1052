// `work` and `schedule` that are started while a server is unreachable wait for it, or end at once if they may not.

import { expect } from 'vitest'
import { completed, importing, SLOW } from '../support/drain.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { freePort } from '../support/private-process.js'
import { startPrivateRedis } from '../support/private-redis.js'
import { TcpProxy } from '../support/proxy.js'
import { onFragileRedis } from '../support/queue-drivers.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { test as onSqlite } from '../support/shop.js'
import { until } from '../support/until.js'

/** The shop's server behind a port that is closed. */
async function closedPortOf(shop: EngineShop) {
  const proxy = await TcpProxy.open(shop.databaseUrl)
  await proxy.stop()
  return { environment: { ORDERCTL_DATABASE_URL: proxy.url }, proxy }
}

describeOnServerEngines(
  'a database server that is unreachable at the start',
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
      const { environment, proxy } = await closedPortOf(shop)
      const service = shop.start({ ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, command)
      await service.saw('Waiting for it.')
      await proxy.goOn()
      await service.saw('Connected.')
      await until(() => done(shop))
      service.child.kill('SIGTERM')
      const { code, stderr } = await service.ended
      proxy.close()
      expect(code, stderr).toBe(130)
      expect(stderr).toContain(`${engine === 'postgres' ? 'PostgreSQL' : 'MySQL'} at 127.0.0.1:${proxy.port}/`)
      expect(stderr.match(/Waiting for it\.|Connected\./g)).toEqual(['Waiting for it.', 'Connected.'])
    })

    test('ends commands at once that may not wait or that end by themselves', async ({ shop }) => {
      const { environment } = await closedPortOf(shop)
      const commands = [['work', '--no-wait'], ['work', '--drain'], ['schedule', '--no-wait'], ['status']]
      const ended = await Promise.all(commands.map((command) => shop.runWith(environment, ...command)))
      expect(ended.map(({ code }) => code)).toEqual([4, 4, 4, 4])
      for (const { stderr } of ended) expect(stderr).not.toContain('Waiting')
    })

    test('is waited for until SIGTERM or the end of --max-runtime', async ({ shop }) => {
      const { environment } = await closedPortOf(shop)
      const limited = shop.start(environment, 'work', '--max-runtime', '3s', '--json')
      const stopped = [shop.start(environment, 'work'), shop.start(environment, 'schedule')]
      for (const service of stopped) {
        await service.saw('Waiting for it.')
        service.child.kill('SIGTERM')
        const { code, stderr } = await service.ended
        expect(code, stderr).toBe(130)
        expect(stderr).not.toContain('Finishing')
      }
      const { code, stderr } = await limited.ended
      expect(code).toBe(4)
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'database_unreachable', retryable: true } })
    })
  },
  { concurrent: true },
)

describeWithPrivateRedis('the Redis of a queue', () => {
  onSqlite('is waited for if it is unreachable at the start', async ({ shop, onTestFinished }) => {
    const { environment, name, proxy, close } = await onFragileRedis()
    onTestFinished(close)
    await importing(shop, 3, { ...SLOW, ...environment })
    await proxy.stop()
    const worker = shop.start({ ...SLOW, ...environment }, 'work')
    await worker.saw(`Cannot reach ${name}`)
    await proxy.goOn()
    await worker.saw('Connected.')
    await until(() => completed(shop) === 3)
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(130)
    expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
  })

  onSqlite.for([
    { why: 'is unfit', setting: ['--maxmemory-policy', 'allkeys-lru'], code: 2 },
    { why: 'refuses the login', setting: ['--requirepass', 'other'], code: 4 },
  ])('is not waited for if it $why', async ({ setting, code }, { shop, onTestFinished }) => {
    const server = await startPrivateRedis(...setting)
    onTestFinished(() => server.close())
    await shop.run('migrate')
    expect(await shop.runWith({ ORDERCTL_QUEUE_URL: server.url }, 'work')).toMatchObject({ code })
  })
})

onSqlite('a worker that is stopped while it waits prints its result', async ({ shop }) => {
  await shop.run('migrate')
  const unreachable = { ORDERCTL_QUEUE_URL: `redis://127.0.0.1:${await freePort()}` }
  const worker = shop.start({ ...unreachable, ORDERCTL_LOG_FORMAT: 'json' }, 'work')
  await worker.saw('"event":"server_away"')
  worker.child.kill('SIGINT')
  const { code, stdout } = await worker.ended
  expect(code).toBe(130)
  expect(stdout).toMatch(/Processed +0\n/)
})
