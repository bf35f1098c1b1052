// `doctor`: is this machine fit to take orders, is the database sound, and does anything wait for somebody? A check that
// fails keeps no other from running; one that cannot be made because of it fails too, and says so.

import SqliteDatabase from 'better-sqlite3'
import { type Config, type LoadedConfig, maskPassword } from '../config/config.js'
import { connect, databaseExists, explainDatabaseError } from '../database/connection.js'
import { UserError } from '../errors.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import { AGREEMENT_CHECKS } from './agreement.js'
import { checkConfiguration } from './configuration.js'
import { checkDisk, fileChecks, findDatabase, MIGRATIONS_CHECK } from './database.js'
import { SERVER_CHECKS } from './database-server.js'
import type { Finding } from './finding.js'
import { postgresQueueChecks } from './queue-on-postgres.js'
import { rabbitQueueChecks } from './queue-on-rabbitmq.js'
import { redisChecks } from './redis.js'
import { SCHEDULE_CHECKS } from './schedule.js'
import { WORK_CHECKS } from './work.js'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** What to do about it; null where nothing has to be done. */
  readonly fix: string | null
}

interface DoctorOptions {
  /** What package.json asks for: `>=20.19`. */
  readonly nodeRange: string
  /** @throws UserError where the configuration cannot be used */
  readonly loadConfig: () => LoadedConfig
  readonly environment: NodeJS.ProcessEnv
}

/** Of the tables, wherever they are. */
const TABLE_CHECKS = [MIGRATIONS_CHECK, ...AGREEMENT_CHECKS, ...WORK_CHECKS, ...SCHEDULE_CHECKS]

/** Every check; a cause stands before what follows from it. */
export async function examine({ nodeRange, loadConfig, environment }: DoctorOptions): Promise<Check[]> {
  const machine = [
    await check('node', async () => checkNode(process.versions.node, nodeRange)),
    await check('sqlite', async () => checkSqlite()),
    await check('clock', async () => checkClock(Date.now())),
  ]
  let loaded: LoadedConfig | undefined
  const configuration = await check('configuration', async () => {
    loaded = loadConfig()
    return checkConfiguration(loaded, environment)
  })
  const rest = loaded
    ? [...(await examineServers(loaded.config)), ...(await examineDatabase(loaded.config))]
    : ['database', ...TABLE_CHECKS.map(({ name }) => name)].map((name) => notMade(name, configuration))
  return [...machine, configuration, ...rest]
}

async function examineServers(config: Config): Promise<Check[]> {
  const checks = [...redisChecks(config), ...postgresQueueChecks(config), ...rabbitQueueChecks(config)]
  return Promise.all(checks.map(({ name, look }) => check(name, look)))
}

async function examineDatabase(config: Config): Promise<Check[]> {
  const address = config.database
  const disk = address.kind === 'sqlite' ? [await check('disk space', () => checkDisk(address), address)] : []
  const database = await check('database', () => findDatabase(address), address)
  const all = [...(address.kind === 'sqlite' ? fileChecks(address) : SERVER_CHECKS), ...TABLE_CHECKS]
  if (!database.ok) {
    const missing = !(await databaseExists(address).catch(() => true))
    const others = all.map(({ name }) =>
      missing ? { name, ok: true, detail: 'no database yet', fix: null } : notMade(name, database),
    )
    return [...disk, database, ...others]
  }
  const db = await connect(address)
  try {
    const checks: Check[] = []
    for (const { name, look } of all) checks.push(await check(name, () => look(db, config), address))
    return [...disk, database, ...checks]
  } finally {
    await db.destroy()
  }
}

/** No password leaves it, whatever a driver says. */
async function check(name: string, look: () => Promise<Finding>, address?: DatabaseAddress): Promise<Check> {
  const { ok, detail, fix } = await lookAt(name, look, address)
  return { name, ok, detail: maskPassword(detail), fix: fix === null ? null : maskPassword(fix) }
}

async function lookAt(name: string, look: () => Promise<Finding>, address?: DatabaseAddress): Promise<Check> {
  try {
    const { detail, fix } = await look()
    return { name, ok: fix === undefined, detail, fix: fix ?? null }
  } catch (error) {
    const problem = error instanceof UserError ? error : address && explainDatabaseError(error, address)
    return {
      name,
      ok: false,
      detail: problem?.message ?? (error instanceof Error ? error.message : String(error)),
      fix: problem?.fix ?? 'Run `orderctl doctor` again; if it stays so, report this as a bug.',
    }
  }
}

function notMade(name: string, cause: Check): Check {
  return {
    name,
    ok: false,
    detail: `cannot be checked because of: ${cause.name}`,
    fix: `First put right what the check "${cause.name}" found.`,
  }
}

function checkNode(version: string, range: string): Finding {
  const [, leastMajor = '0', leastMinor = '0'] = /(\d+)(?:\.(\d+))?/.exec(range) ?? []
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > Number(leastMajor) || (major === Number(leastMajor) && minor >= Number(leastMinor))
  const detail = `Node.js ${version}, ${range} is needed`
  return isEnough ? { detail } : { detail, fix: `Install Node.js ${leastMajor}.${leastMinor} or newer.` }
}

/** The module is compiled for one release of Node.js on one kind of machine. */
function checkSqlite(): Finding {
  try {
    const sqlite = new SqliteDatabase(':memory:')
    const version = sqlite.prepare('select sqlite_version()').pluck().get()
    sqlite.close()
    return { detail: `SQLite ${version}` }
  } catch (error) {
    return {
      detail: `better-sqlite3 does not load: ${error instanceof Error ? error.message : error}`,
      fix: 'Run `npm rebuild better-sqlite3` where orderctl is installed, or install orderctl again with this Node.js.',
    }
  }
}

/** Of a machine whose clock was never set, every due time and every lease is wrong. */
function checkClock(now: number): Finding {
  const detail = new Date(now).toISOString()
  return now >= Date.UTC(2024, 0, 1) ? { detail } : { detail, fix: 'Set the clock (timedatectl set-ntp true).' }
}
