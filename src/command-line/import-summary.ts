// The result of importing several files. Each file is an import of its own.
import { basename } from 'node:path'
import { importCommand } from '../domain/shell.js'
import { EXIT, type ExitCode, UserError } from '../errors.js'
import type { ImportOutcome } from '../import/import-orders.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf } from '../terminal/text.js'
import { type ImportResult, paceText, placeText } from './import-view.js'
import { tableOf } from './list.js'

interface FileReport {
  readonly file: string
  readonly state: 'finished' | 'interrupted' | 'failed' | 'not started'
  readonly exit: ExitCode
  readonly result?: ImportResult
  /** Lines that this process has read. */
  readonly linesRead?: number
  readonly error?: UserError
}

export interface EachOptions {
  readonly importOne: (file: string, index: number) => Promise<{ outcome: ImportOutcome; result: ImportResult }>
  /** No further file is started once it is aborted. */
  readonly signal: AbortSignal
  /** Returns the error for users, if there is one. */
  readonly explain: (error: unknown) => unknown
}

/** Imports the files in order. A file that fails does not stop the others. */
export async function importEach(files: readonly string[], options: EachOptions): Promise<FileReport[]> {
  const { importOne, signal, explain } = options
  const reports: FileReport[] = []
  for (const [index, file] of files.entries()) {
    if (signal.aborted) {
      reports.push({ file, state: 'not started', exit: EXIT.interrupted })
      continue
    }
    try {
      const { outcome, result } = await importOne(file, index)
      const state = result.interrupted ? 'interrupted' : 'finished'
      const { linesRead } = outcome
      reports.push({ file, state, result, linesRead, exit: exitCodeOf(outcome, result) })
    } catch (cause) {
      const error = explain(cause)
      if (!(error instanceof UserError)) throw cause
      const state = error.exit === EXIT.interrupted ? 'not started' : 'failed'
      reports.push({ file, state, error, exit: error.exit })
    }
  }
  return reports
}

export function exitCodeOf(
  { unpublished }: ImportOutcome,
  { interrupted, rejected, conflicts }: ImportResult,
): ExitCode {
  if (interrupted) return EXIT.interrupted
  if (unpublished) return EXIT.unreachable
  return rejected + conflicts > 0 ? EXIT.partly : EXIT.done
}

/** From the mildest. */
const SEVERITY: readonly ExitCode[] = [
  EXIT.done,
  EXIT.partly,
  EXIT.failed,
  EXIT.usage,
  EXIT.unreachable,
  EXIT.interrupted,
]

export function worstExitCode(reports: readonly FileReport[]): ExitCode {
  return reports.reduce<ExitCode>(
    (worst, { exit }) => (SEVERITY.indexOf(exit) > SEVERITY.indexOf(worst) ? exit : worst),
    EXIT.done,
  )
}

const TOTALS = [
  ...(['rows', 'orders', 'imported', 'updated', 'duplicates', 'conflicts', 'rejected', 'skipped'] as const),
  ...(['products_created', 'published'] as const),
]

/** The document of --json. */
export function summaryResult(reports: readonly FileReport[]) {
  const imports = reports.map(({ file, state, result, error }) => {
    const problem = error && { code: error.code, message: error.message, fix: error.fix, retryable: error.retryable }
    return { ...(result ?? { file }), state, error: problem ?? null }
  })
  const sum = (name: (typeof TOTALS)[number]) => reports.reduce((total, { result }) => total + (result?.[name] ?? 0), 0)
  const totals = Object.fromEntries(TOTALS.map((name) => [name, sum(name)])) as Record<(typeof TOTALS)[number], number>
  return { imports, totals }
}

export function summaryTable(reports: readonly FileReport[]): Table {
  const counts = (of?: Partial<ImportResult>) => ({
    ...{ orders: of?.orders ?? null, duplicates: of?.duplicates ?? null },
    ...{ conflicts: of?.conflicts ?? null, rejected: of?.rejected ?? null, skipped: of?.skipped ?? null },
  })
  const rows = reports.map(({ file, state, result }) => ({ file: basename(file), ...counts(result), state }))
  const { totals } = summaryResult(reports)
  const total = { file: 'Total', ...counts(totals), state: '' }
  const skipped = totals.skipped > 0 ? (['skipped'] as const) : []
  return tableOf(
    [{ key: 'file', flexible: true }, 'orders', 'duplicates', 'conflicts', 'rejected', ...skipped, 'state'],
    [...rows, total],
  )
}

interface SummaryPlace {
  readonly place: string
  readonly source: string
  readonly seconds: number
  readonly dry_run: boolean
  /** As text for a shell. */
  readonly flags: readonly string[]
}

export function summaryText(
  reports: readonly FileReport[],
  { place, source, seconds, dry_run, flags }: SummaryPlace,
): string {
  const { totals } = summaryResult(reports)
  const failed = reports.filter(({ state }) => state === 'failed').length
  const left = reports.filter(({ state }) => state === 'interrupted' || state === 'not started')
  const orders = `${countOf(totals.orders, 'order')} from ${countOf(reports.length - failed - left.length, 'file')}`
  const pace = paceText(
    seconds,
    reports.reduce((sum, { linesRead = 0 }) => sum + linesRead, 0),
  )
  const done = `${dry_run ? 'Checked' : 'Done'}: ${orders} ${dry_run ? 'for' : 'into'} ${placeText(place, source)} ${pace}.`
  const ends = [
    failed > 0 ? ` ${countOf(failed, 'file')} failed.` : '',
    dry_run ? ' Nothing was written.' : '',
    left.length > 0 && !dry_run
      ? ` Interrupted. To continue: ${cleanText(
          importCommand(
            left.map(({ file }) => file),
            ...flags,
            '--resume',
          ),
        )}`
      : '',
    left.length === 0 && !dry_run && totals.published > 0 ? ' Next: orderctl work --drain' : '',
  ]
  return done + ends.join('')
}
