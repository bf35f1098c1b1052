// Runs the checks of `doctor`: installation, servers, database, queue, imports and alarms. Changes nothing.
import { asError } from '../background.js'
import { type Config, type LoadedConfig, maskPassword } from '../config/config.js'
import { connect, type Database, explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { UserError } from '../errors.js'
import type { Finding } from '../reports/alarms.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import type { Check, DatabaseCheck, Problem } from './check.js'
import { checkDatabase, DATABASE_CHECKS, IMPORTS_CHECK, QUEUE_CHECK } from './database.js'
import { fileChecks } from './database-file.js'
import { DATABASE_SERVER_CHECKS } from './database-server.js'
import { checkConfiguration, checkEnvironment, checkSqlite } from './installation.js'
import { QUEUE_SERVER, serverChecks } from './servers.js'
import { serviceChecks } from './services.js'

export interface Examination {
  /** Installation, configuration, servers and database. A check comes before those that depend on it. */
  readonly setup: readonly Finding[]
  /** Checks of what is in the database, such as its clock, queue, imports and alarms. */
  readonly contents: readonly Finding[]
}

/**
 * Runs all checks. If one fails, only the checks that depend on it are skipped.
 *
 * @param loadConfig throws a UserError if the configuration is invalid
 */
export async function examine(loadConfig: () => LoadedConfig, environment: NodeJS.ProcessEnv): Promise<Examination> {
  let loaded: LoadedConfig | undefined
  const readConfiguration = () => {
    loaded = loadConfig()
    return checkConfiguration(loaded)
  }
  const setup = [
    await examineOne({ name: 'sqlite', run: checkSqlite }),
    await examineOne({ name: 'configuration', run: readConfiguration }),
    await examineOne({ name: 'environment', run: () => checkEnvironment(environment) }),
  ]
  if (!loaded) {
    const rest = ['servers', 'database', 'work'].map((name) => skipAfter(name, 'configuration'))
    return { setup: [...setup, ...rest], contents: [] }
  }
  const { config } = loaded
  const address = config.database
  const servers = [...serverChecks(config), ...serviceChecks(config)]
  setup.push(...(await Promise.all(servers.map((check) => examineOne(check)))))
  const isQueueUnreachable = setup.some(({ name, state }) => name === QUEUE_SERVER && state === 'failed')
  const database = await examineOne({ name: 'database', run: () => checkDatabase(address) }, address)
  setup.push(database)
  const db = database.state === 'ok' ? await connect(address) : undefined
  const examineIn = async ({ name, run }: DatabaseCheck) =>
    db ? examineOne({ name, run: () => run(db, config) }, address) : skipAfter(name, 'database')
  try {
    const checks = address.kind === 'sqlite' ? fileChecks(address) : DATABASE_SERVER_CHECKS
    const contents: Finding[] = []
    for (const check of [...checks, ...DATABASE_CHECKS]) contents.push(await examineIn(check))
    contents.push(isQueueUnreachable ? skipAfter(QUEUE_CHECK.name, QUEUE_SERVER) : await examineIn(QUEUE_CHECK))
    contents.push(await examineIn(IMPORTS_CHECK))
    contents.push(...(db ? await examineAlarms(db, config) : [skipAfter('alarms', 'database')]))
    return { setup, contents }
  } finally {
    await db?.destroy()
  }
}

function skip(name: string, message: string): Finding {
  return { name, state: 'skipped', message, fix: null }
}

const skipAfter = (name: string, cause: string) => skip(name, `not checked because "${cause}" failed`)

async function examineAlarms(db: Database, config: Config): Promise<readonly Finding[]> {
  try {
    const alarms = await readAllAlarms(db, config, await databaseTime(db))
    return alarms.map((alarm) => ({ ...alarm, message: maskPassword(alarm.message) }))
  } catch (error) {
    return [failure('alarms', explain(error, config.database))]
  }
}

/** @param database if given, its errors are explained */
async function examineOne({ name, run }: Check, database?: DatabaseAddress): Promise<Finding> {
  try {
    const result = await run()
    if (typeof result === 'string') return { name, state: 'ok', message: maskPassword(result), fix: null }
    return 'skipped' in result ? skip(name, result.skipped) : failure(name, result)
  } catch (error) {
    return failure(name, explain(error, database))
  }
}

function failure(name: string, { message, fix }: Problem): Finding {
  return { name, state: 'failed', message: maskPassword(message), fix: maskPassword(fix) }
}

function explain(error: unknown, database: DatabaseAddress | undefined): Problem {
  const problem = error instanceof UserError ? error : database && explainDatabaseError(error, database)
  const fix = 'Run `orderctl doctor` again. If the check still fails, report this as a bug.'
  return problem ?? { message: asError(error).message, fix }
}
