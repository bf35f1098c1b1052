// Selections of set-aside lines, by order.
import type { Kysely, SelectQueryBuilder } from 'kysely'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import type { ImportRun } from './import-record.js'

/** What all lines of an order must have in common. */
export const IN_COMMON = ['customer_id', 'currency'] as const

/** Selects the orders of set-aside lines that are not marked yet. */
export function unmarkedAsides(db: Kysely<Schema>, { id }: ImportRun) {
  return db
    .selectFrom('import_asides as aside')
    .leftJoin('import_spoiled as marked', (join) =>
      join.onRef('marked.import_id', '=', 'aside.import_id').onRef('marked.reference', '=', 'aside.reference'),
    )
    .where('aside.import_id', '=', id)
    .where('marked.reference', 'is', null)
    .groupBy(['aside.import_id', 'aside.reference'])
    .select(['aside.import_id', 'aside.reference'])
}

/** Whether an order has several set-aside lines. If none has, no two of them can disagree. */
export async function hasSeveralLines(db: Kysely<Schema>, { id }: ImportRun): Promise<boolean> {
  const several = db.selectFrom('import_asides').where('import_id', '=', id).groupBy('reference')
  const having = several
    .having((eb) => eb.fn.countAll(), '>', 1)
    .select('reference')
    .limit(1)
  return (await having.executeTakeFirst()) !== undefined
}

export function disagreeingAsides(db: Kysely<Schema>, run: ImportRun) {
  return unmarkedAsides(db, run)
    .crossJoin('orders')
    .where('orders.source', '=', run.source)
    .whereRef('orders.reference', '=', 'aside.reference')
    .where('orders.import_id', '=', run.id)
    .select((eb) => eb.fn.min('aside.line_number').as('line_number'))
}

/**
 * Orders whose set-aside lines disagree with each other, each with the first line that differs from its first one. They
 * are rejected, even if an earlier import stored the order.
 */
export function dividedAsides(db: Kysely<Schema>, run: ImportRun) {
  const firstLines = unmarkedAsides(db, run)
    .having(({ eb, fn, or }) =>
      or(IN_COMMON.map((column) => eb(fn.min(`aside.${column}`), '!=', fn.max(`aside.${column}`)))),
    )
    .select((eb) => eb.fn.min('aside.line_number').as('line_number'))
  return withTheirLines(db, firstLines)
    .innerJoin('import_asides as other', (join) =>
      join.onRef('other.import_id', '=', 'line.import_id').onRef('other.reference', '=', 'line.reference'),
    )
    .where(({ eb, or, ref }) => or(IN_COMMON.map((column) => eb(`other.${column}`, '!=', ref(`line.${column}`)))))
    .groupBy(['other.import_id', 'other.reference'])
    .select(['other.import_id', 'other.reference'])
    .select((eb) => eb.fn.min('other.line_number').as('line_number'))
}

/** Gives the set-aside lines of an order the date of its first line, which dates the order. */
export async function alignDates(db: Kysely<Schema>, run: ImportRun): Promise<void> {
  const firstLines = unmarkedAsides(db, run)
    .having(({ eb, fn }) => eb(fn.min('aside.ordered_at'), '!=', fn.max('aside.ordered_at')))
    .select((eb) => eb.fn.min('aside.line_number').as('line_number'))
  const dated = await withTheirLines(db, firstLines).select(['line.reference', 'line.ordered_at']).execute()
  if (dated.length === 0) return
  await db
    .updateTable('import_asides')
    .from(rowSource(db, 'row', packRows({ reference: 'text', ordered_at: 'text' }, dated)))
    .set((eb) => ({ ordered_at: eb.ref('row.ordered_at') }))
    .whereRef('import_asides.reference', '=', 'row.reference')
    .where('import_asides.import_id', '=', run.id)
    .execute()
}

type LinePlaces = SelectQueryBuilder<Schema, never, Pick<Schema['import_asides'], 'import_id' | 'line_number'>>

function withTheirLines(db: Kysely<Schema>, places: LinePlaces) {
  return db
    .selectFrom(places.as('place'))
    .innerJoin('import_asides as line', (join) =>
      join.onRef('line.import_id', '=', 'place.import_id').onRef('line.line_number', '=', 'place.line_number'),
    )
}
