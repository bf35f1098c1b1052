// Alarms as a table, as JSON and as Prometheus text.
import type { Alarm } from '../reports/alarms.js'
import type { Metric } from '../terminal/prometheus.js'
import type { Table } from '../terminal/table.js'

export interface AlarmJson {
  name: string
  crossed: boolean
  /** In the threshold's unit; null where there is nothing to measure. */
  value: number | null
  threshold: number
  message: string
  /** What to do; null where it is not crossed. */
  fix: string | null
}

export function alarmsTable(crossed: readonly Alarm[]): Table {
  return {
    columns: [{ heading: 'alarm' }, { heading: 'what is wrong', flexible: true }],
    rows: crossed.map(({ name, message }) => [name, message]),
  }
}

export function alarmsJson(alarms: readonly Alarm[]): AlarmJson[] {
  return alarms.map(({ name, crossed, value, threshold, message, fix }) => ({
    name,
    crossed,
    value: value === null ? null : Math.round(value * 1000) / 1000,
    threshold,
    message,
    fix: crossed ? fix : null,
  }))
}

export function alarmMetric(alarms: readonly Alarm[]): Metric {
  return {
    name: 'orderctl_alarm',
    help: 'Whether the threshold of an alarm is crossed (1) or not (0).',
    samples: alarms.map(({ name, crossed }) => ({ labels: { name }, value: crossed ? 1 : 0 })),
  }
}
