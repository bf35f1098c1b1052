// Where orders are that were archived.
import type { Database } from '../database/connection.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import { shellWord } from '../domain/shell.js'
import { UserError } from '../errors.js'
import type { Cursor } from './export.js'

/** @throws UserError for the first of the orders that is archived, with the time and the file */
export async function throwIfArchived(db: Database, references: readonly string[], sources: readonly string[]) {
  const pairs = sources.flatMap((source) => references.map((reference) => ({ source, reference })))
  const archived = await db
    .selectFrom(rowSource(db, 'wanted', packRows({ source: 'text', reference: 'text' }, pairs)))
    .innerJoin('archived_orders as gone', (join) =>
      join.onRef('gone.source', '=', 'wanted.source').onRef('gone.reference', '=', 'wanted.reference'),
    )
    .innerJoin('archives', 'archives.id', 'gone.archive_id')
    .select(['gone.reference', 'archives.file', 'archives.started_at'])
    .orderBy('gone.reference')
    .limit(1)
    .executeTakeFirst()
  if (!archived) return
  const { reference, file, started_at } = archived
  throw new UserError({
    code: 'order_archived',
    message: `Order ${reference} was archived on ${new Date(started_at).toISOString().slice(0, 10)} to ${file}. It can no longer be changed.`,
    fix: `Find it there: grep -F ${shellWord(reference)} ${shellWord(file)}. Refund it in the provider's dashboard.`,
  })
}

/** Returns the archives with orders that were settled after the cursor. An export from there lacks these orders. */
export function archivesAfter(db: Database, { settledAt }: Cursor, source: string | undefined) {
  return db
    .selectFrom('archives')
    .where('last_settled_at', '>=', settledAt)
    .$if(source !== undefined, (query) =>
      query.where((eb) => eb.or([eb('source', 'is', null), eb('source', '=', source ?? '')])),
    )
    .select(['file', 'orders'])
    .orderBy('id')
    .execute()
}
