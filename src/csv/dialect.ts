// The dialect of a CSV file, and rows read with it from the start of a file.
import { Splitter } from './splitter.js'

export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

export interface Dialect {
  readonly delimiter: Delimiter
  /** False: a quote is a character like any other. */
  readonly quotes: boolean
  /** `\n` also stands for `\r\n`. */
  readonly lineEnding: '\n' | '\r'
}

/** One record with its place. */
export interface Row {
  readonly cells: readonly string[]
  /** Its first physical line, from 1. */
  readonly line: number
  /** Byte offset and line number after it. */
  readonly end: number
  readonly nextLine: number
}

/** A position between two rows. */
export type RowPosition = Pick<Row, 'end' | 'nextLine'>

const START: RowPosition = { end: 0, nextLine: 1 }

/** Bounds the search for a closing quote, in bytes, so that text with many misplaced quotes is read in linear time. */
const LONGEST_ROW = 65_536

/** How often the text is searched for closing quotes, in vain, before rows end with their line. */
const MOST_SEARCHES = 8

/**
 * Reads up to `limit` rows from the start of a file, blank ones included. A malformed line is a row as well: its quotes
 * are characters like any other. If the text is cut within a row, so is the last row.
 */
export function readRows(
  text: Buffer,
  dialect: Dialect,
  { from = START, limit }: { readonly from?: RowPosition | undefined; readonly limit: number },
): Row[] {
  const bounds = { width: undefined, longest: LONGEST_ROW }
  const tolerant = new Splitter(dialect, bounds)
  const hasty = new Splitter(dialect, { ...bounds, lines: 1 })
  const plain = new Splitter({ ...dialect, quotes: false }, { ...bounds, longest: text.length })
  const rows: Row[] = []
  let { end, nextLine } = from
  let searched = 0
  while (end < text.length && rows.length < limit) {
    let splitter = searched < MOST_SEARCHES * text.length ? tolerant : hasty
    let cells = splitter.split(text, end, true)
    if (!Array.isArray(cells)) {
      searched += splitter.end - end
      splitter = plain
      cells = plain.split(text, end, true)
    }
    // A line with a lone carriage return is a single cell.
    if (!Array.isArray(cells)) cells = [text.toString('utf8', end, plain.end).trimEnd()]
    const line = nextLine
    end = splitter.end
    nextLine += splitter.lines
    rows.push({ cells, line, end, nextLine })
  }
  return rows
}

/** @param text the start of a file. Line endings in quotes count only if no others are found */
export function detectLineEnding(text: Buffer): '\n' | '\r' {
  if (!text.includes('\r')) return '\n'
  if (!text.includes('\n')) return '\r'
  const endings = text
    .toString('latin1')
    .replace(/"[^"]*"/g, '')
    .match(/\r\n|\n|\r/g)
  const lone = endings?.filter((ending) => ending === '\r').length ?? 0
  return lone * 2 > (endings?.length ?? 0) ? '\r' : '\n'
}

/** Recognises a first line such as `sep=;`, which Excel reads as the delimiter of the file. */
export function readSeparatorLine(
  text: Buffer,
): { readonly delimiter: Delimiter; readonly rest: RowPosition } | undefined {
  const [line = '', mark] = /^"?sep=(.)"?(?:\r\n|\n|\r|$)/i.exec(text.toString('latin1', 0, 16)) ?? []
  const delimiter = DELIMITERS.find((known) => known === mark)
  return delimiter && { delimiter, rest: { end: line.length, nextLine: 2 } }
}
