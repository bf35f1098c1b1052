// Counts what this thread asks of the database, for --verbose.
import { countOf, cutText } from '../terminal/text.js'

export interface Statistics {
  statements: number
  /** Time until their answers, in milliseconds. */
  milliseconds: number
  slowest: { readonly sql: string; readonly milliseconds: number } | undefined
  connections: number
  /** Transactions that were run again after a conflict. */
  retries: number
}

export const statistics: Statistics = {
  statements: 0,
  milliseconds: 0,
  slowest: undefined,
  connections: 0,
  retries: 0,
}

export function countStatement(sql: string, milliseconds: number): void {
  statistics.statements += 1
  statistics.milliseconds += milliseconds
  if (milliseconds > (statistics.slowest?.milliseconds ?? 0)) statistics.slowest = { sql, milliseconds }
}

/** `Database: 34 statements in 0.21 s, …` */
export function describeStatistics({ statements, milliseconds, slowest, connections, retries }: Statistics): string {
  const seconds = (time: number) => `${(time / 1000).toFixed(2)} s`
  const counts = [
    `${countOf(statements, 'statement')} in ${seconds(milliseconds)}`,
    `${countOf(connections, 'connection')} opened`,
    `${countOf(retries, 'transaction')} retried`,
  ]
  const longest = slowest
    ? `\nSlowest, ${seconds(slowest.milliseconds)}: ${cutText(slowest.sql.replace(/\s+/g, ' '), 200)}`
    : ''
  return `Database: ${counts.join(', ')}.${longest}`
}
