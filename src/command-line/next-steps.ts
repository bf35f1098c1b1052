// What a person should do now, each cause once, however many figures show it.
import type { Alarm } from '../reports/alarms.js'
import type { Status } from '../reports/status.js'
import { countOf } from '../terminal/text.js'

/**
 * @param crossed the alarms whose thresholds are crossed
 * @returns these alarms, each with what to do about it, and notes on what no alarm says
 */
export function nextSteps({ queue, workers, unresolved }: Status, crossed: readonly Alarm[]) {
  const isDeserted = queue.waiting > 0 && workers.every((worker) => worker.stale)
  const idle = isDeserted ? 'No worker is running. Start one with: orderctl work' : undefined
  const halt = queue.paused ? 'The queue is paused. Resume it with: orderctl queue resume' : idle
  const isCrossed = (wanted: Alarm['name']) => crossed.some(({ name }) => name === wanted)
  const notes: string[] = []
  // The alarm about a silent worker says that it must be replaced.
  if (halt && !isCrossed('wait') && (queue.paused || !isCrossed('stale_workers'))) notes.push(halt)
  if (unresolved > 0 && !isCrossed('unresolved')) {
    const reasons = 'orderctl failed list --reason payment_unknown, or --reason poison'
    notes.push(`${countOf(unresolved, 'order')} to review. See why: ${reasons}`)
  }
  // The alarm itself does not know the cause.
  const alarms = crossed.map((alarm) => (alarm.name === 'wait' && halt ? { ...alarm, fix: halt } : alarm))
  return { alarms, notes }
}
