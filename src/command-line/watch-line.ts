// The live view where there is no terminal: a line for a log, `name=value` throughout.
import type { WatchState } from './watch-sections.js'

/** `2026-03-04T12:00:00.000Z waiting=12 active=0 … workers=2 stale=0 alarms=0`. A figure that is not known is left out. */
export function watchLine({ now, status, alarms, trouble }: WatchState): string {
  const { queue, orders, throughput, workers } = status
  const figures = {
    waiting: queue.waiting,
    active: queue.active,
    delayed: queue.delayed,
    completed: orders.completed,
    failed: orders.failed,
    rolled_back: orders.rolled_back,
    orders_per_minute: throughput.lastMinute,
    workers: workers.length,
    stale: workers.filter((worker) => worker.stale).length,
    alarms: alarms.length,
    ...(queue.paused === null ? {} : { paused: queue.paused ? 'yes' : 'no' }),
    ...(trouble ? { trouble: trouble.code, as_of: new Date(status.at).toISOString() } : {}),
  }
  const words = Object.entries(figures).map(([name, value]) => `${name}=${value}`)
  return [new Date(now).toISOString(), ...words].join(' ')
}
