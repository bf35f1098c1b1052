// `schedule`: the loop, with a line for each run.
import type { App } from '../../app.js'
import { asError, Troubles } from '../../background.js'
import { alarmCommandOf, execFlag } from '../../command-line/alarm-command.js'
import { runEvent, runText } from '../../command-line/schedule-views.js'
import { noWaitFlag, ServiceCommand } from '../../command-line/service-command.js'
import { explainDatabaseError } from '../../database/connection.js'
import { clockAt } from '../../domain/business-day.js'
import { EXIT } from '../../errors.js'
import { runSchedule, systemClock } from '../../schedule/runner.js'
import { TASK_NAMES } from '../../schedule/slots.js'
import { createTask, type Task } from '../../schedule/tasks.js'
import { countOf, isoTime } from '../../terminal/text.js'

export interface ScheduleResult {
  runs: number
  failed: number
}

export default class Schedule extends ServiceCommand {
  static override summary = 'Run the scheduled tasks'
  static override description =
    'Runs until it is stopped; the first Ctrl-C or SIGTERM finishes the tasks in progress. Any number may run at once: of all these processes, one runs a task when it falls due. A run that was missed is made up for once. A task that fails is recorded and does not stop the others. A database server that is away when the schedule starts is waited for, unless --no-wait is given. The cron lines (ORDERCTL_SCHEDULE_KPIS and so on) and their time zone are settings; where a line names a day of the month and a weekday, a day must be both. A line for every hour goes by real time when clocks change; one that names hours runs once for each of them. The task alarms looks at the thresholds of the settings alarms.*; with --exec, a command is told. It has a minute. One that fails is run again at the next look, until it succeeds; one that succeeded may be run twice where the schedule dies at that moment. Any number of schedules may have it.'

  static override examples = [
    '<%= config.bin %> schedule',
    '<%= config.bin %> schedule list',
    '<%= config.bin %> schedule run kpis',
    `<%= config.bin %> schedule --exec 'echo "$ORDERCTL_ALARM_MESSAGE" | mail -s "$ORDERCTL_ALARM_NAME $ORDERCTL_ALARM_STATE" ops'`,
  ]

  static override flags = { exec: execFlag, 'no-wait': noWaitFlag }

  async run(): Promise<ScheduleResult> {
    const { flags } = await this.parse(Schedule)
    const tell = alarmCommandOf(flags.exec, this.host, this.jsonEnabled())
    const result: ScheduleResult = { runs: 0, failed: 0 }
    const status = () => `${countOf(result.runs, 'run')}, ${result.failed} of them failed`
    const isPatient = !flags['no-wait']
    const { signal, systemd, waiting } = this.startService({ finishes: 'the tasks in progress', isPatient })
    signal.addEventListener('abort', () => systemd.stopping())
    const runTasks = async (app: App) => {
      const tasks = TASK_NAMES.map((name) => createTask(name, { ...app, tell }))
      this.#showStart(tasks)
      systemd.ready(status())
      await runSchedule(app.db, tasks, {
        clock: systemClock,
        signal,
        onRun: (task, run) => {
          result.runs += 1
          if (run.result === 'failed') result.failed += 1
          const next = signal.aborted ? null : task.slots.next(Date.now())
          const text = runText(task.name, run)
          this.note(
            signal.aborted ? text : `${text} – ${this.#nextText(task)}`,
            runEvent(task.name, run, { next_run: isoTime(next) }),
          )
        },
        troublesOf: ({ name }) =>
          new Troubles({
            subject: `Task ${name}`,
            explain: (error) => explainDatabaseError(error, app.config.database) ?? asError(error),
            onNotice: (text, event) => this.note(text, { event }),
          }),
        onAlive: () => systemd.alive(status()),
      })
    }
    await this.withAppOnceReachable(runTasks, { waiting, agreeOnClock: true })
    this.logEvent(`Ended after ${status()}.`, { event: 'ended', fields: { ...result } })
    await systemd.told()
    this.leaveWith(EXIT.interrupted)
    return result
  }

  #showStart(tasks: readonly Task[]): void {
    this.logEvent(`Running ${countOf(tasks.length, 'task')} by the clock.`, {
      event: 'started',
      fields: { tasks: TASK_NAMES, database: this.shownSetting('database'), pid: process.pid },
    })
    for (const task of tasks) {
      const fields = { task: task.name, next_run: isoTime(task.slots.next(Date.now())) }
      this.note(this.#nextText(task), { event: 'next_run', fields })
    }
  }

  #nextText({ name, slots }: Task): string {
    const next = slots.next(Date.now())
    return next === null ? `${name} never runs` : `next ${name} at ${clockAt(next, this.settings['schedule.timeZone'])}`
  }
}
