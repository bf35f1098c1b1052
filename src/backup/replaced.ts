// The database that a restore replaces: locks it, and says what it holds that the backup does not.
import { type Kysely, sql } from 'kysely'
import { connect, type Database } from '../database/connection.js'
import { migrationStates } from '../database/migrations.js'
import type { Schema } from '../database/schema.js'
import { readShop } from '../database/shop.js'
import { errorCode, UserError } from '../errors.js'
import { findUser } from '../reports/in-use.js'
import type { SqliteAddress } from '../servers/addresses.js'
import { explainError } from '../servers/explain.js'
import { capitalized } from '../terminal/text.js'

/** What happened after the backup was taken. */
export interface Lost {
  readonly orders: number
  readonly settled: number
  readonly captured: number
  readonly refunds: number
  /** Changes by people, as `audit log` lists them. */
  readonly actions: number
  /** Files that were imported since, oldest first. */
  readonly files: readonly string[]
}

export interface Replaced {
  readonly unlock: () => Promise<void>
  /** Undefined if the database cannot be read, which is one reason to restore it. */
  readonly lost: Lost | undefined
  /** Why it cannot be read. If it is damaged, it may have a log, and may not be locked. */
  readonly unreadable: string | undefined
}

/**
 * Opens the database and keeps all other processes from opening it. Leaves no write-ahead log, so that the file is all
 * of the database.
 *
 * @param since when the backup was taken
 * @throws UserError if another process has it open, or seems to be alive; if it belongs to another shop or program
 */
export async function lockReplaced(address: SqliteAddress, shop: string, since: number): Promise<Replaced> {
  let db: Database | undefined
  const unlock = async () => db?.destroy()
  try {
    db = await connect(address)
    await lock(db, address)
    const states = await migrationStates(db, address.path)
    if (states.every(({ appliedAt }) => appliedAt === null))
      return { unlock, lost: undefined, unreadable: `${address.path} has no tables.` }
    await refuseUse(db, address, shop)
    return { unlock, lost: await readLost(db, since), unreadable: undefined }
  } catch (error) {
    const explained = explainError(error, address)
    if (explained?.code === 'database_newer' || explained?.code === 'database_unreadable')
      return { unlock, lost: undefined, unreadable: explained.message }
    await unlock()
    throw explained ?? error
  }
}

async function lock(db: Kysely<Schema>, { path }: SqliteAddress): Promise<void> {
  try {
    // The switch fails at once if any other connection is open, and moves the log into the file.
    for (const pragma of ['busy_timeout = 0', 'locking_mode = exclusive', 'journal_mode = delete'])
      await sql.raw(`pragma ${pragma}`).execute(db)
    await sql`begin exclusive`.execute(db)
    await sql`commit`.execute(db)
  } catch (error) {
    if (errorCode(error) !== 'SQLITE_BUSY') throw error
    throw inUse(`Another process has ${path} open.`)
  }
}

/** A process in another container may hold locks that this one cannot see. */
async function refuseUse(db: Kysely<Schema>, { path }: SqliteAddress, shop: string): Promise<void> {
  const user = await findUser(db)
  if (user) throw inUse(`${capitalized(user)} uses ${path}.`)
  const other = await readShop(db)
  if (other === shop) return
  throw new UserError({
    code: 'restore_of_other_shop',
    message: `The backup is of shop ${shop}, but ${path} is shop ${other}.`,
    fix: 'Name another database in ORDERCTL_DATABASE_URL, or move this one away.',
  })
}

function inUse(message: string): UserError {
  return new UserError({
    code: 'database_in_use',
    message,
    fix: 'Stop all workers, imports and schedules, then run the command again. A killed worker counts as stopped after 30 seconds.',
    retryable: true,
  })
}

async function readLost(db: Kysely<Schema>, since: number): Promise<Lost> {
  const imports = db.selectFrom('imports').where('started_at', '>', since)
  const rows = await imports.select('file').orderBy('id').execute()
  const counted = await db
    .selectNoFrom((eb) => {
      const count = (table: 'orders' | 'payments' | 'refunds' | 'actions') =>
        eb.selectFrom(table).select(eb.fn.countAll<number>().as('rows'))
      return [
        count('orders').where('import_id', 'in', imports.select('id')).as('orders'),
        count('orders').where('settled_at', '>', since).as('settled'),
        count('payments').where('status', '=', 'captured').where('answered_at', '>', since).as('captured'),
        count('refunds').where('created_at', '>', since).as('refunds'),
        count('actions').where('at', '>', since).as('actions'),
      ]
    })
    .$narrowType<{ orders: number; settled: number; captured: number; refunds: number; actions: number }>()
    .executeTakeFirstOrThrow()
  return { ...counted, files: [...new Set(rows.map(({ file }) => file))] }
}
