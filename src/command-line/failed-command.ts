// What the commands over failed orders share: the filters, and the way from a choice over a preview to a change.
import { Flags } from '@oclif/core'
import type { App } from '../app.js'
import type { OrderId } from '../domain/ids.js'
import { groupThousands } from '../domain/money.js'
import { FAILURE_REASONS } from '../domain/order.js'
import { usageError } from '../errors.js'
import { findOrders } from '../reports/orders.js'
import { screenOf } from '../terminal/screen.js'
import { renderTable, type Table } from '../terminal/table.js'
import { countOf } from '../terminal/text.js'
import { type ChosenFailures, chooseFailures, type FailureAction, type FailureFilter } from '../workflow/failures.js'
import { BaseCommand } from './base-command.js'
import { confirm, demandTerminal } from './confirmation.js'
import { limitFlag, readId, readSince, sinceFlag, sourceFlag } from './selection-flags.js'

export const FAILURE_FILTER_FLAGS = {
  reason: Flags.option({ options: FAILURE_REASONS, description: 'only those that failed for this reason' })(),
  since: sinceFlag,
  sku: Flags.string({ description: 'only orders of this product', helpValue: 'SKU', parse: readId }),
  source: sourceFlag,
}

export const FAILURE_CHANGE_FLAGS = {
  all: Flags.boolean({ description: 'every order on the list of failures' }),
  ...FAILURE_FILTER_FLAGS,
  limit: limitFlag,
  'dry-run': Flags.boolean({ description: 'say what would change, and change nothing' }),
  yes: Flags.boolean({ char: 'y', description: 'change without asking' }),
}

export function failureFilter(flags: FilterFlags, timeZone: string): FailureFilter {
  const { reason, sku, source } = flags
  return { reason, since: readSince(flags.since, timeZone), sku, source }
}

interface FilterFlags extends Omit<FailureFilter, 'since'> {
  readonly since?: string | undefined
}

interface ChangeFlags extends FilterFlags {
  readonly all: boolean
  readonly limit?: number | undefined
  readonly 'dry-run': boolean
  readonly yes: boolean
}

interface FailureChange {
  readonly action: FailureAction
  apply(app: App, ids: readonly OrderId[]): Promise<number>
  /** Stands behind the orders in the preview, such as ", spread over 10 min". */
  readonly manner?: string
  /** What became of the orders: completes "3 orders". */
  readonly outcome: string
}

export interface FailedChangeResult {
  /** Failures that were chosen. */
  matched: number
  /** Those of them that did change; none in a dry run. */
  changed: number
  /** How many were chosen for each reason, the most frequent first. */
  reasons: { reason: string; orders: number }[]
}

export abstract class FailedCommand extends BaseCommand {
  /** Chooses, shows what was chosen, asks where a person is there to answer, and changes. */
  protected async changeFailures(
    references: readonly string[],
    flags: ChangeFlags,
    change: FailureChange,
  ): Promise<FailedChangeResult> {
    const { action, manner = '' } = change
    const filter = failureFilter(flags, this.settings.timeZone)
    refuseUnclearChoice(action, references, flags)
    const asks = references.length === 0 && !flags.yes && !flags['dry-run']
    if (asks) demandTerminal(this.host, `To ${action} failed orders without naming them`, this.jsonEnabled())

    return this.withApp(
      async (app) => {
        const named = references.length > 0 ? await findOrders(app.db, references, flags.source) : undefined
        const ids = named?.map((order) => order.id)
        const chosen = await chooseFailures(app.db, action, { ...filter, ids, limit: flags.limit })
        const matched = chosen.ids.length
        const reasons = [...chosen.byReason].map(([reason, orders]) => ({ reason, orders }))
        const result = { matched, changed: 0, reasons }
        const changing = new Set(chosen.ids)
        const others = named?.filter((order) => !changing.has(order.id)) ?? []
        for (const { reference, status } of others) this.note(`Order ${reference} is left as it is (${status}).`)
        if (matched === 0) {
          this.note(`There is nothing to ${action}. See what failed with: orderctl failed list`)
          return result
        }
        const table = reasonTable(chosen)
        const orders = `${countOf(matched, 'order')}${manner}`
        if (flags['dry-run']) {
          this.showTable(table)
          this.print(`Would ${action} ${orders}. Nothing was changed.`)
          return result
        }
        this.note(renderTable(table, screenOf(this.host.stderr, this.host.environment).width))
        this.note(`To ${action}: ${orders}.`)
        if (asks) await confirm(this.host, `${action === 'retry' ? 'Retry' : 'Clear'} ${countOf(matched, 'order')}?`)
        result.changed = await change.apply(app, chosen.ids)
        this.print(`${countOf(result.changed, 'order')} ${change.outcome}`)
        return result
      },
      { agreeOnClock: action === 'retry' },
    )
  }
}

function refuseUnclearChoice(action: FailureAction, references: readonly string[], flags: ChangeFlags): void {
  const filtered = [flags.reason, flags.since, flags.sku, flags.source].some((value) => value !== undefined)
  if (references.length === 0 && !flags.all && !filtered) {
    throw usageError({
      code: 'nothing_chosen',
      message: `Which orders to ${action} was not said.`,
      fix: `Name orders (orderctl failed ${action} 1001 1002), choose with --reason, --since, --sku or --source, or take --all.`,
    })
  }
  if (references.length > 0 && flags.all) {
    throw usageError({
      code: 'unclear_choice',
      message: 'Orders were named, and --all was given as well.',
      fix: 'Leave out one of the two.',
    })
  }
}

function reasonTable({ byReason }: ChosenFailures): Table {
  return {
    columns: [{ heading: 'reason' }, { heading: 'orders', align: 'right' }],
    rows: [...byReason].map(([reason, orders]) => [reason, groupThousands(orders)]),
  }
}
