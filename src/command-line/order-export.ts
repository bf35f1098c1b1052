// The parts of `orders export`: where it starts, how rows are written, and the file that keeps its cursor.
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { amountsAsNumbers } from '../domain/money.js'
import { errorCode, UserError, usageError } from '../errors.js'
import { type Cursor, cursorAt, cursorText, type ExportedOrder, readCursor } from '../reports/export.js'
import type { Output } from '../terminal/screen.js'
import { renderCsv } from '../terminal/table.js'
import { escapeJson } from '../terminal/text.js'
import { type Column, tableOf } from './list.js'
import { readSince } from './selection-flags.js'

const COLUMNS: readonly Column<ExportedOrder>[] = [
  ...(['order_id', 'source', 'order_date', 'customer_id', 'status', 'reason', 'message', 'settled_at'] as const),
  ...(['attempts', 'total', 'captured', 'refunded', 'net', 'currency'] as const),
  ...(['payment_reference', 'cursor'] as const),
].map((key) => ({ key, heading: key }))

/** Returns where the export starts: the cursor in the file, else what the flag says, else before all orders. */
export function startOf(since: string | undefined, cursorFile: string | undefined, timeZone: string): Cursor {
  const kept = cursorFile === undefined ? undefined : readCursorFile(cursorFile)
  if (kept) return kept
  if (since === undefined) return cursorAt(0)
  return readCursor(since) ?? cursorAt(readSince(since, timeZone, Date.now(), 'settled-since'))
}

function readCursorFile(path: string): Cursor | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    const cursor = readCursor(text)
    if (cursor || text === '') return cursor
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw usageError({
      code: 'cursor_unreadable',
      message: `Cannot read the cursor in ${path} (${errorCode(error)}).`,
      fix: 'Correct the permissions, or name another file.',
    })
  }
  throw usageError({
    code: 'not_a_cursor',
    message: `${path} does not contain a cursor of an export.`,
    fix: 'Name another file. A file that does not exist is created.',
  })
}

/** Replaces the file, so that it has the old cursor or the new one, also after a power cut. @throws UserError */
export function writeCursorFile(path: string, cursor: Cursor): void {
  try {
    replaceFile(path, `${cursorText(cursor)}\n`)
  } catch (error) {
    throw new UserError(
      {
        code: 'cursor_unwritable',
        message: `Cannot write the cursor to ${path} (${errorCode(error)}). The exported rows are complete.`,
        fix: 'Check that its folder exists, is writable and has space. The next export repeats these orders.',
        retryable: true,
      },
      { cause: error },
    )
  }
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants
  // Not through a symbolic link, which another user may have put there.
  const descriptor = openSync(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, path)
}

/** Writes rows as CSV, or as JSON with one order in each line. Waits for a slow reader, so that memory stays flat. */
export class RowWriter {
  readonly #output: Output
  readonly #format: 'csv' | 'json'
  #hasHeader = false

  constructor(output: Output, format: 'csv' | 'json') {
    this.#output = output
    this.#format = format
  }

  async write(rows: readonly ExportedOrder[]): Promise<void> {
    if (this.#format === 'json') {
      const lines = rows.map((row) => `${escapeJson(JSON.stringify(row, amountsAsNumbers))}\n`)
      return send(this.#output, lines.join(''))
    }
    if (this.#hasHeader && rows.length === 0) return
    const header = !this.#hasHeader
    this.#hasHeader = true
    await send(this.#output, `${renderCsv(tableOf(COLUMNS, rows, { csv: true }), { header })}\n`)
  }
}

/** Resolves once the text, and all before it, was passed to the system; never if that fails, which ends the process. */
export function send(output: Output, text: string): Promise<void> {
  return new Promise((resolve) => {
    output.write(text, (error) => {
      if (!error) resolve()
    })
  })
}
