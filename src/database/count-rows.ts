// Counts rows, for totals of lists and confirmations.
import { type SelectQueryBuilder, sql } from 'kysely'

/** Counts the rows of a query that selects no columns. */
export async function countRows<Tables, Table extends keyof Tables>(
  query: SelectQueryBuilder<Tables, Table, unknown>,
): Promise<number> {
  const counted = query.select(sql<number>`count(*)`.as('count')).$castTo<{ count: number }>()
  return (await counted.executeTakeFirstOrThrow()).count
}
