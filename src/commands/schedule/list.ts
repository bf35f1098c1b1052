// `schedule list`: what is done by the clock, when, and how it went last.
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { clockAt } from '../../domain/business-day.js'
import { readSchedule } from '../../schedule/overview.js'
import type { LastRun } from '../../schedule/task-runs.js'
import { isoTime } from '../../terminal/text.js'

interface ListedTask {
  name: string
  cron: string
  time_zone: string
  description: string
  last_run: string | null
  /** `done`, `failed: …` or `running`. */
  last_result: string | null
  next_run: string | null
}

export interface ScheduleListResult {
  tasks: ListedTask[]
}

export default class ScheduleList extends BaseCommand {
  static override summary = 'List the tasks, when they run, and how each went last'
  static override description =
    'Runs by `schedule` and by `schedule run` count alike. Next runs are those of `schedule`, while one is running.'

  static override examples = ['<%= config.bin %> schedule list', '<%= config.bin %> schedule list --json']
  static override flags = { csv: csvFlag }

  async run(): Promise<ScheduleListResult> {
    const { flags } = await this.parse(ScheduleList)
    const tasks = await this.withApp((app) => readSchedule(app, Date.now()))
    const timeZone = this.settings['schedule.timeZone']
    const shown = (instant: number | null | undefined) => (instant ? clockAt(instant, timeZone) : null)
    this.showTable(
      {
        columns: [
          { heading: 'task' },
          { heading: 'cron' },
          { heading: 'last run' },
          { heading: 'result', flexible: true },
          { heading: `next run (${timeZone})` },
          { heading: 'what it does', flexible: true },
        ],
        rows: tasks.map(({ name, cron, last, next, description }) => [
          name,
          cron,
          shown(last?.startedAt),
          resultText(last),
          shown(next),
          description,
        ]),
      },
      flags,
    )
    return {
      tasks: tasks.map(({ name, cron, description, last, next }) => ({
        name,
        cron,
        time_zone: timeZone,
        description,
        last_run: isoTime(last?.startedAt ?? null),
        last_result: resultText(last),
        next_run: isoTime(next),
      })),
    }
  }
}

function resultText(last: LastRun | undefined): string | null {
  if (!last) return null
  if (last.state === 'running') return 'running'
  return last.state.result === 'done' ? 'done' : `failed: ${last.state.message}`
}
