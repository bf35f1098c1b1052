// The reports with what is kept in Redis: the database's answers, sooner. Whenever Redis cannot answer, the database does.
import type { Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { isDatabaseError } from '../database/thrown.js'
import type { Day } from '../domain/business-day.js'
import { UserError } from '../errors.js'
import type { RedisAddress } from '../redis/address.js'
import { awayReply } from '../redis/away-replies.js'
import { connectRedis, unreachable } from '../redis/connection.js'
import type { Check, FiguresCopy } from './audit.js'
import { DatabaseReports } from './database-reports.js'
import { type KpiQuestion, type KpiReport, NO_STATE, readThrough, stateOfWork } from './redis-cache.js'
import { checkRedis } from './redis-check.js'
import { type Boards, readRank, readTop } from './redis-leaderboards.js'
import { rebuildRedis } from './redis-rebuild.js'
import { refreshRedis } from './redis-refresh.js'
import type { Board, RedisStore } from './redis-store.js'
import type { Total } from './redis-totals.js'
import type {
  CustomerEntry,
  CustomerRank,
  DailyKpis,
  Leaderboard,
  LeaderboardQuery,
  Period,
  ProductEntry,
  RangeKpis,
  RankQuery,
  RealtimeFigures,
  Reports,
} from './reports.js'

export interface RedisReportsOptions {
  readonly db: Database
  /** Of the business day, the one that the database's days are in. */
  readonly timeZone: string
  readonly address: RedisAddress
  /** What every key begins with. */
  readonly prefix: string
  /** Told once why the database answers instead. */
  readonly warn: (text: string) => void
}

/** Connects when it is first needed. Calls take turns: a connection watches keys for one of them at a time. */
export class RedisReports implements Reports, FiguresCopy {
  readonly #options: RedisReportsOptions
  readonly #database: DatabaseReports
  readonly #warned = new Set<string>()
  #redis: Redis | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: RedisReportsOptions) {
    this.#options = options
    this.#database = new DatabaseReports(options.db, options.timeZone)
  }

  daily(day: Day): Promise<DailyKpis> {
    const question = { kind: 'daily', from: day, to: day, timeZone: this.#options.timeZone } as const
    return this.#throughCache(question, () => this.#database.daily(day))
  }

  range(from: Day, to: Day): Promise<RangeKpis> {
    const question = { kind: 'range', from, to, timeZone: this.#options.timeZone } as const
    return this.#throughCache(question, () => this.#database.range(from, to))
  }

  realtime(now: number): Promise<RealtimeFigures> {
    const { db, timeZone } = this.#options
    const question = { kind: 'realtime', timeZone } as const
    return this.#throughCache(
      question,
      () => this.#database.realtime(now),
      () => stateOfWork(db, now, timeZone),
    )
  }

  customers(query: LeaderboardQuery): Promise<Leaderboard<CustomerEntry>> {
    const ask = () => this.#database.customers(query)
    return this.#fromBoards(query.period, ask, async (boards) => {
      const top = await readTop(boards, 'customers', query)
      return top && { ...top, entries: top.entries.map(customerEntry) }
    })
  }

  products(query: LeaderboardQuery): Promise<Leaderboard<ProductEntry>> {
    const ask = () => this.#database.products(query)
    return this.#fromBoards(query.period, ask, async (boards) => {
      const top = await readTop(boards, 'products', query)
      return top && { ...top, entries: top.entries.map(productEntry) }
    })
  }

  rank(query: RankQuery): Promise<CustomerRank> {
    const ask = () => this.#database.rank(query)
    return this.#fromBoards(query.period, ask, (boards) => readRank(boards, query))
  }

  /**
   * Brings Redis up to the database. After a failure, the next refresh makes up for it.
   *
   * @throws UserError (exit 4) where Redis cannot be reached; what the database throws, as it is
   */
  async refresh(): Promise<void> {
    await this.#withRedis(refreshRedis)
  }

  /** @throws UserError (exit 4) where Redis cannot be reached */
  async rebuild(): Promise<void> {
    await this.#withRedis(async (store) => {
      await rebuildRedis(store)
      await refreshRedis(store)
    })
  }

  /** @throws UserError (exit 4) where Redis cannot be reached */
  check(): Promise<readonly Check[]> {
    return this.#withRedis(checkRedis)
  }

  async close(): Promise<void> {
    await this.#turn
    this.#disconnect()
  }

  #throughCache<Report extends KpiReport>(
    question: KpiQuestion,
    compute: () => Promise<Report>,
    state: () => Promise<string> = async () => NO_STATE,
  ): Promise<Report> {
    return this.#answer(
      async (store, salesId) => readThrough(store, salesId, question, await state(), compute),
      compute,
    )
  }

  /** The boards are over all days. */
  #fromBoards<Answer>(
    { from, to }: Period,
    askDatabase: () => Promise<Answer>,
    read: (boards: Boards) => Promise<Answer | undefined>,
  ): Promise<Answer> {
    if (from !== undefined || to !== undefined) return askDatabase()
    return this.#answer((store, salesId) => read({ ...store, salesId, onBeyond: this.#warnOfBeyond }), askDatabase)
  }

  #answer<Answer>(
    askRedis: (store: RedisStore, salesId: string) => Promise<Answer | undefined>,
    askDatabase: () => Promise<Answer>,
  ): Promise<Answer> {
    return this.#inTurn(async () => {
      const answer = await this.#tryRedis(async (store) => {
        const salesId = await refreshRedis(store)
        return salesId === undefined ? undefined : askRedis(store, salesId)
      })
      return answer ?? askDatabase()
    })
  }

  async #tryRedis<Answer>(ask: (store: RedisStore) => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask(await this.#connect())
    } catch (error) {
      const failure = this.#explain(error)
      this.#warnOnce('away', `${failure.message} The database answers instead.`)
      return undefined
    }
  }

  /** @throws a UserError of Redis; what the database throws, as it is */
  #withRedis<Result>(work: (store: RedisStore) => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      try {
        return await work(await this.#connect())
      } catch (error) {
        throw this.#explain(error)
      }
    })
  }

  /** A failure of Redis as one that has a next step. Throws what is the database's. */
  #explain(error: unknown): UserError {
    this.#disconnect()
    if (error instanceof UserError) return error
    if (isDatabaseError(error)) throw error
    return isRefusal(error) ? commandRefused(this.#options.address, error) : unreachable(this.#options.address, error)
  }

  async #connect(): Promise<RedisStore> {
    const { db, prefix, address } = this.#options
    if (this.#redis?.status !== 'ready') {
      this.#disconnect()
      this.#redis = await connectRedis(address, { maxRetriesPerRequest: 0 })
      // A connection that is made again by itself would no longer watch what the lost one watched. Each failure ends it.
      Object.assign(this.#redis.options, { retryStrategy: () => null, reconnectOnError: null })
    }
    return { redis: this.#redis, db, prefix }
  }

  #disconnect(): void {
    this.#redis?.disconnect()
    this.#redis = undefined
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  readonly #warnOfBeyond = ({ kind, currency }: Board) => {
    const what = kind === 'customers' ? `Spending in ${currency}` : `Units sold in ${currency}`
    this.#warnOnce(
      `${kind} ${currency}`,
      `${what} is beyond what Redis counts exactly (2^53 - 1). The database answers instead.`,
    )
  }

  #warnOnce(subject: string, text: string): void {
    if (this.#warned.has(subject)) return
    this.#warned.add(subject)
    this.#options.warn(text)
  }
}

/** An error reply that will not pass by itself, except those about user and password. */
function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error && error.name === 'ReplyError')) return false
  return !awayReply(error) && !/^(NOAUTH|NOPERM|WRONGPASS)/.test(error.message)
}

function commandRefused({ name }: RedisAddress, cause: Error): UserError {
  return new UserError(
    {
      code: 'redis_refused_command',
      message: `Redis at ${name} refuses to keep leaderboards and KPIs: ${cause.message.replace(/\.$/, '')}.`,
      fix: 'Give it what it asks for, or unset ORDERCTL_REDIS_URL to work without it.',
    },
    { cause },
  )
}

function customerEntry({ member, name, orders, revenue, currency }: Total, index: number): CustomerEntry {
  return { rank: index + 1, customer: member, name, orders, spent: { currency, minor: revenue } }
}

function productEntry({ member, name, score, orders, revenue, currency }: Total, index: number): ProductEntry {
  return { rank: index + 1, sku: member, name, units: score, orders, revenue: { currency, minor: revenue } }
}
