// The servers of the benchmark, at ORDERCTL_TEST_…_URL or their standard port. What it creates on them has a name of
// its own, and is removed after each run.
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { Connection as RabbitMq } from 'rabbitmq-client'

const name = `orderctl_bench_${randomBytes(4).toString('hex')}`
export const POSTGRES = process.env.ORDERCTL_TEST_POSTGRES_URL ?? 'postgres://root@127.0.0.1:5432/test'
const MYSQL = process.env.ORDERCTL_TEST_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test'
export const REDIS = process.env.ORDERCTL_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379/9'
const RABBITMQ = process.env.ORDERCTL_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

/** Each with the speed of a drain that it aims at, as a share of that on SQLite. */
export const databases = [
  {
    title: 'PostgreSQL',
    target: 0.7,
    url: ours(POSTGRES),
    create: () => askPostgres(`create database ${name}`),
    drop: () => askPostgres(`drop database if exists ${name} with (force)`),
  },
  {
    title: 'MySQL or MariaDB',
    target: 0.6,
    url: ours(MYSQL),
    create: () => askMysql(`create database ${name}`),
    drop: () => askMysql(`drop database if exists ${name}`),
  },
]

/** Queues for a database on SQLite. `drop` fails if there is no such server. */
export const queues = {
  redis: {
    title: 'Redis',
    environment: { ORDERCTL_QUEUE_URL: REDIS, ORDERCTL_REDIS_URL: REDIS, ORDERCTL_REDIS_PREFIX: `${name}:` },
    drop: deleteKeys,
  },
  postgres: {
    title: 'BullMQ on PostgreSQL',
    environment: { ORDERCTL_QUEUE_URL: POSTGRES, ORDERCTL_QUEUE_SCHEMA: name },
    drop: () => askPostgres(`drop schema if exists ${name} cascade`),
  },
  rabbitmq: {
    title: 'RabbitMQ',
    environment: { ORDERCTL_QUEUE_URL: RABBITMQ, ORDERCTL_QUEUE_NAME: name },
    drop: deleteQueues,
  },
}

/** Names and versions of the servers that can be reached. */
export async function serverVersions() {
  const asked = [
    askPostgres('show server_version').then(({ rows }) => `PostgreSQL ${rows[0].server_version}`),
    askMysql('select version() as version').then(([rows]) => `MySQL or MariaDB ${rows[0].version}`),
    withRedis((redis) => redis.info('server')).then((info) => `Redis ${/redis_version:(\S+)/.exec(info)[1]}`),
  ]
  return (await Promise.allSettled(asked)).flatMap(({ value }) => value ?? [])
}

/** The URL of a database of ours, on the server of the given one. */
function ours(url) {
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

async function askPostgres(statement) {
  const client = new pg.Client({ connectionString: POSTGRES, connectionTimeoutMillis: 2000 })
  await client.connect()
  return client.query(statement).finally(() => client.end())
}

async function askMysql(statement) {
  const connection = await mysql.createConnection({ uri: MYSQL, connectTimeout: 2000 })
  return connection.query(statement).finally(() => connection.end())
}

async function withRedis(ask) {
  const redis = new Redis(REDIS, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await ask(redis)
  } finally {
    redis.disconnect()
  }
}

function deleteKeys() {
  return withRedis(async (redis) => {
    for await (const keys of redis.scanStream({ match: `${name}:*` })) if (keys.length > 0) await redis.del(keys)
  })
}

async function deleteQueues() {
  const rabbit = new RabbitMq({ url: RABBITMQ, acquireTimeout: 2000 })
  rabbit.on('error', () => undefined)
  try {
    for (const queue of [name, `${name}.later`, `${name}.dead`]) await rabbit.queueDelete(queue)
  } finally {
    rabbit.unsafeDestroy()
  }
}
