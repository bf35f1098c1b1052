// Loses the connection of every command to each server, at each message: the command ends, says why, and leaves the
// shop sound. ORDERCTL_TEST_ALL_CUTS=1 cuts at every message, which takes an hour. By default, a sample is cut.
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { EXIT } from '../../src/errors.js'
import type { CutPoint, Message } from '../support/proxy.js'
import { COMMANDS, type CutCommand } from './commands.js'
import { ROLES, type Role, Site } from './site.js'

const IS_FULL = process.env['ORDERCTL_TEST_ALL_CUTS'] === '1'

/** Limits the test to servers with this in their name. */
const ONLY = process.env['ORDERCTL_TEST_CUTS_ON'] ?? ''

/** Shops at a time on each server. Most of a run is waiting. */
const LANES = IS_FULL ? 2 * availableParallelism() : 2

type Run = Awaited<ReturnType<Site['runCut']>>

test.concurrent.for(ROLES.filter(({ name }) => name.includes(ONLY)))(
  'a command whose connection to $name is cut at any message ends with a message, and the shop is sound',
  { timeout: 7_200_000 },
  cutEverywhere,
)

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
    for (const site of sites) {
      await site.drain()
      await site.shop.expectAuditClean()
      expect(await site.shop.value('select count(*) from due_orders')).toBe(0)
    }
  } finally {
    await Promise.allSettled(sites.map((site) => site.close()))
  }
  expect(faults).toEqual([])
}

interface Job {
  readonly command: CutCommand
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
  return measured.flatMap(({ command, messages }, index) =>
    choosePoints(role, messages, index).map((point) => ({ command, point })),
  )
}

/** Cuts of a sample for each command: spread over its messages, and the last ones. */
const SPREAD = 3
const LAST = 2

/** Every loss at every message; in a sample, different ones for each command. */
function choosePoints(role: Role, messages: readonly Message[], command: number): CutPoint[] {
  const told = distinctMessages(messages).flatMap((at) =>
    (['reset', 'end'] as const).flatMap((loss) => (['before', 'after'] as const).map((when) => ({ at, loss, when }))),
  )
  // Silence takes seconds. On a database, it is noticed only while a connection is opened or closed.
  const first = 1 + (command % Math.max(1, Math.min(role.openingMessages, messages.length) - 1))
  const later = role.goodbye ?? first + Math.floor(((messages.length - first) * (command % 5)) / 5)
  const silent = [first, later].map((at) => ({ at, loss: 'silence', when: 'after' }) as const)
  if (IS_FULL) return [...told, ...silent]
  const step = Math.max(1, Math.floor(told.length / SPREAD))
  const spread = told.filter((_, index) => index % step === (command * 7) % step)
  return [...new Set([...spread, ...told.slice(-LAST)]), ...silent]
}

/** The first two and the last of consecutive messages from the same side, such as rows. */
function distinctMessages(messages: readonly Message[]): number[] {
  const isSame = (one: Message, other: Message | undefined) =>
    other !== undefined && other.side === one.side && other.connection === one.connection
  return messages.flatMap((message, index) => {
    const isRepeated = [-2, -1, 1].every((offset) => isSame(message, messages[index + offset]))
    return isRepeated ? [] : [index + 1]
  })
}

/** @returns what was wrong */
async function cutOnce(site: Site, { command, point }: Job): Promise<string[]> {
  const where = `${command.name}, ${point.loss} ${point.when} message ${point.at}`
  try {
    await site.shop.endLeases()
    await site.run('queue', 'resume')
    const { args, verify } = await command.prepare(site)
    const run = await site.runCut(args, point)
    const fault = faultIn(command, run)
    if (fault) return [`${where}: ${fault}\n${run.stdout.slice(-300)}${run.stderr.slice(0, 600)}`]
    await verify?.(run)
    const broken = (await auditDatabase(site.shop.db, 'UTC')).checks.filter(({ ok }) => !ok)
    return broken.map(({ name }) => `${where}: ${name} does not hold`)
  } catch (error) {
    return [`${where}: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function faultIn({ mayFail }: CutCommand, { code, hung, stdout, stderr }: Run): string | undefined {
  if (hung) return 'it does not end'
  if (/not made for|[Uu]nexpected error|bug of ours|unsettled|Unhandled|^ +at /m.test(stderr)) return 'a bug'
  if (code === EXIT.done) return undefined
  if (stderr === '' && !mayFail?.test(stdout)) return `exit ${code} without a message`
  if (code === EXIT.partly || code === EXIT.unreachable) return undefined
  return code === EXIT.failed && mayFail?.test(stdout + stderr) ? undefined : `exit ${code}`
}
