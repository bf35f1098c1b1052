// Compares the same import and drain on every reachable database and queue. Their rounds alternate, so that changes of
// the machine's speed affect all of them. Servers are at ORDERCTL_TEST_…_URL or their standard port. All that the
// benchmark creates on them is deleted.
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

/** Returns the URL of our own database, on the server of the given URL. */
function ours(url) {
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

const databases = [
  {
    title: 'PostgreSQL',
    url: ours(POSTGRES),
    create: onPostgres(`create database ${name}`),
    drop: onPostgres(`drop database if exists ${name} with (force)`),
  },
  {
    title: 'MySQL',
    url: ours(MYSQL),
    create: onMysql(`create database ${name}`),
    drop: onMysql(`drop database if exists ${name}`),
  },
]

const queues = [
  { title: 'Redis', environment: { ORDERCTL_QUEUE_URL: REDIS, ORDERCTL_REDIS_PREFIX: `${name}:` }, drop: deleteKeys },
  {
    title: 'BullMQ on PostgreSQL',
    environment: { ORDERCTL_QUEUE_URL: POSTGRES, ORDERCTL_QUEUE_SCHEMA: name },
    drop: onPostgres(`drop schema if exists ${name} cascade`),
  },
  { title: 'RabbitMQ', environment: { ORDERCTL_QUEUE_URL: RABBITMQ, ORDERCTL_QUEUE_NAME: name }, drop: deleteQueues },
]

/**
 * @param bench from bench.js: the file, its number of orders, and functions to run orderctl
 * @returns rows of: name, import, drain, peak memory, CPU time of the drain, comparison with SQLite
 */
export async function benchEngines(bench) {
  const runs = new Map()
  const note = (title, run) => runs.set(title, [...(runs.get(title) ?? []), run])
  for (let round = 0; round < bench.rounds; round++) {
    note('SQLite', await throughDatabase(bench, { ORDERCTL_DATABASE_URL: `sqlite:${bench.freshFile()}` }))
    for (const database of databases) {
      if (!(await succeeds(database.create))) continue
      try {
        note(database.title, await throughDatabase(bench, { ORDERCTL_DATABASE_URL: database.url }))
      } finally {
        await database.drop()
      }
    }
    for (const queue of queues) {
      if (!(await succeeds(queue.drop))) continue
      try {
        note(`SQLite over ${queue.title}`, { drain: await throughQueue(bench, queue.environment) })
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
  const settings = { ORDERCTL_DATABASE_URL: `sqlite:${importedCopy()}`, ...environment }
  await orderctl(settings, 'rebuild', 'queue')
  return measured(() => orderctl(settings, 'work', '--drain'))
}

/** Adds the CPU seconds of the whole machine during the run: the client's and the server's. */
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

async function succeeds(act) {
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

async function deleteKeys() {
  const redis = new Redis(REDIS, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  await redis.connect()
  for await (const keys of redis.scanStream({ match: `${name}:*` })) if (keys.length > 0) await redis.del(keys)
  redis.disconnect()
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
