// Loads the configuration and records where each value comes from. Values are parsed once, here.
import { join } from 'node:path'
import { asError } from '../background.js'
import { nearest } from '../domain/nearest.js'
import { errorCode, UserError, usageError } from '../errors.js'
import { refuseUnencrypted } from './encryption.js'
import { SETTINGS } from './settings.js'
import { SOURCE_KEYS, type SourceKey, type SourceSettings } from './sources.js'
import { readTrustedFile } from './trusted-file.js'

export type SettingKey = keyof typeof SETTINGS
export type Config = { readonly [Key in SettingKey]: ReturnType<(typeof SETTINGS)[Key]['read']> } & {
  /** By the name of the source. */
  readonly sources: ReadonlyMap<string, SourceSettings>
}

const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[]
const SOURCE_KEY_NAMES = Object.keys(SOURCE_KEYS) as SourceKey[]

export interface LoadedConfig {
  readonly config: Config
  readonly settings: readonly ShownSetting[]
}

/**
 * A row of `orderctl config`. `origin` is `default`, the name of the environment variable, or the file's path. Settings
 * of a source have no variable.
 */
type ShownSetting = Readonly<Record<'key' | 'value' | 'origin' | 'about', string>> & {
  readonly environment: string | null
}

export interface ConfigFolders {
  readonly working: string
  /** The user's configuration folder. */
  readonly user: string
  /** Default folder of the database. */
  readonly data: string
}

const CONFIG_FILE = 'orderctl.config.json'

/**
 * Reads the configuration. Precedence: environment, file in the working folder, file in the user's folder, defaults.
 *
 * @throws UserError (exit 2) that names the value, its origin and what is expected
 */
export function loadConfig(environment: NodeJS.ProcessEnv, folders: ConfigFolders): LoadedConfig {
  refuseMisspelt(environment)
  const files = [...new Set([folders.working, folders.user])].map((folder) => readConfigFile(join(folder, CONFIG_FILE)))
  const config: { -readonly [Key in SettingKey]?: unknown } = {}
  const settings = SETTING_KEYS.map((key) => {
    const fallback = fallbackOf(key, folders, config as Partial<Config>)
    const variable = environmentName(key)
    const origins = [
      { text: environment[variable] || undefined, origin: variable },
      ...files.map(({ path, values }) => ({ text: values.get(key), origin: path })),
    ]
    const { text = fallback, origin } = origins.find((candidate) => candidate.text !== undefined) ?? {
      origin: 'default',
    }
    config[key] = readValue(key, SETTINGS[key].read, { text: text.trim(), origin, fallback })
    return { key, value: shown(key, text), origin, environment: variable, about: SETTINGS[key].about }
  })
  const { sources, rows } = readSources(files)
  const loaded = { ...(config as Omit<Config, 'sources'>), sources }
  refuseUnencrypted(loaded)
  return { config: loaded, settings: [...settings, ...rows] }
}

/** Reads `sources.NAME.KEY`. The first file that has a key counts. */
function readSources(files: readonly ConfigFile[]) {
  const sources = new Map<string, SourceSettings>()
  const rows: ShownSetting[] = []
  for (const { path, sources: written } of files) {
    for (const [source, values] of written) {
      for (const key of SOURCE_KEY_NAMES) {
        const name = `sources.${source}.${key}`
        const text = values.get(name)
        const settings = sources.get(source)
        if (text === undefined || settings?.[key] !== undefined) continue
        const value = readValue(name, SOURCE_KEYS[key].read, { text, origin: path, fallback: '' })
        sources.set(source, { ...settings, [key]: value })
        rows.push({ key: name, value: text, origin: path, environment: null, about: SOURCE_KEYS[key].about })
      }
    }
  }
  return { sources, rows }
}

/** Whether a name is unknown, rather than a value invalid: then no command may run. */
export function isUnknownName(error: unknown): boolean {
  return error instanceof UserError && (error.code === 'unknown_setting' || error.code === 'unknown_key')
}

/** Names of environment variables that start like ours but are no settings. Kubernetes sets some next to a service. */
export function foreignVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = SETTING_KEYS.map(environmentName)
  return Object.keys(environment).filter((name) => name.startsWith('ORDERCTL_') && !known.includes(name))
}

/** Throws for a name within two letters of a setting, which would be ignored in silence. */
function refuseMisspelt(environment: NodeJS.ProcessEnv): void {
  const known = SETTING_KEYS.map(environmentName)
  const misspelt = foreignVariables(environment).flatMap((name) => {
    const meant = nearest(name, known, 2)
    return meant ? [{ name, meant }] : []
  })
  if (misspelt.length === 0) return
  throw usageError({
    code: 'unknown_setting',
    message: `Unknown setting in the environment: ${misspelt.map(({ name }) => name).join(', ')}.`,
    fix: `Rename ${misspelt.map(({ name, meant }) => `${name} to ${meant}`).join(', ')}, or unset it.`,
  })
}

