// Stores figures in Redis, with a mark that says which database and which state of it they show.
import { randomUUID } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import type { Database } from '../database/connection.js'
import { readSetting } from '../database/settings.js'
import { readShop } from '../database/shop.js'
import { inTransaction } from '../database/transaction.js'
import { EXIT, UserError } from '../errors.js'

export interface FiguresStore {
  /** Not shared, because WATCH belongs to a connection. */
  readonly redis: Redis
  /** Host, port and database number, for messages. */
  readonly server: string
  /** Prefix of every key. */
  readonly prefix: string
  readonly db: Database
  /** Description of the database, without a password. */
  readonly place: string
  readonly timeZone: string
}

/**
 * Describes the published figures. It changes with the boards, so it is the key to watch. It expires: a database that
 * publishes nothing for a day gives up its prefix.
 */
export interface Mark {
  /** The identity of the database. */
  readonly shop: string
  /** Description of the database. */
  readonly place: string
  /** Identifies the sales figures: `rebuild` gives new figures a new id. */
  readonly salesId: string
  /** Orders settled and amounts refunded up to this time are included (epoch milliseconds). */
  readonly settledAt: number
  /** Number of such changes shortly before. If it changes later, some became visible late or disappeared. */
  readonly recent: number
  /** Names of the published boards. */
  readonly boards: readonly string[]
}

export const markKey = (prefix: string) => `${prefix}figures:mark`

/**
 * @returns undefined if there is no valid mark
 * @throws UserError if the figures belong to another database
 */
export async function readMark({ redis, db, prefix, server }: FiguresStore): Promise<Mark | undefined> {
  const mark = parseObject(await redis.get(markKey(prefix)))
  if (!isMark(mark)) return undefined
  if (mark.shop === (await readShop(db))) return mark
  throw new UserError({
    code: 'redis_prefix_taken',
    message: `The figures under the prefix "${prefix}" in Redis at ${server} belong to another database: ${mark.place} (shop ${mark.shop}).`,
    fix: `Set a different ORDERCTL_REDIS_PREFIX for each database. If the other database no longer exists: redis-cli -u redis://${server} del ${markKey(prefix)} (the mark expires a day after its last publication).`,
    exit: EXIT.usage,
  })
}

function isMark(value: Partial<Mark>): value is Mark {
  const { shop, boards, settledAt, recent } = value
  return [settledAt, recent].every(Number.isSafeInteger) && typeof shop === 'string' && Array.isArray(boards)
}

/** Parses a JSON object. @returns an empty object if the text is not one */
export function parseObject(text: string | null): { readonly [name: string]: unknown } {
  try {
    return { ...JSON.parse(text ?? '{}') }
  } catch {
    return {}
  }
}

/** Reads the random id of the sales figures. Creates it if it does not exist. */
export function ensureSalesId(db: Database): Promise<string> {
  return inTransaction(db, async (trx) => {
    const known = await readSetting(trx, 'sales_id')
    if (known !== undefined) return known
    const value = randomUUID()
    await trx.insertInto('settings').values({ name: 'sales_id', value }).execute()
    return value
  })
}

/** Runs the commands. @returns false if nothing was written, because a watched key had changed */
export async function execute(commands: ChainableCommander): Promise<boolean> {
  const results = await commands.exec().catch((error: unknown) => {
    // If Redis rejects a MULTI, its error does not say which command failed.
    const causes = error instanceof Error && 'previousErrors' in error ? error.previousErrors : undefined
    throw Array.isArray(causes) ? (causes[0] ?? error) : error
  })
  const failure = results?.find(([error]) => error !== null)?.[0]
  if (failure) throw failure
  return results !== null
}
