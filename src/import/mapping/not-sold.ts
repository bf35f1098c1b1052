// Words that mean a line is not sold, by the reason for which it is skipped. A cell is compared with them in full.
import type { SkipRule } from './mapping.js'
import type { NamedColumn, NamedColumns } from './name-columns.js'

type Words = Readonly<Record<string, string>>

/**
 * Status of a line or an order. Other words (refunded, failed, returned) mean different things in different shops: a
 * preset or a mapping says which of them is no sale.
 */
const STATUSES: Words = {
  cancelled: `cancelled, canceled, cancel, order cancelled, order canceled, cancelled by customer, cancelled by buyer, cancelled by seller,
    canceled by customer, canceled by buyer, canceled by seller, deleted, storniert, storno, abgebrochen, annulliert, annulé, annulée,
    annule, annulee, cancelado, cancelada, pedido cancelado, venta cancelada, cancelada por el comprador, cancelada por el vendedor,
    cancelado pelo comprador, cancelada pelo comprador, cancelado pelo vendedor, anulado, anulada, annullato, annullata, cancellato,
    geannuleerd, anulowane, anulowano`,
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

const YES = ['true', 'yes', 'y', 'ja', 'oui', 'sí', 'si', 'sim', 'sì', 'wahr', 'vrai', 'x']

const listOf = (words: string) => words.split(',').map((word) => word.trim())

const valueRules = (column: string, words: Words): SkipRule[] =>
  Object.entries(words).map(([reason, list]) => ({ reason, column, is: listOf(list) }))

/**
 * What the columns of a file without a preset can say of lines that are not sold.
 *
 * @param differs whether a column has different values on the lines of an order
 */
export function skipRules(named: NamedColumns, differs: (column: NamedColumn) => boolean): SkipRule[] {
  const namesOf = (meaning: keyof NamedColumns) => (named[meaning] ?? []).map(({ name }) => name)
  return [
    ...namesOf('cancelled_at').map((column) => ({ reason: 'cancelled', column, cell: 'filled' as const })),
    ...namesOf('is_cancelled').map((column) => ({ reason: 'cancelled', column, is: YES })),
    ...namesOf('status').flatMap((column) => valueRules(column, STATUSES)),
    ...namesOf('kind').flatMap((column) => valueRules(column, RETURNS)),
    ...(named.kind ?? []).filter(differs).flatMap(({ name }) => valueRules(name, LINE_KINDS)),
    ...namesOf('product_name').flatMap((column) => valueRules(column, CHARGES)),
  ]
}
