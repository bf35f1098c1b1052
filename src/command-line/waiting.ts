// How commands that run for good wait for servers that are away when they start.
import { Flags } from '@oclif/core'
import type { Waiting } from '../workflow/outage.js'
import type { LogEvent } from './log.js'
import type { ServiceManager } from './service-manager.js'

/** The flag of every command that waits. */
export const noWaitFlag = Flags.boolean({
  description: 'end with exit code 4 if a server is away at the start, instead of waiting for it',
})

interface Surroundings extends Pick<Waiting, 'signal' | 'deadline'> {
  readonly systemd: ServiceManager
  readonly note: (text: string, event: LogEvent) => void
}

export function waitingFor({ signal, deadline, systemd, note }: Surroundings): Waiting {
  return {
    signal,
    deadline,
    onNotice: (text, event) => note(text, { event, level: event === 'server_away' ? 'warn' : 'info' }),
    onWaiting: ({ message }) => systemd.waiting(`waiting: ${message}`),
  }
}
