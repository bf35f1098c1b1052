// The settings of what is done by the clock, and of what is worth waking somebody for.
import { numberBetween, orOff, readCron, readTimeZone, setting, wholeBetween } from './values.js'

export const SCHEDULE_SETTINGS = {
  'schedule.kpis': setting(
    'ORDERCTL_SCHEDULE_KPIS',
    '0 * * * *',
    'when KPIs and realtime figures are computed',
    readCron,
  ),
  'schedule.leaderboards': setting(
    'ORDERCTL_SCHEDULE_LEADERBOARDS',
    '*/30 * * * *',
    'when leaderboards are compared and built anew',
    readCron,
  ),
  'schedule.snapshots': setting(
    'ORDERCTL_SCHEDULE_SNAPSHOTS',
    '*/5 * * * *',
    'when the state of the queue is written down',
    readCron,
  ),
  'schedule.reservations': setting(
    'ORDERCTL_SCHEDULE_RESERVATIONS',
    '*/5 * * * *',
    'when expired reservations are released',
    readCron,
  ),
  'schedule.alarms': setting(
    'ORDERCTL_SCHEDULE_ALARMS',
    '* * * * *',
    'when the thresholds below are looked at',
    readCron,
  ),
  'schedule.timeZone': setting(
    'ORDERCTL_SCHEDULE_TIME_ZONE',
    'UTC',
    'time zone of these times; that of the business day unless it is set',
    readTimeZone,
  ),
} as const

const DAY_SECONDS = 86_400

/** Defaults are quiet on a new database and through a busy day; `off` turns an alarm off. */
export const ALARM_SETTINGS = {
  'alarms.waitSeconds': setting(
    'ORDERCTL_ALARM_WAIT_SECONDS',
    '900',
    'alarm `wait`: the oldest due order waits for so long, or off',
    orOff(wholeBetween(1, 30 * DAY_SECONDS)),
  ),
  'alarms.failureRate': setting(
    'ORDERCTL_ALARM_FAILURE_RATE',
    '0.4',
    'alarm `failure_rate`: this share of the orders settled of late was not sold, or off',
    orOff(numberBetween(0.001, 1)),
  ),
  'alarms.failureWindowSeconds': setting(
    'ORDERCTL_ALARM_FAILURE_WINDOW_SECONDS',
    '900',
    'how late is of late',
    wholeBetween(1, DAY_SECONDS),
  ),
  'alarms.failureLeastOrders': setting(
    'ORDERCTL_ALARM_FAILURE_LEAST_ORDERS',
    '20',
    'fewer settled orders than these say nothing about a share',
    wholeBetween(1, 1_000_000_000),
  ),
  'alarms.unresolvedOrders': setting(
    'ORDERCTL_ALARM_UNRESOLVED_ORDERS',
    '1',
    'alarm `unresolved`: this many orders need review (payment_unknown, poison), or off',
    orOff(wholeBetween(1, 1_000_000_000)),
  ),
  'alarms.staleWorkers': setting(
    'ORDERCTL_ALARM_STALE_WORKERS',
    '1',
    'alarm `stale_workers`: so many workers went silent and none was started since, or off',
    orOff(wholeBetween(1, 1_000_000)),
  ),
  'alarms.lowStock': setting(
    'ORDERCTL_ALARM_LOW_STOCK',
    'off',
    'alarm `low_stock`: so many units or fewer of some product are available, or off',
    orOff(wholeBetween(0, 1_000_000_000)),
  ),
  'alarms.lateTaskSeconds': setting(
    'ORDERCTL_ALARM_LATE_TASK_SECONDS',
    '600',
    'alarm `schedule`: a task is so late, or failed last, or off',
    orOff(wholeBetween(60, 30 * DAY_SECONDS)),
  ),
} as const
