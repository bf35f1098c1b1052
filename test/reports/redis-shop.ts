// A shop whose reports keep figures in Redis, under a prefix of the test's own.
import { Redis } from 'ioredis'
import { type Database, openDatabase } from '../../src/database/connection.js'
import { DatabaseReports } from '../../src/reports/database-reports.js'
import { RedisReports } from '../../src/reports/redis-reports.js'
import { addressOf, randomPrefix, redisUrl, removeKeys } from '../redis.js'
import { type OrderWish, Shop } from './shop.js'

export const EVERYTHING = { currency: undefined, period: { from: undefined, to: undefined } } as const

export class RedisShop {
  readonly shop: Shop
  readonly prefix: string
  readonly url: string
  /** As another program would see what is kept. */
  readonly redis: Redis
  readonly reports: RedisReports
  /** What to compare with. */
  readonly database: DatabaseReports
  readonly warnings: string[] = []
  readonly #closing: (() => Promise<unknown>)[] = []

  private constructor(shop: Shop, url: string, prefix: string) {
    this.shop = shop
    this.url = url
    this.prefix = prefix
    this.redis = new Redis(url)
    this.redis.on('error', () => undefined)
    this.database = new DatabaseReports(shop.db, 'UTC')
    this.reports = this.reportsOn(shop.db)
  }

  /** @param prefix of another shop, to meet it there */
  static async open(url = redisUrl ?? '', prefix = randomPrefix()): Promise<RedisShop> {
    return new RedisShop(await Shop.open(), url, prefix)
  }

  /** Those of another process on the same Redis. */
  reportsOn(db: Database): RedisReports {
    const options = { db, timeZone: 'UTC', prefix: this.prefix, address: addressOf(this.url) }
    const reports = new RedisReports({ ...options, warn: (text) => this.warnings.push(text) })
    this.#closing.push(() => reports.close())
    return reports
  }

  /** Another process's connection to a database, the shop's where none is named. */
  async connection(path = this.shop.path): Promise<Database> {
    const db = await openDatabase({ kind: 'sqlite', path })
    this.#closing.push(() => db.destroy())
    return db
  }

  sell(reference: string, customer: string, minor: number, wish: OrderWish = {}) {
    return this.shop.order(reference, { status: 'completed', customer, lines: [['W', 1, minor]], ...wish })
  }

  /** Members of `customers:spending:USD` and the like, with their scores, by their names. */
  async board(name: string): Promise<Record<string, number>> {
    const flat = await this.redis.zrange(`${this.prefix}leaderboard:${name}`, '0', '-1', 'WITHSCORES')
    const pairs = flat.flatMap((member, at) => (at % 2 === 0 ? [[member, Number(flat[at + 1])] as const] : []))
    return Object.fromEntries(pairs.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  async keys(): Promise<string[]> {
    const keys = await this.redis.keys(`${this.prefix}*`)
    return keys.map((key) => key.slice(this.prefix.length)).sort()
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    this.redis.disconnect()
    await this.shop.close()
    if (this.url === redisUrl) await removeKeys(this.url, this.prefix)
  }
}

/** The connection, with something that happens right after its first read of the table. */
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
