// Part of the first release: what keeps it running. Workers, scheduled tasks, the queue's history and alarms.
import { type Kysely, sql } from 'kysely'
import { clustered } from './clustered.js'

export async function createOperations(db: Kysely<unknown>): Promise<void> {
  await createWorkers(db)
  await createSchedule(db)
  await createHistory(db)
  await createAlarms(db)
}

async function createWorkers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('workers')
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
    .addColumn('host', 'varchar(255)', (column) => column.notNull())
    .addColumn('pid', 'integer', (column) => column.notNull())
    .addColumn('concurrency', 'integer', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen', 'bigint', (column) => column.notNull())
    .addColumn('processed', 'bigint', (column) => column.notNull())
    .addColumn('orders_per_second', 'double precision', (column) => column.notNull())
    .addColumn('stopped_at', 'bigint')
    .addColumn('uptime_ms', 'bigint')
    .execute()
}

async function createSchedule(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('schedule_runs')
    .addColumn('task', 'varchar(64)', (column) => column.notNull())
    .addColumn('slot', 'bigint', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .addColumn('host', 'varchar(255)', (column) => column.notNull())
    .addColumn('pid', 'integer', (column) => column.notNull())
    .addColumn('begun_by', 'varchar(20)', (column) => column.notNull())
    .addColumn('result', 'varchar(20)')
    .addColumn('message', 'text')
    .addPrimaryKeyConstraint('schedule_runs_key', ['task', 'slot'])
    .addCheckConstraint('schedule_runs_ended', sql`(ended_at is null) = (result is null)`)
    .modifyEnd(clustered)
    .execute()
  // A task of every minute has tens of thousands of runs.
  await db.schema.createIndex('schedule_runs_started').on('schedule_runs').columns(['task', 'started_at']).execute()
}

async function createHistory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('queue_snapshots')
    .addColumn('taken_at', 'bigint', (column) => column.primaryKey())
    .addColumn('waiting', 'bigint', (column) => column.notNull())
    .addColumn('active', 'bigint', (column) => column.notNull())
    .addColumn('delayed', 'bigint', (column) => column.notNull())
    .addColumn('oldest_waiting_seconds', 'double precision')
    .addColumn('estimated_wait_seconds', 'double precision')
    .execute()
  await db.schema
    .createTable('settled_minutes')
    .addColumn('minute', 'bigint', (column) => column.primaryKey())
    .addColumn('completed', 'bigint', (column) => column.notNull())
    .addColumn('failed', 'bigint', (column) => column.notNull())
    .modifyEnd(clustered)
    .execute()
  await db.schema
    .createTable('batch_runtimes')
    .addColumn('minute', 'bigint', (column) => column.notNull())
    .addColumn('worker_id', 'varchar(36)', (column) => column.notNull())
    .addColumn('bucket', 'integer', (column) => column.notNull())
    .addColumn('batches', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('batch_runtimes_key', ['minute', 'worker_id', 'bucket'])
    .modifyEnd(clustered)
    .execute()
}

async function createAlarms(db: Kysely<unknown>): Promise<void> {
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
