// Forgets a customer: replaces id and name wherever the database has them. The customer's orders and figures stay.
//
// Texts come first and the customer last, each page in a transaction of its own. A crash in between leaves the customer
// under the old id, so that the same command finishes the work.
import { randomInt } from 'node:crypto'
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime, forUpdate, takeNamedLock } from '../database/engine.js'
import { isHeld } from '../database/lease.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { CustomerId } from '../domain/ids.js'
import { OPEN_STATUSES, type OrderVersion } from '../domain/order.js'
import { orderWords, waysToEnd } from '../domain/shell.js'
import { storable } from '../domain/storable.js'
import { UserError } from '../errors.js'
import type { ReaderState } from '../import/file-read.js'
import { findCustomer } from '../reports/leaderboards.js'
import { contains } from '../reports/order-list.js'
import { countOf } from '../terminal/text.js'
import { namesOf, type Person, withoutNames } from './person.js'

const FORGOTTEN_NAME = 'Forgotten customer'

/** A customer who may be forgotten. */
export interface Forgettable extends Person {
  readonly id: CustomerId
  readonly source: string
  /** Stored orders. */
  readonly orders: number
  /** Files that may still name the person: those of imports, with rejected lines, and of archives. */
  readonly files: readonly string[]
}

/**
 * Finds the customer and what an order to forget would not reach. Changes nothing.
 *
 * @throws UserError if there is no such customer, an import has not ended, or an order is open
 */
export async function findForgettable(db: Database, customer_id: string, source?: string): Promise<Forgettable> {
  const { id, source: found, customer_name: name } = await findCustomer(db, customer_id, source)
  await throwIfImporting(db, found)
  await throwIfOpen(db, id, customer_id)
  const orders = await countRows(db.selectFrom('orders').where('customer_id', '=', id))
  return { id, source: found, customer_id, name, orders, files: await filesNaming(db, id, found) }
}

async function filesNaming(db: Database, id: CustomerId, source: string): Promise<string[]> {
  const orders = db.selectFrom('orders').where('customer_id', '=', id)
  const archived = db.selectFrom('archived_orders').where('customer_id', '=', id).select('archived_orders.source')
  // A line that stored no order, such as a duplicate, may name anybody, as an import that was undone may. What is known
  // of the files of archived orders is their source.
  const imports = await db
    .selectFrom('imports')
    .where(({ eb, or, and, ref }) =>
      or([
        eb('id', 'in', orders.select('orders.import_id')),
        and([eb('source', '=', source), or([eb('rows', '>', ref('imported')), eb('status', '=', 'undone')])]),
        and([eb('archived', '>', 0), eb('source', 'in', archived)]),
      ]),
    )
    .select(['file', 'rejects_file'])
    .execute()
  // Orders of the file that another archive has removed, or that stay, have no row that leads to the file.
  const archives = await db
    .selectFrom('archives')
    .where(({ eb, or, and, ref, selectFrom }) =>
      or([
        eb(
          'id',
          'in',
          selectFrom('archived_orders').where('customer_id', '=', id).select('archived_orders.archive_id'),
        ),
        and([eb('written', '>', ref('orders')), or([eb('source', 'is', null), eb('source', '=', source)])]),
      ]),
    )
    .select('file')
    .execute()
  const files = [
    ...imports.flatMap(({ file, rejects_file }) => [file, rejects_file]),
    ...archives.map(({ file }) => file),
  ]
  return [...new Set(files.flatMap((file) => (file === null || file === '-' ? [] : [file])))].sort()
}

