// Checks of a database in a file. The pragmas are SQLite's own.
import { statSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import type { SqliteAddress } from '../servers/addresses.js'
import type { DatabaseCheck, Found } from './check.js'

export function fileChecks({ path }: SqliteAddress): DatabaseCheck[] {
  return [
    { name: 'permissions', look: () => checkPermissions(path) },
    { name: 'integrity', look: checkIntegrity },
  ]
}

/** Customers and amounts are private. */
async function checkPermissions(path: string): Promise<Found> {
  const folder = dirname(path)
  try {
    await access(path, constants.R_OK | constants.W_OK)
    await access(folder, constants.W_OK)
  } catch {
    return {
      message: `This user cannot write ${path} or its folder.`,
      fix: `Give them to this user: chown -R "$USER" "${folder}".`,
    }
  }
  if (process.platform === 'win32') return 'as in the folder'
  const isOpen = (file: string) => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
  const open = [path, `${path}-wal`, `${path}-shm`].filter(isOpen)
  if (open.length === 0) return 'only this user can read the database'
  return {
    message: `Other users can read ${open.join(', ')}.`,
    fix: `chmod 600 ${open.map((file) => `"${file}"`).join(' ')}`,
  }
}

async function checkIntegrity(db: Database): Promise<Found> {
  const { rows } = await sql<{ fault: string }>`
    select quick_check as fault from pragma_quick_check where quick_check <> 'ok'
    union all
    select distinct 'rows of ' || "table" || ' refer to missing rows of ' || parent from pragma_foreign_key_check
    limit 10`.execute(db)
  if (rows.length === 0) return 'quick_check and foreign_key_check found nothing'
  return {
    message: rows.map(({ fault }) => fault).join('; '),
    fix: 'Stop all orderctl processes, keep a copy of the file, and restore the last sound backup.',
  }
}
