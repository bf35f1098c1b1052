// doctor: what disagrees, and that no password is ever shown. What is wrong with the file is in setup.test.ts.
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import { HOUR, type Shop, test } from '../support/commands-shop.js'

async function failuresOf(shop: Shop, environment: Record<string, string> = {}) {
  const { result } = await shop.jsonWith(environment, 'doctor')
  return (result as DoctorResult).checks.filter((check) => !check.ok)
}

function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, skipped: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}

describe.concurrent('doctor', () => {
  test('finds days of another time zone, and says how to go on', async ({ shop }) => {
    shop.db.exec("insert into settings values ('time_zone', 'Europe/Berlin')")
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Europe/Berlin' })).toEqual([])
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Asia/Tokyo' })).toEqual([
      failure('time zone', /Europe\/Berlin.*Asia\/Tokyo/, /orderctl rebuild kpis.*ORDERCTL_TIME_ZONE=Europe\/Berlin/),
    ])
  })

  test('finds a clock that was put back', async ({ shop }) => {
    const note = shop.db.prepare('insert into queue_snapshots (taken_at, waiting, active, delayed) values (?, 0, 0, 0)')
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

  test('lists failures with their fixes, then what was skipped, then the rest in a line each', async ({
    newShop: shop,
  }) => {
    const { code, stdout } = await shop.runWith({ ORDERCTL_BACH_SIZE: '5' }, 'doctor')
    expect(code).toBe(1)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.split(/ +/, 2).join(' '))).toEqual([
      ...['FAILED configuration', ' Next:', 'FAILED database', ' Next:'],
      ...['permissions', 'disk', 'integrity', 'copy', 'time', 'clock', 'queue', 'imports', 'alarms'].map(
        (name) => `skipped ${name}`,
      ),
      ...['ok sqlite'],
    ])
    expect(lines[3]).toBe(
      '         Next: Run `orderctl import FILE`, which creates it, or `orderctl migrate` for an empty one.',
    )
    expect(lines[4]).toMatch(/^skipped +permissions +could not be checked because "database" failed$/)
  })

  test('names the work that is well in one line', async ({ shop }) => {
    const { code, stdout } = await shop.run('doctor')
    expect(code).toBe(0)
    expect(stdout).toMatch(/\nok +work +queue, imports, wait, failure_rate, unresolved, stale_workers, schedule\n$/)
    expect(stdout).not.toMatch(/FAILED|skipped|Next/)
  })

  test('skips what it would ask of a queue that is away', async ({ shop }) => {
    const { result } = await shop.jsonWith({ ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' }, 'doctor')
    const checks = (result as DoctorResult).checks.filter(({ name }) => name.startsWith('queue'))
    expect(checks).toEqual([
      failure('queue server', /^Redis at 127\.0\.0\.1:1 cannot be reached/, /^Start it/),
      { name: 'queue', ok: true, skipped: true, detail: expect.stringContaining('"queue server" failed'), fix: null },
    ])
  })

  test('finds a Redis whose clock is another', async ({ shop, onTestFinished }) => {
    const redis = await startClock(Date.now() - HOUR)
    onTestFinished(() => redis.close())
    const environment = { ORDERCTL_REDIS_URL: redis.url, ORDERCTL_QUEUE_URL: 'embedded' }
    expect(await failuresOf(shop, environment)).toEqual([
      failure('redis', /The clock of the Redis server is 3[56]\d\d\.\d s behind/, /timedatectl/),
    ])
  })
})

/** As much of a Redis as doctor talks to, with a clock that stands still. */
async function startClock(now: number): Promise<{ url: string; close(): void }> {
  const info = 'redis_version:7.2.0\r\nused_memory:1000000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n'
  const second = String(Math.floor(now / 1000))
  const answers: Record<string, string> = {
    info: `$${info.length}\r\n${info}\r\n`,
    ping: '+PONG\r\n',
    time: `*2\r\n$${second.length}\r\n${second}\r\n$1\r\n0\r\n`,
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    // A command is a line `*2`, then for each word its length and itself; none of these is cut by the network.
    socket.on('data', (data) => {
      for (const [, word = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g))
        socket.write(answers[word.toLowerCase()] ?? '+OK\r\n')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() }
}

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
