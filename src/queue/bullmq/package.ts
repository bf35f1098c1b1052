// What we use of BullMQ, which the build puts into this one file: to load its modules takes longer than most commands do.
export {
  assertSchemaCompatibility,
  ConnectionClosedError,
  type Job,
  type JobsOptions,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  type QueueBaseOptions,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
  Worker,
} from 'bullmq'
