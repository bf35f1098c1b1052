// The configuration: every key, where its value comes from, and what may stand in it. Values are parsed here, once;
// the rest of the program sees typed ones.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { distance } from 'fastest-levenshtein'
import { DAY_MS, HOUR_MS, WEEK_MS } from '../domain/time.js'
import { errorCode, usageError } from '../errors.js'
import { readDatabaseAddress, readQueueAddress, readRedisAddress } from '../servers/addresses.js'
import { ALARM_SETTINGS, SCHEDULE_SETTINGS } from './schedule.js'
import {
  numberBetween,
  oneOf,
  readPrefix,
  readQueueName,
  readSchema,
  readTimeZone,
  setting,
  wholeBetween,
} from './values.js'

const SETTINGS = {
  database: setting(
    'ORDERCTL_DATABASE_URL',
    '',
    'where everything is kept: sqlite:PATH, postgres://HOST/DATABASE or mysql://HOST/DATABASE',
    readDatabaseAddress,
  ),
  redis: setting('ORDERCTL_REDIS_URL', '', 'publishes leaderboards and KPIs: redis://HOST, or none', readRedisAddress),
  redisPrefix: setting(
    'ORDERCTL_REDIS_PREFIX',
    '',
    'what our keys begin with on a Redis that others use, too',
    readPrefix,
  ),
  queue: setting(
    'ORDERCTL_QUEUE_URL',
    'embedded',
    'what delivers orders to workers: embedded, redis://HOST, postgres://HOST/DATABASE or amqp://HOST/VHOST; the Redis above where one is set',
    readQueueAddress,
  ),
  queueSchema: setting('ORDERCTL_QUEUE_SCHEMA', 'bullmq', 'where the queue is in a PostgreSQL database', readSchema),
  queueName: setting('ORDERCTL_QUEUE_NAME', 'orders', 'what the queue is called on RabbitMQ', readQueueName),
  timeZone: setting('ORDERCTL_TIME_ZONE', 'UTC', 'time zone of the business day', readTimeZone),
  'payments.gateway': setting(
    'ORDERCTL_PAYMENT_GATEWAY',
    'simulated',
    'who takes the money: simulated',
    oneOf('simulated'),
  ),
  'payments.successRate': setting(
    'ORDERCTL_PAYMENT_SUCCESS_RATE',
    '0.9',
    'share of charges that the simulated gateway captures',
    numberBetween(0, 1),
  ),
  'payments.latencyMs': setting(
    'ORDERCTL_PAYMENT_LATENCY_MS',
    '0',
    'how long the simulated gateway takes to answer',
    wholeBetween(0, HOUR_MS),
  ),
  'payments.seed': setting('ORDERCTL_PAYMENT_SEED', 'orderctl', 'decides which charges are captured', (text) => text),
  'payments.inFlightPerWorker': setting(
    'ORDERCTL_PAYMENT_IN_FLIGHT_PER_WORKER',
    '20',
    'charges that one worker keeps open at a time',
    wholeBetween(1, 10_000),
  ),
  'payments.maxInFlight': setting(
    'ORDERCTL_PAYMENT_MAX_IN_FLIGHT',
    '1000',
    'charges that one process keeps open at a time',
    wholeBetween(1, 100_000),
  ),
  'payments.timeoutMs': setting(
    'ORDERCTL_PAYMENT_TIMEOUT_MS',
    '10000',
    'when a charge without an answer counts as unknown',
    wholeBetween(1, HOUR_MS),
  ),
  'workflow.batchSize': setting(
    'ORDERCTL_BATCH_SIZE',
    '500',
    'orders that a worker takes in hand together; 2000 where the database is on a server',
    wholeBetween(1, 10_000),
  ),
  'workflow.attempts': setting(
    'ORDERCTL_ATTEMPTS',
    '3',
    'how often a charge without an answer is asked for before it waits for a person',
    wholeBetween(1, 100),
  ),
  'workflow.leaseMs': setting(
    'ORDERCTL_LEASE_MS',
    '30000',
    'when orders of a worker that went silent are taken over',
    wholeBetween(100, HOUR_MS),
  ),
  'workflow.batchTimeoutMs': setting(
    'ORDERCTL_BATCH_TIMEOUT_MS',
    '120000',
    'when a batch that makes no progress is given up and its thread replaced; four leases where these are longer',
    wholeBetween(1000, DAY_MS),
  ),
  'workflow.reservationTtlMs': setting(
    'ORDERCTL_RESERVATION_TTL_MS',
    '900000',
    'how long stock is held for an order',
    wholeBetween(1000, WEEK_MS),
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
    wholeBetween(0, 1_000_000_000),
  ),
  ...SCHEDULE_SETTINGS,
  ...ALARM_SETTINGS,
  logFormat: setting('ORDERCTL_LOG_FORMAT', 'text', 'notes and errors on stderr: text, or json', oneOf('text', 'json')),
} as const

export type SettingKey = keyof typeof SETTINGS
export type Config = { readonly [Key in SettingKey]: ReturnType<(typeof SETTINGS)[Key]['read']> }

const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[]

/** One line of `orderctl config`. */
interface ResolvedSetting {
  readonly key: SettingKey
  readonly value: string
  /** `default`, the environment variable's name, or the file's path. */
  readonly origin: string
  readonly environment: string
  readonly about: string
}

