// Puts totals on the boards: which there are, and which are beyond what a sorted set holds exactly.
import type { ChainableCommander } from 'ioredis'
import { inBatches } from '../domain/batches.js'
import type { Currency } from '../domain/money.js'
import type { Board, BoardKind } from './redis-store.js'
import type { Total } from './redis-totals.js'

/** Members that one command adds: Redis does nothing else meanwhile. */
const MEMBERS_A_COMMAND = 1000

export class ScoreWriter {
  readonly #keyOf: (board: Pick<Board, 'kind' | 'currency'>) => string
  readonly #boards: Map<string, Board>

  /** @param boards that are there already */
  constructor(keyOf: (board: Pick<Board, 'kind' | 'currency'>) => string, boards: readonly Board[] = []) {
    this.#keyOf = keyOf
    this.#boards = new Map(boards.map((board) => [keyOf(board), board]))
  }

  get boards(): Board[] {
    return [...this.#boards.values()]
  }

  get keys(): string[] {
    return [...this.#boards.keys()]
  }

  /** A board with a score that is not exact goes away for good: totals only grow. */
  add(commands: ChainableCommander, kind: BoardKind, totals: readonly Total[]): void {
    for (const [currency, ofCurrency] of byCurrency(totals)) {
      const key = this.#keyOf({ kind, currency })
      const exact = this.#boards.get(key)?.state !== 'beyond' && ofCurrency.every(isExact)
      this.#boards.set(key, { kind, currency, state: exact ? 'exact' : 'beyond' })
      if (exact) addMembers(commands, key, ofCurrency)
      else commands.unlink(key)
    }
  }
}

function isExact({ score }: Total): boolean {
  return Number.isSafeInteger(score)
}

function addMembers(commands: ChainableCommander, key: string, totals: readonly Total[]): void {
  for (const some of inBatches(totals, MEMBERS_A_COMMAND)) {
    commands.zadd(key, ...some.flatMap(({ score, member }) => [score, member]))
  }
}

export function byCurrency(totals: readonly Total[]): Map<Currency, Total[]> {
  const groups = new Map<Currency, Total[]>()
  for (const total of totals) {
    const group = groups.get(total.currency)
    if (group) group.push(total)
    else groups.set(total.currency, [total])
  }
  return groups
}
