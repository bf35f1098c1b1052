// Opens database, queue and published figures for a command, and closes them after it.
import { hostname } from 'node:os'
import type { Config } from './config/config.js'
import { agreeOnClock } from './database/clocks.js'
import {
  type Database,
  explainDatabaseError,
  openDatabase,
  openOrCreateDatabase,
  placeOf,
} from './database/connection.js'
import { agreeOnTimeZone, refuseUnfinishedCopy } from './database/refusals.js'
import { createQueue, type QueueOptions } from './queue/create-queue.js'
import type { Queue } from './queue/queue.js'
import type { PublishedFigures } from './redis/figures.js'
import { onceReachable, type Waiting } from './workflow/outage.js'

export interface App {
  readonly config: Config
  readonly db: Database
  readonly queue: Queue
  /** Figures in Redis, if one is configured. */
  readonly figures: PublishedFigures | undefined
}

export interface DatabaseOptions {
  /** Create the database if it is missing. */
  readonly create?: boolean
  /** Accept a database whose days are in another time zone. */
  readonly anyTimeZone?: boolean
  /** Refuse a clock that differs from that of live workers: for commands that write when orders fall due. */
  readonly agreeOnClock?: boolean
}

export interface AppOptions extends DatabaseOptions, QueueOptions {
  /** Connect to the queue at once, and not when it is first used. */
  readonly connectQueue?: boolean
}

/** Opens what the configuration names, lends it to `use`, and closes it however that ends. */
export async function withApp<Result>(
  config: Config,
  options: AppOptions,
  use: (app: App) => Promise<Result>,
): Promise<Result> {
  return lend(config, await openApp(config, options), use)
}

/**
 * The same for commands that run until they are stopped: waits for a server that is away.
 *
 * @param waiting if undefined, a server that is away is an error
 * @returns undefined if the signal came during the wait
 */
export async function withAppOnceReachable<Result>(
  config: Config,
  options: AppOptions & { readonly waiting: Waiting | undefined },
  use: (app: App) => Promise<Result>,
): Promise<Result | undefined> {
  const { waiting } = options
  const app = await onceReachable(() => openApp(config, options), { ...config, waiting })
  return app && lend(config, app, use)
}

/** Lends the database alone: nothing of the queue or of Redis is loaded. */
export async function withDatabase<Result>(
  config: Config,
  options: DatabaseOptions,
  use: (db: Database) => Promise<Result>,
): Promise<Result> {
  return lend(config, { db: await openShop(config, options), queue: undefined }, ({ db }) => use(db))
}

async function openApp(config: Config, options: AppOptions): Promise<App> {
  const db = await openShop(config, options)
  let queue: Queue | undefined
  try {
    queue = await createQueue(db, config, options)
    if (options.connectQueue) await queue.connect()
    return { config, db, queue, figures: await createFigures(db, config) }
  } catch (error) {
    // A queue that cannot be used may still have a connection, which would keep the process from ending.
    await queue?.close()
    await db.destroy()
    throw explainDatabaseError(error, config.database) ?? error
  }
}

async function openShop(config: Config, options: DatabaseOptions): Promise<Database> {
  const db = await (options.create ? openOrCreateDatabase : openDatabase)(config.database)
  try {
    await refuseUnfinishedCopy(db)
    if (!options.anyTimeZone) await agreeOnTimeZone(db, config.timeZone)
    if (options.agreeOnClock) await agreeOnClock(db)
    return db
  } catch (error) {
    await db.destroy()
    throw explainDatabaseError(error, config.database) ?? error
  }
}

async function lend<Opened extends { readonly db: Database; readonly queue: Queue | undefined }, Result>(
  { database }: Config,
  opened: Opened,
  use: (opened: Opened) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(opened).finally(() => opened.queue?.close())
  } catch (error) {
    throw explainDatabaseError(error, database) ?? error
  } finally {
    await opened.db.destroy()
  }
}

/** Makes no connection yet. */
async function createFigures(db: Database, config: Config) {
  const { redis: address, redisPrefix: prefix, timeZone, database } = config
  if (!address) return undefined
  const { PublishedFigures } = await import('./redis/figures.js')
  const place = `${placeOf(database)}${database.kind === 'sqlite' ? ` on ${hostname()}` : ''}`
  return new PublishedFigures({ db, address, prefix, timeZone, place })
}
