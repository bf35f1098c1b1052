// Failures of servers and database files, with the texts that users see. explain.ts fills in the placeholders.
import { EXIT, type ExitCode } from '../errors.js'

/** One text for all servers, or one for each kind; `queue` is a queue on PostgreSQL, `database` any database server. */
export type Text =
  | string
  | { readonly [Server in 'database' | 'postgres' | 'queue' | 'mysql' | 'redis' | 'amqp']?: string }

export interface Entry {
  /** The error code, which scripts rely on. The default is `{prefix}_` and the name of the cause. */
  readonly code?: Text
  readonly message: Text
  readonly fix: Text
  readonly retryable: boolean
  readonly exit: ExitCode
}

/** Outages end without a change by the user; workers wait and continue. */
const OUTAGE = { retryable: true, exit: EXIT.unreachable } as const
/** The configuration or the server has to change. */
const MISCONFIGURED = { retryable: false, exit: EXIT.usage } as const
const FAILED = { retryable: true, exit: EXIT.failed } as const
const BROKEN = { retryable: false, exit: EXIT.failed } as const

const START = 'Start it, or correct {setting}. Committed work is safe; run the command again.'
const UNREACHABLE = {
  code: '{prefix}_unreachable',
  message: 'Cannot reach {server} ({reason}).',
  fix: {
    database: START,
    queue:
      'Start it (test: pg_isready -h {host} -p {port}), correct {setting}, or unset it to work without a queue server.',
    redis:
      'Start it (test: redis-cli -u redis://{name} ping), correct {setting}, or remove that setting to work without Redis.',
    amqp: 'Start it (test: rabbitmq-diagnostics check_running), correct {setting}, or unset it to work without RabbitMQ.',
  },
  ...OUTAGE,
}
const LOGIN =
  'Correct user and password in {setting} ({kind}://USER:PASSWORD@HOST/DATABASE; write special characters of the password as %40 for @).'
const LIMIT =
  'Run the command again; committed work is safe. If it happens again, raise the limit of this user on the server:'
const REDIS_OUTAGE = { code: 'redis_unavailable', message: '{server} {reason}.', ...OUTAGE }

