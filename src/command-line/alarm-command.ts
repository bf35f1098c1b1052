// Runs the --exec command when an alarm is raised or cleared.
import { Flags } from '@oclif/core'
import { asError } from '../background.js'
import { MINUTE_MS } from '../domain/time.js'
import { usageError } from '../errors.js'
import { CommandTimeout, runCommand } from '../notify/command.js'
import { type Notification, type Notify, NotifyTimeout } from '../schedule/alarm-state.js'
import { cleanText } from '../terminal/text.js'
import type { Host } from './host.js'

export const execFlag = Flags.string({
  description:
    'shell command to run once when an alarm is raised and once when it is cleared; environment: ORDERCTL_ALARM_NAME, ' +
    '_STATE (raised, cleared), _MESSAGE, _FIX, _VALUE, _THRESHOLD, _SINCE',
  helpValue: 'CMD',
})

/**
 * Returns a function that runs the command, or undefined if there is none. Under --json, the command's output is
 * discarded. Messages and SKUs are passed in the environment only, so the shell never parses them as code.
 *
 * @param timeoutMs after this time, the command and its children are killed
 * @throws UserError if the command is empty
 */
export function alarmCommandOf(
  command: string | undefined,
  { stderr, environment, folder }: Pick<Host, 'stderr' | 'environment' | 'folder'>,
  isJson: boolean,
  timeoutMs = MINUTE_MS,
): Notify | undefined {
  if (command === undefined) return undefined
  if (command.trim() === '') {
    const fix = 'Remove it, or set a command: --exec ./notify-ops.sh'
    throw usageError({ code: 'empty_command', message: '--exec is empty.', fix })
  }
  const output = isJson ? 'ignore' : (stderr.fd ?? 'ignore')
  return async (notification) => {
    const env = { ...environment, ...environmentOf(notification) }
    try {
      await runCommand(command, { env, cwd: folder, output, timeoutMs })
    } catch (error) {
      const message = `the --exec command ${asError(error).message}`
      throw error instanceof CommandTimeout ? new NotifyTimeout(message) : new Error(message)
    }
  }
}

function environmentOf({ name, state, message, fix, value, threshold, since }: Notification): Record<string, string> {
  const alarm = { name, state, message: cleanText(message), fix, value: value ?? '', threshold }
  const entries = Object.entries({ ...alarm, since: new Date(since).toISOString() })
  return Object.fromEntries(entries.map(([key, text]) => [`ORDERCTL_ALARM_${key.toUpperCase()}`, String(text)]))
}
