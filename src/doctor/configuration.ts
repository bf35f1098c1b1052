// Checks of the configuration: can it be used, and was anything said that nobody hears?
import { distance } from 'fastest-levenshtein'
import type { LoadedConfig } from '../config/config.js'
import type { Finding } from './finding.js'

/** @param environment with everything that the process was given */
export function checkConfiguration({ settings }: LoadedConfig, environment: NodeJS.ProcessEnv): Finding {
  const set = settings.filter((setting) => setting.origin !== 'default').length
  const detail = `${settings.length} settings, ${set} of them not the default`
  const known = settings.map((setting) => setting.environment)
  const misspelt = Object.keys(environment)
    .filter((name) => name.startsWith('ORDERCTL_') && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => distance(letters(name), letters(candidate)) <= 2)
      return meant ? [{ name, meant }] : []
    })
  if (misspelt.length === 0) return { detail }
  return {
    detail: `${detail}; ${misspelt.map(({ name }) => name).join(', ')} is set and is no setting`,
    fix: `Write ${misspelt.map(({ name, meant }) => `${meant} instead of ${name}`).join(', ')}.`,
  }
}

/** ORDERCTL_TIMEZONE is as near as ORDERCTL_TIME_ZNE. */
function letters(name: string): string {
  return name.replaceAll('_', '')
}
