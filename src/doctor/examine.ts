// `doctor`: is this machine fit to take orders, is the database sound, and does the work need a person? Changes nothing.
import { asError } from '../background.js'
import { type Config, type LoadedConfig, maskPassword } from '../config/config.js'
import { connect, type Database, explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { UserError } from '../errors.js'
import type { Finding } from '../reports/finding.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import type { Check, DatabaseCheck, Found } from './check.js'
import { checkDatabase, DATABASE_CHECKS } from './database.js'
import { fileChecks } from './database-file.js'
import { DATABASE_SERVER_CHECKS } from './database-server.js'
import { checkConfiguration, checkNode, checkSqlite } from './installation.js'
import { QUEUE_SERVER, serverChecks } from './servers.js'
import { IMPORTS_CHECK, QUEUE_CHECK } from './work.js'

interface DoctorOptions {
  /** What package.json asks for: `>=20.19`. */
  readonly nodeRange: string
  /** @throws UserError if the configuration cannot be used */
  readonly loadConfig: () => LoadedConfig
  readonly environment: NodeJS.ProcessEnv
}

export interface Examination {
  /** Of the installation, the configuration and the servers; a cause comes before what follows from it. */
  readonly setup: readonly Finding[]
  /** Of the work: what no alarm covers, then the alarms. */
  readonly work: readonly Finding[]
}

/** Runs every check. One that fails stops no other; those that depend on it are skipped. */
export async function examine({ nodeRange, loadConfig, environment }: DoctorOptions): Promise<Examination> {
  let loaded: LoadedConfig | undefined
  const readConfiguration = () => {
    loaded = loadConfig()
    return checkConfiguration(loaded, environment)
  }
  const setup = [
    await examineOne({ name: 'node', look: () => checkNode(nodeRange) }),
    await examineOne({ name: 'sqlite', look: checkSqlite }),
    await examineOne({ name: 'configuration', look: readConfiguration }),
  ]
  if (!loaded) return skipRest('configuration', setup, [{ name: 'database' }, ...DATABASE_CHECKS])
  const { config } = loaded
  const address = config.database
  setup.push(...(await Promise.all(serverChecks(config).map((check) => examineOne(check)))))
  const database = await examineOne({ name: 'database', look: () => checkDatabase(address) }, address)
  setup.push(database)
  const checks = [...(address.kind === 'sqlite' ? fileChecks(address) : DATABASE_SERVER_CHECKS), ...DATABASE_CHECKS]
  if (database.state === 'failed') return skipRest('database', setup, checks)
  const db = await connect(address)
  try {
    for (const check of checks) setup.push(await examineIn(db, check, config))
    return { setup, work: await examineWork(db, config, setup) }
  } finally {
    await db.destroy()
  }
}

function skipRest(cause: string, setup: readonly Finding[], checks: readonly Pick<Check, 'name'>[]): Examination {
  const work = [QUEUE_CHECK, IMPORTS_CHECK, { name: 'alarms' }]
  return {
    setup: [...setup, ...checks.map((check) => skip(check, cause))],
    work: work.map((check) => skip(check, cause)),
  }
}

function skip({ name }: Pick<Check, 'name'>, cause: string): Finding {
  return { name, state: 'skipped', message: `could not be checked because "${cause}" failed`, fix: null }
}

async function examineWork(db: Database, config: Config, setup: readonly Finding[]): Promise<Finding[]> {
  const queueIsAway = setup.some(({ name, state }) => name === QUEUE_SERVER && state === 'failed')
  let alarms: readonly Finding[] = []
  const readAlarms = async () => {
    alarms = await readAllAlarms(db, config, await databaseTime(db))
    return 'read'
  }
  return [
    queueIsAway ? skip(QUEUE_CHECK, QUEUE_SERVER) : await examineIn(db, QUEUE_CHECK, config),
    await examineIn(db, IMPORTS_CHECK, config),
    ...[await examineIn(db, { name: 'alarms', look: readAlarms }, config)].filter(({ state }) => state === 'failed'),
    ...alarms,
  ]
}

function examineIn(db: Database, { name, look }: DatabaseCheck, config: Config): Promise<Finding> {
  return examineOne({ name, look: () => look(db, config) }, config.database)
}

/** @param database whose errors are explained */
async function examineOne({ name, look }: Check, database?: DatabaseAddress): Promise<Finding> {
  const found = await Promise.resolve()
    .then(look)
    .catch((error: unknown) => failureOf(error, database))
  if (typeof found === 'string') return { name, state: 'ok', message: maskPassword(found), fix: null }
  return { name, state: 'failed', message: maskPassword(found.message), fix: maskPassword(found.fix) }
}

function failureOf(error: unknown, database: DatabaseAddress | undefined): Exclude<Found, string> {
  if (error instanceof UserError) return error
  const problem = database && explainDatabaseError(error, database)
  if (problem) return problem
  return {
    message: asError(error).message,
    fix: 'Run `orderctl doctor` again. If the check still fails, report this as a bug.',
  }
}
