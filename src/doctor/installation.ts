// Checks of the SQLite module and of the configuration.
import SqliteDatabase from 'better-sqlite3'
import { asError } from '../background.js'
import { foreignVariables, type LoadedConfig } from '../config/config.js'
import { keep } from '../database/kept.js'
import type { CheckResult } from './check.js'

/** The native module works only with the Node.js release and platform that it was compiled for. */
export function checkSqlite(): CheckResult {
  try {
    const sqlite = keep(new SqliteDatabase(':memory:'))
    const version = keep(sqlite.prepare('select sqlite_version()')).pluck().get()
    sqlite.close()
    return `SQLite ${version} on Node.js ${process.versions.node}`
  } catch (error) {
    return {
      message: `Cannot load better-sqlite3: ${asError(error).message}`,
      fix: 'Run `npm rebuild better-sqlite3` in the folder of orderctl, or reinstall orderctl with this Node.js.',
    }
  }
}

/** Variables with the name of no setting stop every command before it starts, if they look like a typo. */
export function checkConfiguration({ settings }: LoadedConfig): CheckResult {
  return `${settings.length} settings, ${settings.filter(({ origin }) => origin !== 'default').length} changed`
}

/** Lists variables that look like ours and are ignored. */
export function checkEnvironment(environment: NodeJS.ProcessEnv): CheckResult {
  const foreign = foreignVariables(environment)
  return foreign.length === 0 ? 'no other ORDERCTL_ variables' : `ignored: ${foreign.sort().join(', ')}`
}
