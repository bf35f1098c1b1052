// What orderctl reports of a shop, for the checker to compare.
import type { Reports } from './checker/sales.js'

/** @param run runs a command with --json, and returns its document */
export async function readReports(run: (...args: string[]) => Promise<unknown>): Promise<Reports> {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const kpis = await run('kpis', 'range', '--from', '2025-01-01', '--to', tomorrow)
  const customers = new Map<string, unknown>()
  const products = new Map<string, unknown>()
  for (const currency of ['USD', 'JPY', 'KWD']) {
    const flags = ['--currency', currency, '--limit', 'all']
    customers.set(currency, await run('leaderboard', 'customers', ...flags))
    products.set(currency, await run('leaderboard', 'products', ...flags))
  }
  return { kpis, customers, products }
}
