// Words that mean a line is not sold, by the reason for which it is skipped. A cell is compared with them in full.
import type { Row } from '../../csv/dialect.js'
import { skipTests } from '../skip-rules.js'
import type { SkipRule } from './mapping.js'
import type { NamedColumn, NamedColumns } from './name-columns.js'
import { normalName } from './names.js'
import type { Question } from './understood.js'

type Words = Readonly<Record<string, string>>

/** Status of a line or an order. */
const STATUSES: Words = {
  cancelled: `cancelled, canceled, cancel, order cancelled, order canceled, cancelled by customer, cancelled by buyer, cancelled by seller,
    canceled by customer, canceled by buyer, canceled by seller, deleted, storniert, storno, abgebrochen, annulliert, annulé, annulée,
    annule, annulee, cancelado, cancelada, pedido cancelado, venta cancelada, cancelada por el comprador, cancelada por el vendedor,
    cancelado pelo comprador, cancelada pelo comprador, cancelado pelo vendedor, anulado, anulada, annullato, annullata, cancellato,
    geannuleerd, anulowane, anulowano`,
}

/**
 * Status of an order that may still have to be charged: one shop charges failed payments again, another has given up
 * these orders. A file with such words is imported only by a mapping that says what becomes of them.
 */
const UNCLEAR_STATUSES: Words = {
  refunded: `refunded, fully refunded, order refunded, payment refunded, wc-refunded, chargeback, charged back, erstattet, rückerstattet,
    remboursé, remboursée, reembolsado, reembolsada, rimborsato, rimborsata, terugbetaald`,
  voided: 'void, voided, payment voided, reversed, annulled',
  failed: `failed, order failed, payment failed, wc-failed, declined, payment declined, rejected, expired, fehlgeschlagen, abgelehnt,
    échoué, échouée, refusé, refusée, fallido, fallida, rechazado, rechazada, falhou, recusado, recusada, fallito, rifiutato, mislukt,
    geweigerd`,
  unpaid:
    'unpaid, not paid, unbezahlt, nicht bezahlt, impayé, impayée, non payé, impagado, no pagado, não pago, non pagato, onbetaald',
}

/** Kind of a line or of an order. */
const RETURNS: Words = {
  return: `refund, return, returns, credit note, credit memo, sales credit note, erstattung, rückerstattung, rückgabe, retoure, gutschrift,
    remboursement, retour, avoir, devolución, reembolso, nota de crédito, devolução, rimborso, reso, nota di credito, terugbetaling,
    creditnota`,
}

const CHARGES: Words = {
  shipping: `shipping, shipping cost, shipping costs, shippingcosts, shipping fee, shipping line, delivery fee, delivery charge, versand,
    versandkosten, versandposition, frais de port, frais de livraison, gastos de envío, frete, spese di spedizione, verzendkosten`,
  discount: 'discount, discounts, order discount, rabatt, remise, réduction, descuento, desconto, sconto, korting',
}

/** Kind of a line, as opposed to that of an order: `Delivery` can also say how an order left the shop. */
const LINE_KINDS: Words = {
  shipping: `${CHARGES['shipping']}, delivery, freight, porto, livraison, envío, portes, spedizione, verzending`,
  discount: `${CHARGES['discount']}, coupon, promotion`,
  fee: 'fee, fees, surcharge, payment fee, handling fee, gebühr, zuschlag, frais, cargo, recargo, taxa, commissione, toeslag',
  tax: 'tax, taxes, sales tax, vat, steuer, mwst, mehrwertsteuer, umsatzsteuer, taxe, tva, impuesto, iva, imposto, btw',
}

/** Why a line is rejected of which units came back: nothing says whether its quantity still counts them. */
export const RETURNED_UNITS = 'returned units'

const YES = ['true', 'yes', 'y', 'ja', 'oui', 'sí', 'si', 'sim', 'sì', 'wahr', 'vrai', 'x']

const listOf = (words: string) => words.split(',').map((word) => word.trim())

const valueRules = (column: string, words: Words): SkipRule[] =>
  Object.entries(words).map(([reason, list]) => ({ reason, column, is: listOf(list) }))

/** The rules of a mapping for lines that are not sold, or of which nothing says whether they are. */
export interface Unsold {
  readonly skip: readonly SkipRule[]
  readonly reject: readonly SkipRule[]
}

