// All settings: default as text, description, and reader. A reader throws an Error whose message completes
// "… is invalid; ".
import { DAY_MS, HOUR_MS, WEEK_MS } from '../domain/time.js'
import { readDatabaseAddress, readQueueAddress, readRedisAddress } from '../servers/addresses.js'
import {
  cronOr,
  integer,
  number,
  oneOf,
  orOff,
  readGateway,
  readPath,
  readPrefix,
  readQueueName,
  readSchema,
  readTimeZone,
  readToken,
  readWebhookSecret,
  readWebhookUrl,
} from './values.js'

const DAY_SECONDS = 86_400
const BILLION = 1_000_000_000

/** Defaults that depend on other settings or on folders are in `fallbackOf` (config.ts). */
export const SETTINGS = {
  database: setting(
    '',
    'database: sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE',
    readDatabaseAddress,
  ),
  redis: setting('', 'Redis that leaderboards and KPIs are published to: redis://HOST', readRedisAddress),
  redisPrefix: setting('', 'prefix of keys on a shared Redis', readPrefix),
  queue: setting(
    'embedded',
    'queue that delivers orders to workers: embedded, redis://HOST, postgres://HOST/DATABASE or amqp://HOST/VHOST; default is `redis` if set',
    readQueueAddress,
  ),
  queueSchema: setting('bullmq', 'schema of a queue on PostgreSQL', readSchema),
  queueName: setting('orders', 'name of a queue on RabbitMQ', readQueueName),
  allowUnencrypted: setting(
    'no',
    'whether Redis, RabbitMQ and webhooks on other hosts may be used without TLS: yes or no',
    oneOf('yes', 'no'),
  ),
  timeZone: setting('UTC', 'time zone of the business day', readTimeZone),
  'payments.gateway': setting('simulated', 'payment gateway: simulated, or an https:// URL', readGateway),
  'payments.token': setting('', 'token for the gateway; better in a file', readToken, 'secret'),
  'payments.tokenFile': setting('', 'file that holds the token for the gateway', readPath),
  'payments.caFile': setting('', 'file of the certificates to trust, as PEM; default are those of Node', readPath),
  'payments.allowHttp': setting(
    'no',
    'whether the gateway may use http:// on another host: yes or no',
    oneOf('yes', 'no'),
  ),
  'payments.successRate': setting('0.9', 'share of charges that the simulated gateway captures', number(0, 1)),
  'payments.latencyMs': setting('0', 'response time of the simulated gateway, in milliseconds', integer(0, HOUR_MS)),
  'payments.seed': setting(
    'orderctl',
    'seed that determines which charges the simulated gateway captures',
    (text) => text,
  ),
  'payments.maxInFlight': setting('100', 'maximum number of open charges per process', integer(1, 10_000)),
  'payments.ratePerSecond': setting(
    'off',
    'maximum number of charges per second and process, or off',
    orOff(number(0.01, 100_000)),
  ),
  'payments.keyLifetimeHours': setting(
    '24',
    'how long the gateway remembers an idempotency key, in hours; older charges are looked up before they are asked again',
    integer(1, 10_000),
  ),
  'payments.timeoutMs': setting(
    '10000',
    'timeout of a charge, in milliseconds; then its outcome is unknown',
    integer(1, HOUR_MS),
  ),
  'workflow.batchSize': setting('2000', 'maximum number of orders per batch', integer(1, 10_000)),
  'workflow.attempts': setting(
    '3',
    'attempts at a charge with an unknown outcome before the order needs review',
    integer(1, 100),
  ),
  'workflow.leaseMs': setting(
    '30000',
    'lease of a batch, in milliseconds; then other workers may claim its orders',
    integer(100, HOUR_MS),
  ),
  'workflow.batchTimeoutMs': setting(
    '120000',
    'time without progress, in milliseconds, after which a batch is abandoned and its thread replaced; at least four leases',
    integer(1000, DAY_MS),
  ),
  'workflow.answerTimeoutMs': setting(
    '120000',
    "time limit for a database server's answer to a worker, in milliseconds; then the connection counts as lost",
    integer(1000, DAY_MS),
  ),
  'workflow.reservationTtlMs': setting(
    '900000',
    'lifetime of a stock reservation, in milliseconds',
    integer(1000, WEEK_MS),
  ),
  'inventory.unknownSku': setting(
    'create',
    'action for an unknown SKU in an import: create the product, or reject the order',
    oneOf('create', 'reject'),
  ),
  'inventory.initialStock': setting('1000', 'stock of a product created by an import', integer(0, BILLION)),
  'schedule.kpis': cronSetting('0 * * * *', 'cron expression for computing KPIs and realtime figures'),
  'schedule.leaderboards': cronSetting('*/30 * * * *', 'cron expression for checking and rebuilding leaderboards'),
  'schedule.snapshots': cronSetting('*/5 * * * *', 'cron expression for storing queue snapshots'),
  'schedule.reservations': cronSetting('*/5 * * * *', 'cron expression for releasing expired reservations'),
  'schedule.refunds': cronSetting('* * * * *', 'cron expression for finishing refunds with an unknown outcome'),
  'schedule.alarms': cronSetting('* * * * *', 'cron expression for checking alarms'),
  'schedule.timeZone': setting('UTC', 'time zone of the cron expressions; default is `timeZone`', readTimeZone),
  'alarms.waitSeconds': setting(
    '900',
    'alarm `wait`: age of the oldest due order, in seconds, or off',
    orOff(integer(1, 30 * DAY_SECONDS)),
  ),
  'alarms.failureRate': setting(
    '0.4',
    'alarm `failure_rate`: share of recently settled orders that failed or were rolled back, or off',
    orOff(number(0.001, 1)),
  ),
  'alarms.failureWindowSeconds': setting('900', 'window for the failure rate, in seconds', integer(1, DAY_SECONDS)),
  'alarms.failureLeastOrders': setting(
    '20',
    'minimum number of settled orders before the failure rate applies',
    integer(1, BILLION),
  ),
  'alarms.unresolvedOrders': setting(
    '1',
    'alarm `unresolved`: number of orders that need review (payment_unknown, poison) or whose refund does, or off',
    orOff(integer(1, BILLION)),
  ),
  'alarms.staleWorkers': setting(
    '1',
    'alarm `stale_workers`: number of workers without a heartbeat and without a newer worker, or off',
    orOff(integer(1, 1_000_000)),
  ),
  'alarms.lowStock': setting(
    'off',
    'alarm `low_stock`: number of available units of a product, or off',
    orOff(integer(0, BILLION)),
  ),
  'alarms.notifySeconds': setting(
    '900',
    'alarm `notify`: age of the oldest event that was not delivered, in seconds, or off',
    orOff(integer(1, 30 * DAY_SECONDS)),
  ),
  'alarms.backupAgeHours': setting(
    'off',
    'alarm `backup`: hours since the last backup of a SQLite file, or off',
    orOff(integer(1, 10_000)),
  ),
  'alarms.lateTaskSeconds': setting(
    '600',
    'alarm `schedule`: delay of a task, in seconds, or off; also raised if the last run of a task failed',
    orOff(integer(60, 30 * DAY_SECONDS)),
  ),
  'notify.url': setting('', 'webhook that gets the events of orders: https://HOST/PATH', readWebhookUrl),
  'notify.secret': setting('', 'secret that signs webhooks: whsec_ and base64', readWebhookSecret, 'secret'),
  'notify.secretFile': setting('', 'file with the secret that signs webhooks', (text) => text || null),
  'notify.command': setting(
    '',
    'shell command that gets each event of an order as JSON on standard input',
    (text) => text || null,
  ),
  'notify.maxInFlight': setting(
    '20',
    'maximum number of open deliveries per process and destination',
    integer(1, 1000),
  ),
  'notify.keepDays': setting('30', 'days for which delivered events are kept', integer(1, 3650)),
  logLevel: setting(
    'info',
    'lowest level of notes on stderr: debug, info, warn or error; debug is --verbose',
    oneOf('debug', 'info', 'warn', 'error'),
  ),
  logFormat: setting('text', 'format of notes and errors on stderr: text or json', oneOf('text', 'json')),
} as const

function cronSetting(fallback: string, about: string) {
  return setting(fallback, about, cronOr(fallback))
}

/** @param secret whether the value is never shown */
function setting<Value>(fallback: string, about: string, read: (text: string) => Value, secret?: 'secret') {
  return { fallback, about, read, isSecret: secret !== undefined }
}
