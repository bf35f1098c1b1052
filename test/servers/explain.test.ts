// The code, message and fix for errors of servers.
import { expect, test } from 'vitest'
import { type Address, readDatabaseAddress, readQueueAddress, readRedisAddress } from '../../src/servers/addresses.js'
import { CAUSES, type Cause } from '../../src/servers/causes.js'
import { explainError, problemIn, problemOf } from '../../src/servers/explain.js'

const ADDRESSES = {
  SQLite: readDatabaseAddress('sqlite:/srv/orders.sqlite'),
  PostgreSQL: readDatabaseAddress('postgres://shop:secret@db/my-shop'),
  MySQL: readDatabaseAddress('mysql://shop:secret@db/shop'),
  'a queue on PostgreSQL': readQueueAddress('postgres://shop:secret@db/shop') as Address,
  Redis: readRedisAddress('redis://:secret@cache/1') as Address,
  RabbitMQ: readQueueAddress('amqp://shop:secret@mq/eu') as Address,
} as const
type Server = keyof typeof ADDRESSES

const OF_SQLITE = /^file_/
const OF_REDIS =
  /^(unreachable|redis_login_refused|failover|loading|cluster_down|too_few_.*|save_.*|max_.*|script_.*|command_.*)$/
const OF_RABBITMQ = /^(unreachable|login_refused|blocked|queue_differs)$/
const OF_OTHERS = /^(?!file_|redis_|failover|loading|cluster_|too_few_|save_|max_|script_|command_|blocked|queue_)/

test.each<[Server, RegExp]>([
  ['SQLite', OF_SQLITE],
  ['PostgreSQL', OF_OTHERS],
  ['MySQL', OF_OTHERS],
  ['a queue on PostgreSQL', OF_OTHERS],
  ['Redis', OF_REDIS],
  ['RabbitMQ', OF_RABBITMQ],
])('every cause on %s has a complete code, message and fix', (server, possible) => {
  const causes = (Object.keys(CAUSES) as Cause[]).filter((cause) => possible.test(cause))
  expect(causes.length).toBeGreaterThan(3)
  for (const cause of causes) {
    const { code, message, fix } = problemOf({ cause, reason: 'it said so', queue: 'orders' }, ADDRESSES[server])
    expect(code, cause).toMatch(/^[a-z_]+$/)
    for (const text of [message, fix]) {
      expect(text.replace(/\?ssl=\{[^}]*\}/, ''), cause).toMatch(/^[^{}]{10,}$/)
      expect(text, cause).not.toContain('secret')
    }
  }
})

test.each<[Server, object, code: string, fix: string]>([
  ['PostgreSQL', { code: '3D000' }, 'database_missing', 'create database "my-shop"'],
  ['a queue on PostgreSQL', { code: '3D000' }, 'postgres_database_missing', 'create database shop'],
  ['PostgreSQL', { code: 'ECONNREFUSED' }, 'database_unreachable', 'Start it, or correct ORDERCTL_DATABASE_URL.'],
  ['a queue on PostgreSQL', { code: 'ECONNREFUSED' }, 'postgres_unreachable', 'pg_isready -h db -p 5432'],
  ['Redis', { syscall: 'connect' }, 'redis_unreachable', 'correct ORDERCTL_REDIS_URL, or remove'],
  ['SQLite', { code: 'SQLITE_BUSY_SNAPSHOT' }, 'database_locked', 'fuser /srv/orders.sqlite'],
  ['SQLite', { code: 'EACCES' }, 'database_unwritable', 'permissions'],
  ['RabbitMQ', { code: 'ACCESS_REFUSED' }, 'rabbitmq_refused', 'amqp://USER:PASSWORD@HOST/VHOST'],
])('on %s, %j is %s', (server, properties, code, fix) => {
  const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1'), properties)
  expect(explainError(error, ADDRESSES[server])).toMatchObject({ code, fix: expect.stringContaining(fix) })
})

