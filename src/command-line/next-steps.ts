// What a person should do now. Each cause is told once, however many figures show it.
import type { Alarm, AlarmName } from '../reports/alarms.js'
import type { Status } from '../reports/status.js'
import { countOf } from '../terminal/text.js'

export interface NextSteps {
  /** Those that are crossed, each with what to do about it now. */
  readonly alarms: readonly Alarm[]
  /** What no alarm says, in sentences. */
  readonly notes: readonly string[]
}

/** @param crossed the alarms whose thresholds are crossed */
export function nextSteps({ queue, workers, unresolved }: Status, crossed: readonly Alarm[]): NextSteps {
  const isDeserted = queue.waiting > 0 && workers.every((worker) => worker.stale)
  const standstill = queue.paused
    ? 'The queue is paused. Let it go on with: orderctl queue resume'
    : isDeserted
      ? 'Nobody works on the queue. Start with: orderctl work'
      : undefined
  const said = new Set<AlarmName>(crossed.map(({ name }) => name))
  const notes: string[] = []
  // The alarm about a silent worker says that it must be replaced.
  if (standstill && !said.has('wait') && (queue.paused || !said.has('stale_workers'))) notes.push(standstill)
  if (unresolved > 0 && !said.has('unresolved')) {
    notes.push(
      `${countOf(unresolved, 'order')} to review. See why: orderctl failed list --reason payment_unknown, or --reason poison`,
    )
  }
  // The alarm itself does not know the cause.
  const alarms = crossed.map((alarm) => (alarm.name === 'wait' && standstill ? { ...alarm, fix: standstill } : alarm))
  return { alarms, notes }
}
