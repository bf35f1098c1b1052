// How a file is read and what was read of it so far, as the run of its import keeps them for a resume and for reports.
import type { Content } from '../csv/content.js'
import type { Dialect } from '../csv/dialect.js'
import type { Cursor } from '../csv/table.js'
import type { Day } from '../domain/business-day.js'
import type { Currency } from '../domain/money.js'
import type { Carried } from './carried-order.js'
import type { OrderRow, Run } from './chunk-rows.js'
import type { ImportRun } from './import-record.js'
import type { Answers, Mapping } from './mapping/mapping.js'

/** How a file is laid out. */
export interface FileLayout extends Pick<Content, 'encoding' | 'compression'> {
  /** The column names, without those of an earlier rejects file. */
  readonly header: readonly string[]
  readonly mapping: Mapping
  readonly dialect: Dialect
  /** See Understood. A resumed run does not know it. */
  readonly unreadTimes?: string | undefined
}

/** What the reader knows of the lines before its position. */
export interface ReaderState {
  /** What the next line can inherit. */
  readonly order: Carried | undefined
  /** The run of lines that the next one may continue. */
  readonly run?: Run | undefined
  /** Number of skipped lines by reason. */
  readonly skipped: Readonly<Record<string, number>>
  /** Number of lines whose SKU is made from the name of the product. */
  readonly withoutSku: number
  /** Currencies and business days of the orders, duplicates included. */
  readonly currencies: readonly Currency[]
  readonly firstDay: Day | null
  readonly lastDay: Day | null
}

export const NOTHING_READ: ReaderState = {
  order: undefined,
  skipped: {},
  withoutSku: 0,
  currencies: [],
  firstDay: null,
  lastDay: null,
}

/** Adds the days and currencies of the orders. */
export function seen(state: ReaderState, orders: readonly Pick<OrderRow, 'business_day' | 'currency'>[]): ReaderState {
  let { firstDay, lastDay } = state
  const currencies = new Set(state.currencies)
  for (const { business_day: day, currency } of orders) {
    if (firstDay === null || day < firstDay) firstDay = day
    if (lastDay === null || day > lastDay) lastDay = day
    currencies.add(currency)
  }
  return { ...state, currencies: [...currencies], firstDay, lastDay }
}

/** What was read, and how. */
export type FileRead = Omit<FileLayout, 'header'> & Omit<ReaderState, 'order' | 'run'>

/** @returns the columns of the run */
export function keptOf({ header: _, ...layout }: FileLayout, state: ReaderState) {
  return { layout: JSON.stringify(layout), reader_state: JSON.stringify(state) }
}

/** Undefined for a run that has stored no chunk. */
export function fileRead({ layout, reader_state }: ImportRun): FileRead | undefined {
  if (layout === null || reader_state === null) return undefined
  const { order: _, run: __, ...state }: ReaderState = JSON.parse(reader_state)
  const kept: Omit<FileLayout, 'header'> = JSON.parse(layout)
  return { ...kept, ...state }
}

/** Where a run continues. */
export type ResumePoint = Cursor & { readonly state: ReaderState }

/** @returns where an interrupted run continues, and the mapping that it keeps; undefined for a run without a chunk */
export function resumePoint(run: ImportRun): { readonly answers: Answers; readonly from: ResumePoint } | undefined {
  const { byte_offset: offset, line_number: line, begun_sha256: sha256, layout, reader_state } = run
  if (offset === 0 || layout === null || reader_state === null) return undefined
  const { mapping, encoding }: FileLayout = JSON.parse(layout)
  return { answers: { ...mapping, encoding, mapping }, from: { offset, line, sha256, state: JSON.parse(reader_state) } }
}
