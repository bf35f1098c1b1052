// Files in the layouts of real systems (test/formats), with what another program has found in them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Totals {
  readonly rows: number
  readonly orders: number
  readonly lines: number
  readonly units: number
  readonly sums_rounded_per_line: Readonly<Record<string, string>>
  readonly customers: number
  readonly products: number
  readonly first: string | null
  readonly last: string | null
  readonly orders_by_day: Readonly<Record<string, number>>
  readonly skipped: { readonly count: number; readonly reasons: Readonly<Record<string, number>> }
  readonly rejected: { readonly count: number }
}

interface Entry extends Totals {
  readonly file: string
  readonly expect: 'import' | 'refuse'
  readonly hints: readonly string[]
  readonly must_ask: readonly string[]
  readonly refusal?: { readonly mentions: readonly string[] }
  readonly answers?: readonly (Totals & { readonly flags: readonly string[] })[]
}

export const FOLDER = join(import.meta.dirname, '../formats')
export const ENTRIES: readonly Entry[] = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8'))
/** The flag that answers each question of the manifest. */
export const FLAGS: Readonly<Record<string, string>> = {
  currency: '--currency',
  'date order': '--date-format',
  'decimal mark': '--decimal',
}
