// Corrects the counts of orders after a test has changed orders with statements of its own.
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../../src/database/schema.js'

const SETTLED = 'settled_at is not null'
const STATE = `source, status, case when ${SETTLED} then coalesce(reason, '') else '' end,
  case when cleared_at is null then 0 else 1 end, case when ${SETTLED} then currency else '' end`
const FIGURES = `count(*), sum(case when ${SETTLED} then total else 0 end)`
const QUARTER = 'settled_at - settled_at % 900000'

/** Statements that all databases under test know. */
const RECOUNT = [
  'delete from order_counts',
  `insert into order_counts select 0, ${STATE}, ${FIGURES} from orders group by ${STATE}`,
  `insert into order_counts select ${QUARTER}, ${STATE}, ${FIGURES} from orders where settled_at >= 900000
    group by ${QUARTER}, ${STATE}`,
]

export async function recount(db: Kysely<Schema>): Promise<void> {
  for (const statement of RECOUNT) await sql.raw(statement).execute(db)
}
