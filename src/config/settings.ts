// Every setting: its environment variable, its default as text, what it is, and how its text is read.
import { DAY_MS, HOUR_MS, WEEK_MS } from '../domain/time.js'
import { readDatabaseAddress, readQueueAddress, readRedisAddress } from '../servers/addresses.js'
import {
  number,
  oneOf,
  orOff,
  readCron,
  readPrefix,
  readQueueName,
  readSchema,
  readTimeZone,
  type Setting,
  whole,
} from './values.js'

const DAY_SECONDS = 86_400
const MANY = 1_000_000_000

/** A default that depends on other settings or on folders stands in `fallbackOf` (config.ts). */
export const SETTINGS = {
  database: setting(
    'ORDERCTL_DATABASE_URL',
    '',
    'where everything is kept: sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE',
    readDatabaseAddress,
  ),
  redis: setting('ORDERCTL_REDIS_URL', '', 'publishes leaderboards and KPIs: redis://HOST, or none', readRedisAddress),
  redisPrefix: setting('ORDERCTL_REDIS_PREFIX', '', 'prefix of our keys on a shared Redis', readPrefix),
  queue: setting(
    'ORDERCTL_QUEUE_URL',
    'embedded',
    'what delivers orders to workers: embedded, redis://HOST, postgres://HOST/DATABASE or amqp://HOST/VHOST; the Redis above where one is set',
    readQueueAddress,
  ),
  queueSchema: setting('ORDERCTL_QUEUE_SCHEMA', 'bullmq', 'schema of the queue in a PostgreSQL database', readSchema),
  queueName: setting('ORDERCTL_QUEUE_NAME', 'orders', 'name of the queue on RabbitMQ', readQueueName),
  timeZone: setting('ORDERCTL_TIME_ZONE', 'UTC', 'time zone of the business day', readTimeZone),
  'payments.gateway': setting(
    'ORDERCTL_PAYMENT_GATEWAY',
    'simulated',
    'payment gateway: simulated',
    oneOf('simulated'),
  ),
  'payments.successRate': setting(
    'ORDERCTL_PAYMENT_SUCCESS_RATE',
    '0.9',
    'share of charges that the simulated gateway captures',
    number(0, 1),
  ),
  'payments.latencyMs': setting(
    'ORDERCTL_PAYMENT_LATENCY_MS',
    '0',
    'answer time of the simulated gateway, in milliseconds',
    whole(0, HOUR_MS),
  ),
  'payments.seed': setting('ORDERCTL_PAYMENT_SEED', 'orderctl', 'decides which charges are captured', (text) => text),
  'payments.inFlightPerWorker': setting(
    'ORDERCTL_PAYMENT_IN_FLIGHT_PER_WORKER',
    '20',
    'maximum number of open charges for each worker',
    whole(1, 10_000),
  ),
  'payments.maxInFlight': setting(
    'ORDERCTL_PAYMENT_MAX_IN_FLIGHT',
    '1000',
    'maximum number of open charges for each process',
    whole(1, 100_000),
  ),
  'payments.timeoutMs': setting(
    'ORDERCTL_PAYMENT_TIMEOUT_MS',
    '10000',
    'time after which the outcome of an unanswered charge is unknown',
    whole(1, HOUR_MS),
  ),
  'workflow.batchSize': setting(
    'ORDERCTL_BATCH_SIZE',
    '500',
    'orders in a batch; 2000 where the database is on a server',
    whole(1, 10_000),
  ),
  'workflow.attempts': setting(
    'ORDERCTL_ATTEMPTS',
    '3',
    'attempts at a charge with an unknown outcome before the order needs review',
    whole(1, 100),
  ),
  'workflow.leaseMs': setting(
    'ORDERCTL_LEASE_MS',
    '30000',
    'lease of a batch; then others may claim it',
    whole(100, HOUR_MS),
  ),
  'workflow.batchTimeoutMs': setting(
    'ORDERCTL_BATCH_TIMEOUT_MS',
    '120000',
    'time without progress after which a batch is given up and its thread replaced; at least four leases',
    whole(1000, DAY_MS),
  ),
  'workflow.reservationTtlMs': setting(
    'ORDERCTL_RESERVATION_TTL_MS',
    '900000',
    'lifetime of a stock reservation',
    whole(1000, WEEK_MS),
  ),
  'inventory.unknownSku': setting(
    'ORDERCTL_UNKNOWN_SKU',
    'create',
    'an unknown SKU in an import: create the product, or reject the order',
    oneOf('create', 'reject'),
  ),
  'inventory.initialStock': setting(
    'ORDERCTL_INITIAL_STOCK',
    '1000',
    'stock of a product that an import creates',
    whole(0, MANY),
  ),
  'schedule.kpis': setting(
    'ORDERCTL_SCHEDULE_KPIS',
    '0 * * * *',
    'when KPIs and realtime figures are computed',
    readCron,
  ),
  'schedule.leaderboards': setting(
    'ORDERCTL_SCHEDULE_LEADERBOARDS',
    '*/30 * * * *',
    'when leaderboards are compared and rebuilt',
    readCron,
  ),
  'schedule.snapshots': setting(
    'ORDERCTL_SCHEDULE_SNAPSHOTS',
    '*/5 * * * *',
    'when a snapshot of the queue is stored',
    readCron,
  ),
  'schedule.reservations': setting(
    'ORDERCTL_SCHEDULE_RESERVATIONS',
    '*/5 * * * *',
    'when expired reservations are released',
    readCron,
  ),
  'schedule.alarms': setting('ORDERCTL_SCHEDULE_ALARMS', '* * * * *', 'when the alarms below are checked', readCron),
  'schedule.timeZone': setting(
    'ORDERCTL_SCHEDULE_TIME_ZONE',
    'UTC',
    'time zone of these times; by default that of the business day',
    readTimeZone,
  ),
  'alarms.waitSeconds': setting(
    'ORDERCTL_ALARM_WAIT_SECONDS',
    '900',
    'alarm `wait`: age of the oldest due order, in seconds, or off',
    orOff(whole(1, 30 * DAY_SECONDS)),
  ),
  'alarms.failureRate': setting(
    'ORDERCTL_ALARM_FAILURE_RATE',
    '0.4',
    'alarm `failure_rate`: share of recently settled orders that were not sold, or off',
    orOff(number(0.001, 1)),
  ),
  'alarms.failureWindowSeconds': setting(
    'ORDERCTL_ALARM_FAILURE_WINDOW_SECONDS',
    '900',
    'window for the failure rate, in seconds',
    whole(1, DAY_SECONDS),
  ),
  'alarms.failureLeastOrders': setting(
    'ORDERCTL_ALARM_FAILURE_LEAST_ORDERS',
    '20',
    'minimum number of settled orders before the failure rate applies',
    whole(1, MANY),
  ),
  'alarms.unresolvedOrders': setting(
    'ORDERCTL_ALARM_UNRESOLVED_ORDERS',
    '1',
    'alarm `unresolved`: number of orders that need review (payment_unknown, poison), or off',
    orOff(whole(1, MANY)),
  ),
  'alarms.staleWorkers': setting(
    'ORDERCTL_ALARM_STALE_WORKERS',
    '1',
    'alarm `stale_workers`: number of workers that went silent with none started since, or off',
    orOff(whole(1, 1_000_000)),
  ),
  'alarms.lowStock': setting(
    'ORDERCTL_ALARM_LOW_STOCK',
    'off',
    'alarm `low_stock`: available units of a product, or off',
    orOff(whole(0, MANY)),
  ),
  'alarms.lateTaskSeconds': setting(
    'ORDERCTL_ALARM_LATE_TASK_SECONDS',
    '600',
    'alarm `schedule`: lateness of a task in seconds, or off; also raised when a task failed last',
    orOff(whole(60, 30 * DAY_SECONDS)),
  ),
  logFormat: setting(
    'ORDERCTL_LOG_FORMAT',
    'text',
    'format of notes and errors on stderr: text or json',
    oneOf('text', 'json'),
  ),
} as const

function setting<Value>(
  environment: string,
  fallback: string,
  about: string,
  read: (text: string) => Value,
): Setting<Value> {
  return { environment, fallback, about, read }
}
