// docs/json.md against what every command prints with --json. `npx vitest run test/commands/json.test.ts --update` adds
// and removes fields in the file; the meaning of a new one is written there by hand.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { HOUR, type Shop, test } from '../support/shop.js'

const ROOT = resolve(import.meta.dirname, '../..')
const FILE = join(ROOT, 'docs/json.md')

/** `schedule` runs until it is stopped, and `complete` serves the shell. */
const WITHOUT_DOCUMENT = ['complete', 'schedule']

/** The types that were seen at each path, such as `orders[].order_id`. */
type Fields = Map<string, Set<string>>

/** Runs each command, so that every field has had a value and, if it can be null, was null. */
async function readFields(shop: Shop): Promise<Map<string, Fields>> {
  const commands = new Map<string, Fields>()
  /** @param command its words, with a flag if that changes the fields */
  const run = async (command: string, ...args: string[]) => {
    const fields = commands.get(command) ?? new Map()
    commands.set(command, fields)
    collect(fields, (await shop.json(...command.split(' '), ...args)).result)
  }

  await run('version')
  await run('migrate --status')
  await run('migrate')
  await run('migrate --status')
  for (const command of ['status', 'leaderboard customers', 'kpis realtime', 'config', 'schedule list'])
    await run(command)
  await run('doctor')
  const lines = ['1', '2', '3'].map((order) => line({ order, date: '2025-01-15' }))
  await run('import', shop.file('orders.csv', csv(...lines, line({ order: '4', quantity: 'two' }))))
  await run('import', shop.file('again.csv', csv(line({ order: '1', quantity: 2 }))), '--dry-run')
  const mistake = shop.file('mistake.csv', csv(line({ order: 'M-1' })))
  await shop.run('import', mistake, '--source', 'mistake')
  await run('import undo', '2', '--yes')
  await run('orders show', '1')
  await run('work', '--drain')
  await run('status --history')
  await shop.run('import', shop.file('declined.csv', csv(line({ order: 'D-1' }))))
  await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }, 'work', '--drain')

  const now = Date.now()
  shop.order('F-1', { status: 'failed', settledAt: now, message: 'sold out' })
  shop.order('F-2', { status: 'rolled_back', settledAt: now })
  shop.unknownOrder('F-3', now)
  shop.order('C-1', { status: 'completed', settledAt: now })
  shop.order('P-1', { status: 'pending', dueAt: now - HOUR })
  shop.import({ status: 'reading', leaseUntil: now + HOUR, file: '/data/other.csv', source: 'other' })
  shop.worker('w-1', now)
  shop.worker('w-2', now, null, {
    recent_batches: 4,
    recent_orders: 40,
    recent_ms: 800,
    ...{ runtime_p50_ms: 100, runtime_p95_ms: 200, runtime_p99_ms: 300 },
  })
  await run('status')
  for (const task of ['snapshots', 'kpis']) await run('schedule run', task)
  await run('schedule list')
  await run('status --history')
  await run('kpis daily', '--date', '2025-01-15')
  await run('kpis range', '--from', '2025-01-15', '--to', '2025-01-16')
  await run('kpis realtime')
  await run('leaderboard customers')
  await run('leaderboard products')
  await run('leaderboard rank', 'C-1')
  for (const id of ['D-1', 'F-1', 'F-3', 'C-1']) await run('orders show', id)
  await run('import undo', '1', '--dry-run')
  for (const list of ['import list', 'orders list', 'failed list', 'products list']) await run(list)
  await run('orders search', 'F')
  await run('failed retry', 'F-2')
  await run('failed clear', 'F-1', '--yes')
  await run('orders show', 'F-1')
  shop.sqlite.exec("update actions set reason = 'as agreed by phone' where subject = 'F-2'")
  await run('orders show', 'F-2')
  await run(
    'products import',
    shop.file('products.csv', 'sku,name,price,currency,stock\nS-1,Cup,1.00,USD,5\nS-2,Cup,?,USD,5\n'),
  )
  await run('products adjust', 'S-1', '+1', '--reason', 'found')
  shop.order('F-4', { status: 'failed', lines: [['S-1', 1, 100]] })
  await run('products adjust', 'S-1', '--set', '50', '--reason', 'found')
  await run('failed retry', 'F-4', '--stagger', '10m')
  await run('orders show', 'F-4')
  await run('audit log')
  for (const change of ['pause', 'resume']) await run(`queue ${change}`)
  await run('queue clear', '--yes')
  await run('rebuild')
  shop.sqlite.exec("update products set reserved = reserved + 1 where sku = 'S-1'")
  await run('rebuild', '--check')
  await run('doctor')
  shop.order('L-1', { status: 'pending', dueAt: now + HOUR })
  await run('work', '--drain')
  await run('autocomplete', 'bash')
  return commands
}

function collect(fields: Fields, value: unknown, path = ''): void {
  const isArray = Array.isArray(value)
  const type = isArray ? 'array' : value === null ? 'null' : typeof value
  if (path !== '') fields.set(path, (fields.get(path) ?? new Set()).add(type))
  if (isArray) for (const item of value) collect(fields, item, `${path}[]`)
  else if (value !== null && typeof value === 'object')
    for (const [key, part] of Object.entries(value)) collect(fields, part, path === '' ? key : `${path}.${key}`)
}

/** A table of the fields. Their meanings come from the file as it is. */
function tableOf(command: string, fields: Fields, meanings: ReadonlyMap<string, string>): string {
  const types = (path: string): string =>
    [...(fields.get(path) ?? ['?'])]
      .sort((a, b) => Number(a === 'null') - Number(b === 'null'))
      .map((type) => (type === 'array' ? `array of ${types(`${path}[]`)}` : type))
      .join(' or ')
  const rows = inOrder([...fields.keys()].filter((path) => !path.endsWith('[]'))).map(
    (path) => `| \`${path}\` | ${types(path)} | ${meanings.get(`${command} ${path}`) ?? ''} |`,
  )
  return ['| field | type | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

/** Each field before its parts. */
function inOrder(paths: readonly string[], parent = ''): string[] {
  const parts = paths.filter((path) => path.replace(/(\[\])?(^|\.)[^.]*$/, '') === parent)
  return parts.flatMap((part) => [part, ...inOrder(paths, part)])
}

function readMeanings(text: string): Map<string, string> {
  const meanings = new Map<string, string>()
  let command = ''
  for (const row of text.split('\n')) {
    command = /^## orderctl (.+)/.exec(row)?.[1] ?? command
    const [, path, meaning] = /^\| `([^`]+)` +\| [^|]* \| (.*?) *\|$/.exec(row) ?? []
    if (path !== undefined && meaning !== undefined) meanings.set(`${command} ${path}`, meaning)
  }
  return meanings
}

test('docs/json.md explains every field of every command', async ({ newShop: shop }) => {
  const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
  const text = readFileSync(FILE, 'utf8')
  const [introduction] = text.split('\n## orderctl ')
  const meanings = readMeanings(text)
  const all = await readFields(shop)
  const names = Object.keys(commands).map((id) => id.replaceAll(':', ' '))
  const shown = new Set([...all.keys()].map((name) => name.replace(/ --.*/, '')))
  expect([...shown].sort()).toEqual(names.filter((name) => !WITHOUT_DOCUMENT.includes(name)).sort())
  const sections = [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([command, fields]) => `## orderctl ${command}\n\n${tableOf(command, fields, meanings)}\n`)
  await expect([introduction, ...sections].join('\n')).toMatchFileSnapshot(FILE)
  expect(text).not.toMatch(/\| +\|$/m)
})