test('names a host with several addresses once, with the first reason', () => {
  const refused = (address: string) => new Error(`connect ECONNREFUSED ${address}`)
  const error = Object.assign(new AggregateError([refused('::1'), refused('127.0.0.1')], ''), { code: 'ECONNREFUSED' })
  const { message } = explainError(error, readDatabaseAddress('postgres://localhost/shop')) ?? {}
  expect(message).toBe('Cannot reach PostgreSQL at localhost:5432/shop (connection refused).')
})

test.each([
  'timeout expired',
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
])('says that PostgreSQL timed out after “%s”', (message) => {
  expect(problemIn(new Error(message), ADDRESSES.PostgreSQL)?.message).toContain('(timed out)')
})

test('a PostgreSQL that lets no one connect for a while is unreachable', () => {
  const refused = new Error('database "shop" is not currently accepting connections')
  const problem = problemIn(Object.assign(refused, { code: '55000', severity: 'FATAL' }), ADDRESSES.PostgreSQL)
  expect(problem).toMatchObject({ code: 'database_unreachable', retryable: true })
})

const said = (code: string | undefined, more: object) => Object.assign(new Error('it said so.'), { code }, more)

test.each([
  ['53100', 'disk_full', 4, true],
  ['53200', 'database_out_of_memory', 4, true],
  ['53400', 'database_full_of_clients', 4, true],
  ['25006', 'database_read_only', 4, true],
  ...['57P01', '57P02', '57P03', '08006'].map((code) => [code, 'database_unreachable', 4, true] as const),
  ['XX000', 'database_broken', 1, false],
  ['40P01', 'database_locked', 1, true],
] as const)('PostgreSQL’s %s is %s', (code, name, exit, retryable) => {
  const problem = problemIn(said(code, { severity: 'FATAL' }), ADDRESSES.PostgreSQL)
  expect(problem).toMatchObject({ code: name, exit, retryable })
  expect(problem?.message).toMatch(/PostgreSQL at db:5432\/my-shop.*(: it said so|\(it said so\))\.$/)
})

test.each([
  ['ER_CON_COUNT_ERROR', 1040, 'database_full_of_clients', 4],
  ['ER_DBACCESS_DENIED_ERROR', 1044, 'database_rights_missing', 2],
  ['ER_RECORD_FILE_FULL', 1114, 'disk_full', 4],
  ['ER_OPTION_PREVENTS_STATEMENT', 1290, 'database_read_only', 4],
  ['ER_READ_ONLY_MODE', 1836, 'database_read_only', 4],
  ['ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', 1792, 'database_read_only', 4],
  ['ER_SERVER_SHUTDOWN', 1053, 'database_unreachable', 4],
  ['ER_QUERY_TIMEOUT', 3024, 'database_statement_ended', 1],
  ['ER_HOST_IS_BLOCKED', 1129, 'database_access_denied', 2],
  ['ER_NET_PACKET_TOO_LARGE', 1153, 'database_packet_too_large', 1],
  ['ER_OUT_OF_RESOURCES', 1041, 'database_out_of_memory', 4],
  [undefined, 1927, 'database_unreachable', 4],
  ['ER_BULK_PARSER_INCOMPLETE_ESCAPE_SEQUENCE', 4151, 'database_access_denied', 2],
])('MySQL’s or MariaDB’s %s (%i) is %s', (code, errno, name, exit) => {
  expect(problemIn(said(code, { errno, sqlState: 'HY000' }), ADDRESSES.MySQL)).toMatchObject({ code: name, exit })
})

test.each([
  ...['23505', '42P01', '22P02'].map((code) => said(code, { severity: 'ERROR' })),
  said('ENOENT', { syscall: 'open', path: '/orders.csv' }),
  new Error('something else'),
])('%s (%j) is no error of the server', (error) => {
  expect(problemIn(error, ADDRESSES.PostgreSQL)).toBeUndefined()
})
