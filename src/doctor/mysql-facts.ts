// What MySQL and MariaDB tell about themselves.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { errorCode } from '../errors.js'
import type { DurabilitySetting, IdleTransaction, Limit, ServerFacts, ServerVersion } from './database-server.js'
import type { Finding } from './finding.js'

export const MYSQL_FACTS: ServerFacts = { version, limits, durability, encoding, idleTransactions }

/** `10.11.6-MariaDB-0+deb12u1` and `8.0.36`. */
async function version(db: Database): Promise<ServerVersion> {
  const { rows } = await sql<{ version: string; closed: number | string }>`
    select version() as version, @@read_only as closed`.execute(db)
  const text = rows[0]?.version ?? ''
  const [number = ''] = text.split('-')
  const writable = ['0', 'OFF'].includes(String(rows[0]?.closed))
  return text.includes('MariaDB')
    ? { product: 'MariaDB', version: number, least: '10.11', writable }
    : { product: 'MySQL', version: number, least: '8.0', writable }
}

/** A user may have a limit of its own, which is 0 where there is none. */
async function limits(db: Database): Promise<Limit[]> {
  const used = await sql<{ Value: string }>`show global status like 'Threads_connected'`.execute(db)
  const { rows } = await sql<Record<'most' | 'by_user' | 'most_by_user', number>>`
    select @@max_connections as most, @@max_user_connections as most_by_user,
      (select count(*) from information_schema.processlist where user = substring_index(user(), '@', 1)) as by_user`.execute(
    db,
  )
  const [row] = rows
  if (!row) return []
  const all: Limit[] = [
    {
      of: 'the server',
      used: Number(used.rows[0]?.Value),
      most: row.most,
      fix: `Raise max_connections on the server, or ${END}.`,
    },
    {
      of: 'this user',
      used: row.by_user,
      most: row.most_by_user,
      fix: `Raise the user's limit (alter user … with max_user_connections 0), or ${END}.`,
    },
  ]
  return all.filter(({ of, most }) => of === 'the server' || most > 0)
}

const END = 'end what holds its connections (show processlist)'

interface MysqlDurability {
  readonly flushed: number
  readonly doublewrite: string | number
  readonly log_bin: number
  readonly sync_binlog: number
}

async function durability(db: Database): Promise<DurabilitySetting[]> {
  const { rows } = await sql<MysqlDurability>`
    select @@innodb_flush_log_at_trx_commit as flushed, @@innodb_doublewrite as doublewrite, @@log_bin as log_bin,
      @@sync_binlog as sync_binlog`.execute(db)
  return rows.flatMap(durabilityOf)
}

/** Where there is no binary log, it matters to nobody how it is written. */
export function durabilityOf({ flushed, doublewrite, log_bin, sync_binlog }: MysqlDurability): DurabilitySetting[] {
  const writesTwice = ['1', 'ON', 'DETECT_AND_RECOVER'].includes(String(doublewrite).toUpperCase())
  const settings: DurabilitySetting[] = [
    {
      name: 'innodb_flush_log_at_trx_commit',
      value: String(flushed),
      cost: flushed === 1 ? undefined : 'a crash loses what was committed last, also payments that were taken',
      fix: 'Set innodb_flush_log_at_trx_commit = 1 on the server.',
    },
    {
      name: 'innodb_doublewrite',
      value: String(doublewrite),
      cost: writesTwice ? undefined : 'a crash of the machine may destroy pages',
      fix: 'Set innodb_doublewrite = ON on the server, and restart it.',
    },
  ]
  const binlog: DurabilitySetting = {
    name: 'sync_binlog',
    value: String(sync_binlog),
    cost: sync_binlog === 1 ? undefined : 'a crash leaves replicas without what was committed last',
    fix: 'Set sync_binlog = 1 on the server.',
  }
  return log_bin === 1 ? [...settings, binlog] : settings
}

/** Tables are made as utf8mb4, compared letter by letter; somebody may have converted them since. */
async function encoding(db: Database): Promise<Finding> {
  const { rows } = await sql<{ name: string; collation: string }>`
    select table_name as name, table_collation as collation from information_schema.tables
    where table_schema = database() and table_collation <> 'utf8mb4_bin' order by table_name`.execute(db)
  const [first] = rows
  if (!first) return { detail: 'utf8mb4, compared letter by letter' }
  return {
    detail: `${rows.map(({ name, collation }) => `${name} is ${collation}`).join(', ')}: letters are lost, or names taken for each other`,
    fix: `Convert each: alter table ${first.name} convert to character set utf8mb4 collate utf8mb4_bin.`,
  }
}

async function idleTransactions(db: Database, seconds: number): Promise<IdleTransaction[]> {
  try {
    const { rows } = await sql<{ id: number; user: string; host: string; idle: number }>`
      select client.id as id, client.user as user, client.host as host, client.time as idle
      from information_schema.innodb_trx as trx
      join information_schema.processlist as client on client.id = trx.trx_mysql_thread_id
      where client.db = database() and client.command = 'Sleep' and client.time >= ${seconds}
      order by client.time desc`.execute(db)
    return rows.map(({ id, user, host, idle }) => ({
      who: `connection ${id} (${user} from ${host})`,
      seconds: idle,
      fix: `Let it go on, or end it: kill ${id}.`,
    }))
  } catch (error) {
    // Without the right `process`, a user sees no transactions.
    if (errorCode(error) === 'ER_SPECIFIC_ACCESS_DENIED_ERROR') return []
    throw error
  }
}
