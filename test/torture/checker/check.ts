// The judge of a torture run. It shares no code with orderctl: it reads the order files, the tables and the provider's
// ledger itself, and recomputes every figure with integers of its own.
import type { LedgerEntry } from '../../support/provider.js'
import type { Answer } from '../journal.js'
import type { OrderFile } from '../order-files.js'
import { adjustmentsIn, checkAnswers } from './answers.js'
import { checkEvents } from './events.js'
import { readOrderFile } from './files.js'
import { checkMoney } from './money.js'
import { checkImports, checkOrders } from './orders.js'
import { checkSales, type Reports } from './sales.js'
import { ShopState } from './shop-state.js'
import { checkStock } from './stock.js'

export interface Evidence {
  readonly databaseUrl: string
  readonly files: readonly OrderFile[]
  readonly catalogue: string
  readonly ledger: readonly LedgerEntry[]
  /** Ids of the events that the shop's server got, in the order of arrival. */
  readonly received: readonly string[]
  readonly answers: readonly Answer[]
  readonly reports: Reports
}

/** @returns each promise that was broken */
export async function check(evidence: Evidence): Promise<string[]> {
  const { databaseUrl, catalogue, ledger, received, answers, reports } = evidence
  const state = await ShopState.read(databaseUrl)
  const files = new Map(evidence.files.map((file) => [file.name, readOrderFile(file)]))
  return [
    ...checkOrders(state, files),
    ...checkImports(state, files),
    ...checkMoney(state, ledger),
    ...checkStock(state, catalogue, adjustmentsIn(answers)),
    ...checkSales(state, reports),
    ...checkEvents(state, received),
    ...checkAnswers(state, ledger, answers),
  ]
}
