import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { clockAt } from '../../domain/business-day.js'
import type { LastRun } from '../../schedule/task-runs.js'
import { readSchedule } from '../../schedule/tasks.js'

export default class ScheduleList extends BaseCommand {
  static override summary = 'List the tasks, when they run, and how each went last'
  static override description =
    'Includes runs by `schedule run`. Next runs take place only while `schedule` is running.'
  static override examples = ['orderctl schedule list', 'orderctl schedule list --json']
  static override flags = { csv: csvFlag }

  async run() {
    const { flags } = await this.parse(ScheduleList)
    const time_zone = this.settings['schedule.timeZone']
    const clock = (instant: Date | null) => instant && clockAt(instant.getTime(), time_zone)
    const tasks = (await this.withApp((app) => readSchedule(app, Date.now()))).map(({ last, next, ...task }) => ({
      ...task,
      time_zone,
      last_run: last ? new Date(last.startedAt) : null,
      last_result: resultText(last),
      next_run: next === null ? null : new Date(next),
    }))
    this.showList(
      [
        { key: 'name', heading: 'task' },
        'cron',
        { heading: 'last run', value: ({ last_run }) => clock(last_run) },
        { key: 'last_result', heading: 'result', flexible: true },
        { heading: `next run (${time_zone})`, value: ({ next_run }) => clock(next_run) },
        { key: 'description', heading: 'what it does', flexible: true },
      ],
      tasks,
      flags,
    )
    return { tasks }
  }
}

/** `done`, `failed: …` or `running`. */
function resultText(last: LastRun | undefined): string | null {
  if (!last) return null
  if (last.state === 'running') return 'running'
  return last.state.result === 'done' ? 'done' : `failed: ${last.state.message}`
}
