// Settles the decimal mark, the date order and the currency of an order file by the values in it. What they do not
// settle becomes a question.
import { DateEvidence, type DateOrder } from '../../csv/dates.js'
import type { Row } from '../../csv/dialect.js'
import type { Sample, Verdict } from '../../csv/evidence.js'
import { DecimalEvidence, type DecimalMark } from '../../csv/numbers.js'
import { damagedReason, isDamagedId } from '../../csv/values.js'
import { usageError } from '../../errors.js'
import { LineReader } from '../line-reader.js'
import { CurrencyEvidence } from './currency-evidence.js'
import type { Answers, Mapping } from './mapping.js'
import { findName } from './names.js'
import type { Question } from './understood.js'

/** One number column and what its values say. */
interface NumberColumn {
  readonly name: string
  readonly index: number
  readonly evidence: DecimalEvidence
  /** Whether it has only values such as `2.0`, whole numbers with either mark. They count if nothing else does. */
  readonly isWhole: boolean
}

const ZERO_DECIMALS = /^-?\d+[.,]00?$/

export interface Settled {
  readonly decimal: DecimalMark | undefined
  readonly dateOrder: DateOrder | undefined
  readonly currency: string | undefined
  readonly questions: readonly Question[]
  /** What settled something, by the name of the column, as in `decimal comma: line 4 has 8,9`. */
  readonly why: ReadonlyMap<string, string>
}

export class Settler {
  readonly #mapping: Mapping
  readonly #answers: Answers
  readonly #file: string
  readonly #reader: LineReader
  readonly #numbers: readonly NumberColumn[]
  readonly #quantities: readonly number[]
  readonly #dates: readonly number[]
  readonly #dateEvidence = new DateEvidence()
  readonly #orderIds: readonly number[]
  readonly #currency: CurrencyEvidence

