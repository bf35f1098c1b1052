// Tables with several items on a line, in numbered columns.
import type { FoundHeader } from './find-header.js'
import { nameColumns } from './name-columns.js'
import { notOrdersError } from './not-orders.js'

/** As in `Qty 2`, `quantity_2` and the `Quantity.1` of pandas for a second column of the same name. */
const NUMBERED = /^(.*?)[\s_.-]*(\d+)$/

/** Longer cells are no names. The expression above would take quadratic time for them. */
const LONGEST_NAME = 100

/** @throws UserError if a line has a quantity for each of several items */
export function refuseNumberedItems({ row, mapping }: FoundHeader, file: string): void {
  if (mapping) return
  const numbered = row.cells.filter((cell) => {
    const text = cell.trim()
    const [, name = ''] = (text.length <= LONGEST_NAME && NUMBERED.exec(text)) || []
    return nameColumns([name]).quantity !== undefined
  })
  const quantities = [...(nameColumns(row.cells).quantity?.map(({ name }) => name) ?? []), ...numbered]
  if (numbered.length === 0 || quantities.length < 2) return
  throw notOrdersError(
    {
      what: 'a table with several items on a line',
      why: `each has a quantity of its own (${quantities.join(', ')})`,
      instead: 'Write one line per item, with the order id on each of them, and import that file.',
    },
    file,
  )
}