/**
 * What the columns of a file without a preset can say of lines that are not sold.
 *
 * @param valuesOf the values of a column on the first lines of each order
 */
export function unsoldRules(
  named: NamedColumns,
  valuesOf: (column: NamedColumn) => readonly (readonly string[])[],
): Unsold {
  const namesOf = (meaning: keyof NamedColumns) => (named[meaning] ?? []).map(({ name }) => name)
  const kinds = (named.kind ?? []).map((column) => ({ name: column.name, values: valuesOf(column) }))
  const differing = kinds.filter(({ values }) => values.some((ofOrder) => new Set(ofOrder).size > 1))
  const others = kinds.filter((kind) => !differing.includes(kind))
  const isNet = normalName(namesOf('quantity')[0] ?? '') === 'netquantity'
  const returned = isNet ? [] : namesOf('returned_units')
  const skip = [
    ...namesOf('cancelled_at').map((column) => ({ reason: 'cancelled', column, cell: 'filled' as const })),
    ...namesOf('is_cancelled').map((column) => ({ reason: 'cancelled', column, is: YES })),
    ...namesOf('status').flatMap((column) => valueRules(column, STATUSES)),
    ...namesOf('kind').flatMap((column) => valueRules(column, RETURNS)),
    ...differing.flatMap(({ name }) => valueRules(name, LINE_KINDS)),
    ...namesOf('product_name').flatMap((column) => valueRules(column, CHARGES)),
  ]
  const reject = [
    ...namesOf('status').flatMap((column) => valueRules(column, UNCLEAR_STATUSES)),
    ...others.flatMap(({ name, values }) => unseen(valueRules(name, LINE_KINDS), values)),
    ...returned.map((column) => ({ reason: RETURNED_UNITS, column, cell: 'filled' as const })),
  ]
  return { skip, reject }
}

/** Leaves out the words that first lines have: their whole orders are of that kind. */
function unseen(rules: readonly SkipRule[], values: readonly (readonly string[])[]): SkipRule[] {
  const seen = new Set(values.flat().map((value) => value.toLowerCase()))
  return rules.flatMap((rule) => {
    const is = 'is' in rule ? rule.is.filter((word) => !seen.has(word)) : []
    return is.length > 0 ? [{ ...rule, is }] : []
  })
}

/** Leaves out orders of which the status is unclear, as a mapping suggests that a person edits. */
export function skippingUnclear({ skip, reject }: Unsold): Unsold {
  const isUnclear = ({ reason }: SkipRule) => reason in UNCLEAR_STATUSES
  return { skip: [...skip, ...reject.filter(isUnclear)], reject: reject.filter((rule) => !isUnclear(rule)) }
}

/** Collects the statuses that a person has to decide on. */
export class UnclearStatuses {
  readonly #header: readonly string[]
  readonly #tests: ReturnType<typeof skipTests>
  /** The first line with each reason. */
  readonly #found = new Map<string, Row>()

  constructor(header: readonly string[], rules: readonly SkipRule[] = []) {
    this.#header = header
    this.#tests = skipTests(header, rules)
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      let reason: string | undefined
      for (const test of this.#tests) reason ??= test(row.cells)
      if (reason !== undefined && reason in UNCLEAR_STATUSES && !this.#found.has(reason)) this.#found.set(reason, row)
    }
  }

  questions(): Question[] {
    const found = [...this.#found].map(([reason, { cells, line }]) => {
      const column = cells.findIndex((cell) => isWord(reason, cell))
      return { name: this.#header[column]?.trim() ?? '', text: `line ${line} has ${cells[column]?.trim()}` }
    })
    const [first] = found
    if (!first) return []
    const names = [...new Set(found.map(({ name }) => name))].join(', ')
    const words = found.map((one) => one.text).join(', ')
    const how =
      'Run `orderctl import inspect FILE --save-map map.json`: its skip rules leave these orders out. Remove the words of orders to charge, and import with --map map.json.'
    const text = `${names} does not say whether to charge the order: ${words}. ${how}`
    return [{ flag: '--map', column: first.name, text, answers: ['--map FILE'] }]
  }
}

function isWord(reason: string, cell: string): boolean {
  return listOf(UNCLEAR_STATUSES[reason] ?? '').includes(cell.trim().toLowerCase())
}
