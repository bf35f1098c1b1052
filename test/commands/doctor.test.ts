// doctor: what it finds and how to fix it, in which order, and that it never shows a password.

import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { checksOf, failure, failuresOf } from '../support/doctor.js'
import { Provider } from '../support/provider.js'
import { Receiver } from '../support/receiver.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { HOUR, test } from '../support/shop.js'

describe.concurrent('doctor', () => {
  test('is short on a new database: what it looked at, and that there is nothing to do', async ({ shop }) => {
    expect(await shop.json('doctor')).toMatchObject({ code: 0, result: { ok: true } })
    const { code, stdout, stderr } = await shop.run('doctor')
    expect(code).toBe(0)
    const names =
      'permissions, integrity, backup, copy, time zone, clock of the database, shop, queue, imports, wait, failure_rate'
    expect(stdout.split('\n').slice(2)).toEqual([
      expect.stringMatching(/^ok +sqlite +SQLite 3\.\S+ on Node\.js /),
      expect.stringMatching(/^ok +configuration +\d+ settings, 1 changed$/),
      'ok      environment    no other ORDERCTL_ variables',
      `ok      database       ${shop.path}`,
      `ok      14 checks      ${names}, unresolved, stale_workers, schedule`,
      '',
    ])
    expect(stderr).toBe('Nothing to do.\n')
  })

  test('lists failures first, then skipped checks, then the rest; a missing database is one failure', async ({
    newShop: shop,
  }) => {
    const { code, stdout } = await shop.run('doctor')
    expect(code).toBe(1)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.slice(2).map((line) => line.split(/ +/, 2).join(' '))).toEqual([
      ...['FAILED database', ' Fix:', 'skipped 10', 'ok sqlite', 'ok configuration', 'ok environment'],
    ])
    expect(lines[3]).toContain('orderctl import FILE')
    expect(lines[4]).toMatch(/10 checks +permissions, .*, alarms: not checked because "database" failed$/)
    expect(existsSync(shop.path)).toBe(false)
  })

  test('finds everything in a shop that needs a person, each with its fix', async ({ shop }) => {
    shop.order('1001', { dueAt: Date.now() - HOUR })
    shop.unknownOrder('1002')
    shop.import({ status: 'reading' })
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    shop.sqlite.pragma('foreign_keys = OFF')
    shop.sqlite.exec('insert into order_lines values (999, 1, 1, 1, 1, 1)')
    chmodSync(shop.path, 0o644)
    const checks = await checksOf(shop)
    for (const { ok, fix } of checks) expect(fix === null).toBe(ok)
    expect(checks.filter(({ ok }) => !ok)).toEqual([
      failure('permissions', /./, /chmod 600/),
      failure('integrity', /./, /./),
      failure('queue', /./, /queue resume/),
      failure('imports', /./, /--resume/),
      failure('wait', /./, /orderctl work/),
      failure('unresolved', /./, /failed retry/),
    ])
  })

  test('finds damage inside the file, and a file that is no database', async ({ shop }) => {
    for (let id = 0; id < 200; id++) shop.order(`order-${id}`)
    shop.sqlite.pragma('wal_checkpoint(TRUNCATE)')
    const pageSize = Number(shop.sqlite.pragma('page_size', { simple: true }))
    // The last pages hold orders, not the schema.
    const bytes = shop.sqlite.serialize()
    shop.sqlite.close()
    writeFileSync(shop.path, bytes.fill(0x5a, bytes.length - 6 * pageSize))
    expect(await failuresOf(shop)).toContainEqual(expect.objectContaining({ name: 'integrity' }))
    writeFileSync(shop.path, 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    expect((await failuresOf(shop))[0]).toMatchObject({ name: 'database' })
  })

  test('leaves the check of all of a large file to backup', async ({ shop }) => {
    shop.sqlite.exec("insert into settings values ('filler', zeroblob(70000000))")
    const checks = await checksOf(shop)
    const detail = expect.stringMatching(
      /the file has 7\d MB; `orderctl backup FILE` makes a copy and checks all of it$/,
    )
    expect(checks).toContainEqual({ name: 'integrity', ok: true, skipped: true, detail, fix: null })
  })

  test('finds a copy that was cut short, and days of another time zone', async ({ shop }) => {
    shop.sqlite.exec("insert into settings values ('time_zone', 'Europe/Berlin'), ('copying_from', '/data/old.sqlite')")
    const copy = failure('copy', /\/data\/old.sqlite/, /migrate --from sqlite:\/data\/old.sqlite$/)
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Europe/Berlin' })).toEqual([copy])
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Asia/Tokyo' })).toEqual([
      copy,
      failure('time zone', /Europe\/Berlin.*Asia\/Tokyo/, /orderctl rebuild kpis.*ORDERCTL_TIME_ZONE=Europe\/Berlin/),
    ])
  })

  test('finds a clock that was put back', async ({ shop }) => {
    shop.snapshot(0, Date.now() - HOUR)
    expect(await failuresOf(shop)).toEqual([])
    shop.snapshot(1, Date.now() + HOUR)
    expect(await failuresOf(shop)).toEqual([failure('clock of the database', /3[56]\d\d\.\d s ahead/, /timedatectl/)])
  })

  test('lists variables that are no settings, such as those of Kubernetes', async ({ shop }) => {
    const kubernetes = { ORDERCTL_SERVICE_HOST: '10.0.0.1', ORDERCTL_DATA_DIR: shop.folder }
    expect(await checksOf(shop, kubernetes)).toContainEqual(
      expect.objectContaining({
        name: 'environment',
        ok: true,
        detail: 'ignored: ORDERCTL_DATA_DIR, ORDERCTL_SERVICE_HOST',
      }),
    )
  })

  test('finds an invalid value, which skips all that needs it', async ({ shop }) => {
    const invalid = await checksOf(shop, { ORDERCTL_BATCH_SIZE: 'many' })
    expect(invalid.filter(({ ok }) => !ok)).toEqual([failure('configuration', /ORDERCTL_BATCH_SIZE/, /./)])
    const skipped = invalid.filter((check) => check.skipped)
    expect(skipped.map(({ name }) => name)).toEqual(['servers', 'database', 'work'])
  })

  test('skips checks that need an unreachable queue server', async ({ shop }) => {
    const checks = await checksOf(shop, { ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' })
    expect(checks.filter(({ name }) => name.startsWith('queue'))).toEqual([
      failure('queue server', /^Cannot reach Redis at 127\.0\.0\.1:1/, /^Start it/),
      { name: 'queue', ok: true, skipped: true, detail: expect.stringContaining('"queue server"'), fix: null },
    ])
  })
})

