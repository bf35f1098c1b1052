// The files of one torture run: a catalogue, and orders of three shops with duplicates, conflicts, rejected and skipped
// lines. Each file repeats some orders of the file before it.
import { Dice } from '../support/dice.js'
import { HEADER, line } from '../support/lines.js'

export interface OrderFile {
  readonly name: string
  readonly source: string
  readonly text: string
}

/** `twice`: two processes import each of its files at the same time. `crash`: each import is killed while it reads. */
const SHOPS = [
  { source: 'default', files: 4, share: 0.4 },
  { source: 'twice', files: 3, share: 0.3 },
  { source: 'crash', files: 3, share: 0.3 },
] as const

const PRODUCTS = 40
/** The first few products sell out. */
const SCARCE = 4
const CUSTOMERS = 300

const CURRENCIES = ['USD', 'USD', 'EUR', 'JPY', 'KWD'] as const
const DECIMALS = { USD: 2, EUR: 2, JPY: 0, KWD: 3 } as const

export const catalogue = (orders: number): string =>
  `${['sku,name,price,currency,stock', ...Array.from({ length: PRODUCTS }, (_, index) => productRow(index, orders))].join('\n')}\n`

const sku = (index: number) => `S-${String(index).padStart(2, '0')}`

function productRow(index: number, orders: number): string {
  const stock = index < SCARCE ? Math.ceil(orders / 200) : orders * 10
  return [sku(index), `Product ${index}`, '10.00', 'USD', stock].join(',')
}

/** @param orders number of different orders in all files */
export function orderFiles(orders: number, seed: number): OrderFile[] {
  const dice = new Dice(seed)
  return SHOPS.flatMap(({ source, files, share }) => {
    const each = Math.round((orders * share) / files)
    let before: DraftOrder[] = []
    return Array.from({ length: files }, (_, index) => {
      const own = Array.from({ length: each }, (_, number) => draftOrder(dice, `${index}-${number}`))
      const repeated = before.filter(() => dice.chance(0.05)).map((order) => repeat(dice, order))
      before = own.filter(({ isGood }) => isGood)
      return { name: `${source}-${index}.csv`, source, text: textOf([...own, ...repeated]) }
    })
  })
}

interface DraftOrder {
  readonly isGood: boolean
  readonly lines: readonly string[]
}

/** A conflict differs in its date. */
function repeat(dice: Dice, order: DraftOrder): DraftOrder {
  if (dice.chance(0.5)) return order
  return { isGood: true, lines: order.lines.map((text) => text.replace(/2025-(\d\d)-\d\d/, '2025-$1-28')) }
}

function draftOrder(dice: Dice, reference: string): DraftOrder {
  const currency = dice.pick(CURRENCIES)
  const customer = dice.between(1, CUSTOMERS)
  const isFree = dice.chance(0.01)
  const isBad = dice.chance(0.02)
  const status = dice.chance(0.02) ? 'void' : 'paid'
  const date = `2025-0${dice.between(1, 9)}-${dice.between(10, 27)} 10:00:00`
  const count = dice.between(1, 3)
  const lines = Array.from({ length: count }, (_, index) => {
    const product = dice.between(0, PRODUCTS - 1)
    return `${line({
      order: `R-${reference}`,
      customer: `C-${String(customer).padStart(4, '0')}`,
      name: `Customer ${customer}`,
      sku: sku(product),
      // Long, so that a file takes several transactions.
      product: `Product ${product} ${'x'.repeat(200)}`,
      quantity: isBad && index === 0 ? 'many' : dice.between(1, 5),
      price: isFree ? '0' : priceIn(dice, currency),
      currency,
      date,
    })},${status}`
  })
  return { isGood: !isBad && status === 'paid', lines }
}

/** Some prices are finer than their currency. */
function priceIn(dice: Dice, currency: keyof typeof DECIMALS): string {
  const decimals = dice.chance(0.2) ? 4 : DECIMALS[currency]
  return (dice.between(1, 99_999_999) / 10 ** 4).toFixed(decimals === 0 ? 0 : decimals).replace(/^0$/, '1')
}

/** Lines that end their orders far from the rest of them come last. */
function textOf(orders: readonly DraftOrder[]): string {
  const late = orders.filter(({ lines }, index) => lines.length > 1 && index % 50 === 0)
  const isLate = new Set(late)
  const lines = [
    ...orders.flatMap((order) => (isLate.has(order) ? order.lines.slice(0, -1) : order.lines)),
    ...late.flatMap((order) => order.lines.slice(-1)),
  ]
  return `${[`${HEADER},status`, ...lines].join('\n')}\n`
}

/** Makes imports skip lines whose status is `void`. */
export const MAPPING = JSON.stringify({
  columns: Object.fromEntries(HEADER.split(',').map((column) => [column, [column]])),
  skip: [{ column: 'status', is: ['void'], reason: 'void' }],
})
