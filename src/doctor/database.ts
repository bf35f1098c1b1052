// Checks of the database as a file and as tables. The pragmas are SQLite's own.

import { existsSync, statSync } from 'node:fs'
import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import { type Database, databaseExists, placeOf } from '../database/connection.js'
import { readMigrations } from '../database/read-migrations.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import type { DatabaseCheck, Finding } from './finding.js'

/** @throws UserError where the file is not ours, is from a newer release, or cannot be read */
export async function findDatabase(address: DatabaseAddress): Promise<Finding> {
  if (!(await databaseExists(address))) {
    return {
      detail: `there is none at ${placeOf(address)} yet`,
      fix: 'Run `orderctl import FILE`, which makes it, or `orderctl migrate` for an empty one.',
    }
  }
  await readMigrations(address)
  if (address.kind !== 'sqlite') return { detail: address.name }
  const { path } = address
  try {
    await access(path, constants.R_OK | constants.W_OK)
    await access(dirname(path), constants.W_OK)
  } catch {
    return {
      detail: `${path} or its folder cannot be written`,
      fix: `Give this user the file and its folder: chown -R "$USER" "${dirname(path)}".`,
    }
  }
  return { detail: path }
}

/** Wherever it is. */
export const MIGRATIONS_CHECK: DatabaseCheck = {
  name: 'migrations',
  look: (_, { database }) => checkMigrations(database),
}

/** Of a database that is a file. */
export function fileChecks(address: SqliteAddress): DatabaseCheck[] {
  return [
    { name: 'permissions', look: async () => checkPermissions(address) },
    { name: 'integrity', look: checkIntegrity },
    { name: 'write-ahead log', look: (db) => checkWriteAheadLog(db, address) },
    { name: 'foreign keys', look: checkForeignKeys },
  ]
}

/** Customers and amounts are nobody else's business. */
function checkPermissions({ path }: SqliteAddress): Finding {
  if (process.platform === 'win32') return { detail: 'kept by the folder on Windows' }
  const open = [path, `${path}-wal`, `${path}-shm`].filter(
    (file) => existsSync(file) && (statSync(file).mode & 0o077) !== 0,
  )
  return open.length === 0
    ? { detail: 'only this user can read the database' }
    : { detail: `others can read ${open.join(', ')}`, fix: `chmod 600 ${open.map((file) => `"${file}"`).join(' ')}` }
}

async function checkMigrations(address: DatabaseAddress): Promise<Finding> {
  const states = await readMigrations(address)
  const applied = states.filter((state) => state.appliedAt !== null).length
  const detail = `${applied} of ${states.length} applied`
  return applied === states.length ? { detail } : { detail, fix: 'Run `orderctl migrate`.' }
}

const LEAST_FREE_BYTES = 500_000_000

/** Room for as much again: a migration may write every table anew. */
export async function checkDisk({ path }: SqliteAddress): Promise<Finding> {
  let folder = dirname(path)
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const size = existsSync(path) ? (await stat(path)).size : 0
  const needed = Math.max(LEAST_FREE_BYTES, size)
  const detail = `${megabytes(free)} free in ${folder}, the database has ${megabytes(size)}`
  return free >= needed ? { detail } : { detail, fix: `Free space on that disk: at least ${megabytes(needed)}.` }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`
}

const RESTORE = 'Stop all orderctl processes, keep a copy of the file, and restore the last sound backup.'

async function checkIntegrity(db: Database): Promise<Finding> {
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(10)`.execute(db)
  const faults = rows.map((row) => row.quick_check).filter((text) => text !== 'ok')
  return faults.length === 0 ? { detail: 'quick_check found nothing' } : { detail: faults.join('; '), fix: RESTORE }
}

async function checkWriteAheadLog(db: Database, { path }: SqliteAddress): Promise<Finding> {
  const { rows } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(db)
  const mode = rows[0]?.journal_mode
  if (mode === 'wal') return { detail: 'on' }
  return {
    detail: `off (journal mode ${mode}): readers and writers wait for each other`,
    fix: `Move the database to a local disk (${path} may be on a network drive), and run any command.`,
  }
}

async function checkForeignKeys(db: Database): Promise<Finding> {
  const { rows } = await sql<{ table: string }>`pragma foreign_key_check`.execute(db)
  if (rows.length === 0) return { detail: 'every row has what it refers to' }
  const tables = [...new Set(rows.map((row) => row.table))].join(', ')
  return { detail: `${rows.length} rows refer to rows that are not there, in ${tables}`, fix: RESTORE }
}
