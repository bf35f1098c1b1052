// Backups of database servers are made by their own tools.
import { placeOf } from '../database/connection.js'
import { usageError } from '../errors.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'

const TOOLS = {
  postgres: { backup: 'pg_dump', restore: 'pg_restore' },
  mysql: { backup: 'mysqldump --single-transaction', restore: 'mysql' },
} as const

/** @throws UserError (exit 2) if the database is on a server */
export function requireFile(address: DatabaseAddress, command: 'backup' | 'restore'): SqliteAddress {
  if (address.kind === 'sqlite') return address
  throw usageError({
    code: 'database_on_server',
    message: `${placeOf(address)} is on a database server; orderctl ${command} is for SQLite files.`,
    fix: `Use ${TOOLS[address.kind][command]}, as in docs/operations.md, "${command === 'backup' ? 'Back up' : 'Restore'}".`,
  })
}
