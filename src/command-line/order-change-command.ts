// Shared by the commands that change orders named by a person: ids, a file of ids, preview, confirmation and outcomes.
import { Args, Errors, Flags, type Interfaces } from '@oclif/core'
import type { App } from '../app.js'
import { openBytes, STDIN } from '../csv/bytes.js'
import { EXIT, UserError, usageError } from '../errors.js'
import { findOrders } from '../reports/orders.js'
import { renderTable } from '../terminal/table.js'
import { capitalized, countOf } from '../terminal/text.js'
import type { Refusal } from '../workflow/order-state.js'
import { CONFIRMED_FLAGS, ConfirmingCommand } from './confirmation.js'
import { type Column, type Row, tableOf } from './list.js'
import { readId, sourceFlag } from './selection-flags.js'

export const ORDER_CHANGE_ARGS = {
  id: Args.string({ description: 'ids of the orders', multiple: true, ignoreStdin: true, parse: readId }),
}

export const ORDER_CHANGE_FLAGS = {
  'from-file': Flags.string({ description: 'file with an order id per line; - for standard input', helpValue: 'FILE' }),
  source: sourceFlag,
  reason: Flags.string({ description: 'why, for the audit log', helpValue: 'TEXT', parse: readReason }),
  ...CONFIRMED_FLAGS,
}

type ChangeFlags = Interfaces.InferredFlags<typeof ORDER_CHANGE_FLAGS>

/** A named order, as findOrders returns it. */
type NamedOrder = Awaited<ReturnType<typeof findOrders>>[number]

export interface ChangedOrder<Figures> {
  readonly order: NamedOrder
  /** Undefined if the order changes. */
  readonly refusal?: Refusal | undefined
  /** The command's own fields of the row. */
  readonly figures: Figures
}

interface OrderChange<Figures> {
  /** The imperative, such as `cancel`. */
  readonly verb: string
  /** What became of a changed order, such as `cancelled`. Scripts read it with underscores. */
  readonly done: string
  /** Columns of the figures. */
  readonly columns?: readonly Column<Figures>[]
  /** Changes what it can, and returns every order. In a dry run, finds out the same and changes nothing. */
  apply(app: App, orders: readonly NamedOrder[], isDryRun: boolean): Promise<readonly ChangedOrder<Figures>[]>
}

