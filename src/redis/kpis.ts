// Publishes KPIs: the documents that `kpis --json` prints, each under a name that identifies the report.
import type { ChainableCommander } from 'ioredis'
import { addDays, type Day, dayAt } from '../domain/business-day.js'
import { amountsAsNumbers } from '../domain/money.js'
import { dailyKpis, rangeKpis, realtimeKpis } from '../reports/kpis.js'
import type { FiguresStore } from './store.js'

export const DAY_SECONDS = 86_400

const LIFETIME_SECONDS = { daily: DAY_SECONDS, range: 3600, realtime: 300 } as const

type KpiKind = keyof typeof LIFETIME_SECONDS

/** Key of a sorted set with the names of the published KPIs, scored by expiry (epoch milliseconds). */
export const listKey = (prefix: string) => `${prefix}kpis:published`

export function kpiName(kind: KpiKind, timeZone: string, ...days: readonly Day[]): string {
  return ['kpis', kind, ...days, timeZone].join(':')
}

export function readName(name: string): { kind: KpiKind; days: Day[]; timeZone: string } {
  const [, kind, days = '', timeZone = ''] = /^kpis:(daily|range|realtime):((?:[\d-]{10}:)*)(.+)$/.exec(name) ?? []
  return { kind: (kind ?? 'realtime') as KpiKind, days: days.split(':').slice(0, -1) as Day[], timeZone }
}

/** Names of the KPIs that the task `kpis` publishes: today, yesterday, last 7 and 30 days, month to date, realtime. */
export function namesAt(now: number, timeZone: string): string[] {
  const today = dayAt(now, timeZone)
  const firsts = [addDays(today, -6), addDays(today, -29), `${today.slice(0, 7)}-01` as Day]
  return [
    kpiName('daily', timeZone, today),
    kpiName('daily', timeZone, addDays(today, -1)),
    ...firsts.map((first) => kpiName('range', timeZone, first, today)),
    kpiName('realtime', timeZone),
  ]
}

/** Computes the report with this name. @returns undefined if it is for another time zone */
export async function reportOf({ db, timeZone }: FiguresStore, name: string): Promise<object | undefined> {
  const { kind, days, timeZone: zone } = readName(name)
  const [from, to] = days
  if (zone !== timeZone) return undefined
  if (kind === 'realtime') return realtimeKpis(db, timeZone, Date.now())
  if (kind === 'daily') return from && dailyKpis(db, timeZone, from)
  return from && to && rangeKpis(db, timeZone, from, to)
}

/** Adds commands that publish the report of each name, and that delete names without a report. */
export async function addKpis(commands: ChainableCommander, store: FiguresStore, names: Iterable<string>) {
  const { prefix } = store
  for (const name of new Set(names)) {
    const report = await reportOf(store, name)
    const seconds = LIFETIME_SECONDS[readName(name).kind]
    if (report) commands.set(prefix + name, JSON.stringify(report, amountsAsNumbers), 'EX', seconds)
    else commands.unlink(prefix + name)
    commands.zadd(listKey(prefix), report ? Date.now() + seconds * 1000 : 0, name)
  }
  commands.zremrangebyscore(listKey(prefix), '-inf', Date.now())
}
