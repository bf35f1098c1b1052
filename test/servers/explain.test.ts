// What users read about an error of a server: cause, message and fix, for each kind of server.
import { expect, test } from 'vitest'
import { type Address, readDatabaseAddress, readQueueAddress, readRedisAddress } from '../../src/servers/addresses.js'
import { CAUSES, type Cause } from '../../src/servers/causes.js'
import { explainError, problemOf } from '../../src/servers/explain.js'

const queue = (url: string) => readQueueAddress(url) as Address
const ADDRESSES: Record<string, Address> = {
  SQLite: readDatabaseAddress('sqlite:/srv/orders.sqlite'),
  PostgreSQL: readDatabaseAddress('postgres://shop:secret@db/my-shop'),
  MySQL: readDatabaseAddress('mysql://shop:secret@db/shop'),
  'a queue on PostgreSQL': queue('postgres://shop:secret@db/shop'),
  Redis: readRedisAddress('redis://:secret@cache/1') as Address,
  RabbitMQ: queue('amqp://shop:secret@mq/eu'),
}

/** Which causes each kind of server can have. */
const CAUSES_OF: Record<string, (cause: string) => boolean> = {
  SQLite: (cause) => cause.startsWith('file_'),
  Redis: (cause) =>
    /^(unreachable|redis_.*|failover|loading|cluster.*|too_few.*|save.*|max_.*|script.*|command.*)$/.test(cause),
  RabbitMQ: (cause) => /^(unreachable|login_refused|blocked|queue_differs)$/.test(cause),
}
const isOfDatabase = (cause: string) =>
  cause === 'unreachable' ||
  !['SQLite', 'Redis', 'RabbitMQ'].some((kind) => CAUSES_OF[kind]?.(cause)) ||
  cause === 'login_refused'

test.each(Object.entries(ADDRESSES))('every cause has a complete code, message and fix on %s', (kind, address) => {
  const causes = (Object.keys(CAUSES) as Cause[]).filter(CAUSES_OF[kind] ?? isOfDatabase)
  expect(causes.length).toBeGreaterThan(3)
  for (const cause of causes) {
    const { code, message, fix } = problemOf({ cause, reason: 'it said so', queue: 'orders' }, address)
    expect(code, cause).toMatch(/^[a-z_]+$/)
    for (const text of [message, fix]) {
      expect(text, cause).toMatch(/^[^{}]{10,}$|\?ssl=\{/)
      expect(text, cause).not.toContain('secret')
    }
  }
})

test.each([
  ['PostgreSQL', { code: '3D000' }, 'database_missing', 'create database "my-shop"'],
  ['a queue on PostgreSQL', { code: '3D000' }, 'postgres_database_missing', 'create database shop'],
  ['PostgreSQL', { code: 'ECONNREFUSED' }, 'database_unreachable', 'Start it, or correct ORDERCTL_DATABASE_URL.'],
  ['a queue on PostgreSQL', { code: 'ECONNREFUSED' }, 'postgres_unreachable', 'pg_isready -h db -p 5432'],
  ['Redis', { syscall: 'connect' }, 'redis_unreachable', 'correct ORDERCTL_REDIS_URL, or remove'],
  ['SQLite', { code: 'SQLITE_BUSY_SNAPSHOT' }, 'database_locked', 'fuser /srv/orders.sqlite'],
  ['SQLite', { code: 'EACCES' }, 'database_unwritable', 'permissions'],
  ['RabbitMQ', { code: 'ACCESS_REFUSED' }, 'rabbitmq_refused', 'amqp://USER:PASSWORD@HOST/VHOST'],
] as const)('on %s, %j is %s', (kind, properties, code, fix) => {
  const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1'), properties)
  expect(explainError(error, ADDRESSES[kind] as Address)).toMatchObject({ code, fix: expect.stringContaining(fix) })
})

test('names a host with several addresses once, with the reason of the first', () => {
  const refused = (address: string) =>
    Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' })
  const error = Object.assign(new AggregateError([refused('::1'), refused('127.0.0.1')], ''), { code: 'ECONNREFUSED' })
  expect(explainError(error, readDatabaseAddress('postgres://localhost/shop'))?.message).toBe(
    'Cannot reach PostgreSQL at localhost:5432/shop (connection refused).',
  )
})
