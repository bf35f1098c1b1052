// Shared by the commands that list, retry and clear failed orders: filters, preview, confirmation and change.
import { Args, Flags, type Interfaces } from '@oclif/core'
import type { App } from '../app.js'
import { ALL_ROWS } from '../domain/batches.js'
import type { OrderId } from '../domain/ids.js'
import { FAILURE_REASONS } from '../domain/order.js'
import { usageError } from '../errors.js'
import { findOrders } from '../reports/orders.js'
import { renderTable } from '../terminal/table.js'
import { capitalized, countOf } from '../terminal/text.js'
import { chooseFailures, type FailureAction, type FailureFilter } from '../workflow/failures.js'
import { CONFIRMED_FLAGS, ConfirmingCommand } from './confirmation.js'
import { tableOf } from './list.js'
import { limitFlag, readId, readSince, sinceFlag, sourceFlag } from './selection-flags.js'
import { STATUS_LABELS } from './status-words.js'

export const FAILURE_ARGS = {
  id: Args.string({ description: 'ids of the orders', multiple: true, ignoreStdin: true, parse: readId }),
}

export const FAILURE_FILTER_FLAGS = {
  reason: Flags.option({ options: FAILURE_REASONS, description: 'only orders that failed for this reason' })(),
  since: sinceFlag,
  sku: Flags.string({ description: 'only orders that contain this product', helpValue: 'SKU', parse: readId }),
  source: sourceFlag,
}

export const FAILURE_CHANGE_FLAGS = {
  all: Flags.boolean({ description: 'all failed orders' }),
  ...FAILURE_FILTER_FLAGS,
  limit: limitFlag({ description: 'maximum number of orders, newest failures first', default: ALL_ROWS }),
  ...CONFIRMED_FLAGS,
}

export function failureFilter({ reason, since, sku, source }: FilterFlags, timeZone: string): FailureFilter {
  return { reason, since: since === undefined ? undefined : readSince(since, timeZone), sku, source }
}

type FilterFlags = Interfaces.InferredFlags<typeof FAILURE_FILTER_FLAGS>
type ChangeFlags = Interfaces.InferredFlags<typeof FAILURE_CHANGE_FLAGS>

interface FailureChange {
  readonly action: FailureAction
  apply(app: App, ids: readonly OrderId[]): Promise<number>
  /** Completes "Retry 3 orders", such as ", spread over 10 min". */
  readonly manner?: string
  /** Completes "3 orders". */
  readonly outcome: string
}

export abstract class FailedCommand extends ConfirmingCommand {
  /** Selects orders, shows a preview, asks for confirmation unless the orders were named, and changes them. */
  protected async changeFailures(references: readonly string[], flags: ChangeFlags, change: FailureChange) {
    const { action } = change
    const { 'dry-run': dryRun } = flags
    const filter = failureFilter(flags, this.settings.timeZone)
    rejectUnclearSelection(action, references, flags)
    const confirm = this.confirming(
      `${action === 'retry' ? 'Retrying' : 'Clearing'} failed orders without naming them`,
      references.length > 0 || flags.yes || dryRun,
    )
    return this.withApp(
      async (app) => {
        const named = references.length > 0 ? await findOrders(app.db, references, flags.source) : undefined
        const selection = { ...filter, ids: named?.map((order) => order.id), limit: flags.limit }
        const { ids, reasons } = await chooseFailures(app.db, action, selection)
        const chosen = new Set(ids)
        for (const { id, reference, status } of named ?? []) {
          if (!chosen.has(id)) this.note(`Order ${reference} is unchanged (${STATUS_LABELS[status]}).`)
        }
        const unchanged = { matched: ids.length, changed: 0, reasons }
        if (ids.length === 0) {
          this.note(`No orders to ${action}. List failed orders: orderctl failed list`)
          return unchanged
        }
        const intent = `${action} ${countOf(ids.length, 'order')}${change.manner ?? ''}`
        const preview = tableOf(['reason', 'orders'], reasons)
        if (dryRun) {
          this.showTable(preview)
          this.print(`Would ${intent}. Nothing changed.`)
          return unchanged
        }
        this.note(renderTable(preview, this.stderrScreen))
        if (!(await confirm(`${capitalized(intent)}?`))) return unchanged
        const changed = await change.apply(app, ids)
        this.print(`${countOf(changed, 'order')} ${change.outcome}`)
        return { matched: ids.length, changed, reasons }
      },
      { agreeOnClock: action === 'retry' },
    )
  }
}

function rejectUnclearSelection(action: FailureAction, references: readonly string[], flags: ChangeFlags): void {
  const { all, reason, since, sku, source } = flags
  if (references.length === 0 && !all && [reason, since, sku, source].every((value) => value === undefined)) {
    throw usageError({
      code: 'nothing_chosen',
      message: 'No orders specified.',
      fix: `Name orders (orderctl failed ${action} 1001 1002), or add --reason, --since, --sku, --source or --all.`,
    })
  }
  if (references.length > 0 && all) {
    const message = 'Order ids and --all exclude each other.'
    throw usageError({ code: 'unclear_choice', message, fix: 'Remove one of them.' })
  }
}
