// What PostgreSQL tells about itself.

import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { DurabilitySetting, IdleTransaction, Limit, ServerFacts, ServerVersion } from './database-server.js'
import type { Finding } from './finding.js'

export const POSTGRES_FACTS: ServerFacts = { version, limits, durability, encoding, idleTransactions }

async function version(db: Database): Promise<ServerVersion> {
  const { rows } = await sql<{ version: string; read_only: string }>`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      current_setting('transaction_read_only') as read_only`.execute(db)
  return {
    product: 'PostgreSQL',
    version: rows[0]?.version ?? 'of unknown version',
    least: '13',
    writable: rows[0]?.read_only !== 'on',
  }
}

/** A database and a user may have limits of their own, which are -1 where they have none. */
async function limits(db: Database): Promise<Limit[]> {
  const { rows } = await sql<
    Record<'used' | 'most' | 'in_database' | 'most_in_database' | 'by_user' | 'most_by_user', number>
  >`
    select (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
      (select count(*) from pg_stat_activity where datname = current_database()) as in_database,
      (select datconnlimit from pg_database where datname = current_database()) as most_in_database,
      (select count(*) from pg_stat_activity where usename = current_user) as by_user,
      (select rolconnlimit from pg_roles where rolname = current_user) as most_by_user`.execute(db)
  const [row] = rows
  if (!row) return []
  const all: Limit[] = [
    { of: 'the server', used: row.used, most: row.most, fix: `Raise max_connections on the server, or ${END}.` },
    {
      of: 'this database',
      used: row.in_database,
      most: row.most_in_database,
      fix: `Raise its limit (alter database … connection limit -1), or ${END}.`,
    },
    {
      of: 'this user',
      used: row.by_user,
      most: row.most_by_user,
      fix: `Raise the user's limit (alter role … connection limit -1), or ${END}.`,
    },
  ]
  return all.filter(({ most }) => most >= 0)
}

const END = 'end what holds its connections (pg_stat_activity)'

const COSTS: Readonly<Record<string, { readonly cost: string; readonly fix: string }>> = {
  fsync: {
    cost: 'a crash of the machine may destroy the database',
    fix: 'Set fsync = on in postgresql.conf and reload the server.',
  },
  full_page_writes: {
    cost: 'a crash of the machine may destroy pages, unless the file system writes each at once',
    fix: 'Set full_page_writes = on in postgresql.conf and reload the server.',
  },
  synchronous_commit: {
    cost: 'a crash loses what was committed last, also payments that were taken',
    fix: 'Set synchronous_commit = on in postgresql.conf, and where `alter database` or `alter role` have set it otherwise.',
  },
}

/** As this session has them: a database and a user may have values of their own. */
async function durability(db: Database): Promise<DurabilitySetting[]> {
  const names = sql.join(Object.keys(COSTS))
  const { rows } = await sql<{ name: string; value: string }>`
    select name, current_setting(name) as value from pg_settings where name in (${names}) order by name`.execute(db)
  return rows.map(({ name, value }) => {
    const { cost, fix } = COSTS[name] ?? { cost: undefined, fix: '' }
    return { name, value, cost: value === 'off' ? cost : undefined, fix }
  })
}

async function encoding(db: Database): Promise<Finding> {
  const { rows } = await sql<{ encoding: string }>`
    select pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()`.execute(db)
  const detail = `${rows[0]?.encoding}`
  if (detail === 'UTF8') return { detail }
  return {
    detail: `${detail}: letters that it lacks cannot be stored`,
    fix: 'Make a database with encoding UTF8 (create database … encoding UTF8 template template0), and move the tables there.',
  }
}

/** Of other users, a user without special rights sees nothing here. */
async function idleTransactions(db: Database, seconds: number): Promise<IdleTransaction[]> {
  const { rows } = await sql<{ pid: number; application: string | null; idle: number }>`
    select pid, application_name as application,
      floor(extract(epoch from clock_timestamp() - state_change))::int as idle
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'
      and state_change <= clock_timestamp() - make_interval(secs => ${seconds})
    order by state_change`.execute(db)
  return rows.map(({ pid, application, idle }) => ({
    who: `process ${pid}${application ? ` (${application})` : ''}`,
    seconds: idle,
    fix: `Let it go on, or end it: select pg_terminate_backend(${pid}).`,
  }))
}
