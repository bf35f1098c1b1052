// A shop that publishes figures in Redis, under a prefix of its own.
import { Redis } from 'ioredis'
import type { Database } from '../../src/database/connection.js'
import { PublishedFigures } from '../../src/redis/figures.js'
import { randomPrefix, removeKeys } from './redis.js'
import { addressOf, serverUrl } from './servers.js'
import { type OrderDraft, Shop } from './shop.js'

export const SPENDING = 'customers:spending:USD'

export class FiguresShop {
  readonly shop: Shop
  readonly prefix: string
  readonly url: string
  /** A connection of another program. */
  readonly redis: Redis
  readonly figures: PublishedFigures

  private constructor(shop: Shop, url: string, prefix: string) {
    this.shop = shop
    this.url = url
    this.prefix = prefix
    this.redis = new Redis(url)
    this.redis.on('error', () => undefined)
    this.figures = this.figuresOf(shop.db)
  }

  /** @param prefix of another shop, to share it */
  static async open(url = serverUrl('redis'), prefix = randomPrefix()): Promise<FiguresShop> {
    return new FiguresShop(await Shop.open(), url, prefix)
  }

  figuresOf(db: Database): PublishedFigures {
    const address = addressOf('redis', this.url)
    return new PublishedFigures({ db, address, timeZone: 'UTC', prefix: this.prefix, place: this.shop.path })
  }

  sell(reference: string, customer: string, minor: number, wish: OrderDraft = {}) {
    return this.shop.order(reference, { status: 'completed', customer, lines: [['W', 1, minor]], ...wish })
  }

  key(name: string): string {
    return this.prefix + name
  }

  /** The members of a board such as `customers:spending:USD`, with their scores. */
  async board(name: string): Promise<Record<string, number>> {
    const flat = await this.redis.zrange(this.key(`leaderboard:${name}`), '0', '-1', 'WITHSCORES')
    return Object.fromEntries(flat.flatMap((member, at) => (at % 2 === 0 ? [[member, Number(flat[at + 1])]] : [])))
  }

  async kpi(name: string): Promise<unknown> {
    return JSON.parse((await this.redis.get(this.key(name))) ?? 'null')
  }

  async keys(): Promise<string[]> {
    const keys = await this.redis.keys(`${this.prefix}*`)
    return keys.map((key) => key.slice(this.prefix.length)).sort()
  }

  async close(): Promise<void> {
    this.redis.disconnect()
    await this.shop.close()
    await removeKeys(this.prefix)
  }
}

/** The same connection, on which something happens right after the first read of the table. */
export function whenFirstRead(db: Database, table: string, happens: () => Promise<unknown>): Database {
  let read = false
  const watched = new WeakSet<object>()
  return db.withPlugin({
    transformQuery({ node, queryId }) {
      if (JSON.stringify(node).includes(`"${table}"`)) watched.add(queryId)
      return node
    },
    async transformResult({ result, queryId }) {
      if (watched.has(queryId) && !read) {
        read = true
        await happens()
      }
      return result
    },
  })
}
