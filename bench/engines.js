// The same file and the same drain on every database and over every queue that is there, in turns, so that the machine's
// moods meet all of them. Each server is reached by ORDERCTL_TEST_…_URL or at its standard port; what is made is removed.
import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { Connection as RabbitMq } from 'rabbitmq-client'

const name = `orderctl_bench_${randomBytes(4).toString('hex')}`
const POSTGRES = process.env.ORDERCTL_TEST_POSTGRES_URL ?? 'postgres://root@127.0.0.1:5432/test'
const MYSQL = process.env.ORDERCTL_TEST_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test'
const REDIS = process.env.ORDERCTL_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379/9'
const RABBITMQ = process.env.ORDERCTL_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

/** A database of ours beside the one that the URL names. */
function ours(url) {
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

const databases = [
  {
    title: 'PostgreSQL',
    url: ours(POSTGRES),
    make: onPostgres(`create database ${name}`),
    drop: onPostgres(`drop database if exists ${name} with (force)`),
  },
  {
    title: 'MySQL',
    url: ours(MYSQL),
    make: onMysql(`create database ${name}`),
    drop: onMysql(`drop database if exists ${name}`),
  },
]

const queues = [
  { title: 'Redis', environment: { ORDERCTL_QUEUE_URL: REDIS, ORDERCTL_REDIS_PREFIX: `${name}:` }, drop: forgetKeys },
  {
    title: 'BullMQ on PostgreSQL',
    environment: { ORDERCTL_QUEUE_URL: POSTGRES, ORDERCTL_QUEUE_SCHEMA: name },
    drop: onPostgres(`drop schema if exists ${name} cascade`),
  },
  { title: 'RabbitMQ', environment: { ORDERCTL_QUEUE_URL: RABBITMQ, ORDERCTL_QUEUE_NAME: name }, drop: forgetQueues },
]

/**
 * @param bench what bench.js has: the file, how many orders are in it, and how to run orderctl
 * @returns rows of: what, import, drain, processors that were busy meanwhile, beside SQLite
 */
export async function benchEngines(bench) {
  const runs = new Map()
  const note = (title, run) => runs.set(title, [...(runs.get(title) ?? []), run])
  for (let round = 0; round < bench.rounds; round++) {
    note('SQLite', await throughDatabase(bench, { ORDERCTL_DATABASE_URL: `sqlite:${bench.freshFile()}` }))
    for (const database of databases) {
      if (!(await isThere(database.make))) continue
      try {
        note(database.title, await throughDatabase(bench, { ORDERCTL_DATABASE_URL: database.url }))
      } finally {
        await database.drop()
      }
    }
    for (const queue of queues) {
      if (!(await isThere(queue.drop))) continue
      try {
        note(`SQLite, by ${queue.title}`, { drain: await throughQueue(bench, queue.environment) })
      } finally {
        await queue.drop()
      }
    }
  }
  const best = new Map([...runs].map(([title, all]) => [title, bestOf(all)]))
  return [...best].map(([title, run]) => row(bench, title, run, best.get('SQLite')))
}

async function throughDatabase({ orderctl, file }, environment) {
  const imported = await measured(() => orderctl(environment, 'import', file))
  return { import: imported, drain: await measured(() => orderctl(environment, 'work', '--drain')) }
}

async function throughQueue({ orderctl, importedCopy }, environment) {
  const there = { ORDERCTL_DATABASE_URL: `sqlite:${importedCopy()}`, ...environment }
  await orderctl(there, 'rebuild', 'queue')
  return measured(() => orderctl(there, 'work', '--drain'))
}

/** With the seconds that all processors were busy meanwhile: the client's and the server's. */
async function measured(act) {
  const before = busySeconds()
  const ended = await act()
  return { ...ended, busy: busySeconds() - before }
}

function busySeconds() {
  return cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0)
}

function bestOf(runs) {
  const fastest = (step) => runs.map((run) => run[step]).sort((a, b) => a?.result.seconds - b?.result.seconds)[0]
  return { import: fastest('import'), drain: fastest('drain') }
}

function row({ orders, perSecond, megabytes }, title, { import: imported, drain }, sqlite) {
  const rate = (run) => orders / run.result.seconds
  return [
    title,
    imported ? `${perSecond(rate(imported))} lines/s` : '–',
    `${perSecond(rate(drain))} orders/s`,
    megabytes(Math.max(imported?.peak ?? 0, drain.peak)),
    `client ${drain.cpu.toFixed(1)} s, all ${drain.busy.toFixed(1)} s of ${(drain.wall * cpus().length).toFixed(1)} s`,
    `${imported ? `import ${(rate(imported) / rate(sqlite.import)).toFixed(2)} x, ` : ''}drain ${(rate(drain) / rate(sqlite.drain)).toFixed(2)} x`,
  ]
}

async function isThere(act) {
  try {
    await act()
    return true
  } catch {
    return false
  }
}

function onPostgres(statement) {
  return async () => {
    const client = new pg.Client({ connectionString: POSTGRES, connectionTimeoutMillis: 2000 })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
}

function onMysql(statement) {
  return async () => {
    const connection = await mysql.createConnection({ uri: MYSQL, connectTimeout: 2000 })
    await connection.query(statement).finally(() => connection.end())
  }
}

async function forgetKeys() {
  const redis = new Redis(REDIS, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  await redis.connect()
  for await (const keys of redis.scanStream({ match: `${name}:*` })) if (keys.length > 0) await redis.del(keys)
  redis.disconnect()
}

async function forgetQueues() {
  const rabbit = new RabbitMq({ url: RABBITMQ, acquireTimeout: 2000 })
  rabbit.on('error', () => undefined)
  try {
    for (const queue of [name, `${name}.later`, `${name}.dead`]) await rabbit.queueDelete(queue)
  } finally {
    rabbit.unsafeDestroy()
  }
}
