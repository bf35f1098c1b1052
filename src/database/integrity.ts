// Checks the structure of a SQLite file.
import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.js'

/** Returns what is damaged, at most ten faults. */
export async function findDamage(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ fault: string }>`
    select quick_check as fault from pragma_quick_check where quick_check <> 'ok'
    union all
    select distinct 'rows of ' || "table" || ' refer to missing rows of ' || parent from pragma_foreign_key_check
    limit 10`.execute(db)
  return rows.map(({ fault }) => fault)
}
