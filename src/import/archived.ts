// Orders of the file that are archived. They are never stored and charged again: the same content is a duplicate, other
// content a conflict. The content itself is only in the archive's file; the database has its digest.
import type { Kysely } from 'kysely'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { groupBy } from '../domain/batches.js'
import { orderDigest } from '../domain/order-digest.js'
import type { Chunk } from './chunk-rows.js'
import { type FoundConflict, readAsides } from './conflicts.js'
import type { ImportRun } from './import-record.js'

/** Finds the archived orders of the chunk. */
export async function findArchived(
  db: Kysely<Schema>,
  { orders }: Chunk,
  source: string,
): Promise<ReadonlySet<string>> {
  if (!(await db.selectFrom('archived_orders').select('source').limit(1).executeTakeFirst())) return new Set()
  const found = await db
    .selectFrom(rowSource(db, 'row', orders))
    .crossJoin('archived_orders as gone')
    .where('gone.source', '=', source)
    .whereRef('gone.reference', '=', 'row.reference')
    .select('row.reference')
    .execute()
  return new Set(found.map(({ reference }) => reference))
}

/** Orders that are read together. */
const PAGE = 2000

/** Yields the archived orders whose set-aside lines say something else, in pages. */
export async function* archivedConflicts(
  db: Kysely<Schema>,
  { id, source }: ImportRun,
): AsyncGenerator<FoundConflict[], void> {
  const archived = db
    .selectFrom('import_asides as aside')
    .innerJoin('archived_orders as gone', (join) =>
      join.on('gone.source', '=', source).onRef('gone.reference', '=', 'aside.reference'),
    )
    .innerJoin('archives', 'archives.id', 'gone.archive_id')
    .innerJoin('customers', 'customers.id', 'gone.customer_id')
    .where('aside.import_id', '=', id)
    .select(['gone.reference', 'gone.digest', 'archives.file', 'customers.customer_id', 'customers.forgotten_at'])
    .distinct()
    .orderBy('gone.reference')
    .limit(PAGE)
  for (let last = ''; ; ) {
    const page = await archived.where('gone.reference', '>', last).execute()
    const end = page.at(-1)
    if (!end) return
    last = end.reference
    const linesOf = groupBy(await readAsides(db, id, page), ({ reference }) => reference)
    yield page.flatMap(({ reference, digest, file, customer_id, forgotten_at }) => {
      const lines = linesOf.get(reference) ?? []
      const [first] = lines
      if (!first) return []
      const isSameCustomer = forgotten_at !== null || first.customer_id === customer_id
      if (isSameCustomer && orderDigest({ ...first, lines }) === digest) return []
      const difference = { field: 'archive', sku: null, stored: file, file: null } as const
      const line = first.line_number
      return [{ lines, conflict: { order_id: reference, line, status: 'archived', differences: [difference] } }]
    })
  }
}

/** Copies what a dry run must know of the chunk's archived orders. */
export async function copyArchived(
  real: Kysely<Schema>,
  scratch: Kysely<Schema>,
  chunk: Chunk,
  { source, importId }: { readonly source: string; readonly importId: ImportRun['id'] },
): Promise<void> {
  const gone = await real
    .selectFrom(rowSource(real, 'row', chunk.orders))
    .crossJoin('archived_orders as gone')
    .where('gone.source', '=', source)
    .whereRef('gone.reference', '=', 'row.reference')
    .innerJoin('archives', 'archives.id', 'gone.archive_id')
    .innerJoin('customers', 'customers.id', 'gone.customer_id')
    .selectAll('gone')
    .select(['archives.file', 'customers.customer_id as customer', 'customers.forgotten_at'])
    .execute()
  for (const { file, customer, forgotten_at, ...order } of gone) {
    const archive = { id: order.archive_id, file, format: 'jsonl', settled_before: 0, started_at: 0 } as const
    await scratch
      .insertInto('archives')
      .values(archive)
      .onConflict((known) => known.doNothing())
      .execute()
    const named = { source, customer_id: customer, name: customer, import_id: importId, forgotten_at }
    await scratch
      .insertInto('customers')
      .values(named)
      .onConflict((known) => known.doNothing())
      .execute()
    const { id } = await scratch
      .selectFrom('customers')
      .where('customer_id', '=', customer)
      .where('source', '=', source)
      .select('id')
      .executeTakeFirstOrThrow()
    const row = { ...order, customer_id: id }
    await scratch
      .insertInto('archived_orders')
      .values(row)
      .onConflict((known) => known.doNothing())
      .execute()
  }
}
