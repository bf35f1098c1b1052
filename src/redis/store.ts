// Where figures are published, and the mark that says which state of which database they show.
import { randomUUID } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { readSetting } from '../database/settings.js'
import { inTransaction } from '../database/transaction.js'
import { EXIT, UserError } from '../errors.js'

export interface FiguresStore {
  /** Not shared, since a connection watches keys. */
  readonly redis: Redis
  /** Host, port and database number, for messages. */
  readonly server: string
  /** First part of every key. */
  readonly prefix: string
  readonly db: Database
  /** The database in words, without a password. */
  readonly place: string
  readonly timeZone: string
}

/**
 * Changes with the boards, so this is the key to watch. Expires: a database that has published nothing for a day gives its
 * prefix up.
 */
export interface Mark {
  readonly databaseId: string
  /** The database in words. */
  readonly place: string
  /** Names the sales figures: `rebuild` gives new figures a new name. */
  readonly salesId: string
  /** Orders settled up to here are in (epoch milliseconds). */
  readonly settledAt: number
  /** Number of orders settled shortly before that. Another number later means that some became visible late, or are gone. */
  readonly recent: number
  /** Names of the published boards. */
  readonly boards: readonly string[]
}

export const markKey = (prefix: string) => `${prefix}figures:mark`

/**
 * @returns undefined if there is none, or something else
 * @throws UserError if the figures are those of another database
 */
export async function readMark({ redis, db, prefix, server }: FiguresStore): Promise<Mark | undefined> {
  const mark = parseObject(await redis.get(markKey(prefix)))
  if (!isMark(mark)) return undefined
  if (mark.databaseId === (await readSetting(db, 'database_id'))) return mark
  throw new UserError({
    code: 'redis_prefix_taken',
    message: `The figures under the prefix "${prefix}" in Redis at ${server} are those of another database: ${mark.place} (id ${mark.databaseId}).`,
    fix: `Give each database an ORDERCTL_REDIS_PREFIX of its own. If the other one is gone: redis-cli -u redis://${server} del ${markKey(prefix)} (the mark expires a day after its last publication).`,
    exit: EXIT.usage,
  })
}

function isMark(value: Partial<Mark>): value is Mark {
  const { databaseId, boards, settledAt, recent } = value
  return [settledAt, recent].every(Number.isSafeInteger) && typeof databaseId === 'string' && Array.isArray(boards)
}

/** @returns an empty object if the text is not one */
export function parseObject(text: string | null): { readonly [name: string]: unknown } {
  try {
    return { ...JSON.parse(text ?? '{}') }
  } catch {
    return {}
  }
}

/** The random name in the database. Sets it if there is none. */
export function ensureId(db: Database, name: 'database_id' | 'sales_id'): Promise<string> {
  return inTransaction(db, async (trx) => {
    const known = await readSetting(trx, name)
    if (known !== undefined) return known
    const value = randomUUID()
    await trx.insertInto('settings').values({ name, value }).execute()
    return value
  })
}

/** @returns whether the commands took effect: a watched key may have changed */
export async function execute(commands: ChainableCommander): Promise<boolean> {
  const results = await commands.exec().catch((error: unknown) => {
    // The error of a MULTI that Redis rejects does not say which command was at fault.
    const causes = error instanceof Error && 'previousErrors' in error ? error.previousErrors : undefined
    throw Array.isArray(causes) ? (causes[0] ?? error) : error
  })
  const failure = results?.find(([error]) => error !== null)?.[0]
  if (failure) throw failure
  return results !== null
}
