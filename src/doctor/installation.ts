// Checks of the SQLite module and of the configuration.
import SqliteDatabase from 'better-sqlite3'
import { distance } from 'fastest-levenshtein'
import { asError } from '../background.js'
import type { LoadedConfig } from '../config/config.js'
import type { CheckResult } from './check.js'

/** The native module works only with the Node.js release and platform that it was compiled for. */
export function checkSqlite(): CheckResult {
  try {
    const sqlite = new SqliteDatabase(':memory:')
    const version = sqlite.prepare('select sqlite_version()').pluck().get()
    sqlite.close()
    return `SQLite ${version} on Node.js ${process.versions.node}`
  } catch (error) {
    return {
      message: `Cannot load better-sqlite3: ${asError(error).message}`,
      fix: 'Run `npm rebuild better-sqlite3` in the folder of orderctl, or reinstall orderctl with this Node.js.',
    }
  }
}

/** Finds environment variables that are ignored because their names are misspelt. */
export function checkConfiguration({ settings }: LoadedConfig, environment: NodeJS.ProcessEnv): CheckResult {
  const known = settings.map((setting) => setting.environment)
  const misspelt = Object.keys(environment)
    .filter((name) => name.startsWith('ORDERCTL_') && !known.includes(name))
    .flatMap((name) => {
      // Without underscores, ORDERCTL_TIMEZONE equals ORDERCTL_TIME_ZONE.
      const meant = known.find((setting) => distance(name.replaceAll('_', ''), setting.replaceAll('_', '')) <= 2)
      return meant ? [{ name, meant }] : []
    })
  if (misspelt.length === 0) {
    return `${settings.length} settings, ${settings.filter(({ origin }) => origin !== 'default').length} changed`
  }
  return {
    message: `Unknown settings in the environment: ${misspelt.map(({ name }) => name).join(', ')}.`,
    fix: `Rename ${misspelt.map(({ name, meant }) => `${name} to ${meant}`).join(', ')}.`,
  }
}
