// Every command, with the connection to each server lost at each message: it ends, says why, and leaves the shop sound.
// ORDERCTL_TEST_ALL_CUTS=1 cuts at every message, which takes an hour; without it, a sample is cut.
import { availableParallelism } from 'node:os'
import { afterAll, describe, expect, test } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { EXIT } from '../../src/errors.js'
import { renderTable } from '../../src/terminal/table.js'
import type { CutPoint, Message } from '../support/proxy.js'
import { COMMANDS, type CutCommand } from './commands.js'
import { ROLES, type Role, Site } from './site.js'

const IS_FULL = process.env['ORDERCTL_TEST_ALL_CUTS'] === '1'

/** Only servers whose name holds this. */
const ONLY = process.env['ORDERCTL_TEST_CUTS_ON'] ?? ''

/** Shops at a time on each server. Most of a run's time goes by in waiting for the other side. */
const LANES = IS_FULL ? 2 * availableParallelism() : 2

type Run = Awaited<ReturnType<Site['runCut']>>

interface Cell {
  readonly server: string
  readonly command: string
  readonly messages: number
  readonly exits: Map<number | 'hung', number>
}

const cells: Cell[] = []

afterAll(() => {
  const codes = [EXIT.done, EXIT.failed, EXIT.partly, EXIT.unreachable]
  const rows = cells.map(({ server, command, messages, exits }) => {
    const other = [...exits].filter(([code]) => !codes.some((known) => known === code))
    const cuts = [...exits.values()].reduce((sum, count) => sum + count, 0)
    const counts = codes.map((code) => exits.get(code) ?? 0)
    return [server, command, messages, cuts, ...counts, other.map(([code, count]) => `${code}: ${count}`).join(', ')]
  })
  const headings = ['server', 'command', 'messages', 'cuts', ...codes.map((code) => `exit ${code}`), 'other']
  console.log(renderTable({ columns: headings.map((heading) => ({ heading })), rows }, 120))
})

describe.concurrent('a connection that is cut at any message', () => {
  for (const role of ROLES.filter(({ name }) => name.includes(ONLY))) {
    test(`to ${role.name} ends a command with a message, and the shop is sound`, { timeout: 7_200_000 }, () =>
      cutEverywhere(role),
    )
  }
})

async function cutEverywhere(role: Role): Promise<void> {
  const sites = await Promise.all(Array.from({ length: LANES }, () => Site.open(role)))
  const faults: string[] = []
  try {
    const jobs = await planJobs(role, sites)
    await Promise.all(
      sites.map(async (site) => {
        for (let job = jobs.shift(); job; job = jobs.shift()) faults.push(...(await cutOnce(site, job)))
      }),
    )
    for (const site of sites) await expectDrained(site)
  } finally {
    await Promise.allSettled(sites.map((site) => site.close()))
  }
  expect(faults).toEqual([])
}

interface Job {
  readonly command: CutCommand
  readonly cell: Cell
  readonly point: CutPoint
}

/** Runs each command once without a cut, to see which messages there are. */
async function planJobs(role: Role, [site]: readonly Site[]): Promise<Job[]> {
  if (!site) return []
  const measured: { command: CutCommand; messages: Run['messages'] }[] = []
  for (const command of COMMANDS) {
    if (command.databaseOnly && !role.goodbye) continue
    const { args } = await command.prepare(site)
    const run = await site.runCut(args)
    expect(faultIn(command, run), `${command.name}: ${run.stderr}`).toBe(undefined)
    if (run.messages.length > 0) measured.push({ command, messages: run.messages })
  }
  return measured.flatMap(({ command, messages }, index) => {
    const cell = { server: role.name, command: command.name, messages: messages.length, exits: new Map() }
    cells.push(cell)
    return choosePoints(role, messages, index).map((point) => ({ command, cell, point }))
  })
}

/** Cuts of a sample for each command: spread over its messages, and the last ones. */
const SPREAD = 6
const LAST = 2

/** Every way to lose the connection at every message; in a sample, others for each command. */
function choosePoints(role: Role, messages: readonly Message[], command: number): CutPoint[] {
  const told = distinctMessages(messages).flatMap((at) =>
    (['reset', 'end'] as const).flatMap((loss) => (['before', 'after'] as const).map((when) => ({ at, loss, when }))),
  )
  // Silence takes seconds. A database is expected to notice it only while a connection is opened and closed.
  const first = 1 + (command % Math.max(1, Math.min(role.openingMessages, messages.length) - 1))
  const later = role.goodbye ?? first + Math.floor(((messages.length - first) * (command % 5)) / 5)
  const silent = [first, later].map((at) => ({ at, loss: 'silence', when: 'after' }) as const)
  if (IS_FULL) return [...told, ...silent]
  const step = Math.max(1, Math.floor(told.length / SPREAD))
  const spread = told.filter((_, index) => index % step === (command * 7) % step)
  return [...new Set([...spread, ...told.slice(-LAST)]), ...silent]
}

/** Of several messages in a row from the same side, such as rows, the first two and the last. */
function distinctMessages(messages: readonly Message[]): number[] {
  const isSame = (one: Message, other: Message | undefined) =>
    other !== undefined && other.side === one.side && other.connection === one.connection
  return messages.flatMap((message, index) => {
    const isRepeated = [-2, -1, 1].every((offset) => isSame(message, messages[index + offset]))
    return isRepeated ? [] : [index + 1]
  })
}

/** @returns what was wrong */
async function cutOnce(site: Site, { command, cell, point }: Job): Promise<string[]> {
  const shop = `${cell.server}, ${command.name}, ${point.loss} ${point.when} message ${point.at}`
  try {
    await site.queue.resume()
    const { args, verify } = await command.prepare(site)
    const run = await site.runCut(args, point)
    const exit = run.hung ? 'hung' : (run.code ?? -1)
    cell.exits.set(exit, (cell.exits.get(exit) ?? 0) + 1)
    const fault = faultIn(command, run)
    if (fault) return [`${shop}: ${fault}\n${run.stdout.slice(-300)}${run.stderr.slice(0, 600)}`]
    await verify?.(run)
    const { checks } = await auditDatabase(site.shop.db, 'UTC')
    const broken = checks.filter((check) => !check.ok)
    return broken.length > 0 ? [`${shop}: ${broken.map(({ name }) => name).join(', ')} do not hold`] : []
  } catch (error) {
    return [`${shop}: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function faultIn({ mayFail }: CutCommand, { code, hung, stdout, stderr }: Run): string | undefined {
  if (hung) return 'it does not end'
  if (/not made for|bug of ours|unsettled|Unhandled|^ +at /m.test(stderr)) return `exit ${code}, as a bug`
  if (code === EXIT.done) return undefined
  if (stderr === '' && !mayFail?.test(stdout)) return `exit ${code} without a message`
  if (code === EXIT.partly || code === EXIT.unreachable) return undefined
  return code === EXIT.failed && mayFail?.test(stdout + stderr) ? undefined : `exit ${code}`
}

/** A worker finds what is left. */
async function expectDrained(site: Site): Promise<void> {
  await site.drain()
  await site.shop.expectAuditClean()
  expect(await site.shop.value('select count(*) from due_orders')).toBe(0)
}