/** @returns the id that replaces the customer's, and how many texts named the person */
export async function forgetCustomer(db: Database, person: Forgettable, reason: string | undefined) {
  const placeholder = `forgotten-${Array.from({ length: 12 }, () => LETTERS[randomInt(LETTERS.length)]).join('')}`
  const names = namesOf(person)
  const texts = (await clearTexts(db, names, placeholder)) + (await clearVersions(db, person, placeholder))
  await clearReaderStates(db, person.source)
  await inTransaction(db, async (trx) => {
    // No import of the customer's orders starts meanwhile.
    await takeNamedLock(trx, 'turn_imports')
    await throwIfImporting(trx, person.source)
    await forUpdate(trx, trx.selectFrom('customers').select('id').where('id', '=', person.id)).execute()
    await throwIfOpen(trx, person.id, person.customer_id)
    const forgotten_at = await databaseTime(trx)
    await trx
      .updateTable('customers')
      .set({ customer_id: placeholder, name: FORGOTTEN_NAME, forgotten_at })
      .where('id', '=', person.id)
      .execute()
    // The next publication in Redis replaces all of its figures.
    await trx.deleteFrom('settings').where('name', '=', 'sales_id').execute()
    await recordAction(trx, {
      command: 'customers forget',
      subject: placeholder,
      reason: reason && withoutNames(reason, names, placeholder),
      details: `${countOf(person.orders, 'order')} of ${person.source}`,
    })
  })
  return { placeholder, texts }
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'

/** Columns with free text, by the columns of their table's key. */
const TEXTS: readonly (readonly [table: keyof Schema, key: readonly string[], texts: readonly string[]])[] = [
  ['orders', ['id'], ['message']],
  ['payments', ['order_id', 'attempt'], ['message']],
  ['refunds', ['order_id', 'number'], ['message']],
  ['events', ['order_id', 'destination', 'number'], ['message', 'error']],
  ['actions', ['id'], ['subject', 'reason', 'details']],
  ['stock_adjustments', ['id'], ['reason']],
  ['schedule_runs', ['task', 'slot'], ['message']],
  ['alarms', ['name'], ['message']],
  ['workers', ['id'], ['waiting_for']],
]

/** Matches the name in any case. Databases know the case of ASCII letters only, so that any text matches the others. */
function mayContain(column: string, name: string) {
  const isOther = (letter: string) => letter > '\x7f' && letter.toLowerCase() !== letter.toUpperCase()
  const parts = Array.from(name.toLowerCase(), (letter) => (isOther(letter) ? '%' : letter.replace(/[!%_]/, '!$&')))
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${`%${parts.join('')}%`} escape '!'`
}

type TextRow = Readonly<Record<string, string | number | null>>

/** Replaces the names in free texts. Returns the number of rows that changed. */
async function clearTexts(db: Database, names: readonly string[], placeholder: string): Promise<number> {
  let changed = 0
  if (names.length === 0) return changed
  for (const [table, key, texts] of TEXTS) {
    const isNamed = anyOf(texts.flatMap((text) => names.map((name) => mayContain(text, name))))
    const columns = sql.join([...key, ...texts].map((column) => sql.ref(column)))
    const { rows } = await sql<TextRow>`select ${columns} from ${sql.table(table)} where ${isNamed}`.execute(db)
    for (const row of rows) {
      const clear = texts.map((text) => [text, withoutNames(String(row[text] ?? ''), names, placeholder)] as const)
      const differing = clear.filter(([text, value]) => row[text] !== null && value !== row[text])
      if (differing.length === 0) continue
      const values = differing.map(([text, value]) => sql`${sql.ref(text)} = ${storable(value, longest(text))}`)
      // A text that another process has changed since stays.
      const isRow = [...key, ...differing.map(([text]) => text)].map(
        (column) => sql`${sql.ref(column)} = ${row[column]}`,
      )
      await sql`update ${sql.table(table)} set ${sql.join(values)} where ${sql.join(isRow, sql` and `)}`.execute(db)
      changed += 1
    }
  }
  return changed
}

/** Columns of 255 characters. The placeholder may be longer than the name. */
function longest(column: string): number {
  return column === 'subject' || column === 'reason' ? 255 : Number.MAX_SAFE_INTEGER
}

function anyOf(conditions: readonly RawBuilder<SqlBool>[]): RawBuilder<SqlBool> {
  return sql<SqlBool>`(${sql.join(conditions, sql` or `)})`
}

/** Replaces the id in earlier versions of orders. Returns the number of rows that changed. */
async function clearVersions(db: Database, { source, customer_id }: Forgettable, placeholder: string) {
  const versions = await db
    .selectFrom('order_changes')
    .innerJoin('imports', 'imports.id', 'order_changes.import_id')
    .where('imports.source', '=', source)
    .where(contains('order_changes.previous', JSON.stringify(customer_id)))
    .select(['order_changes.import_id', 'order_changes.order_id', 'order_changes.previous'])
    .execute()
  const named = versions
    .map((row) => ({ ...row, version: JSON.parse(row.previous) as OrderVersion }))
    .filter(({ version }) => version.customer_id === customer_id)
  for (const { import_id, order_id, version } of named) {
    const previous = JSON.stringify({ ...version, customer_id: placeholder })
    const row = db.updateTable('order_changes').set({ previous }).where('import_id', '=', import_id)
    await row.where('order_id', '=', order_id).execute()
  }
  return named.length
}

/** Removes the last order that each import has read. Only an import that has not ended could need it. */
async function clearReaderStates(db: Database, source: string): Promise<void> {
  const ended = db.selectFrom('imports').where('source', '=', source).where('ended_at', 'is not', null)
  const states = await ended.where('reader_state', 'is not', null).select(['id', 'reader_state']).execute()
  for (const { id, reader_state } of states) {
    const { order, ...state }: ReaderState = JSON.parse(reader_state ?? '{}')
    if (order === undefined) continue
    const kept = { reader_state: JSON.stringify(state) }
    await db.updateTable('imports').set(kept).where('id', '=', id).execute()
  }
}

/** @throws UserError if an import of the source has not ended: its file may name the customer again */
async function throwIfImporting(db: Kysely<Schema>, source: string): Promise<void> {
  const open = db.selectFrom('imports').selectAll().where('source', '=', source).where('ended_at', 'is', null)
  const run = await open.executeTakeFirst()
  if (!run) return
  const isRunning = isHeld(run, await databaseTime(db))
  throw new UserError({
    code: isRunning ? 'import_running' : 'import_unfinished',
    message: `The import of ${run.file} ${isRunning ? 'is running' : 'was interrupted'}, and may name the customer again.`,
    fix: isRunning
      ? 'Wait until it ends, then run the command again.'
      : `${waysToEnd(run)}, then run the command again.`,
    retryable: true,
  })
}

/** @throws UserError if the customer has an open order, which may be charged: the gateway gets the customer's id */
async function throwIfOpen(db: Kysely<Schema>, id: CustomerId, customer_id: string): Promise<void> {
  const open = await db
    .selectFrom('orders')
    .where('customer_id', '=', id)
    .where('status', 'in', OPEN_STATUSES)
    .select(['reference', 'source', 'reason'])
    .orderBy('id')
    .execute()
  const [first] = open
  if (!first) return
  const more = open.length > 1 ? ` and ${countOf(open.length - 1, 'more order')}` : ''
  throw new UserError({
    code: 'customer_has_open_orders',
    message: `Customer ${customer_id} has open orders: ${first.reference}${more}.`,
    fix:
      first.reason === null
        ? 'Process them (orderctl work --drain) or cancel them (orderctl orders cancel), then run the command again.'
        : `The first needs review: see \`orderctl orders show ${orderWords(first)}\`. Then run the command again.`,
  })
}
