import type { App } from '../../app.js'
import { asError, FailureReporter } from '../../background.js'
import { alarmCommandOf, execFlag } from '../../command-line/alarm-command.js'
import { runEvent, runText } from '../../command-line/schedule-views.js'
import { noWaitFlag, ServiceCommand } from '../../command-line/service-command.js'
import { explainDatabaseError } from '../../database/connection.js'
import { clockAt } from '../../domain/business-day.js'
import { EXIT } from '../../errors.js'
import { runSchedule, systemClock, type TaskRun } from '../../schedule/runner.js'
import { TASK_NAMES } from '../../schedule/slots.js'
import { createTask, type Task } from '../../schedule/tasks.js'
import { countOf, isoTime } from '../../terminal/text.js'

export default class Schedule extends ServiceCommand {
  static override summary = 'Run the scheduled tasks'
  static override description =
    'Runs until it is stopped; the first Ctrl-C or SIGTERM finishes the tasks in progress. Of all processes, one runs a ' +
    'task when it falls due; a missed run is made up for once. Waits for a database server that is away at the start, ' +
    'unless --no-wait is given. Cron lines (ORDERCTL_SCHEDULE_KPIS and so on) are settings; a line that names a day of ' +
    'the month and a weekday needs both. The command of --exec has a minute and is run again until it succeeds. It may ' +
    'run twice if the schedule dies at that moment.'
  static override examples = [
    'orderctl schedule',
    `orderctl schedule --exec 'echo "$ORDERCTL_ALARM_MESSAGE" | mail -s "$ORDERCTL_ALARM_NAME $ORDERCTL_ALARM_STATE" ops'`,
  ]
  static override flags = { exec: execFlag, 'no-wait': noWaitFlag }

  async run() {
    const { flags } = await this.parse(Schedule)
    const tell = alarmCommandOf(flags.exec, this.host, this.jsonEnabled())
    const result = { runs: 0, failed: 0 }
    const status = () => `${countOf(result.runs, 'run')}, ${result.failed} of them failed`
    const service = { finishes: 'the tasks in progress', isPatient: !flags['no-wait'] }
    const { signal, systemd, open } = this.startService(service)
    signal.addEventListener('abort', () => systemd.stopping())
    const onRun = (task: Task, run: TaskRun) => {
      result.runs += 1
      if (run.result === 'failed') result.failed += 1
      const next = signal.aborted ? null : isoTime(task.slots.next(Date.now()))
      const text = runText(task.name, run)
      const event = runEvent(task.name, run, { next_run: next })
      this.note(signal.aborted ? text : `${text} – ${this.#nextText(task)}`, event)
    }
    const runTasks = async (app: App) => {
      const tasks = TASK_NAMES.map((name) => createTask(name, { ...app, tell }))
      this.#showStart(tasks)
      systemd.ready(status())
      const reporterFor = ({ name }: Task) =>
        new FailureReporter({
          subject: `Task ${name}`,
          explain: (error) => explainDatabaseError(error, app.config.database) ?? asError(error),
          onNotice: (text, event) => this.note(text, { event }),
        })
      const onAlive = () => systemd.alive(status())
      await runSchedule(app.db, tasks, { clock: systemClock, signal, onRun, reporterFor, onAlive })
    }
    await open(runTasks, { agreeOnClock: true })
    this.logEvent(`Ended after ${status()}.`, { event: 'ended', fields: result })
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
