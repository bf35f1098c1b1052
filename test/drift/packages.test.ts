// Packages that are installed with orderctl: their licences, their number, and the scripts that run at installation.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

interface Package {
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly resolved?: string
  readonly integrity?: string
  readonly optional?: boolean
}

const { packages }: { packages: Record<string, Package> } = JSON.parse(
  readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
)
const all = Object.entries(packages).filter(([path]) => path !== '')
const shipped = all.filter(([, { dev }]) => !dev)

const namesOf = (entries: typeof all) => entries.map(([path]) => path.replace(/^.*node_modules\//, '')).sort()

/** Permissive licences, and choices that include one: orderctl may be used and passed on under its own. */
const PERMISSIVE = [
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'MIT/X11'],
  ...['MIT OR Apache-2.0', '(MIT OR WTFPL)', '(BSD-2-Clause OR MIT OR Apache-2.0)', '(MIT OR CC0-1.0)'],
]

/** Also fine for tools, which are not passed on. */
const FOR_TOOLS = ['MPL-2.0', 'Python-2.0', 'Unlicense']

test('every package has a licence that was checked', () => {
  const others = all.filter(
    ([, { license = 'none', dev }]) => !PERMISSIVE.includes(license) && !(dev && FOR_TOOLS.includes(license)),
  )
  expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([])
})

test('only packages that were checked run scripts at installation', () => {
  // better-sqlite3 fetches or compiles SQLite. The other's script only speeds up BullMQ, and package.json forbids it.
  expect(namesOf(shipped.filter(([, { hasInstallScript }]) => hasInstallScript))).toEqual([
    'better-sqlite3',
    'msgpackr-extract',
  ])
  const { allowScripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(allowScripts).toEqual({ 'better-sqlite3': true, 'msgpackr-extract': false })
})

test('no package comes from elsewhere than the configured registry', () => {
  expect(
    namesOf(all.filter(([, { resolved = '' }]) => !/^(https:\/\/registry\.npmjs\.org\/|$)/.test(resolved))),
  ).toEqual([])
})

test('every installed package has a checksum, except builds for other platforms', () => {
  const without = shipped.filter(([, { integrity = '', optional }]) => !integrity.startsWith('sha512-') && !optional)
  expect(namesOf(without)).toEqual([])
})

test('docs/security.md says how many packages are installed', () => {
  const [, said] = /(\d+) packages/.exec(readFileSync(join(ROOT, 'docs/security.md'), 'utf8')) ?? []
  expect(Number(said)).toBe(shipped.length)
})
