// Versions of packages, for the names of peers.
import { readFileSync } from 'node:fs'

/** The name with the version of its package, or alone if that is not installed. */
export function withVersion(name, packageName = name) {
  try {
    const file = new URL(`../../node_modules/${packageName}/package.json`, import.meta.url)
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
  } catch {
    return name
  }
}
