// Loads the configuration and says where each value comes from. Values are parsed here, once; the rest of the program
// sees typed ones.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../domain/nearest.js'
import { errorCode, type UserError, usageError } from '../errors.js'
import { SETTINGS } from './settings.js'

export type SettingKey = keyof typeof SETTINGS
export type Config = { readonly [Key in SettingKey]: ReturnType<(typeof SETTINGS)[Key]['read']> }

const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[]

/** One line of `orderctl config`. */
interface ResolvedSetting {
  readonly key: SettingKey
  readonly value: string
  /** `default`, the environment variable's name, or the file's path. */
  readonly origin: string
  readonly environment: string
  readonly about: string
}

export interface ConfigFolders {
  /** The working folder: its orderctl.config.json comes first. */
  readonly working: string
  /** The user's configuration folder. */
  readonly user: string
  /** Where the database is by default. */
  readonly data: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly settings: readonly ResolvedSetting[]
}

const CONFIG_FILE = 'orderctl.config.json'

/**
 * Reads the configuration: environment, then the working folder's file, then the user's, then defaults.
 *
 * @throws UserError (exit 2) naming the value, its place and what may stand there
 */
export function loadConfig(environment: NodeJS.ProcessEnv, folders: ConfigFolders): LoadedConfig {
  const files = [...new Set([folders.working, folders.user])].map((folder) => readConfigFile(join(folder, CONFIG_FILE)))
  const config: { -readonly [Key in SettingKey]?: unknown } = {}
  const settings: ResolvedSetting[] = []
  for (const key of SETTING_KEYS) {
    const setting = SETTINGS[key]
    const file = files.find(({ values }) => values.has(key))
    const fromEnvironment = environment[setting.environment]
    const fallback = fallbackOf(key, folders, config as Partial<Config>)
    const found =
      fromEnvironment !== undefined && fromEnvironment !== ''
        ? { value: fromEnvironment, origin: setting.environment }
        : file
          ? { value: file.values.get(key) ?? '', origin: file.path }
          : { value: fallback, origin: 'default' }
    config[key] = readValue(key, found, fallback)
    const value = maskPassword(found.value)
    settings.push({ key, value, origin: found.origin, environment: setting.environment, about: setting.about })
  }
  return { config: config as Config, settings }
}

function fallbackOf(key: SettingKey, folders: ConfigFolders, config: Partial<Config>): string {
  if (key === 'database') return `sqlite:${join(folders.data, 'orderctl.sqlite')}`
  if (key === 'queue' && config.redis) return config.redis.url
  // A server costs a round trip a statement, and a commit a batch.
  if (key === 'workflow.batchSize' && config.database?.kind !== 'sqlite') return '2000'
  if (key === 'workflow.batchTimeoutMs') {
    return String(Math.max(Number(SETTINGS[key].fallback), 4 * (config['workflow.leaseMs'] ?? 0)))
  }
  if (key === 'schedule.timeZone' && config.timeZone) return config.timeZone
  return SETTINGS[key].fallback
}

/** The text with the passwords of its URLs as `***`, fit to be shown: before the last `@`, and in a query. */
export function maskPassword(text: string): string {
  return text.replace(/(:\/\/[^/\s:@]*:)\S*@/g, '$1***@').replace(/([?&]\w*pass\w*=)[^&\s"']*/gi, '$1***')
}

interface Found {
  readonly value: string
  readonly origin: string
}

function readValue(key: SettingKey, { value, origin }: Found, fallback: string): unknown {
  try {
    return SETTINGS[key].read(value.trim())
  } catch (error) {
    const place = origin === SETTINGS[key].environment ? origin : `${key} in ${origin}`
    throw usageError({
      code: 'bad_configuration',
      message: `${place} is "${maskPassword(value)}", which is not usable: ${error instanceof Error ? error.message : error}.`,
      fix: `Correct it, or remove it to use the default${fallback && `, ${maskPassword(fallback)}`}.`,
    })
  }
}

interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<string, string>
}

function readConfigFile(path: string): ConfigFile {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return { path, values: new Map() }
    throw notAnObject(`Cannot read ${path}: ${error instanceof Error ? error.message : error}.`)
  }
  return { path, values: flatten(parsed, path, '') }
}

function notAnObject(message: string): UserError {
  return usageError({
    code: 'bad_configuration',
    message,
    fix: 'Make it a JSON object, such as {"timeZone": "Europe/Berlin", "payments": {"seed": "test"}}.',
  })
}

/** `{payments: {seed: "a"}}` becomes `payments.seed` → `a`; an unknown key is an error. */
function flatten(value: unknown, path: string, prefix: string): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notAnObject(`${path} holds no JSON object${prefix === '' ? '' : ` at ${prefix}`}.`)
  }
  const values = new Map<string, string>()
  for (const [name, inner] of Object.entries(value)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (SETTING_KEYS.some((known) => known === key)) {
      values.set(key, typeof inner === 'string' ? inner : JSON.stringify(inner))
    } else if (SETTING_KEYS.some((known) => known.startsWith(`${key}.`))) {
      for (const entry of flatten(inner, path, key)) values.set(...entry)
    } else {
      const meant = nearest(key, SETTING_KEYS)
      throw usageError({
        code: 'unknown_key',
        message: `${path} has the key "${key}", which is not a setting.${meant ? ` Did you mean "${meant}"?` : ''}`,
        fix: `Correct or remove it. The keys are ${SETTING_KEYS.join(', ')}.`,
      })
    }
  }
  return values
}
