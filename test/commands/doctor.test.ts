// doctor: what disagrees, and that no password is ever shown. What is wrong with the file is in setup.test.ts.
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect } from 'vitest'
import { HOUR, type Shop, test } from '../support/commands-shop.js'

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly fix: string | null
}

async function checksOf(shop: Shop, environment: Record<string, string> = {}): Promise<Check[]> {
  const { result } = await shop.jsonWith(environment, 'doctor')
  return (result as { checks: Check[] }).checks
}

async function failuresOf(shop: Shop, environment: Record<string, string> = {}): Promise<Check[]> {
  return (await checksOf(shop, environment)).filter((check) => !check.ok)
}

describe.concurrent('doctor', () => {
  test('finds days of another time zone, and says how to go on', async ({ shop }) => {
    shop.db.exec("insert into settings values ('time_zone', 'Europe/Berlin')")
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Europe/Berlin' })).toEqual([])
    expect(await failuresOf(shop, { ORDERCTL_TIME_ZONE: 'Asia/Tokyo' })).toEqual([
      {
        name: 'time zone',
        ok: false,
        detail: expect.stringMatching(/Europe\/Berlin.*Asia\/Tokyo/),
        fix: expect.stringMatching(/ORDERCTL_TIME_ZONE=Europe\/Berlin.*orderctl rebuild kpis/),
      },
    ])
  })

  test('finds a clock that was put back', async ({ shop }) => {
    const note = shop.db.prepare(
      'insert or replace into queue_snapshots values (0, ?, 0, 0, null, null, null, 0, 0, 0, null, null)',
    )
    note.run(Date.now() - HOUR)
    expect(await failuresOf(shop)).toEqual([])
    note.run(Date.now() + HOUR)
    expect(await failuresOf(shop)).toEqual([
      expect.objectContaining({
        name: 'clock of the database',
        detail: expect.stringMatching(/3[56]\d\d\.\d s ahead/),
      }),
    ])
  })

  test('finds stock that is held although nobody waits for it any more', async ({ shop }) => {
    const [first, second] = [shop.product('A', { reserved: 3 }), shop.product('B', { reserved: 1 })]
    const hold = shop.db.prepare('insert into stock_reservations values (?, ?, ?, 1, ?)')
    const long = shop.order('1', { status: 'reserved' })
    hold.run(long, 1, first, Date.now() - HOUR)
    hold.run(long, 1, second, Date.now() - HOUR)
    hold.run(shop.order('2', { status: 'reserved' }), 1, first, Date.now() + HOUR)
    // The gateway may have taken the money for this one.
    hold.run(shop.waitingOrder('3'), 1, first, Date.now() - HOUR)

    const found = (await failuresOf(shop)).find(({ name }) => name === 'expired reservations')
    expect(found).toMatchObject({
      detail: expect.stringMatching(/^1 orders? /),
      fix: expect.stringContaining('orderctl schedule run reservations'),
    })
    expect((await shop.run('schedule', 'run', 'reservations')).code).toBe(0)
    expect((await failuresOf(shop)).map(({ name }) => name)).toEqual(['waiting for a person', 'alarms'])
  })

  test('finds a setting whose name is mistyped in the environment', async ({ shop }) => {
    const said = { ORDERCTL_TIMEZONE: 'Europe/Berlin', ORDERCTL_BACH_SIZE: '5', ORDERCTL_DATA_DIR: shop.folder }
    expect(await failuresOf(shop, said)).toEqual([
      {
        name: 'configuration',
        ok: false,
        detail: expect.stringMatching(/ORDERCTL_TIMEZONE, ORDERCTL_BACH_SIZE is set/),
        fix: 'Write ORDERCTL_TIME_ZONE instead of ORDERCTL_TIMEZONE, ORDERCTL_BATCH_SIZE instead of ORDERCTL_BACH_SIZE.',
      },
    ])
  })

  test('finds a Redis whose clock is another', async ({ shop, onTestFinished }) => {
    const redis = await startClock(Date.now() - HOUR)
    onTestFinished(() => redis.close())
    const environment = { ORDERCTL_REDIS_URL: redis.url, ORDERCTL_QUEUE_URL: 'embedded' }
    expect(await failuresOf(shop, environment)).toEqual([
      {
        name: 'redis',
        ok: false,
        detail: expect.stringMatching(/clocks 3[56]\d\d\.\d s apart/),
        fix: expect.stringContaining('timedatectl'),
      },
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
