// Checks of the server that holds the database: can it hold it, does it keep what was committed, does it take more workers?

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { engineOf } from '../database/engine.js'
import { isOlder } from '../servers/version.js'
import type { DatabaseCheck, Found } from './check.js'
import { isShort, roundTrip } from './server-vitals.js'

export const DATABASE_SERVER_CHECKS: readonly DatabaseCheck[] = [
  { name: 'database server', look: checkServer },
  { name: 'connections', look: checkConnections },
  { name: 'durability', look: checkDurability },
  { name: 'encoding', look: checkEncoding },
]

function isPostgres(db: Database): boolean {
  return engineOf(db) === 'postgres'
}

const OLDEST = { PostgreSQL: '13', MariaDB: '10.11', MySQL: '8.0' }

/** `15.6 (Debian 15.6-0+deb12u1)`, `10.11.6-MariaDB-0+deb12u1`, `8.0.36` */
const VERSION = sql<{ version: string; closed: string | number }>`select version() as version, @@read_only as closed`
const POSTGRES_VERSION: typeof VERSION = sql`
  select current_setting('server_version') as version, current_setting('transaction_read_only') as closed`

async function checkServer(db: Database): Promise<Found> {
  const { version: text = '', closed } = (await (isPostgres(db) ? POSTGRES_VERSION : VERSION).execute(db)).rows[0] ?? {}
  const product = isPostgres(db) ? 'PostgreSQL' : text.includes('MariaDB') ? 'MariaDB' : 'MySQL'
  const [version = ''] = text.split(/[ -]/)
  if (isOlder(version, OLDEST[product])) {
    return { message: `${product} ${version} is too old.`, fix: `Update it to ${product} ${OLDEST[product]} or newer.` }
  }
  if (!['off', 'OFF', '0'].includes(String(closed))) {
    return { message: `${product} ${version} is read-only.`, fix: 'Name the primary in ORDERCTL_DATABASE_URL.' }
  }
  return `${product} ${version}, ${await roundTrip(() => sql`select 1`.execute(db))}`
}

interface Limit {
  /** Whose connections are counted. */
  readonly whose: string
  readonly used: number
  /** No limit if it is 0 or less. */
  readonly most: number
}

const POSTGRES_LIMITS = sql<Limit>`
  select 'the server' as whose,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most
  union all
  select 'this database', (select count(*) from pg_stat_activity where datname = current_database()),
    (select datconnlimit from pg_database where datname = current_database())
  union all
  select 'this user', (select count(*) from pg_stat_activity where usename = current_user),
    (select rolconnlimit from pg_roles where rolname = current_user)`

/** Without the right PROCESS, the list of processes has only those of this user. */
async function readMysqlLimits(db: Database): Promise<readonly Limit[]> {
  const connected = await sql<{ Value: number }>`show global status like 'Threads_connected'`.execute(db)
  const { rows } = await sql<Limit>`
    select 'the server' as whose, cast(${connected.rows[0]?.Value ?? 0} as signed) as used, @@max_connections as most
    union all
    select 'this user', count(*), @@max_user_connections
    from information_schema.processlist where user = substring_index(user(), '@', 1)`.execute(db)
  return rows
}

async function checkConnections(db: Database): Promise<Found> {
  const all = isPostgres(db) ? (await POSTGRES_LIMITS.execute(db)).rows : await readMysqlLimits(db)
  const limits = all.filter(({ most }) => most > 0)
  const message = limits.map(({ whose, used, most }) => `${used} of ${most} of ${whose}`).join(', ')
  const short = limits.find(isShort)
  if (!short) return message
  return { message, fix: `Raise the number of connections of ${short.whose}, or end clients that hold them.` }
}

interface NameAndValue {
  readonly name: string
  readonly value: string
}

/** With any other value, a crash of the server or its machine may lose commits or the whole database. */
const DURABLE: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  full_page_writes: ['on'],
  synchronous_commit: ['on', 'local', 'remote_write', 'remote_apply'],
  innodb_flush_log_at_trx_commit: ['1'],
  innodb_doublewrite: ['ON', '1', 'DETECT_AND_RECOVER'],
  sync_binlog: ['1'],
}

/** On PostgreSQL as this session has them: a database and a user may have values of their own. */
async function checkDurability(db: Database): Promise<Found> {
  if (isPostgres(db)) {
    return judgeDurability((await sql<NameAndValue>`select name, setting as value from pg_settings`.execute(db)).rows)
  }
  const { rows } = await sql<{ Variable_name: string; Value: string }>`show global variables`.execute(db)
  return judgeDurability(rows.map(({ Variable_name, Value }) => ({ name: Variable_name, value: Value })))
}

export function judgeDurability(settings: readonly NameAndValue[]): Found {
  // Without a binary log, it does not matter how it is written.
  const hasBinaryLog = settings.some(({ name, value }) => name === 'log_bin' && value === 'ON')
  const found = settings.filter(({ name }) => DURABLE[name] && (name !== 'sync_binlog' || hasBinaryLog))
  const message = found.map(({ name, value }) => `${name} = ${value}`).join(', ')
  const weak = found.filter(({ name, value }) => !DURABLE[name]?.includes(value))
  if (weak.length === 0) return message
  return {
    message: `${message}: a crash of the server may lose what was committed, also payments that were taken.`,
    fix: `Set ${weak.map(({ name }) => `${name} = ${DURABLE[name]?.[0]}`).join(', ')} on the server.`,
  }
}

/** PostgreSQL has one encoding for the whole database. */
const POSTGRES_ENCODINGS = sql<NameAndValue>`
  select current_database() as name, pg_encoding_to_char(encoding) as value from pg_database
  where datname = current_database() and pg_encoding_to_char(encoding) <> 'UTF8'`

/** Tables are created with utf8mb4_bin; someone may have converted them. */
const MYSQL_ENCODINGS = sql<NameAndValue>`
  select table_name as name, table_collation as value from information_schema.tables
  where table_schema = database() and table_collation <> 'utf8mb4_bin' order by table_name`

export async function checkEncoding(db: Database): Promise<Found> {
  const { rows } = await (isPostgres(db) ? POSTGRES_ENCODINGS : MYSQL_ENCODINGS).execute(db)
  if (rows.length === 0) return isPostgres(db) ? 'UTF8' : 'utf8mb4_bin'
  return {
    message: `${rows.map(({ name, value }) => `${name} is ${value}`).join(', ')}: characters are lost or confused.`,
    fix: isPostgres(db)
      ? 'Move the tables to a database that was created with: encoding UTF8 template template0.'
      : `Convert each: alter table ${rows[0]?.name} convert to character set utf8mb4 collate utf8mb4_bin.`,
  }
}