export interface ConfigFolders {
  /** The working folder: its orderctl.config.json comes first. */
  readonly working: string
  /** The user's configuration folder. */
  readonly user: string
  /** Where the database is by default. */
  readonly data: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly settings: readonly ResolvedSetting[]
}

const CONFIG_FILE = 'orderctl.config.json'

/**
 * Reads the configuration: environment, then the working folder's file, then the user's, then defaults.
 *
 * @throws UserError (exit 2) naming the value, its place and what may stand there
 */
export function loadConfig(environment: NodeJS.ProcessEnv, folders: ConfigFolders): LoadedConfig {
  const files = [...new Set([folders.working, folders.user])].map((folder) => readConfigFile(join(folder, CONFIG_FILE)))
  const config: { -readonly [Key in SettingKey]?: unknown } = {}
  const settings: ResolvedSetting[] = []
  for (const key of SETTING_KEYS) {
    const setting = SETTINGS[key]
    const file = files.find(({ values }) => values.has(key))
    const fromEnvironment = environment[setting.environment]
    const fallback = fallbackOf(key, folders, config as Partial<Config>)
    const found =
      fromEnvironment !== undefined && fromEnvironment !== ''
        ? { value: fromEnvironment, origin: setting.environment }
        : file
          ? { value: file.values.get(key) ?? '', origin: file.path }
          : { value: fallback, origin: 'default' }
    config[key] = readValue(key, found, fallback)
    const value = maskPassword(found.value)
    settings.push({ key, value, origin: found.origin, environment: setting.environment, about: setting.about })
  }
  return { config: config as Config, settings }
}

function fallbackOf(key: SettingKey, folders: ConfigFolders, config: Partial<Config>): string {
  if (key === 'database') return `sqlite:${join(folders.data, 'orderctl.sqlite')}`
  if (key === 'queue' && config.redis) return config.redis.url
  // A server costs a round trip a statement, and a commit a batch.
  if (key === 'workflow.batchSize' && config.database?.kind !== 'sqlite') return '2000'
  if (key === 'workflow.batchTimeoutMs') {
    return String(Math.max(Number(SETTINGS[key].fallback), 4 * (config['workflow.leaseMs'] ?? 0)))
  }
  if (key === 'schedule.timeZone' && config.timeZone) return config.timeZone
  return SETTINGS[key].fallback
}

/** The text with the passwords of its URLs as `***`, fit to be shown: before the last `@`, and in a query. */
export function maskPassword(text: string): string {
  return text.replace(/(:\/\/[^/\s:@]*:)\S*@/g, '$1***@').replace(/([?&]\w*pass\w*=)[^&\s"']*/gi, '$1***')
}

/** The candidate that a mistyped word most likely means, if any is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0]
  return near && near.edits <= Math.max(2, Math.floor(word.length / 3)) ? near.candidate : undefined
}

interface Found {
  readonly value: string
  readonly origin: string
}

function readValue(key: SettingKey, { value, origin }: Found, fallback: string): unknown {
  try {
    return SETTINGS[key].read(value.trim())
  } catch (error) {
    const place = origin === SETTINGS[key].environment ? origin : `${key} in ${origin}`
    throw usageError({
      code: 'bad_configuration',
      message: `${place} is "${maskPassword(value)}", which is not usable: ${error instanceof Error ? error.message : error}.`,
      fix: `Correct it, or remove it to use the default${fallback && `, ${maskPassword(fallback)}`}.`,
    })
  }
}

interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<string, string>
}

function readConfigFile(path: string): ConfigFile {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return { path, values: new Map() }
    throw usageError({
      code: 'bad_configuration',
      message: `${path} cannot be read: ${error instanceof Error ? error.message : error}.`,
      fix: 'Make it a JSON object, such as {"timeZone": "Europe/Berlin", "payments": {"seed": "test"}}.',
    })
  }
  return { path, values: flatten(parsed, path, '') }
}

/** `{payments: {seed: "a"}}` becomes `payments.seed` → `a`; a key that we do not know is an error. */
function flatten(value: unknown, path: string, prefix: string): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError({
      code: 'bad_configuration',
      message: `${path} holds no JSON object${prefix === '' ? '' : ` at ${prefix}`}.`,
      fix: 'Make it a JSON object, such as {"timeZone": "Europe/Berlin", "payments": {"seed": "test"}}.',
    })
  }
  const values = new Map<string, string>()
  for (const [name, inner] of Object.entries(value)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (SETTING_KEYS.some((known) => known === key)) {
      values.set(key, typeof inner === 'string' ? inner : JSON.stringify(inner))
    } else if (SETTING_KEYS.some((known) => known.startsWith(`${key}.`))) {
      for (const entry of flatten(inner, path, key)) values.set(...entry)
    } else {
      const meant = nearest(key, SETTING_KEYS)
      throw usageError({
        code: 'unknown_key',
        message: `${path} has the key "${key}", which is not a setting.${meant ? ` Did you mean "${meant}"?` : ''}`,
        fix: `Correct or remove it. The keys are ${SETTING_KEYS.join(', ')}.`,
      })
    }
  }
  return values
}
