// The command of --exec, run when an alarm is raised and when it clears.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Flags } from '@oclif/core'
import { MINUTE_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import { type Notification, type Notify, NotifyTimeout } from '../schedule/alarm-state.js'
import { cleanText } from '../terminal/text.js'
import type { Host } from './host.js'

export const execFlag = Flags.string({
  description:
    'shell command, run once when an alarm is raised and once when it clears; environment: ORDERCTL_ALARM_NAME, ' +
    '_STATE (raised, cleared), _MESSAGE, _FIX, _VALUE, _THRESHOLD, _SINCE',
  helpValue: 'CMD',
})

/**
 * Returns a function that runs the command; undefined without one. Under --json, its output is discarded. Messages and
 * SKUs are passed in the environment only, so that no shell reads them as code.
 *
 * @param deadlineMs after this time the command and its children are killed
 * @throws UserError if the command is empty
 */
export function alarmCommandOf(
  command: string | undefined,
  { stderr, environment, folder }: Pick<Host, 'stderr' | 'environment' | 'folder'>,
  isJson: boolean,
  deadlineMs = MINUTE_MS,
): Notify | undefined {
  if (command === undefined) return undefined
  if (command.trim() === '') {
    const fix = 'Omit it, or name a command: --exec ./tell-ops.sh'
    throw usageError({ code: 'empty_command', message: '--exec names no command.', fix })
  }
  const output = isJson ? 'ignore' : (stderr.fd ?? 'ignore')
  return async (notification) => {
    const child = spawn(command, {
      shell: true,
      // Its own process group: can be killed with its children, and does not receive our Ctrl-C.
      detached: true,
      stdio: ['ignore', output, output],
      cwd: folder,
      env: { ...environment, ...environmentOf(notification) },
    })
    let isLate = false
    const deadline = setTimeout(() => {
      isLate = true
      killGroup(child)
    }, deadlineMs)
    const [code, signal]: unknown[] = await once(child, 'exit').finally(() => clearTimeout(deadline))
    if (isLate) throw new NotifyTimeout(`the command of --exec was killed after ${deadlineMs / 1000} s`)
    if (code !== 0) throw new Error(`the command of --exec ended with ${signal ?? `exit code ${code}`}`)
  }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has just ended.
  }
}

function environmentOf({ name, state, message, fix, value, threshold, since }: Notification): Record<string, string> {
  const told = { name, state, message: cleanText(message), fix, value: value ?? '', threshold }
  const entries = Object.entries({ ...told, since: new Date(since).toISOString() })
  return Object.fromEntries(entries.map(([key, text]) => [`ORDERCTL_ALARM_${key.toUpperCase()}`, String(text)]))
}
