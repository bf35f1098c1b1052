// The database that a restore replaces: locks it, and says what it holds that the backup does not.
import { type Kysely, sql } from 'kysely'
import { connect, type Database } from '../database/connection.js'
import { migrationStates } from '../database/migrations.js'
import type { Schema } from '../database/schema.js'
import { readShop } from '../database/shop.js'
import type { CustomerId, ImportId } from '../domain/ids.js'
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

export interface Backup {
  readonly file: string
  readonly shop: string
  readonly takenAt: number
  readonly contents: Contents
}

/** The row of a customer, which a backup has under the same ids. */
interface Forgotten {
  readonly id: CustomerId
  readonly import_id: ImportId
}

export interface Replaced {
  readonly unlock: () => Promise<void>
  /** Customers that were forgotten. The backup may still name them. */
  readonly forgotten: readonly Forgotten[]
  /** Undefined if the database cannot be read, which is one reason to restore it. */
  readonly lost: Lost | undefined
  /** Why it cannot be read. If it is damaged, it may have a log, and may not be locked. */
  readonly unreadable: string | undefined
}

/**
 * Opens the database and keeps all other processes from opening it. Leaves no write-ahead log, so that the file is all
 * of the database.
 *
 * @throws UserError if another process has it open, or seems to be alive; if it belongs to another shop or program
 */
export async function lockReplaced(address: SqliteAddress, backup: Backup): Promise<Replaced> {
  let db: Database | undefined
  const unlock = async () => db?.destroy()
  try {
    db = await connect(address)
    await lock(db, address)
    const states = await migrationStates(db, address.path)
    if (states.every(({ appliedAt }) => appliedAt === null))
      return { unlock, forgotten: [], lost: undefined, unreadable: `${address.path} has no tables.` }
    await refuseUse(db, address, backup.shop)
    const forgotten = db.selectFrom('customers').where('forgotten_at', 'is not', null).select(['id', 'import_id'])
    const [lost, customers] = [await readLost(db, backup.contents), await forgotten.execute()]
    return { unlock, forgotten: customers, lost, unreadable: undefined }
  } catch (error) {
    const explained = explainError(error, address)
    if (explained?.code === 'database_newer' || explained?.code === 'database_unreadable')
      return { unlock, forgotten: [], lost: undefined, unreadable: explained.message }
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

/** What a database holds, and what it has archived. */
export interface Contents {
  readonly orders: number
  readonly settled: number
  readonly captured: number
  readonly refunds: number
  readonly actions: number
  /** 0 if there is none. */
  readonly lastImport: ImportId
}

/** Archived orders are settled. Those in the sums were captured, or free of charge. Declined refunds do not count. */
const CONTENTS = sql<Contents>`
  select (select count(*) from orders) + archived.orders as orders,
    (select count(*) from orders where settled_at is not null) + archived.orders as settled,
    (select count(*) from payments where status = 'captured') + archived.completed as captured,
    (select count(*) from refunds where status <> 'declined') + archived.refunds as refunds,
    (select count(*) from actions) as actions, (select coalesce(max(id), 0) from imports) as "lastImport"
  from (select (select count(*) from archived_orders) as orders,
    (select coalesce(sum(refunds), 0) from archived_refunds) as refunds,
    (select coalesce(sum(orders), 0) from archived_sales_by_customer) as completed) as archived`

export async function readContents(db: Kysely<Schema>): Promise<Contents> {
  const { rows } = await CONTENTS.execute(db)
  const [contents] = rows
  if (!contents) throw new Error('the database returned no row')
  return contents
}

/** Compares counts, not times: a row's time may be earlier than its commit. */
async function readLost(db: Kysely<Schema>, backup: Contents): Promise<Lost> {
  const held = await readContents(db)
  const since = (key: Exclude<keyof Contents, 'lastImport'>) => Math.max(0, held[key] - backup[key])
  const later = db.selectFrom('imports').select('file').where('id', '>', backup.lastImport)
  const files = (await later.orderBy('id').execute()).map(({ file }) => file)
  return {
    orders: since('orders'),
    settled: since('settled'),
    captured: since('captured'),
    refunds: since('refunds'),
    actions: since('actions'),
    files: [...new Set(files)],
  }
}
