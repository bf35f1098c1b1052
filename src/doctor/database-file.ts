// Checks of a SQLite database file.
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import type { Database } from '../database/connection.js'
import { isReadOnly } from '../database/opened-file.js'
import type { SqliteAddress } from '../servers/addresses.js'
import type { CheckResult, DatabaseCheck } from './check.js'

export function fileChecks({ path }: SqliteAddress): DatabaseCheck[] {
  return [
    { name: 'permissions', run: () => checkPermissions(path) },
    { name: 'integrity', run: checkIntegrity },
  ]
}

/** The file holds customers and amounts, so only its owner may read it. */
async function checkPermissions(path: string): Promise<CheckResult> {
  if (isReadOnly(path)) {
    return {
      message: `No permission to write ${path} or its folder: reports work, imports and workers do not.`,
      fix: `Change the owner: chown -R "$USER" "${dirname(path)}".`,
    }
  }
  if (process.platform === 'win32') return 'inherited from the folder'
  const isOpen = (file: string) => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
  const open = [path, `${path}-wal`, `${path}-shm`].filter(isOpen)
  if (open.length === 0) return 'only this user can read the database'
  return {
    message: `Other users can read ${open.join(', ')}.`,
    fix: `chmod 600 ${open.map((file) => `"${file}"`).join(' ')}`,
  }
}

async function checkIntegrity(db: Database): Promise<CheckResult> {
  const { rows } = await sql<{ fault: string }>`
    select quick_check as fault from pragma_quick_check where quick_check <> 'ok'
    union all
    select distinct 'rows of ' || "table" || ' refer to missing rows of ' || parent from pragma_foreign_key_check
    limit 10`.execute(db)
  if (rows.length === 0) return 'quick_check and foreign_key_check passed'
  return {
    message: rows.map(({ fault }) => fault).join('; '),
    fix: 'Stop all orderctl processes, keep a copy of the file, and restore the last good backup.',
  }
}
