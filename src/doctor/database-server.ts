// Checks of the server that holds the database: can it hold it, does it keep what was committed, does it take more workers?
import type { Database } from '../database/connection.js'
import { engineOf } from '../database/engine.js'
import { sql } from '../database/kysely.js'
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

const MYSQL_LIMITS = sql<Limit>`
  select 'this user' as whose, @@max_user_connections as most,
    (select count(*) from information_schema.processlist where user = substring_index(user(), '@', 1)) as used`

async function readLimits(db: Database): Promise<Limit[]> {
  if (isPostgres(db)) return (await POSTGRES_LIMITS.execute(db)).rows
  const used = await sql<{ Value: string }>`show global status like 'Threads_connected'`.execute(db)
  const { rows } = await sql<{ most: number }>`select @@max_connections as most`.execute(db)
  const server = { whose: 'the server', used: Number(used.rows[0]?.Value), most: rows[0]?.most ?? 0 }
  return [server, ...(await MYSQL_LIMITS.execute(db)).rows]
}

async function checkConnections(db: Database): Promise<Found> {
  const limits = (await readLimits(db)).filter(({ most }) => most > 0)
  const message = limits.map(({ whose, used, most }) => `${used} of ${most} of ${whose}`).join(', ')
  const short = limits.find(isShort)
  if (!short) return message
  return { message, fix: `Raise the number of connections of ${short.whose}, or end clients that hold them.` }
}

interface Durable {
  readonly name: string
  /** With any other value, a crash of the server or its machine may lose commits or the whole database. */
  readonly safe: readonly string[]
}

const DURABLE: readonly Durable[] = [
  { name: 'fsync', safe: ['on'] },
  { name: 'full_page_writes', safe: ['on'] },
  { name: 'synchronous_commit', safe: ['on', 'local', 'remote_write', 'remote_apply'] },
  { name: 'innodb_flush_log_at_trx_commit', safe: ['1'] },
  { name: 'innodb_doublewrite', safe: ['ON', '1', 'DETECT_AND_RECOVER'] },
  { name: 'sync_binlog', safe: ['1'] },
]

interface ServerSetting {
  readonly name: string
  readonly value: string
}

/** PostgreSQL's as this session has them: a database and a user may have values of their own. */
async function checkDurability(db: Database): Promise<Found> {
  if (isPostgres(db)) {
    return judgeDurability((await sql<ServerSetting>`select name, setting as value from pg_settings`.execute(db)).rows)
  }
  const { rows } = await sql<{ Variable_name: string; Value: string }>`show global variables`.execute(db)
  return judgeDurability(rows.map(({ Variable_name, Value }) => ({ name: Variable_name, value: Value })))
}

export function judgeDurability(settings: readonly ServerSetting[]): Found {
  const values = new Map(settings.map(({ name, value }) => [name, value]))
  // Without a binary log, it does not matter how it is written.
  if (values.get('log_bin') !== 'ON') values.delete('sync_binlog')
  const found = DURABLE.flatMap(({ name, safe }) => {
    const value = values.get(name)
    return value === undefined ? [] : [{ name, value, safe }]
  })
  const message = found.map(({ name, value }) => `${name} = ${value}`).join(', ')
  const weak = found.filter(({ value, safe }) => !safe.includes(value))
  if (weak.length === 0) return message
  return {
    message: `${message}: a crash of the server may lose what was committed, also payments that were taken.`,
    fix: `Set ${weak.map(({ name, safe }) => `${name} = ${safe[0]}`).join(', ')} on the server.`,
  }
}

interface Encoded {
  readonly name: string
  readonly encoding: string
}

/** PostgreSQL has one encoding for the whole database. */
const POSTGRES_ENCODINGS = sql<Encoded>`
  select current_database() as name, pg_encoding_to_char(encoding) as encoding from pg_database
  where datname = current_database() and pg_encoding_to_char(encoding) <> 'UTF8'`

/** Tables are created with utf8mb4_bin; someone may have converted them. */
const MYSQL_ENCODINGS = sql<Encoded>`
  select table_name as name, table_collation as encoding from information_schema.tables
  where table_schema = database() and table_collation <> 'utf8mb4_bin' order by table_name`

export async function checkEncoding(db: Database): Promise<Found> {
  const { rows } = await (isPostgres(db) ? POSTGRES_ENCODINGS : MYSQL_ENCODINGS).execute(db)
  const [first] = rows
  if (!first) return isPostgres(db) ? 'UTF8' : 'utf8mb4_bin'
  return {
    message: `${rows.map(({ name, encoding }) => `${name} is ${encoding}`).join(', ')}: characters are lost or confused.`,
    fix: isPostgres(db)
      ? 'Move the tables to a database that was created with: encoding UTF8 template template0.'
      : `Convert each: alter table ${first.name} convert to character set utf8mb4 collate utf8mb4_bin.`,
  }
}