export abstract class OrderChangeCommand extends ConfirmingCommand {
  /**
   * Changes the named orders. Shows a preview and asks first if they come from a file: ids on the command line are
   * explicit enough.
   *
   * @param references as namedOrders returns them
   * @throws UserError if the only order is refused; with several, the exit code is 3, or 1 if all are refused
   */
  protected async changeOrders<Figures extends Row<Figures>>(
    references: readonly string[],
    flags: ChangeFlags,
    change: OrderChange<Figures>,
  ) {
    const { 'from-file': file, 'dry-run': isDryRun } = flags
    const isAsked = file !== undefined && !flags.yes && !isDryRun
    // Standard input that holds the ids cannot hold the answer.
    const confirm = this.confirming(`orderctl ${this.words}`, !isAsked, file !== STDIN)
    const run = async (app: App) => {
      const named = await findOrders(app.db, references, flags.source)
      const place = new Map(references.map((reference, index) => [reference, index]))
      const orders = named.sort((a, b) => (place.get(a.reference) ?? 0) - (place.get(b.reference) ?? 0))
      if (isAsked) {
        const preview = await change.apply(app, orders, true)
        this.note(renderTable(this.#tableOf(preview, change), this.stderrScreen))
        const count = preview.filter(({ refusal }) => refusal === undefined).length
        const question = `${capitalized(change.verb)} ${countOf(count, 'order')}?`
        if (count > 0 && !(await confirm(question))) return resultOf(preview, change, 0)
      }
      return this.#report(await change.apply(app, orders, isDryRun), change, isDryRun)
    }
    // Another clock would take the lease of a live worker for one that has ended.
    return this.withApp(run, { agreeOnClock: true })
  }

  /** Returns the ids, or the lines of the file, each once. @throws UserError (exit 2) if there are none */
  protected async namedOrders(ids: readonly string[] = [], file?: string): Promise<readonly string[]> {
    if (ids.length > 0 && file !== undefined) {
      const message = 'Order ids and --from-file exclude each other.'
      throw usageError({ code: 'unclear_choice', message, fix: 'Remove one of them.' })
    }
    const fix = `Name orders (orderctl ${this.words} 1001 1002), or pass --from-file FILE.`
    if (file === undefined && ids.length === 0)
      throw usageError({ code: 'nothing_chosen', message: 'No orders specified.', fix })
    const references = [...new Set(file === undefined ? ids : await readLines(file === STDIN ? file : this.path(file)))]
    if (references.length === 0)
      throw usageError({ code: 'nothing_chosen', message: `There are no order ids in ${file}.`, fix })
    return references
  }

  #report<Figures extends Row<Figures>>(
    changed: readonly ChangedOrder<Figures>[],
    change: OrderChange<Figures>,
    isDryRun: boolean,
  ) {
    const [only, ...others] = changed
    if (only?.refusal && others.length === 0) throw new UserError(only.refusal)
    this.showTable(this.#tableOf(changed, change))
    const refused = changed.filter(({ refusal }) => refusal !== undefined).length
    const count = changed.length - refused
    const unchanged = refused === 0 ? '' : ` ${countOf(refused, 'order')} unchanged.`
    if (isDryRun) this.print(`Would ${change.verb} ${countOf(count, 'order')}. Nothing changed.`)
    else this.print(`${countOf(count, 'order')} ${change.done}.${unchanged}`)
    if (refused > 0) this.setExitCode(count > 0 ? EXIT.partly : EXIT.failed)
    return resultOf(changed, change, isDryRun ? 0 : count)
  }

  #tableOf<Figures extends Row<Figures>>(changed: readonly ChangedOrder<Figures>[], change: OrderChange<Figures>) {
    const rows = changed.map((row) => ({ ...rowOf(row, change), ...row.figures }))
    const columns: readonly Column<OutcomeRow>[] = [
      { key: 'order_id', heading: 'order' },
      { key: 'source', varies: true },
      { key: 'result', shown: ({ result }) => result.replaceAll('_', ' ') },
    ]
    const message: Column<OutcomeRow> = { key: 'message', varies: true, flexible: true }
    const all = [...columns, ...(change.columns ?? []), message] as readonly Column<OutcomeRow & Figures>[]
    return tableOf(all, rows as readonly (OutcomeRow & Figures)[], { timeZone: this.settings.timeZone })
  }
}

interface OutcomeRow {
  readonly order_id: string
  readonly source: string
  readonly result: string
  readonly message: string | null
}

function rowOf<Figures>({ order, refusal }: ChangedOrder<Figures>, { done }: OrderChange<Figures>): OutcomeRow {
  const message = refusal ? `${refusal.message} ${refusal.fix}` : null
  return {
    order_id: order.reference,
    source: order.source,
    result: refusal?.code ?? done.replaceAll(' ', '_'),
    message,
  }
}

/** @param count how many orders have changed */
function resultOf<Figures>(changed: readonly ChangedOrder<Figures>[], change: OrderChange<Figures>, count: number) {
  const orders = changed.map((row) => ({ ...rowOf(row, change), ...row.figures }))
  return { matched: changed.length, changed: count, orders }
}

/** Width of the column in the audit log. */
const MAX_REASON = 255

/** @throws CLIError that completes "--reason " */
async function readReason(text: string): Promise<string> {
  const reason = text.trim()
  if (reason !== '' && reason.length <= MAX_REASON) return reason
  throw new Errors.CLIError(`must be a text of 1 to ${MAX_REASON} characters`)
}

/** Reads the lines of a file, without blanks. */
async function readLines(file: string): Promise<readonly string[]> {
  const source = await openBytes(file)
  const blocks: Buffer[] = []
  try {
    for (let block = await source.next(); block; block = await source.next()) blocks.push(block)
  } finally {
    await source.close()
  }
  // A decoder drops the byte order mark.
  const lines = new TextDecoder().decode(Buffer.concat(blocks)).split(/\r\n|[\n\r]/)
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}