describe('doctor on the payment gateway and the webhook', () => {
  test('finds what would stop charges, and charges nothing', async ({ shop }) => {
    const provider = await Provider.start('--token', 'right')
    try {
      const right = { ...provider.environment, ORDERCTL_PAYMENT_TOKEN: 'right' }
      const [found] = (await checksOf(shop, right)).filter(({ name }) => name === 'payment gateway')
      expect(found).toMatchObject({ ok: true, detail: expect.stringMatching(/^http.*, clocks \d\.\d s apart$/) })
      const fails = async (environment: Record<string, string>, detail: RegExp, fix: RegExp) =>
        expect(await failuresOf(shop, environment)).toEqual([failure('payment gateway', detail, fix)])
      await fails({ ...right, ...shiftedClock(60) }, /3[56]\d\d\.\d s behind/, /timedatectl/)
      await fails({ ...right, ORDERCTL_PAYMENT_TOKEN: 'wrong' }, /rejected the credentials/, /PAYMENT_TOKEN/)
      const tls = { ...right, ORDERCTL_PAYMENT_GATEWAY: provider.url.replace('http:', 'https:') }
      await fails(tls, /^Cannot reach/, /certificate/)
      await provider.stop()
      await fails(right, /^Cannot reach the payment gateway/, /^Start it/)
      expect(provider.entries).toEqual([])
    } finally {
      await provider.close()
    }
  })

  test('finds a webhook that is away or has no secret, and sends no event', async ({ shop }) => {
    const receiver = await Receiver.open()
    try {
      expect(await failuresOf(shop, receiver.environment)).toEqual([])
      const keyless = { ...receiver.environment, ORDERCTL_NOTIFY_SECRET: '' }
      expect(await failuresOf(shop, keyless)).toEqual([failure('webhook', /no secret/, /openssl/)])
      const short = { ...keyless, ORDERCTL_NOTIFY_SECRET_FILE: shop.file('secret', 'whsec_AAAA') }
      expect(await failuresOf(shop, short)).toEqual([failure('webhook', /24 to 64 random bytes/, /Correct the file/)])
      await receiver.down()
      expect(await failuresOf(shop, receiver.environment)).toEqual([
        failure('webhook', /^Cannot reach 127\.0\.0\.1:\d+.*connection refused/, /notify test/),
      ])
      expect([receiver.received, receiver.invalid]).toEqual([[], []])
    } finally {
      await receiver.close()
    }
  })
})

describeWith('redis', 'doctor', () => {
  test('finds a Redis whose clock differs', async ({ shop }) => {
    const environment = { ORDERCTL_REDIS_URL: serverUrl('redis'), ORDERCTL_QUEUE_URL: 'embedded', ...shiftedClock(60) }
    expect(await failuresOf(shop, environment)).toEqual([failure('redis', /3[56]\d\d\.\d s behind/, /timedatectl/)])
  })
})

const SECRET = 'geheim'

describe.concurrent('doctor and config show no password', () => {
  // Some of these are refused and some are unreachable; neither may matter.
  test.for([
    ['ORDERCTL_REDIS_URL', `redis://shop:${SECRET}@127.0.0.1:1/3`],
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