  /** @param mapping with the names of columns as they are in the header */
  constructor(header: readonly string[], mapping: Mapping, answers: Answers, file: string) {
    this.#mapping = mapping
    this.#answers = answers
    this.#file = file
    this.#reader = new LineReader(header, mapping, { latest: undefined })
    const names = this.#reader.header
    const { quantity = [], unit_price = [], line_total = [], order_date = [], order_id = [] } = mapping.columns
    const indexOf = (name: string) => findName(names, name)
    const numberColumn = (isWhole: boolean) => (name: string) => {
      return { name, index: indexOf(name), evidence: new DecimalEvidence(), isWhole }
    }
    this.#numbers = [
      ...[...unit_price, ...line_total, ...quantity].map(numberColumn(false)),
      ...quantity.map(numberColumn(true)),
    ]
    this.#quantities = quantity.map(indexOf)
    this.#dates = order_date.map(indexOf)
    this.#orderIds = order_id.map(indexOf)
    this.#currency = new CurrencyEvidence(names, mapping)
  }

  /** @throws UserError if a spreadsheet has damaged the order ids */
  add(rows: readonly Row[]): void {
    for (const { cells, line } of rows) {
      for (const record of this.#reader.salesOf([...cells])) this.#addRecord(record, line)
    }
  }

  #addRecord(cells: readonly string[], line: number): void {
    const orderId = this.#orderIds.map((index) => (cells[index] ?? '').trim()).find((id) => id !== '')
    // Such a line is blank, a total or a footer, or it will be rejected.
    if (orderId === undefined) return
    if (isDamagedId(orderId)) throw this.#damaged(orderId, line)
    for (const { index, evidence, isWhole } of this.#numbers) {
      const text = (cells[index] ?? '').trim()
      const hasZeros = this.#quantities.includes(index) && ZERO_DECIMALS.test(text)
      if (hasZeros === isWhole) evidence.add(text, line)
    }
    const [date = -1, ...times] = this.#dates
    const text = (cells[date] ?? '').trim()
    // A total below the table has no date.
    if (text === '') return
    this.#dateEvidence.add(times.reduce((text, index) => `${text} ${(cells[index] ?? '').trim()}`, text).trim(), line)
    this.#currency.add(cells, line)
  }

  #damaged(orderId: string, line: number) {
    return usageError({
      code: 'damaged_ids',
      message: `${this.#file} has damaged order ids: ${this.#mapping.columns.order_id?.join(', ')} in line ${line} ${damagedReason(orderId)}.`,
      fix: 'Export the file again from the shop, and import it without opening and saving it in a spreadsheet.',
    })
  }

  /** Whether more lines may answer a question. */
  get isOpen(): boolean {
    const { decimal, dateOrder } = { ...this.#mapping, ...given(this.#answers) }
    const kinds = this.#numbers.map(({ evidence }) => evidence.verdict().kind)
    const isMarkOpen = kinds.includes('open') && !kinds.includes('settled') && !kinds.includes('contradiction')
    const isOrderOpen = this.#dateEvidence.verdict().kind === 'open'
    return (decimal === undefined && isMarkOpen) || (dateOrder === undefined && isOrderOpen)
  }

  result(): Settled {
    const known = { ...this.#mapping, ...given(this.#answers) }
    const why = new Map<string, string>()
    const questions: Question[] = []
    const decimal = known.decimal ?? settleDecimal(this.#numbers, questions, why)
    const [dateColumn = ''] = this.#mapping.columns.order_date ?? []
    const dateOrder = known.dateOrder ?? settleDates(dateColumn, this.#dateEvidence.verdict(), questions, why)
    if (known.currency === undefined) questions.push(...this.#currency.questions())
    return { decimal, dateOrder, currency: known.currency, questions, why }
  }
}

/** Only the answers that were given: undefined would hide what the mapping says. */
function given({ decimal, dateOrder, currency }: Answers): Pick<Answers, 'decimal' | 'dateOrder' | 'currency'> {
  return { ...(decimal && { decimal }), ...(dateOrder && { dateOrder }), ...(currency && { currency }) }
}

const has = ({ text, line }: Sample) => `line ${line} has ${text}`

type SettledBy<Reading> = Extract<Verdict<Reading>, { kind: 'settled' }>

/** All number columns of a file have one mark. */
function settleDecimal(
  columns: readonly NumberColumn[],
  questions: Question[],
  why: Map<string, string>,
): DecimalMark | undefined {
  const answers = ['--decimal comma', '--decimal point']
  const hasOther = columns.some(({ evidence, isWhole }) => !isWhole && evidence.verdict().kind === 'settled')
  const verdicts = columns
    .filter(({ isWhole }) => !(isWhole && hasOther))
    .map(({ name, evidence }) => ({ name, verdict: evidence.verdict() }))
  const settled: { name: string; verdict: SettledBy<DecimalMark> }[] = []
  for (const { name, verdict } of verdicts) {
    if (verdict.kind === 'settled') {
      settled.push({ name, verdict })
      why.set(name, `decimal ${verdict.reading}: ${has(verdict.by)}`)
    } else if (verdict.kind === 'contradiction') {
      const text = `${name} has numbers with decimal points and with decimal commas: ${has(verdict.one)}, and ${has(verdict.other)}.`
      questions.push({ flag: '--decimal', column: name, text, answers })
      return undefined
    }
  }
  const [first] = settled
  const other = settled.find(({ verdict }) => verdict.reading !== first?.verdict.reading)
  if (first && other) {
    const text = `${first.name} has a decimal ${first.verdict.reading} (${has(first.verdict.by)}), and ${other.name} a decimal ${other.verdict.reading} (${has(other.verdict.by)}).`
    questions.push({ flag: '--decimal', column: first.name, text, answers })
    return undefined
  }
  if (first) return first.verdict.reading
  for (const { name, verdict } of verdicts) {
    if (verdict.kind !== 'open') continue
    const text = `${name} can have decimal points or decimal commas: ${has(verdict.example)}.`
    questions.push({ flag: '--decimal', column: name, text, answers })
    break
  }
  return undefined
}

const ORDERS: Readonly<Record<DateOrder, string>> = { ymd: 'year first', dmy: 'day first', mdy: 'month first' }

function settleDates(
  name: string,
  verdict: Verdict<DateOrder>,
  questions: Question[],
  why: Map<string, string>,
): DateOrder | undefined {
  const flag = '--date-format'
  if (verdict.kind === 'settled') {
    why.set(name, `${ORDERS[verdict.reading]}: ${has(verdict.by)}`)
    return verdict.reading
  }
  if (verdict.kind === 'open') {
    const readings = verdict.readings.map((reading) => ORDERS[reading]).join(' or ')
    const text = `${name} can be ${readings}: ${has(verdict.example)}.`
    questions.push({ flag, column: name, text, answers: verdict.readings.map((reading) => `${flag} ${reading}`) })
  } else if (verdict.kind === 'contradiction') {
    const text = `No order of day, month and year fits all dates of ${name}: ${has(verdict.one)}, and ${has(verdict.other)}.`
    questions.push({ flag, column: name, text, answers: [`${flag} dmy`, `${flag} mdy`] })
  }
  return undefined
}
