// Shared by the commands that list orders: filters and columns.
import { Flags, type Interfaces } from '@oclif/core'
import { dayAt } from '../domain/business-day.js'
import { ORDER_STATUSES } from '../domain/order.js'
import { listOrders } from '../reports/order-list.js'
import { readPeriod } from '../reports/read-query.js'
import { BaseCommand, csvFlag } from './base-command.js'
import { limitFlag, PERIOD_FLAGS, readId, readSince, sinceFlag, sourceFlag } from './selection-flags.js'
import { orderDateIn, statusPart } from './status-words.js'

export const ORDER_LIST_FLAGS = {
  status: Flags.option({ options: ORDER_STATUSES, description: 'only orders with this status' })(),
  customer: Flags.string({ description: 'only orders of this customer', helpValue: 'CUSTOMER_ID', parse: readId }),
  sku: Flags.string({ description: 'only orders that contain this product', helpValue: 'SKU', parse: readId }),
  ...PERIOD_FLAGS,
  since: { ...sinceFlag, exclusive: ['from', 'to', 'month', 'last'] },
  source: sourceFlag,
  limit: limitFlag({ default: 30 }),
  csv: csvFlag,
}

type OrderListFlags = Interfaces.InferredFlags<typeof ORDER_LIST_FLAGS>

export abstract class OrderListCommand extends BaseCommand {
  /** Prints the matching orders, the newest first. @param text only orders in which a search finds it */
  protected async showOrders({ since, limit, csv, ...flags }: OrderListFlags, empty: string, text?: string) {
    const { timeZone } = this.settings
    const period =
      since === undefined
        ? readPeriod(flags, this.today)
        : { from: dayAt(readSince(since, timeZone), timeZone), to: undefined }
    const { total, orders } = await this.withDatabase((db) => listOrders(db, { ...flags, ...period, text }, limit))
    this.showList(
      [
        { key: 'order_id', heading: 'order' },
        { key: 'source', varies: true },
        { key: 'order_date', shown: orderDateIn(timeZone), align: 'right' },
        { key: 'status', shown: statusPart },
        { key: 'reason', varies: true, dropOrder: 1 },
        { key: 'customer_id', heading: 'customer' },
        { key: 'customer_name', heading: 'name', flexible: true, minWidth: 16 },
        'total',
        { key: 'currency', csvOnly: true },
      ],
      orders,
      { csv, total, empty },
    )
    return { total, orders }
  }
}
