// Checks of a SQLite database file.
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { readLastBackup } from '../database/backups.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { findDamage } from '../database/integrity.js'
import { isReadOnly } from '../database/opened-file.js'
import type { SqliteAddress } from '../servers/addresses.js'
import { ago } from '../terminal/text.js'
import type { CheckResult, DatabaseCheck } from './check.js'

export function fileChecks({ path }: SqliteAddress): DatabaseCheck[] {
  return [
    { name: 'permissions', run: () => checkPermissions(path) },
    { name: 'integrity', run: (db) => checkIntegrity(db, path) },
    { name: 'backup', run: checkBackup },
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

/** Largest file that is read in full, which takes a few tenths of a second. */
const MAX_READ_MB = 64

async function checkIntegrity(db: Database, path: string): Promise<CheckResult> {
  const size = Math.round(statSync(path).size / 1e6)
  if (size > MAX_READ_MB) {
    return {
      skipped: `not read, since the file has ${size} MB; \`orderctl backup FILE\` makes a copy and checks all of it`,
    }
  }
  const damage = await findDamage(db)
  if (damage.length === 0) return 'quick_check and foreign_key_check passed'
  return {
    message: damage.join('; '),
    fix: 'Stop all orderctl processes and restore the last good backup: orderctl restore FILE --replace',
  }
}

/** Says when the last backup was made. The alarm `backup` says whether that is too long ago. */
async function checkBackup(db: Database): Promise<CheckResult> {
  const last = await readLastBackup(db)
  if (!last) return 'none yet; `orderctl backup FILE` makes one'
  return `${ago(last.taken_at, await databaseTime(db))}: ${last.file}`
}
