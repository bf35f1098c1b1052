import type { App } from '../../app.js'
import { alarmCommandOf, execFlag } from '../../command-line/alarm-command.js'
import { runEvent, runText } from '../../command-line/schedule-views.js'
import { noWaitFlag, ServiceCommand } from '../../command-line/service-command.js'
import { clockAt } from '../../domain/business-day.js'
import { groupThousands } from '../../domain/money.js'
import { EXIT } from '../../errors.js'
import { runSchedule, systemClock, type TaskRun } from '../../schedule/runner.js'
import { TASK_NAMES } from '../../schedule/slots.js'
import { createTask, type Task } from '../../schedule/tasks.js'
import { countOf, isoTime } from '../../terminal/text.js'

export default class Schedule extends ServiceCommand {
  static override summary = 'Run the scheduled tasks'
  static override description =
    'Runs until stopped. The first Ctrl-C or SIGTERM finishes the tasks in progress. Several schedulers can run at once: ' +
    'each due run is executed by one of them. After missed runs, a task runs once. Waits for an unreachable database ' +
    'server at the start, unless --no-wait is set. Cron expressions are settings (ORDERCTL_SCHEDULE_KPIS and others); ' +
    'if an expression has a day of the month and a weekday, both must match. The --exec command may take one minute ' +
    'and is retried until it succeeds. It may run twice if the scheduler dies while it runs.'
  static override examples = [
    'orderctl schedule',
    `orderctl schedule --exec 'echo "$ORDERCTL_ALARM_MESSAGE" | mail -s "$ORDERCTL_ALARM_NAME $ORDERCTL_ALARM_STATE" ops'`,
  ]
  static override flags = { exec: execFlag, 'no-wait': noWaitFlag }

  async run() {
    const { flags } = await this.parse(Schedule)
    const notify = alarmCommandOf(flags.exec, this.host, this.jsonEnabled())
    const result = { runs: 0, failed: 0 }
    const status = () => `${countOf(result.runs, 'run')}, ${groupThousands(result.failed)} failed`
    const service = { finishes: () => 'the tasks in progress', waitsForServers: !flags['no-wait'] }
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
      const tasks = TASK_NAMES.map((name) => createTask(name, { ...app, notify }))
      this.#showStart(tasks)
      systemd.ready(status())
      const reporterFor = ({ name }: Task) => this.reporterOf(`Task ${name}`)
      const onAlive = () => systemd.alive(status())
      await runSchedule(app.db, tasks, { clock: systemClock, signal, onRun, reporterFor, onAlive })
    }
    await open(runTasks, { agreeOnClock: true })
    this.logEvent(`Ended after ${status()}.`, { event: 'ended', fields: result })
    await systemd.flush()
    this.setExitCode(EXIT.interrupted)
    return result
  }

  #showStart(tasks: readonly Task[]): void {
    this.logEvent(`Scheduler started: ${countOf(tasks.length, 'task')}.`, {
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
