// Decides which next steps to show: one per cause, even if several figures point to it.
import type { Alarm } from '../reports/alarms.js'
import type { Status } from '../reports/status.js'
import { countOf } from '../terminal/text.js'

/**
 * @param crossed alarms whose thresholds are crossed
 * @returns these alarms with their fixes, and notes on what no alarm covers
 */
export function nextSteps(
  { queue, workers, unresolved, refunds_to_review: refunds }: Status,
  crossed: readonly Alarm[],
) {
  const hasNoWorkers = queue.waiting > 0 && workers.every((worker) => worker.stale)
  const idle = hasNoWorkers ? 'No workers are running. Start one with: orderctl work' : undefined
  const waiting = workers.find(({ stale, waiting_for }) => !stale && waiting_for !== null)
  const blocked = waiting ? `Workers claim no orders: ${waiting.waiting_for}` : idle
  const halt = queue.paused ? 'The queue is paused. Resume it with: orderctl queue resume' : blocked
  const isCrossed = (wanted: Alarm['name']) => crossed.some(({ name }) => name === wanted)
  const notes: string[] = []
  // The alarm `stale_workers` already says to start a worker.
  if (halt && !isCrossed('wait') && (queue.paused || waiting || !isCrossed('stale_workers'))) notes.push(halt)
  if (unresolved > 0 && !isCrossed('unresolved')) {
    const reasons = 'orderctl failed list --reason payment_unknown, or --reason poison'
    notes.push(`${countOf(unresolved, 'order needs', 'orders need')} review. See: ${reasons}`)
  }
  if (refunds > 0 && !isCrossed('unresolved')) {
    const see = 'orderctl orders refunds --status review'
    notes.push(`The outcome of ${countOf(refunds, 'refund')} is unknown. See: ${see}`)
  }
  // The alarm `wait` does not know the cause; we do.
  const alarms = crossed.map((alarm) => (alarm.name === 'wait' && halt ? { ...alarm, fix: halt } : alarm))
  return { alarms, notes }
}
