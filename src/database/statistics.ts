// Counts what this thread asks of the database, for --verbose.
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
