// Words that mean a line is not sold, by the reason for which it is skipped. A cell is compared with them in full.
import type { SkipRule } from './mapping.js'
import type { NamedColumns } from './name-columns.js'

type Words = Readonly<Record<string, string>>

/** Status of a line or an order. Part of an order may be refunded: that is still a sale. */
const STATUSES: Words = {
  cancelled: `cancelled, canceled, cancel, order cancelled, order canceled, cancelled by customer, cancelled by buyer, cancelled by seller,
    canceled by customer, canceled by buyer, canceled by seller, deleted, storniert, storno, abgebrochen, annulliert, annulé, annulée,
    annule, annulee, cancelado, cancelada, pedido cancelado, venta cancelada, cancelada por el comprador, cancelada por el vendedor,
    cancelado pelo comprador, cancelada pelo comprador, cancelado pelo vendedor, anulado, anulada, annullato, annullata, cancellato,
    geannuleerd, anulowane, anulowano`,
  voided: 'void, voided',
  refunded: `refunded, fully refunded, erstattet, rückerstattet, remboursé, remboursée, reembolsado, reembolsada, rimborsato, rimborsata,
    terugbetaald`,
  failed:
    'failed, payment failed, declined, payment declined, fehlgeschlagen, échoué, échouée, fallido, fallida, fallito, mislukt',
  return:
    'returned, retourniert, zurückgesendet, retourné, retournée, devuelto, devuelta, devolvido, devolvida, reso, geretourneerd',
}

/** Kind of a line. */
const KINDS: Words = {
  return: `refund, return, returns, credit note, credit memo, sales credit note, erstattung, rückerstattung, rückgabe, retoure, gutschrift,
    remboursement, retour, avoir, devolución, reembolso, nota de crédito, devolução, rimborso, reso, nota di credito, terugbetaling,
    creditnota`,
  shipping: `shipping, shipping cost, shipping costs, shippingcosts, shipping fee, shipping line, delivery, delivery fee, freight, versand,
    versandkosten, versandposition, porto, livraison, frais de port, frais de livraison, envío, gastos de envío, frete, portes,
    spedizione, spese di spedizione, verzending, verzendkosten`,
  discount: `discount, discounts, coupon, voucher, promotion, order discount, rabatt, gutschein, remise, réduction, bon de réduction,
    descuento, cupón, desconto, cupom, sconto, buono sconto, korting, kortingscode`,
  payment: 'payment, zahlung, paiement, pago, pagamento, betaling',
  fee: 'fee, fees, surcharge, payment fee, handling fee, gebühr, zuschlag, frais, cargo, recargo, taxa, commissione, toeslag',
  tax: 'tax, taxes, sales tax, vat, steuer, mwst, mehrwertsteuer, umsatzsteuer, taxe, tva, impuesto, iva, imposto, btw',
}

/** Charges that are named like a product, as shops write them in their own tables. */
const CHARGES = ['shipping', 'discount'] as const

const YES = ['true', 'yes', 'y', 'ja', 'oui', 'sí', 'si', 'sim', 'sì', 'wahr', 'vrai', 'x']

const listOf = (words: string) => words.split(',').map((word) => word.trim())

const valueRules = (column: string, words: Words): SkipRule[] =>
  Object.entries(words).map(([reason, list]) => ({ reason, column, is: listOf(list) }))

/** What the columns of a file without a preset can say of lines that are not sold. */
export function skipRules(named: NamedColumns): SkipRule[] {
  const namesOf = (meaning: keyof NamedColumns) => (named[meaning] ?? []).map(({ name }) => name)
  const charges = Object.fromEntries(CHARGES.map((reason) => [reason, KINDS[reason] ?? '']))
  return [
    ...namesOf('cancelled_at').map((column) => ({ reason: 'cancelled', column, cell: 'filled' as const })),
    ...namesOf('is_cancelled').map((column) => ({ reason: 'cancelled', column, is: YES })),
    ...namesOf('is_refunded').map((column) => ({ reason: 'refunded', column, is: YES })),
    ...namesOf('status').flatMap((column) => valueRules(column, STATUSES)),
    ...namesOf('kind').flatMap((column) => valueRules(column, KINDS)),
    ...namesOf('product_name').flatMap((column) => valueRules(column, charges)),
  ]
}
