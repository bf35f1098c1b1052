// Checks of what orderctl is installed on, and of its configuration.
import SqliteDatabase from 'better-sqlite3'
import { distance } from 'fastest-levenshtein'
import { asError } from '../background.js'
import type { LoadedConfig } from '../config/config.js'
import type { Found } from './check.js'

/** The module is compiled for one release of Node.js on one kind of machine. */
export function checkSqlite(): Found {
  try {
    const sqlite = new SqliteDatabase(':memory:')
    const version = sqlite.prepare('select sqlite_version()').pluck().get()
    sqlite.close()
    return `SQLite ${version} on Node.js ${process.versions.node}`
  } catch (error) {
    return {
      message: `better-sqlite3 does not load: ${asError(error).message}`,
      fix: 'Run `npm rebuild better-sqlite3` in the folder of orderctl, or install orderctl again with this Node.js.',
    }
  }
}

/** Finds settings that are ignored because their names are misspelt in the environment. */
export function checkConfiguration({ settings }: LoadedConfig, environment: NodeJS.ProcessEnv): Found {
  const known = settings.map((setting) => setting.environment)
  const misspelt = Object.keys(environment)
    .filter((name) => name.startsWith('ORDERCTL_') && !known.includes(name))
    .flatMap((name) => {
      // ORDERCTL_TIMEZONE is as near to ORDERCTL_TIME_ZONE as ORDERCTL_TIME_ZNE.
      const meant = known.find((setting) => distance(name.replaceAll('_', ''), setting.replaceAll('_', '')) <= 2)
      return meant ? [{ name, meant }] : []
    })
  if (misspelt.length === 0) {
    return `${settings.length} settings, ${settings.filter(({ origin }) => origin !== 'default').length} not the default`
  }
  return {
    message: `The environment has ${misspelt.map(({ name }) => name).join(', ')}, which is not a setting.`,
    fix: `Write ${misspelt.map(({ name, meant }) => `${meant} instead of ${name}`).join(', ')}.`,
  }
}