export const CAUSES = {
  unreachable: UNREACHABLE,
  connection_lost: {
    ...UNREACHABLE,
    // MySQL closes the connection when a statement is too large.
    fix: {
      ...UNREACHABLE.fix,
      mysql: `${START} If it fails at the same place again, set max_allowed_packet on the server to 16M.`,
    },
  },
  certificate: {
    ...UNREACHABLE,
    fix: 'Name the certificate to trust (NODE_EXTRA_CA_CERTS=FILE in the environment), or renew that of the server. It must be for the host in {setting}.',
  },
  too_many_clients: {
    code: '{prefix}_full_of_clients',
    message: '{server} has reached a limit: {reason}.',
    fix: 'Run fewer workers, or raise the limit that the message names. For connections, that is max_connections, or the limit of this user or database.',
    ...OUTAGE,
  },
  login_refused: {
    code: { database: 'database_access_denied', queue: 'postgres_refused', amqp: 'rabbitmq_refused' },
    message: '{server} rejected the login: {reason}.',
    fix: {
      postgres: LOGIN,
      mysql: `${LOGIN} If this user must use TLS, add ?ssl={}.`,
      amqp: 'Correct user, password and virtual host in {setting} (amqp://USER:PASSWORD@HOST/VHOST), or grant the user access: rabbitmqctl set_permissions -p VHOST USER ".*" ".*" ".*".',
    },
    ...MISCONFIGURED,
  },
  redis_login_refused: {
    code: 'redis_refused',
    message: '{server} rejected the login: {reason}.',
    fix: 'Correct user and password in {setting} (redis://USER:PASSWORD@HOST).',
    ...OUTAGE,
    retryable: false,
  },
  host_refused: {
    code: { database: 'database_access_denied', queue: 'postgres_refused' },
    message: '{server} rejected a login from this host: {reason}.',
    fix: {
      postgres:
        'Allow the user, database and host in pg_hba.conf on the server. If it requires TLS, add ?sslmode=verify-full to {setting}.',
      mysql:
        'Allow the user to connect from this host (create user NAME@HOST). If the host is blocked, run on the server: flush hosts',
    },
    ...MISCONFIGURED,
  },
  parameter_refused: {
    message: 'The connection pooler of {server} rejected a parameter: {reason}.',
    fix: 'Remove it from {setting}, or add it to ignore_startup_parameters of the pooler (pgbouncer.ini).',
    ...MISCONFIGURED,
  },
  tls: {
    message: 'TLS handshake with {server} failed: {reason}.',
    fix: {
      postgres:
        'In {setting}, name the certificate to trust (?sslmode=verify-full&sslrootcert=FILE), trust any (?sslmode=no-verify), or connect without TLS (?sslmode=disable). Both let others on the network read everything.',
      mysql:
        'Name the certificate to trust (NODE_EXTRA_CA_CERTS=FILE in the environment); or, in {setting}, trust any (?ssl={"rejectUnauthorized":false}), or connect without TLS (?ssl=false). Both let others on the network read everything.',
    },
    ...MISCONFIGURED,
  },
  no_database: {
    code: { database: 'database_missing', queue: 'postgres_database_missing' },
    message: '{server} has no such database: {reason}.',
    fix: 'Create it (create database {database}), or name another one in {setting}.',
    ...MISCONFIGURED,
  },
  no_permission: {
    code: { database: 'database_rights_missing', queue: 'postgres_not_allowed' },
    message: '{server} denied permission: {reason}.',
    fix: {
      postgres:
        'Allow this user to create, read and write tables: grant all on schema public to USER; grant all on all tables in schema public to USER',
      mysql: 'Allow this user to create, read and write tables: grant all on {database}.* to USER',
      queue:
        'Grant the user what the message names, or make the user the owner of the schema (ORDERCTL_QUEUE_SCHEMA) and of everything in it.',
    },
    ...MISCONFIGURED,
  },
  read_only: {
    message: '{server} is read-only: {reason}.',
    fix: {
      postgres:
        'Name the primary in {setting}. If this is the primary, make it writable: default_transaction_read_only = off',
      mysql: 'Name the primary in {setting}. If this is the primary, make it writable: set global read_only = off',
    },
    ...OUTAGE,
  },
  disk_full: {
    code: { database: 'disk_full', queue: 'postgres_disk_full' },
    message: '{server} has no space left: {reason}.',
    fix: 'Free space on the server, then run the command again (continue an import with --resume). Committed work is safe.',
    ...OUTAGE,
  },
  out_of_memory: {
    message: '{server} is out of memory: {reason}.',
    fix: 'Give the server more memory, or use smaller batches (ORDERCTL_BATCH_SIZE); then run the command again. Committed work is safe.',
    ...OUTAGE,
  },
  locked: {
    message: 'Other transactions on {server} hold the locks that this one needs: {reason}.',
    fix: 'Run the command again.',
    ...FAILED,
  },
  statement_cancelled: {
    code: '{prefix}_statement_ended',
    message: '{server} cancelled a statement: {reason}.',
    fix: {
      postgres: `${LIMIT} statement_timeout.`,
      mysql: `${LIMIT} max_execution_time (on MariaDB, max_statement_time).`,
    },
    ...FAILED,
  },
  server_failed: {
    code: '{prefix}_broken',
    message: '{server} reported an internal error: {reason}.',
    fix: "Check the server's log; often its disk is full or failing. Then run the command again; committed work is safe.",
    ...BROKEN,
  },
  packet_too_large: {
    message: '{server} rejected a statement because of its size: {reason}.',
    fix: 'Set max_allowed_packet on the server to 16M or more, then run the command again.',
    ...BROKEN,
  },

  // SQLite. The reason is the error code.
  file_replaced: {
    code: 'database_replaced',
    message:
      '{server} was moved, removed or replaced while orderctl had it open. Work on it stopped; committed work is in the file that was opened.',
    fix: 'Stop every orderctl process before you move or replace a database. Check the file that is there now with `orderctl doctor`, then run the command again.',
    ...BROKEN,
  },
  file_locked: {
    code: 'database_locked',
    message: 'Another process has held a lock on {server} for more than 10 seconds.',
    fix: 'Run the command again. If it happens again, find the process with: fuser {server}',
    ...FAILED,
  },
  file_full: {
    code: 'disk_full',
    message: 'Cannot write to {server} ({reason}): the disk is full or failing. Committed work is safe.',
    fix: 'Free space on that disk, then run the command again (continue an import with --resume).',
    ...FAILED,
  },
  file_damaged: {
    code: 'database_unreadable',
    message: '{server} is not a SQLite database, or it is damaged ({reason}).',
    fix: 'Name another file in ORDERCTL_DATABASE_URL, or restore this one from a backup.',
    ...BROKEN,
  },
  file_unwritable: {
    code: 'database_unwritable',
    message: 'Cannot open {server} for writing ({reason}).',
    fix: 'Check the permissions of the file and of its folder, or name another file in ORDERCTL_DATABASE_URL.',
    ...BROKEN,
  },

  // Redis
  failover: {
    ...REDIS_OUTAGE,
    fix: 'Wait until the failover has ended and run the command again, or name the primary in {setting}.',
  },
  loading: { ...REDIS_OUTAGE, fix: 'Wait until it has loaded its data, then run the command again.' },
  cluster_down: {
    ...REDIS_OUTAGE,
    fix: 'Check the cluster (redis-cli cluster info), and run the command again when it is complete.',
  },
  too_few_replicas: { ...REDIS_OUTAGE, fix: 'Start its replicas, or lower min-replicas-to-write on that server.' },
  save_failed: { ...REDIS_OUTAGE, fix: 'Free space on the disk of that server; its log says why saving failed.' },
  max_memory: { ...REDIS_OUTAGE, fix: 'Raise maxmemory on that server, or remove keys of other programs from it.' },
  script_running: { ...REDIS_OUTAGE, fix: 'Wait for the script, or stop it: redis-cli script kill' },
  command_refused: {
    code: 'redis_refused_command',
    message: '{server} rejected a command: {reason}.',
    fix: 'Correct what the message names, or remove {setting} to work without Redis.',
    ...BROKEN,
  },

  // RabbitMQ
  blocked: {
    message: '{server} accepts no messages: {reason}.',
    fix: 'Free memory or disk space on that server (rabbitmq-diagnostics alarms). It then accepts messages again.',
    ...OUTAGE,
  },
  rabbitmq_too_old: {
    code: 'rabbitmq_too_old',
    message: '{server} is too old: orderctl needs 3.10 or newer.',
    fix: 'Update it, or unset {setting} to work without RabbitMQ.',
    ...MISCONFIGURED,
  },
  queue_differs: {
    message: '{server} already has a queue "{queue}" with different settings: {reason}.',
    fix: 'If it belongs to another program, choose another name with ORDERCTL_QUEUE_NAME. If an earlier orderctl created it, delete it (rabbitmqctl delete_queue {queue}) and run: orderctl rebuild queue',
    ...MISCONFIGURED,
  },
} as const satisfies Record<string, Entry>

export type Cause = keyof typeof CAUSES
