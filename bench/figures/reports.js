// What people and scripts ask of a large database, in milliseconds above start-up: a command that opens no database.
import { orderctl } from '../program.js'
import { counted } from '../table.js'
import { onDrained } from './startup.js'

/** Each with its limit in milliseconds. */
const REPORTS = [
  [60, 'kpis', 'daily', '--date', '2025-01-01'],
  [60, 'leaderboard', 'customers'],
  [60, 'leaderboard', 'products'],
  [60, 'kpis', 'realtime'],
  [80, 'status'],
  [60, 'orders', 'list', '--limit', '20'],
  [60, 'failed', 'list', '--limit', '20'],
  [60, 'orders', 'show', 'ORD-1000100'],
  [100, 'kpis', 'range', '--from', '2025-01-01', '--to', '2025-12-31'],
  [500, 'doctor'],
  [6000, 'rebuild', '--check'],
]

/** Those whose time must not grow with the database. */
export const GROWTH_FREE = REPORTS.slice(0, 8).map(([, ...args]) => args)

export function reportFigures({ shops, large }) {
  return REPORTS.map(([target, ...args]) => ({
    name: `${args.join(' ')}, ${counted(large, 'orders')}`,
    compare: 'above',
    repeat: target > 100 ? 1 : 3,
    subject: onDrained(shops, large, ...args),
    peers: [{ name: 'version', target: target / 1000, run: (scene) => orderctl(scene, 'version') }],
  }))
}

/** The time of one report on a database, as a multiple of the same on a smaller one. */
export function growth(shops, { from, to, target }, args) {
  return {
    name: `${args.join(' ')}, ${counted(to, 'orders')}`,
    compare: 'time',
    subject: onDrained(shops, to, ...args),
    peers: [{ ...onDrained(shops, from, ...args), name: counted(from, 'orders'), target }],
  }
}
