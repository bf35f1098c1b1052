// Every setting: its default as text, what it is, and how its text is read. Readers throw an Error whose message
// completes "… is not usable: ".
import { DAY_MS, HOUR_MS, WEEK_MS } from '../domain/time.js'
import { readDatabaseAddress, readQueueAddress, readRedisAddress } from '../servers/addresses.js'
import { number, oneOf, orOff, readCron, readPrefix, readQueueName, readSchema, readTimeZone, whole } from './values.js'

const DAY_SECONDS = 86_400
const MANY = 1_000_000_000

/** Defaults that depend on other settings or on folders are in `fallbackOf` (config.ts). */
export const SETTINGS = {
  database: setting(
    '',
    'where everything is kept: sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE',
    readDatabaseAddress,
  ),
  redis: setting('', 'publishes leaderboards and KPIs: redis://HOST, or none', readRedisAddress),
  redisPrefix: setting('', 'prefix of our keys on a shared Redis', readPrefix),
  queue: setting(
    'embedded',
    'what delivers orders to workers: embedded, redis://HOST, postgres://HOST/DATABASE or amqp://HOST/VHOST; the Redis above where one is set',
    readQueueAddress,
  ),
  queueSchema: setting('bullmq', 'schema of the queue in a PostgreSQL database', readSchema),
  queueName: setting('orders', 'name of the queue on RabbitMQ', readQueueName),
  timeZone: setting('UTC', 'time zone of the business day', readTimeZone),
  'payments.gateway': setting('simulated', 'payment gateway: simulated', oneOf('simulated')),
  'payments.successRate': setting('0.9', 'share of charges that the simulated gateway captures', number(0, 1)),
  'payments.latencyMs': setting('0', 'answer time of the simulated gateway, in milliseconds', whole(0, HOUR_MS)),
  'payments.seed': setting('orderctl', 'decides which charges are captured', (text) => text),
  'payments.inFlightPerWorker': setting('20', 'maximum number of open charges for each worker', whole(1, 10_000)),
  'payments.maxInFlight': setting('1000', 'maximum number of open charges for each process', whole(1, 100_000)),
  'payments.timeoutMs': setting('10000', 'time until an unanswered charge has an unknown outcome', whole(1, HOUR_MS)),
  'workflow.batchSize': setting('500', 'orders in a batch; 2000 where the database is on a server', whole(1, 10_000)),
  'workflow.attempts': setting('3', 'attempts at a charge with an unknown outcome before review', whole(1, 100)),
  'workflow.leaseMs': setting('30000', 'lease of a batch; then others may claim it', whole(100, HOUR_MS)),
  'workflow.batchTimeoutMs': setting(
    '120000',
    'time without progress after which a batch is given up and its thread replaced; at least four leases',
    whole(1000, DAY_MS),
  ),
  'workflow.reservationTtlMs': setting('900000', 'lifetime of a stock reservation', whole(1000, WEEK_MS)),
  'inventory.unknownSku': setting(
    'create',
    'an unknown SKU in an import: create the product, or reject the order',
    oneOf('create', 'reject'),
  ),
  'inventory.initialStock': setting('1000', 'stock of a product that an import creates', whole(0, MANY)),
  'schedule.kpis': setting('0 * * * *', 'when KPIs and realtime figures are computed', readCron),
  'schedule.leaderboards': setting('*/30 * * * *', 'when leaderboards are compared and rebuilt', readCron),
  'schedule.snapshots': setting('*/5 * * * *', 'when a snapshot of the queue is stored', readCron),
  'schedule.reservations': setting('*/5 * * * *', 'when expired reservations are released', readCron),
  'schedule.alarms': setting('* * * * *', 'when the alarms below are checked', readCron),
  'schedule.timeZone': setting('UTC', 'time zone of these times; by default that of the business day', readTimeZone),
  'alarms.waitSeconds': setting(
    '900',
    'alarm `wait`: age of the oldest due order, in seconds, or off',
    orOff(whole(1, 30 * DAY_SECONDS)),
  ),
  'alarms.failureRate': setting(
    '0.4',
    'alarm `failure_rate`: share of recently settled orders that were not sold, or off',
    orOff(number(0.001, 1)),
  ),
  'alarms.failureWindowSeconds': setting('900', 'window for the failure rate, in seconds', whole(1, DAY_SECONDS)),
  'alarms.failureLeastOrders': setting('20', 'settled orders needed before the failure rate applies', whole(1, MANY)),
  'alarms.unresolvedOrders': setting(
    '1',
    'alarm `unresolved`: number of orders that need review (payment_unknown, poison), or off',
    orOff(whole(1, MANY)),
  ),
  'alarms.staleWorkers': setting(
    '1',
    'alarm `stale_workers`: number of workers that went silent with none started since, or off',
    orOff(whole(1, 1_000_000)),
  ),
  'alarms.lowStock': setting('off', 'alarm `low_stock`: available units of a product, or off', orOff(whole(0, MANY))),
  'alarms.lateTaskSeconds': setting(
    '600',
    'alarm `schedule`: lateness of a task in seconds, or off; also raised when a task failed last',
    orOff(whole(60, 30 * DAY_SECONDS)),
  ),
  logFormat: setting('text', 'format of notes and errors on stderr: text or json', oneOf('text', 'json')),
} as const

function setting<Value>(fallback: string, about: string, read: (text: string) => Value) {
  return { fallback, about, read }
}
