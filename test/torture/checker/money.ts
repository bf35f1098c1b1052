// Compares the provider's ledger with the orders, payments and refunds.
import type { LedgerEntry } from '../../support/provider.js'
import { figure, type Row, text } from '../tables.js'
import { differences, grouped, nameOf, type ShopState, type StoredOrder, sums } from './shop-state.js'

export function* checkMoney(state: ShopState, ledger: readonly LedgerEntry[]): Generator<string> {
  for (const [key, entries] of grouped(ledger, ({ type, key }) => `${type} ${key}`))
    if (entries.length > 1) yield `the provider has ${entries.length} entries for ${key}`
  yield* checkCharges(state, ledger)
  yield* checkRefunds(state, ledger)
}

function* checkCharges(state: ShopState, ledger: readonly LedgerEntry[]): Generator<string> {
  const charges = ledger.filter(({ type }) => type === 'charge')
  const captures = grouped(
    charges.filter(({ status }) => status === 'captured'),
    ({ source = '', order = '' }) => nameOf({ source, reference: order }),
  )
  const payments = state.by('payments', 'order_id')
  const keys = new Set(state.rows('payments').map((row) => text(row, 'idempotency_key')))
  for (const { key } of charges) if (!keys.has(key)) yield `the provider charged under ${key}, which no payment has`
  for (const order of state.orders) {
    const captured = captures.get(nameOf(order)) ?? []
    const rows = payments.get(order.id) ?? []
    captures.delete(nameOf(order))
    yield* checkOrder(order, captured, rows)
  }
  for (const name of captures.keys()) yield `the provider captured ${name}, which is no order`
}

function* checkOrder(order: StoredOrder, captured: readonly LedgerEntry[], rows: readonly Row[]): Generator<string> {
  const name = `order ${nameOf(order)} (${order.status})`
  const isCharged = order.status === 'completed' && order.total > 0n
  if (captured.length !== (isCharged ? 1 : 0)) yield `${name} was captured ${captured.length} times by the provider`
  const theirs = captured.map(({ key, amount, currency, reference }) => [key, amount, currency, reference].join(' '))
  const ours = rows
    .filter((row) => row['status'] === 'captured' && figure(row, 'amount') > 0n)
    .map((row) => ['idempotency_key', 'amount', 'currency', 'gateway_reference'].map((column) => row[column]).join(' '))
  if (theirs.join() !== ours.join()) yield `${name}: the provider has "${theirs}", we have "${ours}"`
  const wrong = captured.filter(({ amount, currency }) => BigInt(amount) !== order.total || currency !== order.currency)
  for (const { amount, currency } of wrong)
    yield `${name} over ${order.total} ${order.currency} was captured with ${amount} ${currency}`
  for (const row of rows)
    if (['pending', 'unknown'].includes(text(row, 'status'))) yield `${name} has a ${row['status']} payment`
}

function* checkRefunds(state: ShopState, ledger: readonly LedgerEntry[]): Generator<string> {
  const refunded = ledger.filter(({ status }) => status === 'refunded')
  const rows = state.rows('refunds')
  const open = rows.filter((row) => !['refunded', 'declined'].includes(text(row, 'status')))
  for (const row of open) yield `refund ${row['idempotency_key']} is still ${row['status']}`
  const ours = rows.filter((row) => row['status'] === 'refunded')
  yield* differences(
    'refund (provider, then ours)',
    sums(
      refunded,
      ({ key, currency, reference }) => `${key} ${currency} ${reference}`,
      ({ amount }) => BigInt(amount),
    ),
    sums(
      ours,
      (row) => `${row['idempotency_key']} ${row['currency']} ${row['gateway_reference']}`,
      (row) => figure(row, 'amount'),
    ),
  )
  const given = sums(
    refunded,
    ({ charge = '' }) => charge,
    ({ amount }) => BigInt(amount),
  )
  const captures = new Map(
    ledger.filter(({ status }) => status === 'captured').map(({ key, amount }) => [key, BigInt(amount)]),
  )
  for (const [charge, amount] of given)
    if (amount > (captures.get(charge) ?? 0n)) yield `${amount} was refunded of the charge ${charge}, more than it was`
}
