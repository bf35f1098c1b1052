// The command of --exec, which is told when an alarm is raised and when it clears.
import { spawn } from 'node:child_process'
import { Flags } from '@oclif/core'
import { MINUTE_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import { type Tell, type Telling, TellingHangs } from '../schedule/alarm-state.js'
import { cleanText } from '../terminal/text.js'
import type { Host } from './host.js'

export const execFlag = Flags.string({
  description:
    'a command for the shell, run once when an alarm is raised and once when it clears; what happened is in its environment: ORDERCTL_ALARM_NAME, _STATE (raised, cleared), _MESSAGE, _FIX, _VALUE, _THRESHOLD, _SINCE',
  helpValue: 'CMD',
})

const DEADLINE_MS = MINUTE_MS

interface AlarmCommandOptions {
  /** The file descriptor for the command's output; without one, the output is discarded. */
  readonly output: number | undefined
  readonly environment: NodeJS.ProcessEnv
  /** The folder that the command runs in. */
  readonly folder: string
  /** After so long it is killed, with all that it has started. */
  readonly deadlineMs?: number
}

/** The command of --exec. Under --json its output is discarded. */
export function alarmCommandOf(
  command: string | undefined,
  { stderr, environment, folder }: Pick<Host, 'stderr' | 'environment' | 'folder'>,
  isJson: boolean,
): Tell | undefined {
  if (command === undefined) return undefined
  return alarmCommand(command, { output: isJson ? undefined : stderr.fd, environment, folder })
}

/**
 * What happened is nowhere part of the command's text: no SKU and no message is ever read by the shell.
 *
 * @throws UserError where there is no command
 */
export function alarmCommand(
  command: string,
  { output, environment, folder, deadlineMs = DEADLINE_MS }: AlarmCommandOptions,
): Tell {
  if (command.trim() === '') {
    throw usageError({
      code: 'empty_command',
      message: '--exec names no command.',
      fix: 'Leave it away, or name one: --exec ./tell-ops.sh',
    })
  }
  return (telling) =>
    new Promise((done, failed) => {
      const child = spawn(command, {
        shell: true,
        // A process group of its own: it can be killed whole, and a Ctrl-C that is meant for us does not reach it.
        detached: true,
        stdio: ['ignore', output ?? 'ignore', output ?? 'ignore'],
        cwd: folder,
        env: { ...environment, ...environmentOf(telling) },
      })
      let isLate = false
      const deadline = setTimeout(() => {
        isLate = true
        killGroup(child.pid)
      }, deadlineMs)
      child.on('error', (error) => {
        clearTimeout(deadline)
        failed(new Error(`the command of --exec could not be started (${error.message})`))
      })
      child.on('exit', (code, signal) => {
        clearTimeout(deadline)
        if (isLate)
          failed(new TellingHangs(`the command of --exec took more than ${deadlineMs / 1000} s and was killed`))
        else if (code === 0) done()
        else failed(new Error(`the command of --exec ended with ${code === null ? signal : `exit code ${code}`}`))
      })
    })
}

/** The process and its children. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended at this very moment.
  }
}

function environmentOf({ name, state, message, fix, value, threshold, since }: Telling): Record<string, string> {
  return {
    ORDERCTL_ALARM_NAME: name,
    ORDERCTL_ALARM_STATE: state,
    ORDERCTL_ALARM_MESSAGE: cleanText(message),
    ORDERCTL_ALARM_FIX: fix,
    ORDERCTL_ALARM_VALUE: value === null ? '' : String(value),
    ORDERCTL_ALARM_THRESHOLD: String(threshold),
    ORDERCTL_ALARM_SINCE: new Date(since).toISOString(),
  }
}
