// Part of the schema: the tables that keep the release running, as TypeScript sees them. See schema.ts.
import type { WorkerId } from '../domain/ids.js'

export interface OperationsTables {
  workers: WorkersTable
  schedule_runs: ScheduleRunsTable
  queue_snapshots: QueueSnapshotsTable
  settled_minutes: SettledMinutesTable
  batch_runtimes: BatchRuntimesTable
  alarms: AlarmsTable
}

interface WorkersTable {
  id: WorkerId
  host: string
  pid: number
  concurrency: number
  started_at: number
  last_seen: number
  processed: number
  orders_per_second: number
  stopped_at: number | null
  /** Of the machine, at `last_seen`; null on a server. See clocks.ts. */
  uptime_ms: number | null
}

/** One run of a scheduled task. */
interface ScheduleRunsTable {
  task: string
  /** When it fell due; for a run by hand, when it was asked for. */
  slot: number
  /** Counts from 1; a run whose process died is begun once more. */
  attempt: number
  started_at: number
  ended_at: number | null
  /** While it runs: when it counts as dead, unless it says before that it goes on. */
  lease_until: number
  host: string
  pid: number
  /** `schedule`, which owes a run for each slot; `schedule run`, which owes none. */
  begun_by: 'schedule' | 'schedule run'
  result: 'done' | 'failed' | null
  message: string | null
}

/** The queue at a moment, in orders. After seven days one row an hour is kept, with the highest of each figure. */
interface QueueSnapshotsTable {
  taken_at: number
  waiting: number
  active: number
  delayed: number
  /** How long the oldest due order had waited. */
  oldest_waiting_seconds: number | null
  /** How long the live workers would take for all that waited; null where none was at work. */
  estimated_wait_seconds: number | null
}

/** Orders settled in a minute, or in the hour that it begins after seven days; minutes without any may lack a row. */
interface SettledMinutesTable {
  /** When it began. The last row says up to where orders are counted. */
  minute: number
  completed: number
  /** Failed and rolled back. */
  failed: number
}

/** How long a worker's batches took that ended in a minute (after seven days: all workers', in an hour). */
interface BatchRuntimesTable {
  minute: number
  /** Empty for the sum over all workers. */
  worker_id: WorkerId | ''
  /** As domain/histogram.ts numbers them. */
  bucket: number
  batches: number
}

/** An alarm that was raised, now or once; one that never was has no row. */
interface AlarmsTable {
  name: string
  raised_at: number
  /** Null while it is raised. */
  cleared_at: number | null
  /** While it is raised: how many checks in a row, up to the last one, did not find it crossed. */
  quiet_checks: number
  /** What a command was told of this since it was raised. */
  told: 'raised' | 'cleared' | null
  /** What was found when it was raised. */
  message: string
  value: number
  threshold: number
}
