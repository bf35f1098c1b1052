import { Args } from '@oclif/core'
import { alarmCommandOf, execFlag } from '../../command-line/alarm-command.js'
import { BaseCommand } from '../../command-line/base-command.js'
import { runEvent, runText } from '../../command-line/schedule-views.js'
import { type Database, explainDatabaseError } from '../../database/connection.js'
import { EXIT, UserError, usageError } from '../../errors.js'
import { runTask } from '../../schedule/runner.js'
import { TASK_NAMES, type TaskName } from '../../schedule/slots.js'
import { claimSlot, type Run } from '../../schedule/task-runs.js'
import { createTask } from '../../schedule/tasks.js'

export default class ScheduleRun extends BaseCommand {
  static override summary = 'Run a scheduled task now'
  static override description =
    'For manual runs, cron and systemd timers. Fails if the task is already running. Does not replace the runs of ' +
    '"orderctl schedule".'
  static override examples = [
    'orderctl schedule run kpis',
    'orderctl schedule run snapshots --json',
    'orderctl schedule run alarms --exec ./notify-ops.sh',
  ]
  static override args = {
    task: Args.option({ options: TASK_NAMES, description: 'task to run' })({ required: true, ignoreStdin: true }),
  }
  static override flags = { exec: execFlag }

  async run() {
    const { args, flags } = await this.parse(ScheduleRun)
    const name = args.task
    if (flags.exec !== undefined && name !== 'alarms') {
      const message = `--exec works only with the task alarms, not with ${name}.`
      const fix = 'Omit --exec, or run `orderctl schedule run alarms --exec CMD`.'
      throw usageError({ code: 'exec_without_alarms', message, fix })
    }
    const notify = alarmCommandOf(flags.exec, this.host, this.jsonEnabled())
    const run = await this.withApp(
      async (app) => {
        const run = await runTask(app.db, createTask(name, { ...app, notify }), await claimNow(app.db, name))
        // An unreachable server is not a failure of the task: the same run may succeed later.
        if (explainDatabaseError(run.error, app.config.database)?.exit === EXIT.unreachable) throw run.error
        return run
      },
      { agreeOnClock: true },
    )
    const { result, message } = run
    const text = runText(name, run)
    if (result === 'done') {
      this.print(text)
      this.logEvent(text, runEvent(name, run))
    } else {
      this.note(text, runEvent(name, run))
      this.setExitCode(EXIT.failed)
    }
    return { task: name, result, message, seconds: Math.round(run.seconds * 1000) / 1000 }
  }
}

/** Claims a slot at the current millisecond, or at the next one that is free. */
async function claimNow(db: Database, name: TaskName): Promise<Run> {
  for (let slot = Date.now(); ; slot += 1) {
    const claim = await claimSlot(db, name, slot, 'schedule run')
    if (claim.kind === 'claimed') return claim.run
    if (claim.kind === 'taken') continue
    throw new UserError({
      code: 'task_running',
      message: `The task ${name} is running, or its process was killed less than a minute ago (process ${claim.by.pid} on ${claim.by.host}).`,
      fix: 'Wait until it has finished, or a minute after it was killed, then run the command again.',
      retryable: true,
    })
  }
}
