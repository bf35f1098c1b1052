// The published figures: what workers, tasks and `rebuild` do with them. Reports only read the database.
import { isDatabaseError } from '../database/thrown.js'
import type { RedisAddress } from '../servers/addresses.js'
import { explainUnreachable } from '../servers/explain.js'
import { checkFigures } from './check.js'
import { namesAt } from './kpis.js'
import { publish, rebuildFigures } from './publish.js'
import type { FiguresStore } from './store.js'

type FiguresOptions = Omit<FiguresStore, 'redis' | 'server'> & { readonly address: RedisAddress }

/**
 * Each call opens its own connection. It throws a UserError if Redis cannot be reached, or if another database has the prefix.
 * Errors of the database are thrown as they are.
 */
export class PublishedFigures {
  readonly #options: FiguresOptions

  constructor(options: FiguresOptions) {
    this.#options = options
  }

  /** Publishes what was sold since the last publication. If this fails, the next one makes up for it. */
  publish(): Promise<void> {
    return this.#withRedis((store) => publish(store))
  }

  /** Also publishes the KPIs of the days around `now`. */
  publishKpis(now: number): Promise<void> {
    return this.#withRedis((store) => publish(store, namesAt(now, store.timeZone)))
  }

  rebuild(): Promise<void> {
    return this.#withRedis(async (store) => {
      await rebuildFigures(store)
      await publish(store)
    })
  }

  check() {
    return this.#withRedis(checkFigures)
  }

  async #withRedis<Result>(work: (store: FiguresStore) => Promise<Result>): Promise<Result> {
    const { address } = this.#options
    const { connectRedis } = await import('../servers/redis-connection.js')
    const redis = await connectRedis(address, { maxRetriesPerRequest: 0 })
    // A new connection would not watch what the lost one watched.
    Object.assign(redis.options, { retryStrategy: () => null, reconnectOnError: null })
    try {
      return await work({ ...this.#options, redis, server: address.name })
    } catch (error) {
      throw isDatabaseError(error) ? error : explainUnreachable(error, address)
    } finally {
      redis.disconnect()
    }
  }
}
