// Compares the published figures with the database, without changing anything. Orders are settled meanwhile, so
// differences are compared again after workers had time to publish.
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { groupBy } from '../domain/batches.js'
import type { Day } from '../domain/business-day.js'
import { amountsAsNumbers } from '../domain/money.js'
import { listKey, readName, reportOf } from './kpis.js'
import { boardName, readProgress, safetyMargin } from './publish.js'
import { type FiguresStore, parseObject, readMark } from './store.js'
import { type BoardKind, refundsSince, salesSince, totalsOf } from './totals.js'

/** The number of compared values, and the published values that differ, by name. */
interface Comparison {
  entries: number
  readonly differing: Map<string, string>
}

const MAX_EXAMPLES = 5

/** Maximum wait for a worker, in seconds. A worker pauses 5 s after a publication, or nine times its duration. */
const MAX_WAITS = 60

const COMPARISONS = [
  ['redis_customers', 'leaderboards of customers', (store: FiguresStore) => compareBoards(store, 'customers')],
  ['redis_products', 'leaderboards of products', (store: FiguresStore) => compareBoards(store, 'products')],
  ['redis_kpis', 'KPIs', compareKpis],
] as const

/** Reports a value if it has the same difference in both comparisons. Values published in between are correct. */
export async function checkFigures(store: FiguresStore) {
  const compareAll = async () => {
    const results: Comparison[] = []
    for (const [, , compare] of COMPARISONS) results.push(await compare(store))
    return results
  }
  const first = await compareAll()
  const differs = first.some(({ differing }) => differing.size > 0)
  if (differs) await untilPublished(store)
  const second = differs ? await compareAll() : first
  return COMPARISONS.map(([name, what], index) => {
    const now = second[index]
    const expected = now?.entries ?? 0
    const before = [...(first[index]?.differing ?? [])]
    const differing = before.flatMap(([id, value]) => (now?.differing.get(id) === value ? [id] : []))
    const differences = differing.length
    const examples = differing.slice(0, MAX_EXAMPLES)
    const about = `${what} in Redis match the database`
    return { name, about, ok: differences === 0, expected, actual: expected - differences, differences, examples }
  })
}

/** Waits until the orders settled so far are published, unless no live worker could publish them. */
async function untilPublished(store: FiguresStore): Promise<void> {
  const { settledAt } = await readProgress(store.db, 0)
  for (let waits = 0; waits < MAX_WAITS; waits++) {
    await sleep(1000)
    if (((await readMark(store))?.settledAt ?? 0) >= settledAt || !(await isWorkerAlive(store.db))) return
  }
}

/** Returns whether a worker has sent a heartbeat recently. Workers send one every two seconds. */
async function isWorkerAlive(db: Database): Promise<boolean> {
  const since = (await databaseTime(db)) - 10_000
  const workers = db.selectFrom('workers').select('id').where('stopped_at', 'is', null)
  return (await workers.where('last_seen', '>', since).executeTakeFirst()) !== undefined
}

async function compareBoards(store: FiguresStore, kind: BoardKind): Promise<Comparison> {
  const { redis, db, prefix } = store
  const { boards = [] } = (await readMark(store)) ?? {}
  const result: Comparison = { entries: 0, differing: new Map() }
  // Counted before the totals are read, so that members of new sales do not count as unknown.
  const surplus = new Map<string, number>()
  for (const name of boards.filter((board) => board.startsWith(`leaderboard:${kind}:`))) {
    surplus.set(name, await redis.zcard(prefix + name))
  }
  for await (const page of totalsOf(db, kind)) {
    for (const [currency, totals] of groupBy(page, (total) => total.currency)) {
      const name = boardName(kind, currency)
      const scores = await redis.zmscore(prefix + name, ...totals.map(({ member }) => member))
      for (const [index, { member, score }] of totals.entries()) {
        const published = scores[index] ?? null
        if (published !== null) surplus.set(name, (surplus.get(name) ?? 0) - 1)
        if (published === null || Number(published) !== score)
          result.differing.set(`${member} (${currency})`, published ?? 'missing')
      }
      result.entries += totals.length
    }
  }
  for (const [name, members] of surplus) {
    if (members > 0) result.differing.set(`${members} unknown in ${name}`, 'not in the database')
  }
  return result
}

/** Compares the KPIs, except realtime figures, which are of a past moment. */
async function compareKpis(store: FiguresStore): Promise<Comparison> {
  const { redis, prefix } = store
  const result: Comparison = { entries: 0, differing: new Map() }
  for (const name of await redis.zrange(listKey(prefix), '0', '-1')) {
    const text = await redis.get(prefix + name)
    if (text === null || readName(name).kind === 'realtime') continue
    result.entries += 1
    const { generated_at, ...published } = parseObject(text)
    const fresh = JSON.stringify((await reportOf(store, name)) ?? {}, amountsAsNumbers)
    const { generated_at: _, ...figures } = parseObject(fresh)
    const matches = isDeepStrictEqual(published, figures) || (await isOlder(store, name, generated_at))
    if (!matches) result.differing.set(name, text)
  }
  return result
}

/** Returns whether a range is older than its latest changes. That is correct, because workers publish only days. */
async function isOlder({ db }: FiguresStore, name: string, generatedAt: unknown): Promise<boolean> {
  const { kind, days } = readName(name)
  if (kind !== 'range' || typeof generatedAt !== 'string') return false
  const [from, to] = days as [Day, Day]
  const since = Date.parse(generatedAt) - safetyMargin(db)
  const sales = salesSince(db, since).where('business_day', '>=', from).where('business_day', '<=', to)
  const refunds = refundsSince(db, since).where('day', '>=', from).where('day', '<=', to)
  return (
    ((await sales.select('id').executeTakeFirst()) ?? (await refunds.select('order_id as id').executeTakeFirst())) !==
    undefined
  )
}
