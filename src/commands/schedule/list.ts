import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import type { LastRun } from '../../schedule/task-runs.js'
import { readSchedule } from '../../schedule/tasks.js'
import { part } from '../../terminal/line.js'

export default class ScheduleList extends BaseCommand {
  static override summary = 'List scheduled tasks with their last and next runs'
  static override description =
    'Last runs include those started with "schedule run". Next runs require a running "orderctl schedule".'
  static override examples = ['orderctl schedule list', 'orderctl schedule list --json']
  static override flags = { csv: csvFlag }

  async run() {
    const { flags } = await this.parse(ScheduleList)
    const time_zone = this.settings['schedule.timeZone']
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
        'last_run',
        { key: 'last_result', heading: 'result', flexible: true, shown: resultPart },
        { key: 'next_run', heading: `next run (${time_zone})` },
        { key: 'description', flexible: true, minWidth: 30, dropOrder: 1 },
      ],
      tasks,
      { ...flags, timeZone: time_zone },
    )
    return { tasks }
  }
}

function resultPart({ last_result }: { readonly last_result: string | null }) {
  return last_result && part(last_result, last_result.startsWith('failed') ? 'bad' : 'good')
}

/** `done`, `failed: …` or `running`. */
function resultText(last: LastRun | undefined): string | null {
  if (!last) return null
  if (last.state === 'running') return 'running'
  return last.state.result === 'done' ? 'done' : `failed: ${last.state.message}`
}
