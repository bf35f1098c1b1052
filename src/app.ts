// Opens the database, queue and published figures for a command, and closes them when it ends.
import { hostname } from 'node:os'
import type { Config } from './config/config.js'
import { agreeOnClock } from './database/clocks.js'
import {
  type ConnectOptions,
  type Database,
  explainDatabaseError,
  openDatabase,
  openOrCreateDatabase,
  placeOf,
} from './database/connection.js'
import { agreeOnTimeZone, refuseOtherTimeZone, refuseUnfinishedCopy } from './database/refusals.js'
import { recordingEvents } from './notify/events.js'
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

export interface DatabaseOptions extends Pick<ConnectOptions, 'answerTimeoutMs'> {
  /** Create the database if it is missing. */
  readonly create?: boolean
  /** Accept a database whose days are in another time zone. */
  readonly anyTimeZone?: boolean
  /** Reject a clock that differs from that of live workers, for commands that write when orders are due. */
  readonly agreeOnClock?: boolean
}

export interface AppOptions extends DatabaseOptions, QueueOptions {
  /** Connect to the queue at once, not when it is first used. */
  readonly connectQueue?: boolean
}

/** Opens what is configured, passes it to `use`, and closes it when `use` ends or fails. */
export async function withApp<Result>(
  config: Config,
  options: AppOptions,
  use: (app: App) => Promise<Result>,
): Promise<Result> {
  return useAndClose(config, await openApp(config, options), use)
}

/**
 * Like `withApp`, for commands that run until they are stopped: waits while a server is unreachable.
 *
 * @param waiting if undefined, an unreachable server is an error
 * @returns undefined if the signal was aborted during the wait
 */
export async function withAppOnceReachable<Result>(
  config: Config,
  options: AppOptions & { readonly waiting: Waiting | undefined },
  use: (app: App) => Promise<Result>,
): Promise<Result | undefined> {
  const { waiting } = options
  const app = await onceReachable(() => openApp(config, options), { ...config, waiting })
  return app && useAndClose(config, app, use)
}

/** Like `withApp`, but opens only the database, without loading any code of the queue or of Redis. */
export async function withDatabase<Result>(
  config: Config,
  options: DatabaseOptions,
  use: (db: Database) => Promise<Result>,
): Promise<Result> {
  return useAndClose(config, { db: await openChecked(config, options), queue: undefined }, ({ db }) => use(db))
}

async function openApp(config: Config, options: AppOptions): Promise<App> {
  const db = await openChecked(config, options)
  let queue: Queue | undefined
  try {
    queue = await createQueue(db, config, options)
    if (options.connectQueue) await queue.connect()
    return { config, db, queue, figures: await createFigures(db, config) }
  } catch (error) {
    // A queue that failed may still have a connection, which would keep the process alive.
    await queue?.close()
    await db.destroy()
    throw explainDatabaseError(error, config.database) ?? error
  }
}

/** Opens the database and checks that the command may use it. */
async function openChecked(config: Config, options: DatabaseOptions): Promise<Database> {
  const db = await (options.create ? openOrCreateDatabase : openDatabase)(config.database, options)
  try {
    await refuseUnfinishedCopy(db)
    // Only a command that adds orders decides on the time zone.
    const agree = options.create ? agreeOnTimeZone : refuseOtherTimeZone
    if (!options.anyTimeZone) await agree(db, config.timeZone)
    if (options.agreeOnClock) await agreeOnClock(db)
    return recordingEvents(db, config)
  } catch (error) {
    await db.destroy()
    throw explainDatabaseError(error, config.database) ?? error
  }
}

async function useAndClose<Opened extends { readonly db: Database; readonly queue: Queue | undefined }, Result>(
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

/** Creates the publisher of figures without connecting. */
async function createFigures(db: Database, config: Config) {
  const { redis: address, redisPrefix: prefix, timeZone, database } = config
  if (!address) return undefined
  const { PublishedFigures } = await import('./redis/figures.js')
  const place = `${placeOf(database)}${database.kind === 'sqlite' ? ` on ${hostname()}` : ''}`
  return new PublishedFigures({ db, address, prefix, timeZone, place })
}
