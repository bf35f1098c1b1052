// doctor: what disagrees, and that no password is ever shown. What is wrong with the file is in setup.test.ts.

import { describe, expect } from 'vitest'
import { checksOf, failure, failuresOf } from '../support/doctor.js'
import { describeWithRedis, redisUrl } from '../support/redis.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { HOUR, test } from '../support/shop.js'

describe.concurrent('doctor', () => {
  test('finds a copy that was cut short, and days of another time zone', async ({ shop }) => {
    shop.sqlite.exec("insert into settings values ('time_zone', 'Europe/Berlin'), ('copying_from', '/data/old.sqlite')")
    const copy = failure('copy', /unfinished copy of \/data\/old.sqlite/, /migrate --from sqlite:\/data\/old.sqlite$/)
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Europe/Berlin' })).toEqual([copy])
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Asia/Tokyo' })).toEqual([
      copy,
      failure('time zone', /Europe\/Berlin.*Asia\/Tokyo/, /orderctl rebuild kpis.*ORDERCTL_TIME_ZONE=Europe\/Berlin/),
    ])
  })

  test('finds a clock that was put back', async ({ shop }) => {
    const note = shop.sqlite.prepare(
      'insert or replace into queue_snapshots values (0, ?, 0, 0, null, null, null, 0, 0, 0, null, null)',
    )
    note.run(Date.now() - HOUR)
    expect(await failuresOf(shop)).toEqual([])
    note.run(Date.now() + HOUR)
    expect(await failuresOf(shop)).toEqual([failure('clock of the database', /3[56]\d\d\.\d s ahead/, /timedatectl/)])
  })

  test('finds a setting whose name is mistyped in the environment', async ({ shop }) => {
    const said = { ORDERCTL_TIMEZONE: 'Europe/Berlin', ORDERCTL_BACH_SIZE: '5', ORDERCTL_DATA_DIR: shop.folder }
    expect(await failuresOf(shop, said)).toEqual([
      failure(
        'configuration',
        / ORDERCTL_TIMEZONE, ORDERCTL_BACH_SIZE, which is/,
        /^Write ORDERCTL_TIME_ZONE instead of ORDERCTL_TIMEZONE, ORDERCTL_BATCH_SIZE instead of ORDERCTL_BACH_SIZE\.$/,
      ),
    ])
  })

  test('lists failures first, then what was skipped, then the rest', async ({ newShop: shop }) => {
    const { code, stdout } = await shop.runWith({ ORDERCTL_BACH_SIZE: '5' }, 'doctor')
    expect(code).toBe(1)
    const lines = stdout.trimEnd().split('\n')
    const skipped = ['permissions', 'integrity', 'copy', 'time', 'clock', 'queue', 'imports', 'alarms']
    expect(lines.map((line) => line.split(/ +/, 2).join(' '))).toEqual([
      ...['FAILED configuration', ' Next:', 'FAILED database', ' Next:'],
      ...skipped.map((name) => `skipped ${name}`),
      'ok sqlite',
    ])
    expect(lines[3]).toMatch(/^ +Next: Run `orderctl import FILE`, which creates it/)
    expect(lines[4]).toMatch(/^skipped +permissions +could not be checked because "database" failed$/)
  })

  test('names the work that is well in one line', async ({ shop }) => {
    const { code, stdout } = await shop.run('doctor')
    expect(code).toBe(0)
    expect(stdout).toMatch(/\nok +work +queue, imports, wait, failure_rate, unresolved, stale_workers, schedule\n$/)
    expect(stdout).not.toMatch(/FAILED|skipped|Next/)
  })

  test('skips what it would ask of a queue that is away', async ({ shop }) => {
    const checks = await checksOf(shop, { ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' })
    expect(checks.filter(({ name }) => name.startsWith('queue'))).toEqual([
      failure('queue server', /^Cannot reach Redis at 127\.0\.0\.1:1/, /^Start it/),
      { name: 'queue', ok: true, skipped: true, detail: expect.stringContaining('"queue server" failed'), fix: null },
    ])
  })
})

describeWithRedis('doctor', () => {
  test('finds a Redis whose clock is another', async ({ shop }) => {
    const environment = { ORDERCTL_REDIS_URL: `${redisUrl}`, ORDERCTL_QUEUE_URL: 'embedded', ...shiftedClock(60) }
    expect(await failuresOf(shop, environment)).toEqual([
      failure('redis', /The clock of the Redis server is 3[56]\d\d\.\d s behind/, /timedatectl/),
    ])
  })
})

const SECRET = 'geheim'

describe.concurrent('no password is shown', () => {
  // Some of these are refused and some cannot be reached, which must not matter.
  test.for([
    ['ORDERCTL_REDIS_URL', `redis://shop:${SECRET}@127.0.0.1:1/3`],
    ['ORDERCTL_REDIS_URL', `redis://:${SECRET}@127.0.0.1:1`],
    ['ORDERCTL_REDIS_URL', `redis://shop:a@${SECRET}@127.0.0.1:1`],
    ['ORDERCTL_REDIS_URL', `redis://127.0.0.1:1?password=${SECRET}`],
    ['ORDERCTL_REDIS_URL', `rediss://shop:a/${SECRET}@127.0.0.1:1`],
    ['ORDERCTL_QUEUE_URL', `redis://shop:${SECRET}@127.0.0.1:1`],
    ['ORDERCTL_QUEUE_URL', `amqp://shop:${SECRET}@127.0.0.1:1/orders`],
    ['ORDERCTL_QUEUE_URL', `postgres://shop:${SECRET}@127.0.0.1:1/orders`],
    ['ORDERCTL_DATABASE_URL', `postgres://shop:a:${SECRET}@127.0.0.1:1/orders`],
    ['ORDERCTL_DATABASE_URL', `mysql://shop:${SECRET}@127.0.0.1:1/orders?ssl=on`],
    ['ORDERCTL_DATABASE_URL', `postgres://127.0.0.1:1/orders?user=shop&password=${SECRET}`],
    ['ORDERCTL_PAYMENT_GATEWAY', `https://shop:${SECRET}@127.0.0.1:1/charge`],
  ] as const)('of %s=%s', async ([name, url], { shop }) => {
    const environment = { [name]: url, DEBUG: '*' }
    const doctor = await shop.runWith(environment, 'doctor')
    expect(doctor.code).toBe(1)
    const config = await shop.runWith(environment, 'config')
    for (const { stdout, stderr } of [doctor, config]) expect(stdout + stderr).not.toContain(SECRET)
  })
})
