// Loads the configuration and records where each value comes from. Values are parsed once, here.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../domain/nearest.js'
import { errorCode, UserError, usageError } from '../errors.js'
import { SETTINGS } from './settings.js'

export type SettingKey = keyof typeof SETTINGS
export type Config = { readonly [Key in SettingKey]: ReturnType<(typeof SETTINGS)[Key]['read']> }

const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[]

export interface LoadedConfig {
  readonly config: Config
  /** The rows of `orderctl config`. `origin` is `default`, the name of the environment variable, or the file's path. */
  readonly settings: readonly (Readonly<Record<'value' | 'origin' | 'environment' | 'about', string>> & {
    readonly key: SettingKey
  })[]
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
    config[key] = readValue(key, text, origin, fallback)
    return { key, value: maskPassword(text), origin, environment: variable, about: SETTINGS[key].about }
  })
  return { config: config as Config, settings }
}

/** Whether a name is unknown, rather than a value invalid: then no command may run. */
export function isUnknownName(error: unknown): boolean {
  return error instanceof UserError && (error.code === 'unknown_setting' || error.code === 'unknown_key')
}

/** Names of environment variables that start like ours but are no settings. Kubernetes sets some for a service. */
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
  // Larger batches on a server, where each statement costs a round trip.
  if (key === 'workflow.batchSize' && config.database?.kind !== 'sqlite') return '2000'
  if (key === 'workflow.batchTimeoutMs') {
    return String(Math.max(Number(SETTINGS[key].fallback), 4 * (config['workflow.leaseMs'] ?? 0)))
  }
  if (key === 'schedule.timeZone' && config.timeZone) return config.timeZone
  return SETTINGS[key].fallback
}

/** Replaces passwords in URLs with `***`: before the last `@`, and in the query. */
export function maskPassword(text: string): string {
  return text.replace(/(:\/\/[^/\s:@]*:)\S*@/g, '$1***@').replace(/([?&]\w*pass\w*=)[^&\s"']*/gi, '$1***')
}

function readValue(key: SettingKey, text: string, origin: string, fallback: string): unknown {
  try {
    return SETTINGS[key].read(text.trim())
  } catch (error) {
    const name = origin === environmentName(key) ? origin : `${key} in ${origin}`
    throw usageError({
      code: 'bad_configuration',
      message: `${name} "${maskPassword(text)}" is invalid; ${error instanceof Error ? error.message : error}.`,
      fix: `Fix it, or remove it to use the default${fallback && ` (${maskPassword(fallback)})`}.`,
    })
  }
}

function readConfigFile(path: string) {
  let parsed: unknown = {}
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') {
      throw notAnObject(`Cannot read ${path}: ${error instanceof Error ? error.message : error}.`)
    }
  }
  return { path, values: flatten(parsed, path, '') }
}

function notAnObject(message: string): UserError {
  const fix = 'Write a JSON object, such as {"timeZone": "Europe/Berlin", "payments": {"seed": "test"}}.'
  return usageError({ code: 'bad_configuration', message, fix })
}

/** Turns `{payments: {seed: "a"}}` into `payments.seed` → `a`. Throws a UserError for an unknown key. */
function flatten(value: unknown, path: string, prefix: string): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notAnObject(`${path} does not contain a JSON object${prefix === '' ? '' : ` at ${prefix}`}.`)
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
        message: `Unknown setting "${key}" in ${path}.${meant ? ` Did you mean "${meant}"?` : ''}`,
        fix: `Fix or remove it. Settings: ${SETTING_KEYS.join(', ')}.`,
      })
    }
  }
  return values
}
