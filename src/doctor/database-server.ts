// Checks of a database server: version, write access and durability.
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { engineOf } from '../database/engine.js'
import { isOlder } from '../servers/version.js'
import type { CheckResult, DatabaseCheck } from './check.js'

export const DATABASE_SERVER_CHECKS: readonly DatabaseCheck[] = [
  { name: 'database server', run: checkServer },
  { name: 'durability', run: checkDurability },
]

const MIN_VERSIONS = { PostgreSQL: '13', MariaDB: '10.11', MySQL: '8.0' }

/** `15.6 (Debian 15.6-0+deb12u1)`, `10.11.6-MariaDB-0+deb12u1`, `8.0.36` */
const VERSIONS = {
  postgres: sql`current_setting('server_version') as version, current_setting('transaction_read_only')`,
  mysql: sql`version() as version, @@read_only`,
}

async function checkServer(db: Database): Promise<CheckResult> {
  const isPostgres = engineOf(db) === 'postgres'
  const columns = isPostgres ? VERSIONS.postgres : VERSIONS.mysql
  const { rows } = await sql<{ version: string; closed: string | number }>`select ${columns} as closed`.execute(db)
  const { version: text = '', closed } = rows[0] ?? {}
  const product = isPostgres ? 'PostgreSQL' : text.includes('MariaDB') ? 'MariaDB' : 'MySQL'
  const [version = ''] = text.split(/[ -]/)
  if (isOlder(version, MIN_VERSIONS[product])) {
    return {
      message: `${product} ${version} is too old.`,
      fix: `Upgrade to ${product} ${MIN_VERSIONS[product]} or newer.`,
    }
  }
  if (['off', 'OFF', '0'].includes(String(closed))) return `${product} ${version}`
  return { message: `${product} ${version} is read-only.`, fix: 'Set ORDERCTL_DATABASE_URL to the primary.' }
}

/** With other values, a crash of the server or its machine may lose commits or the entire database. */
const DURABLE: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  full_page_writes: ['on'],
  synchronous_commit: ['on', 'local', 'remote_write', 'remote_apply'],
  innodb_flush_log_at_trx_commit: ['1'],
  innodb_doublewrite: ['ON', '1', 'DETECT_AND_RECOVER'],
  sync_binlog: ['1'],
}

/** Reads the settings of the session on PostgreSQL, since a database or a user may override those of the server. */
async function checkDurability(db: Database): Promise<CheckResult> {
  if (engineOf(db) === 'postgres') {
    const settings = sql<{ name: string; value: string }>`select name, setting as value from pg_settings`
    return judgeDurability((await settings.execute(db)).rows)
  }
  const { rows } = await sql<{ Variable_name: string; Value: string }>`show global variables`.execute(db)
  return judgeDurability(rows.map(({ Variable_name, Value }) => ({ name: Variable_name, value: Value })))
}

export function judgeDurability(settings: readonly { readonly name: string; readonly value: string }[]): CheckResult {
  // sync_binlog has no effect without a binary log.
  const hasBinaryLog = settings.some(({ name, value }) => name === 'log_bin' && value === 'ON')
  const found = settings.filter(({ name }) => DURABLE[name] && (name !== 'sync_binlog' || hasBinaryLog))
  const message = found.map(({ name, value }) => `${name} = ${value}`).join(', ')
  const weak = found.filter(({ name, value }) => !DURABLE[name]?.includes(value))
  if (weak.length === 0) return message
  return {
    message: `${message}: a server crash may lose committed data, including payments.`,
    fix: `Set ${weak.map(({ name }) => `${name} = ${DURABLE[name]?.[0]}`).join(', ')} on the server.`,
  }
}
