// What a promise is: one comparison in SQL, with a row for each thing that it is about.

import { type AliasedExpression, type Expression, expressionBuilder, type SqlBool } from 'kysely'
import type { Database } from '../../database/connection.js'
import type { Schema } from '../../database/schema.js'
import type { Currency } from '../../domain/money.js'

export interface Comparison {
  /** Key of the order, product, customer or import. */
  readonly id: number
  /** What should be found. A promise about money counts orders or lines, so that no two currencies are added. */
  readonly expected: number
  readonly actual: number
  /** 1 or 0. */
  readonly differs: number
}

export interface DataPromise {
  /** Stable, for scripts. */
  readonly name: string
  readonly about: string
  /** What the ids of its comparisons are. */
  readonly of: 'order' | 'product' | 'customer' | 'import'
  /** @param currencies those of the orders */
  compare(db: Database, currencies: readonly Currency[]): AliasedExpression<Comparison, 'compared'>
}

const eb = expressionBuilder<Schema>()

export function oneIf(condition: Expression<SqlBool>) {
  return eb.case().when(condition).then(1).else(0).end()
}

export function differsUnless(condition: Expression<SqlBool>) {
  return eb.case().when(condition).then(0).else(1).end().as('differs')
}

/** For what is either right or not: expects 1, and finds 1 if it is right. */
export function rightIf(condition: Expression<SqlBool>) {
  return [eb.lit(1).as('expected'), oneIf(condition).as('actual'), differsUnless(condition)] as const
}

/** Stands in for a column that the other half of a union fills. */
export function nothing() {
  return eb.lit(0).$castTo<number>()
}
