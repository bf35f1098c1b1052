// Measures the speeds, times and memory that docs/performance.md quotes, each compared with its peers in the same run,
// so that the ratios also hold on other machines. A peer or server that is missing is named and left out.
//
// npm run bench [-- import|work|reports|startup|engines|scale|guard …] [--orders N] [--large N] [--rounds N] [--json]
//
// Without names, all but `guard`, which CI runs. Ratios and differences are medians over the rounds. A run fails if a
// command does, or `rebuild --check` after the last round of each figure that writes a database.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import SqliteDatabase from 'better-sqlite3'
import { engineFigures } from './figures/engines.js'
import { guardFigures } from './figures/guard.js'
import { importFigures } from './figures/import.js'
import { reportFigures } from './figures/reports.js'
import { scaleFigures } from './figures/scale.js'
import { startupFigures } from './figures/startup.js'
import { workFigures } from './figures/work.js'
import { measure } from './measure.js'
import { serverVersions } from './servers.js'
import { openShops } from './shops.js'
import { markdown } from './table.js'

const GROUPS = {
  import: importFigures,
  work: workFigures,
  startup: startupFigures,
  reports: reportFigures,
  scale: scaleFigures,
  engines: engineFigures,
  guard: guardFigures,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    orders: { type: 'string', default: '100000' },
    large: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const [orders, large, rounds] = [values.orders, values.large, values.rounds].map(Number)
const wanted = positionals.length > 0 ? positionals : Object.keys(GROUPS).filter((name) => name !== 'guard')
const unknown = wanted.find((name) => !GROUPS[name])
if (unknown) throw new Error(`There is no ${unknown}. Name some of ${Object.keys(GROUPS).join(', ')}.`)
const folder = mkdtempSync(join(tmpdir(), 'orderctl-bench-'))
process.once('SIGINT', () => process.exit(130))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const shops = openShops(folder)
const setting = { date: new Date().toISOString().slice(0, 10), ...machine(), servers: await serverVersions() }
const groups = []
if (!values.json) console.log(describe(setting))
for (const name of wanted) {
  const group = await measureGroup(name)
  groups.push(group)
  if (!values.json) console.log(markdownOf(group))
}
if (values.json) console.log(JSON.stringify({ ...setting, orders, large, rounds, groups }, null, 2))

async function measureGroup(name) {
  const group = { name, rows: [], missing: [] }
  for (const figure of GROUPS[name]({ shops, orders, large })) {
    process.stderr.write(`${name}: ${figure.name}\n`)
    const { rows, missing } = await measure(figure, { rounds, folder })
    group.rows.push(...rows)
    group.missing.push(...missing)
  }
  return group
}

function machine() {
  const sqlite = new SqliteDatabase(':memory:')
  const version = sqlite.prepare('select sqlite_version()').pluck().get()
  sqlite.close()
  return {
    processor: `${availableParallelism()} cores of ${cpus()[0]?.model}`,
    memory: `${Math.round(totalmem() / 1e9)} GB`,
    node: process.version,
    sqlite: version,
  }
}

function describe({ date, processor, memory, node, sqlite, servers }) {
  const versions = [`Node ${node}`, `SQLite ${sqlite}`, ...servers].join(', ')
  return `${date}, ${processor}, ${memory}, ${versions}; ${rounds} rounds.`
}

function markdownOf({ name, rows, missing }) {
  const note = missing.length > 0 ? `\n\nLeft out: ${missing.join('; ')}.` : ''
  return `\n### ${name[0].toUpperCase()}${name.slice(1)}\n\n${markdown(rows)}${note}`
}
