// The commands whose connections are cut: what prepares each, and what its exit code promises.

import { expect } from 'vitest'
import type { Outcome } from '../support/cli.js'
import { ORDERS, type Site } from './site.js'

export interface CutCommand {
  readonly name: string
  readonly databaseOnly?: boolean
  /** Its output when it exits with 1. Without this, exit 1 is a fault. */
  readonly mayFail?: RegExp
  /** Gives the command something to do. */
  prepare(site: Site): Promise<PreparedCommand>
}

interface PreparedCommand {
  readonly args: readonly string[]
  /** What the exit code promises. */
  verify?(outcome: Outcome): Promise<void>
}

export const COMMANDS: readonly CutCommand[] = [
  plain('status'),
  plain('kpis', 'daily', '--date', '2025-01-15'),
  plain('leaderboard', 'customers'),
  plain('rebuild', '--check'),
  // Reports an unreachable server, and then exits with 1.
  { ...plain('doctor'), mayFail: /Fix: / },
  plain('schedule', 'run', 'kpis'),
  plain('queue', 'pause'),
  plain('queue', 'resume'),
  { name: 'products adjust', mayFail: /may or may not have been applied/, prepare: adjusting },
  { name: 'queue clear', prepare: (site) => withQueued(site, 'queue', 'clear', '--yes') },
  {
    name: 'failed retry',
    prepare: async (site) => {
      await site.drain()
      return { args: ['failed', 'retry', ...ORDERS, '--yes'] }
    },
  },
  { name: 'orders cancel', prepare: (site) => withQueued(site, 'orders', 'cancel', ...ORDERS) },
  { name: 'import', prepare: (site) => importing(site, site.newFile()) },
  {
    name: 'import --resume',
    databaseOnly: true,
    prepare: async (site) => importing(site, await site.unfinishedImport(), '--resume'),
  },
  { name: 'work --drain', prepare: (site) => withQueued(site, 'work', '--drain') },
]

function plain(...args: string[]): CutCommand {
  return { name: args.slice(0, 2).join(' '), prepare: async () => ({ args }) }
}

async function withQueued(site: Site, ...args: string[]): Promise<PreparedCommand> {
  await site.drain()
  expect(await site.run('failed', 'retry', ...ORDERS, '--yes')).toMatchObject({ code: 0 })
  return { args }
}

/** Exit 0: the change is booked. Exit 4: it is not, so the command can be retried. */
async function adjusting(site: Site): Promise<PreparedCommand> {
  const inStock = () => site.shop.value("select on_hand from products where sku = 'S-1'")
  const before = Number(await inStock())
  return {
    args: ['products', 'adjust', 'S-1', '1', '--reason', 'stocktake'],
    verify: async ({ code }) => {
      if (code !== 1) expect(Number(await inStock()), `stock after exit ${code}`).toBe(before + (code === 0 ? 1 : 0))
    },
  }
}

/** After a failure, --resume stores every order of the file, once. */
async function importing(site: Site, file: string, ...flags: string[]): Promise<PreparedCommand> {
  return {
    args: ['import', file, ...flags],
    verify: async ({ code }) => {
      await site.shop.endLeases()
      if (code !== 0) expect(await site.run('import', file, '--resume')).toMatchObject({ code: 0 })
      expect(await site.countOrders(file)).toBe(2)
    },
  }
}
