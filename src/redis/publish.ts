// Publishes sales and refunds since the last publication. Figures are absolute, so publishing twice changes nothing.
// Each attempt watches the mark (WATCH) from before it reads the database until it writes, so no process overwrites
// newer figures.
import { randomUUID } from 'node:crypto'
import type { ChainableCommander } from 'ioredis'
import type { Database } from '../database/connection.js'
import { writesAlone } from '../database/engine.js'
import { readSetting } from '../database/settings.js'
import { readShop } from '../database/shop.js'
import { groupBy } from '../domain/batches.js'
import type { Day } from '../domain/business-day.js'
import { CURRENCIES, type Currency } from '../domain/money.js'
import { addKpis, DAY_SECONDS, kpiName, listKey } from './kpis.js'
import { ensureSalesId, execute, type FiguresStore, type Mark, markKey, readMark } from './store.js'
import {
  BOARD_KINDS,
  type BoardKind,
  countChanges,
  readLastChange,
  refundsSince,
  salesSince,
  type Total,
  totalsOf,
} from './totals.js'

/** If more orders were settled since the last publication, a rebuild costs less. */
const MAX_CHANGES = 200_000

/**
 * A failed attempt means that another process has published. After this many, that also covered the changes due here.
 */
const MAX_ATTEMPTS = 5

/** Lifetime of the boards of an interrupted rebuild. */
const UNFINISHED_SECONDS = 600

const MEASURES = { customers: 'spending', products: 'units' } as const

type Progress = Pick<Mark, 'settledAt' | 'recent'>

export const boardName = (kind: BoardKind, currency: Currency) => `leaderboard:${kind}:${MEASURES[kind]}:${currency}`

/**
 * Brings Redis up to the state of the database at the call. Rebuilds the figures if Redis has lost some, or if they
 * belong to an earlier state of the database.
 *
 * @param requested names of KPIs to publish as well
 */
export async function publish(store: FiguresStore, requested: readonly string[] = []): Promise<void> {
  const { redis, db, prefix, place } = store
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    await redis.unwatch()
    await redis.watch(markKey(prefix))
    const mark = await readMark(store)
    const changes = mark && (await hasBoards(store, mark)) ? await readChanges(db, mark) : undefined
    if (!mark || !changes) {
      await rebuildFigures(store)
      continue
    }
    const { since, ...progress } = changes
    if (since > progress.settledAt && requested.length === 0) return
    const commands = redis.multi()
    const boards = new Set(mark.boards)
    for (const kind of BOARD_KINDS) {
      for await (const page of totalsOf(db, kind, since)) addScores(commands, prefix, boards, kind, page)
    }
    await addKpis(commands, store, [...requested, ...(await daysSoldSince(store, since))])
    setMark(commands, prefix, { ...mark, place, ...progress, boards: [...boards] })
    if (await execute(commands)) return
  }
}

/**
 * Builds new boards under temporary names, then replaces the old boards and all published KPIs in one transaction.
 * Progress is read before the figures, so orders that are settled meanwhile are left to the next publication.
 */
export async function rebuildFigures(store: FiguresStore): Promise<void> {
  const { redis, db, prefix, place } = store
  await readMark(store)
  const [shop, salesId] = [await readShop(db), await ensureSalesId(db)]
  const progress = await readProgress(db, 0)
  const building = `${prefix}building:${randomUUID()}:`
  const boards = new Set<string>()
  for (const kind of BOARD_KINDS) {
    for await (const page of totalsOf(db, kind)) {
      const commands = redis.pipeline()
      addScores(commands, building, boards, kind, page)
      for (const name of boards) commands.expire(building + name, UNFINISHED_SECONDS)
      await execute(commands)
    }
  }
  const commands = redis.multi()
  for (const name of BOARD_KINDS.flatMap((kind) => CURRENCIES.map((currency) => boardName(kind, currency)))) {
    if (boards.has(name)) commands.rename(building + name, prefix + name).persist(prefix + name)
    else commands.unlink(prefix + name)
  }
  const sold = await daysSoldSince(store, Date.now() - DAY_SECONDS * 1000)
  await addKpis(commands, store, [...(await redis.zrange(listKey(prefix), '0', '-1')), ...sold])
  setMark(commands, prefix, { shop, place, salesId, ...progress, boards: [...boards] })
  await redis.unwatch()
  await execute(commands)
}

function setMark(commands: ChainableCommander, prefix: string, mark: Mark): void {
  commands.set(markKey(prefix), JSON.stringify(mark), 'EX', DAY_SECONDS)
}

/** Returns false if a board was evicted or deleted. */
async function hasBoards({ redis, prefix }: FiguresStore, { boards }: Mark): Promise<boolean> {
  const keys = boards.map((name) => prefix + name)
  return keys.length === 0 || (await redis.exists(...keys)) === keys.length
}

/**
 * Finds the time from which orders must be read again. Progress is read before the figures, which are at least as new.
 *
 * @returns undefined if a rebuild is needed
 */
async function readChanges(db: Database, mark: Mark): Promise<(Progress & { since: number }) | undefined> {
  const from = mark.settledAt - safetyMargin(db)
  const progress = await readProgress(db, from)
  const recent = await countChanges(db, from, mark.settledAt + 1)
  // Settled orders have disappeared: the database was restored to an earlier state, or failed orders are retried.
  if (recent < mark.recent || (await readSetting(db, 'sales_id')) !== mark.salesId) return undefined
  const since = recent > mark.recent ? from : mark.settledAt + 1
  return (await countChanges(db, since, progress.settledAt + 1)) > MAX_CHANGES ? undefined : { ...progress, since }
}

export async function readProgress(db: Database, from: number): Promise<Progress> {
  const settledAt = await readLastChange(db, from)
  return { settledAt, recent: await countChanges(db, settledAt - safetyMargin(db), settledAt + 1) }
}

/**
 * Returns the window before the mark, in milliseconds, in which orders are counted again each time, and read again if
 * their number has changed. An order gets its time before others see it: on a server, before it waits for locks.
 */
export function safetyMargin(db: Database): number {
  return writesAlone(db) ? 3000 : 35_000
}

async function daysSoldSince({ db, timeZone }: FiguresStore, since: number): Promise<string[]> {
  const refunded = refundsSince(db, since).where('day', 'is not', null).select('day')
  const days = await salesSince(db, since)
    .select('business_day as day')
    .union(refunded.$narrowType<{ day: Day }>())
    .execute()
  return days.map(({ day }) => kpiName('daily', timeZone, day))
}

function addScores(
  commands: ChainableCommander,
  prefix: string,
  boards: Set<string>,
  kind: BoardKind,
  totals: readonly Total[],
): void {
  for (const [currency, ofCurrency] of groupBy(totals, (total) => total.currency)) {
    const name = boardName(kind, currency)
    boards.add(name)
    commands.zadd(prefix + name, ...ofCurrency.flatMap(({ score, member }) => [score, member]))
  }
}
