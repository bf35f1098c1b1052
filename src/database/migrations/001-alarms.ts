// Part of the first release: which alarms are raised, and what was told of them.
import { type Kysely, sql } from '../kysely.js'

export async function createAlarms(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('alarms')
    .addColumn('name', 'varchar(64)', (column) => column.primaryKey())
    .addColumn('raised_at', 'bigint', (column) => column.notNull())
    .addColumn('cleared_at', 'bigint')
    .addColumn('quiet_checks', 'integer', (column) => column.notNull())
    .addColumn('told', 'varchar(20)')
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('value', 'double precision', (column) => column.notNull())
    .addColumn('threshold', 'double precision', (column) => column.notNull())
    .addCheckConstraint(
      'alarms_told',
      sql`told is null or told = 'raised' or (told = 'cleared' and cleared_at is not null)`,
    )
    .execute()
}