/** `payments.latencyMs` is ORDERCTL_PAYMENT_LATENCY_MS, `workflow.leaseMs` ORDERCTL_LEASE_MS. */
function environmentName(key: SettingKey): string {
  const words = key
    .replace(/^(workflow|inventory)\./, '')
    .replace(/^(payment|alarm)s\./, '$1_')
    .replace('.', '_')
  const isUrl = key === 'database' || key === 'redis' || key === 'queue'
  return `ORDERCTL_${words.replace(/[A-Z]/g, '_$&').toUpperCase()}${isUrl ? '_URL' : ''}`
}

function fallbackOf(key: SettingKey, folders: ConfigFolders, config: Partial<Config>): string {
  if (key === 'database') return `sqlite:${join(folders.data, 'orderctl.sqlite')}`
  if (key === 'queue' && config.redis) return config.redis.url
  if (key === 'workflow.batchTimeoutMs') {
    return String(Math.max(Number(SETTINGS[key].fallback), 4 * (config['workflow.leaseMs'] ?? 0)))
  }
  if (key === 'schedule.timeZone' && config.timeZone) return config.timeZone
  return SETTINGS[key].fallback
}

/** Returns the text of a value without secrets. */
function shown(key: string, text: string): string {
  const isSecret = SETTING_KEYS.some((known) => known === key && SETTINGS[known].isSecret)
  return isSecret && text !== '' ? '***' : maskPassword(text)
}

/** Replaces passwords in URLs with `***`: before the last `@`, and in the query. */
export function maskPassword(text: string): string {
  return text
    .replace(/(:\/\/[^/\s:@]*:)\S*@/g, '$1***@')
    .replace(/([?&][\w-]*(?:pass|secret|token|api_?key|sig)[\w-]*=)[^&\s"']*/gi, '$1***')
}

interface WrittenValue {
  readonly text: string
  readonly origin: string
  readonly fallback: string
}

function readValue(key: string, read: (text: string) => unknown, { text, origin, fallback }: WrittenValue): unknown {
  try {
    return read(text)
  } catch (error) {
    const name = origin.startsWith('ORDERCTL_') ? origin : `${key} in ${origin}`
    throw usageError({
      code: 'bad_configuration',
      message: `${name} "${shown(key, text)}" is invalid; ${error instanceof Error ? error.message : error}.`,
      fix: `Fix it, or remove it to use the default${fallback && ` (${maskPassword(fallback)})`}.`,
    })
  }
}

/** The texts of its settings, and of those of each source. */
interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<string, string>
  readonly sources: readonly (readonly [source: string, values: ReadonlyMap<string, string>])[]
}

function readConfigFile(path: string): ConfigFile {
  let parsed: unknown = {}
  try {
    parsed = JSON.parse(readTrustedFile(path))
  } catch (error) {
    if (error instanceof UserError) throw error
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') {
      throw notAnObject(`Cannot read ${path}: ${reasonOf(error)}.`)
    }
  }
  const { sources = {}, ...rest } = objectIn(parsed, path, '')
  const written = Object.entries(objectIn(sources, path, 'sources')).map(([source, inner]) => {
    const prefix = `sources.${source}`
    const known = SOURCE_KEY_NAMES.map((key) => `${prefix}.${key}`)
    return [source, flatten(inner, path, known, prefix)] as const
  })
  return { path, values: flatten(rest, path, [...SETTING_KEYS, 'sources']), sources: written }
}

/** The message about invalid JSON quotes what is around the fault, which may be a password. */
function reasonOf(error: unknown): string {
  const { message, name } = asError(error)
  return name === 'SyntaxError'
    ? `it is not valid JSON ${/at position \d+|at end/.exec(message)?.[0] ?? ''}`.trim()
    : message
}

function notAnObject(message: string): UserError {
  const fix = 'Write a JSON object, such as {"timeZone": "Europe/Berlin", "payments": {"seed": "test"}}.'
  return usageError({ code: 'bad_configuration', message, fix })
}

function objectIn(value: unknown, path: string, key: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value
  throw notAnObject(`${path} does not contain a JSON object${key && ` at ${key}`}.`)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Turns `{payments: {seed: "a"}}` into `payments.seed` → `a`. Throws a UserError for an unknown key. */
function flatten(value: unknown, path: string, known: readonly string[], prefix = ''): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, inner] of Object.entries(objectIn(value, path, prefix))) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (known.includes(key)) values.set(key, typeof inner === 'string' ? inner : JSON.stringify(inner))
    else if (known.some((one) => one.startsWith(`${key}.`))) {
      for (const entry of flatten(inner, path, known, key)) values.set(...entry)
    } else throw unknownKey(key, path, known)
  }
  return values
}

function unknownKey(key: string, path: string, known: readonly string[]): UserError {
  const meant = nearest(key, known)
  return usageError({
    code: 'unknown_key',
    message: `Unknown setting "${key}" in ${path}.${meant ? ` Did you mean "${meant}"?` : ''}`,
    fix: `Fix or remove it. Settings: ${known.join(', ')}.`,
  })
}
