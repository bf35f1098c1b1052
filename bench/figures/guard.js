// Small runs that CI makes: their ratios show that something became several times slower. They compare CPU time, so
// that a busy machine does not matter.
import { csvParse, firstImport } from './import.js'
import { GROWTH_FREE, growth } from './reports.js'
import { guardedStart } from './startup.js'
import { bareStatements, wholeDrain } from './work.js'

const ORDERS = 20_000
const [SMALL, LARGE] = [500, 50_000]

export function guardFigures({ shops }) {
  const figures = [
    { ...firstImport(shops, ORDERS), peers: [{ ...csvParse(shops, ORDERS), target: 0.05 }] },
    { ...wholeDrain(shops, ORDERS), peers: [bareStatements(shops, ORDERS, 0.1)] },
    guardedStart(shops),
    ...GROWTH_FREE.map((args) => growth(shops, { from: SMALL, to: LARGE, target: 1.5 }, args)),
  ]
  return figures.map((figure) => ({ ...figure, by: 'cpu', rounds: 3 }))
}
