// Alarms as a table, as JSON and as Prometheus text.
import type { Alarm } from '../reports/alarms.js'
import type { Metric } from '../terminal/prometheus.js'
import type { Table } from '../terminal/table.js'

export interface AlarmJson extends Pick<Alarm, 'name' | 'value' | 'threshold' | 'message'> {
  crossed: boolean
  /** What to do; null if it is not crossed. */
  fix: string | null
}

export function alarmsTable(crossed: readonly Alarm[]): Table {
  return {
    columns: [{ heading: 'alarm' }, { heading: 'what is wrong', flexible: true }],
    rows: crossed.map(({ name, message }) => [name, message]),
  }
}

export function alarmsJson(alarms: readonly Alarm[]): AlarmJson[] {
  return alarms.map(({ name, state, value, threshold, message, fix }) => {
    const crossed = state === 'failed'
    const rounded = value === null ? null : Math.round(value * 1000) / 1000
    return { name, crossed, value: rounded, threshold, message, fix: crossed ? fix : null }
  })
}

export function alarmMetric(alarms: readonly Alarm[]): Metric {
  return {
    name: 'orderctl_alarm',
    help: 'Whether the threshold of an alarm is crossed (1) or not (0).',
    samples: alarms.map(({ name, state }) => ({ labels: { name }, value: state === 'failed' ? 1 : 0 })),
  }
}
