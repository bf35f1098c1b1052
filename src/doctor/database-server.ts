// Checks of a server that holds the database: can it be reached, does it keep what it has taken, and is there room for more
// workers? What differs between servers is in postgres-facts.ts and mysql-facts.ts.

import { sql } from 'kysely'
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { engineOf } from '../database/engine.js'
import { readSetting } from '../database/settings.js'
import type { DatabaseCheck, Finding } from './finding.js'
import { MYSQL_FACTS } from './mysql-facts.js'
import { POSTGRES_FACTS } from './postgres-facts.js'
import { roundTripOf, SLOW_MS } from './round-trip.js'

/** What a server tells about itself, each product in its own way. */
export interface ServerFacts {
  version(db: Database): Promise<ServerVersion>
  limits(db: Database): Promise<Limit[]>
  /** The settings that a crash is survived by, or not. */
  durability(db: Database): Promise<DurabilitySetting[]>
  encoding(db: Database): Promise<Finding>
  /** Transactions that were begun in this database and in which nothing was said for so long. */
  idleTransactions(db: Database, seconds: number): Promise<IdleTransaction[]>
}

export interface ServerVersion {
  /** `PostgreSQL` */
  readonly product: string
  /** `15.6` */
  readonly version: string
  /** The oldest that will do: `13`. */
  readonly least: string
  /** Whether it takes changes, which a standby does not. */
  readonly writable: boolean
}

export interface Limit {
  /** Whose connections are counted: `the server`. */
  readonly of: string
  readonly used: number
  readonly most: number
  readonly fix: string
}

export interface DurabilitySetting {
  readonly name: string
  readonly value: string
  /** What a crash costs with this value; undefined where nothing is lost. */
  readonly cost?: string | undefined
  readonly fix: string
}

export interface IdleTransaction {
  /** `process 4711 (psql)` */
  readonly who: string
  readonly seconds: number
  readonly fix: string
}

export const SERVER_CHECKS: readonly DatabaseCheck[] = [
  { name: 'database server', look: checkServer },
  { name: 'connections', look: checkConnections },
  { name: 'durability', look: checkDurability },
  { name: 'encoding', look: (db) => factsOf(db).encoding(db) },
  { name: 'transactions', look: (db) => checkTransactions(db) },
  { name: 'copy', look: checkCopy },
]

function factsOf(db: Database): ServerFacts {
  return engineOf(db) === 'postgres' ? POSTGRES_FACTS : MYSQL_FACTS
}

async function checkServer(db: Database): Promise<Finding> {
  const { product, version, least, writable } = await factsOf(db).version(db)
  const roundTrip = await roundTripOf(() => sql`select 1`.execute(db))
  const detail = `${product} ${version}, round trip ${roundTrip.toFixed(1)} ms`
  if (isOlder(version, least)) return { detail, fix: `Update it: ${product} ${least} or newer is needed.` }
  if (!writable)
    return { detail: `${detail}, takes no changes`, fix: 'Name the primary in ORDERCTL_DATABASE_URL, or let it write.' }
  if (roundTrip > SLOW_MS)
    return { detail, fix: 'Run the workers nearer to the database, or look at what slows the network.' }
  return { detail }
}

/** By its numbers: 8.0.4 is older than 8.0.36, and 9 is not older than 8.0. */
export function isOlder(version: string, least: string): boolean {
  const [have, need] = [version, least].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0))
  for (const [index, number] of (need ?? []).entries()) {
    const other = have?.[index] ?? 0
    if (other !== number) return other < number
  }
  return false
}

/** What a few more workers need. */
export const LEAST_FREE_CONNECTIONS = 10

async function checkConnections(db: Database): Promise<Finding> {
  const limits = await factsOf(db).limits(db)
  const short = limits.find(({ used, most }) => most - used < LEAST_FREE_CONNECTIONS)
  const detail = limits.map(({ of, used, most }) => `${used} of ${most} that ${of} takes`).join(', ')
  return short ? { detail, fix: short.fix } : { detail }
}

async function checkDurability(db: Database): Promise<Finding> {
  return judgeDurability(await factsOf(db).durability(db))
}

/** Every setting in one line, and for each weak one what it costs and how it is put right. */
export function judgeDurability(settings: readonly DurabilitySetting[]): Finding {
  const detail = settings
    .map(({ name, value, cost }) => `${name} = ${value}${cost === undefined ? '' : ` (${cost})`}`)
    .join(', ')
  const weak = settings.filter(({ cost }) => cost !== undefined)
  return weak.length === 0 ? { detail } : { detail, fix: weak.map(({ fix }) => fix).join(' ') }
}

const IDLE_SECONDS = 300

/** @param seconds from when on a transaction in which nothing is said is worth a word */
export async function checkTransactions(db: Database, seconds = IDLE_SECONDS): Promise<Finding> {
  const [longest, ...others] = await factsOf(db).idleTransactions(db, seconds)
  if (!longest) return { detail: 'none stands open with nobody at work in it' }
  const more = others.length > 0 ? ` and ${others.length} more` : ''
  return {
    detail: `${longest.who}${more} began one and said nothing for ${longest.seconds} s: what it locked stays locked, and old rows stay on disk`,
    fix: longest.fix,
  }
}

/** Every other command refuses to work on a part of a shop. */
async function checkCopy(db: Database, _config: Config): Promise<Finding> {
  const from = await readSetting(db, 'copying_from')
  if (!from) return { detail: 'none is unfinished' }
  return {
    detail: `this is a part of ${from}: the copy was cut short`,
    fix: `Go on with it: orderctl migrate --from sqlite:${from}`,
  }
}
