// The deliverer of one destination, with a real database and a scripted destination.
import type { KyselyPlugin } from 'kysely'
import { expect } from 'vitest'
import { asError, FailureReporter } from '../../src/background.js'
import { loadConfig } from '../../src/config/config.js'
import { Deliverer } from '../../src/notify/deliverer.js'
import type { Destination } from '../../src/notify/destination.js'
import { recordEvents, recordingEvents } from '../../src/notify/events.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

test('a destination that is down is not said to work again after a round or an end without a delivery', async ({
  shop,
}) => {
  const folders = { working: shop.folder, user: shop.folder, data: shop.folder }
  const { config } = loadConfig({ ORDERCTL_NOTIFY_COMMAND: 'true' }, folders)
  let queries = 0
  const counting: KyselyPlugin = {
    transformQuery: ({ node }) => {
      queries += 1
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const db = recordingEvents((await shop.connection()).withPlugin(counting), config)
  await recordEvents(db, [{ id: shop.order('1001', { status: 'completed' }) }], 'completed')
  const destination: Destination = {
    name: 'command',
    place: 'the test',
    send: async () => ({ delivered: false, error: 'down' }),
    close: async () => undefined,
  }
  /** Each notice, with the state of the event at that time. */
  const notices: unknown[] = []
  const start = () => {
    const onNotice = (_: string, notice: string) => notices.push([notice, shop.value('select state from events')])
    const reporter = new FailureReporter({ subject: 'It', explain: asError, onNotice })
    return new Deliverer({ db, config, destination, signal: new AbortController().signal, reporter }).start()
  }

  const brief = start()
  await until(() => notices.length > 0)
  await brief.end()
  expect(notices.splice(0)).toEqual([['retrying', 'waiting']])

  shop.sqlite.exec('update events set next_at = 0')
  const long = start()
  await until(() => notices.length > 0)
  // The event is postponed, so the next round claims none.
  const before = queries
  await until(() => queries > before + 1)
  await long.end()
  expect(notices).toEqual([['retrying', 'waiting']])
})
