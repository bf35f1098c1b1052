// Publishes, rebuilds and checks the figures in Redis. Reports do not use them: they read the database.
import { isDatabaseError } from '../database/watched.js'
import type { RedisAddress } from '../servers/addresses.js'
import { explainUnreachable } from '../servers/explain.js'
import { checkFigures } from './check.js'
import { namesAt } from './kpis.js'
import { publish, rebuildFigures } from './publish.js'
import type { FiguresStore } from './store.js'

type FiguresOptions = Omit<FiguresStore, 'redis' | 'server'> & { readonly address: RedisAddress }

/**
 * The figures in Redis. Each call opens its own connection. It throws a UserError if Redis is unreachable or another
 * database uses the prefix. Database errors are thrown unchanged.
 */
export class PublishedFigures {
  readonly #options: FiguresOptions

  constructor(options: FiguresOptions) {
    this.#options = options
  }

  /** Publishes sales since the last publication. If this fails, the next publication includes them. */
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
    // No reconnection: a new connection would have lost the watched keys.
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
