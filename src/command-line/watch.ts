// The live view's loop: read, show, wait, until a key or a signal. It only ever reads.
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../app.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import { clockAt } from '../domain/business-day.js'
import { UserError } from '../errors.js'
import { LiveStatus } from '../reports/live-status.js'
import { Paced } from '../reports/throttle.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { readSchedule } from '../schedule/overview.js'
import { inkLine } from '../terminal/line.js'
import { openLiveScreen } from '../terminal/live-screen.js'
import type { Host } from './host.js'
import type { WatchState } from './watch-sections.js'
import { watchView } from './watch-view.js'

interface WatchOptions {
  readonly intervalMs: number
  /** Ends the view. */
  readonly signal: AbortSignal
}

/** On a screen of its own, until the signal or until `q` is pressed. */
export async function watchOnScreen(
  app: App,
  { stdin, stdout }: Pick<Host, 'stdin' | 'stdout'>,
  { intervalMs, signal }: WatchOptions,
): Promise<void> {
  const source = new WatchSource(app, intervalMs)
  let state = await source.read()
  const left = new AbortController()
  const over = AbortSignal.any([signal, left.signal])
  const screen = openLiveScreen({
    input: stdin,
    output: stdout,
    onKey: (key) => {
      if (key === 'q' || key === 'Q') left.abort()
    },
    onRedraw: () => draw(),
  })
  const draw = () => screen.draw(watchView(state, screen.size).map(inkLine))
  try {
    while (!over.aborted) {
      draw()
      await pause(intervalMs, over)
      if (!over.aborted) state = await source.read()
    }
  } finally {
    screen.close()
  }
}

/** A line at each refresh, until the signal. */
export async function watchInLines(
  app: App,
  { intervalMs, signal }: WatchOptions,
  print: (state: WatchState) => void,
): Promise<void> {
  const source = new WatchSource(app, intervalMs)
  while (!signal.aborted) {
    print(await source.read())
    await pause(intervalMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** What the view shows, read anew at each refresh; what cannot be read leaves what was read before, with the reason. */
class WatchSource {
  readonly #app: App
  readonly #live: LiveStatus
  readonly #schedule
  readonly #alarms
  /** By performance.now(). */
  #readAt = 0
  #latest: Pick<WatchState, 'status' | 'countedAt' | 'settled' | 'schedule' | 'alarms'> | undefined

  constructor(app: App, intervalMs: number) {
    this.#app = app
    this.#live = new LiveStatus(app.db, app.queue, intervalMs)
    this.#schedule = new Paced(() => readSchedule(app, Date.now()))
    this.#alarms = new Paced(async () => readAllAlarms(app.db, app.config, await databaseTime(app.db)))
  }

  /** @throws what is no trouble of the database's that may pass, and any trouble at the first time */
  async read(): Promise<WatchState> {
    let trouble: UserError | undefined
    try {
      const figures = await this.#live.read()
      const alarms = (await this.#alarms.take()).value.filter((alarm) => alarm.state === 'failed')
      this.#latest = { ...figures, alarms, schedule: (await this.#schedule.take()).value }
      this.#readAt = performance.now()
    } catch (error) {
      trouble = error instanceof UserError ? error : explainDatabaseError(error, this.#app.config.database)
      if (!trouble || !this.#latest || isReplaced(trouble)) throw error
    }
    // In the database's time, as what is shown was.
    const now = trouble ? this.#latest.status.at + Math.round(performance.now() - this.#readAt) : this.#latest.status.at
    const { timeZone } = this.#app.config
    return { ...this.#latest, now, trouble, clock: `${clockAt(now, timeZone)} ${timeZone}` }
  }
}
