// What is written in two places must agree: the manifest, the lists in the docs, the diagram, the CHECK constraints and
// the table types. Each failure shows the text that belongs there.
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Plugin } from '@oclif/core'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { EVENTS } from '../../src/command-line/log.js'
import { loadConfig } from '../../src/config/config.js'
import { SOURCE_KEYS } from '../../src/config/sources.js'
import { openScratchDatabase } from '../../src/database/connection.js'
import { ORDER_STATUSES, PAYMENT_STATUSES, TRANSITIONS } from '../../src/domain/order.js'
import { CAUSES } from '../../src/servers/causes.js'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** The text between `<!-- name -->` and `<!-- /name -->`. */
function section(file: string, name: string): string {
  const [, text] = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(read(file)) ?? []
  if (text === undefined) throw new Error(`${file} has no section ${name}`)
  // Undo how the formatter aligns tables.
  return text
    .trim()
    .replace(/(?<=\S) {2,}/g, ' ')
    .replace(/-{3,}/g, '---')
}

test('oclif.manifest.json has the commands (`npm run build`), and the README lists them', async () => {
  const plugin = new Plugin({ root: ROOT, ignoreManifest: true, isRoot: true })
  await plugin.load()
  const { commands } = plugin.manifest
  expect(JSON.parse(read('oclif.manifest.json')).commands).toEqual(JSON.parse(JSON.stringify(commands)))
  const rows = Object.values(commands)
    .filter(({ hidden }) => !hidden)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, args, summary }) => {
      const names = Object.values(args).map(({ name, required }) => (required ? name : `[${name}]`).toUpperCase())
      return `- \`orderctl ${[...id.split(':'), ...names].join(' ')}\`: ${summary}`
    })
  expect(section('README.md', 'commands')).toBe(rows.join('\n'))
})

test('every command has two examples', () => {
  const commands: Record<string, { hidden?: boolean; examples?: string[] }> = JSON.parse(
    read('oclif.manifest.json'),
  ).commands
  const short = Object.entries(commands).filter(([, { hidden, examples = [] }]) => !hidden && examples.length < 2)
  expect(short.map(([id]) => id)).toEqual([])
})

test('docs/configuration.md lists every setting', () => {
  const { settings } = loadConfig({}, { working: tmpdir(), user: tmpdir(), data: 'DATA' })
  const rows = settings.map(
    ({ key, environment, value, about }) =>
      `| \`${key}\` | \`${environment}\` | ${key === 'database' ? 'a SQLite file in your data folder' : value ? `\`${value}\`` : 'none'} | ${about} |`,
  )
  const table = ['| key | environment | default | what it is |', '| --- | --- | --- | --- |', ...rows]
  expect(section('docs/configuration.md', 'configuration')).toBe(table.join('\n'))
})

test('docs/configuration.md lists every key of a source, with its flag', () => {
  const rows = Object.entries(SOURCE_KEYS).map(([key, { about }]) => {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return `| \`${key}\` | \`${flag}\` | ${about.replace('|', '&#124;')} |`
  })
  const table = ['| key | flag | what it is |', '| --- | --- | --- |', ...rows]
  expect(section('docs/configuration.md', 'sources')).toBe(table.join('\n'))
})

test('docs/deploy.md lists every event of the log', () => {
  const rows = Object.entries(EVENTS).map(([event, about]) => `| \`${event}\` | ${about} |`)
  expect(section('docs/deploy.md', 'events')).toBe(['| event | what it tells |', '| --- | --- |', ...rows].join('\n'))
})

test('docs/json.md lists every error code', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.ts$/.test(file),
  )
  const literals = files.flatMap((file) => [
    ...read(join('src', file)).matchAll(/\b(?:code: |retryable\()'([a-z_]+)'/g),
  ])
  const causes = Object.entries(CAUSES).flatMap(([cause, entry]) => {
    const code = 'code' in entry ? entry.code : `{prefix}_${cause}`
    return typeof code === 'string' ? [code] : Object.values(code)
  })
  const codes = [...literals.map(([, code]) => `${code}`), ...causes.map((code) => code.replace('{prefix}', '…'))]
  const [, listed = ''] = read('docs/json.md').split('## Errors\n')
  expect(codes.filter((code) => !listed.includes(`\`${code}\``))).toEqual([])
  expect(codes.length).toBeGreaterThan(100)
})

test('the diagram in docs/architecture.md shows every transition', () => {
  const lines = TRANSITIONS.map(
    ({ from, to, by, when }) => `  ${from} --> ${to}: ${when}${by === 'person' ? ' (by a person)' : ''}`,
  )
  expect(section('docs/architecture.md', 'transitions')).toBe(
    ['```mermaid', 'stateDiagram-v2', '  [*] --> pending: imported', ...lines, '```'].join('\n'),
  )
})

test('docs/dependencies.md gives a reason for every dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  const listed = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name)
  expect(listed.sort()).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)].sort())
})

test('the database has the tables and columns of schema.ts, and exactly the statuses of the code', async () => {
  const db = await openScratchDatabase()
  const tables = await db.introspection.getTables()
  const columns = tables.map((table) => [table.name, table.columns.map(({ name }) => name).sort()] as const)
  expect(Object.fromEntries(columns.filter(([name]) => name !== 'orderctl_migrations'))).toEqual(typedTables())
  for (const [table, statuses] of [
    ['orders', ORDER_STATUSES],
    ['payments', PAYMENT_STATUSES],
  ] as const) {
    const { rows } = await sql<{ sql: string }>`select sql from sqlite_master where name = ${table}`.execute(db)
    const [, check = ''] = /check \(\(("status" = [^)]*)\)\)/.exec(rows[0]?.sql ?? '') ?? []
    expect([...check.matchAll(/'(\w+)'/g)].map(([, word]) => word)).toEqual([...statuses])
  }
  await db.destroy()
})

function typedTables(): Record<string, string[]> {
  const text = read('src/database/schema.ts')
  const tables = [...text.matchAll(/^ {2}(\w+): \{\n([\s\S]*?)\n {2}\}/gm)]
  const columnsIn = (body = '') => [...body.matchAll(/^ {4}(\w+):/gm)].map(([, column]) => column ?? '')
  return Object.fromEntries(tables.map(([, table, body]) => [table, columnsIn(body).sort()]))
}

test('no file of logic has more than 300 lines', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  const logic = files.filter((file) => file.endsWith('.ts') && !/^database\/(migrations\/|schema\.ts)/.test(file))
  expect(logic.filter((file) => read(join('src', file)).split('\n').length > 301)).toEqual([])
})
